"""Ridge from BOLD to what was heard: pooled latents of the codec.

Exact codes are out of reach by count (8,960 bits a TR of 1.5 s at 6 kbps). The question asked of
the brain is therefore one that it can answer: which of two segments, alike in class and loudness,
was heard? Chance is 50 %. A row of predictions is always made by a model that never saw that time.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification)
[2] Haufe et al. 2014, NeuroImage 87, 96. doi:10.1016/j.neuroimage.2013.10.067 (patterns)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.segments import fold_numbers
from giblet_core.encoding import ALPHAS, EncodingResult, check_matrix, fisher_mean, fit_ridge
from giblet_core.timing import Fold, contiguous_folds

SMALLEST_R = 0.01  # of `r_inner` where dimensions are weighted: none is left out altogether


@dataclass(frozen=True, eq=False)
class DecodingResult:
    """Held-out predictions of latents from BOLD.

    Attributes
    ----------
    predictions : array of shape (n_trs, n_dims)
        Each row from the fold that held it out; 0 where no fold did.
    targets : array of shape (n_folds, n_trs, n_dims)
        True values as training time of each fold defines them.
    fold_of : int array of shape (n_trs,)
        Test fold of each TR; -1 where it is in none.
    r : array of shape (n_dims,)
        Correlation within each test fold, Fisher-averaged over folds.
    r_folds : array of shape (n_folds, n_dims)
        The same in each test fold.
    r_inner : array of shape (n_folds, n_dims)
        r in the inner folds of each training set; NaN where only one penalty was on offer.
    """

    predictions: np.ndarray
    targets: np.ndarray
    fold_of: np.ndarray
    r: np.ndarray
    r_folds: np.ndarray
    r_inner: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Weight of each dimension where segments are compared, (n_folds, n_dims).

        r squared, as training time alone knows it.
        """
        return np.maximum(self.r_inner, SMALLEST_R) ** 2

    @classmethod
    def from_fits(
        cls, fits: Sequence[EncodingResult], targets: np.ndarray, folds: list[Fold]
    ) -> "DecodingResult":
        """Join fits that were each made for one of the folds.

        Parameters
        ----------
        fits : sequence of EncodingResult
            One a fold, with predictions (n_trs, n_dims).
        targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
            True values.
        folds : list of (train, test)
            In the order of the fits.

        Returns
        -------
        DecodingResult
        """
        r_folds = np.concatenate([fit.r_folds for fit in fits])
        predictions = np.nansum([fit.predictions for fit in fits], axis=0)
        return cls(
            predictions=predictions,
            targets=targets_of_folds(targets, len(folds)),
            fold_of=fold_numbers(len(predictions), folds),
            r=fisher_mean(r_folds),
            r_folds=r_folds,
            r_inner=np.concatenate([fit.r_inner for fit in fits]),
        )

    def part(self, columns: slice) -> "DecodingResult":
        """Return some of the dimensions: one space of several that were decoded side by side."""
        return DecodingResult(
            predictions=self.predictions[:, columns],
            targets=self.targets[..., columns],
            fold_of=self.fold_of,
            r=self.r[columns],
            r_folds=self.r_folds[:, columns],
            r_inner=self.r_inner[:, columns],
        )


def targets_of_folds(targets: np.ndarray, n_folds: int) -> np.ndarray:
    """Return targets once for each fold, (n_folds, n_trs, n_dims), without copying them.

    Targets (n_folds, n_trs, n_dims), which training time of each fold has made, stay as they are.
    """
    n_trs, n_dims = np.shape(targets)[-2:]
    return np.broadcast_to(targets, (n_folds, n_trs, n_dims))


def fit_decoder(
    bold: np.ndarray,
    latents: np.ndarray,
    folds: list[Fold] | None = None,
    alphas: Sequence[float] = ALPHAS,
    *,
    run_onsets: Sequence[int] = (0,),
    embargo: int = 20,
    **options,
) -> DecodingResult:
    """Fit ridge from BOLD to latents, the penalty of each dimension chosen in nested folds.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        One subject's voxels, region means, or a shared response.
    latents : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        Pooled latents, with the haemodynamic response; the second where training time of each fold
        has made its own.
    folds : list of (train, test), optional
        From `contiguous_folds` by default.
    alphas : sequence of float
        Penalties on offer.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs left out around each inner test fold (and each test fold, where `folds` is None).
    **options
        More keywords of `fit_banded`.

    Returns
    -------
    DecodingResult

    Raises
    ------
    InputError
        For integer, empty or non-finite input, and unequal numbers of TRs.
    """
    if folds is None:
        folds = contiguous_folds(len(bold), 5, embargo, run_onsets)
    fits = []
    for fold_latents, fold in zip(targets_of_folds(latents, len(folds)), folds):
        fit = fit_ridge(
            bold,
            check_matrix("latents", fold_latents, len(bold)),
            [fold],
            alphas,
            run_onsets=run_onsets,
            embargo=embargo,
            keep_predictions=True,
            **options,
        )
        fits.append(fit)
    return DecodingResult.from_fits(fits, latents, folds)


def haufe_patterns(bold: np.ndarray, result: DecodingResult) -> np.ndarray:
    """Return where a decoder's information lies: Haufe's forward patterns [2].

    The pattern of a voxel is its covariance with a decoded dimension. The decoder's weights would
    mislead: a voxel that only cancels noise gets a large one.

    Returns
    -------
    array of shape (n_folds, n_voxels, n_dims)
        For the TRs of each test fold.
    """
    patterns = []
    for fold in range(len(result.r_folds)):
        rows = np.flatnonzero(result.fold_of == fold)
        deviations = bold[rows] - bold[rows].mean(0)
        patterns.append(deviations.T @ result.predictions[rows] / len(rows))
    return np.stack(patterns)


def rest_beyond(latents: np.ndarray, plain: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Return what plain features leave of latents, by least squares on training time of each fold.

    Parameters
    ----------
    latents : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        As in `fit_decoder`.
    plain : array of shape (n_trs, n_columns)
        The plain features.
    folds : list of (train, test)
        From `contiguous_folds`.

    Returns
    -------
    array of shape (n_folds, n_trs, n_dims)
    """
    regressors = np.column_stack([np.ones(len(plain)), plain])
    rests = []
    for fold_latents, (train, _) in zip(targets_of_folds(latents, len(folds)), folds):
        coefficients = np.linalg.lstsq(regressors[train], fold_latents[train], rcond=None)[0]
        rests.append(fold_latents - regressors @ coefficients)
    return np.array(rests)
