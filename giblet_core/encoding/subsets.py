"""All subsets of the codebooks: what each one adds, alone and beyond the others.

Two estimands, which differ. *Refit*: ridge fitted anew on the codebooks of a subset. *Frozen*: the
weights of all codebooks are kept and the features of the missing ones held at their mean. Kernels
add over codebooks, so that 255 refits cost a few fits, and frozen predictions add over codebooks,
so that 255 sums cost one.

Measured on 8 codebooks, 500 TRs and 100 targets in 3 folds: 255 subsets take as long as 17 fits;
fitted one by one they take 6.6 times as long. The sums are formed along a binary tree, one addition
a subset. That costs as much as walking a Gray code (0.61 and 0.59 s a penalty), and 0.83 of summing
each subset anew (0.73 s).

References
----------
.. [1] Shapley 1953, A value for n-person games. doi:10.1515/9781400881970-018
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import comb
from threadpoolctl import threadpool_limits

from giblet_core.encoding.kernels import centre, check_matrix, kernel, ridge
from giblet_core.encoding.regression import EncodingResult
from giblet_core.encoding.statistics import correlate, fisher_mean, signed_square
from giblet_core.errors import InputError

MOST_CODEBOOKS = 10


def shapley(values: np.ndarray) -> np.ndarray:
    """Share what all players reach fairly: the Shapley value [1]_.

    Each one's mean gain over all orders in which they can join.

    Parameters
    ----------
    values : array of shape (2 ** n, ...)
        Of every subset in binary order, player 0 the highest bit.

    Returns
    -------
    array of shape (n, ...)
        Sums to ``values[-1] - values[0]``.

    Examples
    --------
    >>> shapley(np.array([0.0, 1.0, 2.0, 4.0])).tolist()
    [2.5, 1.5]
    """
    n = int(np.log2(len(values)))
    subsets = np.arange(len(values))
    n_members = np.bitwise_count(subsets[:-1])
    weights = 1 / (n * comb(n - 1, n_members))
    shares = []
    for player in range(n):
        bit = 1 << (n - 1 - player)
        without = subsets[subsets & bit == 0]
        gains = values[without + bit] - values[without]
        shares.append(np.tensordot(weights[without], gains, 1))
    return np.stack(shares)


@dataclass(frozen=True)
class SubsetScores:
    """Accuracy of every subset of the codebooks.

    Attributes
    ----------
    kept : bool array of shape (2 ** n_codebooks, n_codebooks)
        Codebooks of each subset; the first row is the empty one, the last has all.
    r_folds : array of shape (2 ** n_codebooks, n_folds, n_targets)
        The empty subset scores 0, or what the base alone scores.
    estimand : {"refit", "frozen"}
    """

    kept: np.ndarray
    r_folds: np.ndarray
    estimand: str

    @property
    def r(self) -> np.ndarray:
        """Fisher-averaged over folds, shape (2 ** n_codebooks, n_targets)."""
        return fisher_mean(self.r_folds, axis=1)

    @property
    def value_folds(self) -> np.ndarray:
        """Explained variance, signed r|r|, shape (2 ** n_codebooks, n_folds, n_targets)."""
        return signed_square(self.r_folds)

    def row(self, codebooks: Sequence[int]) -> int:
        """Return the row of a subset."""
        members = np.isin(np.arange(self.kept.shape[1]), list(codebooks))
        return int(np.flatnonzero((self.kept == members).all(1))[0])

    def unique(self) -> np.ndarray:
        """Return what all codebooks explain less all but this one, per fold.

        Shape (n_codebooks, n_folds, n_targets).
        """
        n_codebooks = self.kept.shape[1]
        others = [[j for j in range(n_codebooks) if j != k] for k in range(n_codebooks)]
        without = [self.row(rest) for rest in others]
        return self.value_folds[-1] - self.value_folds[without]

    def shared(self) -> np.ndarray:
        """Return what all explain beyond the empty subset, less the unique parts, per fold.

        Shape (n_folds, n_targets).
        """
        return self.value_folds[-1] - self.value_folds[0] - self.unique().sum(0)

    def shapley(self) -> np.ndarray:
        """Return each codebook's mean contribution over all orders of joining, per fold.

        Shape (n_codebooks, n_folds, n_targets). Sums over codebooks to what all explain beyond the
        empty subset.
        """
        return shapley(self.value_folds)


@dataclass(frozen=True)
class Penalties:
    """With which penalties subsets are scored: those that the fit of all codebooks chose.

    Attributes
    ----------
    thin : int
        Alphas are rounded to every `thin`-th of the grid (r is flat in alpha), so that fewer
        matrices are made; 1 keeps every alpha.
    factor : float
        Score at this multiple of the chosen alphas: ridge shares weight among redundant codebooks,
        the more the larger it is.
    """

    thin: int = 3
    factor: float = 1.0


# threads that meet at each small solve can be ten times slower than one
@threadpool_limits.wrap(limits=1, user_api="blas")
def subset_scores(
    codebooks: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    estimand: str = "refit",
    base: Sequence[np.ndarray] = (),
    penalties: Penalties = Penalties(),
) -> SubsetScores:
    """Score every subset of the codebooks, with the penalties that the fit of all of them chose.

    The prior on the weights is therefore the same in every subset; only the features differ.

    Parameters
    ----------
    codebooks : sequence of arrays of shape (n_trs, n_features_k)
        At most 10.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of ``fit_banded([*codebooks, *base], Y, ...)``.
    estimand : {"refit", "frozen"}
        Whether weights are fitted anew for each subset, or those of all codebooks are kept.
    base : sequence of arrays of shape (n_trs, n_features)
        Spaces that every subset includes (envelope, spectrum), so that only what codebooks add
        beyond them counts.
    penalties : Penalties
        How the chosen alphas are rounded and scaled.

    Returns
    -------
    SubsetScores

    Raises
    ------
    InputError
        For an unknown estimand, too many codebooks, or a fit of other spaces.
    """
    if estimand not in ESTIMANDS or not 1 <= len(codebooks) <= MOST_CODEBOOKS:
        raise InputError(
            f"estimand={estimand!r}, {len(codebooks)} codebooks: must be one of "
            f"{', '.join(ESTIMANDS)}, with 1 to {MOST_CODEBOOKS} codebooks. Change one of both."
        )
    spaces = (*codebooks, *base)
    n_fitted = fit.candidates.shape[1] - 1
    if n_fitted != len(spaces):
        raise InputError(
            f"fit: made with {n_fitted} spaces, not {len(spaces)}; must be the fit of the same "
            "spaces. Fit all codebooks and the base first."
        )
    y = check_matrix("Y", Y)
    y = (y - y.mean(0)).astype(np.float32)
    chosen = _thinned(fit, penalties.thin)
    kept = np.array(list(product([False, True], repeat=len(codebooks))))
    r_folds = np.zeros((len(kept), len(fit.folds), y.shape[1]), np.float32)
    for f, (train, test) in enumerate(fit.folds):
        centred = [centre(kernel(x, train, fit.settings.n_components), train, test) for x in spaces]
        for candidate in np.unique(chosen.choice[f]):
            targets = np.flatnonzero(chosen.choice[f] == candidate)
            alpha, *gamma = chosen.candidates[candidate]
            parts = _Parts.weighted(centred, gamma, len(codebooks))
            y_train = y[np.ix_(train, targets)]
            y_test = y[np.ix_(test, targets)]
            predictions = ESTIMANDS[estimand](parts, y_train, penalties.factor * alpha)
            r_folds[:, f, targets] = [correlate(p, y_test) for p in predictions]
    return SubsetScores(kept, r_folds, estimand)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Candidates (n_candidates, 1 + n_spaces), and which each target has (n_folds, n_targets)."""

    candidates: np.ndarray
    choice: np.ndarray


