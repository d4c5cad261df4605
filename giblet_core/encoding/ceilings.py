"""How well any model could do: intersubject correlation, its dependence on the number of subjects,
and the lag at which features fit.

Leave-one-out ISC depends on how many subjects are averaged: pairwise .15 gives .27 with 6 subjects
and .33 with 17. Report N with it.

References
----------
[1] Nastase et al. 2019, Soc Cogn Affect Neurosci 14, 667. doi:10.1093/scan/nsz037
[2] Spearman 1910, Br J Psychol 3, 271. doi:10.1111/j.2044-8295.1910.tb00206.x
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.encoding.kernels import check_matrix, correlate, fisher_mean
from giblet_core.encoding.regression import ALPHAS, fit_banded
from giblet_core.errors import InputError
from giblet_core.timing import Fold, check_runs, contiguous_folds


def noise_ceiling(bold: np.ndarray, folds: list[Fold] | None = None) -> np.ndarray:
    """Compute leave-one-out intersubject correlation: each subject with the mean of the others.

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
        NaN where a voxel is constant.
    """
    bold = np.asarray(bold)
    if bold.ndim != 3 or len(bold) < 2 or not np.isfinite(bold).all():
        raise InputError(
            f"bold: shape {bold.shape}; must be finite (n_subjects, n_trs, n_voxels) with at least 2 subjects."
        )
    total = bold.sum(0, dtype=np.float64)
    rows = [np.arange(bold.shape[1])] if folds is None else [test for _, test in folds]
    isc = np.empty((len(bold), bold.shape[2]))
    for s, own in enumerate(bold):
        others = (total - own) / (len(bold) - 1)
        isc[s] = fisher_mean(
            np.array([correlate(own[t].astype(np.float64), others[t]) for t in rows])
        )
    return isc


def spearman_brown(r: np.ndarray | float, factor: float) -> np.ndarray | float:
    """Return the reliability of a mean of `factor` times as many measurements, ``factor r / (1 +
    (factor - 1) r)``.

    Examples
    --------
    >>> round(spearman_brown(0.5, 2), 3)
    0.667
    """
    return factor * r / (1 + (factor - 1) * r)


def pairwise_from_isc(isc: np.ndarray | float, n_subjects: int) -> np.ndarray | float:
    """Return how two subjects correlate where each with the mean of the others of `n_subjects`
    correlates `isc`; below 0 counts as 0.

    Inverts ``isc = sqrt(pairwise * reliability of the mean of n_subjects - 1)``, equal variances
    assumed.

    Examples
    --------
    >>> round(float(pairwise_from_isc(0.2673, 6)), 2), round(float(pairwise_from_isc(0.3328, 17)), 2)
    (0.15, 0.15)
    """
    square = np.maximum(isc, 0) ** 2
    n = n_subjects - 1
    return (square * (n - 1) + np.sqrt((square * (n - 1)) ** 2 + 4 * n * square)) / (2 * n)


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
        """Return r / ceiling where the ceiling exceeds `threshold` (fixed beforehand), NaN
        elsewhere.
        """
        top = {"subject": self.subject, "group": self.group}[level]
        return np.where(top > threshold, r / np.where(top > threshold, top, 1), np.nan)


def ceiling(bold: np.ndarray, folds: list[Fold] | None = None) -> Ceiling:
    """Compute the noise ceilings of one subject and of the group from leave-one-out ISC; arguments
    as in `noise_ceiling`.
    """
    isc = fisher_mean(noise_ceiling(bold, folds))
    pairwise = pairwise_from_isc(isc, len(bold))
    return Ceiling(
        isc, len(bold), pairwise, np.sqrt(pairwise), np.sqrt(spearman_brown(pairwise, len(bold)))
    )


@dataclass(frozen=True)
class LagScan:
    """Accuracy at each lag of BOLD after the features.

    Attributes
    ----------
    lags : array of shape (n_lags,), TRs; positive: BOLD follows the features by this much more than
    the features already say. r : array of shape (n_lags, n_targets) peak : array of shape
    (n_targets,), TRs peak_of_mean : int, TRs; peak of r averaged over targets.
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
    alphas: Sequence[float] = ALPHAS,
    **options,
) -> LagScan:
    """Fit the model at every lag, on the same rows of the features, so that lags differ in nothing
    else.

    Rows nearer than the largest lag to a run's border are dropped; the series are never wrapped or
    padded.

    Parameters
    ----------
    X : array of shape (n_trs, n_features), or a sequence of feature spaces
        With the HRF applied the peak belongs at 0; without it, at the delay of the response.
    Y : array of shape (n_trs, n_targets)
    lags : sequence of int
        TRs.

    Returns
    -------
    LagScan
    """
    Y, lags = check_matrix("Y", Y), np.asarray(list(lags))
    spaces = [X] if isinstance(X, np.ndarray) else list(X)
    edges, reach = check_runs(len(Y), run_onsets), int(np.abs(lags).max())
    if np.diff(edges).min() <= 2 * reach + 10:
        raise InputError(
            f"lags up to {reach} TRs: the shortest run has {np.diff(edges).min()} TRs. Scan fewer lags."
        )
    rows = np.concatenate([np.arange(a + reach, b - reach) for a, b in zip(edges[:-1], edges[1:])])
    onsets = np.concatenate([[0], np.cumsum(np.diff(edges) - 2 * reach)[:-1]])
    shifted = np.concatenate([Y[rows + lag] for lag in lags], axis=1)
    folds = contiguous_folds(len(rows), max(n_folds, len(onsets)), embargo, onsets)
    fit = fit_banded(
        [x[rows] for x in spaces],
        shifted,
        folds,
        alphas,
        run_onsets=onsets,
        embargo=embargo,
        **options,
    )
    r = fit.r.reshape(len(lags), -1)
    return LagScan(
        lags, r, lags[np.nan_to_num(r, nan=-2).argmax(0)], int(lags[np.nanmean(r, 1).argmax()])
    )
