"""From BOLD to what was heard: ridge to pooled latents, identification of held-out segments, and retrieval that can be played.

Exact codes are out of reach by count (8,960 bits a TR), so the question asked of the brain is one it can answer: which of two segments,
alike in class and loudness, was heard? Chance is 50 %. A row of predictions is always made by a model that never saw that time.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification)
[2] Haufe et al. 2014, NeuroImage 87, 96. doi:10.1016/j.neuroimage.2013.10.067 (patterns, not weights)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.artifacts import require
from giblet_core.encoding import ALPHAS, EncodingResult, fit_ridge
from giblet_core.kernels import check_matrix, fisher_mean
from giblet_core.segments import Segments, centred, fold_numbers, similarity
from giblet_core.splits import Fold, contiguous_folds


@dataclass(frozen=True, eq=False)
class DecodingResult:
    """Held-out predictions of latents from BOLD.

    Attributes
    ----------
    predictions : array of shape (n_trs, n_dims)
        Each row from the fold that held it out.
    targets : array of shape (n_folds, n_trs, n_dims)
        As training time of each fold defines them.
    fold_of : array of shape (n_trs,)
        Test fold of each TR; -1 where it is in none.
    r : array of shape (n_dims,)
        Per test fold, centred, Fisher-averaged.
    r_folds : array of shape (n_folds, n_dims)
    r_inner : array of shape (n_folds, n_dims)
        In the inner folds of each training set; NaN where only one penalty was on offer.
    """

    predictions: np.ndarray
    targets: np.ndarray
    fold_of: np.ndarray
    r: np.ndarray
    r_folds: np.ndarray
    r_inner: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """How much each dimension counts where segments are compared, (n_folds, n_dims): r squared, as training time alone knows it."""
        return np.maximum(self.r_inner, 0.01) ** 2

    @classmethod
    def joined(cls, fits: Sequence[EncodingResult], targets: np.ndarray, folds: list[Fold]) -> "DecodingResult":
        """Join fits (n_trs, n_dims) that each have one of the folds."""
        r, r_inner = (np.concatenate([getattr(fit, name) for fit in fits]) for name in ("r_folds", "r_inner"))
        predictions = np.nansum([fit.predictions for fit in fits], axis=0)
        return cls(predictions, by_fold(targets, folds), fold_numbers(len(predictions), folds), fisher_mean(r), r, r_inner)

    def part(self, start: int, stop: int) -> "DecodingResult":
        """Return some of the dimensions: a space of several that were decoded side by side."""
        at = slice(start, stop)
        return DecodingResult(self.predictions[:, at], self.targets[..., at], self.fold_of, self.r[at], self.r_folds[:, at],
                              self.r_inner[:, at])


def by_fold(x: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Return x (n_trs, n) once for each fold, (n_folds, n_trs, n); where training time has made one for each fold, these."""
    return np.broadcast_to(x, (len(folds), *np.shape(x)[-2:]))


def fit_decoder(bold: np.ndarray, latents: np.ndarray, folds: list[Fold] | None = None, alphas: Sequence[float] = ALPHAS, *,
                run_onsets: Sequence[int] = (0,), embargo: int = 20, **options) -> DecodingResult:
    """Fit ridge from voxels or regions to latents, the penalty of each dimension chosen in nested folds.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        One subject's voxels, region means, or a shared response.
    latents : array of shape (n_trs, n_dims), or (n_folds, n_trs, n_dims) where training time of each fold has made its own
        Pooled latents, with the response.
    folds : list of (train, test), optional
        From `contiguous_folds` by default.
    run_onsets, embargo, options
        As in `fit_banded`.

    Returns
    -------
    DecodingResult
    """
    folds = contiguous_folds(len(bold), 5, embargo, run_onsets) if folds is None else folds
    fits = [fit_ridge(bold, check_matrix("latents", y, len(bold)), [fold], alphas, run_onsets=run_onsets, embargo=embargo,
                      keep_predictions=True, **options) for y, fold in zip(by_fold(latents, folds), folds)]
    return DecodingResult.joined(fits, latents, folds)


def haufe_patterns(bold: np.ndarray, result: DecodingResult) -> np.ndarray:
    """Return each voxel's covariance with each decoded dimension in every test fold, (n_folds, n_voxels, n_dims): where information is."""
    tested = [np.flatnonzero(result.fold_of == f) for f in range(len(result.r_folds))]
    return np.stack([(bold[at] - bold[at].mean(0)).T @ result.predictions[at] / len(at) for at in tested])


def decode_beyond(bold: np.ndarray, latents: np.ndarray, plain: np.ndarray, folds: list[Fold], alphas: Sequence[float] = ALPHAS,
                  **options) -> DecodingResult:
    """Decode what `plain` (n_trs, n_columns), e.g. loudness and speech, leaves of latents: BOLD that follows `plain` alone is at chance.

    What it leaves is told by least squares on the training time of each fold.
    """
    x = np.column_stack([np.ones(len(plain)), plain])
    left = [y - x @ np.linalg.lstsq(x[train], y[train], rcond=None)[0] for y, (train, _) in zip(by_fold(latents, folds), folds)]
    return fit_decoder(bold, np.array(left), folds, alphas, **options)


