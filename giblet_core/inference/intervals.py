"""Intervals: a proportion's exact one, a mean's where there are units enough, or none.

A bootstrap over three pieces or five folds is called a 95 % interval and covers 74 to 84 %. So a
mean over few units gets no interval: its values are shown instead. `summarise` decides.

References
----------
.. [1] Clopper & Pearson 1934, Biometrika 26, 404. doi:10.1093/biomet/26.4.404 (exact interval)
.. [2] Owen 2007, Ann Appl Stat 1, 386. doi:10.1214/07-AOAS122 (bootstrap of crossed factors)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from giblet_core.encoding import binomial_interval, draw_circular_blocks, seed_interval
from giblet_core.errors import InputError

LEAST_UNITS = 20  # fewer independent units get no interval
LEVEL = 0.95


@dataclass(frozen=True)
class Proportion:
    """How often something happened, with its exact interval [1]_.

    Attributes
    ----------
    k, n : int
        How often it happened, and how often it could have.
    low, high : float
        Clopper-Pearson interval at `level`.
    level : float
        Coverage.
    """

    k: int
    n: int
    low: float
    high: float
    level: float = LEVEL

    @property
    def value(self) -> float:
        """Share, k / n."""
        return self.k / self.n

    def is_below(self, limit: float) -> bool | None:
        """Say whether the share is below a limit; None where the interval holds the limit.

        Examples
        --------
        >>> proportion(0, 20).is_below(0.07) is None  # up to 16.8 % remain possible
        True
        >>> proportion(2, 200).is_below(0.07)
        True
        """
        if self.high < limit:
            return True
        return False if self.low > limit else None

    def __str__(self) -> str:
        return (
            f"{self.k} of {self.n} ({100 * self.value:.1f} %, {100 * self.level:g} % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %)"
        )


def proportion(k: int, n: int, level: float = LEVEL) -> Proportion:
    """Return a share with its exact interval.

    Parameters
    ----------
    k, n : int
        How often it happened, and how often it could have; 0 <= k <= n, n >= 1.
    level : float
        Coverage.

    Returns
    -------
    Proportion

    Raises
    ------
    InputError
        No trial, or more successes than trials.
    """
    if not 0 <= k <= n or n < 1:
        raise InputError(f"k={k}, n={n}: must have 0 <= k <= n and n >= 1. Count again.")
    low, high = binomial_interval(int(k), int(n), level)
    return Proportion(int(k), int(n), low, high, level)


@dataclass(frozen=True, eq=False)
class Summary:
    """A mean over units, with an interval only where there are enough of them.

    Attributes
    ----------
    values : array of shape (n,)
        One value a unit.
    unit : str
        What was counted, in the plural: "pieces", "subjects".
    mean : float
    low, high : float
        Student's interval at `level`; NaN where there are fewer than `LEAST_UNITS` units.
    level : float
        Coverage.
    """

    values: np.ndarray
    unit: str
    mean: float
    low: float
    high: float
    level: float = LEVEL

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.values)

    @property
    def has_interval(self) -> bool:
        """Whether there are units enough for an interval."""
        return isfinite(self.low)

    def __str__(self) -> str:
        if self.has_interval:
            return (
                f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}] "
                f"({100 * self.level:g} %, {self.n} {self.unit})"
            )
        listed = ", ".join(f"{value:.3g}" for value in self.values)
        return f"{self.mean:.3g} (the {self.n} {self.unit}: {listed}; too few for an interval)"


def summarise(values: Sequence[float], unit: str, level: float = LEVEL) -> Summary:
    """Average over independent units, and decide whether the mean gets an interval.

    From `LEAST_UNITS` on it is Student's, which covers what it says on skewed values too (the
    tests simulate it). Below, there is none: show the values.

    Parameters
    ----------
    values : array of shape (n,)
        One value a unit, such as a piece, a subject or a simulation; n >= 1. Units must be
        independent: average what belongs together first, such as neighbouring segments.
    unit : str
        What is counted, in the plural.
    level : float
        Coverage.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        No value, or one that is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        n_undefined = int((~np.isfinite(values)).sum())
        raise InputError(
            f"values: shape {values.shape}, {n_undefined} not finite; must be one finite value a "
            f"unit ({unit}). Leave out units without a value, and say how many."
        )
    mean = float(values.mean())
    if len(values) < LEAST_UNITS:
        return Summary(values, unit, mean, nan, nan, level)
    interval = seed_interval(values, level)
    return Summary(values, unit, mean, float(interval.low), float(interval.high), level)


def crossed_bootstrap(
    values: np.ndarray,
    axes: Sequence[int] | None = None,
    *,
    block: int = 1,
    n_draws: int = 2000,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Bootstrap the mean of a table whose axes are crossed, each drawn on its own [2]_.

    Pairs of segments x films x subjects, for example: all subjects hear the same films, so that
    subjects are no independent trials. An interval over some axes says nothing of others: one film
    says nothing of other films.

    Parameters
    ----------
    values : array
        One axis a factor. NaN where a combination has no value.
    axes : sequence of int, optional
        Axes to draw; all by default. Others are averaged as they are.
    block : int
        Levels of the first axis drawn are drawn in circular blocks of this length: neighbours in
        time depend on each other.
    n_draws : int
    seed : int
    level : float
        Coverage.

    Returns
    -------
    low, high : float
        NaN where an axis has fewer than `LEAST_UNITS` levels: the interval would be too narrow.

    Raises
    ------
    InputError
        No value at all.
    """
    values = np.asarray(values, dtype=float)
    defined = np.isfinite(values)
    if not defined.any():
        raise InputError("values: none is finite; at least one is needed. Leave the figure out.")
    axes = list(range(values.ndim)) if axes is None else list(axes)
    if min(values.shape[axis] for axis in axes) < LEAST_UNITS:
        return nan, nan
    rng = np.random.default_rng(seed)
    times_drawn = [
        _times_drawn(rng, values.shape[axis], block if axis == axes[0] else 1, n_draws)
        for axis in axes
    ]
    total = _weighted_sums(np.where(defined, values, 0), axes, times_drawn)
    n_cells = _weighted_sums(defined.astype(float), axes, times_drawn)
    means = total[n_cells > 0] / n_cells[n_cells > 0]
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def _times_drawn(rng: np.random.Generator, n: int, length: int, n_draws: int) -> np.ndarray:
    """Draw n of n levels in circular blocks; how often each is drawn, (n_draws, n)."""
    levels = draw_circular_blocks(rng, n, length, n_draws)
    return np.stack([np.bincount(draw, minlength=n) for draw in levels]).astype(float)


def _weighted_sums(
    values: np.ndarray, axes: Sequence[int], times_drawn: Sequence[np.ndarray]
) -> np.ndarray:
    """Sum a table with each axis weighted by how often its levels were drawn, (n_draws,)."""
    drawn_first = np.moveaxis(values, axes, range(len(axes)))
    sums = np.tensordot(times_drawn[0], drawn_first, axes=1)  # (n_draws, ...)
    for weights in times_drawn[1:]:
        sums = np.einsum("dn,dn...->d...", weights, sums)
    return sums.reshape(len(sums), -1).sum(1)
