"""Which codebook does a region follow? Variance components beyond strong baselines, all codebooks
at once, and a test against its own null.

A region's series is ``y = baselines + sum_k Z_k w_k + noise`` with weights of variance g_k in
codebook k: ridge with a penalty for each codebook, which is 0 where the region does not follow it.
Every subset of codebooks is weighed by its likelihood [1], so that a codebook is not credited with
what another holds, and what any baseline explains is removed before. Raw gains in r cannot be
compared between codebooks and regions; probabilities can.

References
----------
[1] Hoeting et al. 1999, Stat Sci 14, 382. doi:10.1214/ss/1009212519 (averaging over models) [2]
Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what is tested is randomised
after the rest is removed)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import block_diag, cholesky, null_space, solve_triangular
from scipy.special import logsumexp, softmax

from giblet_core.encoding.kernels import check_matrix
from giblet_core.encoding.nulls import Null, make_null, phase_rotation
from giblet_core.errors import require
from giblet_core.timing import check_runs, hrf, run_index

DRIFT_S = 128.0  # slower than this is drift
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)  # of the variance, that codebooks may have in all
# shares of white noise, of AR(1) of .75 a TR, and of noise as smooth as the response: each target
# takes the likeliest
NOISES = (
    (0.9, 0.1, 0),
    (0.5, 0.5, 0),
    (0.1, 0.9, 0),
    (0.5, 0.1, 0.4),
    (0.3, 0.3, 0.4),
    (0.2, 0.1, 0.7),
    (0.05, 0.05, 0.9),
    (0.02, 0, 0.98),
)


@dataclass(frozen=True, eq=False)
class Recovery:
    """Which codebooks each target follows beyond the baselines.

    Attributes
    ----------
    probability : array of shape (n_books, n_targets)
        That the target follows the codebook, all subsets of codebooks being as likely beforehand;
        near 1/2 nothing is known.
    null : Null
        Of all codebooks together: how strongly targets follow the codebooks' columns, against phase
        randomisation of the codebooks alone.
    """

    probability: np.ndarray
    null: Null


def remaining(base: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Return orthonormal rows (n_left, n_trs) that hold nothing of baselines (n_trs, n_columns), of
    drift and of each run's mean.
    """
    fixed = block_diag(
        *(
            np.cos(
                np.pi * np.outer(np.arange(n) + 0.5, np.arange(1 + int(2 * n * t_r / DRIFT_S))) / n
            )
            for n in np.diff(check_runs(len(base), run_onsets))
        )
    )
    scaled = (base - base.mean(0)) / np.maximum(base.std(0), 1e-12)
    u, s, _ = np.linalg.svd(
        np.column_stack([fixed / np.linalg.norm(fixed, axis=0), scaled / np.sqrt(len(base))]),
        full_matrices=False,
    )
    return null_space(u[:, s > 1e-6 * s[0]].T).T


