"""Loudness against the standard's own figure; levels matched."""

import numpy as np
import pyloudnorm
import pytest
from fake_sounds import RATE, tone

from giblet_core import metrics
from giblet_core.errors import MetricError


def test_a_full_scale_tone_has_the_loudness_that_the_standard_gives():
    wave = tone(997, 2.0, 48_000, level=1.0)  # BS.1770: 0 dBFS, one channel
    assert metrics.loudness_lufs(wave, 48_000) == pytest.approx(-3.01, abs=0.05)
    assert metrics.loudness_lufs(wave * 0, 48_000) == -np.inf


def test_level_match_brings_a_sound_to_the_loudness_of_another(voice):
    matched = metrics.level_match(voice * 0.1, voice, RATE)
    expected = metrics.loudness_lufs(voice, RATE)
    assert metrics.loudness_lufs(matched, RATE) == pytest.approx(expected, abs=0.01)


def test_too_short_or_silent_sounds_have_no_level_to_match(voice):
    with pytest.raises(MetricError, match="0.4 s"):
        metrics.loudness_lufs(voice[:1000], RATE)
    one_block = voice[: int(0.4 * RATE)]
    with pytest.raises(MetricError, match=f"more than 0.4 s .* this has {len(one_block)}$"):
        metrics.loudness_lufs(one_block, RATE)
    with pytest.raises(MetricError, match="silence"):
        metrics.level_match(voice * 0, voice)
    with pytest.raises(MetricError, match="silence"):
        metrics.level_match(voice, voice * 0)


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_the_weighting_is_the_one_of_the_meter(rng, rate):
    """Of a steady sound in one block, loudness is -0.691 dB + its weighted power."""
    wave = 0.1 * rng.standard_normal(rate)
    power = np.mean(metrics.k_weighted(wave, rate) ** 2)
    meter = pyloudnorm.Meter(rate, block_size=0.99)
    expected = meter.integrated_loudness(wave)
    assert -0.691 + 10 * np.log10(power) == pytest.approx(expected, abs=0.1)


def test_noise_has_the_length_and_level_of_its_reference(voice):
    noise = metrics.noise_like(voice)
    assert noise.shape == voice.shape
    assert np.std(noise) == pytest.approx(np.sqrt(np.mean(voice**2)), rel=1e-3)
    assert not metrics.noise_like(voice * 0).any()


def test_a_change_of_loudness_from_silence_is_not_defined(voice):
    change = metrics.loudness_change_lu(voice, voice / 2, RATE)
    assert change == pytest.approx(-20 * np.log10(2), abs=0.01)
    assert metrics.loudness_change_lu(voice, voice * 0, RATE) == -np.inf
    with pytest.raises(MetricError, match="the reference is silent"):
        metrics.loudness_change_lu(voice * 0, voice, RATE)
