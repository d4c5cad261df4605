"""What groups of features explain that no other feature does, beside circular shifts of BOLD.

What the other features predict of BOLD stays where it is; only what they leave is shifted [1]_.
Shifts of BOLD as a whole would break its tie to the other features too, and call significant that a
group helps to predict what these know.

References
----------
.. [1] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what the rest leaves is
   randomised)
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
        The same where what all others leave of the series is circularly shifted; all regions are
        shifted alike in a draw.
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


def shifted_parts(  # noqa: PLR0913 - public interface
    spaces: Sequence[np.ndarray],
    weights: Sequence[float],
    groups: Sequence[Sequence[int]],
    Y: np.ndarray,
    folds: list[Fold],
    alpha: float,
    *,
    run_onsets: Sequence[int] = (0,),
    min_shift: int = 30,
) -> ShiftedParts:
    """Compare `unique_parts` with shifts of what all other features leave of the series.

    All runs are shifted by the same number of TRs: every number from `min_shift` to the length of
    the shortest run less `min_shift` (not included). Nearer shifts are left out: BOLD changes
    slowly, so that they are nearly the true alignment.

    Parameters
    ----------
    spaces, weights, groups, Y, folds, alpha
        As in `unique_parts`.
    run_onsets : sequence of int
        Row at which each run begins.
    min_shift : int
        TRs that each shift moves at least, forwards and backwards.

    Returns
    -------
    ShiftedParts

    Raises
    ------
    InputError
        When a run is too short for any shift.
    """
    y = (Y - Y.mean(0)).astype(np.float32)
    moves = [
        shift_within_runs(len(y), -shift, run_onsets)
        for shift in shift_sizes(len(y), run_onsets, min_shift)
    ]
    totals = [
        [weight * kernel(x, train) for x, weight in zip(spaces, weights)] for train, _ in folds
    ]
    parts = np.empty((1 + len(moves), len(groups), y.shape[1]))
    for i, group in enumerate(groups):
        wholes = [sum(kernels) for kernels in totals]
        rests = [whole - sum(k[j] for j in group) for whole, k in zip(wholes, totals)]
        kept = _held_out(rests, y, folds, alpha)
        drawn = np.concatenate([y, *(kept + (y - kept)[rows] for rows in moves)], axis=1)
        of_folds = [
            _explained(whole, drawn, fold, alpha) - _explained(rest, drawn, fold, alpha)
            for whole, rest, fold in zip(wholes, rests, folds)
        ]
        parts[:, i] = np.mean(of_folds, axis=0).reshape(len(parts), -1)
    return ShiftedParts(parts[0], parts[1:])


def _held_out(
    kernels: Sequence[np.ndarray], y: np.ndarray, folds: list[Fold], alpha: float
) -> np.ndarray:
    """Predict y (n_trs, n_targets) in each test fold, by a kernel a fold; 0 in no test fold."""
    predicted = np.zeros_like(y)
    for k, (train, test) in zip(kernels, folds):
        train_kernel, test_kernel = centre(k, train, test)
        mean = y[train].mean(0)
        predicted[test] = mean + ridge(train_kernel, test_kernel, y[train] - mean, alpha)
    return predicted


def _explained(k: np.ndarray, y: np.ndarray, fold: Fold, alpha: float) -> np.ndarray:
    """Return r|r| (n_targets,) of ridge by a kernel (n_trs, n_trs) in the test rows of a fold."""
    train, test = fold
    train_kernel, test_kernel = centre(k, train, test)
    return signed_square(correlate(ridge(train_kernel, test_kernel, y[train], alpha), y[test]))
