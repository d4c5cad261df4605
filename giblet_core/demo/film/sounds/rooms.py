"""The rooms of the film: reverberation by convolution with noise that dies away."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import oaconvolve

from giblet_core.demo.film.sounds.material import FILM
from giblet_core.demo.film.sounds.synthesis import RATE, band_pass, decay

ROOMS_SEED = 1891
NEPERS_OF_60_DB = 6.9
N_REFLECTIONS = 5


@dataclass(frozen=True)
class Room:
    """A room: reverberation time, level against the direct sound, treble limit in Hz."""

    seconds: float
    level: float
    treble_hz: float


ROOMS = {name: Room(*numbers) for name, numbers in FILM["rooms"].items()}


@cache
def _tail(name: str) -> np.ndarray:
    """Return noise that dies 60 dB in the reverberation time, after a few early reflections."""
    room = ROOMS[name]
    rng = np.random.default_rng([ROOMS_SEED, sorted(ROOMS).index(name)])
    n = int(room.seconds * RATE)
    noise = band_pass(rng.standard_normal(n), 150, room.treble_hz, order=1).astype(np.float32)
    tail = noise * decay(n, room.seconds / NEPERS_OF_60_DB)
    tail[: RATE // 100] = 0
    for lag in rng.integers(RATE // 200, RATE // 30, N_REFLECTIONS):
        tail[lag % n] += rng.choice([-1, 1]) * 4
    return (tail * room.level / np.sqrt(np.sum(tail**2))).astype(np.float32)


def reverberate(wave: np.ndarray, room: str) -> np.ndarray:
    """Put a sound in a room; the result is longer by the reverberation time, float32."""
    wet = oaconvolve(wave, _tail(room)).astype(np.float32)
    wet[: len(wave)] += wave
    return wet
