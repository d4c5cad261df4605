"""The wrong ways, each plainly named, to be shown beside the right ones: what they report where there is nothing to find.

No other module uses these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import fftconvolve

from giblet_core import hrf
from giblet_core.kernels import correlate
from giblet_core.splits import Fold

WRONG_WAYS = {
    "shuffled folds": "TRs are dealt to folds at random: each test row has its neighbours in training",
    "concatenated scoring": "one r over the predictions of all folds: each fold's training mean tells of its test mean",
    "HRF twice": "the response is applied to labels already shifted or convolved: features come too late",
    "acausal HRF": "the convolution is centred: features come before the sound",
    "index averaging": "code indices are averaged as if they were quantities",
}


def shuffled_folds(n_trs: int, n_folds: int = 5, seed: int = 0) -> list[Fold]:
    """Deal TRs to folds at random, without embargo."""
    order = np.random.default_rng(seed).permutation(n_trs)
    return [(np.setdiff1d(order, test), np.sort(test)) for test in np.array_split(order, n_folds)]


def concatenated_r(predictions: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Correlate the predictions of all folds, laid end to end, with Y: shape (n_targets,)."""
    return correlate(predictions, Y)


def hrf_twice(x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Apply the response again to features (n_trs, n_features) that already hold it."""
    kernel = _at_tr(t_r, model)
    return np.concatenate([fftconvolve(run, kernel, axes=0)[: len(run)] for run in np.split(x, list(run_onsets)[1:])])


def acausal_hrf(x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Convolve features (n_trs, n_features) without the response with a centred kernel (mode "same"), as the predecessor did."""
    kernel = _at_tr(t_r, model)
    return np.concatenate([fftconvolve(run, kernel, mode="same", axes=0) for run in np.split(x, list(run_onsets)[1:])])


def _at_tr(t_r: float, model: str) -> np.ndarray:
    fine = hrf.kernel(model, 0.1)
    return np.interp(np.arange(0, 0.1 * len(fine), t_r), 0.1 * np.arange(len(fine)), fine)[:, None]


def average_indices(windows: np.ndarray) -> np.ndarray:
    """Average code indices (n_trs, K, n_frames) over the frames of each TR, (n_trs, K): renaming the entries changes the result."""
    return np.asarray(windows, dtype=np.float64).mean(2)
