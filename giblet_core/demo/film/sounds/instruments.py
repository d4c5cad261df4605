"""The instruments of the film's music: strings, winds, bells and drums from a few equations.

An instrument makes one note: a function of frequency (Hz), length (samples) and a generator.

References
----------
Karplus & Strong 1983, Computer Music Journal 7(2), 43. doi:10.2307/3680062 (plucked strings)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import lfilter

from giblet_core.demo.film.sounds.synthesis import (
    HIGHEST_HZ,
    RATE,
    band_pass,
    decay,
    fade,
    sing,
    unit_peak,
    wavetable,
)

NOTES_SEED = 1891  # the same note is always the same samples
CONCERT_PITCH_HZ = 440
CONCERT_PITCH_MIDI = 69

Instrument = Callable[[float, int, np.random.Generator], np.ndarray]


def _pluck(frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Pluck a Karplus-Strong string: noise in a loop of one period that loses its treble."""
    period, fraction = divmod(RATE / frequency - 0.5, 1)
    period = int(period)
    noise = rng.uniform(-1, 1, period)
    burst = np.zeros(n)
    burst[:period] = lfilter([0.7], [1, -0.3], noise - noise.mean())[:n]
    loop = np.convolve([1 - fraction, fraction], [0.5, 0.5]) * 0.996
    feedback = np.concatenate([[1.0], np.zeros(period - 1), -loop])
    return lfilter([1.0], feedback, burst) * decay(n, 1.2)


def _pad(frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Hold a chord voice: three slightly detuned tones."""
    table = wavetable(1 / np.arange(1, 40) ** 1.5, frequency)
    wave = sum(sing(table, frequency * detune, n, rng.uniform()) for detune in (0.996, 1.0, 1.0045))
    return fade(wave, 0.5, 0.6)


def _violin(frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Bow a string: harmonics through two resonances of a body, vibrato, and the bow's noise."""
    harmonic = np.arange(1, 60)
    lower = 2 * np.exp(-(((harmonic * frequency - 1100) / 500) ** 2))
    upper = 1.5 * np.exp(-(((harmonic * frequency - 2800) / 700) ** 2))
    body = 1 + lower + upper
    t = np.arange(n) / RATE
    depth = 0.006 * np.minimum(1, t / 0.35)
    vibrato = 1 + depth * np.sin(2 * np.pi * 5.6 * t + rng.uniform(0, 6))
    bow = band_pass(rng.standard_normal(n), 2500, 9000, order=1) * 0.05
    tone = sing(wavetable(body / harmonic**1.1, frequency), frequency * vibrato, n)
    swell = 0.8 + 0.2 * np.minimum(1, t / 0.3)
    return fade((tone + bow) * swell, 0.09, 0.12)


def _flute(frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Blow a pipe: few harmonics, a little vibrato, and air."""
    t = np.arange(n) / RATE
    air = band_pass(rng.standard_normal(n), 1500, 8000, order=1) * 0.06
    table = wavetable(np.array([1, 0.35, 0.22, 0.06, 0.03]), frequency)
    tone = sing(table, frequency * (1 + 0.003 * np.sin(2 * np.pi * 5 * t)), n)
    return fade(tone + air, 0.06, 0.1)


def _organ(frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Hold an organ pipe's tone: the drawbars' harmonics."""
    levels = {1: 1, 2: 0.8, 3: 0.5, 4: 0.4, 6: 0.25, 8: 0.2, 12: 0.12, 16: 0.08}
    drawbars = np.zeros(16)
    for harmonic, level in levels.items():
        drawbars[harmonic - 1] = level
    tone = sing(wavetable(drawbars, frequency), frequency, n, rng.uniform())
    return fade(tone, 0.04, 0.15)


@dataclass(frozen=True)
class Struck:
    """An instrument of decaying partials: bells, a celesta, a bass string.

    Attributes
    ----------
    partials : tuple of float
        Frequencies, relative to the lowest.
    seconds : float
        Time constant of the lowest.
    """

    partials: tuple[float, ...]
    seconds: float

    def __call__(self, frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
        """Strike a note.

        Parameters
        ----------
        frequency : float
            Hz.
        n : int
            Samples.
        rng : numpy.random.Generator

        Returns
        -------
        array of shape (n,)
        """
        t = np.arange(n, dtype=np.float32) / RATE
        wave = np.zeros(n, np.float32)
        for number, ratio in enumerate(self.partials):
            if frequency * ratio < HIGHEST_HZ:
                omega = np.float32(2 * np.pi * frequency * ratio)
                tone = np.sin(omega * t + rng.uniform(0, 6))
                wave += tone * decay(n, self.seconds / (1 + 0.6 * number)) / (number + 1)
        return fade(wave, 0.003, 0.05)


@dataclass(frozen=True)
class Drum:
    """A drum: a burst of noise, and a falling tone below it; it has no pitch of its own.

    Attributes
    ----------
    low, high : float
        Hz, of the noise.
    seconds : float
        Time constant.
    tone : float
        Level of the tone.
    """

    low: float
    high: float
    seconds: float
    tone: float = 0.0

    def __call__(self, frequency: float, n: int, rng: np.random.Generator) -> np.ndarray:
        """Strike the drum.

        Parameters
        ----------
        frequency : float
            Ignored.
        n : int
            Samples.
        rng : numpy.random.Generator

        Returns
        -------
        array of shape (n,)
        """
        hiss = band_pass(rng.standard_normal(n), self.low, self.high)
        pitch = 45 + 60 * decay(n, 0.03)
        thump = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * self.tone
        return fade((hiss + thump) * decay(n, self.seconds), 0.001, 0.02)


INSTRUMENTS: dict[str, Instrument] = {
    "pluck": _pluck,
    "pad": _pad,
    "violin": _violin,
    "flute": _flute,
    "organ": _organ,
    "bass": Struck((1, 2, 3, 4), 0.9),
    "celesta": Struck((1, 4.0, 6.7), 0.7),
    "bell": Struck((1, 2.0, 2.76, 4.1, 5.4, 8.9), 2.2),
    "hat": Drum(6000, 11_500, 0.04),
    "snare": Drum(900, 9000, 0.09),
    "drum": Drum(60, 900, 0.12, 4.0),
}


@lru_cache(maxsize=600)
def play(instrument: str, midi: int, n: int) -> np.ndarray:
    """Play one note; the same note is always the same samples.

    Parameters
    ----------
    instrument : str
        A key of `INSTRUMENTS`.
    midi : int
        Pitch; 69 is 440 Hz.
    n : int
        Samples.

    Returns
    -------
    array of shape (n,), float32
        Of peak near 1; read-only.
    """
    number = sorted(INSTRUMENTS).index(instrument)
    rng = np.random.default_rng([NOTES_SEED, midi, number])
    frequency = CONCERT_PITCH_HZ * 2 ** ((midi - CONCERT_PITCH_MIDI) / 12)
    wave = unit_peak(INSTRUMENTS[instrument](frequency, n, rng).astype(np.float32))
    release_s = min(0.15, n / RATE / 4)  # a string that still rings is damped
    wave = fade(wave, 0.0005, release_s)
    wave.setflags(write=False)
    return wave
