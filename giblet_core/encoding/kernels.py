"""Ridge in the space of TRs: kernels standardised on training rows, and the matrices that map
training targets to held-out predictions.

With K = Z Z' / p the kernel of p standardised features and n rows, ridge predicts ``K_test (K_train
+ alpha I)^-1 y``. The matrix does not know y, so one serves every voxel of every subject, every
shift of a null, and every sum of feature spaces.

References
----------
[1] Saunders et al. 1998, ICML, 515 (ridge regression in dual variables).
[2] Dubrule 1983, Math Geol 15, 687. doi:10.1007/BF01033232 (leaving out a block without a new fit)
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

from giblet_core.errors import InputError, require
from giblet_core.timing import Fold


def check_matrix(name: str, x: np.ndarray, n_trs: int | None = None) -> np.ndarray:
    """Return `x` as a finite floating matrix (n_trs, n_columns), or say what is wrong with it."""
    x = np.asarray(x)
    require(
        x.dtype.kind not in "iub",
        f"{name}: dtype {x.dtype}; codes and counts are labels here, not numbers. Pass features made from "
        "latents, or convert on purpose with .astype(float).",
    )
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(
            f"{name}: shape {x.shape}; must be (n_trs, n_columns) and not empty. For one column use array[:, None]."
        )
    if n_trs is not None and len(x) != n_trs:
        raise InputError(
            f"{name}: {len(x)} TRs where {n_trs} are expected. Crop both to the same seconds; never stretch one."
        )
    if not np.isfinite(x).all():
        raise InputError(
            f"{name}: {int((~np.isfinite(x)).sum())} values are NaN or infinite. Mask those voxels or drop those TRs first."
        )
    return x


def standardise(x: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean, 1 / SD) of the training rows; columns constant in training get 0, so that they
    carry nothing.
    """
    rows = np.asarray(x[train], dtype=np.float64)
    mean, sd = rows.mean(0), rows.std(0)
    alive = sd > 1e-6 * (np.abs(mean) + sd.max(initial=0.0))
    return mean, np.where(alive, 1 / np.where(alive, sd, 1), 0.0)


def kernel(x: np.ndarray, train: np.ndarray, n_components: int | None = None) -> np.ndarray:
    """Return the linear kernel of all rows, standardised (and reduced by PCA) with the training
    rows alone.

    Parameters
    ----------
    x : array of shape (n_trs, n_features)
    train : array of shape (n_train,)
    n_components : int, optional
        Keep the first principal components of the standardised training rows.

    Returns
    -------
    array of shape (n_trs, n_trs)
    """
    mean, scale = standardise(x, train)
    z = (x - mean) * scale
    full = z @ z.T / x.shape[1]
    if n_components is None:
        return full
    k_train = z[train] @ z[train].T / x.shape[1]
    n_components = min(n_components, len(train))
    values, vectors = eigh(k_train, subset_by_index=(len(train) - n_components, len(train) - 1))
    vectors = vectors[:, values > 1e-10 * values[-1]] / np.sqrt(values[values > 1e-10 * values[-1]])
    return (full[:, train] @ vectors) @ (full[:, train] @ vectors).T


def centre(k: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (train, train) and (test, train) blocks of a kernel, centred on the training rows."""
    block, k_test = k[np.ix_(train, train)], k[np.ix_(test, train)]
    column = block.mean(0)
    return block - column - column[:, None] + column.mean(), k_test - k_test.mean(
        1, keepdims=True
    ) - column + column.mean()


def ridge(block: np.ndarray, k_test: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Predict ``K_test (K_train + alpha I)^-1 y`` from centred blocks, solving for the fewer of
    test rows and targets.

    Returns
    -------
    array of shape (n_test, n_targets), float32
        Deviation from the training mean of `y` (n_train, n_targets), which need not be centred.
    """
    block = block.copy()
    block.ravel()[:: len(block) + 1] += alpha
    factor = cho_factor(block, overwrite_a=True, check_finite=False)
    if y.shape[1] < len(k_test):
        return (k_test @ cho_solve(factor, y, check_finite=False)).astype(np.float32)
    return cho_solve(factor, k_test.T, check_finite=False).T.astype(np.float32) @ y


def decompose(k: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and eigenvectors of the training block of a kernel, centred on the
    training rows.
    """
    values, vectors = eigh(
        centre(k, train, train)[0], driver="evd", overwrite_a=True, check_finite=False
    )
    return np.maximum(values, 0), vectors


def inner_hats(
    train: np.ndarray, inner: list[Fold], alphas: Sequence[float], spectrum: tuple
) -> list[np.ndarray]:
    """Return the matrices from training targets to held-out predictions for folds inside a training
    set, without decomposing anew.

    With P = (K + alpha I)^-1 less its part along the constant (the intercept is not penalised),
    leaving out the rows B gives residuals ``P_BB^-1 (P y)_B`` there [2], so that predictions of B
    from the other rows R are ``-P_BB^-1 P_BR y_R``.

    Returns
    -------
    list of arrays of shape (n_alphas, n_inner_test, n_inner_train), float32
    """
    values, vectors = spectrum
    kept = [np.isin(train, inner_train) for inner_train, _ in inner]
    rows = [np.searchsorted(train[~keep], test) for keep, (_, test) in zip(kept, inner)]
    matrices: list[list[np.ndarray]] = [[] for _ in inner]
    for alpha in alphas:
        p = (vectors / (values + alpha)) @ vectors.T - 1 / (alpha * len(train))
        for matrix, keep, test in zip(matrices, kept, rows):
            inverse = np.linalg.inv(p[np.ix_(~keep, ~keep)])[test]
            matrix.append((-inverse @ p[np.ix_(~keep, keep)]).astype(np.float32))
    return [np.stack(matrix) for matrix in matrices]


def correlate(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the centred correlation over time (second to last axis) of each target.

    A constant prediction scores 0; a constant target has no correlation and gives NaN.
    """
    p = prediction - prediction.mean(-2, keepdims=True)
    y = target - target.mean(-2, keepdims=True)
    dot, pp, yy = (np.einsum("...nv,...nv->...v", a, b) for a, b in ((p, y), (p, p), (y, y)))
    moves = pp > 1e-12 * np.einsum("...nv,...nv->...v", prediction, prediction)
    varies = yy > 1e-12 * np.einsum("...nv,...nv->...v", target, target)
    r = np.where(moves, dot, 0) / np.sqrt(np.where(moves & varies, pp * yy, 1))
    return np.where(varies, r, np.nan)


def fisher_mean(r: np.ndarray, axis: int = 0) -> np.ndarray:
    """Average correlations through arctanh, so that folds with few samples do not pull towards 0."""
    return np.tanh(np.arctanh(np.clip(r, -1 + 1e-7, 1 - 1e-7)).mean(axis))
