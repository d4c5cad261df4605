"""Intervals of r over autocorrelated time.

References
----------
.. [1] Pyper & Peterman 1998, Can J Fish Aquat Sci 55, 2127. doi:10.1139/f98-104 (the number of
   independent samples of a correlation)
.. [2] Fisher 1921, Metron 1, 3. (z = arctanh r has a standard error of 1 / sqrt(n - 3))
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.stats import norm

from giblet_core.encoding import fisher_mean

LAGS = 5  # autocorrelation is read up to a fifth of a stretch, as [1]_ advises
LEAST_SAMPLES = 3.0  # below it Fisher's z has no standard error
LARGEST_R = 1 - 1e-7


@dataclass(frozen=True, eq=False)
class Ends:
    """The two ends of an interval, arrays of shape (n_voxels,)."""

    low: np.ndarray
    high: np.ndarray


def effective_samples(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how many independent samples a correlation of two smooth series is worth.

    ``1 / n_eff = (1 + 2 sum_j (1 - j / n) rho_x(j) rho_y(j)) / n`` [1]_, over lags j up to n / 5.

    Parameters are arrays of shape (n, n_voxels). Returns (n_voxels,), at most n.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).standard_normal((2, 400, 1))
    >>> effective_samples(x, y).round()
    array([400.])
    >>> effective_samples(np.cumsum(x, axis=0), np.cumsum(y, axis=0)).round()
    array([11.])
    """
    n = len(x)
    lags = np.arange(1, n // LAGS + 1)
    product = _autocorrelation(x, len(lags)) * _autocorrelation(y, len(lags))
    excess = 2 * ((1 - lags / n)[:, None] * product).sum(0)
    return n / np.maximum(1 + excess, 1)


def _autocorrelation(x: np.ndarray, n_lags: int) -> np.ndarray:
    """Return the autocorrelation of columns at lags 1 to n_lags; 0 where one is constant."""
    n_fft = next_fast_len(len(x) + n_lags, real=True)
    spectrum = rfft(x - x.mean(0), n_fft, axis=0)
    covariance = irfft(np.abs(spectrum) ** 2, n_fft, axis=0)[: n_lags + 1]
    power = covariance[0]
    return np.where(power > 0, covariance[1:] / np.where(power > 0, power, 1), 0.0)


def r_interval(
    r_folds: np.ndarray,
    prediction: np.ndarray,
    y: np.ndarray,
    tests: list[np.ndarray],
    level: float = 0.95,
) -> Ends:
    """Return the interval of r, Fisher-averaged over folds.

    Folds count as independent; each has a variance of 1 / (n_eff - 3) in Fisher's z [2]_.

    Parameters
    ----------
    r_folds : array of shape (n_folds, n_voxels)
        r of each test fold.
    prediction, y : arrays of shape (n_trs, n_voxels)
        What was correlated.
    tests : list of arrays
        Rows of each test fold.
    level : float
        Coverage.

    Returns
    -------
    Ends
        -1 and 1 where the folds are worth too few samples; NaN where r is.
    """
    variance = np.zeros(y.shape[1])
    for rows in tests:
        n_eff = effective_samples(prediction[rows], y[rows])
        enough = n_eff > LEAST_SAMPLES
        variance += np.where(enough, 1 / np.where(enough, n_eff - LEAST_SAMPLES, 1), np.inf)
    half = norm.ppf((1 + level) / 2) * np.sqrt(variance) / len(tests)
    z = np.arctanh(np.clip(fisher_mean(r_folds), -LARGEST_R, LARGEST_R))
    return Ends(np.tanh(z - half), np.tanh(z + half))
