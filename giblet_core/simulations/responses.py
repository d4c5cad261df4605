"""How the blood answers: several shapes of response, each with a free peak.

Shapes of a double gamma are what analyses assume; the others are not.

References
----------
.. [1] Glover 1999, NeuroImage 9, 416. doi:10.1006/nimg.1998.0419 (two gammas)
.. [2] Lindquist et al. 2009, NeuroImage 45, S187. doi:10.1016/j.neuroimage.2008.10.065 (logistic
   functions)
.. [3] Woolrich et al. 2004, NeuroImage 21, 1748. doi:10.1016/j.neuroimage.2003.12.024 (half
   cosines)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, stats

from giblet_core.simulations.heard_sound import RATE_HZ
from giblet_core.timing import TRGrid

LENGTH_S = 32  # of a response
PEAKS_S = (4.0, 7.0)  # between which a region's response peaks


def double_gamma(t_s: np.ndarray, peak_s: float, width: float, undershoot: float) -> np.ndarray:
    """Return a gamma less a later one [1]_.

    Parameters
    ----------
    t_s : array of shape (n,)
        Seconds after the event.
    peak_s : float
        Where the first gamma is highest.
    width : float
        1 is the canonical width; larger is wider.
    undershoot : float
        Height of the second gamma, 10 s later, as a share of the first.

    Returns
    -------
    array of shape (n,)
    """
    rise = _gamma(t_s, peak_s, width)
    fall = _gamma(t_s, peak_s + 10, width)
    return rise / rise.max() - undershoot * fall / fall.max()


def logistic_steps(t_s: np.ndarray, peak_s: float, width: float, undershoot: float) -> np.ndarray:
    """Return three logistic steps: up, down below zero, and back [2]_.

    Parameters
    ----------
    t_s, peak_s, width, undershoot
        As in `double_gamma`; the steps lie on either side of the peak.

    Returns
    -------
    array of shape (n,)
    """
    half_width_s = 2.5 * width
    up = _logistic((t_s - peak_s + half_width_s) / 0.6)
    down = _logistic((t_s - peak_s - half_width_s) / 0.9)
    back = _logistic((t_s - peak_s - 8 * width - 4) / 1.5)
    onset = _logistic((0 - peak_s + half_width_s) / 0.6)
    return (up - onset) / (1 - onset) - (1 + undershoot) * down + undershoot * back


def half_cosines(t_s: np.ndarray, peak_s: float, width: float, undershoot: float) -> np.ndarray:
    """Return half periods of cosines: a delay, a rise, a fall below zero, a return [3]_.

    Parameters
    ----------
    t_s, peak_s, width, undershoot
        As in `double_gamma`.

    Returns
    -------
    array of shape (n,)
    """
    rise_s = min(4 * width, peak_s)
    knots_s = [peak_s - rise_s, peak_s, peak_s + 6 * width, peak_s + 6 * width + 7]
    heights = [0.0, 1.0, -undershoot, 0.0]
    values = np.zeros(len(t_s))
    for start_s, stop_s, low, high in zip(knots_s[:-1], knots_s[1:], heights[:-1], heights[1:]):
        inside = (t_s >= start_s) & (t_s < stop_s)
        phase = (t_s[inside] - start_s) / (stop_s - start_s)
        values[inside] = low + (high - low) * (1 - np.cos(np.pi * phase)) / 2
    return values


def _gamma(t_s: np.ndarray, peak_s: float, width: float) -> np.ndarray:
    """Return a gamma density with its mode at `peak_s` and a variance of about 5 s^2 at width 1."""
    variance = 5 * width**2
    scale = (np.sqrt(peak_s**2 + 4 * variance) - peak_s) / 2  # mode and variance give the scale
    return stats.gamma.pdf(t_s, peak_s / scale + 1, scale=scale)


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


Shape = Callable[[np.ndarray, float, float, float], np.ndarray]

#: Shapes of responses; the first is of the family that analyses assume.
RESPONSES: dict[str, Shape] = {
    "double gamma": double_gamma,
    "logistic steps": logistic_steps,
    "half cosines": half_cosines,
}


@dataclass(frozen=True)
class RegionResponse:
    """The response of one region.

    Attributes
    ----------
    shape : str
        Of `RESPONSES`.
    peak_s : float
    width : float
    undershoot : float
    """

    shape: str
    peak_s: float
    width: float
    undershoot: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "RegionResponse":
        """Draw a shape; every second one is no double gamma."""
        others = list(RESPONSES)[1:]
        is_gamma = rng.random() < 0.5
        shape = "double gamma" if is_gamma else str(rng.choice(others))
        return cls(shape, rng.uniform(*PEAKS_S), rng.uniform(0.8, 1.25), rng.uniform(0, 0.3))

    def kernel(self, shift_s: float = 0.0) -> np.ndarray:
        """Sample the response in bins of 1/10 s, peaking `shift_s` later: (320,), of power 1."""
        t_s = (np.arange(LENGTH_S * RATE_HZ) + 0.5) / RATE_HZ
        peak_s = float(np.clip(self.peak_s + shift_s, *PEAKS_S))
        values = RESPONSES[self.shape](t_s, peak_s, self.width, self.undershoot)
        return values / np.linalg.norm(values)


@lru_cache(maxsize=32)  # exact fractions take longer than the convolution
def _places(grid: TRGrid) -> np.ndarray:
    """Return where TRs are sampled, in bins after the first that is heard: (n_trs,)."""
    return grid.times() * RATE_HZ - int(grid.heard_from * RATE_HZ)


def respond(tracks: np.ndarray, kernels: np.ndarray, grids: Sequence[TRGrid]) -> np.ndarray:
    """Convolve tracks with responses run by run, and sample them where the grid says.

    Nothing is heard before a run and its history: tracks count 0 there. A value holds no bin that
    begins after its sample.

    Parameters
    ----------
    tracks : array of shape (n_rows or 1, n_bins)
        On the time line of the sound.
    kernels : array of shape (n_rows, 320)
        One a row; a single track is convolved with each.
    grids : sequence of TRGrid
        One a run.

    Returns
    -------
    array of shape (n_rows, n_trs of all runs)
    """
    runs = []
    for grid in grids:
        start = int(grid.heard_from * RATE_HZ)
        places = _places(grid)
        n_bins = int(np.ceil(places[-1])) + 1
        heard = tracks[:, start : start + n_bins]
        size = fft.next_fast_len(heard.shape[1] + kernels.shape[1], real=True)
        spectrum = fft.rfft(heard, size, axis=1) * fft.rfft(kernels, size, axis=1)
        convolved = fft.irfft(spectrum, size, axis=1)[:, : heard.shape[1]]
        # what has sounded by the edge of a bin is what its predecessors left
        at_edges = np.concatenate([np.zeros((len(kernels), 1)), convolved], axis=1)
        before = np.minimum(np.floor(places).astype(int), at_edges.shape[1] - 1)
        after = np.minimum(before + 1, at_edges.shape[1] - 1)
        share = places - before
        runs.append((1 - share) * at_edges[:, before] + share * at_edges[:, after])
    return np.concatenate(runs, axis=1)
