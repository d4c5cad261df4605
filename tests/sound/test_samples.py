"""Waveforms are checked; resampling keeps length, pitch and level, in one piece or in blocks."""

import numpy as np
import pytest
from fake_sounds import RATE, tone

from giblet_core.errors import InputError
from giblet_core.sound import check_wave, resample
from giblet_core.sound.samples import resampled_blocks


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resampling_keeps_length_pitch_and_level(rate):
    back = resample(tone(1000, 2.0, rate), rate, RATE)
    assert len(back) == 2 * RATE
    inner = slice(RATE // 2, -RATE // 2)
    assert np.abs(back[inner] - tone(1000, 2.0, RATE)[inner]).max() < 2e-3


@pytest.mark.parametrize("size", [100, 4096, 50_000])
def test_blocks_equal_one_resampling(rng, size):
    wave = (0.1 * rng.standard_normal(50_000)).astype(np.float32)
    blocks = (wave[first : first + size] for first in range(0, len(wave), size))
    back = np.concatenate(list(resampled_blocks(blocks, 44_100, RATE)))
    assert np.abs(back - resample(wave, 44_100, RATE)).max() < 1e-5


def test_the_same_rate_changes_nothing(rng):
    wave = rng.standard_normal(1000).astype(np.float32)
    assert np.array_equal(resample(wave, RATE, RATE), wave)


def test_a_double_becomes_single():
    assert check_wave(np.ones(3)).dtype == np.float32


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros((2, 5)), r"wave.shape=\(2, 5\): must be \(n_samples,\) .* Mix channels"),
        (np.zeros(0), r"wave.shape=\(0,\): must be .* at least one sample"),
        (np.zeros(5, np.int16), "wave.dtype=int16: must be float .* Divide"),
        (np.array([0, np.nan, np.inf]), "wave: 2 of 3 samples are NaN or infinite"),
    ],
)
def test_what_is_no_wave_is_refused(wave, message):
    with pytest.raises(InputError, match=message):
        check_wave(wave)
