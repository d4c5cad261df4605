"""Opus: a comparison of known rate, without delay."""

import numpy as np
import pytest
import scipy.signal

from giblet_core.codecs import opus_round_trip
from giblet_core.errors import InputError
from giblet_core.metrics import si_sdr

SR = 24_000


@pytest.fixture(scope="module")
def chirp():
    """Two seconds of a rising tone in noise, with three swells a second."""
    t = np.arange(2 * SR) / SR
    noise = np.random.default_rng(0).standard_normal(t.size)
    rising = 0.2 * scipy.signal.chirp(t, 100, t[-1], 6000) + 0.02 * noise
    return (rising * (1 + np.sin(2 * np.pi * 3 * t)) / 2).astype(np.float32)


def test_opus_gives_the_sound_back_without_delay_at_the_rate_it_says(chirp):
    trip = opus_round_trip(chirp, SR, 0.9)
    assert trip.wave.shape == chirp.shape
    correlation = scipy.signal.correlate(trip.wave, chirp, method="fft")
    lag = correlation.argmax() - (len(chirp) - 1)
    assert abs(lag) <= 2
    least = opus_round_trip(chirp, SR, 1.0)
    assert 5 < least.kbps < 11 < trip.kbps
    assert si_sdr(chirp, least.wave) < si_sdr(chirp, trip.wave)


def test_a_rate_that_opus_does_not_know_is_an_input_error(chirp):
    with pytest.raises(InputError, match="Opus knows"):
        opus_round_trip(chirp, 22_050)
