"""TODO: encoding/statistics."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, false_discovery_control
from scipy.stats import t as student

from giblet_core.errors import require


def fdr(p: np.ndarray) -> np.ndarray:
    """Return p adjusted for the false discovery rate (Benjamini-Hochberg), over all entries
    together; NaN stays NaN.
    """
    p = np.asarray(p, dtype=float)
    out = np.full(p.shape, np.nan)
    ok = np.isfinite(p)
    out[ok] = false_discovery_control(p[ok])
    return out


def holm(p: np.ndarray) -> np.ndarray:
    """Return p adjusted by Holm's step-down over all entries together; NaN stays NaN.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    out = np.full(p.shape, np.nan)
    order = np.flatnonzero(np.isfinite(p.ravel()))
    order = order[np.argsort(p.ravel()[order])]
    out.ravel()[order] = np.minimum(
        1, np.maximum.accumulate(p.ravel()[order] * np.arange(len(order), 0, -1))
    )
    return out


def binomial_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) interval of a proportion k / n."""
    interval = binomtest(k, n).proportion_ci(level, "exact")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Interval:
    """A mean with a 95 % block bootstrap interval: `mean`, `low`, `high` (same shape), from `n`
    values along the first axis.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int


def bootstrap(
    values: np.ndarray, block: int = 1, n_draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Bootstrap the mean over the first axis in circular blocks; give paired differences for a
    paired interval.

    Parameters
    ----------
    values : array of shape (n, ...)
        In order of time, where neighbours depend on each other.
    block : int
        Length of the blocks.

    Returns
    -------
    Interval
    """
    values = np.asarray(values, dtype=float)
    n, rng = len(values), np.random.default_rng(seed)
    starts = rng.integers(n, size=(n_draws, -(-n // block)))
    rows = ((starts[..., None] + np.arange(block)) % n).reshape(n_draws, -1)[:, :n]
    means = np.stack([values[row].mean(0) for row in rows])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(values.mean(0), low, high, n)


def seed_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return mean, low and high of Student's interval over seeds (one value each; differences where
    seeds are paired).
    """
    values = np.asarray(values, float)
    require(
        len(values) >= 3, f"values: {len(values)} seeds; at least 3 are needed for an interval."
    )
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)
