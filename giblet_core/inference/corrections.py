"""Corrections for many tests, and whether they could detect anything at all.

A p value from n draws is never below 1 / (n + 1). Holm's correction over m tests multiplies it by
m: 340 shifts and 112 tests give .33 at best, so that nothing can be detected whatever is there.
The maximum statistic has no such floor: it compares every test with the largest of each draw.

Draws of random permutations or signs do not depend on each other: each test is then scaled by the
width of its own null. Circular shifts by 30, 31, 32 ... TRs hold nearly the same series, so that
few of them say anything new: the width is then known badly, and of eight groups by five regions
without an effect one in five gave a detection at .05 (90 shifts of 2 runs of 150 TRs). Such draws
take the maximum statistic without scaling, which gives three in a hundred there.

References
----------
.. [1] Nichols & Holmes 2002, Hum Brain Mapp 15, 1. doi:10.1002/hbm.1058 (maximum statistic)
.. [2] Westfall & Young 1993, Resampling-Based Multiple Testing. Wiley. (studentised maximum)
.. [3] Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9, 39. doi:10.2202/1544-6115.1585 (floor)
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np

from giblet_core.encoding import TIE, fdr, holm
from giblet_core.errors import InputError

ALPHA = 0.05
MAXIMUM = "maximum statistic"
UNSCALED_MAXIMUM = "maximum statistic without scaling"
MAXIMA = (MAXIMUM, UNSCALED_MAXIMUM)

#: Corrections of single p values; `MAXIMA` need the draws themselves.
ADJUSTMENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"Holm": holm, "FDR": fdr}
METHODS = (*MAXIMA, *ADJUSTMENTS)


def smallest_corrected_p(n_draws: int, n_tests: int, method: str = MAXIMUM) -> float:
    """Return the smallest corrected p that one single strong effect could reach [3]_.

    Parameters
    ----------
    n_draws : int
        Of the null.
    n_tests : int
        Corrected together.
    method : str
        One of `METHODS`.

    Returns
    -------
    float
        At most 1.

    Examples
    --------
    >>> round(smallest_corrected_p(340, 112, "Holm"), 2)
    0.33
    >>> round(smallest_corrected_p(340, 112), 3)
    0.003
    """
    _check_method(method)
    floor = 1 / (n_draws + 1)
    return floor if method in MAXIMA else min(1.0, n_tests * floor)


def draws_needed(n_tests: int, method: str = MAXIMUM, alpha: float = ALPHA) -> int:
    """Return how many draws a single strong effect needs to be detected.

    Parameters
    ----------
    n_tests : int
        Corrected together.
    method : str
        One of `METHODS`.
    alpha : float
        Level of the test.

    Returns
    -------
    int

    Examples
    --------
    >>> draws_needed(112, "Holm"), draws_needed(112)
    (2239, 19)
    """
    _check_method(method)
    n_times = 1 if method in MAXIMA else n_tests
    return ceil(round(n_times / alpha, 9)) - 1


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise InputError(f"method={method!r}: must be one of {', '.join(METHODS)}. Choose one.")


@dataclass(frozen=True, eq=False)
class Corrected:
    """P values of many tests, corrected together.

    Attributes
    ----------
    p : array
        Corrected, of the shape of the tests; NaN where a test is undefined.
    raw : array
        Each test on its own, one-sided.
    method : str
        One of `METHODS`.
    n_draws : int
        Of the null.
    alpha : float
        Level of the tests.
    """

    p: np.ndarray
    raw: np.ndarray
    method: str
    n_draws: int
    alpha: float = ALPHA

    @property
    def n_tests(self) -> int:
        """Tests that are defined."""
        return int(np.isfinite(self.raw).sum())

    @property
    def floor(self) -> float:
        """The smallest corrected p that there could be."""
        return smallest_corrected_p(self.n_draws, max(self.n_tests, 1), self.method)

    @property
    def can_detect(self) -> bool:
        """Whether any effect, however strong, could be detected."""
        return self.floor <= self.alpha

    @property
    def detected(self) -> np.ndarray:
        """Where the corrected p is significant, bool; nowhere where nothing can be."""
        return np.nan_to_num(self.p, nan=1.0) <= self.alpha

    def __str__(self) -> str:
        what = f"{self.method} over {self.n_tests} tests, {self.n_draws} draws"
        if not self.can_detect:
            needed = draws_needed(self.n_tests, self.method, self.alpha)
            return (
                f"{what}: no corrected p can be below {self.floor:.2g}, so that nothing can be "
                f"detected at {self.alpha:g} whatever is there ({needed} draws would be needed)"
            )
        return f"{what}: no corrected p below {self.floor:.2g}, {self.detected.sum()} detected"


def maximum_statistic(
    observed: np.ndarray, draws: np.ndarray, is_scaled: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Compare each test with the largest of every draw [1, 2]_.

    Tests differ in the width of their null. Scaled, each is centred and divided by the mean and SD
    of all its values, the observed one among them: under the null the observed values are then a
    draw like any other, and the chance of any false detection is at most alpha. This holds where
    no draw is nearer to another than the observed one is; where draws depend on each other, as
    neighbouring circular shifts do, tests are not to be scaled.

    Parameters
    ----------
    observed : array of shape (...)
        Statistics; larger is more. Undefined (NaN) tests and tests that never vary are left out.
    draws : array of shape (n_draws, ...)
        The same from the null.
    is_scaled : bool
        Whether each test is put on the scale of its own null.

    Returns
    -------
    p, p_max : arrays of shape (...)
        Each test on its own, and against the maximum.
    """
    observed = np.asarray(observed, dtype=float)
    draws = np.asarray(draws, dtype=float)
    if not len(draws) or draws.shape[1:] != observed.shape:
        raise InputError(
            f"draws: shape {draws.shape}; must be (n_draws, *{observed.shape}) with at least one "
            "draw. Give the null of the same tests."
        )
    both = np.concatenate([observed[None], draws]).reshape(1 + len(draws), -1)
    spread = both.std(0)
    defined = np.isfinite(both).all(0) & (spread > 0)
    values = both[:, defined]
    if is_scaled:
        values = (values - values.mean(0)) / spread[defined]
    largest = values.max(1, initial=-np.inf)
    p = np.full(both.shape[1], np.nan)
    p_max = np.full(both.shape[1], np.nan)
    as_good = values[0] - TIE * np.abs(values[0])  # rounding makes no draw worse
    p[defined] = (values >= as_good).mean(0)
    p_max[defined] = (largest[:, None] >= as_good).mean(0)
    return p.reshape(observed.shape), p_max.reshape(observed.shape)


def correct(
    observed: np.ndarray, draws: np.ndarray, method: str = MAXIMUM, alpha: float = ALPHA
) -> Corrected:
    """Test many statistics against draws of their null, and correct for all of them together.

    Parameters
    ----------
    observed : array of shape (...)
        One statistic a test; larger is more.
    draws : array of shape (n_draws, ...)
        The same statistics, all from one alignment a draw, so that their dependence is kept.
    method : str
        One of `METHODS`: a maximum statistic, or a correction of the single p values. Circular
        shifts take `UNSCALED_MAXIMUM`.
    alpha : float
        Level.

    Returns
    -------
    Corrected
        It says on the page where no effect could have been detected.

    Raises
    ------
    InputError
        An unknown method, or draws of other tests.
    """
    _check_method(method)
    p, p_max = maximum_statistic(observed, draws, is_scaled=method != UNSCALED_MAXIMUM)
    adjusted = p_max if method in MAXIMA else ADJUSTMENTS[method](p)
    return Corrected(adjusted, p, method, len(draws), alpha)
