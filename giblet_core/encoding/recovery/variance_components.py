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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

from giblet_core.encoding.kernels import check_matrix
from giblet_core.encoding.recovery.conditional import conditional_nulls
from giblet_core.encoding.recovery.whitening import (
    Ground,
    remaining,
    standardised_columns,
    whiten,
    whiteners,
)
from giblet_core.encoding.statistics import Null
from giblet_core.errors import InputError

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)  # of the variance, that codebooks may have in all
MOST_SPACES = 10  # whose subsets are weighed
LEAST_LEFT = 1e-9  # of a series' power, that columns cannot explain
NULL_ARRAYS = ("observed", "null", "p", "p_max")
RECOVERY_ARRAYS = ("probability", "known", "form", "codebook_p")


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
        Posterior inclusion probability: that the target follows the codebook.
    null : Null
        Of all codebooks together: how strongly targets follow the codebooks' columns, against phase
        randomisation of the codebooks alone.
    known : bool array of shape (n_codebooks, n_targets), or None
        Where the data moved the odds enough to tell; elsewhere it cannot be told. None where
        probabilities were not calibrated.
    form : array of shape (n_forms, n_targets), or None
        Posterior probability of each form in which codebooks may be followed.
    codebook_p : array of shape (n_codebooks, n_targets), or None
        As `null.p`, of each codebook alone.
    codebook_nulls : tuple of Null
        Of each codebook alone; empty where none was tested.
    """

    probability: np.ndarray
    null: Null
    known: np.ndarray | None = None
    form: np.ndarray | None = None
    codebook_p: np.ndarray | None = None
    codebook_nulls: tuple[Null, ...] = ()

    @property
    def nulls(self) -> tuple[Null, ...]:
        """The null of all codebooks together, then those of each."""
        return (self.null, *self.codebook_nulls)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name, as a file keeps them; `from_arrays` reads them."""
        named = {name: getattr(self, name) for name in RECOVERY_ARRAYS}
        for i, null in enumerate(self.nulls):
            named |= {f"{part} of null {i}": getattr(null, part) for part in NULL_ARRAYS}
        return {name: array for name, array in named.items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], kinds: Sequence[str]) -> "Recovery":
        """Return what `arrays` came from; `kinds` says what each of `nulls` randomised."""
        null, *codebook_nulls = (
            Null(*(arrays[f"{part} of null {i}"] for part in NULL_ARRAYS), kind=kind)
            for i, kind in enumerate(kinds)
        )
        rest = {name: arrays.get(name) for name in RECOVERY_ARRAYS}
        return cls(null=null, codebook_nulls=tuple(codebook_nulls), **rest)


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
    nulls = conditional_nulls(
        {"codebooks": np.concatenate(list(regressors.codebooks), axis=1)},
        whiten(maps, mean_subject),
        left,
        run_onsets=regressors.run_onsets,
        n_draws=n_draws,
        seed=seed,
    )
    return Recovery(
        probability=_probabilities(regressors, Y, maps),
        null=nulls["codebooks"],
    )


def _probabilities(regressors: Regressors, Y: np.ndarray, maps: list[np.ndarray]) -> np.ndarray:
    """Return the posterior inclusion probability of each codebook, (n_codebooks, n_targets)."""
    forms = regressors.forms or [regressors.codebooks]
    scaled_forms = [[standardised_columns(codebook) for codebook in form] for form in forms]
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
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    ground: Ground | None = None,
    shares: Sequence[float] = SHARES,
    subsets: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weigh every subset of spaces as what drives each target, against white noise.

    The spaces of a subset have equal parts of one of some shares of the variance, each share as
    likely as the other; the scale is the likeliest.

    Parameters
    ----------
    spaces : sequence of at most 10 arrays of shape (n, n_features_k)
    Y : array of shape (n, n_targets)
        Of mean 0.
    ground : Ground, optional
        A rival that every subset, the empty one among them, has beside the noise.
    shares : sequence of float
        Of the variance, that a subset may have in all, each between 0 and 1.
    subsets : bool array of shape (n_subsets, n_spaces), optional
        Those to weigh; all by default, the empty one first.

    Returns
    -------
    subsets : bool array of shape (n_subsets, n_spaces)
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
    log_determinant = 0.0
    if ground is not None:
        z = ground.whiten(z)
        Y = ground.whiten(Y)
        log_determinant = ground.log_determinant
    moments = _Moments(len(Y), gram=z.T @ z, covariance=z.T @ Y, power=(Y**2).sum(0))
    if subsets is None:
        subsets = all_subsets(len(spaces))
    log_likelihood = []
    for subset in subsets:
        if subset.any():
            columns = subset[space_of_column]
            log_likelihood.append(moments.log_likelihood(columns, subset.sum(), shares))
        else:
            log_likelihood.append(-len(Y) / 2 * np.log(moments.power))
    return subsets, np.array(log_likelihood) + log_determinant


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

    def log_likelihood(
        self, columns: np.ndarray, n_spaces: int, shares: Sequence[float]
    ) -> np.ndarray:
        """Average the likelihood of some columns, of `n_spaces` spaces, over shares.

        Along the principal directions of the columns a share costs one division.
        """
        sizes, directions = np.linalg.eigh(self.gram[np.ix_(columns, columns)])
        sizes = np.maximum(sizes, 0)
        followed = (directions.T @ self.covariance[columns]) ** 2
        of_shares = []
        for share in shares:
            signal_to_noise = share / (n_spaces * (1 - share))  # of one space
            explained = (signal_to_noise / (1 + signal_to_noise * sizes)) @ followed
            log_determinant = self.n * np.log(1 - share)
            log_determinant += np.log1p(signal_to_noise * sizes).sum()
            left = np.maximum(self.power - explained, LEAST_LEFT * self.power) / (1 - share)
            of_shares.append(-self.n / 2 * np.log(left) - log_determinant / 2)
        return np.logaddexp.reduce(of_shares) - np.log(len(shares))
