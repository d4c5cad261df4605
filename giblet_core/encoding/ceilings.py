"""How well any model could do, and the lag at which features fit.

Leave-one-out intersubject correlation (ISC) [1]_ depends on how many subjects are averaged:
pairwise .15 gives .27 with 6 subjects and .33 with 17. Report N with it.

References
----------
.. [1] Nastase et al. 2019, Soc Cogn Affect Neurosci 14, 667. doi:10.1093/scan/nsz037
.. [2] Spearman 1910, Br J Psychol 3, 271. doi:10.1111/j.2044-8295.1910.tb00206.x
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.encoding.kernels import check_matrix
from giblet_core.encoding.regression import fit_banded
from giblet_core.encoding.statistics import correlate, fisher_mean
from giblet_core.errors import InputError
from giblet_core.timing import Fold, check_runs, contiguous_folds


def noise_ceiling(bold: np.ndarray, folds: list[Fold] | None = None) -> np.ndarray:
    """Compute leave-one-out intersubject correlation: each subject with the mean of the others.

    It says how much of a voxel is shared. `ceiling` turns it into the highest r that a model of
    the shared response can reach.

    Parameters
    ----------
    bold : array of shape (n_subjects, n_trs, n_voxels)
        The same seconds and voxels for all; at least 2 subjects. Give standardised or comparable
        units: a subject with larger variance weighs more in the mean of the others.
    folds : list of (train, test), optional
        Compute r within each test fold and Fisher-average, as the models' r is computed. By default
        over the whole series.

    Returns
    -------
    array of shape (n_subjects, n_voxels)
        0 where the voxel of this subject is constant; NaN where the mean of the others is.

    Raises
    ------
    InputError
        For another number of axes, fewer than two subjects, NaN or infinity.
    """
    bold = np.asarray(bold)
    if bold.ndim != 3 or len(bold) < 2 or not np.isfinite(bold).all():
        raise InputError(
            f"bold: shape {bold.shape}; must be finite (n_subjects, n_trs, n_voxels) with at least "
            "2 subjects. Stack subjects of the same voxels."
        )
    n_subjects, n_trs, n_voxels = bold.shape
    total = bold.sum(0, dtype=np.float64)
    stretches = [np.arange(n_trs)] if folds is None else [test for _, test in folds]
    isc = np.empty((n_subjects, n_voxels))
    for s, subject in enumerate(bold):
        others = (total - subject) / (n_subjects - 1)
        r = [correlate(subject[rows].astype(np.float64), others[rows]) for rows in stretches]
        isc[s] = fisher_mean(np.array(r))
    return isc


def spearman_brown(r: np.ndarray | float, factor: float) -> np.ndarray | float:
    """Return the reliability of a mean of `factor` times as many measurements (Spearman-Brown).

    ``factor r / (1 + (factor - 1) r)`` [2]_.

    Examples
    --------
    >>> round(spearman_brown(0.5, 2), 3)
    0.667
    """
    return factor * r / (1 + (factor - 1) * r)


def pairwise_from_isc(isc: np.ndarray | float, n_subjects: int) -> np.ndarray | float:
    """Return how two subjects correlate, from leave-one-out ISC of `n_subjects`.

    Inverts ``isc = sqrt(pairwise * reliability of the mean of n_subjects - 1)``; equal variances
    are assumed, and ISC below 0 counts as 0.

    Examples
    --------
    >>> round(float(pairwise_from_isc(0.2673, 6)), 2)
    0.15
    >>> round(float(pairwise_from_isc(0.3328, 17)), 2)
    0.15
    """
    square = np.maximum(isc, 0) ** 2
    n_others = n_subjects - 1
    linear = square * (n_others - 1)
    return (linear + np.sqrt(linear**2 + 4 * n_others * square)) / (2 * n_others)


@dataclass(frozen=True)
class Ceiling:
    """The most that a model of the shared response can reach.

    Attributes
    ----------
    isc : array of shape (n_voxels,)
        Leave-one-out ISC, Fisher-averaged over subjects.
    n_subjects : int
    pairwise : array of shape (n_voxels,)
        Reliability of one subject.
    subject : array of shape (n_voxels,)
        Ceiling of r with one subject's BOLD, sqrt(pairwise).
    group : array of shape (n_voxels,)
        Ceiling of r with the mean of all subjects (Spearman-Brown).
    """

    isc: np.ndarray
    n_subjects: int
    pairwise: np.ndarray
    subject: np.ndarray
    group: np.ndarray

    def normalise(
        self, r: np.ndarray, level: str = "subject", threshold: float = 0.2
    ) -> np.ndarray:
        """Divide r by the ceiling.

        Parameters
        ----------
        r : array of shape (..., n_voxels)
        level : {"subject", "group"}
            Whose BOLD r belongs to.
        threshold : float
            Fixed beforehand; where the ceiling is not above it, r means little.

        Returns
        -------
        array of shape (..., n_voxels)
            NaN where the ceiling is not above the threshold.
        """
        top = {"subject": self.subject, "group": self.group}[level]
        is_high = top > threshold
        return np.where(is_high, r / np.where(is_high, top, 1), np.nan)


def ceiling(bold: np.ndarray, folds: list[Fold] | None = None) -> Ceiling:
    """Compute the noise ceilings of one subject and of the group from leave-one-out ISC.

    Arguments are as in `noise_ceiling`.
    """
    n_subjects = len(bold)
    isc = fisher_mean(noise_ceiling(bold, folds))
    pairwise = pairwise_from_isc(isc, n_subjects)
    return Ceiling(
        isc=isc,
        n_subjects=n_subjects,
        pairwise=pairwise,
        subject=np.sqrt(pairwise),
        group=np.sqrt(spearman_brown(pairwise, n_subjects)),
    )


@dataclass(frozen=True)
class LagScan:
    """Accuracy at each lag of BOLD after the features.

    Attributes
    ----------
    lags : array of shape (n_lags,)
        TRs; positive: BOLD follows the features by this much more than the features already say.
    r : array of shape (n_lags, n_targets)
    peak : array of shape (n_targets,)
        TRs.
    peak_of_mean : int
        TRs; peak of r averaged over targets.
    """

    lags: np.ndarray
    r: np.ndarray
    peak: np.ndarray
    peak_of_mean: int


def lag_scan(
    X: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    lags: Sequence[int] = range(-10, 11),
    *,
    run_onsets: Sequence[int] = (0,),
    n_folds: int = 5,
    embargo: int = 20,
    **options,
) -> LagScan:
    """Fit the model at every lag, on the same rows of the features.

    So lags differ in nothing else. Rows nearer than the largest lag to a run's border are dropped;
    the series are never wrapped or padded.

    Parameters
    ----------
    X : array of shape (n_trs, n_features), or a sequence of feature spaces
        With the HRF applied the peak belongs at 0; without it, at the delay of the response.
    Y : array of shape (n_trs, n_targets)
    lags : sequence of int
        TRs.
    run_onsets : sequence of int
        Row at which each run begins.
    n_folds : int
        At least one a run is taken.
    embargo : int
        TRs left out around test folds.
    **options
        More keywords of `fit_banded`.

    Returns
    -------
    LagScan

    Raises
    ------
    InputError
        For lags that leave too little of the shortest run.
    """
    Y = check_matrix("Y", Y)
    lags = np.asarray(list(lags))
    spaces = [X] if isinstance(X, np.ndarray) else list(X)
    runs = _runs_within(check_runs(len(Y), run_onsets), reach=int(np.abs(lags).max()))
    rows = np.concatenate(runs)
    onsets = np.cumsum([0, *(len(run) for run in runs[:-1])])
    side_by_side = np.concatenate([Y[rows + lag] for lag in lags], axis=1)
    folds = contiguous_folds(len(rows), max(n_folds, len(onsets)), embargo, onsets)
    fit = fit_banded(
        [x[rows] for x in spaces],
        side_by_side,
        folds,
        run_onsets=onsets,
        embargo=embargo,
        **options,
    )
    r = fit.r.reshape(len(lags), -1)
    best_of_target = np.nan_to_num(r, nan=-2).argmax(0)
    best_of_mean = np.nanmean(r, 1).argmax()
    return LagScan(lags, r, peak=lags[best_of_target], peak_of_mean=int(lags[best_of_mean]))


def _runs_within(edges: np.ndarray, reach: int) -> list[np.ndarray]:
    """Return the rows of each run that are at least `reach` TRs from its borders."""
    shortest = np.diff(edges).min()
    if shortest <= 2 * reach + 10:
        raise InputError(
            f"lags up to {reach} TRs: the shortest run has {shortest} TRs. Scan fewer lags."
        )
    return [np.arange(start + reach, stop - reach) for start, stop in zip(edges[:-1], edges[1:])]
