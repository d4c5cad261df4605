"""Pooling is exact in time, causal, run by run, and applies nilearn's response."""

import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor

from giblet_core.errors import InputError
from giblet_core.features import (
    RESPONSES,
    codebook_features,
    mean_over_responses,
    modulation_power,
    pooled,
    slow_directions,
)
from giblet_core.timing import TRGrid

RATE_HZ = 75.0
BAND_OF_HZ = {2.9: 0, 5.7: 1, 11.0: 2}


@pytest.mark.parametrize("rate_hz", list(BAND_OF_HZ))
def test_modulation_energy_lands_in_the_band_of_a_tone(rate_hz):
    times_s = np.arange(6000) / RATE_HZ
    tone = np.sin(2 * np.pi * rate_hz * times_s)[None]
    per_tr = pooled(tone, RATE_HZ, TRGrid(1.5, 50), ("modulation",), None)
    energy = per_tr[10:].mean(0)
    band = BAND_OF_HZ[rate_hz]
    np.testing.assert_allclose(energy[band], np.sqrt(0.5), atol=0.03)
    assert (np.delete(energy, band) < 0.3 * energy[band]).all()


def test_modulation_power_of_a_constant_is_zero_from_the_first_frame():
    power = modulation_power(np.full((1, 200), 5.0), RATE_HZ, (2, 4))
    np.testing.assert_allclose(power, 0, atol=1e-20)


@pytest.mark.parametrize("statistic", ["mean", "sd", "modulation"])
@pytest.mark.parametrize("hrf", [None, "glover"])
def test_features_of_a_prefix_are_the_prefix_of_the_features(rng, statistic, hrf):
    grid = TRGrid(1.5, 50)
    x = rng.standard_normal((2, 6000))
    changed = x.copy()
    changed[:, 3375:] = 3 * changed[:, 3375:] + 100  # from second 45, TR 30
    before = pooled(x, RATE_HZ, grid, (statistic,), hrf)
    after = pooled(changed, RATE_HZ, grid, (statistic,), hrf)
    np.testing.assert_allclose(after[:30], before[:30], atol=1e-5)
    assert not np.allclose(after[30:], before[30:], atol=1e-2)


def test_a_run_knows_nothing_of_the_run_before(rng, runs):
    x = rng.standard_normal((2, 9000))
    apart = np.concatenate([pooled(x, RATE_HZ, grid) for grid in runs])
    assert np.array_equal(pooled(x, RATE_HZ, runs), apart)
    changed = x.copy()
    changed[:, : int(60 * RATE_HZ)] += 3
    assert np.array_equal(pooled(changed, RATE_HZ, runs)[40:], apart[40:])


@pytest.mark.parametrize("t_r", [0.72, 1.5, 2.0])
def test_an_event_gives_nilearns_regressor_with_nothing_before_it(t_r):
    x = np.zeros((1, 7500))
    x[0, int(30 * RATE_HZ) : int(33 * RATE_HZ)] = 1
    grid = TRGrid(t_r, int(90 / t_r))
    ours = pooled(x, RATE_HZ, grid, ("mean",))[:, 0]
    event = np.array([[30.0], [3.0], [1.0]])
    expected, _ = compute_regressor(event, "glover", grid.times(), oversampling=50)
    assert np.corrcoef(ours, expected[:, 0])[0, 1] > 0.999
    np.testing.assert_allclose(ours[grid.times() < 30], 0, atol=1e-8)
    assert 35 < grid.times()[ours.argmax()] < 39


@pytest.mark.parametrize("rate_hz", [12.5, 25.0, 40.0])
def test_a_slow_codec_gives_the_regressor_of_a_fast_one(rng, rate_hz):
    seconds = np.repeat(rng.standard_normal((1, 90)), 200, axis=1)  # one level a second, at 200 Hz
    times = np.arange(int(90 * rate_hz)) / rate_hz
    slow = seconds[:, (times * 200).astype(int)]
    grid = TRGrid(1.5, 60)
    ours = pooled(slow, rate_hz, grid, ("mean",))[:, 0]
    expected = pooled(seconds, 200.0, grid, ("mean",))[:, 0]
    assert np.corrcoef(ours, expected)[0, 1] > 0.999
    np.testing.assert_allclose(ours, expected, atol=0.1)


