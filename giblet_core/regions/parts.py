"""What groups of features explain that no other feature does, beside circular shifts of BOLD.

Shifts break the tie of BOLD to all features. With a light penalty this null holds its level (2 % of
150 simulations at .05); where one heavy penalty shrinks what others explain, a group mops up what
they leave, and 9 % are called significant. Claims of regions rest on `encoding.conditional_test`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.encoding import centre, correlate, kernel, ridge, shift_sizes, signed_square
from giblet_core.inference import UNSCALED_MAXIMUM, Corrected, correct
from giblet_core.timing import Fold, shift_within_runs


@dataclass(frozen=True, eq=False)
class ShiftedParts:
    """What each group of features explains beyond all others, and what shifted BOLD gives.

    Attributes
    ----------
    observed : array of shape (n_groups, n_regions)
        Explained variance, r|r| of all features less that without the group; mean of folds.
    draws : array of shape (n_shifts, n_groups, n_regions)
        The same of circularly shifted series; all regions are shifted alike in a draw.
    """

    observed: np.ndarray
    draws: np.ndarray

    def corrected(self, method: str = UNSCALED_MAXIMUM) -> Corrected:
        """Test all groups and regions together, by one of `inference.METHODS`.

        Neighbouring shifts depend on each other, so that tests are not scaled.
        """
        return correct(self.observed, self.draws, method)


def unique_parts(
    spaces: Sequence[np.ndarray],
    weights: Sequence[float],
    groups: Sequence[Sequence[int]],
    Y: np.ndarray,
    folds: list[Fold],
    alpha: float,
) -> np.ndarray:
    """Return what each group of feature spaces explains that the rest does not.

    This is r|r| of all spaces less r|r| of those that stay when the group is left out and the
    model is refitted.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features_j)
        Feature spaces.
    weights : sequence of float
        Of their kernels; those that stay keep theirs.
    groups : sequence of sequences of int
        Which spaces are left out together.
    Y : array of shape (n_trs, n_targets)
        Series of regions.
    folds : list of (train, test)
        From `contiguous_folds`.
    alpha : float
        One penalty for all, so that nothing is chosen on the alignment that is tested.

    Returns
    -------
    array of shape (n_groups, n_folds, n_targets)
    """
    y = (Y - Y.mean(0)).astype(np.float32)
    parts = np.empty((len(groups), len(folds), Y.shape[1]))
    for fold, (train, test) in enumerate(folds):
        kernels = [weight * kernel(x, train) for x, weight in zip(spaces, weights)]
        total = sum(kernels)
        explained_by_all = _explained(total, y, (train, test), alpha)
        for i, group in enumerate(groups):
            rest = total - sum(kernels[j] for j in group)
            parts[i, fold] = explained_by_all - _explained(rest, y, (train, test), alpha)
    return parts


def _explained(k: np.ndarray, y: np.ndarray, fold: Fold, alpha: float) -> np.ndarray:
    """Return r|r| (n_targets,) of ridge by a kernel (n_trs, n_trs) in the test rows of a fold."""
    train, test = fold
    train_kernel, test_kernel = centre(k, train, test)
    return signed_square(correlate(ridge(train_kernel, test_kernel, y[train], alpha), y[test]))


def with_shifts(Y: np.ndarray, run_onsets: Sequence[int], min_shift: int = 30) -> np.ndarray:
    """Put series beside their circular shifts within runs, by `min_shift` or more either way.

    All runs are shifted by the same number of TRs: every number from `min_shift` to the length of
    the shortest run less `min_shift` (not included). Nearer shifts are left out: BOLD
    changes slowly, so that they are nearly the true alignment.

    Parameters
    ----------
    Y : array of shape (n_trs, n_regions)
        Series of regions.
    run_onsets : sequence of int
        Row at which each run begins.
    min_shift : int
        TRs that each shift moves at least, forwards and backwards.

    Returns
    -------
    array of shape (n_trs, (1 + n_shifts) * n_regions)
        The series themselves first.
    """
    moved = [
        Y[shift_within_runs(len(Y), -shift, run_onsets)]
        for shift in shift_sizes(len(Y), run_onsets, min_shift)
    ]
    return np.concatenate([Y, *moved], axis=1)


def shifted_parts(values: np.ndarray, n_regions: int) -> ShiftedParts:
    """Tell `unique_parts` of the series from those of the shifts `with_shifts` put beside them.

    Parameters are the values (n_groups, n_folds, (1 + n_shifts) * n_regions) and the number of
    regions side by side in each shift.
    """
    n_groups, n_folds = values.shape[:2]
    means = values.reshape(n_groups, n_folds, -1, n_regions).mean(1)  # (n_groups, 1 + n_shifts, .)
    return ShiftedParts(means[:, 0], means[:, 1:].swapaxes(0, 1))
