"""From the sum of the stems to the film: room tone, loudness, a limiter, 16 bits.

References
----------
ITU-R BS.1770-4 (2015), Algorithms to measure audio programme loudness and true-peak audio level
"""

import numpy as np
from pyloudnorm.iirfilter import IIRfilter
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import sosfilt

from giblet_core.demo.film.sounds import RATE
from giblet_core.demo.film.sounds.synthesis import fade

LOUDNESS_LUFS = -23.0  # of the whole film (EBU R 128)
CEILING = 0.85  # highest sample: -1.4 dBFS
ROOM_TONE_DB = -60.0
ROOM_TONE_SEED = 99
BLOCK = RATE // 10  # samples of a block of loudness
CHUNK = 30 * RATE  # samples weighted at once, so that memory stays flat
BLOCK_OFFSET_LU = -0.691  # of BS.1770
SILENCE_LUFS = -70.0
REACH = 500  # samples before and after a peak that the limiter may touch
LIMITER_WINDOW = 241  # samples: 5 ms ahead and behind
FULL_SCALE = np.float32(32768)


def _room_tone(n: int, seed: int) -> np.ndarray:
    """Return a quiet hiss below everything, so that no silence is digital: (n,) float32."""
    rng = np.random.default_rng([seed, ROOM_TONE_SEED])
    hiss = sosfilt([[0.05, 0, 0, 1, -0.95, 0]], rng.standard_normal(n, dtype=np.float32))
    # It has an RMS of .16.
    return hiss.astype(np.float32) * np.float32(10 ** (ROOM_TONE_DB / 20) / 0.16)


def block_power(wave: np.ndarray) -> np.ndarray:
    """Return the K-weighted mean square (ITU-R BS.1770) of each 100 ms: (n_blocks,)."""
    shelf = IIRfilter(4.0, 2**-0.5, 1500.0, RATE, "high_shelf")
    low_cut = IIRfilter(0.0, 0.5, 38.0, RATE, "high_pass")
    sos = np.array([[*stage.b, *stage.a] for stage in (shelf, low_cut)])
    state = np.zeros((2, 2))
    n_whole = len(wave) // BLOCK * BLOCK
    power = []
    for start in range(0, n_whole, CHUNK):
        chunk = wave[start : min(start + CHUNK, n_whole)].astype(np.float64)
        weighted, state = sosfilt(sos, chunk, zi=state)
        power.append(np.mean(weighted.reshape(-1, BLOCK) ** 2, axis=1))
    return np.concatenate(power)


def integrated(power: np.ndarray) -> float:
    """Return the gated loudness in LUFS of a film from its `block_power`."""
    windows = np.convolve(power, np.full(4, 0.25), "valid")  # of 400 ms
    loud = windows[windows > 10 ** ((SILENCE_LUFS - BLOCK_OFFSET_LU) / 10)]
    gated = loud[loud > 0.1 * np.mean(loud)]
    return float(BLOCK_OFFSET_LU + 10 * np.log10(np.mean(gated)))


def limit(wave: np.ndarray) -> np.ndarray:
    """Keep a sound below `CEILING`, in place: around a peak the gain dips smoothly."""
    over = np.flatnonzero(np.abs(wave) > CEILING)
    if not len(over):
        return wave
    gaps = np.flatnonzero(np.diff(over) > 2 * REACH) + 1
    for peaks in np.split(over, gaps):
        part = wave[max(0, peaks[0] - REACH) : peaks[-1] + REACH]
        highest = np.maximum(maximum_filter1d(np.abs(part), LIMITER_WINDOW), CEILING)
        part *= uniform_filter1d(CEILING / highest, LIMITER_WINDOW)  # means of gains that suffice
    return wave


def master(wave: np.ndarray, seed: int) -> np.ndarray:
    """Add the room tone, bring the film to its loudness below the ceiling, round to 16 bits.

    Parameters
    ----------
    wave : array of shape (n_samples,), float32
    seed : int
        Of the room tone.

    Returns
    -------
    array of shape (n_samples,), int16
    """
    wave = wave + _room_tone(len(wave), seed)
    change_lu = LOUDNESS_LUFS - integrated(block_power(wave))
    wave *= np.float32(10 ** (change_lu / 20))
    return np.round(fade(limit(wave), 0.05, 0.3) * FULL_SCALE).astype(np.int16)
