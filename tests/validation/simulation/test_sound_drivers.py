"""Tracks of the sound: the guess at speech, and the annotation that replaces it."""

import numpy as np
import pytest

from giblet_core.validation.simulation import band_energy, sound_tracks, speech_proxy

RATE = 24_000


class FiveSecondsOfSpeech:
    def active(self, kind, times_s):
        return (times_s < 5) & (kind == "speech")


def test_the_speech_proxy_prefers_syllables_to_a_steady_hum():
    t = np.arange(RATE * 20) / RATE
    tone = np.sin(2 * np.pi * 700 * t)
    voice = tone * np.clip(np.sin(2 * np.pi * 5 * t), 0, 1)
    hum = tone * (1 + 0.3 * np.sin(2 * np.pi * 1.0 * t))
    presence = speech_proxy(band_energy(np.concatenate([voice, hum]), RATE))
    assert presence[200:1900].mean() > presence[2200:3900].mean() + 0.2


def test_an_annotation_replaces_the_speech_proxy(sound):
    tracks = sound_tracks(sound[: RATE * 10], RATE, 100, FiveSecondsOfSpeech())
    assert tracks.speech.sum() == 50


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_band_energy_tells_where_a_tone_lies_at_any_rate(rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    energy = band_energy(tone, rate)
    band = np.argmax(energy.bands.mean(0))
    assert energy.edges_hz[band] < 1000 < energy.edges_hz[band + 1]
    np.testing.assert_allclose(energy.power, 0.5, rtol=1e-3)
