"""Which codebooks a region follows: variance components beyond strong baselines.

A region's series is ``y = baselines + sum_k Z_k w_k + noise`` with weights of variance g_k in
codebook k: ridge with a penalty for each codebook, which is 0 where the region does not follow it.
Every subset of codebooks is weighed by its marginal likelihood [1]_, so that a codebook is not
credited with what another holds, and what any baseline explains is removed before. Raw gains in r
cannot be compared between codebooks and regions; probabilities can. All codebooks together are
tested against their own null, with phases randomised after the baselines are removed [2]_.

References
----------
.. [1] Hoeting et al. 1999, Stat Sci 14, 382. doi:10.1214/ss/1009212519 (averaging over models)
.. [2] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what is tested is
   randomised after the rest is removed)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import block_diag, cholesky, null_space, solve_triangular
from scipy.special import logsumexp, softmax

from giblet_core.encoding.kernels import check_matrix
from giblet_core.encoding.nulls import phase_rotation
from giblet_core.encoding.statistics import Null, make_null
from giblet_core.errors import InputError
from giblet_core.timing import check_runs, hrf, run_index

DRIFT_S = 128.0  # slower than this is drift
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)  # of the variance, that codebooks may have in all
MOST_SPACES = 10  # whose subsets are weighed
AR_COEFFICIENT = 0.75  # a TR
HRF_STEP_S = 0.1
WARP_DRAWS = 30


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


@dataclass(frozen=True, eq=False)
class Regressors:
    """What series may follow, and what is removed from them first.

    Attributes
    ----------
    codebooks : sequence of arrays of shape (n_trs, n_features_k)
        At most 10, with the response, e.g. of `features.slow_codebooks`.
    base : array of shape (n_trs, n_columns)
        Baselines with several responses, e.g. of `features.strong_baselines`; removed entirely.
    t_r : float
        Seconds a TR.
    run_onsets : sequence of int
        Row at which each run begins.
    forms : sequence of sequences like `codebooks`
        Forms in which codebooks may be followed (other responses, fewer directions), each as likely
        as the other beforehand. Empty: `codebooks` as they are.
    """

    codebooks: Sequence[np.ndarray]
    base: np.ndarray
    t_r: float
    run_onsets: Sequence[int] = (0,)
    forms: Sequence[Sequence[np.ndarray]] = ()


@dataclass(frozen=True, eq=False)
class Recovery:
    """Which codebooks each target follows beyond the baselines.

    Attributes
    ----------
    probability : array of shape (n_codebooks, n_targets)
        Posterior inclusion probability: that the target follows the codebook, all subsets of
        codebooks being as likely beforehand; near 1/2 nothing is known.
    null : Null
        Of all codebooks together: how strongly targets follow the codebooks' columns, against phase
        randomisation of the codebooks alone.
    """

    probability: np.ndarray
    null: Null


def recover(regressors: Regressors, Y: np.ndarray, n_draws: int = 1000, seed: int = 0) -> Recovery:
    """Estimate which codebooks are followed beyond the baselines, and test all of them together.

    Parameters
    ----------
    regressors : Regressors
    Y : array of shape (n_subjects, n_trs, n_targets)
        BOLD, e.g. region means. Codebooks are found by the mean log marginal likelihood of the
        subjects, who weigh codebooks differently but hear one film; all codebooks together are
        tested on the mean subject. The likelihood of each subject's series is averaged over forms.
    n_draws : int
        Phase randomisations of what the baselines leave of the codebooks; the same draw for all
        targets. The stimulus is one, so that no test over subjects can replace this.
    seed : int

    Returns
    -------
    Recovery
    """
    mean_subject = check_matrix("Y", np.mean(Y, axis=0), len(regressors.base))
    left = remaining(regressors.base, regressors.t_r, regressors.run_onsets)
    maps = whiteners(left, regressors.t_r, regressors.run_onsets)
    return Recovery(
        probability=_probabilities(regressors, Y, maps),
        null=_joint_null(regressors, whiten(maps, mean_subject), left, n_draws, seed),
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
    unit_base = _scaled(base) / np.sqrt(len(base))
    removed = np.column_stack([unit_drift, unit_base])
    directions, sizes, _ = np.linalg.svd(removed, full_matrices=False)
    return null_space(directions[:, sizes > 1e-6 * sizes[0]].T).T


def _drift(n_trs: int, t_r: float) -> np.ndarray:
    """Return the mean and slow cosines of a run, (n_trs, n_cosines)."""
    n_cosines = 1 + int(2 * n_trs * t_r / DRIFT_S)
    return np.cos(np.pi * np.outer(np.arange(n_trs) + 0.5, np.arange(n_cosines)) / n_trs)


def _scaled(x: np.ndarray) -> np.ndarray:
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

    def followed(self, x: np.ndarray) -> np.ndarray:
        """Sum the squared correlations of each target with columns (n_trs, n): (n_targets,)."""
        power = np.empty(len(self.noise))
        for i, series in self.by_noise.items():
            z = self.maps[i] @ x
            z = z / np.linalg.norm(z, axis=0)
            power[self.noise == i] = ((z.T @ series) ** 2).sum(0)
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


def _probabilities(regressors: Regressors, Y: np.ndarray, maps: list[np.ndarray]) -> np.ndarray:
    """Return the posterior inclusion probability of each codebook, (n_codebooks, n_targets)."""
    forms = regressors.forms or [regressors.codebooks]
    scaled_forms = [[_scaled(codebook) for codebook in form] for form in forms]
    subjects = whiten(maps, np.concatenate(Y, axis=1))  # subject-major
    subsets = all_subsets(len(regressors.codebooks))
    log_likelihood = np.empty((len(subsets), len(subjects.noise)))
    for i, series in subjects.by_noise.items():
        of_forms = []
        for form in scaled_forms:
            whitened_form = [maps[i] @ codebook for codebook in form]
            _, of_form = subset_log_likelihood(whitened_form, series)
            of_forms.append(of_form)
        log_likelihood[:, subjects.noise == i] = logsumexp(of_forms, axis=0)
    mean_of_subjects = log_likelihood.reshape(len(subsets), len(Y), -1).mean(1)
    return subsets.T @ softmax(mean_of_subjects, axis=0)


def all_subsets(n: int) -> np.ndarray:
    """Return all subsets of n members in binary order, bool (2 ** n, n); the first is empty."""
    return np.array(list(product((False, True), repeat=n)))


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
    log_likelihood : array of shape (n_subsets, n_targets)
        Log marginal likelihood, up to a constant.

    Raises
    ------
    InputError
        For more than 10 spaces.
    """
    if len(spaces) > MOST_SPACES:
        raise InputError(
            f"spaces: {len(spaces)}; more than {MOST_SPACES} have too many subsets. "
            "Give the first ones."
        )
    scaled = [x * np.sqrt(len(Y)) / np.linalg.norm(x) for x in spaces]
    z = np.concatenate(scaled, axis=1)
    space_of_column = np.repeat(np.arange(len(spaces)), [x.shape[1] for x in spaces])
    moments = _Moments(len(Y), gram=z.T @ z, covariance=z.T @ Y, power=(Y**2).sum(0))
    subsets = all_subsets(len(spaces))
    log_likelihood = [-len(Y) / 2 * np.log(moments.power)]
    for subset in subsets[1:]:
        columns = subset[space_of_column]
        log_likelihood.append(moments.log_likelihood(columns, n_spaces=subset.sum()))
    return subsets, np.array(log_likelihood)


