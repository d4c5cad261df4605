"""Identification: is a predicted segment more like the one that was heard than like its foils.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.patterns import TruePatterns, centred, true_patterns
from giblet_core.decoding.regression import DecodingResult
from giblet_core.decoding.segments import Segments
from giblet_core.encoding import check_matrix


@dataclass(frozen=True, eq=False)
class Identification:
    """How often the segment that was heard is told from its foils.

    Attributes
    ----------
    pairwise_accuracy : float
        Mean over segments of `per_segment`; chance .5. Segments without a foil are left out.
    per_segment : array of shape (n_segments,)
        Share of a segment's foils that are less like its prediction than the segment itself is;
        ties count half. NaN where a segment has no foil.
    rank : array of shape (n_segments,)
        Place of the true segment among itself and its foils, 1 the best. NaN without a foil.
    n_foils : int array of shape (n_segments,)
        Foils of each segment.
    n_without : int
        Segments without a foil.
    p : float
        Share of draws of `null` that do as well, at least 1 / (n_draws + 1).
    null : array of shape (n_draws,)
        Pairwise accuracy of predictions that were moved along time.
    """

    pairwise_accuracy: float
    per_segment: np.ndarray
    rank: np.ndarray
    n_foils: np.ndarray
    n_without: int
    p: float
    null: np.ndarray

    def __str__(self) -> str:
        n_scored = np.isfinite(self.per_segment).sum()
        floor = 1 / (len(self.null) + 1)
        return (
            f"{100 * self.pairwise_accuracy:.1f} % pairwise over {n_scored} segments "
            f"({self.n_without} without foils), p = {self.p:.4f} (floor {floor:.4f})"
        )


def pairwise_accuracy(similarity: np.ndarray, foils: np.ndarray) -> np.ndarray:
    """Return the share of each segment's foils that it beats; ties count half.

    Parameters
    ----------
    similarity : array of shape (n_segments, n_segments)
        Row i: how like predicted segment i is to each true one.
    foils : bool array of shape (n_segments, n_segments)
        Row i: which true segments are foils of segment i.

    Returns
    -------
    array of shape (n_segments,)
        0 for a segment without foils.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.1, 0.9], [0.5, 0.2, 0.1], [0.0, 0.0, 0.3]])
    >>> pairwise_accuracy(similarity, ~np.eye(3, dtype=bool)).tolist()
    [0.75, 0.5, 1.0]
    """
    true_similarity = np.diagonal(similarity)[:, None]
    tie_or_loss = np.where(true_similarity == similarity, 0.5, 0.0)
    beaten = np.where(true_similarity > similarity, 1.0, tie_or_loss)
    n_foils = foils.sum(1)
    return (beaten * foils).sum(1) / np.maximum(n_foils, 1)


def identify(
    predictions: np.ndarray,
    targets: np.ndarray,
    segments: Segments,
    *,
    embargo: int = 20,
    max_lu: float = 2.0,
    n_draws: int = 400,
) -> Identification:
    """Identify held-out segments among foils of the same fold, class and loudness.

    Every dimension counts alike. The null takes the predictions as one series and moves it
    circularly along time, forwards and backwards: neighbouring segments are alike and stay
    neighbours. Shuffling single segments would call chance significant too often.

    Parameters
    ----------
    predictions : array of shape (n_trs, n_dims)
        Held-out predictions.
    targets : array of shape (n_trs, n_dims)
        True values.
    segments : Segments
        From `make_segments`.
    embargo : int
        TRs that lie between a segment and its foils at least; the null shifts by at least as many
        and a segment (`Segments.circular_moves`).
    max_lu : float
        Largest difference in loudness between a segment and its foils, LU.
    n_draws : int
        Draws of the null.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a foil, or predictions and targets differ in length.
    """
    predictions = check_matrix("predictions", predictions)
    targets = check_matrix("targets", targets, len(predictions))
    comparison = _compare(predictions, targets, None, segments)
    foils = segments.some_foils(embargo, max_lu)
    moves = segments.circular_moves(len(targets), embargo, n_draws)
    return _identify([comparison], segments, foils, moves)


def identify_stacked(
    decoded: Sequence[DecodingResult],
    segments: Segments,
    *,
    embargo: int = 20,
    max_lu: float = 2.0,
    n_draws: int = 400,
) -> Identification:
    """Identify held-out segments by several decoded spaces, whose similarities are averaged.

    Within a space each dimension counts by `DecodingResult.weights`, what training time alone
    knows of it.

    Parameters
    ----------
    decoded : sequence of DecodingResult
        One for each space, over the same TRs and folds.
    segments : Segments
        From `make_segments`.
    embargo, max_lu, n_draws
        As in `identify`.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a foil.
    """
    comparisons = [_compare(d.predictions, d.targets, d.weights, segments) for d in decoded]
    foils = segments.some_foils(embargo, max_lu)
    moves = segments.circular_moves(len(decoded[0].predictions), embargo, n_draws)
    return _identify(comparisons, segments, foils, moves)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Centred predictions (n_trs, n_dims) of one space, and its true segments, a fold each."""

    predictions: np.ndarray
    truth: tuple[TruePatterns, ...]

    def similarity(self, segments: Segments, rows: np.ndarray | slice) -> np.ndarray:
        """Return the similarity (n_segments, n_segments) of predictions in the order of rows."""
        moved = centred(self.predictions[rows], segments)
        out = np.empty((len(segments.starts), len(segments.starts)))
        for fold_truth in self.truth:
            out[fold_truth.in_fold] = fold_truth.correlate(moved)
        return out


def _compare(
    predictions: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, segments: Segments
) -> _Comparison:
    truth = tuple(
        true_patterns(targets, segments, fold, weights=weights)
        for fold in np.unique(segments.fold_of)
    )
    return _Comparison(centred(predictions, segments), truth)


def _mean_similarity(
    comparisons: Sequence[_Comparison], segments: Segments, rows: np.ndarray | slice
) -> np.ndarray:
    return np.mean([c.similarity(segments, rows) for c in comparisons], axis=0)


def _identify(
    comparisons: Sequence[_Comparison], segments: Segments, foils: np.ndarray, moves: np.ndarray
) -> Identification:
    """Score the predictions as they are, and after each of the moves (n_draws, n_trs)."""
    has_foil = foils.any(1)
    similarity = _mean_similarity(comparisons, segments, slice(None))
    per_segment = pairwise_accuracy(similarity, foils)
    accuracy = per_segment[has_foil].mean()
    null = np.empty(len(moves))
    for draw, rows in enumerate(moves):
        moved_similarity = _mean_similarity(comparisons, segments, rows)
        null[draw] = pairwise_accuracy(moved_similarity, foils)[has_foil].mean()
    as_like_as_true = similarity >= np.diagonal(similarity)[:, None]
    rank = 1 + (as_like_as_true & foils).sum(1)
    n_as_good = (null >= accuracy - 1e-12).sum()
    return Identification(
        pairwise_accuracy=float(accuracy),
        per_segment=np.where(has_foil, per_segment, np.nan),
        rank=np.where(has_foil, rank, np.nan),
        n_foils=foils.sum(1),
        n_without=int((~has_foil).sum()),
        p=float((1 + n_as_good) / (len(null) + 1)),
        null=null,
    )