@pytest.mark.parametrize("hrf", ["glover", None])
@pytest.mark.parametrize("slice_time_ref", [0.0, 0.5, 1.0])
def test_a_short_run_with_its_history_is_the_end_of_a_long_run(rng, hrf, slice_time_ref):
    x = rng.standard_normal((2, 9000))
    long = TRGrid(2.0, 55, 10.0, slice_time_ref)
    later = TRGrid(2.0, 45, 30.0, slice_time_ref, history_s=20.0)
    whole = pooled(x, RATE_HZ, long, hrf=hrf)
    np.testing.assert_allclose(pooled(x, RATE_HZ, later, hrf=hrf), whole[10:], atol=1e-6)
    if hrf is not None:
        deaf = pooled(x, RATE_HZ, TRGrid(2.0, 45, 30.0, slice_time_ref), hrf=hrf)
        assert np.abs(deaf - whole[10:]).max() > 0.01


def test_history_need_not_be_whole_trs():
    """An event 1 s before the run answers in it, as nilearn's regressor says."""
    x = np.zeros((1, 7500))
    x[0, int(29 * RATE_HZ) : int(29.6 * RATE_HZ)] = 1
    event = np.array([[29.0], [0.6], [1.0]])
    for history_s in (1.3, 4.9, 30.0):
        grid = TRGrid(2.0, 30, 30.0, 0.5, history_s)
        ours = pooled(x, RATE_HZ, grid, ("mean",))[:, 0]
        expected, _ = compute_regressor(event, "glover", grid.times(), oversampling=50)
        assert np.corrcoef(ours, expected[:, 0])[0, 1] > 0.999
    unheard = pooled(x, RATE_HZ, TRGrid(2.0, 30, 30.0, 0.5, history_s=0.2), ("mean",))
    assert not unheard.any()


def test_sound_that_does_not_change_gives_no_onset_transient():
    constant = np.full((1, 6000), 7.0)
    np.testing.assert_allclose(pooled(constant, RATE_HZ, TRGrid(1.5, 50)), 0, atol=1e-9)
    statistics = pooled(constant, RATE_HZ, TRGrid(1.5, 50), hrf=None)
    np.testing.assert_allclose(statistics[:, 0], 7, rtol=1e-6)
    np.testing.assert_allclose(statistics[:, 1:], 0, atol=1e-6)


def test_later_peaks_answer_later_and_their_mean_is_the_mean_of_all(rng):
    x = np.zeros((1, 6000))
    x[0, 2250:2300] = 1
    grid = TRGrid(1.5, 50)
    each = [pooled(x, RATE_HZ, grid, ("mean",), response) for response in RESPONSES]
    peaks = [int(values.argmax()) for values in each]
    assert peaks == sorted(set(peaks))

    def make(response):
        return pooled(x, RATE_HZ, grid, ("mean",), response)

    np.testing.assert_allclose(mean_over_responses(make), np.mean(each, axis=0))


def test_slow_directions_are_the_principal_ones_of_the_means(rng):
    slow_wave = np.sin(np.arange(50) / 2)[:, None] * np.array([0, 0, 3, 0, 0])
    means = 0.1 * rng.standard_normal((50, 5)) + 2 + slow_wave
    directions = slow_directions(means, 2)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-9)
    assert abs(directions[0, 2]) > 0.95


def test_unknown_statistics_labels_slow_signals_and_too_long_runs_are_refused(codec, codes, runs):
    with pytest.raises(InputError, match="must be some of mean, sd, modulation"):
        codebook_features(codec, codes, runs, pool=("median",))
    with pytest.raises(InputError, match="labels"):
        pooled(codes.indices, RATE_HZ, runs)
    with pytest.raises(InputError, match="rate_hz=10.0"):
        pooled(np.zeros((1, 900)), 10.0, TRGrid(1.5, 5))
    with pytest.raises(InputError, match="Use n_trs=80"):
        codebook_features(codec, codes, TRGrid(1.5, 900))
