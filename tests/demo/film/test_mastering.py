"""Mastering: the film is level, free of clicks and of digital silence."""

import numpy as np
import pyloudnorm
import pytest

from giblet_core.demo.film import RATE, block_power, integrated
from giblet_core.demo.film.mastering import CEILING, limit


def test_loudness_is_minus_23_lufs_and_no_sample_is_near_full_scale(film):
    meter = pyloudnorm.Meter(RATE)
    loudness = meter.integrated_loudness(film.wave.astype(np.float64))
    assert loudness == pytest.approx(-23, abs=0.2)
    assert 20 * np.log10(np.abs(film.wave).max()) < -1
    assert abs(film.wave.mean()) < 1e-3


def test_the_limiter_lowers_peaks_smoothly_and_leaves_the_rest_alone(rng):
    wave = (0.1 * rng.standard_normal(RATE)).astype(np.float32)
    wave[[12_000, 12_300, 23_990]] = 1.4, -1.2, 0.99
    limited = limit(wave.copy())
    assert np.abs(limited).max() <= CEILING + 1e-6
    assert np.array_equal(limited[:11_000], wave[:11_000])
    gain = (limited / wave)[11_500:13_000]
    assert np.abs(np.diff(gain)).max() < 0.005


def test_loudness_in_flat_memory_equals_pyloudnorm(rng):
    levels = np.repeat([0.1, 0.001, 0.02, 0.3], RATE * 10)  # longer than a chunk
    wave = (rng.standard_normal(len(levels)) * levels).astype(np.float32)
    meter = pyloudnorm.Meter(RATE)
    expected = meter.integrated_loudness(wave.astype(np.float64))
    assert integrated(block_power(wave)) == pytest.approx(expected, abs=0.05)


def test_there_is_no_click_at_a_cut(film):
    step = np.abs(np.diff(film.wave, n=2))
    for scene in film.annotation.scenes[1:]:
        cut = round(scene.start_s * RATE)
        around = step[cut - 2400 : cut + 2400]
        at_cut = step[cut - 24 : cut + 24].max()
        assert at_cut <= max(np.quantile(around, 0.999), 0.01), scene


def test_there_is_no_digital_silence(film):
    is_heard = np.flatnonzero(np.abs(film.wave) >= 1 / 32768)
    assert np.diff(is_heard).max() < RATE // 100
