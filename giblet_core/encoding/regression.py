"""Voxelwise ridge from features to BOLD, with everything fitted inside the folds.

Several feature spaces enter as K = sum_j gamma_j K_j (banded ridge [1]); plain ridge is the case of
one. Penalties count in units of the kernel K = Z Z' / p: `alpha` here is alpha / p for himalaya or
scikit-learn on the same standardised features.

References
----------
[1] Dupre la Tour et al. 2022, NeuroImage 264, 119728. doi:10.1016/j.neuroimage.2022.119728 (banded
ridge; himalaya)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from giblet_core.encoding.kernels import (
    centre,
    check_matrix,
    correlate,
    decompose,
    fisher_mean,
    inner_hats,
    kernel,
    ridge,
)
from giblet_core.errors import InputError
from giblet_core.timing import Fold, contiguous_folds, inner_folds, run_index

ALPHAS = tuple(np.logspace(-1, 3.5, 10))
BATCH = 4096  # targets scored at once: bounds the memory


@dataclass(frozen=True)
class EncodingResult:
    """Held-out accuracy of a ridge model.

    Attributes
    ----------
    r : array of shape (n_targets,)
        Correlation within each test fold, Fisher-averaged over folds; NaN where a target is
        constant in some test fold.
    r_folds : array of shape (n_folds, n_targets)
    candidates : array of shape (n_candidates, 1 + n_spaces)
        Penalties on offer: alpha, then the weight gamma of each feature space.
    choice : array of shape (n_folds, n_targets)
        Which candidate the inner folds chose.
    predictions : array of shape (n_trs, n_targets) or None
        Held-out predictions in the units of Y.
    n_undefined : int
        Number of targets without a defined r (constant in a test fold).
    folds : list of (train, test)
    settings : dict
        run_onsets, embargo, n_inner, n_components of the fit: nulls and lesions repeat it.
    r_inner : array of shape (n_folds, n_targets)
        What the chosen candidate scored in the inner folds: known without the test fold. NaN where
        nothing was chosen.
    """

    r: np.ndarray
    r_folds: np.ndarray
    candidates: np.ndarray
    choice: np.ndarray
    predictions: np.ndarray | None
    n_undefined: int
    folds: list[Fold]
    settings: dict
    r_inner: np.ndarray

    @property
    def alphas(self) -> np.ndarray:
        """Chosen penalty, shape (n_folds, n_targets)."""
        return self.candidates[self.choice, 0]


def _inner_scores(
    y: np.ndarray, train: np.ndarray, inner: list[Fold], alphas: np.ndarray, spectrum: tuple
) -> np.ndarray:
    """Return the mean r of each penalty over the inner folds, shape (n_alphas, n_targets).

    The kernel is scaled by the outer training rows and centred anew on each inner training set.
    """
    scores = np.zeros((len(alphas), y.shape[1]), np.float32)
    for (inner_train, test), h in zip(inner, inner_hats(train, inner, alphas, spectrum)):
        h -= h.mean(1, keepdims=True)  # predictions centred over the test rows
        for start in range(0, y.shape[1], BATCH):
            columns = slice(start, start + BATCH)
            p, target = h @ y[inner_train, columns], y[test, columns] - y[test, columns].mean(0)
            norm = np.sqrt(np.einsum("anv,anv->av", p, p) * np.einsum("nv,nv->v", target, target))
            scores[:, columns] += np.einsum("anv,nv->av", p, target) / np.where(
                norm > 0, norm, np.inf
            )
    return scores / len(inner)


def _fit_fold(
    ks: list[np.ndarray],
    y: np.ndarray,
    fold: Fold,
    inner: list[Fold] | None,
    candidates: np.ndarray,
    choice: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose a candidate for each target where `choice` is None, and predict the test rows:
    (prediction, choice, its inner r).
    """
    (train, test), inner_r = fold, np.full(y.shape[1], np.nan, np.float32)
    alphas_of = {
        tuple(gamma): np.flatnonzero((candidates[:, 1:] == gamma).all(1))
        for gamma in np.unique(candidates[:, 1:], axis=0)
    }
    kernels = {gamma: np.tensordot(gamma, ks, 1) for gamma in alphas_of}
    if choice is None:
        scores = np.empty((len(candidates), y.shape[1]), np.float32)
        for gamma, which in alphas_of.items():
            scores[which] = _inner_scores(
                y, train, inner, candidates[which, 0], decompose(kernels[gamma], train)
            )
        choice, inner_r = scores.argmax(0), scores.max(0)
    prediction = np.empty((len(test), y.shape[1]), np.float32)
    for gamma, which in alphas_of.items():
        used = np.intersect1d(which, choice)
        blocks = centre(kernels[gamma], train, test) if len(used) else ()
        for c in used:
            prediction[:, choice == c] = ridge(
                *blocks, y[np.ix_(train, choice == c)], candidates[c, 0]
            )
    return prediction, choice, inner_r


