"""A constant delay is found, reported and undone; nothing is stretched."""

import numpy as np
import pytest
from fake_sounds import RATE, tone

from giblet_core import metrics
from giblet_core.errors import InputError
from giblet_core.metrics import aligned, quality


def shifted(wave, lag):
    """The same number of samples, `lag` later (earlier where it is negative)."""
    late = np.zeros_like(wave)
    if lag >= 0:
        late[lag:] = wave[: len(wave) - lag]
    else:
        late[:lag] = wave[-lag:]
    return late


@pytest.mark.parametrize("lag", [-700, -1, 0, 1, 37, 1200])
def test_a_known_lag_is_found_reported_and_undone(voice, noisy, lag):
    late = shifted(noisy, lag)
    q = quality(voice, late, RATE, pesq=False)
    assert q.lag_samples == lag
    assert q.si_sdr_db == pytest.approx(metrics.si_sdr(voice, noisy), abs=0.2)
    if lag == 1:  # what a single sample costs without alignment
        assert metrics.si_sdr(voice, late) < q.si_sdr_db - 3


@pytest.mark.parametrize("lag", [-300, 500])
def test_the_pair_is_what_both_hold_on_the_clock_of_the_reference(voice, lag):
    pair = aligned(voice, shifted(voice, lag), RATE)
    assert pair.start == max(0, -lag)
    assert len(pair.reference) == len(pair.degraded) == len(voice) - abs(lag)
    assert np.array_equal(pair.reference, pair.degraded)
    assert np.array_equal(pair.reference, voice[pair.start :][: len(pair.reference)])


def test_the_loudest_minute_is_enough_to_find_a_lag(voice, monkeypatch):
    film = np.concatenate([np.zeros(3 * RATE, np.float32), voice, np.zeros(RATE, np.float32)])
    monkeypatch.setattr("giblet_core.metrics.alignment.LAG_WINDOW_S", 4.0)
    assert aligned(film, shifted(film, 123), RATE).lag_samples == 123


def test_a_periodic_sound_is_not_moved_by_a_period():
    wave = tone(240, 2.0, RATE)
    assert quality(wave, wave * 0.5, RATE, pesq=False).lag_samples == 0


def test_unlike_sounds_are_compared_without_a_shift_and_that_is_said(rng):
    a, b = 0.1 * rng.standard_normal((2, 2 * RATE)).astype(np.float32)
    q = quality(a, b, RATE, pesq=False)
    assert q.lag_samples == 0
    assert "no clear peak" in q.reasons["lag_samples"]


def test_lengths_that_differ_are_an_input_error_never_stretched(voice):
    with pytest.raises(InputError, match="never stretch"):
        quality(voice, voice[: len(voice) // 2], RATE)
