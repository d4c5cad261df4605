"""TODO: decoding/identification."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.regression import DecodingResult
from giblet_core.decoding.segments import Segments, centred, similarity
from giblet_core.encoding import check_matrix
from giblet_core.errors import require
from giblet_core.timing import Fold


@dataclass(frozen=True, eq=False)
class Identification:
    """How often the segment heard is told from its foils.

    Attributes
    ----------
    pairwise : float
        Mean over segments of the share of foils that are less similar than the true segment (ties
        half); chance .5.
    per_segment : array of shape (n_segments,)
        NaN where a segment has no foil.
    rank : array of shape (n_segments,)
        Place of the true segment among itself and its foils, 1 the best; NaN without foil.
    n_lures : array of shape (n_segments,)
    n_without : int
        Segments without a foil: left out of the mean, counted here.
    p : float
        Share of circular moves of the predictions that do as well; floor 1 / (n + 1).
    null : array of shape (n_draws,)
    """

    pairwise: float
    per_segment: np.ndarray
    rank: np.ndarray
    n_foils: np.ndarray
    n_without: int
    p: float
    null: np.ndarray

    def __str__(self) -> str:
        return (
            f"{100 * self.pairwise:.1f} % pairwise over {np.isfinite(self.per_segment).sum()} segments ({self.n_without} without "
            f"foils), p = {self.p:.4f} (floor {1 / (len(self.null) + 1):.4f})"
        )


def pairwise_wins(score: np.ndarray, foils: np.ndarray) -> np.ndarray:
    """Return the share of foils beaten by the diagonal, (n_segments,), 0 without foils."""
    own = np.diagonal(score)[:, None]
    beaten = np.where(own > score, 1.0, np.where(own == score, 0.5, 0.0))
    return (beaten * foils).sum(1) / np.maximum(foils.sum(1), 1)


def identify(
    predictions: np.ndarray, targets: np.ndarray, segments: Segments, **options
) -> Identification:
    """Identify held-out segments by predictions and targets, both (n_trs, n_dims), every dimension
    alike; options as in `identify_by`.
    """
    predictions, targets = (
        check_matrix("predictions", predictions),
        check_matrix("targets", targets, len(predictions)),
    )
    p = centred(predictions, segments)
    return identify_by(
        lambda rows: similarity(p[rows], targets, segments), segments, len(targets), **options
    )


def identify_stacked(
    decoded: Sequence[DecodingResult], segments: Segments, **options
) -> Identification:
    """Identify by several decoded spaces, whose likenesses are averaged, each dimension weighted by
    what training time says of it.
    """
    spaces = [(centred(d.predictions, segments), d.targets, d.weights) for d in decoded]
    return identify_by(
        lambda rows: np.mean(
            [similarity(p[rows], t, segments, weights=w) for p, t, w in spaces], axis=0
        ),
        segments,
        len(decoded[0].predictions),
        **options,
    )


def identify_by(
    score: Callable[[np.ndarray], np.ndarray],
    segments: Segments,
    n_trs: int,
    *,
    embargo: int = 20,
    max_lu: float = 2.0,
    n_draws: int = 400,
) -> Identification:
    """Identify held-out segments among foils of the same fold, class and loudness, at least
    `embargo` TRs away.

    Parameters
    ----------
    score : function of rows (n_trs,) that returns an array of shape (n_segments, n_segments)
        How like each predicted segment is to each true one, with the predictions taken in the order
        of the rows.
    segments : Segments
        From `make_segments`.
    n_draws : int
        Of the null: predictions as one series, moved circularly by at least `embargo` TRs and a
        segment, forwards and backwards in time. Neighbouring segments are alike and stay
        neighbours: shuffling single segments would call chance significant too often.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a foil.
    """
    foils = segments.foils(embargo, max_lu)
    has = foils.any(1)
    require(
        has.any(),
        f"segments: none of {len(segments.starts)} has a foil {embargo} TRs away in its fold and class within {max_lu} LU; "
        "one needs it. Use longer folds, shorter segments or a wider max_lu.",
    )
    true = score(np.arange(n_trs))
    wins, rank = (
        pairwise_wins(true, foils),
        1 + ((true >= np.diagonal(true)[:, None]) & foils).sum(1),
    )
    pairwise = wins[has].mean()
    null = np.array(
        [
            pairwise_wins(score(rows), foils)[has].mean()
            for rows in (segments.turned(n_trs, embargo, n_draws) if n_draws else ())
        ]
    )
    return Identification(
        float(pairwise),
        np.where(has, wins, np.nan),
        np.where(has, rank, np.nan),
        foils.sum(1),
        int((~has).sum()),
        float((1 + (null >= pairwise - 1e-12).sum()) / (len(null) + 1)),
        null,
    )


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The nearest segments to each prediction, to be played: `starts` and `similarity`, both
    (n_segments, n_best), best first.
    """

    starts: np.ndarray
    similarity: np.ndarray


def retrieve(
    predictions: np.ndarray,
    targets: np.ndarray,
    segments: Segments,
    folds: list[Fold],
    n_best: int = 3,
) -> Retrieval:
    """Find the true segments nearest to each prediction in the training time of its fold: what was
    heard is not there, look-alikes are.
    """
    starts, values = np.empty((2, len(segments.starts), n_best))
    for f in np.unique(segments.fold_of):
        own, train = np.flatnonzero(segments.fold_of == f), folds[f][0]
        whole = train[: len(train) - segments.length + 1]
        library = whole[train[segments.length - 1 :] - whole == segments.length - 1]
        score = similarity(
            predictions, targets, segments, library[:, None] + np.arange(segments.length)
        )[own]
        best = np.argsort(-score, axis=1, kind="stable")[:, :n_best]
        starts[own], values[own] = library[best], np.take_along_axis(score, best, 1)
    return Retrieval(starts.astype(int), values)
