"""Kernel ridge: kernels standardised on training rows, and predictions of held-out rows.

With K = Z Z' / p the kernel of p standardised features and n rows, ridge predicts ``K_test (K_train
+ alpha I)^-1 y`` [1]_. The matrix does not know y, so that one serves every voxel of every subject,
every shift of a null, and every sum of feature spaces.

References
----------
.. [1] Saunders et al. 1998, ICML, 515. (ridge regression in dual variables)
.. [2] Dubrule 1983, Math Geol 15, 687. doi:10.1007/BF01033232 (leaving out a block without a new
   fit)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

from giblet_core.devices import symmetric_eigen
from giblet_core.errors import InputError
from giblet_core.timing import Fold

CONSTANT = 1e-6  # share of size and spread below which a column counts as constant
RANK = 1e-10  # share of the largest eigenvalue below which a principal component counts as none
NOISE = 1e-12  # share of the largest eigenvalue that rounding alone leaves


def check_matrix(name: str, x: np.ndarray, n_trs: int | None = None) -> np.ndarray:
    """Return a finite floating matrix, or say what is wrong with it.

    Parameters
    ----------
    name : str
        What it is called in the message.
    x : array of shape (n_trs, n_columns)
    n_trs : int, optional
        How many rows are expected.

    Returns
    -------
    array of shape (n_trs, n_columns)

    Raises
    ------
    InputError
        For integers, another number of axes, nothing, another number of TRs, NaN or infinity.
    """
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        raise InputError(
            f"{name}: dtype {x.dtype}; codes and counts are labels here, not numbers. "
            "Pass features made from latents, or convert on purpose with .astype(float)."
        )
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(
            f"{name}: shape {x.shape}; must be (n_trs, n_columns) and not empty. "
            "For one column use array[:, None]."
        )
    if n_trs is not None and len(x) != n_trs:
        raise InputError(
            f"{name}: {len(x)} TRs where {n_trs} are expected. "
            "Crop both to the same seconds; never stretch one."
        )
    finite = np.isfinite(x)
    if not finite.all():
        raise InputError(
            f"{name}: {int((~finite).sum())} values are NaN or infinite. "
            "Mask those voxels or drop those TRs first."
        )
    return x


def standardise(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardise all rows with the mean and SD of the training rows.

    Columns that are constant in training become 0, so that they carry nothing.

    Examples
    --------
    >>> x = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 9.0]])
    >>> standardise(x, np.array([0, 1])).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]
    """
    rows = np.asarray(x[train], dtype=np.float64)
    mean = rows.mean(0)
    sd = rows.std(0)
    varies = sd > CONSTANT * (np.abs(mean) + sd.max(initial=0.0))
    scale = np.where(varies, 1 / np.where(varies, sd, 1), 0.0)
    return (x - mean) * scale


def kernel(x: np.ndarray, train: np.ndarray, n_components: int | None = None) -> np.ndarray:
    """Return the linear kernel of all rows, standardised with the training rows alone.

    Parameters
    ----------
    x : array of shape (n_trs, n_features)
    train : array of shape (n_train,)
        Rows of training time.
    n_components : int, optional
        Keep the first principal components of the standardised training rows (PCA).

    Returns
    -------
    array of shape (n_trs, n_trs), float64
        ``Z Z' / n_features``.
    """
    z = standardise(x, train)
    full = z @ z.T / x.shape[1]
    if n_components is None:
        return full
    n_components = min(n_components, len(train))
    k_train = z[train] @ z[train].T / x.shape[1]
    first = len(train) - n_components
    values, vectors = eigh(k_train, subset_by_index=(first, len(train) - 1))
    present = values > RANK * values[-1]
    scores = full[:, train] @ (vectors[:, present] / np.sqrt(values[present]))
    return scores @ scores.T