@dataclass(frozen=True, eq=False)
class Identification:
    """How often the segment heard is told from its lures.

    Attributes
    ----------
    pairwise : float
        Mean over segments of the share of lures that are less similar than the true segment (ties half); chance .5.
    per_segment : array of shape (n_segments,)
        NaN where a segment has no lure.
    rank : array of shape (n_segments,)
        Place of the true segment among itself and its lures, 1 the best; NaN without lure.
    n_lures : array of shape (n_segments,)
    n_without : int
        Segments without a lure: left out of the mean, counted here.
    p : float
        Share of circular moves of the predictions that do as well; floor 1 / (n + 1).
    null : array of shape (n_draws,)
    """

    pairwise: float
    per_segment: np.ndarray
    rank: np.ndarray
    n_lures: np.ndarray
    n_without: int
    p: float
    null: np.ndarray

    def __str__(self) -> str:
        return (f"{100 * self.pairwise:.1f} % pairwise over {np.isfinite(self.per_segment).sum()} segments ({self.n_without} without "
                f"lures), p = {self.p:.4f} (floor {1 / (len(self.null) + 1):.4f})")


def _wins(score: np.ndarray, lures: np.ndarray) -> np.ndarray:
    """Return the share of lures beaten by the diagonal, (n_segments,), 0 without lures."""
    own = np.diagonal(score)[:, None]
    beaten = np.where(own > score, 1.0, np.where(own == score, 0.5, 0.0))
    return (beaten * lures).sum(1) / np.maximum(lures.sum(1), 1)


def identify(predictions: np.ndarray, targets: np.ndarray, segments: Segments, **options) -> Identification:
    """Identify held-out segments by predictions and targets, both (n_trs, n_dims), every dimension alike; options as in `identify_by`."""
    predictions, targets = check_matrix("predictions", predictions), check_matrix("targets", targets, len(predictions))
    p = centred(predictions, segments)
    return identify_by(lambda rows: similarity(p[rows], targets, segments), segments, len(targets), **options)


def identify_stacked(decoded: Sequence[DecodingResult], segments: Segments, **options) -> Identification:
    """Identify by several decoded spaces, whose likenesses are averaged, each dimension weighted by what training time says of it."""
    spaces = [(centred(d.predictions, segments), d.targets, d.weights) for d in decoded]
    return identify_by(lambda rows: np.mean([similarity(p[rows], t, segments, weights=w) for p, t, w in spaces], axis=0), segments,
                       len(decoded[0].predictions), **options)


def identify_by(score: Callable[[np.ndarray], np.ndarray], segments: Segments, n_trs: int, *, min_gap: int = 20, max_lu: float = 2.0,
                n_draws: int = 400) -> Identification:
    """Identify held-out segments among lures of the same fold, class and loudness, at least `min_gap` TRs away.

    Parameters
    ----------
    score : function of rows (n_trs,) that returns an array of shape (n_segments, n_segments)
        How like each predicted segment is to each true one, with the predictions taken in the order of the rows.
    segments : Segments
        From `make_segments`.
    n_draws : int
        Of the null: predictions as one series, moved circularly by at least `min_gap` TRs and a segment, forwards and backwards in time.
        Neighbouring segments are alike and stay neighbours: shuffling single segments would call chance significant too often.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a lure.
    """
    lures = segments.lures(min_gap, max_lu)
    has = lures.any(1)
    require(has.any(), f"segments: none of {len(segments.starts)} has a lure {min_gap} TRs away in its fold and class within {max_lu} LU; "
            "one needs it. Use longer folds, shorter segments or a wider max_lu.")
    true = score(np.arange(n_trs))
    wins, rank = _wins(true, lures), 1 + ((true >= np.diagonal(true)[:, None]) & lures).sum(1)
    pairwise = wins[has].mean()
    null = np.array([_wins(score(rows), lures)[has].mean() for rows in (segments.turned(n_trs, min_gap, n_draws) if n_draws else ())])
    return Identification(float(pairwise), np.where(has, wins, np.nan), np.where(has, rank, np.nan), lures.sum(1), int((~has).sum()),
                          float((1 + (null >= pairwise - 1e-12).sum()) / (len(null) + 1)), null)


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The nearest segments to each prediction, to be played: `starts` and `similarity`, both (n_segments, n_best), best first."""

    starts: np.ndarray
    similarity: np.ndarray


def retrieve(predictions: np.ndarray, targets: np.ndarray, segments: Segments, folds: list[Fold], n_best: int = 3) -> Retrieval:
    """Find the true segments nearest to each prediction in the training time of its fold: what was heard is not there, look-alikes are."""
    starts, values = np.empty((2, len(segments.starts), n_best))
    for f in np.unique(segments.fold_of):
        own, train = np.flatnonzero(segments.fold_of == f), folds[f][0]
        whole = train[: len(train) - segments.length + 1]
        library = whole[train[segments.length - 1 :] - whole == segments.length - 1]
        score = similarity(predictions, targets, segments, library[:, None] + np.arange(segments.length))[own]
        best = np.argsort(-score, axis=1, kind="stable")[:, :n_best]
        starts[own], values[own] = library[best], np.take_along_axis(score, best, 1)
    return Retrieval(starts.astype(int), values)
