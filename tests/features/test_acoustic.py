"""Baselines measure the sound as the standards and the annotation say."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.features import (
    baseline_features,
    envelope,
    momentary_loudness,
    strong_baselines,
)
from giblet_core.metrics import loudness_lufs
from giblet_core.timing import TRGrid

SAMPLE_RATE = 24_000


class TwoWords:
    """An annotation of two words and speech from 1 to 3 s."""

    words = (SimpleNamespace(start_s=1.0), SimpleNamespace(start_s=2.5))

    def active(self, kind, times_s):
        assert kind == "speech"
        return (times_s >= 1) & (times_s < 3)


@pytest.fixture
def minute(rng):
    return 0.01 * rng.standard_normal(SAMPLE_RATE * 60).astype(np.float32)


def test_loudness_of_steady_noise_equals_the_meter(rng):
    noise = 0.1 * rng.standard_normal(10 * SAMPLE_RATE).astype(np.float32)
    track = momentary_loudness(noise, SAMPLE_RATE)[0]
    expected = loudness_lufs(noise, SAMPLE_RATE)
    np.testing.assert_allclose(track[100:].mean(), expected, atol=0.2)
    assert (momentary_loudness(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE) == -70).all()


def test_loudness_knows_only_the_last_400_ms(rng):
    wave = np.zeros(2 * SAMPLE_RATE, np.float32)
    wave[24_000:26_400] = 0.1 * rng.standard_normal(2400)
    track = momentary_loudness(wave, SAMPLE_RATE)[0]
    assert (track[:100] == -70).all()
    assert (track[100:148] > -60).all()
    assert track[155] == -70


def test_envelope_is_the_rms_of_10_ms():
    wave = np.repeat([0.5, 0.0, 0.25], 240).astype(np.float32)
    np.testing.assert_allclose(envelope(wave, SAMPLE_RATE)[0], [0.5, 0, 0.25])


def test_speech_presence_and_word_rate_count_in_their_trs(minute):
    grid = TRGrid(2.0, 30)
    spaces = baseline_features(minute, SAMPLE_RATE, grid, annotation=TwoWords(), hrf=None)
    first_trs = spaces["speech"].values[:3]
    np.testing.assert_allclose(first_trs, [[0.5, 0.5], [0.5, 0.5], [0, 0]], atol=1e-6)
    n_columns = {name: space.values.shape[1] for name, space in spaces.items()}
    expected = {"envelope": 10, "loudness": 2, "mel": 640, "speech": 2, "time": 2}
    assert n_columns.items() >= expected.items()
    assert all(np.isfinite(space.values).all() for space in spaces.values())


def test_baselines_cover_the_last_tr_of_a_sound_that_is_no_multiple_of_10_ms():
    wave = np.full(SAMPLE_RATE * 60 - 50, 0.1, np.float32)  # 59.998 s: a last frame of 190 samples
    grid = TRGrid(1.5, 40)
    space = baseline_features(wave, SAMPLE_RATE, grid, ("envelope",))["envelope"]
    assert space.values.shape == (40, 10)


def test_strong_baselines_hold_level_in_four_ways_with_three_responses(minute):
    spaces = strong_baselines(minute, SAMPLE_RATE, TRGrid(2.0, 30), TwoWords())
    n_columns = {name: space.values.shape[1] for name, space in spaces.items()}
    expected = {"envelope": 12, "loudness": 3, "mel": 36, "speech": 12}
    assert n_columns.items() >= expected.items()
    assert spaces["envelope"].feature_names[4] == "envelope 0, peak 5.5 s"


def test_speech_without_annotation_and_odd_rates_are_refused():
    wave = np.zeros(2 * SAMPLE_RATE)
    with pytest.raises(InputError, match="needs annotation"):
        baseline_features(wave, SAMPLE_RATE, TRGrid(1.0, 2), ("speech",))
    with pytest.raises(InputError, match="multiple of 100 Hz"):
        baseline_features(wave, 22_050, TRGrid(1.0, 2))
