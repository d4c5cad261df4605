"""How alike predicted and true segments are: the correlation of their patterns.

The pattern of a segment is the values of all its TRs and dimensions, laid end to end.
"""

from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.segments import Segments


def centred(predictions: np.ndarray, segments: Segments) -> np.ndarray:
    """Subtract from predictions (n_trs, n_dims) the mean over each fold's segments."""
    out = np.array(predictions, dtype=np.float64)
    for fold in np.unique(segments.fold_of):
        rows = np.unique(segments.rows[segments.fold_of == fold])
        out[rows] -= out[rows].mean(0)
    return out


@dataclass(frozen=True, eq=False)
class TruePatterns:
    """True segments as one test fold knows them, ready to be compared with predictions.

    Attributes
    ----------
    in_fold : bool array of shape (n_segments,)
        Which of the predicted segments belong to the fold.
    rows : int array of shape (n_in_fold, length)
        TRs of these.
    covered : int array of shape (n_covered,)
        TRs of all segments.
    patterns : array of shape (n_library, length * n_dims)
        The true segments to compare with, every dimension scaled, every pattern centred.
    prediction_scale : array of shape (n_dims,) or None
        Factor of each dimension of the predictions. None: 1 / SD of the predictions themselves.
    """

    in_fold: np.ndarray
    rows: np.ndarray
    covered: np.ndarray
    patterns: np.ndarray
    prediction_scale: np.ndarray | None

    def correlate(self, predictions: np.ndarray) -> np.ndarray:
        """Correlate segments of `centred` predictions with true ones, (n_in_fold, n_library)."""
        scale = self.prediction_scale
        if scale is None:
            scale = 1 / _positive_or_infinite(predictions[self.covered].std(0))
        predicted = _centred_patterns(predictions[self.rows] * scale)
        predicted_norm = np.linalg.norm(predicted, axis=1)
        true_norm = np.linalg.norm(self.patterns, axis=1)
        norm = predicted_norm[:, None] * true_norm
        return predicted @ self.patterns.T / _positive_or_infinite(norm)


def true_patterns(
    targets: np.ndarray,
    segments: Segments,
    fold: int,
    library: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> TruePatterns:
    """Prepare the true segments that predictions of one test fold are compared with.

    Parameters
    ----------
    targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        True values; the second where training time of each fold has made its own.
    segments : Segments
        The predicted segments.
    fold : int
        Number of the test fold.
    library : int array of shape (n_library, length), optional
        TRs of the true segments to compare with; by default the segments themselves.
    weights : array of shape (n_folds, n_dims), optional
        As in `similarity`.

    Returns
    -------
    TruePatterns
    """
    targets = np.asarray(targets, dtype=np.float64)
    fold_targets = targets if targets.ndim == 2 else targets[fold]
    library = segments.rows if library is None else library
    covered = segments.covered
    in_fold = segments.fold_of == fold
    root_weights = 1 if weights is None else np.sqrt(weights[fold])
    target_scale = root_weights / _positive_or_infinite(fold_targets[covered].std(0))
    deviations = fold_targets[library] - fold_targets[covered].mean(0)
    return TruePatterns(
        in_fold=in_fold,
        rows=segments.rows[in_fold],
        covered=covered,
        patterns=_centred_patterns(deviations * target_scale),
        prediction_scale=None if weights is None else target_scale,
    )


def similarity(
    predictions: np.ndarray,
    targets: np.ndarray,
    segments: Segments,
    library: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Correlate predicted with true segments, all TRs and dimensions of a segment as one pattern.

    Every dimension is centred and scaled by its own SD, predictions within their test fold, as r
    is. A bias of the decoder therefore has no say.

    Parameters
    ----------
    predictions : array of shape (n_trs, n_dims)
        Held-out predictions.
    targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        True values; the second where training time of each fold has made its own.
    segments : Segments
        The predicted segments.
    library : int array of shape (n_library, length), optional
        TRs of other true segments to compare with; by default the segments themselves.
    weights : array of shape (n_folds, n_dims), optional
        Weights of the dimensions, for the segments of each test fold. Predictions then keep their
        own size, in units of the truth's SD: what ridge shrank counts less.

    Returns
    -------
    array of shape (n_segments, n_segments or n_library)
        Row i: predicted segment i with each true one.
    """
    predictions = centred(predictions, segments)
    n_library = len(segments.rows) if library is None else len(library)
    out = np.empty((len(segments.rows), n_library))
    for fold in np.unique(segments.fold_of):
        truth = true_patterns(targets, segments, fold, library, weights)
        out[truth.in_fold] = truth.correlate(predictions)
    return out


def _positive_or_infinite(values: np.ndarray) -> np.ndarray:
    """Put infinity in the place of 0, so that what is divided by it becomes 0."""
    return np.where(values > 0, values, np.inf)


def _centred_patterns(values: np.ndarray) -> np.ndarray:
    """Lay segments (n, length, n_dims) out as patterns (n, length * n_dims) of mean 0."""
    patterns = values.reshape(len(values), -1)
    return patterns - patterns.mean(1, keepdims=True)
