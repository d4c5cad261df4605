"""Voxelwise ridge from features to BOLD, with everything fitted inside the folds.

Several feature spaces enter as K = sum_j gamma_j K_j (banded ridge [1]_); plain ridge is the case
of one. Penalties count in units of the kernel K = Z Z' / p: `alpha` here is alpha / p for himalaya
or scikit-learn on the same standardised features.

Own code and himalaya, compared on one processor: 800 TRs x 256 features x 500 voxels, 5 folds, 10
penalties, 5 inner folds. Ours takes 1.35 s; himalaya in float64 2.1 s (`RidgeCV`) and 2.5 s
(`KernelRidgeCV`), r equal to 1.5e-7. In float32 it takes 1.2 and 1.4 s, but targets whose penalties
score nearly alike then get another one (1 of 2500; r differs by 4e-4). Three spaces, 16 x 5
penalties: ours 10.8 s, himalaya 21.9 s in float64 and 13.7 s in float32. What saves time is
`inner_hats`: the inner folds need no decomposition of their own. The tests hold both equal.

References
----------
.. [1] Dupre la Tour et al. 2022, NeuroImage 264, 119728. doi:10.1016/j.neuroimage.2022.119728
   (banded ridge; himalaya)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm

from giblet_core.encoding.kernels import (
    Spectrum,
    centre,
    check_matrix,
    decompose,
    inner_hats,
    kernel,
    ridge,
)
from giblet_core.encoding.statistics import correlate, fisher_mean
from giblet_core.errors import InputError
from giblet_core.timing import Fold, contiguous_folds, inner_folds, run_index

ALPHAS = tuple(np.logspace(-1, 3.5, 10))
BATCH = 4096  # targets scored at once: bounds the memory


@dataclass(frozen=True)
class FitSettings:
    """How a model was fitted inside the folds; nulls and subsets repeat it.

    Attributes
    ----------
    run_onsets : tuple of int
        Row at which each run begins.
    embargo : int
        TRs left out around inner test folds.
    n_inner : int
        Number of inner folds.
    n_components : int or None
        PCA of each space.
    """

    run_onsets: tuple[int, ...]
    embargo: int
    n_inner: int
    n_components: int | None

    def keywords(self) -> dict:
        """Return the settings as keywords of `fit_banded`."""
        return asdict(self)


@dataclass(frozen=True)
class EncodingResult:
    """Held-out accuracy of a ridge model.

    Attributes
    ----------
    r_folds : array of shape (n_folds, n_targets)
        Correlation within each test fold; NaN where a target is constant there.
    candidates : array of shape (n_candidates, 1 + n_spaces)
        Penalties on offer: alpha, then the weight gamma of each feature space.
    choice : array of shape (n_folds, n_targets)
        Which candidate the inner folds chose.
    r_inner : array of shape (n_folds, n_targets)
        What the chosen candidate scored in the inner folds: known without the test fold. NaN where
        nothing was chosen.
    predictions : array of shape (n_trs, n_targets) or None
        Held-out predictions in the units of Y.
    folds : list of (train, test)
    settings : FitSettings
    """

    r_folds: np.ndarray
    candidates: np.ndarray
    choice: np.ndarray
    r_inner: np.ndarray
    predictions: np.ndarray | None
    folds: list[Fold]
    settings: FitSettings

    @property
    def r(self) -> np.ndarray:
        """Correlation, Fisher-averaged over folds, shape (n_targets,).

        NaN where a target is constant in some test fold.
        """
        return fisher_mean(self.r_folds)

    @property
    def n_undefined(self) -> int:
        """Number of targets without a defined r."""
        return int(np.isnan(self.r).sum())

    @property
    def alphas(self) -> np.ndarray:
        """Chosen penalty, shape (n_folds, n_targets)."""
        return self.candidates[self.choice, 0]

    @property
    def alphas_on_offer(self) -> np.ndarray:
        """All penalties among the candidates, rising, shape (n_alphas,)."""
        return np.unique(self.candidates[:, 0])

    @property
    def gammas_on_offer(self) -> np.ndarray:
        """All weights of the spaces among the candidates, shape (n_gammas, n_spaces)."""
        return np.unique(self.candidates[:, 1:], axis=0)


def fit_banded(  # noqa: PLR0913 - public interface
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
    """Fit ridge with a penalty for each feature space (banded ridge).

    The penalties are chosen for each target in nested contiguous folds.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features_j)
        Feature spaces, floating point, unscaled: standardising and PCA happen inside the folds.
    Y : array of shape (n_trs, n_targets)
        BOLD of voxels or regions, of one subject or of several side by side.
    folds : list of (train, test), optional
        From `contiguous_folds`; five with this embargo by default.
    alphas : sequence of float
        Penalties on offer, > 0. A single one (with a single gamma) skips the inner folds.
    gammas : array of shape (n_gammas, n_spaces), optional
        Weights of the kernels on offer; by default `simplex(n_spaces)`.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs left out around test folds, the inner ones among them.
    n_inner : int
        Number of inner folds, as in `inner_folds`.
    n_components : int, optional
        PCA of each space inside each fold.
    like : EncodingResult, optional
        Take the penalties this earlier result chose instead of choosing anew.
    keep_predictions : bool
        Also return held-out predictions.
    progress : bool
        Show a bar.

    Returns
    -------
    EncodingResult

    Raises
    ------
    InputError
        For integer, empty or non-finite input, unequal numbers of TRs, or penalties that are not
        above 0.
    """
    Y = check_matrix("Y", Y)
    spaces = [check_matrix(f"spaces[{j}]", x, len(Y)) for j, x in enumerate(spaces)]
    settings = FitSettings(tuple(run_onsets), embargo, n_inner, n_components)
    candidates = _candidates(alphas, gammas, len(spaces)) if like is None else like.candidates
    if folds is None:
        folds = contiguous_folds(len(Y), 5, embargo, run_onsets)
    # a constant moves no correlation; it only costs float32 digits
    y = (Y - Y.mean(0, dtype=np.float64)).astype(np.float32)
    predictions = np.full(Y.shape, np.nan, np.float32) if keep_predictions else None
    r_folds = []
    choices = []
    r_inner = []
    for f, (train, test) in enumerate(tqdm(folds, desc="folds", disable=not progress)):
        kernels = [kernel(x, train, n_components) for x in spaces]
        given_choice = None if like is None else like.choice[f]
        fit = _fit_fold(kernels, y, (train, test), candidates, given_choice, settings)
        r_folds.append(correlate(fit.prediction, y[test]))
        choices.append(fit.choice)
        r_inner.append(fit.r_inner)
        if predictions is not None:
            predictions[test] = fit.prediction + Y[train].mean(0)
    return EncodingResult(
        r_folds=np.array(r_folds),
        candidates=candidates,
        choice=np.array(choices),
        r_inner=np.array(r_inner),
        predictions=predictions,
        folds=folds,
        settings=settings,
    )


def fit_ridge(
    X: np.ndarray,
    Y: np.ndarray,
    folds: list[Fold] | None = None,
    alphas: Sequence[float] = ALPHAS,
    **options,
) -> EncodingResult:
    """Fit ridge from features to targets, the penalty of each target chosen in nested folds.

    Parameters
    ----------
    X : array of shape (n_trs, n_features)
        Floating point, unscaled.
    Y : array of shape (n_trs, n_targets)
    folds : list of (train, test), optional
        From `contiguous_folds`; five with the embargo by default.
    alphas : sequence of float
        Penalties on offer, > 0.
    **options
        More keywords of `fit_banded`.

    Returns
    -------
    EncodingResult
    """
    return fit_banded([X], Y, folds, alphas, np.ones((1, 1)), **options)


def simplex(n_spaces: int, n_draws: int = 12, seed: int = 0) -> np.ndarray:
    """Return weights of kernels that sum to 1: even, each space alone, and Dirichlet draws.

    Parameters
    ----------
    n_spaces : int
    n_draws : int
        Number of random weights.
    seed : int

    Returns
    -------
    array of shape (n_gammas, n_spaces)
        ``1 + n_spaces + n_draws`` rows; a single space has but one.
    """
    if n_spaces == 1:
        return np.ones((1, 1))
    draws = np.random.default_rng(seed).dirichlet(np.full(n_spaces, 0.7), n_draws)
    return np.vstack([np.full(n_spaces, 1 / n_spaces), np.eye(n_spaces), draws])


def _candidates(alphas: Sequence[float], gammas: np.ndarray | None, n_spaces: int) -> np.ndarray:
    """Combine all penalties with all weights, (n_candidates, 1 + n_spaces)."""
    alphas = np.asarray(alphas, dtype=np.float64)
    gammas = simplex(n_spaces) if gammas is None else np.atleast_2d(gammas)
    if alphas.min() <= 0 or gammas.shape[1] != n_spaces:
        raise InputError(
            f"alphas={alphas.min()}.., gammas {gammas.shape}: penalties must be > 0, "
            f"with one gamma a space ({n_spaces}). Change them."
        )
    return np.column_stack([np.tile(alphas, len(gammas)), np.repeat(gammas, len(alphas), axis=0)])


@dataclass(frozen=True, eq=False)
class _FoldFit:
    """One fold: predictions (n_test, n_targets), and each target's choice and its inner r."""

    prediction: np.ndarray
    choice: np.ndarray
    r_inner: np.ndarray


