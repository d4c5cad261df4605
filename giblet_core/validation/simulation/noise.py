"""What scanner and body add to the simulated signal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.validation.simulation.head import Head, smooth_fields

SHARES = {  # of the noise variance
    "ar": 0.58,
    "drift": 0.14,
    "global": 0.12,
    "respiration": 0.05,
    "cardiac": 0.05,
    "motion": 0.06,
}


def one_over_f(n: int, count: int, rng: np.random.Generator, exponent: float = 1.0) -> np.ndarray:
    """Draw series of power ``1 / f**exponent``, of mean 0 and variance 1.

    Parameters
    ----------
    n : int
        Samples of each series.
    count : int
        Number of series.
    rng : numpy.random.Generator
    exponent : float

    Returns
    -------
    array of shape (n, count)
    """
    frequency = np.fft.rfftfreq(2 * n)[1:, None]
    real = rng.standard_normal((n, count))
    imaginary = rng.standard_normal((n, count))
    spectrum = (real + 1j * imaginary) * frequency ** (-exponent / 2)
    without_mean = np.concatenate([np.zeros((1, count)), spectrum])
    series = np.fft.irfft(without_mean, axis=0)[:n]  # half a period: it does not wrap around
    return (series - series.mean(0)) / series.std(0)


def _oscillation(n_trs: int, t_r: float, centre_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Sample a body rhythm of wandering rate at the TRs: (n_trs, 2), sine and cosine.

    A rhythm above half the sampling rate appears as its alias.
    """
    rate_hz = centre_hz * (1 + 0.06 * one_over_f(n_trs, 1, rng)[:, 0])
    phase = 2 * np.pi * np.cumsum(rate_hz) * t_r + rng.uniform(0, 2 * np.pi)
    return np.sqrt(2) * np.stack([np.sin(phase), np.cos(phase)], axis=1)


def head_motion(n_trs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw how a head moves in a run, and the spikes that sudden movements leave.

    Returns
    -------
    motion : array of shape (n_trs, 6)
        mm, and rad x 50 mm.
    spikes : array of shape (n_trs,)
    """
    is_sudden = rng.random(n_trs) < 1 / 70
    spikes = np.where(is_sudden, rng.gamma(2.0, 1.0, n_trs), 0.0)
    jumps = spikes[:, None] * rng.standard_normal((n_trs, 6)) * 0.15
    walk = np.cumsum(0.01 * rng.standard_normal((n_trs, 6)) + jumps, axis=0)
    motion = 0.98 * walk + 0.02 * rng.standard_normal((n_trs, 6))
    after_a_spike = np.append(0, spikes[:-1])
    return motion, spikes + 0.4 * after_a_spike


@dataclass(frozen=True)
class _NoiseSources:
    """Where and how fast one subject's noise varies.

    Attributes
    ----------
    memory : array of shape (n_voxels,), float32
        Autoregression from one TR to the next.
    size : array of shape (n_voxels,), float32
        Standard deviation of the autoregressive part.
    breath_hz, heart_hz : float
    maps : dict of str to array of shape (n_components, n_voxels)
        For each source but "ar": how strongly its components appear in each voxel.
    """

    memory: np.ndarray
    size: np.ndarray
    breath_hz: float
    heart_hz: float
    maps: dict[str, np.ndarray]


def _noise_sources(head: Head, rng: np.random.Generator) -> _NoiseSources:
    memory = np.clip(0.4 + 0.05 * smooth_fields(head, 1, rng, 2)[0], 0.3, 0.5)
    breath_hz = rng.uniform(0.22, 0.32)
    heart_hz = rng.uniform(0.95, 1.25)
    size = np.sqrt(SHARES["ar"]) * np.exp(0.3 * smooth_fields(head, 1, rng, 3)[0])
    from_brain_stem = np.linalg.norm(head.xyz * (1, 0.5, 1) - (0, 0, -20), axis=1)
    maps = {
        "drift": smooth_fields(head, 6, rng, 3),
        "global": 1 + 0.3 * smooth_fields(head, 1, rng, 3),
        "respiration": (0.4 + head.edge) * smooth_fields(head, 2, rng, 2),
        "cardiac": np.exp(-from_brain_stem / 30) * smooth_fields(head, 2, rng, 1),
        "motion": (0.2 + head.edge) * smooth_fields(head, 7, rng, 3),
    }
    for name, components in maps.items():
        variance = np.mean(np.sum(components**2, axis=0))
        maps[name] = np.sqrt(SHARES[name] / variance) * components
    return _NoiseSources(
        memory.astype(np.float32), size.astype(np.float32), breath_hz, heart_hz, maps
    )


def _autoregressive(
    head: Head, n_trs: int, sources: _NoiseSources, rng: np.random.Generator
) -> np.ndarray:
    """Return smooth noise with memory: (n_trs, n_voxels) float32."""
    white = rng.standard_normal((len(head.xyz), n_trs), dtype=np.float32)
    noise = (head.smooth @ white).T.astype(np.float32)
    noise[1:] *= np.sqrt(1 - sources.memory**2)
    for i in range(1, n_trs):
        noise[i] += sources.memory * noise[i - 1]
    noise *= sources.size
    return noise


def _motion_regressors(motion: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Return what motion does to the signal: (n_trs, 7), detrended movement and spikes."""
    ramp = np.linspace(0, 1, len(motion))[:, None]
    moved = motion - ramp * (motion[-1] - motion[0]) - motion[0]
    return np.column_stack([0.3 * moved / (moved.std(0) + 1e-9), spikes / (spikes.std() + 1e-9)])


def _run_noise(
    head: Head, n_trs: int, t_r: float, sources: _NoiseSources, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the noise (n_trs, n_voxels) and the motion (n_trs, 6) of one run."""
    motion, spikes = head_motion(n_trs, rng)
    time_courses = {
        "drift": one_over_f(n_trs, 6, rng),
        "global": one_over_f(n_trs, 1, rng, 0.6),
        "respiration": _oscillation(n_trs, t_r, sources.breath_hz, rng),
        "cardiac": _oscillation(n_trs, t_r, sources.heart_hz, rng),
        "motion": _motion_regressors(motion, spikes),
    }
    noise = _autoregressive(head, n_trs, sources, rng)
    for name, series in time_courses.items():
        noise += (series @ sources.maps[name]).astype(np.float32)
    return noise, motion


def make_noise(
    head: Head, run_n_trs: Sequence[int], t_r: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make one subject's noise and motion parameters.

    Noise is the sum of an autoregressive part, 1/f drift, a global signal, aliases of breath and
    heart beat, and motion with spikes, each with its own map and its share of the variance.

    Parameters
    ----------
    head : Head
    run_n_trs : sequence of int
        TRs of each run. Runs are independent of each other in time.
    t_r : float
        Seconds.
    rng : numpy.random.Generator

    Returns
    -------
    noise : array of shape (n_trs, n_voxels), float32
        Of variance 1 in each voxel.
    motion : array of shape (n_trs, 6), float32
        mm, and rad x 50 mm.
    """
    sources = _noise_sources(head, rng)
    n_trs = sum(run_n_trs)
    noise = np.empty((n_trs, len(head.xyz)), np.float32, order="F")  # series lie together
    motion = np.empty((n_trs, 6), np.float32)
    onset = 0
    for run_length in run_n_trs:
        rows = slice(onset, onset + run_length)
        noise[rows], motion[rows] = _run_noise(head, run_length, t_r, sources, rng)
        onset += run_length
    noise -= noise.mean(0)
    noise /= noise.std(0)
    return noise, motion
