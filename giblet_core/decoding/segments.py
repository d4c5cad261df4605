"""Segments of held-out time, which of them may stand against each other, and how alike predicted
and true ones are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import require
from giblet_core.timing import Fold, run_index


def fold_numbers(n_trs: int, folds: list[Fold]) -> np.ndarray:
    """Return the test fold of each TR, -1 where it is in none."""
    fold_of = np.full(n_trs, -1)
    for f, (_, test) in enumerate(folds):
        fold_of[test] = f
    return fold_of


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of TRs, each inside one run and one test fold.

    Attributes
    ----------
    starts : array of shape (n_segments,), TRs
    length : int, TRs
    fold_of : array of shape (n_segments,)
    class_of : array of shape (n_segments,)
        The annotation's class that holds most of the segment; 0 throughout without annotation.
    loudness : array of shape (n_segments,), LUFS
        0 throughout where loudness is not matched.
    """

    starts: np.ndarray
    length: int
    fold_of: np.ndarray
    class_of: np.ndarray
    loudness: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """TRs of each segment, (n_segments, length)."""
        return self.starts[:, None] + np.arange(self.length)

    def turned(self, n_trs: int, embargo: int, n_draws: int) -> np.ndarray:
        """Return rows (n_draws, n_trs) that move all covered TRs circularly, forwards and
        backwards, far from where they were.
        """
        at, least = np.unique(self.rows), embargo + self.length
        far = np.arange(min(least, len(at) // 2), max(len(at) - least, len(at) // 2) + 1)
        moves = [(order, shift) for order in (at, at[::-1]) for shift in far]
        rows = np.tile(np.arange(n_trs), (min(n_draws, len(moves)), 1))
        rows[:, at] = [
            np.roll(*moves[i]) for i in np.linspace(0, len(moves) - 1, len(rows)).astype(int)
        ]
        return rows

    def foils(self, embargo: int = 20, max_lu: float = 2.0) -> np.ndarray:
        """Return which segment may stand against which, bool (n_segments, n_segments).

        Same fold, same class, within `max_lu` of loudness, and at least `embargo` TRs between the
        end of one and the start of the other.
        """
        gap = np.abs(self.starts[:, None] - self.starts) - self.length
        return (
            (gap >= embargo)
            & (self.fold_of[:, None] == self.fold_of)
            & (self.class_of[:, None] == self.class_of)
            & (np.abs(self.loudness[:, None] - self.loudness) <= max_lu)
        )


def make_segments(
    fold_of: np.ndarray,
    length: int = 10,
    stride: int | None = None,
    *,
    run_onsets: Sequence[int] = (0,),
    classes: np.ndarray | None = None,
    loudness: np.ndarray | None = None,
) -> Segments:
    """Cut test folds into segments.

    Parameters
    ----------
    fold_of : array of shape (n_trs,)
        From `DecodingResult` or `fold_numbers`.
    length, stride : int
        TRs; not overlapping by default.
    classes : array of shape (n_trs,), integer, optional
        Class of each TR, e.g. silence, speech, music, both.
    loudness : array of shape (n_trs,), optional
        LUFS of each TR; a segment has the level of its mean power.

    Returns
    -------
    Segments
    """
    run_of, stride = run_index(len(fold_of), run_onsets), stride or length
    block = np.cumsum(np.append(True, (np.diff(fold_of) != 0) | (np.diff(run_of) != 0))) - 1
    first = np.flatnonzero(np.append(True, np.diff(block) != 0))
    starts = [
        np.arange(a, b - length + 1, stride)
        for a, b in zip(first, [*first[1:], len(fold_of)])
        if fold_of[a] >= 0
    ]
    starts = np.concatenate(starts).astype(int) if starts else np.array([], int)
    require(
        len(starts) > 1,
        f"length={length}: the test folds hold {len(starts)} such segments; at least 2 are needed. Use shorter ones.",
    )
    rows = starts[:, None] + np.arange(length)
    class_of = (
        np.zeros(len(starts), int)
        if classes is None
        else np.array([np.bincount(c).argmax() for c in np.asarray(classes)[rows]])
    )
    level = (
        np.zeros(len(starts))
        if loudness is None
        else 10 * np.log10((10 ** (np.asarray(loudness)[rows] / 10)).mean(1))
    )
    return Segments(starts, length, fold_of[starts], class_of, level)


def centred(predictions: np.ndarray, segments: Segments) -> np.ndarray:
    """Take the mean of each fold's segments from predictions (n_trs, n_dims)."""
    p = np.array(predictions, dtype=np.float64)
    for f in np.unique(segments.fold_of):
        rows = np.unique(segments.rows[segments.fold_of == f])
        p[rows] -= p[rows].mean(0)
    return p


def similarity(
    predictions: np.ndarray,
    targets: np.ndarray,
    segments: Segments,
    library: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Correlate predicted with true segments, all TRs and dimensions of a segment as one pattern.

    Every dimension is scaled by its own SD and centred, predictions within their test fold as r is;
    a bias has no say.

    Parameters
    ----------
    predictions : array of shape (n_trs, n_dims) targets : array of shape (n_trs, n_dims), or
    (n_folds, n_trs, n_dims) where each fold has its own segments : Segments library : array of
    shape (n_library, length), optional
        TRs of other true segments to compare with; the segments themselves by default.
    weights : array of shape (n_folds, n_dims), optional
        Of the dimensions, for the segments of each test fold. Predictions then keep their own size,
        in units of the truth's SD: what ridge shrank counts less.

    Returns
    -------
    array of shape (n_segments, n_segments or n_library)
    """
    p, at, targets = (
        centred(predictions, segments),
        np.unique(segments.rows),
        np.asarray(targets, dtype=np.float64),
    )
    library = segments.rows if library is None else library
    out = np.empty((len(segments.rows), len(library)))
    for f in np.unique(segments.fold_of):
        own, t, root = (
            segments.fold_of == f,
            targets if targets.ndim == 2 else targets[f],
            1 if weights is None else np.sqrt(weights[f]),
        )
        own_scale, scale = (
            root / np.where(sd > 0, sd, np.inf)
            for sd in ((p if weights is None else t)[at].std(0), t[at].std(0))
        )
        a, b = (
            x.reshape(len(x), -1)
            for x in (p[segments.rows[own]] * own_scale, (t[library] - t[at].mean(0)) * scale)
        )
        a, b = (x - x.mean(1, keepdims=True) for x in (a, b))
        norm = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        out[own] = a @ b.T / np.where(norm > 0, norm, np.inf)
    return out
