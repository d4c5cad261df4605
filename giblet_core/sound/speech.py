"""Where a sound holds speech: segments of 8-10 s, for metrics that are defined on speech.

They come from an annotation where there is one, otherwise from a stated rule (`is_speech`). The
rule is meant for dry or lightly mixed speech; under loud music pass the annotation instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.sound.annotation import Annotation
from giblet_core.sound.samples import resample

# PESQ wants several seconds with speech and pauses, and its C code breaks on minutes.
SHORTEST_SEGMENT_S = 8.0
LONGEST_SEGMENT_S = 10.0
SHORTEST_SOUND_S = 1.5  # a sound shorter than a segment is one segment, down to this
MIN_SPEECH = 0.5  # least share of a segment that an annotation calls speech

# The rule, on steps of 20 ms of the sound at 8 kHz. A step is voiced where it repeats itself with a
# period of a voice and is not far below the loudest steps.
RATE_HZ = 8_000
STEP = 160  # samples
FRAME = 320  # samples
VOICE_HZ = (70.0, 400.0)
MIN_PERIODICITY = 0.6  # normalised autocorrelation
MAX_BELOW_LOUD_DB = 30.0  # loud: the level that 5 % of the steps exceed
SILENT_DB = -90.0  # a sound that is nowhere louder is no speech
# A segment is speech where all of these hold.
VOICED_SHARE = (0.2, 0.9)  # of the steps
MIN_LEVEL_SD_DB = 7.0  # over steps, those more than 50 dB below the loud ones raised to there
MIN_SYLLABIC_SHARE = 0.15  # of 2-8 Hz in the power of the envelope's variation
MIN_GLIDING_SHARE = (
    0.35  # steps of pitch of .1-2 semitones: notes stand still or jump, voices glide
)

_LAGS = np.arange(round(RATE_HZ / VOICE_HZ[1]), 115)  # samples
_N_FFT = 1024


@dataclass(frozen=True)
class _Steps:
    """Steps of 20 ms of a sound.

    Attributes
    ----------
    level_db : array of shape (n_steps,)
        RMS in dB of full scale.
    periodicity : array of shape (n_steps,)
        The highest normalised autocorrelation at a period of a voice.
    pitch_hz : array of shape (n_steps,)
        One over that period.
    """

    level_db: np.ndarray
    periodicity: np.ndarray
    pitch_hz: np.ndarray


def speech_intervals(
    annotation: Annotation, start_s: float = 0.0, stop_s: float | None = None
) -> list[tuple[float, float]]:
    """List the intervals that an annotation calls speech, within a piece of the sound.

    Parameters
    ----------
    annotation : Annotation
    start_s, stop_s : float
        The piece, in seconds of the sound; None is its end.

    Returns
    -------
    list of (start_s, stop_s)
        In seconds from `start_s`, in order.
    """
    last_s = np.inf if stop_s is None else stop_s
    intervals = []
    for event in annotation.events:
        if event.kind != "speech":
            continue
        begin_s = max(event.start_s, start_s)
        end_s = min(event.stop_s, last_s)
        if end_s > begin_s:
            intervals.append((begin_s - start_s, end_s - start_s))
    return sorted(intervals)


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
        speech. None applies the voicing rule of `is_speech`.
    max_segments : int
        At most so many, spread evenly over those found.

    Returns
    -------
    list of (start_s, stop_s)
        Seconds; empty where there is no speech. A sound of 1.5-8 s is one segment.

    Raises
    ------
    InputError
        An interval that does not begin before it ends.
    """
    duration_s = len(wave) / sample_rate
    if duration_s < SHORTEST_SOUND_S:
        return []
    if intervals is None:
        segments = _voiced_tiles(wave, sample_rate)
    else:
        segments = _segments_within(_merged(intervals), duration_s)
    n_wanted = min(len(segments), max_segments)
    spread = np.linspace(0, len(segments) - 1, n_wanted).round().astype(int)
    return [segments[i] for i in spread]


