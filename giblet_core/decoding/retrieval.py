"""Retrieval: which stretch of training time is most like what was decoded? It can be played."""

from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.patterns import centred, true_patterns
from giblet_core.decoding.segments import Segments
from giblet_core.errors import InputError
from giblet_core.timing import Fold


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The stretches nearest to each predicted segment, the nearest first.

    Attributes
    ----------
    starts : int array of shape (n_segments, n_best)
        First TR of each stretch.
    similarity : array of shape (n_segments, n_best)
        Its correlation with the predicted segment.
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
    """Find the true stretches nearest to each predicted segment, in training time of its fold.

    What was heard is not there; what is found is a look-alike.

    Parameters
    ----------
    predictions : array of shape (n_trs, n_dims)
        Held-out predictions.
    targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        True values; the second where training time of each fold has made its own.
    segments : Segments
        The predicted segments.
    folds : list of (train, test)
        `Segments.fold_of` counts them.
    n_best : int
        Stretches to return for each segment.

    Returns
    -------
    Retrieval

    Raises
    ------
    InputError
        The training time of a fold holds fewer than `n_best` stretches as long as a segment.
    """
    predictions = centred(predictions, segments)
    n_segments = len(segments.starts)
    starts = np.empty((n_segments, n_best), dtype=int)
    best_similarity = np.empty((n_segments, n_best))
    for fold in np.unique(segments.fold_of):
        train, _ = folds[fold]
        candidates = _unbroken_starts(train, segments.length)
        if len(candidates) < n_best:
            raise InputError(
                f"n_best={n_best}: training time of fold {fold} has {len(candidates)} stretches of "
                f"{segments.length} unbroken TRs; as many as n_best are needed. Ask for fewer, or "
                "use shorter segments."
            )
        library = candidates[:, None] + np.arange(segments.length)
        truth = true_patterns(targets, segments, fold, library)
        similarity = truth.correlate(predictions)
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :n_best]
        starts[truth.in_fold] = candidates[order]
        best_similarity[truth.in_fold] = np.take_along_axis(similarity, order, axis=1)
    return Retrieval(starts, best_similarity)


def _unbroken_starts(rows: np.ndarray, length: int) -> np.ndarray:
    """Return the rows from which `length` rows follow each other without a break, perhaps none."""
    if len(rows) < length:
        return rows[:0]
    firsts = rows[: len(rows) - length + 1]
    lasts = rows[length - 1 :]
    return firsts[lasts - firsts == length - 1]