def _fit_fold(
    kernels: list[np.ndarray],
    y: np.ndarray,
    fold: Fold,
    candidates: np.ndarray,
    given_choice: np.ndarray | None,
    settings: FitSettings,
) -> _FoldFit:
    """Choose a candidate for each target where there is a choice, and predict the test rows."""
    n_targets = y.shape[1]
    r_inner = np.full(n_targets, np.nan, np.float32)
    if given_choice is not None:
        choice = given_choice
    elif len(candidates) == 1:
        choice = np.zeros(n_targets, int)
    else:
        scores = _candidate_scores(kernels, y, fold[0], candidates, settings)
        choice = scores.argmax(0)
        r_inner = scores.max(0)
    return _FoldFit(_predict(kernels, y, fold, candidates, choice), choice, r_inner)


def _candidate_scores(
    kernels: list[np.ndarray],
    y: np.ndarray,
    train: np.ndarray,
    candidates: np.ndarray,
    settings: FitSettings,
) -> np.ndarray:
    """Return the mean r of each candidate over the inner folds, (n_candidates, n_targets)."""
    run_of = run_index(len(y), settings.run_onsets)
    inner = inner_folds(train, run_of, settings.n_inner, settings.embargo)
    scores = np.empty((len(candidates), y.shape[1]), np.float32)
    for group in _grouped_by_gamma(candidates):
        spectrum = decompose(_weighted_sum(kernels, candidates[group[0], 1:]), train)
        scores[group] = _inner_scores(y, train, inner, candidates[group, 0], spectrum)
    return scores


