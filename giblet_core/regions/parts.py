"""What groups of features explain that no other feature does, beside circular shifts of BOLD."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from giblet_core.encoding import bootstrap, centre, correlate, fdr, kernel, ridge, shift_sizes
from giblet_core.timing import Fold, shift_within_runs


@dataclass(frozen=True, eq=False)
class Parts:
    """What each group of features explains beyond all others, in each region.

    All arrays are of shape (n_groups, n_regions). Explained variance is r|r|.

    Attributes
    ----------
    names : tuple of str
        Of the groups.
    value, low, high : array
        Explained variance of all features less that without the group; with a 95 % bootstrap
        interval over folds.
    null_low, null_high : array
        The middle 95 % of circularly shifted series.
    p : array
        One-sided, against all the shifts of `with_shifts`: those of at least `min_shift` TRs either
        way. At least 1 / (1 + n_shifts).
    """

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray
    p: np.ndarray

    @property
    def p_fdr(self) -> np.ndarray:
        """P corrected over groups and regions, (n_groups, n_regions)."""
        return fdr(self.p)

    def table(self, region: int) -> pd.DataFrame:
        """Return the parts of one region, a row a group."""
        columns = {
            "unique": self.value[:, region],
            "low": self.low[:, region],
            "high": self.high[:, region],
            "null, low": self.null_low[:, region],
            "null, high": self.null_high[:, region],
            "p (FDR)": self.p_fdr[:, region],
        }
        return pd.DataFrame(columns, index=list(self.names))


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
    r = correlate(ridge(train_kernel, test_kernel, y[train], alpha), y[test])
    return r * np.abs(r)


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


def parts_of(names: tuple[str, ...], values: np.ndarray, n_regions: int) -> Parts:
    """Turn `unique_parts` of `with_shifts` into values with intervals, null bands and p.

    Parameters
    ----------
    names : tuple of str
        Of the groups.
    values : array of shape (n_groups, n_folds, (1 + n_shifts) * n_regions)
        From `unique_parts`.
    n_regions : int
        Regions side by side in each shift.

    Returns
    -------
    Parts
    """
    n_groups, n_folds = values.shape[:2]
    values = values.reshape(n_groups, n_folds, -1, n_regions)  # the third axis counts shifts
    observed = values[:, :, 0]
    interval = bootstrap(observed.transpose(1, 0, 2))
    means = values.mean(1)
    shifted_means = means[:, 1:]
    null_low, null_high = np.quantile(shifted_means, [0.025, 0.975], axis=1)
    n_as_good = (shifted_means >= means[:, :1]).sum(1)
    return Parts(
        names=names,
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        null_low=null_low,
        null_high=null_high,
        p=(1 + n_as_good) / means.shape[1],
    )
