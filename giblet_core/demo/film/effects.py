"""Ambiences, effects and rooms of the demo film: noise, resonances and rhythm from a seeded
generator.
"""

from functools import cache

import numpy as np
from scipy.signal import butter, oaconvolve, sosfilt

from giblet_core.demo.film.score import FILM, RATE, decay, fade, sing, wavetable


def band(n: int, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Return noise between two frequencies (Hz), RMS 1: (n,) float32."""
    return _unit(_pass(rng.standard_normal(n, dtype=np.float32), low, high))


def _pass(wave: np.ndarray, low: float, high: float, order: int = 2) -> np.ndarray:
    return sosfilt(butter(order, (low, high), "band", fs=RATE, output="sos"), wave).astype(
        np.float32
    )


def _unit(wave: np.ndarray) -> np.ndarray:
    return wave / (np.sqrt(np.mean(wave**2)) + np.float32(1e-9))


def drift(
    n: int, rng: np.random.Generator, period_s: float, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Return a slow random curve between `low` and `high` with a new aim every `period_s`: (n,)
    float32.
    """
    step = max(1, int(period_s * RATE))
    aims = rng.uniform(low, high, n // step + 2).astype(np.float32)
    ramp = np.arange(step, dtype=np.float32) / step
    return (aims[:-1, None] + np.diff(aims)[:, None] * ramp).ravel()[:n]


def _grain(
    frequency: float, seconds: float, rng: np.random.Generator, roughness: float = 0.3
) -> np.ndarray:
    """A short knock: a damped tone and a damped burst of noise around it."""
    n = int(RATE * seconds * 7)
    tone = np.sin(2 * np.pi * frequency * np.arange(n) / RATE)
    burst = _pass(rng.standard_normal(n), frequency * 0.6, min(11_000, frequency * 3))
    return fade(
        (tone * (1 - roughness) + burst * roughness * 2).astype(np.float32) * decay(n, seconds),
        0.001,
        0.005,
    )


def place(out: np.ndarray, wave: np.ndarray, start: int, gain: float = 1.0) -> int:
    """Add `wave` to `out` from sample `start` on, cut at the end; return the sample after its last
    one.
    """
    stop = min(len(out), start + len(wave))
    if stop > start:
        out[start:stop] += wave[: stop - start] * np.float32(gain)
    return max(start, stop)


def _scatter(n: int, rng: np.random.Generator, per_s: float, make) -> np.ndarray:
    """Grains made by ``make()`` at random times, in random strength; eight different ones are
    enough.
    """
    out, grains = np.zeros(n, np.float32), [make() for _ in range(8)]
    for start in rng.integers(0, n, rng.poisson(per_s * n / RATE)):
        place(out, grains[rng.integers(8)], int(start), rng.uniform(0.1, 1) ** 2)
    return out


def _rain(n, rng):
    drops = _scatter(n, rng, 60, lambda: _grain(rng.uniform(2500, 7000), 0.003, rng, 0.6))
    hiss = 0.7 * band(n, rng, 900, 4500) * drift(n, rng, 3, 0.6, 1) + 0.4 * band(
        n, rng, 3000, 10_500
    ) * drift(n, rng, 2, 0.5, 1)
    return hiss + 0.5 * band(n, rng, 150, 900) + 3 * drops


def _wind(n, rng):
    bands = ((120, 400), (300, 900), (700, 2200), (3000, 9000))
    return sum(
        band(n, rng, *edges) * drift(n, rng, 2.5) ** 2 / (k + 1) for k, edges in enumerate(bands)
    )


def _fire(n, rng):
    crackle = _scatter(
        n, rng, 9, lambda: _grain(rng.uniform(1200, 5000), rng.uniform(0.002, 0.008), rng, 0.8)
    )
    return (
        0.5 * band(n, rng, 60, 400) * drift(n, rng, 0.7, 0.5, 1)
        + 0.25 * band(n, rng, 500, 6000)
        + 4 * crackle
    )


def _clock(n, rng):
    out = 0.2 * band(n, rng, 80, 3000)
    tick, tock = _grain(2300, 0.012, rng), _grain(1700, 0.014, rng)
    for k, start in enumerate(np.arange(rng.uniform(0, 0.5), n / RATE, 0.5)):
        place(out, tock if k % 2 else tick, int(start * RATE), 1.6)
    return out


def _street(n, rng):
    out = band(n, rng, 50, 500) * drift(n, rng, 4, 0.5, 1) + 0.15 * band(n, rng, 500, 8000)
    for start in np.arange(rng.uniform(0, 5), n / RATE, 11):
        place(out, effect("hooves", rng), int(start * RATE), rng.uniform(1.0, 2.0))
    wheels = band(n, rng, 200, 2500) * (
        1 + 0.7 * np.sin(2 * np.pi * 7 * np.arange(n, dtype=np.float32) / RATE)
    )
    return out + wheels * drift(n, rng, 5) ** 2


def _crowd(n, rng):
    """Babble of invented talkers: a buzz through vowel formants that change with the syllables; no
    word is in it.
    """
    out = 0.08 * band(n, rng, 1000, 8000)
    for _ in range(5):
        f0 = rng.uniform(90, 230)
        buzz = sing(wavetable(1 / np.arange(1, 60), f0), f0 * drift(n, rng, 0.6, 0.85, 1.2), n)
        talks = drift(n, rng, 0.16) ** 2 * (drift(n, rng, 1.5) > 0.35)
        for formant in ((300, 450, 2000, 2600), (600, 850, 1000, 1400)):
            vowel = _pass(buzz, *formant[:2], 1) + 0.6 * _pass(buzz, *formant[2:], 1)
            out += vowel * talks * drift(n, rng, 0.2)
    return out


def _drip(n, rng):
    def drop():
        m = RATE // 4
        pitch = rng.uniform(700, 1500) * (1.4 - 0.4 * decay(m, 0.03))
        return np.sin(2 * np.pi * np.cumsum(pitch) / RATE).astype(np.float32) * decay(m, 0.04)

    return (
        0.3 * band(n, rng, 40, 250)
        + 0.06 * band(n, rng, 300, 5000)
        + reverberate(4 * _scatter(n, rng, 0.9, drop), "cellar")[:n]
    )


def _railway(n, rng):
    out = band(n, rng, 40, 350) + 0.35 * band(n, rng, 800, 9000) * drift(n, rng, 2, 0.5, 1)
    clack = _grain(420, 0.03, rng, 0.6)
    for start in np.arange(0.2, n / RATE, 1.35):
        for lag in (0, 0.14, 0.42, 0.56):
            place(out, clack, int((start + lag) * RATE), 5.0)
    return out


def _garden(n, rng):
    def chirp():
        m = int(RATE * rng.uniform(0.08, 0.2))
        pitch = rng.uniform(2800, 5200) * (
            1 + 0.15 * np.sin(2 * np.pi * rng.uniform(8, 30) * np.arange(m) / RATE)
        )
        return fade(np.sin(2 * np.pi * np.cumsum(pitch) / RATE).astype(np.float32), 0.02, 0.05)

    return (
        0.3 * band(n, rng, 100, 900) * drift(n, rng, 3, 0.4, 1)
        + 0.06 * band(n, rng, 2000, 10_000)
        + 1.2 * _scatter(n, rng, 3.5, chirp)
    )


AMBIENCES = {"rain": _rain, "wind": _wind, "fire": _fire, "clock": _clock, "street": _street, "crowd": _crowd, "drip": _drip,
             "railway": _railway, "garden": _garden}  # fmt: skip


def ambience(name: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Render an ambience of `AMBIENCES`, RMS 1 and faded at both ends: (n_samples,) float32."""
    return fade(_unit(AMBIENCES[name](n_samples, rng)), 0.8, 0.8)


def _series(rng, grain, times, spread=0.3, tail_s=0.6):
    out = np.zeros(int((times[-1] + tail_s) * RATE), np.float32)
    for start in times:
        place(out, grain(), int(start * RATE), 1 - rng.uniform(0, spread))
    return out


def _steps(rng):
    times = np.arange(int(rng.integers(5, 9))) * rng.uniform(0.48, 0.6)

    def step():
        heel = 0.8 * _grain(rng.uniform(110, 150), 0.022, rng, 0.7)
        place(heel, _grain(2600, 0.004, rng, 0.9), 0, 0.35)
        return heel

    return _series(rng, step, times)


def _door(rng):
    n = int(RATE * 1.1)
    creak = (
        sing(wavetable(1 / np.arange(1, 80) ** 0.7, 90), 70 + 60 * drift(n, rng, 0.12), n)
        * drift(n, rng, 0.08) ** 2
    )
    out = np.zeros(int(RATE * 1.8), np.float32)
    place(out, fade(_pass(creak, 700, 6000), 0.2, 0.1), 0, 0.5)
    place(out, _grain(75, 0.06, rng, 0.6), n, 1.4)
    place(out, _grain(900, 0.02, rng, 0.8), n, 0.6)
    return out


def _hooves(rng):
    pace = rng.uniform(0.30, 0.36)
    times = np.concatenate(
        [
            k * 2 * pace + np.array([0, 0.62 * pace, pace, 1.62 * pace])
            for k in range(int(rng.integers(4, 7)))
        ]
    )
    return _series(
        rng,
        lambda: _grain(rng.choice([780, 1020]) * rng.uniform(0.95, 1.05), 0.014, rng, 0.35),
        times,
        0.5,
    ) * fade(np.ones(int((times[-1] + 0.6) * RATE), np.float32), 0.8, 1.2)


def _bell(rng):
    f, n, out = rng.uniform(480, 760), int(RATE * 3.2), 0
    partials = (
        (0.5, 0.4, 1.6),
        (1, 1, 1.1),
        (1.19, 0.6, 0.9),
        (1.5, 0.4, 0.8),
        (2, 0.7, 0.6),
        (2.74, 0.4, 0.4),
        (5.4, 0.3, 0.15),
    )
    for ratio, level, seconds in partials:
        out = out + level * np.sin(2 * np.pi * f * ratio * np.arange(n) / RATE) * decay(n, seconds)
    return fade(out.astype(np.float32), 0.002, 0.6)


def _whistle(rng):
    n = int(RATE * rng.uniform(1.6, 2.4))
    bend = 1 + 0.02 * drift(n, rng, 0.5)
    tones = sum(sing(wavetable(np.array([1, 0.3, 0.2]), f), f * bend, n) for f in (587, 740, 880))
    return fade(tones + 0.3 * band(n, rng, 1500, 9000), 0.08, 0.4)


def _chime(rng):
    stroke = _bell(rng)
    return _series(rng, lambda: stroke, np.arange(int(rng.integers(2, 5))) * 1.3, tail_s=3.3)


def _paper(rng):
    n = int(RATE * 1.2)
    return fade(
        band(n, rng, 2500, 11_000) * drift(n, rng, 0.03) ** 4 * drift(n, rng, 0.3), 0.05, 0.2
    )


def _match(rng):
    n = int(RATE * 1.4)
    return fade(
        band(n, rng, 1800, 11_000) * (decay(n, 0.15) + 0.15 * drift(n, rng, 0.05)), 0.02, 0.5
    )


def _glass(rng):
    out = fade(band(RATE * 2, rng, 2500, 11_000) * decay(RATE * 2, 0.12), 0.001, 0.3)
    for start in rng.uniform(0, 0.9, 26) ** 2:
        place(
            out,
            _grain(rng.uniform(2500, 8500), 0.03, rng, 0.1),
            int(start * RATE),
            rng.uniform(0.3, 1.2),
        )
    return out


def _thunder(rng):
    n = int(RATE * 5)
    rumble = band(n, rng, 30, 220) * drift(n, rng, 0.35, 0.2, 1) * decay(n, 1.8)
    return fade(rumble + 0.2 * band(n, rng, 200, 3000) * decay(n, 0.4), 0.03, 1.5)


EFFECTS = {
    "footsteps": _steps, "door": _door, "hooves": _hooves, "bell": _bell, "whistle": _whistle, "clock": _chime,
    "paper": _paper, "match": _match, "glass": _glass, "thunder": _thunder,
    "knock": lambda rng: _series(rng, lambda: _grain(210, 0.03, rng, 0.5), np.arange(int(rng.integers(2, 5))) * 0.23),
    "digging": lambda rng: _series(rng, lambda: _grain(rng.uniform(900, 2400), 0.03, rng, 0.9), np.cumsum(rng.uniform(0.35, 0.6, 6))),
}  # fmt: skip


def effect(name: str, rng: np.random.Generator) -> np.ndarray:
    """Render one effect of `EFFECTS` from `rng`, peak 1: (n,) float32."""
    wave = np.asarray(EFFECTS[name](rng), np.float32)
    return wave / (np.abs(wave).max() + np.float32(1e-9))


@cache
def _impulse(room: str) -> np.ndarray:
    """A room's tail: noise that dies 60 dB in the reverberation time, after a few early
    reflections.
    """
    seconds, level, treble = FILM["rooms"][room]
    rng, n = np.random.default_rng([1891, sorted(FILM["rooms"]).index(room)]), int(seconds * RATE)
    tail = _pass(rng.standard_normal(n), 150, treble, 1) * decay(n, seconds / 6.9)
    tail[: RATE // 100] = 0
    for lag in rng.integers(RATE // 200, RATE // 30, 5):
        tail[lag % n] += rng.choice([-1, 1]) * 4
    return (tail * level / np.sqrt(np.sum(tail**2))).astype(np.float32)


def reverberate(wave: np.ndarray, room: str) -> np.ndarray:
    """Put `wave` in a room of the film; the result is longer by the reverberation time. float32."""
    tail = _impulse(room)
    wet = oaconvolve(wave, tail).astype(np.float32)
    wet[: len(wave)] += wave
    return wet