def _predict(
    kernels: list[np.ndarray],
    y: np.ndarray,
    fold: Fold,
    candidates: np.ndarray,
    choice: np.ndarray,
) -> np.ndarray:
    """Predict the test rows, each target by the candidate it has in `choice`."""
    train, test = fold
    prediction = np.empty((len(test), y.shape[1]), np.float32)
    for group in _grouped_by_gamma(candidates):
        chosen = np.intersect1d(group, choice)
        if not len(chosen):
            continue
        total = _weighted_sum(kernels, candidates[group[0], 1:])
        k_train, k_test = centre(total, train, test)
        for candidate in chosen:
            targets = choice == candidate
            alpha = candidates[candidate, 0]
            prediction[:, targets] = ridge(k_train, k_test, y[np.ix_(train, targets)], alpha)
    return prediction


def _weighted_sum(kernels: list[np.ndarray], gamma: np.ndarray) -> np.ndarray:
    return np.tensordot(gamma, kernels, 1)


def _grouped_by_gamma(candidates: np.ndarray) -> list[np.ndarray]:
    """Group the candidates that weigh the spaces alike: arrays of their indices."""
    gammas = np.unique(candidates[:, 1:], axis=0)
    return [np.flatnonzero((candidates[:, 1:] == gamma).all(1)) for gamma in gammas]


def _inner_scores(
    y: np.ndarray, train: np.ndarray, inner: list[Fold], alphas: np.ndarray, spectrum: Spectrum
) -> np.ndarray:
    """Return the mean r of each penalty over the inner folds, shape (n_alphas, n_targets).

    The kernel is scaled by the outer training rows and centred anew on each inner training set.
    """
    n_targets = y.shape[1]
    scores = np.zeros((len(alphas), n_targets), np.float32)
    for (inner_train, test), hat in zip(inner, inner_hats(train, inner, alphas, spectrum)):
        hat -= hat.mean(1, keepdims=True)  # predictions centred over the test rows
        for start in range(0, n_targets, BATCH):
            batch = slice(start, start + BATCH)
            prediction = hat @ y[inner_train, batch]  # (n_alphas, n_inner_test, n_batch)
            target = y[test, batch] - y[test, batch].mean(0)
            covariance = np.einsum("anv,nv->av", prediction, target)
            prediction_power = np.einsum("anv,anv->av", prediction, prediction)
            target_power = np.einsum("nv,nv->v", target, target)
            norm = np.sqrt(prediction_power * target_power)
            scores[:, batch] += covariance / np.where(norm > 0, norm, np.inf)
    return scores / len(inner)
