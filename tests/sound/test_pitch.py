"""Pitch of harmonic tones whose pitch is known; noise and silence are unvoiced."""

import numpy as np
import pytest
from fake_sounds import RATE

from giblet_core.sound import pitch_track

HOP = RATE // 100
FRAME = RATE // 25


def harmonic_tone(pitch_hz):
    """Twelve harmonics of a pitch given for each sample, with falling amplitude."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    return 0.1 * sum(np.cos(k * phase + k) / k for k in range(1, 13))


def pitches():
    n = 2 * RATE
    times_s = np.arange(n) / RATE
    for hz in (80, 110, 160, 230, 330, 390):
        yield pytest.param(np.full(n, float(hz)), id=f"{hz} Hz")
    yield pytest.param(75 * (390 / 75) ** (times_s / 2), id="glide")
    yield pytest.param(200 * 2 ** (0.1 * np.sin(2 * np.pi * 5 * times_s)), id="vibrato")


@pytest.mark.parametrize("noise_db", [-np.inf, -10.0])
@pytest.mark.parametrize("pitch_hz", [*pitches()])
def test_pitch_of_a_harmonic_tone_is_found_within_50_cents(pitch_hz, noise_db, rng):
    wave = harmonic_tone(pitch_hz)
    wave += wave.std() * 10 ** (noise_db / 20) * rng.standard_normal(len(wave))
    octaves, voicing = pitch_track(wave, RATE)
    inner = slice(8, len(octaves) - 8)
    expected_hz = [pitch_hz[i * HOP : i * HOP + FRAME].mean() for i in range(len(octaves))]
    cents = 1200 * (octaves - np.log2(np.array(expected_hz) / 100.0))
    assert voicing[inner].all()
    assert np.abs(cents[inner]).max() < 50


@pytest.mark.parametrize("pitch_hz", [90.0, 150.0, 310.0])
def test_three_harmonics_in_sine_phase_are_enough(pitch_hz):
    times_s = np.arange(RATE) / RATE
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * times_s) / k for k in (1, 2, 3))
    octaves, voicing = pitch_track(wave.astype(np.float32), RATE)
    assert voicing[5:-5].all()
    assert np.allclose(octaves[5:-5], np.log2(pitch_hz / 100), atol=0.05)


def test_noise_and_silence_are_unvoiced(rng):
    for wave in (0.1 * rng.standard_normal(RATE), np.zeros(RATE)):
        assert not pitch_track(wave, RATE).any()


def test_frames_in_blocks_equal_frames_at_once(monkeypatch):
    wave = harmonic_tone(np.full(RATE, 150.0))
    at_once = pitch_track(wave, RATE)
    monkeypatch.setattr("giblet_core.sound.pitch.BLOCK", 7)
    assert np.array_equal(pitch_track(wave, RATE), at_once)
