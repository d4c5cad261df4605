"""The film's ambiences, from rain to a garden: beds that last as long as a scene."""

from collections.abc import Callable

import numpy as np

from giblet_core.demo.film.sounds.effects import effect
from giblet_core.demo.film.sounds.rooms import reverberate
from giblet_core.demo.film.sounds.synthesis import (
    RATE,
    band,
    band_pass,
    decay,
    drift,
    fade,
    grain,
    place,
    sing,
    unit_rms,
    wavetable,
)

Ambience = Callable[[int, np.random.Generator], np.ndarray]
N_GRAINS = 8  # different ones, of which many are heard

# (low, high, low, high) of two formants of a vowel, Hz
VOWELS = ((300, 450, 2000, 2600), (600, 850, 1000, 1400))


def _scatter(
    n: int,
    rng: np.random.Generator,
    per_s: float,
    make: Callable[[np.random.Generator], np.ndarray],
) -> np.ndarray:
    """Make eight grains, and put them at random times in random strength: (n,) float32."""
    grains = [make(rng) for _ in range(N_GRAINS)]
    out = np.zeros(n, np.float32)
    for start in rng.integers(0, n, rng.poisson(per_s * n / RATE)):
        chosen = grains[rng.integers(N_GRAINS)]
        place(out, chosen, int(start), rng.uniform(0.1, 1) ** 2)
    return out


def _raindrop(rng: np.random.Generator) -> np.ndarray:
    return grain(rng.uniform(2500, 7000), 0.003, rng, 0.6)


def _rain(n: int, rng: np.random.Generator) -> np.ndarray:
    drops = _scatter(n, rng, 60, _raindrop)
    near = 0.7 * band(n, rng, 900, 4500) * drift(n, rng, 3, 0.6, 1)
    bright = 0.4 * band(n, rng, 3000, 10_500) * drift(n, rng, 2, 0.5, 1)
    dull = 0.5 * band(n, rng, 150, 900)
    return near + bright + dull + 3 * drops


def _wind(n: int, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros(n, np.float32)
    bands = ((120, 400), (300, 900), (700, 2200), (3000, 9000))
    for number, (low, high) in enumerate(bands, start=1):
        out += band(n, rng, low, high) * drift(n, rng, 2.5) ** 2 / number
    return out


def _crackle(rng: np.random.Generator) -> np.ndarray:
    return grain(rng.uniform(1200, 5000), rng.uniform(0.002, 0.008), rng, 0.8)


def _fire(n: int, rng: np.random.Generator) -> np.ndarray:
    crackling = _scatter(n, rng, 9, _crackle)
    roar = 0.5 * band(n, rng, 60, 400) * drift(n, rng, 0.7, 0.5, 1)
    hiss = 0.25 * band(n, rng, 500, 6000)
    return roar + hiss + 4 * crackling


def _clock(n: int, rng: np.random.Generator) -> np.ndarray:
    out = 0.2 * band(n, rng, 80, 3000)
    tick = grain(2300, 0.012, rng)
    tock = grain(1700, 0.014, rng)
    times_s = np.arange(rng.uniform(0, 0.5), n / RATE, 0.5)
    for number, time_s in enumerate(times_s):
        place(out, tock if number % 2 else tick, int(time_s * RATE), 1.6)
    return out


def _street(n: int, rng: np.random.Generator) -> np.ndarray:
    rumble = band(n, rng, 50, 500) * drift(n, rng, 4, 0.5, 1)
    out = rumble + 0.15 * band(n, rng, 500, 8000)
    for time_s in np.arange(rng.uniform(0, 5), n / RATE, 11):
        hooves = effect("hooves", rng)
        place(out, hooves, int(time_s * RATE), rng.uniform(1.0, 2.0))
    rattle = 1 + 0.7 * np.sin(2 * np.pi * 7 * np.arange(n, dtype=np.float32) / RATE)
    wheels = band(n, rng, 200, 2500) * rattle
    return out + wheels * drift(n, rng, 5) ** 2


def _vowels(n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return what one invented talker says: a buzz through two vowels, each (n,) float32."""
    pitch_hz = rng.uniform(90, 230)
    table = wavetable(1 / np.arange(1, 60), pitch_hz)
    buzz = sing(table, pitch_hz * drift(n, rng, 0.6, 0.85, 1.2), n)
    syllables = drift(n, rng, 0.16) ** 2
    talks = syllables * (drift(n, rng, 1.5) > 0.35)
    vowels = []
    for low_1, high_1, low_2, high_2 in VOWELS:
        first = band_pass(buzz, low_1, high_1, order=1).astype(np.float32)
        second = band_pass(buzz, low_2, high_2, order=1).astype(np.float32)
        vowels.append((first + 0.6 * second) * talks * drift(n, rng, 0.2))
    return vowels


def _crowd(n: int, rng: np.random.Generator) -> np.ndarray:
    """Make the babble of five invented talkers; no word is in it."""
    out = 0.08 * band(n, rng, 1000, 8000)
    for _ in range(5):
        for vowel in _vowels(n, rng):
            out += vowel
    return out


def _drop(rng: np.random.Generator) -> np.ndarray:
    n = RATE // 4
    pitch_hz = rng.uniform(700, 1500) * (1.4 - 0.4 * decay(n, 0.03))
    return np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE).astype(np.float32) * decay(n, 0.04)


def _drip(n: int, rng: np.random.Generator) -> np.ndarray:
    hum = 0.3 * band(n, rng, 40, 250)
    air = 0.06 * band(n, rng, 300, 5000)
    drops = 4 * _scatter(n, rng, 0.9, _drop)
    return hum + air + reverberate(drops, "cellar")[:n]


def _railway(n: int, rng: np.random.Generator) -> np.ndarray:
    rumble = band(n, rng, 40, 350)
    out = rumble + 0.35 * band(n, rng, 800, 9000) * drift(n, rng, 2, 0.5, 1)
    clack = grain(420, 0.03, rng, 0.6)
    for time_s in np.arange(0.2, n / RATE, 1.35):
        for lag_s in (0, 0.14, 0.42, 0.56):
            place(out, clack, int((time_s + lag_s) * RATE), 5.0)
    return out


def _chirp(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * rng.uniform(0.08, 0.2))
    centre_hz = rng.uniform(2800, 5200)
    trill = np.sin(2 * np.pi * rng.uniform(8, 30) * np.arange(n) / RATE)
    pitch_hz = centre_hz * (1 + 0.15 * trill)
    return fade(np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE).astype(np.float32), 0.02, 0.05)


def _garden(n: int, rng: np.random.Generator) -> np.ndarray:
    breeze = 0.3 * band(n, rng, 100, 900) * drift(n, rng, 3, 0.4, 1)
    leaves = 0.06 * band(n, rng, 2000, 10_000)
    birds = 1.2 * _scatter(n, rng, 3.5, _chirp)
    return breeze + leaves + birds


AMBIENCES: dict[str, Ambience] = {
    "rain": _rain,
    "wind": _wind,
    "fire": _fire,
    "clock": _clock,
    "street": _street,
    "crowd": _crowd,
    "drip": _drip,
    "railway": _railway,
    "garden": _garden,
}


def ambience(name: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Render an ambience, of RMS 1 and faded at both ends.

    Parameters
    ----------
    name : str
        A key of `AMBIENCES`.
    n_samples : int
        Length at 24 kHz.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_samples,), float32
    """
    return fade(unit_rms(AMBIENCES[name](n_samples, rng)), 0.8, 0.8)
