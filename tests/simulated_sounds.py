"""A noisy sound with codes that drift, as simulated subjects hear it."""

from types import SimpleNamespace

import numpy as np
from made_codes import made_up_codes
from scipy.signal import lfilter

from giblet_core.simulations import HeardSound

RATE = 8_000
FRAME_RATE = 50
DURATION_S = 640
N_CODEBOOKS = 8
N_ENTRIES = 64


def made_wave(rng):
    """Return noise whose level wanders, at most 1."""
    level = lfilter([0.02], [1, -0.98], rng.standard_normal(DURATION_S * 20))
    level = np.exp(2 * level / level.std() - 3)
    noise = rng.standard_normal(DURATION_S * RATE)
    wave = np.repeat(level, RATE // 20) * noise
    return (wave / np.abs(wave).max()).astype(np.float32)


def made_indices(rng):
    """Return indices (8, n_frames) that change slowly and independently of each other."""
    white = rng.standard_normal((N_CODEBOOKS, DURATION_S * FRAME_RATE))
    drifting = lfilter([1], [1, -0.97], white, axis=1)
    scaled = drifting / drifting.std(1, keepdims=True)
    return np.clip(N_ENTRIES / 2 + N_ENTRIES / 5 * scaled, 0, N_ENTRIES - 1).astype(np.uint16)


def made_sound(wave, indices, codebooks):
    codes = made_up_codes(indices, RATE, float(FRAME_RATE), cardinality=N_ENTRIES)
    annotation = SimpleNamespace(active=lambda kind, times_s: times_s % 20 < 10)
    return HeardSound(wave, RATE, codes, codebooks, annotation)
