"""Which codebook does a region follow? Variance components beyond strong baselines, all books at once, and a test against its own null.

A region's series is ``y = baselines + sum_k Z_k w_k + noise`` with weights of variance g_k in book k: ridge with a penalty for each book,
chosen by the likelihood [1]. Books that say the same compete, so that a book is not credited with what another holds, and what any
baseline explains is removed before. Raw gains in r cannot be compared between books and regions; shares of one region's variance can.

References
----------
[1] Zhou et al. 2019, J Comput Graph Stat 28, 350. doi:10.1080/10618600.2018.1529601 (multiplicative updates of variance components)
[2] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what is tested is randomised after the rest is removed)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, null_space, solve_triangular

from giblet_core import hrf
from giblet_core.kernels import check_matrix
from giblet_core.nulls import Null, make_null, phase_rotation
from giblet_core.splits import check_runs, run_index

DRIFT_S = 128.0  # slower than this is drift
# shares of white noise, of AR(1) of .75 a TR, and of noise as smooth as the response: each target takes the likeliest
NOISES = ((0.9, 0.1, 0), (0.5, 0.5, 0), (0.1, 0.9, 0), (0.5, 0.1, 0.4), (0.3, 0.3, 0.4), (0.2, 0.1, 0.7), (0.05, 0.05, 0.9),
          (0.02, 0, 0.98))


@dataclass(frozen=True, eq=False)
class Recovery:
    """What the books explain of each target beyond the baselines.

    Attributes
    ----------
    shares : array of shape (n_books, n_targets)
        Share of the variance that the baselines leave; 0 or more.
    null : Null
        Of all books together: how strongly targets follow the books' columns, against phase randomisation of the books alone.
    """

    shares: np.ndarray
    null: Null


def remaining(base: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Return orthonormal rows (n_left, n_trs) that hold nothing of baselines (n_trs, n_columns), of drift and of each run's mean."""
    edges = check_runs(len(base), run_onsets)
    fixed = np.zeros((len(base), 0))
    for a, b in zip(edges[:-1], edges[1:]):
        cosines = np.cos(np.pi * np.outer(np.arange(b - a) + 0.5, np.arange(1 + int(2 * (b - a) * t_r / DRIFT_S))) / (b - a))
        fixed = np.column_stack([fixed, np.pad(cosines, ((a, len(base) - b), (0, 0)))])
    scaled = (base - base.mean(0)) / np.maximum(base.std(0), 1e-12)
    u, s, _ = np.linalg.svd(np.column_stack([fixed / np.linalg.norm(fixed, axis=0), scaled / np.sqrt(len(base))]), full_matrices=False)
    return null_space(u[:, s > 1e-6 * s[0]].T).T


