"""How far one sound is from another: aligned first, then scored by every metric of `METRICS`.

What each leaves out: PESQ wide band and STOI are models of *speech* and are given on speech
segments only (narrow-band PESQ is not offered: white noise can score above 4 on it). SI-SDR
compares waveforms, so it does not rank codecs. The log-mel distance ignores phase. No metric
replaces the ear. A metric without a value is NaN with a reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from giblet_core.metrics.alignment import AlignedPair, aligned
from giblet_core.metrics.loudness import loudness_change_lu, noise_like
from giblet_core.metrics.registry import METRICS, Metric
from giblet_core.metrics.scores import Score, attempt
from giblet_core.sound import speech_segments

FLOOR = "noise floor (white, level-matched)"  # how it is named beside sounds
NO_SPEECH = (
    "no speech segment: this metric is defined on speech; pass segments=[(start_s, stop_s), ...] "
    "if there is some"
)
NOT_ASKED = "not asked for"


@dataclass(frozen=True)
class Quality:
    """How far a sound is from its reference, after alignment.

    Attributes
    ----------
    scores : mapping of str to float
        By the names of `METRICS`. Those on speech are means over ``n_segments`` segments, the
        others are over the whole sound. NaN where a metric is not defined. The four of the book are
        attributes too: ``quality.stoi``.
    lag_samples : int
        How late the sound was.
    n_segments : int
        Segments with speech.
    reasons : mapping of str to str
        For each score or lag that is NaN (or only partly valid), why.
    """

    scores: Mapping[str, float]
    lag_samples: int
    n_segments: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def pesq_wb(self) -> float:
        """PESQ wide band: MOS-LQO, 1.04 to 4.64."""
        return self.scores["pesq_wb"]

    @property
    def stoi(self) -> float:
        """STOI, about 0 to 1."""
        return self.scores["stoi"]

    @property
    def si_sdr_db(self) -> float:
        """SI-SDR in dB, infinite for identity up to scale."""
        return self.scores["si_sdr_db"]

    @property
    def log_mel_db(self) -> float:
        """Log-mel distance in dB, 0 for identity."""
        return self.scores["log_mel_db"]

    def as_row(self) -> dict[str, Any]:
        """Return the scores and the other fields side by side, as a row of a table."""
        return {
            **self.scores,
            "lag_samples": self.lag_samples,
            "n_segments": self.n_segments,
            "reasons": dict(self.reasons),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Quality":
        """Make one from a row of `quality_table`."""
        return cls(
            {name: row[name] for name in METRICS},
            row["lag_samples"],
            row["n_segments"],
            row["reasons"],
        )


@dataclass(frozen=True)
class _Comparison:
    """A sound aligned with its reference, and the pieces of both that hold speech."""

    pair: AlignedPair
    speech: list[tuple[np.ndarray, np.ndarray]]

    def pieces_for(self, metric: Metric) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the pairs (reference, degraded) that a metric is given."""
        if metric.speech_only:
            return self.speech
        return [(self.pair.reference, self.pair.degraded)]


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
    [scored] = qualities(reference, [degraded], sample_rate, segments, pesq, max_segments)
    return scored


def qualities(
    reference: np.ndarray,
    sounds: Iterable[np.ndarray],
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None = None,
    pesq: bool = True,
    max_segments: int = 8,
) -> list[Quality]:
    """Score sounds as `quality` does, with one child process for the PESQ of all.

    Parameters
    ----------
    reference : array of shape (n_samples,)
    sounds : iterable of array of shape (n_samples,)
    sample_rate, segments, pesq, max_segments
        As in `quality`.

    Returns
    -------
    list of Quality
        One a sound.
    """
    comparisons = [
        _compared(aligned(reference, sound, sample_rate), sample_rate, segments, max_segments)
        for sound in sounds
    ]
    wanted = [metric for metric in METRICS.values() if pesq or metric.name != "pesq_wb"]
    scores: dict[str, list[list[Score]]] = {}
    with ThreadPoolExecutor(1) as pool:
        # child processes work while the other metrics are computed
        pending = {
            metric.name: pool.submit(_scores_in_batch, metric, comparisons, sample_rate)
            for metric in wanted
            if metric.batch is not None
        }
        for metric in wanted:
            if metric.batch is None:
                scores[metric.name] = _scores_one_by_one(metric, comparisons, sample_rate)
        for name, batch in pending.items():
            scores[name] = batch.result()
    return [
        _summary(comparison, {name: of_sounds[i] for name, of_sounds in scores.items()})
        for i, comparison in enumerate(comparisons)
    ]


