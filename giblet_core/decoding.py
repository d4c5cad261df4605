"""From BOLD to what was heard: ridge to pooled latents, identification of held-out segments, and retrieval that can be played.

Exact codes are out of reach by count (8,960 bits a TR), so the question asked of the brain is one it can answer: which of two segments,
alike in class and loudness, was heard? Chance is 50 %. A row of predictions is always made by a model that never saw that time.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification)
[2] Haufe et al. 2014, NeuroImage 87, 96. doi:10.1016/j.neuroimage.2013.10.067 (patterns, not weights)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.artifacts import InputError, require
from giblet_core.encoding import ALPHAS, fit_ridge
from giblet_core.kernels import check_matrix
from giblet_core.segments import Segments, fold_numbers, similarity
from giblet_core.splits import Fold, check_runs, contiguous_folds


def advance(bold: np.ndarray, lags: Sequence[int], run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Stack later copies of BOLD within runs, so that row i holds what came `lags` TRs after it; the last row repeats at a run's end.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
    lags : sequence of int
        TRs, 0 or more.

    Returns
    -------
    array of shape (n_trs, n_voxels * len(lags))
    """
    require(min(lags) >= 0, f"lags={tuple(lags)}: must be 0 or more; BOLD before a sound cannot know it.")
    edges = check_runs(len(bold), run_onsets)
    rows = [np.concatenate([np.minimum(np.arange(a, b) + lag, b - 1) for a, b in zip(edges[:-1], edges[1:])]) for lag in lags]
    return np.concatenate([bold[row] for row in rows], axis=1)


@dataclass(frozen=True, eq=False)
class DecodingResult:
    """Held-out predictions of latents from BOLD.

    Attributes
    ----------
    predictions : array of shape (n_trs, n_dims)
        Each row from the fold that held it out.
    targets : array of shape (n_trs, n_dims)
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

    def part(self, start: int, stop: int) -> "DecodingResult":
        """Return some of the dimensions: a space of several that were decoded side by side."""
        at = slice(start, stop)
        return DecodingResult(self.predictions[:, at], self.targets[:, at], self.fold_of, self.r[at], self.r_folds[:, at],
                              self.r_inner[:, at])


def fit_decoder(bold: np.ndarray, latents: np.ndarray, folds: list[Fold] | None = None, alphas: Sequence[float] = ALPHAS, *,
                run_onsets: Sequence[int] = (0,), lags: Sequence[int] = (0,), embargo: int = 20, **options) -> DecodingResult:
    """Fit ridge from voxels or regions to latents, the penalty of each dimension chosen in nested folds.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        One subject's voxels, region means, or a shared response.
    latents : array of shape (n_trs, n_dims)
        Pooled latents: with the HRF applied use ``lags=(0,)``; without it lags that span the response, e.g. (2, 3, 4, 5) at 1.5 s.
    folds : list of (train, test), optional
        From `contiguous_folds` by default. The embargo must exceed the lags.
    lags : sequence of int
        TRs of BOLD after the sound to decode from.
    run_onsets, embargo, options
        As in `fit_banded`.

    Returns
    -------
    DecodingResult
    """
    bold, latents = check_matrix("bold", bold), check_matrix("latents", latents, len(bold))
    if max(lags) > embargo:
        raise InputError(f"lags={tuple(lags)}: must not exceed the embargo of {embargo} TRs, or training BOLD reaches into the test.")
    folds = contiguous_folds(len(bold), 5, embargo, run_onsets) if folds is None else folds
    x = bold if tuple(lags) == (0,) else advance(bold, lags, run_onsets)
    fit = fit_ridge(x, latents, folds, alphas, run_onsets=run_onsets, embargo=embargo, keep_predictions=True, **options)
    return DecodingResult(fit.predictions, latents, fold_numbers(len(bold), folds), fit.r, fit.r_folds, fit.r_inner)


def haufe_patterns(bold: np.ndarray, result: DecodingResult) -> np.ndarray:
    """Return the covariance of each voxel with each decoded dimension, (n_voxels, n_dims): where information is, unlike weights."""
    tested = result.fold_of >= 0
    x, p = bold[tested] - bold[tested].mean(0), result.predictions[tested] - result.predictions[tested].mean(0)
    return x.T @ p / tested.sum()


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
        Share of permutations of the predictions over segments (within fold and class) that do as well; floor 1 / (n + 1).
    null : array of shape (n_permutations,)
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
    return identify_by(similarity(predictions, targets, segments), segments, **options)


def stacked_similarity(decoded: Sequence[DecodingResult], segments: Segments) -> np.ndarray:
    """Average the likeness of segments over several decoded spaces, each dimension weighted by what training time says of it."""
    return np.mean([similarity(d.predictions, d.targets, segments, weights=d.weights) for d in decoded], axis=0)


def identify_by(score: np.ndarray, segments: Segments, *, min_gap: int = 20, max_lu: float = 2.0, n_permutations: int = 1000,
                seed: int = 0) -> Identification:
    """Identify held-out segments among lures of the same fold, class and loudness, at least `min_gap` TRs away.

    Parameters
    ----------
    score : array of shape (n_segments, n_segments)
        How like each predicted segment is to each true one.
    segments : Segments
        From `make_segments`.
    n_permutations : int
        Of which prediction belongs to which segment; only among segments of one fold and class.

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
    wins = _wins(score, lures)
    pairwise, rng = wins[has].mean(), np.random.default_rng(seed)
    groups = np.unique(np.column_stack([segments.fold_of, segments.class_of])[has], axis=0, return_inverse=True)[1].ravel()
    null = np.empty(n_permutations)
    for i in range(n_permutations):
        order = np.arange(len(score))
        for g in np.unique(groups):
            at = np.flatnonzero(has)[groups == g]
            order[at] = rng.permutation(at)
        null[i] = _wins(score[order], lures)[has].mean()
    rank = 1 + ((score >= np.diagonal(score)[:, None]) & lures).sum(1)
    return Identification(float(pairwise), np.where(has, wins, np.nan), np.where(has, rank, np.nan), lures.sum(1), int((~has).sum()),
                          float((1 + (null >= pairwise).sum()) / (n_permutations + 1)), null)


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The nearest segments to each prediction, to be played: `starts` and `similarity`, both (n_segments, n_best), best first."""

    starts: np.ndarray
    similarity: np.ndarray


def retrieve(predictions: np.ndarray, targets: np.ndarray, segments: Segments, folds: list[Fold], n_best: int = 3, source: str = "train",
             stride: int = 1) -> Retrieval:
    """Find the true segments nearest to each prediction.

    Parameters
    ----------
    source : {"train", "test"}
        Search only the training time of the segment's fold (what was heard is not in it, so that the best is a look-alike), or all
        segments of the test fold (what was heard is in it).
    stride : int
        Steps of the training library, TRs.

    Returns
    -------
    Retrieval
    """
    require(source in ("train", "test"), f"source={source!r}: must be 'train' or 'test'.")
    starts, values = np.empty((2, len(segments.starts), n_best))
    for f in np.unique(segments.fold_of):
        own, train = np.flatnonzero(segments.fold_of == f), folds[f][0]
        whole = train[: len(train) - segments.length + 1]
        whole = whole[train[segments.length - 1 :] - whole == segments.length - 1][::stride]
        library = whole if source == "train" else segments.starts[own]
        score = similarity(predictions, targets, segments, library[:, None] + np.arange(segments.length))[own]
        best = np.argsort(-score, axis=1, kind="stable")[:, :n_best]
        starts[own], values[own] = library[best], np.take_along_axis(score, best, 1)
    return Retrieval(starts.astype(int), values)
