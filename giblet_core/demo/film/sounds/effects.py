"""The film's effects, from footsteps to thunder: noise, resonances and rhythm from a generator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from giblet_core.demo.film.sounds.synthesis import (
    HIGHEST_HZ,
    RATE,
    band,
    band_pass,
    decay,
    drift,
    fade,
    grain,
    place,
    sing,
    unit_peak,
    wavetable,
)

Effect = Callable[[np.random.Generator], np.ndarray]


def _series(
    make: Effect,
    rng: np.random.Generator,
    times_s: np.ndarray,
    spread: float = 0.3,
    tail_s: float = 0.6,
) -> np.ndarray:
    """Make a sound at each time, some weaker by up to `spread`: (n,) float32."""
    out = np.zeros(int((times_s[-1] + tail_s) * RATE), np.float32)
    for time_s in times_s:
        wave = make(rng)
        place(out, wave, int(time_s * RATE), 1 - rng.uniform(0, spread))
    return out


def _step(rng: np.random.Generator) -> np.ndarray:
    heel = 0.8 * grain(rng.uniform(110, 150), 0.022, rng, 0.7)
    sole = grain(2600, 0.004, rng, 0.9)
    place(heel, sole, 0, 0.35)
    return heel


def _footsteps(rng: np.random.Generator) -> np.ndarray:
    n_steps = int(rng.integers(5, 9))
    return _series(_step, rng, np.arange(n_steps) * rng.uniform(0.48, 0.6))


def _door(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * 1.1)
    table = wavetable(1 / np.arange(1, 80) ** 0.7, 90)
    creak = sing(table, 70 + 60 * drift(n, rng, 0.12), n) * drift(n, rng, 0.08) ** 2
    out = np.zeros(int(RATE * 1.8), np.float32)
    place(out, fade(band_pass(creak, 700, 6000).astype(np.float32), 0.2, 0.1), 0, 0.5)
    place(out, grain(75, 0.06, rng, 0.6), n, 1.4)
    place(out, grain(900, 0.02, rng, 0.8), n, 0.6)
    return out


def _hoof(rng: np.random.Generator) -> np.ndarray:
    frequency = rng.choice([780, 1020]) * rng.uniform(0.95, 1.05)
    return grain(frequency, 0.014, rng, 0.35)


def _hooves(rng: np.random.Generator) -> np.ndarray:
    pace_s = rng.uniform(0.30, 0.36)
    stride_s = np.array([0, 0.62 * pace_s, pace_s, 1.62 * pace_s])
    n_strides = int(rng.integers(4, 7))
    times_s = np.concatenate([number * 2 * pace_s + stride_s for number in range(n_strides)])
    wave = _series(_hoof, rng, times_s, spread=0.5)
    return wave * fade(np.ones(len(wave), np.float32), 0.8, 1.2)


@dataclass(frozen=True)
class _Partial:
    """A tone of a bell: frequency relative to the strike, level, time constant."""

    ratio: float
    level: float
    seconds: float


BELL = (
    _Partial(0.5, 0.4, 1.6),
    _Partial(1, 1, 1.1),
    _Partial(1.19, 0.6, 0.9),
    _Partial(1.5, 0.4, 0.8),
    _Partial(2, 0.7, 0.6),
    _Partial(2.74, 0.4, 0.4),
    _Partial(5.4, 0.3, 0.15),
)


def _bell(rng: np.random.Generator) -> np.ndarray:
    frequency = rng.uniform(480, 760)
    n = int(RATE * 3.2)
    out = np.zeros(n)
    for partial in BELL:
        tone = np.sin(2 * np.pi * frequency * partial.ratio * np.arange(n) / RATE)
        out += partial.level * tone * decay(n, partial.seconds)
    return fade(out.astype(np.float32), 0.002, 0.6)


def _whistle(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * rng.uniform(1.6, 2.4))
    bend = 1 + 0.02 * drift(n, rng, 0.5)
    harmonics = np.array([1, 0.3, 0.2])
    tones = sum(
        sing(wavetable(harmonics, frequency), frequency * bend, n) for frequency in (587, 740, 880)
    )
    return fade(tones + 0.3 * band(n, rng, 1500, 9000), 0.08, 0.4)


def _clock_strikes(rng: np.random.Generator) -> np.ndarray:
    stroke = _bell(rng)
    n_strokes = int(rng.integers(2, 5))
    return _series(lambda _: stroke, rng, np.arange(n_strokes) * 1.3, tail_s=3.3)


def _paper(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * 1.2)
    rustle = band(n, rng, 2500, HIGHEST_HZ) * drift(n, rng, 0.03) ** 4
    return fade(rustle * drift(n, rng, 0.3), 0.05, 0.2)


def _match(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * 1.4)
    hiss = band(n, rng, 1800, HIGHEST_HZ)
    return fade(hiss * (decay(n, 0.15) + 0.15 * drift(n, rng, 0.05)), 0.02, 0.5)


def _glass(rng: np.random.Generator) -> np.ndarray:
    n = RATE * 2
    out = fade(band(n, rng, 2500, HIGHEST_HZ) * decay(n, 0.12), 0.001, 0.3)
    for time_s in rng.uniform(0, 0.9, 26) ** 2:
        shard = grain(rng.uniform(2500, 8500), 0.03, rng, 0.1)
        place(out, shard, int(time_s * RATE), rng.uniform(0.3, 1.2))
    return out


def _thunder(rng: np.random.Generator) -> np.ndarray:
    n = int(RATE * 5)
    rumble = band(n, rng, 30, 220) * drift(n, rng, 0.35, 0.2, 1) * decay(n, 1.8)
    crack = 0.2 * band(n, rng, 200, 3000) * decay(n, 0.4)
    return fade(rumble + crack, 0.03, 1.5)


def _knuckle(rng: np.random.Generator) -> np.ndarray:
    return grain(210, 0.03, rng, 0.5)


def _knock(rng: np.random.Generator) -> np.ndarray:
    n_knocks = int(rng.integers(2, 5))
    return _series(_knuckle, rng, np.arange(n_knocks) * 0.23)


def _spade(rng: np.random.Generator) -> np.ndarray:
    return grain(rng.uniform(900, 2400), 0.03, rng, 0.9)


def _digging(rng: np.random.Generator) -> np.ndarray:
    return _series(_spade, rng, np.cumsum(rng.uniform(0.35, 0.6, 6)))


EFFECTS: dict[str, Effect] = {
    "footsteps": _footsteps,
    "door": _door,
    "hooves": _hooves,
    "bell": _bell,
    "whistle": _whistle,
    "clock": _clock_strikes,
    "paper": _paper,
    "match": _match,
    "glass": _glass,
    "thunder": _thunder,
    "knock": _knock,
    "digging": _digging,
}


def effect(name: str, rng: np.random.Generator) -> np.ndarray:
    """Render one effect of `EFFECTS` from `rng`, peak 1: (n,) float32."""
    return unit_peak(np.asarray(EFFECTS[name](rng), np.float32))
