"""A stand-in for speech, and a small codec fitted to it."""

import numpy as np
import pytest

from giblet_core.demo.codec import hybrid_start

RATE = 24_000


def make_vowels(seconds=3.0, seed=0):
    """Return a deterministic stand-in for speech: gliding harmonics, syllables, breath."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    pitch_hz = 120 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    wave = np.zeros(len(t))
    for formant_hz, width_hz, gain, n_harmonics in ((600, 500, 1.0, 29), (2200, 400, 0.3, 39)):
        for harmonic in range(1, n_harmonics + 1):
            level = np.exp(-(((120 * harmonic - formant_hz) / width_hz) ** 2))
            wave += gain * level * np.cos(harmonic * phase)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)
    wave = (wave + 0.05 * rng.standard_normal(len(t))) * syllables
    return (0.05 * wave / wave.std()).astype(np.float32)


@pytest.fixture(scope="session")
def vowels():
    """The function that makes them: ``vowels(seconds, seed)``."""
    return make_vowels


@pytest.fixture(scope="session")
def tiny():
    """The start of a codec of four codebooks, fitted to 16 s of sound; copy it to change it."""
    noise = 0.05 * np.random.default_rng(1).standard_normal(RATE * 2)
    sounds = [make_vowels(14.0, seed=2), noise.astype(np.float32)]
    return hybrid_start(sounds, n_codebooks=4, n_iter=2, n_points=1200)
