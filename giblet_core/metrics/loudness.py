"""Loudness after ITU-R BS.1770 (by pyloudnorm), and bringing one sound to the level of another.

References
----------
ITU-R BS.1770-4 (2015), Algorithms to measure audio programme loudness and true-peak audio level.
"""

import warnings

import numpy as np
import pyloudnorm

from giblet_core.errors import MetricError
from giblet_core.sound import check_wave

BLOCK_S = 0.4  # what the standard measures at a time


def noise_like(reference: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return white noise with the length and RMS of `reference`: no information about it.

    Beside a silent reference that is silence.
    """
    reference = check_wave(reference, "reference")
    if not np.any(reference):
        return np.zeros_like(reference)
    noise = np.random.default_rng(seed).standard_normal(len(reference))
    return level_match(noise.astype(np.float32), reference)


def k_weighted(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Apply the K-weighting of ITU-R BS.1770: a high shelf, then a high pass.

    The two filters are those of `pyloudnorm.Meter`, which keeps them to itself.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.

    Returns
    -------
    array of shape (n_samples,), float64
    """
    high_shelf = pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    high_pass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    weighted = high_shelf.apply_filter(np.asarray(wave, dtype=np.float64))
    return high_pass.apply_filter(weighted)


def loudness_lufs(wave: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness (LUFS); minus infinity for silence.

    Raises
    ------
    MetricError
        Not longer than the block of 0.4 s that the standard measures.

    Examples
    --------
    The standard gives a tone of 997 Hz at full scale in one channel -3.01 LUFS:

    >>> seconds = np.arange(48_000) / 48_000
    >>> loudness = loudness_lufs(np.sin(2 * np.pi * 997 * seconds), 48_000)
    >>> abs(loudness + 3.01) < 0.05
    True
    """
    wave = check_wave(wave)
    if len(wave) <= BLOCK_S * sample_rate:
        raise MetricError(
            f"loudness needs more than {BLOCK_S} s of sound, which are "
            f"{BLOCK_S * sample_rate:.0f} samples at {sample_rate} Hz; this has {len(wave)}"
        )
    meter = pyloudnorm.Meter(sample_rate)
    with (
        np.errstate(divide="ignore"),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):  # silence: a mean over no block
        loudness = float(meter.integrated_loudness(wave.astype(float)))
    return loudness if np.isfinite(loudness) else -np.inf


def loudness_change_lu(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return how much louder a sound is than its reference (LU); minus infinity if silent.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
    sample_rate : int
        Hz.

    Returns
    -------
    float

    Raises
    ------
    MetricError
        The reference is silent, or one of them is too short.
    """
    degraded_lufs = loudness_lufs(degraded, sample_rate)
    reference_lufs = loudness_lufs(reference, sample_rate)
    if not np.isfinite(reference_lufs):
        raise MetricError("the reference is silent: nowhere as loud as -70 LUFS")
    return degraded_lufs - reference_lufs


def level_match(
    wave: np.ndarray, reference: np.ndarray, sample_rate: int | None = None
) -> np.ndarray:
    """Scale `wave` to the level of `reference`.

    Parameters
    ----------
    wave, reference : array of shape (n_samples,)
    sample_rate : int, optional
        Hz; where given, the level is the loudness (LUFS), otherwise the RMS.

    Returns
    -------
    array of shape (n_samples,), float32

    Raises
    ------
    MetricError
        One of them is silent (no factor brings silence to a level), or too short for loudness.
    """
    wave = check_wave(wave)
    reference = check_wave(reference, "reference")
    if sample_rate is None:
        gain_db = _power_ratio_db(reference, wave)
    else:
        gain_db = loudness_lufs(reference, sample_rate) - loudness_lufs(wave, sample_rate)
    if not np.isfinite(gain_db):
        raise MetricError("silence cannot be matched in level")
    return (wave * 10 ** (gain_db / 20)).astype(np.float32)


def _power_ratio_db(wave: np.ndarray, reference: np.ndarray) -> float:
    """Return the power of a sound over that of another, in dB; infinite where one is silent."""
    power = float(np.mean(wave.astype(float) ** 2))
    reference_power = float(np.mean(reference.astype(float) ** 2))
    if not (power > 0 and reference_power > 0):
        return np.inf
    return 10 * np.log10(power / reference_power)
