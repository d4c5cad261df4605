"""Where a sound holds speech: 8-10 s segments, from an annotation where there is one, otherwise
from a stated rule.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from giblet_core.errors import InputError
from giblet_core.sound.samples import resample

SEGMENT_S = (
    8.0,
    10.0,
)  # PESQ wants several seconds with speech and pauses, and its C code breaks on minutes
SHORTEST_S = 1.5  # a sound shorter than a segment is one segment, down to this
MIN_SPEECH = 0.5  # least share of a segment that an annotation calls speech

# The rule, on 20 ms steps at 8 kHz. A step is voiced where the normalised autocorrelation between
# 70 and 400 Hz exceeds .6 and the
# level lies within 30 dB of the loudest 5 %. A segment is speech where its voiced share, its level
# variation, the 2-8 Hz share of its
# envelope and its *gliding share* (pitch steps between .1 and 2 semitones: notes stand still or
# jump, voices glide) are in these
# ranges. It is meant for dry or lightly mixed speech; under loud music pass the annotation instead.
VOICED_SHARE = (0.2, 0.9)
MIN_LEVEL_SD_DB = 7.0
MIN_SYLLABIC_SHARE = 0.15
MIN_GLIDING_SHARE = 0.35
_RATE, _FRAME, _HOP, _LAGS = 8_000, 320, 160, slice(20, 115)


def speech_intervals(
    annotation: Any, start_s: float = 0.0, stop_s: float | None = None
) -> list[tuple[float, float]]:
    """List the intervals an annotation calls speech, in seconds from `start_s`, cropped to
    ``[start_s, stop_s)``.
    """
    stop_s = np.inf if stop_s is None else stop_s
    inside = [
        (max(e.start_s, start_s), min(e.stop_s, stop_s))
        for e in annotation.events
        if e.kind == "speech"
    ]
    return sorted((a - start_s, b - start_s) for a, b in inside if b > a)


def speech_segments(
    wave: np.ndarray,
    sample_rate: int,
    intervals: Sequence[tuple[float, float]] | None = None,
    max_segments: int = 8,
) -> list[tuple[float, float]]:
    """Choose segments of 8-10 s with speech.

    Parameters
    ----------
    wave : array of shape (n_samples,)
        The reference sound.
    sample_rate : int
        Hz.
    intervals : sequence of (start_s, stop_s), optional
        Where speech is. A segment begins with an interval and is kept if at least half of it is
        speech. None applies the voicing rule at the top of this module.
    max_segments : int
        At most so many, spread evenly over those found.

    Returns
    -------
    list of (start_s, stop_s)
        Seconds; empty where there is no speech. A sound of 1.5-8 s is one segment.
    """
    duration = len(wave) / sample_rate
    if duration < SHORTEST_S:
        return []
    if intervals is None:
        found = [
            s
            for s in _tiles(duration)
            if is_speech(wave[round(s[0] * sample_rate) : round(s[1] * sample_rate)], sample_rate)
        ]
    else:
        found = _from_intervals(_merged(intervals), duration)
    return [
        found[i]
        for i in np.linspace(0, len(found) - 1, min(len(found), max_segments)).round().astype(int)
    ]


def _tiles(duration: float) -> list[tuple[float, float]]:
    n = max(1, int(duration // SEGMENT_S[0]))
    length = min(SEGMENT_S[1], duration / n)
    return [(i * duration / n, i * duration / n + length) for i in range(n)]


def _merged(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for a, b in sorted(intervals):
        if not (np.isfinite([a, b]).all() and a < b):
            raise InputError(
                f"segments={(a, b)}: each must be (start_s, stop_s) with start_s < stop_s. Give seconds of the reference."
            )
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((float(a), float(b)))
    return merged


def _from_intervals(
    merged: list[tuple[float, float]], duration: float
) -> list[tuple[float, float]]:
    shortest, longest = (min(s, duration) for s in SEGMENT_S)
    found, free = [], 0.0  # free: the end of the last segment taken
    for start, end in merged:
        at = max(start, free, 0.0)
        while at < end and (at := min(at, duration - shortest)) >= free:
            stop = min(max(at + shortest, min(end, at + longest)), duration)
            if sum(max(0.0, min(b, stop) - max(a, at)) for a, b in merged) < MIN_SPEECH * (
                stop - at
            ):
                break
            found.append((at, stop))
            at = free = stop
    return found


def is_speech(wave: np.ndarray, sample_rate: int) -> bool:
    """Tell whether one segment is speech, by the voicing rule at the top of this module."""
    level_db, periodicity, pitch_hz = _steps(resample(wave, sample_rate, _RATE))
    loud = np.percentile(level_db, 95)
    voiced = (level_db > loud - 30) & (periodicity > 0.6)
    pairs = voiced[1:] & voiced[:-1]
    if loud < -90 or not pairs.any():
        return False
    semitones = np.abs(12 * np.diff(np.log2(pitch_hz)))[pairs]
    envelope = 10 ** (level_db / 20)
    power = np.abs(np.fft.rfft((envelope / envelope.mean() - 1) * np.hanning(len(envelope)))) ** 2
    rate = np.fft.rfftfreq(len(envelope), _HOP / _RATE)
    syllabic = power[(rate >= 2) & (rate < 8)].sum() / max(power[rate >= 0.25].sum(), 1e-12)
    return bool(
        VOICED_SHARE[0] <= voiced.mean() <= VOICED_SHARE[1]
        and np.maximum(level_db, loud - 50).std() >= MIN_LEVEL_SD_DB
        and syllabic >= MIN_SYLLABIC_SHARE
        and ((semitones > 0.1) & (semitones < 2)).mean() >= MIN_GLIDING_SHARE
    )


def _steps(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return level (dB), normalised autocorrelation peak and its pitch (Hz) of each 20 ms step,
    (n_steps,) each.
    """
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FRAME)[::_HOP]
    frames = frames - frames.mean(1, keepdims=True)
    window = np.hanning(_FRAME)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames * window, 1024)) ** 2)[:, : _LAGS.stop + 1]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, 1024)) ** 2)[: _LAGS.stop + 1]
    correlation = correlation / np.maximum(correlation[:, :1], 1e-12) * (of_window[0] / of_window)
    peak = correlation[:, _LAGS].argmax(1) + _LAGS.start
    before, at, after = (correlation[np.arange(len(peak)), peak + i] for i in (-1, 0, 1))
    curve = (
        before - 2 * at + after
    )  # a parabola through three points places the peak between two lags
    offset = np.where(
        np.abs(curve) > 1e-9, 0.5 * (before - after) / np.where(curve == 0, 1, curve), 0
    )
    level_db = 10 * np.log10((frames**2).mean(1) + 1e-12)
    return level_db, at, _RATE / (peak + np.clip(offset, -0.5, 0.5))