def centre(k: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a kernel into its blocks and centre them on the training rows.

    Parameters
    ----------
    k : array of shape (n_trs, n_trs)
    train, test : arrays of shape (n_train,) and (n_test,)

    Returns
    -------
    k_train : array of shape (n_train, n_train)
    k_test : array of shape (n_test, n_train)
    """
    k_train = k[np.ix_(train, train)]
    k_test = k[np.ix_(test, train)]
    column_means = k_train.mean(0)
    grand_mean = column_means.mean()
    centred_train = k_train - column_means - column_means[:, None] + grand_mean
    centred_test = k_test - k_test.mean(1, keepdims=True) - column_means + grand_mean
    return centred_train, centred_test


def ridge(k_train: np.ndarray, k_test: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Predict ``K_test (K_train + alpha I)^-1 y``, solving for the fewer of test rows and targets.

    Parameters
    ----------
    k_train : array of shape (n_train, n_train)
        Centred, from `centre`.
    k_test : array of shape (n_test, n_train)
        Centred, from `centre`.
    y : array of shape (n_train, n_targets)
        Need not be centred.
    alpha : float
        Penalty in units of the kernel, > 0.

    Returns
    -------
    array of shape (n_test, n_targets), float32
        Deviation from the training mean of `y`.
    """
    penalised = k_train.copy()
    penalised[np.diag_indices_from(penalised)] += alpha
    factor = cho_factor(penalised, overwrite_a=True, check_finite=False)
    if y.shape[1] < len(k_test):
        dual = cho_solve(factor, y, check_finite=False)
        return (k_test @ dual).astype(np.float32)
    hat = cho_solve(factor, k_test.T, check_finite=False).T
    return hat.astype(np.float32) @ y


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues and eigenvectors of a centred training kernel.

    Attributes
    ----------
    values : array of shape (n_train,)
        Rising, none below 0.
    vectors : array of shape (n_train, n_train)
        In columns.
    """

    values: np.ndarray
    vectors: np.ndarray


def decompose(k: np.ndarray, train: np.ndarray) -> Spectrum:
    """Decompose the training block of a kernel, centred on the training rows."""
    k_train, _ = centre(k, train, train)
    values, vectors = symmetric_eigen(k_train)
    return Spectrum(np.maximum(values, 0), vectors)


def inner_hats(
    train: np.ndarray, inner: list[Fold], alphas: Sequence[float], spectrum: Spectrum
) -> list[np.ndarray]:
    """Map training targets to held-out predictions, for folds inside a training set.

    Nothing is decomposed anew. With P = (K + alpha I)^-1 less its part along the constant (the
    intercept is not penalised), leaving out the rows B gives residuals ``P_BB^-1 (P y)_B`` there
    [2]_. Predictions of B from the other rows R are therefore ``-P_BB^-1 P_BR y_R``.

    Parameters
    ----------
    train : array of shape (n_train,)
        Rows of the outer training set, sorted.
    inner : list of (train, test)
        Folds inside it, as rows of the whole series.
    alphas : sequence of float
        Penalties in units of the kernel.
    spectrum : Spectrum
        Of the outer training set, from `decompose`.

    Returns
    -------
    list of arrays of shape (n_alphas, n_inner_test, n_inner_train), float32
        One an inner fold.
    """
    hats: list[list[np.ndarray]] = [[] for _ in inner]
    is_kept = [np.isin(train, inner_train) for inner_train, _ in inner]
    test_rows = [  # of the rows left out, the embargo among them
        np.searchsorted(train[~kept], test) for kept, (_, test) in zip(is_kept, inner)
    ]
    present = spectrum.values > NOISE * spectrum.values[-1]
    values = spectrum.values[present]
    vectors = spectrum.vectors[:, present]
    for alpha in alphas:
        # P = (I - V diag(values / (values + alpha)) V' - 1 1' / n) / alpha
        precision = (vectors * (values / (values + alpha))) @ (vectors.T / -alpha)
        precision[np.diag_indices_from(precision)] += 1 / alpha
        precision -= 1 / (alpha * len(train))
        for fold_hats, kept, test in zip(hats, is_kept, test_rows):
            inverse = np.linalg.inv(precision[np.ix_(~kept, ~kept)])[test]
            hat = -inverse @ precision[np.ix_(~kept, kept)]
            fold_hats.append(hat.astype(np.float32))
    return [np.stack(fold_hats) for fold_hats in hats]