def whiteners(left: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> list[np.ndarray]:
    """Return maps (n_left, n_trs) to what `remaining` leaves, each of determinant 1 there, in which one of `NOISES` is white."""
    n, run = left.shape[1], run_index(left.shape[1], run_onsets)
    h = hrf.kernel(dt_s=0.1)
    smooth = np.correlate(h, h, "full")[len(h) - 1 :]
    smooth = np.interp(np.arange(n) * t_r, 0.1 * np.arange(len(h)), smooth / smooth[0], right=0.0)
    lag, maps = np.abs(np.subtract.outer(np.arange(n), np.arange(n))), []
    for white, memory, slow in NOISES:
        by_lag = white * (np.arange(n) == 0) + memory * 0.75 ** np.arange(n) + slow * smooth
        root = cholesky(left @ (by_lag[lag] * (run[:, None] == run)) @ left.T, lower=True)
        maps.append(solve_triangular(root / np.exp(np.log(np.diag(root)).mean()), left, lower=True))
    return maps


def variance_shares(spaces: Sequence[np.ndarray], Y: np.ndarray, n_iter: int = 40) -> np.ndarray:
    """Estimate the share of variance of each space by maximum likelihood, all spaces at once, against white noise.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n, n_features_k)
    Y : array of shape (n, n_targets)
        Of mean 0.
    n_iter : int
        Multiplicative updates [1]; each raises the likelihood, and no share falls below 0.

    Returns
    -------
    array of shape (n_spaces + 1, n_targets)
        Sums to 1; the last row is noise.
    """
    z = np.concatenate([x * np.sqrt(len(x)) / np.linalg.norm(x) for x in spaces], axis=1)
    member = np.repeat(np.eye(len(spaces)), [x.shape[1] for x in spaces], axis=0)  # (p, K)
    gram, y = z.T @ z, Y / np.sqrt((Y**2).mean(0))
    b, power = (z.T @ y).T, (y**2).sum(0)  # (t, p), (t,)
    g, s = np.full((len(b), len(spaces)), 0.5 / len(spaces)), np.full(len(b), 0.5)
    for _ in range(n_iter):
        ratio = (g @ member.T) / s[:, None]
        inverse = np.linalg.inv(np.eye(len(gram)) + gram * ratio[:, None, :])
        v = np.einsum("tij,tj->ti", inverse, b)  # s Z' V^-1 y
        trace = np.einsum("tij,ji->ti", inverse, gram)  # s diag(Z' V^-1 Z)
        u = ratio * v
        g = g * np.sqrt((v**2 @ member) / s[:, None] / (trace @ member))
        s = np.sqrt((power - 2 * (b * u).sum(1) + ((u @ gram) * u).sum(1)) / (len(z) - (ratio * trace).sum(1)) * s)
    shares = np.column_stack([g, s])
    return (shares / shares.sum(1, keepdims=True)).T


def _warped(own: np.ndarray, left: np.ndarray, run_onsets: Sequence[int], rng: np.random.Generator, n_draws: int = 30) -> np.ndarray:
    """Filter what the baselines leave of the books: randomised and freed of the baselines again, it has the spectrum it began with."""
    def power(x: np.ndarray) -> np.ndarray:
        return (np.abs(np.fft.rfft(x, axis=0)) ** 2).mean(1)

    kept = np.mean([power(left.T @ (left @ phase_rotation(len(own), run_onsets, rng)(own))) for _ in range(n_draws)], axis=0)
    gain = np.sqrt(power(own) / np.maximum(kept, 1e-6 * kept.max()))
    return np.fft.irfft(np.fft.rfft(own, axis=0) * gain[:, None], n=len(own), axis=0)


def recover(books: Sequence[np.ndarray], base: np.ndarray, Y: np.ndarray, *, t_r: float, run_onsets: Sequence[int] = (0,),
            n_draws: int = 1000, seed: int = 0) -> Recovery:
    """Estimate what each book explains beyond the baselines, and test all books together.

    Parameters
    ----------
    books : sequence of arrays of shape (n_trs, n_features_k)
        With the response, e.g. of `features.slow_books`.
    base : array of shape (n_trs, n_columns)
        Baselines with several responses, e.g. of `features.strong_baselines`; removed entirely.
    Y : array of shape (n_trs, n_targets)
        BOLD, e.g. region means of the group.
    t_r : float
        Seconds.
    run_onsets : sequence of int
    n_draws : int
        Phase randomisations of what the baselines leave of the books; the same draw for all targets. The stimulus is one, so that no test
        over listeners can replace this.
    seed : int

    Returns
    -------
    Recovery
    """
    Y = check_matrix("Y", Y, len(base))
    left = remaining(base, t_r, run_onsets)
    maps = whiteners(left, t_r, run_onsets)
    noise = np.argmin([((white @ Y) ** 2).sum(0) for white in maps], axis=0)  # of determinant 1: the least power is the likeliest
    used = np.unique(noise)
    series = {i: (maps[i] @ Y[:, noise == i]) / np.linalg.norm(maps[i] @ Y[:, noise == i], axis=0) for i in used}
    scaled = [(x - x.mean(0)) / np.maximum(x.std(0), 1e-12) for x in books]
    own, rng = left.T @ (left @ np.concatenate(scaled, axis=1)), np.random.default_rng(seed)

    def followed(x: np.ndarray) -> np.ndarray:
        out = np.empty(Y.shape[1])
        for i in used:
            z = maps[i] @ x
            out[noise == i] = (((z / np.linalg.norm(z, axis=0)).T @ series[i]) ** 2).sum(0)
        return out

    warped = _warped(own, left, run_onsets, rng)
    null = np.array([followed(phase_rotation(len(own), run_onsets, rng)(warped)) for _ in range(n_draws)])
    shares = np.empty((len(books), Y.shape[1]))
    for i in used:
        shares[:, noise == i] = variance_shares([maps[i] @ x for x in scaled], series[i])[:-1]
    return Recovery(shares, make_null(followed(own), null, "phase randomisation of the books"))
