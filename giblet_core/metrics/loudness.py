"""TODO: metrics/loudness."""

import warnings

import numpy as np
import pyloudnorm

from giblet_core.errors import MetricError
from giblet_core.sound import check_wave


def noise_like(reference: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return white noise with the length and RMS of `reference`: what no information about it
    scores.
    """
    reference = check_wave(reference, "reference")
    noise = np.random.default_rng(seed).standard_normal(len(reference))
    return level_match(noise.astype(np.float32), reference)


def loudness_lufs(wave: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness after ITU-R BS.1770 (LUFS); minus infinity for silence.

    Raises
    ------
    MetricError
        Shorter than the 0.4 s block the standard measures.
    """
    wave = check_wave(wave)
    if len(wave) <= 0.4 * sample_rate:
        raise MetricError(
            f"loudness needs more than 0.4 s of sound, this is {len(wave) / sample_rate:.2f} s"
        )
    with (
        np.errstate(divide="ignore"),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):  # silence: a mean over no block
        value = float(pyloudnorm.Meter(sample_rate).integrated_loudness(wave.astype(float)))
    return value if np.isfinite(value) else -np.inf


def level_match(
    wave: np.ndarray, reference: np.ndarray, sample_rate: int | None = None
) -> np.ndarray:
    """Scale `wave` to the level of `reference`: to its loudness (LUFS) if `sample_rate` is given,
    otherwise to its RMS.

    Raises
    ------
    MetricError
        One of them is silent (no factor brings silence to a level), or too short for loudness.
    """
    wave, reference = check_wave(wave), check_wave(reference, "reference")
    if sample_rate is not None:
        gain_db = loudness_lufs(reference, sample_rate) - loudness_lufs(wave, sample_rate)
    else:
        a, b = (float(np.mean(w.astype(float) ** 2)) for w in (reference, wave))
        gain_db = 10 * np.log10(a / b) if a > 0 and b > 0 else np.inf
    if not np.isfinite(gain_db):
        raise MetricError("silence cannot be matched in level")
    return (wave * 10 ** (gain_db / 20)).astype(np.float32)
