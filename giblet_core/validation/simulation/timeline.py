"""The time line of the simulated brain: ten values a second, and how a region responds to them.

Everything that drives a region is brought to this one time line. The helpers here belong to the
simulator alone: the analysis has its own, so that an error in one does not hide in both.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import signal, stats

from giblet_core.timing import TRGrid

RATE_HZ = 10  # of the time line
RESPONSE_S = 32  # length of a response
CANONICAL_PEAK_S = 5.5


def unit_variance(x: np.ndarray) -> np.ndarray:
    """Centre and scale each column of (n, J) over time; a constant column becomes 0."""
    centred = x - x.mean(0)
    sd = centred.std(0)
    varies = sd > 1e-12 * (1 + np.abs(centred).max(0))
    return centred / np.where(varies, sd, np.inf)


def smooth(x: np.ndarray, seconds: float, rate_hz: float) -> np.ndarray:
    """Low-pass along time with a causal exponential.

    Parameters
    ----------
    x : array of shape (n,) or (n, J)
    seconds : float
        Time constant.
    rate_hz : float
        Values a second of `x`.

    Returns
    -------
    array of the shape of `x`
    """
    memory = np.exp(-1 / (seconds * rate_hz))
    return signal.lfilter([1 - memory], [1, -memory], x, axis=0)


def to_bins(x: np.ndarray, rate_hz: float, n_bins: int) -> np.ndarray:
    """Average frames into bins of 1/10 s; where frames end early, the last one is repeated.

    Parameters
    ----------
    x : array of shape (n_frames, J)
    rate_hz : float
        Frames a second of `x`.
    n_bins : int

    Returns
    -------
    array of shape (n_bins, J)
    """
    first_frames = np.ceil(np.arange(n_bins) * rate_hz / RATE_HZ).astype(int)
    first_frames = np.minimum(first_frames, len(x) - 1)
    stop = min(len(x), math.ceil(n_bins * rate_hz / RATE_HZ))
    n_frames = np.maximum(np.diff(first_frames, append=stop), 1)
    used = x[: first_frames[-1] + n_frames[-1]]
    return np.add.reduceat(used, first_frames, axis=0) / n_frames[:, None]


def response_kernel(peak_s: float) -> np.ndarray:
    """Return a two-gamma haemodynamic response with its peak at `peak_s`: (320,), of sum 1.

    It is sampled in the middle of bins of 1/10 s over 32 s.
    """
    t = (np.arange(RESPONSE_S * RATE_HZ) + 0.5) / RATE_HZ
    rise = stats.gamma.pdf(t, 6, scale=peak_s / 5)
    undershoot = stats.gamma.pdf(t, 16, scale=(peak_s + 10) / 15)
    kernel = rise - 0.15 * undershoot
    return kernel / kernel.sum()


def respond(tracks: np.ndarray, kernel: np.ndarray, grid: TRGrid) -> np.ndarray:
    """Convolve tracks with a response within one run and sample them at the run's TRs.

    The value at ``(i + slice_time_ref) * t_r`` holds only bins that ended before: the response is
    causal. Of what was heard before the run only its history is remembered.

    Parameters
    ----------
    tracks : array of shape (n_bins, J)
        On the time line of the sound.
    kernel : array of shape (320,)
        Of `response_kernel`.
    grid : TRGrid
        The run.

    Returns
    -------
    array of shape (n_trs, J)
    """
    history_s = min(grid.history_s, max(0.0, grid.onset_s))
    start = round((grid.onset_s - history_s) * RATE_HZ)
    n_bins = math.ceil((history_s + grid.n_trs * grid.t_r) * RATE_HZ) + 1
    run = tracks[start : start + n_bins]
    convolved = signal.oaconvolve(run, kernel[:, None], axes=0)
    response = np.zeros((n_bins + 1, tracks.shape[1]))
    response[1 : len(run) + 1] = convolved[: len(run)]
    times_s = history_s + (np.arange(grid.n_trs) + grid.slice_time_ref) * grid.t_r
    times = times_s * RATE_HZ  # in bins
    before = np.floor(times).astype(int)
    fraction = (times - before)[:, None]
    return (1 - fraction) * response[before] + fraction * response[before + 1]


def subject_kernel(peak_s: float) -> np.ndarray:
    """Return a response with its peak at `peak_s`, as strong as the canonical one: (320,)."""
    kernel = response_kernel(peak_s)
    canonical = response_kernel(CANONICAL_PEAK_S)
    return kernel / np.linalg.norm(kernel) * np.linalg.norm(canonical)


class Runs:
    """The runs of a study, and what responds in them."""

    def __init__(self, grids: Sequence[TRGrid]):
        self.grids = tuple(grids)
        self.canonical = response_kernel(CANONICAL_PEAK_S)

    def n_trs(self) -> int:
        """Count the TRs of all runs."""
        return sum(grid.n_trs for grid in self.grids)

    def respond(self, tracks: np.ndarray, kernel: np.ndarray | None = None) -> np.ndarray:
        """Convolve tracks (n_bins, J) and sample them in each run, centred by run: (n_trs, J).

        Without a kernel, the response is the canonical one.
        """
        if kernel is None:
            kernel = self.canonical
        responses = [respond(tracks, kernel, grid) for grid in self.grids]
        return np.concatenate([response - response.mean(0) for response in responses])

    def beyond(self, tracks: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Remove from tracks what `others` explain of their responses; both (n_bins, J).

        The result is not scaled: a track counts by what is left of it.
        """
        coefficients = np.linalg.lstsq(self.respond(others), self.respond(tracks), rcond=1e-6)[0]
        return tracks - others @ coefficients
