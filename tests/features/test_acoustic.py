"""Baselines measure the sound as the standards and the annotation say."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.features import (
    RESPONSES,
    Response,
    baseline_features,
    envelope,
    momentary_loudness,
    pooled,
    strong_baselines,
)
from giblet_core.features.acoustic import STRONG_DIRECTIONS
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


def test_strong_baselines_have_three_responses_one_after_the_other(minute):
    spaces = strong_baselines(minute, SAMPLE_RATE, TRGrid(2.0, 30), TwoWords())
    for name, space in spaces.items():
        n_directions = STRONG_DIRECTIONS[name]
        assert space.values.shape == (30, 3 * n_directions)
        assert space.feature_names[n_directions] == f"{name} 0, peak 5.5 s"
        assert np.isfinite(space.values).all()


def changing_sound(rng, n_seconds=120):
    """Make bursts of noise whose level and colour change every few hundred milliseconds."""
    n_steps = 4 * n_seconds
    level = np.repeat(rng.gamma(1.0, 1.0, n_steps), SAMPLE_RATE // 4)
    return (0.02 * level * rng.standard_normal(len(level))).astype(np.float32)


@pytest.mark.parametrize(
    "follow",
    [
        lambda rms: rms**0.4,
        lambda rms: rms,
        lambda rms: rms**2,
        lambda rms: np.log(rms + 3e-4 * rms.max()),
        lambda rms: np.tanh(rms / rms.mean()),
    ],
    ids=["compressive", "linear", "power", "log", "saturating"],
)
def test_strong_baselines_span_functions_of_level_at_a_latency_they_do_not_hold(rng, follow):
    """What a weak baseline leaves of a function of level, codes would be credited with."""
    wave = changing_sound(rng)
    grid = TRGrid(1.0, 118)
    rms, _ = envelope(wave, SAMPLE_RATE)
    late = Response(peak_s=6.3)
    y = pooled(follow(rms)[None], 100, grid, ("mean",), late)[:, 0]
    spaces = strong_baselines(wave, SAMPLE_RATE, grid, responses=RESPONSES)
    x = np.concatenate([spaces[name].values for name in ("envelope", "loudness")], axis=1)
    x = np.column_stack([x - x.mean(0), np.ones(len(x))])
    left = y - x @ np.linalg.lstsq(x, y, rcond=1e-6)[0]
    assert left.var() < 0.01 * y.var()


def test_speech_without_annotation_and_odd_rates_are_refused():
    wave = np.zeros(2 * SAMPLE_RATE)
    with pytest.raises(InputError, match="needs annotation"):
        baseline_features(wave, SAMPLE_RATE, TRGrid(1.0, 2), ("speech",))
    with pytest.raises(InputError, match="multiple of 100 Hz"):
        baseline_features(wave, 22_050, TRGrid(1.0, 2))
