"""How much of an explained series belongs to each feature space.

Two answers, both on unseen time. The *product measure* [1]_ splits R2 over the spaces of one model:
``sum(y_j (2 y - y_hat)) / sum(y^2)`` for the part y_j of the prediction, which adds up to R2. The
*unique* part is what is lost when a space is left out and the model is refitted, the weights of the
others chosen anew: kept as they were, they would miss what the others can do in its place.

References
----------
.. [1] Dupre la Tour et al. 2022, NeuroImage 264, 119728. doi:10.1016/j.neuroimage.2022.119728
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from giblet_core.encoding.kernels import centre, check_matrix, kernel
from giblet_core.encoding.regression import EncodingResult, fit_banded
from giblet_core.encoding.statistics import signed_square
from giblet_core.errors import InputError


@dataclass(frozen=True, eq=False)
class Splits:
    """Parts of what a model explains, fold by fold.

    Attributes
    ----------
    share : array of shape (n_spaces, n_folds, n_targets)
        Product measure; adds up to `r2`.
    r2 : array of shape (n_folds, n_targets)
        Of all spaces. Series are centred in each fold.
    """

    share: np.ndarray
    r2: np.ndarray


# threads that meet at each small solve can be ten times slower than one
@threadpool_limits.wrap(limits=1, user_api="blas")
def split_scores(spaces: Sequence[np.ndarray], Y: np.ndarray, fit: EncodingResult) -> Splits:
    """Split what a banded ridge explains over its spaces.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features_j)
        As given to the fit.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of `fit_banded`; each target keeps the penalties that were chosen for it.

    Returns
    -------
    Splits

    Raises
    ------
    InputError
        For a fit of another number of spaces.
    """
    if fit.candidates.shape[1] - 1 != len(spaces):
        raise InputError(
            f"fit: made with {fit.candidates.shape[1] - 1} spaces, not {len(spaces)}; must be the "
            "fit of the same spaces. Fit them first."
        )
    y = check_matrix("Y", Y)
    y = (y - y.mean(0)).astype(np.float32)
    shape = (len(fit.folds), y.shape[1])
    splits = Splits(
        share=np.empty((len(spaces), *shape)),
        r2=np.empty(shape),
    )
    for f, (train, test) in enumerate(fit.folds):
        kernels = [kernel(x, train, fit.settings.n_components) for x in spaces]
        pairs = [centre(k, train, test) for k in kernels]
        for candidate in np.unique(fit.choice[f]):
            targets = np.flatnonzero(fit.choice[f] == candidate)
            part = _Part(pairs, fit.candidates[candidate], y[np.ix_(train, targets)])
            truth = y[np.ix_(test, targets)].astype(np.float64)
            share = product_measure(truth, np.array(list(part.of_spaces())))
            splits.share[:, f, targets] = share
            splits.r2[f, targets] = share.sum(0)
    return splits


def unique_scores(
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    groups: Sequence[Sequence[int]],
) -> np.ndarray:
    """Score what each group of spaces explains on unseen time that the others do not.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features_j)
        As given to the fit.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of `fit_banded` on all spaces.
    groups : sequence of sequences of int
        Spaces that are left out together; some must stay.

    Returns
    -------
    array of shape (n_groups, n_folds, n_targets)
        r|r| of all spaces less r|r| of the others, whose weights and penalty are chosen anew among
        those on offer.
    """
    whole = signed_square(fit.r_folds)
    lost = []
    for group in groups:
        kept = [j for j in range(len(spaces)) if j not in group]
        weights = fit.gammas_on_offer[:, kept]
        weights = weights[weights.sum(1) > 0]
        weights = np.unique((weights / weights.sum(1, keepdims=True)).round(6), axis=0)
        rest = fit_banded(
            [spaces[j] for j in kept],
            Y,
            fit.folds,
            fit.alphas_on_offer,
            weights,
            **fit.settings.keywords(),
        )
        lost.append(whole - signed_square(rest.r_folds))
    return np.array(lost)


def product_measure(y: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Split R2 over the parts of a prediction.

    Parameters are the truth (n, n_targets) and the parts (n_parts, n, n_targets), each centred over
    n here. Returns (n_parts, n_targets), which adds up to R2.
    """
    y = y - y.mean(0)
    parts = parts - parts.mean(1, keepdims=True)
    remainder = 2 * y - parts.sum(0)
    return (parts * remainder).sum(1) / (y**2).sum(0)


@dataclass(frozen=True, eq=False)
class _Part:
    """Centred kernels of all spaces, a penalty with weights, and training targets."""

    pairs: Sequence[tuple[np.ndarray, np.ndarray]]
    candidate: np.ndarray
    y_train: np.ndarray

    def of_spaces(self) -> Iterator[np.ndarray]:
        """Yield the part of each space in the prediction, (n_test, n_targets)."""
        alpha, *gamma = self.candidate
        k_train = sum(weight * train for weight, (train, _) in zip(gamma, self.pairs))
        k_train = k_train + alpha * np.eye(len(k_train))
        dual = np.linalg.solve(k_train, self.y_train - self.y_train.mean(0))
        for weight, (_, k_test) in zip(gamma, self.pairs):
            yield weight * (k_test @ dual)
