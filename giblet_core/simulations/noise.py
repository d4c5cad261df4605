"""What scanner and body add to the series of a region."""

from collections.abc import Sequence

import numpy as np
from scipy import signal

from giblet_core.timing import TRGrid

#: Of the variance of noise.
SHARES = {
    "autoregressive": 0.60,
    "drift": 0.15,
    "global": 0.10,
    "breath": 0.05,
    "heart": 0.05,
    "movement": 0.05,
}
MEMORY_S = (1.25, 2.15)  # AR(1) of .3 to .5 at a TR of 1.5 s
BREATH_HZ = (0.2, 0.35)
HEART_HZ = (0.9, 1.3)
SPIKES_A_SECOND = 1 / 100


def region_noise(
    n_subjects: int, n_regions: int, grids: Sequence[TRGrid], rng: np.random.Generator
) -> np.ndarray:
    """Draw noise with memory, drift, a global signal, body rhythms and spikes of movement.

    Runs are independent of each other. Regions of one subject share the global signal, the rhythms
    and the spikes, with weights of their own.

    Parameters
    ----------
    n_subjects, n_regions : int
    grids : sequence of TRGrid
        One a run.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_subjects, n_trs, n_regions)
        Each series of mean 0 and variance 1.
    """
    runs = [_run_noise(n_subjects, n_regions, grid, rng) for grid in grids]
    noise = np.concatenate(runs, axis=1)
    noise -= noise.mean(1, keepdims=True)
    return noise / noise.std(1, keepdims=True)


def _run_noise(
    n_subjects: int, n_regions: int, grid: TRGrid, rng: np.random.Generator
) -> np.ndarray:
    subjects = []
    for _ in range(n_subjects):
        shared = {
            "global": _coloured(grid.n_trs, 1, 0.5, rng),
            "breath": _rhythm(grid, BREATH_HZ, rng),
            "heart": _rhythm(grid, HEART_HZ, rng),
            "movement": _spikes(grid, rng),
        }
        noise = np.sqrt(SHARES["autoregressive"]) * _autoregressive(grid, n_regions, rng)
        noise += np.sqrt(SHARES["drift"]) * _coloured(grid.n_trs, n_regions, 1.0, rng)
        for name, courses in shared.items():
            weights = rng.standard_normal((courses.shape[1], n_regions))
            weights /= np.sqrt(courses.shape[1])
            noise += np.sqrt(SHARES[name]) * courses @ weights
        subjects.append(noise)
    return np.stack(subjects)


def _autoregressive(grid: TRGrid, n_regions: int, rng: np.random.Generator) -> np.ndarray:
    """Return AR(1) of variance 1, (n_trs, n_regions); its memory is one of seconds, not of TRs."""
    memory = np.exp(-grid.t_r / rng.uniform(*MEMORY_S))
    white = rng.standard_normal((grid.n_trs, n_regions))
    start = memory * rng.standard_normal((1, n_regions))
    innovations = np.sqrt(1 - memory**2) * white
    return signal.lfilter([1], [1, -memory], innovations, axis=0, zi=start)[0]


def _coloured(n_trs: int, count: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Return series of power ``1 / f**exponent``, (n_trs, count), that do not wrap around."""
    frequency = np.fft.rfftfreq(2 * n_trs)
    amplitude = np.concatenate([[0], frequency[1:] ** (-exponent / 2)])
    phases = rng.standard_normal((len(frequency), count, 2)) @ [1, 1j]
    series = np.fft.irfft(amplitude[:, None] * phases, axis=0)[:n_trs]
    return (series - series.mean(0)) / series.std(0)


def _rhythm(grid: TRGrid, rates_hz: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Sample a rhythm of wandering rate at the TRs, (n_trs, 2); a fast one appears as its alias."""
    rate_hz = rng.uniform(*rates_hz) * (1 + 0.05 * _coloured(grid.n_trs, 1, 1.0, rng)[:, 0])
    phase = 2 * np.pi * np.cumsum(rate_hz * grid.t_r) + rng.uniform(0, 2 * np.pi)
    return np.sqrt(2) * np.stack([np.cos(phase), np.sin(phase)], axis=1)


def _spikes(grid: TRGrid, rng: np.random.Generator) -> np.ndarray:
    """Return spikes of sudden movement that last into the next TR, (n_trs, 1)."""
    is_sudden = rng.random(grid.n_trs) < grid.t_r * SPIKES_A_SECOND
    size = np.where(is_sudden, rng.gamma(2, 1, grid.n_trs), 0.0)
    course = size + 0.4 * np.append(0, size[:-1])
    return ((course - course.mean()) / max(course.std(), 1e-9))[:, None]