@dataclass(frozen=True, eq=False)
class _Moments:
    """All that the likelihood asks of columns z (n, p) and series Y (n, n_targets).

    Attributes
    ----------
    n : int
    gram : array of shape (p, p)
    covariance : array of shape (p, n_targets)
    power : array of shape (n_targets,)
    """

    n: int
    gram: np.ndarray
    covariance: np.ndarray
    power: np.ndarray

    def log_likelihood(self, columns: np.ndarray, n_spaces: int) -> np.ndarray:
        """Average the likelihood of some columns, of `n_spaces` spaces, over `SHARES`."""
        share = np.array(SHARES)[:, None]
        signal_to_noise = share / (n_spaces * (1 - share))  # (n_shares, 1), of one space
        values, vectors = np.linalg.eigh(self.gram[np.ix_(columns, columns)])
        growth = 1 + signal_to_noise * np.maximum(values, 0)  # (n_shares, n_columns)
        projected_power = (vectors.T @ self.covariance[columns]) ** 2  # (n_columns, n_targets)
        explained = (signal_to_noise / growth) @ projected_power
        left = (self.power - explained) / (1 - share)  # (n_shares, n_targets)
        log_determinant = self.n * np.log(1 - share) + np.log(growth).sum(1, keepdims=True)
        of_shares = -self.n / 2 * np.log(left) - log_determinant / 2
        return logsumexp(of_shares, axis=0) - np.log(len(SHARES))


def _joint_null(
    regressors: Regressors, series: WhitenedSeries, left: np.ndarray, n_draws: int, seed: int
) -> Null:
    """Compare how all codebooks are followed with phase randomisations of them."""
    rng = np.random.default_rng(seed)
    run_onsets = regressors.run_onsets
    columns = np.concatenate([_scaled(codebook) for codebook in regressors.codebooks], axis=1)
    codebooks_left = left.T @ (left @ columns)
    warped = _warped(codebooks_left, left, run_onsets, rng)
    draws = [
        series.followed(phase_rotation(len(warped), run_onsets, rng)(warped))
        for _ in range(n_draws)
    ]
    observed = series.followed(codebooks_left)
    return make_null(observed, np.array(draws), "phase randomisation of the codebooks")


def _warped(
    codebooks: np.ndarray, left: np.ndarray, run_onsets: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """Filter codebooks (n_trs, n_columns) so that their randomisation keeps their spectrum.

    Randomised phases bring baselines back, which are removed again; that takes power, which this
    filter adds beforehand.
    """
    spectra = []
    for _ in range(WARP_DRAWS):
        randomised = phase_rotation(len(codebooks), run_onsets, rng)(codebooks)
        spectra.append(_mean_spectrum(left.T @ (left @ randomised)))
    kept = np.mean(spectra, axis=0)
    gain = np.sqrt(_mean_spectrum(codebooks) / np.maximum(kept, 1e-6 * kept.max()))
    return np.fft.irfft(np.fft.rfft(codebooks, axis=0) * gain[:, None], n=len(codebooks), axis=0)


def _mean_spectrum(x: np.ndarray) -> np.ndarray:
    """Return the power of x (n_trs, n_columns), mean over columns, (n_frequencies,)."""
    return (np.abs(np.fft.rfft(x, axis=0)) ** 2).mean(1)
