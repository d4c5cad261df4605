"""How far one sound is from another: PESQ, STOI, SI-SDR, log-mel distance. Aligned first; a metric
that fails is NaN with a reason.

What each leaves out: PESQ wide band and STOI are models of *speech* and are given on speech
segments only (narrow-band PESQ is not offered: white noise can score above 4 on it). SI-SDR
compares waveforms, so it does not rank codecs: one sample of delay of the original costs it more
than 10 dB. The log-mel distance ignores phase. No metric replaces the ear.

Reference: ITU-R BS.1770-4 (loudness); those of the metrics are in `scores`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from giblet_core.errors import MetricError
from giblet_core.metrics.alignment import aligned
from giblet_core.metrics.loudness import level_match, loudness_lufs, noise_like
from giblet_core.metrics.pesq import pesq_pairs, pesq_wb
from giblet_core.metrics.scores import log_mel_distance, si_sdr, stoi
from giblet_core.sound import speech_intervals, speech_segments

__all__ = [
    "MetricError",
    "Quality",
    "level_match",
    "log_mel_distance",
    "loudness_lufs",
    "noise_floor",
    "noise_like",
    "pesq_wb",
    "quality",
    "quality_table",
    "si_sdr",
    "speech_intervals",
    "speech_segments",
    "stoi",
]

FLOOR = "noise floor (white, level-matched)"  # how it is named beside sounds


@dataclass(frozen=True)
class Quality:
    """How far a sound is from its reference, after alignment.

    ``pesq_wb`` (MOS-LQO, 1.04 to 4.64) and ``stoi`` (about 0 to 1) are means over ``n_segments``
    speech segments; ``si_sdr_db`` (dB, infinite for identity up to scale) and ``log_mel_db`` (dB, 0
    for identity) are over the whole sound. ``lag_samples`` is how late the sound was. ``reasons``
    names, for each field that is NaN (or only partly valid), why.
    """

    pesq_wb: float
    stoi: float
    si_sdr_db: float
    log_mel_db: float
    lag_samples: int
    n_segments: int
    reasons: dict[str, str] = field(default_factory=dict)


def quality(
    reference: np.ndarray,
    degraded: np.ndarray,
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None = None,
    pesq: bool = True,
    max_segments: int = 8,
) -> Quality:
    """Score a sound against its reference.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
        Float. Lengths may differ by at most `MAX_LAG_S`.
    sample_rate : int
        Hz.
    segments : sequence of (start_s, stop_s), optional
        Where the reference holds speech (see `speech_intervals`); None lets `speech_segments`
        decide by its voicing rule.
    pesq : bool
        False leaves PESQ out (0.2 s a segment, in a child process); it is then NaN, "not asked
        for".
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


def qualities(
    reference: np.ndarray,
    sounds: Iterable[np.ndarray],
    sample_rate: int,
    segments=None,
    pesq: bool = True,
    max_segments: int = 8,
) -> list[Quality]:
    """Score sounds as `quality` does, with one child process for the PESQ of all."""
    prepared, rows = [], []
    for wave in sounds:
        r, d, lag, start, reasons = aligned(reference, wave, sample_rate)
        known = (
            segments
            if segments is None
            else [(a - start / sample_rate, b - start / sample_rate) for a, b in segments]
        )
        cuts = [
            slice(round(a * sample_rate), round(b * sample_rate))
            for a, b in speech_segments(r, sample_rate, known, max_segments)
        ]
        prepared.append((r, d, lag, reasons, [(r[cut], d[cut]) for cut in cuts]))
    with ThreadPoolExecutor(
        1
    ) as pool:  # the child process works while the other metrics are computed
        heard = pool.submit(
            pesq_pairs,
            [pair for *_, pairs in prepared for pair in pairs] if pesq else [],
            sample_rate,
        )
        for r, d, lag, reasons, pairs in prepared:
            scores = {
                "stoi": _mean_over(
                    [attempt(stoi, *pair, sample_rate) for pair in pairs],
                    "stoi",
                    reasons,
                    len(pairs),
                )
            }
            for name, *measured in (
                ("si_sdr_db", si_sdr, r, d),
                ("log_mel_db", log_mel_distance, r, d, sample_rate),
            ):
                scores[name], reason = attempt(*measured)
                reasons |= {name: reason} if reason else {}
            rows.append(
                Quality(np.nan, **scores, lag_samples=lag, n_segments=len(pairs), reasons=reasons)
            )
    heard = iter(heard.result())
    return [
        replace(
            row,
            pesq_wb=_mean_over(
                [*islice(heard, row.n_segments)] if pesq else "not asked for",
                "pesq_wb",
                row.reasons,
                row.n_segments,
            ),
        )
        for row in rows
    ]


def attempt(metric: Callable[..., float], *arguments: Any) -> tuple[float, str]:
    """Return what a metric gives and no reason, or NaN and the reason."""
    try:
        return metric(*arguments), ""
    except MetricError as error:
        return np.nan, str(error)


def _mean_over(
    results: list[tuple[float, str]] | str, name: str, reasons: dict[str, str], n: int
) -> float:
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


def quality_table(
    reference: np.ndarray,
    degraded: Mapping[str, np.ndarray],
    sample_rate: int,
    segments=None,
    pesq: bool = True,
    floor: bool = True,
) -> pd.DataFrame:
    """Score several sounds against one reference, the noise floor last.

    Returns
    -------
    pandas.DataFrame
        A row for each sound: the fields of `Quality`, and ``loudness_change_lu`` against the
        reference.
    """
    sounds = {**degraded, **({FLOOR: noise_like(reference)} if floor else {})}
    rows = []
    for (label, wave), found in zip(
        sounds.items(), qualities(reference, sounds.values(), sample_rate, segments, pesq)
    ):
        row = asdict(found)
        row["loudness_change_lu"], reason = attempt(
            lambda w: loudness_lufs(w, sample_rate) - loudness_lufs(reference, sample_rate), wave
        )
        row["reasons"] = {**row["reasons"], **({"loudness_change_lu": reason} if reason else {})}
        rows.append({"sound": label, **row})
    return pd.DataFrame(rows).set_index("sound")


def noise_floor(
    reference: np.ndarray, sample_rate: int, segments=None, pesq: bool = True, seed: int = 0
) -> Quality:
    """Score level-matched white noise against `reference`: the figure to print next to every table."""
    return quality(reference, noise_like(reference, seed), sample_rate, segments, pesq)