def _compared(
    pair: AlignedPair,
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None,
    max_segments: int,
) -> _Comparison:
    """Cut the speech out of an aligned pair; `segments` are on the reference's clock."""
    if segments is not None:
        start_s = pair.start / sample_rate
        segments = [(begin_s - start_s, end_s - start_s) for begin_s, end_s in segments]
    pieces = []
    for begin_s, end_s in speech_segments(pair.reference, sample_rate, segments, max_segments):
        piece = slice(round(begin_s * sample_rate), round(end_s * sample_rate))
        pieces.append((pair.reference[piece], pair.degraded[piece]))
    return _Comparison(pair, pieces)


def _scores_one_by_one(
    metric: Metric, comparisons: Sequence[_Comparison], sample_rate: int
) -> list[list[Score]]:
    """Return for each comparison the scores of its pieces by one metric."""
    return [
        [attempt(metric.function, *piece, sample_rate) for piece in comparison.pieces_for(metric)]
        for comparison in comparisons
    ]


def _scores_in_batch(
    metric: Metric, comparisons: Sequence[_Comparison], sample_rate: int
) -> list[list[Score]]:
    """Return the same as `_scores_one_by_one`, all pieces of all comparisons scored in one call."""
    pieces = [piece for comparison in comparisons for piece in comparison.pieces_for(metric)]
    scores = iter(metric.batch(pieces, sample_rate))
    return [[next(scores) for _ in comparison.pieces_for(metric)] for comparison in comparisons]


def _summary(comparison: _Comparison, scores: Mapping[str, Sequence[Score]]) -> Quality:
    """Average the scores of the pieces; a metric that is not in `scores` was not asked for."""
    pair = comparison.pair
    reasons = {"lag_samples": pair.reason} if pair.reason else {}
    values = {}
    for name, metric in METRICS.items():
        if name not in scores:
            mean = Score(np.nan, NOT_ASKED)
        elif metric.speech_only:
            mean = _mean_over_segments(scores[name])
        else:
            [mean] = scores[name]
        values[name] = mean.value
        if mean.reason:
            reasons[name] = mean.reason
    return Quality(values, pair.lag_samples, len(comparison.speech), reasons)


def _mean_over_segments(scores: Sequence[Score]) -> Score:
    """Average the segments that worked; say what did not."""
    if not scores:
        return Score(np.nan, NO_SPEECH)
    values = [score.value for score in scores if not score.reason]
    mean = float(np.mean(values)) if values else np.nan
    n_failed = len(scores) - len(values)
    if not n_failed:
        return Score(mean)
    reasons = sorted({score.reason for score in scores if score.reason})
    return Score(mean, f"{n_failed} of {len(scores)} segments failed: {'; '.join(reasons)}")


def quality_table(
    reference: np.ndarray,
    degraded: Mapping[str, np.ndarray],
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None = None,
    pesq: bool = True,
    floor: bool = True,
) -> pd.DataFrame:
    """Score several sounds against one reference, the noise floor last.

    Parameters
    ----------
    reference : array of shape (n_samples,)
    degraded : mapping of label to array of shape (n_samples,)
    sample_rate, segments, pesq
        As in `quality`.
    floor : bool
        False leaves the noise floor out.

    Returns
    -------
    pandas.DataFrame
        A row for each sound: a column for each of `METRICS`, ``lag_samples``, ``n_segments``,
        ``reasons``, and ``loudness_change_lu`` against the reference.
    """
    sounds = dict(degraded)
    if floor:
        sounds[FLOOR] = noise_like(reference)
    scored = qualities(reference, sounds.values(), sample_rate, segments, pesq)
    rows = []
    for (label, sound), found in zip(sounds.items(), scored):
        row = {"sound": label, **found.as_row()}
        change = attempt(loudness_change_lu, reference, sound, sample_rate)
        row["loudness_change_lu"] = change.value
        if change.reason:
            row["reasons"]["loudness_change_lu"] = change.reason
        rows.append(row)
    return pd.DataFrame(rows).set_index("sound")


def noise_floor(
    reference: np.ndarray,
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None = None,
    pesq: bool = True,
    seed: int = 0,
) -> Quality:
    """Score level-matched white noise: the figure to print next to every table.

    Parameters
    ----------
    reference : array of shape (n_samples,)
    sample_rate, segments, pesq
        As in `quality`.
    seed : int
        Of the noise.

    Returns
    -------
    Quality
    """
    return quality(reference, noise_like(reference, seed), sample_rate, segments, pesq)
