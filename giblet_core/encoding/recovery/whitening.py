"""What baselines leave of a series, with its noise made white.

Baselines, drift and run means are removed entirely, not shrunk: what a penalty leaves of a baseline
would be credited to codebooks, which know the level too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag, cholesky, null_space, solve_triangular

from giblet_core.timing import check_runs, hrf, run_index

DRIFT_S = 128.0  # slower than this is drift
AR_COEFFICIENT = 0.75  # a TR
HRF_STEP_S = 0.1


@dataclass(frozen=True)
class Noise:
    """A noise as a mixture; the shares of its variance sum to 1.

    Attributes
    ----------
    white, autoregressive, haemodynamic : float
        Shares of white noise, of AR(1), and of noise as smooth as the response.
    """

    white: float
    autoregressive: float
    haemodynamic: float


NOISES = (  # each target takes the likeliest
    Noise(0.9, 0.1, 0),
    Noise(0.5, 0.5, 0),
    Noise(0.1, 0.9, 0),
    Noise(0.5, 0.1, 0.4),
    Noise(0.3, 0.3, 0.4),
    Noise(0.2, 0.1, 0.7),
    Noise(0.05, 0.05, 0.9),
    Noise(0.02, 0, 0.98),
)


def remaining(base: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Span what holds nothing of the baselines, of drift, and of each run's mean.

    Parameters
    ----------
    base : array of shape (n_trs, n_columns)
        Baselines.
    t_r : float
        Seconds a TR; drift is slower than 128 s.
    run_onsets : sequence of int
        Row at which each run begins.

    Returns
    -------
    array of shape (n_left, n_trs)
        Orthonormal rows.
    """
    lengths = np.diff(check_runs(len(base), run_onsets))
    drift = block_diag(*(_drift(n, t_r) for n in lengths))
    unit_drift = drift / np.linalg.norm(drift, axis=0)
    unit_base = standardised_columns(base) / np.sqrt(len(base))
    removed = np.column_stack([unit_drift, unit_base])
    directions, sizes, _ = np.linalg.svd(removed, full_matrices=False)
    return null_space(directions[:, sizes > 1e-6 * sizes[0]].T).T


def _drift(n_trs: int, t_r: float) -> np.ndarray:
    """Return the mean and slow cosines of a run, (n_trs, n_cosines)."""
    n_cosines = 1 + int(2 * n_trs * t_r / DRIFT_S)
    return np.cos(np.pi * np.outer(np.arange(n_trs) + 0.5, np.arange(n_cosines)) / n_trs)


def leading_directions(base: np.ndarray, n: int) -> np.ndarray:
    """Reduce baselines (n_trs, n_columns) to the `n` directions in which they move most.

    Columns count alike. Many baselines say nearly the same, and every direction that is removed
    costs a TR.
    """
    directions, sizes, _ = np.linalg.svd(standardised_columns(base), full_matrices=False)
    return (directions * sizes)[:, :n]


def standardised_columns(x: np.ndarray) -> np.ndarray:
    """Scale columns (n_trs, n) to mean 0 and variance 1; a constant one becomes 0."""
    return (x - x.mean(0)) / np.maximum(x.std(0), 1e-12)


def whiteners(left: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> list[np.ndarray]:
    """Make the maps in which one of `NOISES` each is white.

    Parameters
    ----------
    left : array of shape (n_left, n_trs)
        What `remaining` leaves.
    t_r : float
        Seconds a TR.
    run_onsets : sequence of int
        Row at which each run begins; noise of different runs is independent.

    Returns
    -------
    list of arrays of shape (n_left, n_trs)
        One a noise, each of determinant 1 on what is left.
    """
    n_trs = left.shape[1]
    lags = np.arange(n_trs)
    run = run_index(n_trs, run_onsets)
    same_run = run[:, None] == run
    lag_of_pair = np.abs(np.subtract.outer(lags, lags))
    smooth = _response_autocorrelation(n_trs, t_r)
    maps = []
    for noise in NOISES:
        by_lag = (
            noise.white * (lags == 0)
            + noise.autoregressive * AR_COEFFICIENT**lags
            + noise.haemodynamic * smooth
        )
        covariance = left @ (by_lag[lag_of_pair] * same_run) @ left.T
        root = cholesky(covariance, lower=True)
        geometric_mean = np.exp(np.log(np.diag(root)).mean())
        maps.append(solve_triangular(root / geometric_mean, left, lower=True))
    return maps


def _response_autocorrelation(n_trs: int, t_r: float) -> np.ndarray:
    """Return the autocorrelation of the response at lags of 0, 1, ... TRs, (n_trs,)."""
    h = hrf.kernel(dt_s=HRF_STEP_S)
    fine = np.correlate(h, h, "full")[len(h) - 1 :]
    lags_s = HRF_STEP_S * np.arange(len(h))
    return np.interp(np.arange(n_trs) * t_r, lags_s, fine / fine[0], right=0.0)


@dataclass(frozen=True, eq=False)
class Ground:
    """What a rival adds to white noise, and the map that makes both together white.

    The covariance is ``I + s / (1 - s) Z Z'`` for a rival of share s: the rival competes for the
    variance instead of being removed.

    Attributes
    ----------
    directions : array of shape (n, n_rival)
        Orthonormal columns.
    gains : array of shape (n_rival,)
        By how much the map scales each direction, at most 1.
    """

    directions: np.ndarray
    gains: np.ndarray

    @classmethod
    def of(cls, rival: np.ndarray, share: float) -> "Ground":
        """Make the ground of a rival (n, n_rival) that has a share of the variance, 0 to 1."""
        scaled = rival * np.sqrt(len(rival)) / np.linalg.norm(rival)
        directions, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
        return cls(directions, gains=1 / np.sqrt(1 + share / (1 - share) * sizes**2))

    @property
    def log_determinant(self) -> float:
        """Of the map."""
        return float(np.log(self.gains).sum())

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Apply the map to x (n, n_columns)."""
        return x + self.directions @ ((self.gains - 1)[:, None] * (self.directions.T @ x))


@dataclass(frozen=True, eq=False)
class WhitenedSeries:
    """Series freed of baselines, with their noise made white, of unit norm.

    Attributes
    ----------
    maps : list of arrays of shape (n_left, n_trs)
        From `whiteners`.
    noise : int array of shape (n_targets,)
        Which of `NOISES` each target has.
    by_noise : dict of int to array of shape (n_left, n_targets of this noise)
    """

    maps: list[np.ndarray]
    noise: np.ndarray
    by_noise: dict[int, np.ndarray]

    def followed_by_column(self, x: np.ndarray) -> np.ndarray:
        """Square the correlation of each target with each column (n_trs, n): (n, n_targets)."""
        power = np.empty((x.shape[1], len(self.noise)))
        for i, series in self.by_noise.items():
            z = self.maps[i] @ x
            z = z / np.maximum(np.linalg.norm(z, axis=0), 1e-12)
            power[:, self.noise == i] = (z.T @ series) ** 2
        return power


def whiten(maps: list[np.ndarray], Y: np.ndarray) -> WhitenedSeries:
    """Give each target of Y (n_trs, n_targets) its likeliest noise, and make that white."""
    power = [((white @ Y) ** 2).sum(0) for white in maps]
    noise = np.argmin(power, axis=0)  # maps are of determinant 1: least power is likeliest
    by_noise = {}
    for i in np.unique(noise):
        series = maps[i] @ Y[:, noise == i]
        by_noise[i] = series / np.linalg.norm(series, axis=0)
    return WhitenedSeries(maps, noise, by_noise)