def whiteners(left: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> list[np.ndarray]:
    """Return maps (n_left, n_trs) to what `remaining` leaves, each of determinant 1 there, in which
    one of `NOISES` is white.
    """
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


def subset_log_likelihood(
    spaces: Sequence[np.ndarray], Y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weigh every subset of spaces as what drives each target, against white noise.

    The spaces of a subset have equal shares of the variance, `SHARES` in all, each as likely as the
    other; the scale is the likeliest.

    Parameters
    ----------
    spaces : sequence of at most 10 arrays of shape (n, n_features_k)
    Y : array of shape (n, n_targets)
        Of mean 0.

    Returns
    -------
    subsets : bool array of shape (n_subsets, n_spaces)
        The first is empty.
    evidence : array of shape (n_subsets, n_targets)
        Logarithm, up to a constant.
    """
    require(
        len(spaces) <= 10,
        f"spaces: {len(spaces)}; more than 10 have too many subsets. Give the first ones.",
    )
    n, power, share = len(Y), (Y**2).sum(0), np.array(SHARES)[:, None]
    z = np.concatenate([x * np.sqrt(n) / np.linalg.norm(x) for x in spaces], axis=1)
    gram, b, member = (
        z.T @ z,
        z.T @ Y,
        np.repeat(np.arange(len(spaces)), [x.shape[1] for x in spaces]),
    )
    subsets, log_likelihood = (
        np.array(list(product((False, True), repeat=len(spaces)))),
        [-n / 2 * np.log(power)],
    )
    for subset in subsets[1:]:
        at = subset[member]
        values, vectors = np.linalg.eigh(gram[np.ix_(at, at)])
        ratio = share / (subset.sum() * (1 - share))
        grown = 1 + ratio * np.maximum(values, 0)  # (n_shares, p)
        left = (power - ratio / grown @ (vectors.T @ b[at]) ** 2) / (1 - share)
        size = n * np.log(1 - share) + np.log(grown).sum(1, keepdims=True)
        log_likelihood.append(
            logsumexp(-n / 2 * np.log(left) - size / 2, axis=0) - np.log(len(SHARES))
        )
    return subsets, np.array(log_likelihood)


def _warped(
    own: np.ndarray,
    left: np.ndarray,
    run_onsets: Sequence[int],
    rng: np.random.Generator,
    n_draws: int = 30,
) -> np.ndarray:
    """Filter what the baselines leave of the codebooks: randomised and freed of the baselines
    again, it has the spectrum it began with.
    """

    def power(x: np.ndarray) -> np.ndarray:
        return (np.abs(np.fft.rfft(x, axis=0)) ** 2).mean(1)

    kept = np.mean(
        [
            power(left.T @ (left @ phase_rotation(len(own), run_onsets, rng)(own)))
            for _ in range(n_draws)
        ],
        axis=0,
    )
    gain = np.sqrt(power(own) / np.maximum(kept, 1e-6 * kept.max()))
    return np.fft.irfft(np.fft.rfft(own, axis=0) * gain[:, None], n=len(own), axis=0)


def recover(
    codebooks: Sequence[np.ndarray],
    base: np.ndarray,
    Y: np.ndarray,
    forms: Sequence[Sequence[np.ndarray]] = (),
    *,
    t_r: float,
    run_onsets: Sequence[int] = (0,),
    n_draws: int = 1000,
    seed: int = 0,
) -> Recovery:
    """Estimate which codebooks are followed beyond the baselines, and test all codebooks together.

    Parameters
    ----------
    codebooks : sequence of arrays of shape (n_trs, n_features_k)
        At most 10, with the response, e.g. of `features.slow_codebooks`.
    base : array of shape (n_trs, n_columns)
        Baselines with several responses, e.g. of `features.strong_baselines`; removed entirely.
    Y : array of shape (n_subjects, n_trs, n_targets)
        BOLD, e.g. region means. Codebooks are found by the mean log evidence of the subjects, who
        weigh codebooks differently but hear one film; all codebooks together are tested on the mean
        subject.
    forms : sequence of sequences like `codebooks`, optional
        Forms in which codebooks may be followed (other responses, fewer directions), each as likely
        as the other beforehand: the evidence of each subject's series is averaged over them. By
        default `codebooks` as they are.
    t_r : float
        Seconds.
    run_onsets : sequence of int
    n_draws : int
        Phase randomisations of what the baselines leave of the codebooks; the same draw for all
        targets. The stimulus is one, so that no test over subjects can replace this.
    seed : int

    Returns
    -------
    Recovery
    """
    mean = check_matrix("Y", np.mean(Y, axis=0), len(base))
    left = remaining(base, t_r, run_onsets)
    maps = whiteners(left, t_r, run_onsets)

    def whitened(Y: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        noise = np.argmin(
            [((white @ Y) ** 2).sum(0) for white in maps], axis=0
        )  # of determinant 1: the least power is the likeliest
        series = {i: maps[i] @ Y[:, noise == i] for i in np.unique(noise)}
        return noise, {i: y / np.linalg.norm(y, axis=0) for i, y in series.items()}

    noise, series = whitened(mean)
    scaled, *forms = (
        [(x - x.mean(0)) / np.maximum(x.std(0), 1e-12) for x in form]
        for form in (codebooks, *(forms or [codebooks]))
    )
    own, rng = left.T @ (left @ np.concatenate(scaled, axis=1)), np.random.default_rng(seed)

    def followed(x: np.ndarray) -> np.ndarray:
        out = np.empty(mean.shape[1])
        for i in series:
            z = maps[i] @ x
            out[noise == i] = (((z / np.linalg.norm(z, axis=0)).T @ series[i]) ** 2).sum(0)
        return out

    warped = _warped(own, left, run_onsets, rng)
    null = np.array(
        [followed(phase_rotation(len(own), run_onsets, rng)(warped)) for _ in range(n_draws)]
    )
    each, own_series = whitened(np.concatenate(Y, axis=1))
    log_likelihood = np.empty((2 ** len(codebooks), len(each)))
    for i, y in own_series.items():
        weighed = [subset_log_likelihood([maps[i] @ x for x in form], y) for form in forms]
        subsets, log_likelihood[:, each == i] = (
            weighed[0][0],
            logsumexp([one for _, one in weighed], axis=0),
        )
    probability = subsets.T @ softmax(
        log_likelihood.reshape(len(subsets), len(Y), -1).mean(1), axis=0
    )
    return Recovery(
        probability, make_null(followed(own), null, "phase randomisation of the codebooks")
    )
