"""The metrics there are: one entry each, from which comparisons, tables and tests are made.

To add one, write a function ``(reference, degraded, sample_rate) -> float`` that raises
`MetricError` where it has no value, and put an entry here: it is then a score of every `Quality`, a
column of every table and of ``giblet compare``, and a case of the tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.metrics.pesq import pesq_pairs, pesq_wb
from giblet_core.metrics.scores import Score, log_mel_distance, si_sdr, stoi


@dataclass(frozen=True)
class Metric:
    """A measure of how far a sound is from its reference.

    Attributes
    ----------
    name : str
        Of the score and of its column in tables.
    label, unit : str
        As headings show them; a unit may be "".
    function : callable
        (reference, degraded, sample_rate) -> float, of two arrays of shape (n_samples,) that are
        aligned; raises `MetricError` where it is not defined.
    speech_only : bool
        Defined on speech: the mean over segments with speech, not over the whole sound.
    higher_is_better : bool
    best : float
        What a sound scores that equals its reference.
    floor : float
        Where the scale ends on the other side; infinite where it does not.
    decimals : int
        Shown in tables.
    batch : callable, optional
        (pairs, sample_rate) -> list of `Score`, for a metric that is costly to start: all pairs at
        once, beside the other metrics.
    """

    name: str
    label: str
    unit: str
    function: Callable[[np.ndarray, np.ndarray, int], float]
    speech_only: bool
    higher_is_better: bool
    best: float
    floor: float
    decimals: int = 2
    batch: Callable[[Sequence[tuple[np.ndarray, np.ndarray]], int], list[Score]] | None = None

    @property
    def heading(self) -> str:
        """The label with its unit, as a column is headed."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _si_sdr(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return SI-SDR, which does not depend on the rate."""
    return si_sdr(reference, degraded)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="pesq_wb",
            label="PESQ-WB",
            unit="MOS",
            function=pesq_wb,
            speech_only=True,
            higher_is_better=True,
            best=4.64,
            floor=1.04,
            batch=pesq_pairs,
        ),
        Metric(
            name="stoi",
            label="STOI",
            unit="",
            function=stoi,
            speech_only=True,
            higher_is_better=True,
            best=1.0,
            floor=0.0,
        ),
        Metric(
            name="si_sdr_db",
            label="SI-SDR",
            unit="dB",
            function=_si_sdr,
            speech_only=False,
            higher_is_better=True,
            best=np.inf,
            floor=-np.inf,
            decimals=1,
        ),
        Metric(
            name="log_mel_db",
            label="log-mel",
            unit="dB",
            function=log_mel_distance,
            speech_only=False,
            higher_is_better=False,
            best=0.0,
            floor=np.inf,
            decimals=1,
        ),
    )
}


def metric_headings() -> dict[str, str]:
    """Return the columns of a table that are worth showing, each with its heading."""
    headings = {metric.name: metric.heading for metric in METRICS.values()}
    return {**headings, "lag_samples": "lag (samples)"}
