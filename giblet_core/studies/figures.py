"""Figures of a study, computed from its rows alone, each with an interval over simulations.

Proportions have exact intervals [1]_. Others are drawn again with simulations as units, as regions
of one simulation share subjects and noise.

References
----------
.. [1] Clopper & Pearson 1934, Biometrika 26, 404. doi:10.1093/biomet/26.4.404
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kstest, rankdata

from giblet_core.errors import InputError
from giblet_core.inference import Claim, Reliability, proportion, reliability

ALPHA = 0.05
N_BOOTSTRAPS = 400
N_BINS = 10  # of the reliability diagram
PROBABILITY = "probability_"
LARGEST_CALIBRATION_ERROR = 0.05  # wanted beforehand


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
    n : int
        Simulations.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Figure:
    """A figure that rows can give.

    Attributes
    ----------
    name : str
    definition : str
    of_rows : function
        Of a table of rows: an Estimate.
    needs_codebooks : bool
        Whether it is defined only where regions follow codebooks.
    worst_is_lowest : bool
    columns : tuple of str
        Of the rows, that not every statistic gives.
    """

    name: str
    definition: str
    of_rows: Callable[[pd.DataFrame], Estimate]
    needs_codebooks: bool
    worst_is_lowest: bool
    columns: tuple[str, ...] = ()


def area(probability: np.ndarray, followed: np.ndarray) -> float:
    """Return the area under the ROC curve: how often what is followed is given more probability.

    Examples
    --------
    >>> area(np.array([0.9, 0.4, 0.6, 0.2]), np.array([True, True, False, False]))
    0.75
    """
    ranks = rankdata(probability)
    n_followed = int(followed.sum())
    n_others = len(followed) - n_followed
    if not n_followed or not n_others:
        raise InputError(
            f"followed: {n_followed} of {len(followed)}; an area needs codebooks that are followed "
            "and others that are not. Give more rows."
        )
    above = ranks[followed].sum() - n_followed * (n_followed + 1) / 2
    return float(above / (n_followed * n_others))


@dataclass(frozen=True, eq=False)
class Judged:
    """Probabilities of regions beside their truth.

    Attributes
    ----------
    probability : array of shape (n_regions, n_codebooks)
    followed : bool array of shape (n_regions, n_codebooks)
    simulation : int array of shape (n_regions,)
        Which simulation each region is of.
    """

    probability: np.ndarray
    followed: np.ndarray
    simulation: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Judged":
        """Read them from rows."""
        columns = [name for name in rows.columns if name.startswith(PROBABILITY)]
        numbers = np.array([int(name.removeprefix(PROBABILITY)) for name in columns])
        followed = [np.isin(numbers, _listed(written)) for written in rows.codebooks]
        _, simulation = np.unique(rows.seed, return_inverse=True)
        return cls(rows[columns].to_numpy(float), np.array(followed), simulation)

    def bootstrap(self, statistic: Callable[[np.ndarray, np.ndarray], float]) -> Estimate:
        """Estimate a statistic of (probability, followed), with simulations as units."""
        n_simulations = int(self.simulation.max()) + 1
        members = [np.flatnonzero(self.simulation == i) for i in range(n_simulations)]
        rng = np.random.default_rng(0)
        drawn = []
        for _ in range(N_BOOTSTRAPS):
            chosen = rng.integers(n_simulations, size=n_simulations)
            regions = np.concatenate([members[i] for i in chosen])
            drawn.append(statistic(self.probability[regions], self.followed[regions]))
        low, high = np.quantile(drawn, [0.025, 0.975])
        value = statistic(self.probability, self.followed)
        return Estimate(float(value), float(low), float(high), n_simulations)


def _listed(written: str) -> list[int]:
    return [] if written == "none" else [int(part) for part in str(written).split("+")]


def _area(probability: np.ndarray, followed: np.ndarray) -> float:
    return area(probability.ravel(), followed.ravel())


def calibration_error(probability: np.ndarray, followed: np.ndarray) -> float:
    """Return what `inference.reliability` calls so, without its intervals.

    Examples
    --------
    >>> calibration_error(np.array([0.11, 0.11, 0.91, 0.91]), np.array([0, 0, 1, 0]))
    0.26
    """
    bin_of = np.minimum((probability.ravel() * N_BINS).astype(int), N_BINS - 1)
    excess = np.bincount(bin_of, (probability - followed).ravel(), N_BINS)
    return round(float(np.abs(excess).sum() / followed.size), 12)


def _auc(rows: pd.DataFrame) -> Estimate:
    return Judged.of(rows).bootstrap(_area)


def _calibration(rows: pd.DataFrame) -> Estimate:
    return Judged.of(rows).bootstrap(calibration_error)


def reliability_of(rows: pd.DataFrame) -> Reliability:
    """Set stated probabilities beside what was planted, over all regions that follow codebooks."""
    judged = Judged.of(rows[rows.codebooks != "none"])
    return reliability(judged.probability, judged.followed)


def calibration_claim(rows: pd.DataFrame, label: str) -> Claim:
    """Claim that stated probabilities are off by at most .05 on average.

    Parameters
    ----------
    rows : DataFrame
        Of a record; regions that follow no codebook are left out.
    label : str
        On which material.

    Returns
    -------
    Claim
        Its interval draws simulations, as regions of one simulation share subjects and noise.
    """
    estimate = _calibration(rows[rows.codebooks != "none"])
    return Claim(
        f"Stated probabilities are off by less than {LARGEST_CALIBRATION_ERROR:g} on average",
        "calibration error",
        estimate.value,
        "simulations",
        estimate.n,
        low=estimate.low,
        high=estimate.high,
        reference=LARGEST_CALIBRATION_ERROR,
        above=False,
        label=label,
    )


def _told(rows: pd.DataFrame) -> Estimate:
    """Count the codebooks of which anything is told, region by region."""
    judged = Judged.of(rows)
    n_told = np.array([len(_listed(written)) for written in rows.told])
    share = proportion(int(n_told.sum()), judged.followed.size)
    return Estimate(share.value, share.low, share.high, share.n)


def _detections(rows: pd.DataFrame) -> Estimate:
    share = proportion(int((rows.p <= ALPHA).sum()), len(rows))
    return Estimate(share.value, share.low, share.high, share.n)


def _claims(rows: pd.DataFrame) -> Estimate:
    found = proportion(int(rows.claimed.sum()), len(rows))
    return Estimate(found.value, found.low, found.high, found.n)


def _uniformity(rows: pd.DataFrame) -> Estimate:
    p = float(kstest(rows.p, "uniform").pvalue)
    return Estimate(p, p, p, len(rows))


_ENTRIES = (
    Figure("AUC", "area under the ROC curve of the codebooks' probabilities", _auc, True, True),
    Figure(
        "calibration error",
        "mean distance of stated probabilities from how often they came true",
        _calibration,
        True,
        False,
    ),
    Figure(
        "told",
        "share of codebooks of which anything is told; of the others it is said that it cannot be",
        _told,
        True,
        True,
    ),
    Figure(
        "detections",
        "share of regions with p of all codebooks at most .05, uncorrected",
        _detections,
        False,
        False,
    ),
    Figure(
        "power",
        "share of regions that follow codebooks with p of all codebooks at most .05, uncorrected",
        _detections,
        True,
        True,
    ),
    Figure(
        "card claims",
        "share of region cards that claim codebooks",
        _claims,
        False,
        False,
        columns=("claimed",),
    ),
    Figure(
        "KS p",
        "Kolmogorov and Smirnov's p of uniform p values",
        _uniformity,
        False,
        True,
    ),
)
FIGURES = {entry.name: entry for entry in _ENTRIES}


def figure_table(rows: pd.DataFrame, figure: str, by: Sequence[str]) -> pd.DataFrame:
    """Compute a figure for each group of rows, the worst first.

    Parameters
    ----------
    rows : DataFrame
        Of a record.
    figure : str
        Of `FIGURES`.
    by : sequence of str
        Columns that make groups, for example generator and film.

    Returns
    -------
    DataFrame
        Columns of `by`, and value, low, high, n.
    """
    entry = FIGURES[figure]
    used = rows[rows.codebooks != "none"] if entry.needs_codebooks else rows
    lines = []
    for group, members in used.groupby(list(by), sort=False):
        estimate = entry.of_rows(members)
        names = dict(zip(by, group, strict=True))
        lines.append({**names, **vars(estimate)})
    table = pd.DataFrame(lines)
    return table.sort_values("value", ascending=entry.worst_is_lowest, ignore_index=True)
