"""Codes and level of a sound lie on one time line, and nothing is counted twice."""

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.errors import InputError
from giblet_core.simulations import HeardSound


def sound_of(indices, frame_rate, n_samples, cardinality=16):
    codes = made_up_codes(indices, 24_000, frame_rate, n_samples=n_samples, cardinality=cardinality)
    return HeardSound(np.zeros(n_samples, np.float32), 24_000, codes, np.zeros((1, 16, 2)))


def test_frames_that_two_bins_share_are_split():
    """At 75 Hz a bin holds 7.5 frames: the mean of a ramp is exact in every bin."""
    sound = sound_of(np.zeros((1, 150), int), 75.0, 48_000)
    frames = np.arange(150.0)
    averaged = sound.frames_to_bins @ frames
    first_bin = (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 * 0.5) / 7.5
    assert averaged[0] == pytest.approx(first_bin)
    assert averaged.mean() == pytest.approx(frames.mean())
    assert np.asarray(sound.frames_to_bins.sum(1)) == pytest.approx(np.ones((20, 1)))


def test_occupancy_counts_entries_frame_by_frame(heard):
    """At 50 Hz a bin holds five frames."""
    frames = heard.codes.indices[3, 50:55]
    counts = np.bincount(frames, minlength=heard.codes.cardinality) / 5
    assert heard.occupancy[3][10].toarray()[0] == pytest.approx(counts)


def test_usage_is_the_mean_occupancy(heard):
    mean_occupancy = np.asarray(heard.occupancy[0].mean(0))[0]
    assert heard.usage(0) == pytest.approx(mean_occupancy, abs=1e-12)


def test_power_of_a_sine_is_half_its_squared_amplitude(heard):
    times_s = np.arange(len(heard.wave)) / heard.sample_rate
    sine = 0.5 * np.sin(2 * np.pi * 400 * times_s)
    power = HeardSound(sine, heard.sample_rate, heard.codes, heard.codebooks).power
    assert power == pytest.approx(np.full(len(power), 0.125), rel=1e-6)


def test_a_tone_lies_in_the_band_of_its_frequency(heard):
    times_s = np.arange(len(heard.wave)) / heard.sample_rate
    sine = np.sin(2 * np.pi * 1_000 * times_s)
    sound = HeardSound(sine, heard.sample_rate, heard.codes, heard.codebooks)
    strongest = int(sound.bands[100].argmax())
    low_hz, high_hz = sound.band_edges_hz[strongest : strongest + 2]
    assert low_hz <= 1_000 <= high_hz


def test_spreads_reproduce_the_covariance_of_the_latents(heard):
    latents = heard.codebooks[2][heard.codes.indices[2]].astype(float)
    spread = heard.spreads[2]
    assert spread.T @ spread == pytest.approx(np.cov(latents.T, bias=True), abs=1e-6)


def test_codes_of_another_sound_or_codec_are_refused(heard, demo_codec):
    with pytest.raises(InputError, match="other weights"):
        HeardSound.of(heard.wave, demo_codec, heard.codes)
    with pytest.raises(InputError, match="multiple of 100"):
        HeardSound(heard.wave, 22_050 + 1, heard.codes, heard.codebooks)


def test_speech_is_guessed_where_nothing_is_annotated():
    """Noise in syllables of 4 Hz is taken for speech, steady noise is not."""
    rng = np.random.default_rng(0)
    times_s = np.arange(24_000 * 40) / 24_000
    syllables = np.where(times_s < 20, np.sin(2 * np.pi * 2 * times_s) ** 4, 0.5)
    wave = (rng.standard_normal(len(times_s)) * syllables).astype(np.float32)
    codes = made_up_codes(np.zeros((1, 3_000), int), cardinality=16)
    speech = HeardSound(wave, 24_000, codes, np.zeros((1, 16, 2))).speech
    assert speech[50:190].mean() > 0.9
    assert speech[240:].mean() < 0.1
