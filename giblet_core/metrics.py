"""How far one sound is from another: PESQ, STOI, SI-SDR, log-mel distance. Aligned first; a metric that fails is NaN with a reason.

What each leaves out: PESQ wide band and STOI are models of *speech* and are given on speech segments only (narrow-band PESQ is not
offered: white noise can score above 4 on it). SI-SDR compares waveforms, so it does not rank codecs: one sample of delay of the
original costs it more than 10 dB. The log-mel distance ignores phase. No metric replaces the ear.

Reference: ITU-R BS.1770-4 (loudness); those of the metrics are in `scores`.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyloudnorm
import scipy.signal

from giblet_core.artifacts import require
from giblet_core.audio import check_wave
from giblet_core.scores import MetricError, log_mel_distance, pesq_pairs, pesq_wb, si_sdr, stoi
from giblet_core.speech import speech_intervals, speech_segments

__all__ = ["MetricError", "Quality", "level_match", "log_mel_distance", "loudness_lufs", "noise_floor", "noise_like", "pesq_wb", "quality",
           "quality_table", "si_sdr", "speech_intervals", "speech_segments", "stoi"]

FLOOR = "noise floor (white, level-matched)"  # how it is named beside sounds
MAX_LAG_S = 0.25  # lags looked for; codecs delay by milliseconds
MIN_LAG_PEAK = 0.2  # least normalised correlation at which a lag is believed
_LAG_WINDOW_S = 60.0  # the loudest minute is enough to find a constant lag


@dataclass(frozen=True)
class Quality:
    """How far a sound is from its reference, after alignment.

    ``pesq_wb`` (MOS-LQO, 1.04 to 4.64) and ``stoi`` (about 0 to 1) are means over ``n_segments`` speech segments; ``si_sdr_db``
    (dB, infinite for identity up to scale) and ``log_mel_db`` (dB, 0 for identity) are over the whole sound. ``lag_samples`` is how
    late the sound was. ``reasons`` names, for each field that is NaN (or only partly valid), why.
    """

    pesq_wb: float
    stoi: float
    si_sdr_db: float
    log_mel_db: float
    lag_samples: int
    n_segments: int
    reasons: dict[str, str] = field(default_factory=dict)


def quality(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, segments: Sequence[tuple[float, float]] | None = None,
            pesq: bool = True, max_segments: int = 8) -> Quality:
    """Score a sound against its reference.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
        Float. Lengths may differ by at most `MAX_LAG_S`.
    sample_rate : int
        Hz.
    segments : sequence of (start_s, stop_s), optional
        Where the reference holds speech (see `speech_intervals`); None lets `speech_segments` decide by its voicing rule.
    pesq : bool
        False leaves PESQ out (0.2 s a segment, in a child process); it is then NaN, "not asked for".
    max_segments : int
        Speech segments scored at most.

    Returns
    -------
    Quality

    Raises
    ------
    InputError
        Shapes, non-finite samples, lengths that differ.
    """
    return qualities(reference, [degraded], sample_rate, segments, pesq, max_segments)[0]


def qualities(reference: np.ndarray, sounds: Iterable[np.ndarray], sample_rate: int, segments=None, pesq: bool = True,
              max_segments: int = 8) -> list[Quality]:
    """Score sounds as `quality` does, with one child process for the PESQ of all."""
    prepared, rows = [], []
    for wave in sounds:
        r, d, lag, start, reasons = _aligned(reference, wave, sample_rate)
        known = segments if segments is None else [(a - start / sample_rate, b - start / sample_rate) for a, b in segments]
        cuts = [slice(round(a * sample_rate), round(b * sample_rate)) for a, b in speech_segments(r, sample_rate, known, max_segments)]
        prepared.append((r, d, lag, reasons, [(r[cut], d[cut]) for cut in cuts]))
    with ThreadPoolExecutor(1) as pool:  # the child process works while the other metrics are computed
        heard = pool.submit(pesq_pairs, [pair for *_, pairs in prepared for pair in pairs] if pesq else [], sample_rate)
        for r, d, lag, reasons, pairs in prepared:
            scores = {"stoi": _mean_over([attempt(stoi, *pair, sample_rate) for pair in pairs], "stoi", reasons, len(pairs))}
            for name, *measured in (("si_sdr_db", si_sdr, r, d), ("log_mel_db", log_mel_distance, r, d, sample_rate)):
                scores[name], reason = attempt(*measured)
                reasons |= {name: reason} if reason else {}
            rows.append(Quality(np.nan, **scores, lag_samples=lag, n_segments=len(pairs), reasons=reasons))
    heard = iter(heard.result())
    return [replace(row, pesq_wb=_mean_over([*islice(heard, row.n_segments)] if pesq else "not asked for", "pesq_wb", row.reasons,
                                            row.n_segments)) for row in rows]


def attempt(metric: Callable[..., float], *arguments: Any) -> tuple[float, str]:
    """Return what a metric gives and no reason, or NaN and the reason."""
    try:
        return metric(*arguments), ""
    except MetricError as error:
        return np.nan, str(error)


def _mean_over(results: list[tuple[float, str]] | str, name: str, reasons: dict[str, str], n: int) -> float:
    """Average the segments that worked; say what did not."""
    none = "no speech segment: this metric is defined on speech; pass segments=[(start_s, stop_s), ...] if there is some"
    if isinstance(results, str) or not n:
        reasons[name] = results if isinstance(results, str) else none
        return np.nan
    failed = sorted({reason for _, reason in results if reason})
    good = [score for score, reason in results if not reason]
    if failed:
        reasons[name] = f"{n - len(good)} of {n} segments failed: " + "; ".join(failed)
    return float(np.mean(good)) if good else np.nan


def quality_table(reference: np.ndarray, degraded: Mapping[str, np.ndarray], sample_rate: int, segments=None, pesq: bool = True,
                  floor: bool = True) -> pd.DataFrame:
    """Score several sounds against one reference, the noise floor last.

    Returns
    -------
    pandas.DataFrame
        A row for each sound: the fields of `Quality`, and ``loudness_change_lu`` against the reference.
    """
    sounds = {**degraded, **({FLOOR: noise_like(reference)} if floor else {})}
    rows = []
    for (label, wave), found in zip(sounds.items(), qualities(reference, sounds.values(), sample_rate, segments, pesq)):
        row = asdict(found)
        row["loudness_change_lu"], reason = attempt(lambda w: loudness_lufs(w, sample_rate) - loudness_lufs(reference, sample_rate), wave)
        row["reasons"] = {**row["reasons"], **({"loudness_change_lu": reason} if reason else {})}
        rows.append({"sound": label, **row})
    return pd.DataFrame(rows).set_index("sound")


def noise_like(reference: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return white noise with the length and RMS of `reference`: what no information about it scores."""
    reference = check_wave(reference, "reference")
    noise = np.random.default_rng(seed).standard_normal(len(reference))
    return level_match(noise.astype(np.float32), reference)


