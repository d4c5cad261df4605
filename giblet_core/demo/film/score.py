"""The music of the demo film: a small synthesiser and cues with harmony, melody and rhythm, all
from one seed.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from giblet_core.files import ASSETS, read_yaml

RATE = 24_000  # Hz, of everything the film renders
SCORE = ASSETS / "film.yaml"
FILM = read_yaml(SCORE)  # pieces, rhythms, rooms, what comes between the scenes
CUES = FILM["cues"]
_TABLE = 4096


def wavetable(amplitudes: np.ndarray, frequency: float) -> np.ndarray:
    """One period of a sum of harmonics, those below 11 kHz only: no aliasing."""
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    n = min(len(amplitudes), int(11_000 / frequency))
    spectrum[1 : n + 1] = -0.5j * amplitudes[:n] * _TABLE
    return np.fft.irfft(spectrum).astype(np.float32)


def sing(
    table: np.ndarray, frequency: np.ndarray | float, n: int, phase: float = 0.0
) -> np.ndarray:
    """Read a wavetable at a frequency (Hz) that may vary over the `n` samples."""
    cycles = (
        np.cumsum(frequency) / RATE if np.ndim(frequency) else np.arange(n) * (frequency / RATE)
    )
    return table[((cycles + phase) * _TABLE).astype(np.int64) & (_TABLE - 1)]


def fade(wave: np.ndarray, attack_s: float, release_s: float) -> np.ndarray:
    """Raise the start and lower the end of `wave` with half cosines, in place."""
    for edge, seconds in ((wave, attack_s), (wave[::-1], release_s)):
        n = min(len(wave), int(seconds * RATE))
        edge[:n] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(n, dtype=np.float32) / max(n, 1))
    return wave


def decay(n: int, seconds: float) -> np.ndarray:
    return np.exp(np.arange(n, dtype=np.float32) * np.float32(-1 / (seconds * RATE)))


def _pluck(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Karplus and Strong's string: a burst of noise in a loop of one period that loses its treble."""
    period, fraction = divmod(RATE / f - 0.5, 1)
    period = int(period)
    burst = np.zeros(n)
    noise = rng.uniform(-1, 1, period)
    burst[:period] = lfilter([0.7], [1, -0.3], noise - noise.mean())[:n]
    loop = np.convolve([1 - fraction, fraction], [0.5, 0.5]) * 0.996
    return lfilter([1.0], np.concatenate([[1.0], np.zeros(period - 1), -loop]), burst) * decay(
        n, 1.2
    )


