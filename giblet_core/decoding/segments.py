"""Segments of held-out time, and which of them may stand against each other as foils.

A foil is a segment that could be taken for the one that was heard: of the same test fold, the same
class of sound and about the same loudness, but well away in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.timing import Fold, run_index


def fold_numbers(n_trs: int, folds: list[Fold]) -> np.ndarray:
    """Return the test fold of each TR, -1 where it is in none.

    Examples
    --------
    >>> folds = [(np.arange(3, 6), np.arange(0, 2)), (np.arange(0, 3), np.arange(4, 6))]
    >>> fold_numbers(6, folds).tolist()
    [0, 0, -1, -1, 1, 1]
    """
    fold_of = np.full(n_trs, -1)
    for number, (_, test) in enumerate(folds):
        fold_of[test] = number
    return fold_of


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of TRs, each inside one run and one test fold.

    Attributes
    ----------
    starts : int array of shape (n_segments,)
        First TR of each segment.
    length : int
        TRs of each segment.
    fold_of : int array of shape (n_segments,)
        Test fold of each segment.
    class_of : int array of shape (n_segments,)
        The class that most of the segment's TRs have; 0 throughout without annotation.
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

    @property
    def covered(self) -> np.ndarray:
        """TRs that lie in any segment, sorted, (n_covered,)."""
        return np.unique(self.rows)

    def foils(self, embargo: int = 20, max_lu: float = 2.0) -> np.ndarray:
        """Return which segments may stand against each, bool (n_segments, n_segments).

        Row i marks the foils of segment i: of the same fold and the same class, within `max_lu` LU
        of its loudness, and with at least `embargo` TRs between the end of one and the start of the
        other.
        """
        trs_between = np.abs(self.starts[:, None] - self.starts) - self.length
        same_fold = self.fold_of[:, None] == self.fold_of
        same_class = self.class_of[:, None] == self.class_of
        level_difference = np.abs(self.loudness[:, None] - self.loudness)
        return (trs_between >= embargo) & same_fold & same_class & (level_difference <= max_lu)

    def some_foils(self, embargo: int = 20, max_lu: float = 2.0) -> np.ndarray:
        """Return `foils`, or say what to change where no segment has any.

        Raises
        ------
        InputError
            When no segment has a foil.
        """
        foils = self.foils(embargo, max_lu)
        if not foils.any():
            raise InputError(
                f"segments: none of {len(self.starts)} has a foil {embargo} TRs away in its fold "
                f"and class within {max_lu} LU; one needs it. Use longer folds, shorter segments "
                "or a wider max_lu."
            )
        return foils


def foil_pairs(foils: np.ndarray) -> np.ndarray:
    """Return each pair of segments that are foils of each other once, int (n_pairs, 2).

    The first segment of a pair is the earlier one; pairs are in order of time.

    Examples
    --------
    >>> foils = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], bool)
    >>> foil_pairs(foils).tolist()
    [[0, 1], [0, 2]]
    """
    return np.argwhere(np.triu(foils | foils.T, k=1))


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
    fold_of : int array of shape (n_trs,)
        Test fold of each TR, -1 for none; from `DecodingResult` or `fold_numbers`.
    length : int
        TRs of a segment.
    stride : int, optional
        TRs from the start of one segment to the next; by default `length`, without overlap.
    run_onsets : sequence of int
        Row at which each run begins. No segment crosses a run's border.
    classes : int array of shape (n_trs,), optional
        Class of each TR, for example silence, speech, music, both: 0 to 3.
    loudness : array of shape (n_trs,), optional
        LUFS of each TR. A segment has the level of its mean power.

    Returns
    -------
    Segments

    Raises
    ------
    InputError
        When the test folds hold fewer than two segments.
    """
    starts = _segment_starts(fold_of, run_index(len(fold_of), run_onsets), length, stride or length)
    if len(starts) < 2:
        raise InputError(
            f"length={length}: the test folds hold {len(starts)} such segments; at least 2 are "
            "needed. Use shorter ones."
        )
    rows = starts[:, None] + np.arange(length)
    class_of = np.zeros(len(starts), int)
    if classes is not None:
        class_of = np.array([np.bincount(c).argmax() for c in np.asarray(classes)[rows]])
    level = np.zeros(len(starts))
    if loudness is not None:
        power = 10 ** (np.asarray(loudness)[rows] / 10)
        level = 10 * np.log10(power.mean(1))
    return Segments(starts, length, fold_of[starts], class_of, level)


def _segment_starts(
    fold_of: np.ndarray, run_of: np.ndarray, length: int, stride: int
) -> np.ndarray:
    """Return where segments begin, (n_segments,), stretch by stretch of one fold and one run."""
    borders = (np.diff(fold_of) != 0) | (np.diff(run_of) != 0)
    stretch_starts = [0, *(np.flatnonzero(borders) + 1)]
    stretch_stops = [*stretch_starts[1:], len(fold_of)]
    starts: list[int] = []
    for start, stop in zip(stretch_starts, stretch_stops):
        if fold_of[start] >= 0:
            starts.extend(range(start, stop - length + 1, stride))
    return np.array(starts, dtype=int)