def noise_floor(reference: np.ndarray, sample_rate: int, segments=None, pesq: bool = True, seed: int = 0) -> Quality:
    """Score level-matched white noise against `reference`: the figure to print next to every table."""
    return quality(reference, noise_like(reference, seed), sample_rate, segments, pesq)


# --- alignment and level ---------------------------------------------------------------------------------------------------------


def _aligned(reference, degraded, sample_rate):
    """Undo a constant delay: the lag maximises the cross-correlation within `MAX_LAG_S`; nothing is stretched.

    Returns the part that both hold, the lag in samples (positive: `degraded` is late; 0 where no clear peak was found), the first
    common sample on the reference's clock, and reasons.
    """
    reference, degraded = check_wave(reference, "reference"), check_wave(degraded, "degraded")
    reach = round(MAX_LAG_S * sample_rate)
    require(abs(len(reference) - len(degraded)) <= reach, f"degraded.shape={degraded.shape}: its length must be within {MAX_LAG_S} s of "
            f"the reference's {reference.shape}. Crop both to the same seconds; never stretch.")
    n = min(len(reference), len(degraded))
    first, last = _loudest(reference[:n], round(_LAG_WINDOW_S * sample_rate))
    a, b = reference[first:last].astype(float), degraded[first:last].astype(float)
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    reach = min(reach, len(a) - 1)
    correlation = scipy.signal.correlate(b, a, method="fft")[len(a) - 1 - reach : len(a) + reach]
    peak = correlation.max() / scale if scale > 0 else 0.0
    reasons = {}
    # among equals (a periodic sound) the smallest delay: 1e-9 is far below what any sample of noise does
    near = np.flatnonzero(correlation >= correlation.max() - 1e-9 * scale) - reach
    lag = int(near[np.abs(near).argmin()])
    if peak < MIN_LAG_PEAK:
        lag = 0
        reasons["lag_samples"] = f"no clear peak (correlation {peak:.2f} < {MIN_LAG_PEAK}): compared without a shift"
    start, stop = max(0, -lag), min(len(reference), len(degraded) - lag)
    return reference[start:stop], degraded[start + lag : stop + lag], lag, start, reasons


def _loudest(wave: np.ndarray, length: int) -> tuple[int, int]:
    if len(wave) <= length:
        return 0, len(wave)
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(float) ** 2)])
    first = int((energy[length:] - energy[:-length]).argmax())
    return first, first + length


def loudness_lufs(wave: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness after ITU-R BS.1770 (LUFS); minus infinity for silence.

    Raises
    ------
    MetricError
        Shorter than the 0.4 s block the standard measures.
    """
    wave = check_wave(wave)
    if len(wave) <= 0.4 * sample_rate:
        raise MetricError(f"loudness needs more than 0.4 s of sound, this is {len(wave) / sample_rate:.2f} s")
    with np.errstate(divide="ignore"), warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # silence: a mean over no block
        value = float(pyloudnorm.Meter(sample_rate).integrated_loudness(wave.astype(float)))
    return value if np.isfinite(value) else -np.inf


def level_match(wave: np.ndarray, reference: np.ndarray, sample_rate: int | None = None) -> np.ndarray:
    """Scale `wave` to the level of `reference`: to its loudness (LUFS) if `sample_rate` is given, otherwise to its RMS.

    Raises
    ------
    MetricError
        One of them is silent (no factor brings silence to a level), or too short for loudness.
    """
    wave, reference = check_wave(wave), check_wave(reference, "reference")
    if sample_rate is not None:
        gain_db = loudness_lufs(reference, sample_rate) - loudness_lufs(wave, sample_rate)
    else:
        a, b = (float(np.mean(w.astype(float) ** 2)) for w in (reference, wave))
        gain_db = 10 * np.log10(a / b) if a > 0 and b > 0 else np.inf
    if not np.isfinite(gain_db):
        raise MetricError("silence cannot be matched in level")
    return (wave * 10 ** (gain_db / 20)).astype(np.float32)