def _thinned(fit: EncodingResult, step: int) -> _Chosen:
    """Round the alphas of a fit to the middle of every `step` neighbours of its grid."""
    alphas, place = np.unique(fit.candidates[:, 0], return_inverse=True)
    middle = np.minimum(place // step * step + step // 2, len(alphas) - 1)
    rounded = np.column_stack([alphas[middle], fit.candidates[:, 1:]])
    candidates, new_number = np.unique(rounded, axis=0, return_inverse=True)
    return _Chosen(candidates, new_number.ravel()[fit.choice])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Weighted and centred kernels: of each codebook, and summed over the base.

    Attributes
    ----------
    train, test : lists of n_codebooks arrays, (n_train, n_train) and (n_test, n_train)
    base_train, base_test : arrays of the same shapes
    """

    train: list[np.ndarray]
    test: list[np.ndarray]
    base_train: np.ndarray
    base_test: np.ndarray

    @classmethod
    def weighted(
        cls,
        centred: Sequence[tuple[np.ndarray, np.ndarray]],
        gamma: Sequence[float],
        n_codebooks: int,
    ) -> "_Parts":
        train = [weight * k_train for weight, (k_train, _) in zip(gamma, centred)]
        test = [weight * k_test for weight, (_, k_test) in zip(gamma, centred)]
        return cls(
            train[:n_codebooks],
            test[:n_codebooks],
            base_train=sum(train[n_codebooks:], np.zeros_like(train[0])),
            base_test=sum(test[n_codebooks:], np.zeros_like(test[0])),
        )


def _refit(parts: _Parts, y_train: np.ndarray, alpha: float) -> Iterator[np.ndarray]:
    """Yield the predictions of every subset, (n_test, n_targets), in binary order."""
    train_sums = _subset_sums(parts.train, parts.base_train)
    test_sums = _subset_sums(parts.test, parts.base_test)
    for k_train, k_test in zip(train_sums, test_sums):
        yield ridge(k_train, k_test, y_train, alpha)


def _frozen(parts: _Parts, y_train: np.ndarray, alpha: float) -> Iterator[np.ndarray]:
    """Yield the predictions of every subset by the weights of all, in binary order."""
    k_train = sum(parts.train) + parts.base_train
    dual = np.linalg.solve(k_train + alpha * np.eye(len(k_train)), y_train - y_train.mean(0))
    predictions = [k_test @ dual for k_test in parts.test]
    yield from _subset_sums(predictions, parts.base_test @ dual)


def _subset_sums(parts: Sequence[np.ndarray], base: np.ndarray) -> Iterator[np.ndarray]:
    """Yield base plus the sum of every subset of parts, in binary order, part 0 the highest bit.

    One addition a subset: what has been decided of the first parts is summed once.
    """
    if not len(parts):
        yield base
        return
    first, *rest = parts
    yield from _subset_sums(rest, base)
    yield from _subset_sums(rest, base + first)


ESTIMANDS = {"refit": _refit, "frozen": _frozen}