def _voiced_tiles(wave: np.ndarray, sample_rate: int) -> list[tuple[float, float]]:
    """Lay tiles over the whole sound and keep those that are speech by the rule."""
    duration_s = len(wave) / sample_rate
    n_tiles = max(1, int(duration_s // SHORTEST_SEGMENT_S))
    length_s = min(LONGEST_SEGMENT_S, duration_s / n_tiles)
    segments = []
    for i in range(n_tiles):
        start_s = i * duration_s / n_tiles
        stop_s = start_s + length_s
        tile = wave[round(start_s * sample_rate) : round(stop_s * sample_rate)]
        if is_speech(tile, sample_rate):
            segments.append((start_s, stop_s))
    return segments


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sort intervals and join those that touch or overlap."""
    merged: list[tuple[float, float]] = []
    for start_s, stop_s in sorted(intervals):
        if not (np.isfinite([start_s, stop_s]).all() and start_s < stop_s):
            raise InputError(
                f"segments={(start_s, stop_s)}: each must be (start_s, stop_s) with "
                "start_s < stop_s. Give seconds of the reference."
            )
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop_s, merged[-1][1]))
        else:
            merged.append((float(start_s), float(stop_s)))
    return merged


def _segments_within(
    intervals: list[tuple[float, float]], duration_s: float
) -> list[tuple[float, float]]:
    """Cut segments that begin with an interval of speech, none overlapping the one before."""
    shortest_s = min(SHORTEST_SEGMENT_S, duration_s)
    longest_s = min(LONGEST_SEGMENT_S, duration_s)
    segments = []
    free_s = 0.0  # the end of the last segment taken
    for interval_start_s, interval_stop_s in intervals:
        start_s = max(interval_start_s, free_s, 0.0)
        while start_s < interval_stop_s:
            start_s = min(start_s, duration_s - shortest_s)  # a whole segment has to fit in
            if start_s < free_s:
                break
            wanted_stop_s = min(interval_stop_s, start_s + longest_s)
            stop_s = min(max(start_s + shortest_s, wanted_stop_s), duration_s)
            if _spoken_s(intervals, start_s, stop_s) < MIN_SPEECH * (stop_s - start_s):
                break
            segments.append((start_s, stop_s))
            start_s = stop_s
            free_s = stop_s
    return segments


def _spoken_s(intervals: list[tuple[float, float]], start_s: float, stop_s: float) -> float:
    """Add up the seconds of speech within a piece."""
    return sum(max(0.0, min(end, stop_s) - max(begin, start_s)) for begin, end in intervals)


def is_speech(wave: np.ndarray, sample_rate: int) -> bool:
    """Tell whether one segment is speech, by the voicing rule at the top of this file."""
    steps = _steps(resample(wave, sample_rate, RATE_HZ))
    loud_db = np.percentile(steps.level_db, 95)
    voiced = (steps.level_db > loud_db - MAX_BELOW_LOUD_DB) & (steps.periodicity > MIN_PERIODICITY)
    voiced_pairs = voiced[1:] & voiced[:-1]
    if loud_db < SILENT_DB or not voiced_pairs.any():
        return False
    semitones = np.abs(12 * np.diff(np.log2(steps.pitch_hz)))[voiced_pairs]
    gliding_share = ((semitones > 0.1) & (semitones < 2)).mean()
    level_sd_db = np.maximum(steps.level_db, loud_db - 50).std()
    return bool(
        VOICED_SHARE[0] <= voiced.mean() <= VOICED_SHARE[1]
        and level_sd_db >= MIN_LEVEL_SD_DB
        and _syllabic_share(steps.level_db) >= MIN_SYLLABIC_SHARE
        and gliding_share >= MIN_GLIDING_SHARE
    )


def _syllabic_share(level_db: np.ndarray) -> float:
    """Return the share of 2-8 Hz, the rate of syllables, in the variation of the envelope."""
    envelope = 10 ** (level_db / 20)
    variation = (envelope / envelope.mean() - 1) * np.hanning(len(envelope))
    power = np.abs(np.fft.rfft(variation)) ** 2
    rate_hz = np.fft.rfftfreq(len(envelope), STEP / RATE_HZ)
    syllabic = (rate_hz >= 2) & (rate_hz < 8)
    varying = rate_hz >= 0.25
    return power[syllabic].sum() / max(power[varying].sum(), 1e-12)


def _steps(wave: np.ndarray) -> _Steps:
    """Measure level, periodicity and pitch of each step of a sound at `RATE_HZ`."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::STEP]
    frames = frames - frames.mean(1, keepdims=True)
    correlation = _normalised_autocorrelation(frames)
    peak = correlation[:, _LAGS].argmax(1) + _LAGS[0]
    row = np.arange(len(peak))
    before = correlation[row, peak - 1]
    highest = correlation[row, peak]
    after = correlation[row, peak + 1]
    # a parabola through three points places the peak between two lags
    curvature = before - 2 * highest + after
    curved = np.abs(curvature) > 1e-9
    offset = np.where(curved, 0.5 * (before - after) / np.where(curvature == 0, 1, curvature), 0)
    level_db = 10 * np.log10((frames**2).mean(1) + 1e-12)
    return _Steps(level_db, highest, RATE_HZ / (peak + np.clip(offset, -0.5, 0.5)))


def _normalised_autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Correlate frames with themselves, up to the longest lag and the one behind it.

    The window's own autocorrelation is divided out, so that a periodic frame has 1 at its period.
    """
    n_lags = _LAGS[-1] + 2
    window = np.hanning(FRAME)
    of_frames = np.fft.irfft(np.abs(np.fft.rfft(frames * window, _N_FFT)) ** 2)[:, :n_lags]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, _N_FFT)) ** 2)[:n_lags]
    power = np.maximum(of_frames[:, :1], 1e-12)
    return of_frames / power * (of_window[0] / of_window)