def fit_banded(
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    folds: list[Fold] | None = None,
    alphas: Sequence[float] = ALPHAS,
    gammas: np.ndarray | None = None,
    *,
    run_onsets: Sequence[int] = (0,),
    embargo: int = 20,
    n_inner: int = 5,
    n_components: int | None = None,
    like: EncodingResult | None = None,
    keep_predictions: bool = False,
    progress: bool = False,
) -> EncodingResult:
    """Fit ridge with a penalty for each feature space, chosen for each target in nested contiguous
    folds.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features_j)
        Feature spaces, floating point, unscaled: standardising and PCA happen inside the folds.
    Y : array of shape (n_trs, n_targets)
        BOLD of voxels or regions, of one subject or of several side by side.
    folds : list of (train, test), optional
        From `contiguous_folds`, which is called with its defaults where they are absent.
    alphas : sequence of float
        Penalties on offer. A single one (with a single gamma) skips the inner folds.
    gammas : array of shape (n_gammas, n_spaces), optional
        Weights of the kernels on offer; by default `simplex(n_spaces)`.
    run_onsets, embargo, n_inner : as in `contiguous_folds`; `embargo` and `n_inner` shape the inner
    folds. n_components : int, optional
        PCA of each space inside each fold.
    like : EncodingResult, optional
        Take the penalties this earlier result chose instead of choosing anew.
    keep_predictions : bool
        Also return held-out predictions.

    Returns
    -------
    EncodingResult

    Raises
    ------
    InputError
        For integer, empty or non-finite input, and unequal numbers of TRs.
    """
    Y = check_matrix("Y", Y)
    spaces = [check_matrix(f"spaces[{j}]", x, len(Y)) for j, x in enumerate(spaces)]
    gammas = simplex(len(spaces)) if gammas is None else np.atleast_2d(gammas)
    run_of = run_index(len(Y), run_onsets)
    folds = contiguous_folds(len(Y), 5, embargo, run_onsets) if folds is None else folds
    alphas = np.asarray(alphas, dtype=np.float64)
    if alphas.min() <= 0 or gammas.shape[1] != len(spaces):
        raise InputError(
            f"alphas={alphas.min()}.., gammas {gammas.shape}: penalties must be > 0, with one gamma a space ({len(spaces)})."
        )
    candidates = np.column_stack(
        [np.tile(alphas, len(gammas)), np.repeat(gammas, len(alphas), axis=0)]
    )
    candidates = candidates if like is None else like.candidates
    y = (Y - Y.mean(0, dtype=np.float64)).astype(
        np.float32
    )  # a constant moves no correlation; it only costs float32 digits
    r, choices, inner_r, predictions = (
        [],
        [],
        [],
        np.full(Y.shape if keep_predictions else (0, 0), np.nan, np.float32),
    )
    for f, (train, test) in enumerate(tqdm(folds, desc="folds", disable=not progress)):
        ks = [kernel(x, train, n_components) for x in spaces]
        chosen = (
            like.choice[f]
            if like is not None
            else np.zeros(Y.shape[1], int)
            if len(candidates) == 1
            else None
        )
        inner = inner_folds(train, run_of, n_inner, embargo) if chosen is None else None
        prediction, choice, one_inner_r = _fit_fold(ks, y, (train, test), inner, candidates, chosen)
        r.append(correlate(prediction, y[test]))
        choices.append(choice)
        inner_r.append(one_inner_r)
        if keep_predictions:
            predictions[test] = prediction + Y[train].mean(0)
    mean = fisher_mean(np.array(r))
    settings = {
        "run_onsets": tuple(run_onsets),
        "embargo": embargo,
        "n_inner": n_inner,
        "n_components": n_components,
    }
    return EncodingResult(
        mean,
        np.array(r),
        candidates,
        np.array(choices),
        predictions if keep_predictions else None,
        int(np.isnan(mean).sum()),
        folds,
        settings,
        np.array(inner_r),
    )


def fit_ridge(
    X: np.ndarray,
    Y: np.ndarray,
    folds: list[Fold] | None = None,
    alphas: Sequence[float] = ALPHAS,
    **options,
) -> EncodingResult:
    """Fit ridge from features X (n_trs, n_features) to targets Y (n_trs, n_targets); options as in
    `fit_banded`.
    """
    return fit_banded([X], Y, folds, alphas, np.ones((1, 1)), **options)


def simplex(n_spaces: int, n_draws: int = 12, seed: int = 0) -> np.ndarray:
    """Return kernel weights that sum to 1: even, each space alone, and Dirichlet draws; shape
    (n_gammas, n_spaces).
    """
    if n_spaces == 1:
        return np.ones((1, 1))
    draws = np.random.default_rng(seed).dirichlet(np.full(n_spaces, 0.7), n_draws)
    return np.vstack([np.full(n_spaces, 1 / n_spaces), np.eye(n_spaces), draws])