def _pad(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
    table = wavetable(1 / np.arange(1, 40) ** 1.5, f)
    wave = sum(sing(table, f * detune, n, rng.uniform()) for detune in (0.996, 1.0, 1.0045))
    return fade(wave, 0.5, 0.6)


def _violin(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
    harmonic = np.arange(1, 60)
    body = (
        1
        + 2 * np.exp(-(((harmonic * f - 1100) / 500) ** 2))
        + 1.5 * np.exp(-(((harmonic * f - 2800) / 700) ** 2))
    )
    t = np.arange(n) / RATE
    vibrato = 1 + 0.006 * np.minimum(1, t / 0.35) * np.sin(2 * np.pi * 5.6 * t + rng.uniform(0, 6))
    bow = (
        sosfilt(butter(1, (2500, 9000), "band", fs=RATE, output="sos"), rng.standard_normal(n))
        * 0.05
    )
    return fade(
        (sing(wavetable(body / harmonic**1.1, f), f * vibrato, n) + bow)
        * (0.8 + 0.2 * np.minimum(1, t / 0.3)),
        0.09,
        0.12,
    )


def _flute(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(n) / RATE
    air = (
        sosfilt(butter(1, (1500, 8000), "band", fs=RATE, output="sos"), rng.standard_normal(n))
        * 0.06
    )
    tone = sing(
        wavetable(np.array([1, 0.35, 0.22, 0.06, 0.03]), f),
        f * (1 + 0.003 * np.sin(2 * np.pi * 5 * t)),
        n,
    )
    return fade(tone + air, 0.06, 0.1)


def _organ(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
    bars = np.zeros(16)
    bars[[0, 1, 2, 3, 5, 7, 11, 15]] = 1, 0.8, 0.5, 0.4, 0.25, 0.2, 0.12, 0.08
    return fade(sing(wavetable(bars, f), f, n, rng.uniform()), 0.04, 0.15)


def _struck(partials: tuple[float, ...], seconds: float):
    """Make an instrument of decaying partials: bells, a celesta, a bass string."""

    def play(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
        t = np.arange(n, dtype=np.float32) / RATE
        wave = np.zeros(n, np.float32)
        for k, ratio in enumerate(partials):
            if f * ratio < 11_000:
                wave += (
                    np.sin(np.float32(2 * np.pi * f * ratio) * t + rng.uniform(0, 6))
                    * decay(n, seconds / (1 + 0.6 * k))
                    / (k + 1)
                )
        return fade(wave, 0.003, 0.05)

    return play


def _drum(low: float, high: float, seconds: float, tone: float = 0.0):
    def play(f: float, n: int, rng: np.random.Generator) -> np.ndarray:
        hiss = sosfilt(
            butter(2, (low, high), "band", fs=RATE, output="sos"), rng.standard_normal(n)
        )
        thump = np.sin(2 * np.pi * np.cumsum(45 + 60 * decay(n, 0.03)) / RATE) * tone
        return fade((hiss + thump) * decay(n, seconds), 0.001, 0.02)

    return play


INSTRUMENTS = {
    "pluck": _pluck, "pad": _pad, "violin": _violin, "flute": _flute, "organ": _organ,
    "bass": _struck((1, 2, 3, 4), 0.9), "celesta": _struck((1, 4.0, 6.7), 0.7), "bell": _struck((1, 2.0, 2.76, 4.1, 5.4, 8.9), 2.2),
    "hat": _drum(6000, 11_500, 0.04), "snare": _drum(900, 9000, 0.09), "drum": _drum(60, 900, 0.12, 4.0),
}  # fmt: skip


@lru_cache(maxsize=600)
def play(instrument: str, midi: int, n: int) -> np.ndarray:
    """Return one note, peak near 1: (n,) float32. The same note is always the same samples."""
    rng = np.random.default_rng([1891, midi, sorted(INSTRUMENTS).index(instrument)])
    wave = INSTRUMENTS[instrument](440 * 2 ** ((midi - 69) / 12), n, rng).astype(np.float32)
    wave = fade(
        wave / (np.abs(wave).max() + np.float32(1e-9)), 0.0005, min(0.15, n / RATE / 4)
    )  # a string that still rings is damped
    wave.setflags(write=False)
    return wave


def _motif(beats: int, rng: np.random.Generator, closing: bool) -> list[tuple[float, float, int]]:
    """One bar of melody: (beat, length in beats, degree above the chord's root), stepwise around a
    chord tone.
    """
    rhythms = FILM["rhythms"][beats]
    rhythm = [beats] if closing else rhythms[rng.integers(len(rhythms))]
    degree, at, notes = 0 if closing else int(rng.choice([0, 2, 4])), 0.0, []
    for length in rhythm:
        notes.append((at, length, degree))
        at += length
        degree = int(np.clip(degree + rng.choice([-2, -1, -1, 1, 1, 2]), -3, 7))
    return notes


def _bar(
    pattern: str, beats: int, bar: int, motifs: list, rng: np.random.Generator
) -> list[tuple[float, float, int]]:
    """The notes of one bar of a layer: (beat, length in beats, degree above the chord's root)."""
    if pattern == "melody":
        return motifs[(0, 1, 0, 2, 0, 1, 3, 4)[bar % 8]]
    if pattern == "drive":
        return [(k / 2, 0.5, 0) for k in range(2 * beats) if k % 2 == 0 or rng.uniform() < 0.7]
    if pattern == "sparse":
        return [(float(rng.integers(beats)), beats, int(rng.choice([0, 2, 4, 7])))]
    bars = FILM["patterns"][pattern][beats]
    return bars[bar % len(bars)]


def compose(name: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Render a cue of exactly `n_samples` in a key and with a melody drawn from `rng`.

    Parameters
    ----------
    name : str
        A key of `CUES`.
    n_samples : int
        Length at 24 kHz.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        RMS 1, faded at both ends.
    """
    cue = CUES[name]
    beats, chords, scale = cue["beats"], cue["chords"], FILM["scales"][cue["scale"]]
    beat_s = 60 / (cue["bpm"] * rng.uniform(0.94, 1.06))
    tonic = int(rng.integers(46, 57))  # B flat 2 to A 3
    motifs = [_motif(beats, rng, closing=k in (2, 4)) for k in range(5)]
    out = np.zeros(n_samples, np.float32)
    bar_s = beats * beat_s
    for bar in range(int(np.ceil(n_samples / RATE / bar_s))):
        chord = chords[bar % len(chords)]
        for instrument, pattern, octave, level in cue["layers"]:
            for beat, length, degree in _bar(pattern, beats, bar, motifs, rng):
                step = (
                    chord + degree - (7 if chord > 3 else 0)
                )  # chords in the upper half of the scale lie below: smooth voice leading
                leading = (
                    cue["scale"] == "minor" and chord == 4 and step % 7 == 6
                )  # the dominant of a minor key has a major third
                midi = tonic + 12 * (octave + 1 + step // 7) + scale[step % 7] + leading
                start = int((bar * bar_s + beat * beat_s + max(0.0, rng.normal(0, 0.006))) * RATE)
                note = play(
                    instrument,
                    midi,
                    int(FILM["ring_s"].get(instrument, length * beat_s + 0.12) * RATE),
                )
                stop = min(n_samples, start + len(note))
                if start < stop:
                    out[start:stop] += note[: stop - start] * np.float32(
                        10 ** (level / 20) * rng.uniform(0.75, 1.0)
                    )
    return fade(out / (np.sqrt(np.mean(out**2)) + np.float32(1e-9)), 0.15, 2.0)
