"""From BOLD to what was heard: ridge to pooled latents, identification of held-out segments, and
retrieval that can be played.

Exact codes are out of reach by count (8,960 bits a TR), so the question asked of the brain is one
it can answer: which of two segments, alike in class and loudness, was heard? Chance is 50 %. A row
of predictions is always made by a model that never saw that time.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification) [2]
Haufe et al. 2014, NeuroImage 87, 96. doi:10.1016/j.neuroimage.2013.10.067 (patterns, not weights)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.segments import fold_numbers
from giblet_core.encoding import ALPHAS, EncodingResult, check_matrix, fisher_mean, fit_ridge
from giblet_core.timing import Fold, contiguous_folds


@dataclass(frozen=True, eq=False)
class DecodingResult:
    """Held-out predictions of latents from BOLD.

    Attributes
    ----------
    predictions : array of shape (n_trs, n_dims)
        Each row from the fold that held it out.
    targets : array of shape (n_folds, n_trs, n_dims)
        As training time of each fold defines them.
    fold_of : array of shape (n_trs,)
        Test fold of each TR; -1 where it is in none.
    r : array of shape (n_dims,)
        Per test fold, centred, Fisher-averaged.
    r_folds : array of shape (n_folds, n_dims)
    r_inner : array of shape (n_folds, n_dims)
        In the inner folds of each training set; NaN where only one penalty was on offer.
    """

    predictions: np.ndarray
    targets: np.ndarray
    fold_of: np.ndarray
    r: np.ndarray
    r_folds: np.ndarray
    r_inner: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """How much each dimension counts where segments are compared, (n_folds, n_dims): r squared,
        as training time alone knows it.
        """
        return np.maximum(self.r_inner, 0.01) ** 2

    @classmethod
    def joined(
        cls, fits: Sequence[EncodingResult], targets: np.ndarray, folds: list[Fold]
    ) -> "DecodingResult":
        """Join fits (n_trs, n_dims) that each have one of the folds."""
        r, r_inner = (
            np.concatenate([getattr(fit, name) for fit in fits]) for name in ("r_folds", "r_inner")
        )
        predictions = np.nansum([fit.predictions for fit in fits], axis=0)
        return cls(
            predictions,
            by_fold(targets, folds),
            fold_numbers(len(predictions), folds),
            fisher_mean(r),
            r,
            r_inner,
        )

    def part(self, start: int, stop: int) -> "DecodingResult":
        """Return some of the dimensions: a space of several that were decoded side by side."""
        at = slice(start, stop)
        return DecodingResult(
            self.predictions[:, at],
            self.targets[..., at],
            self.fold_of,
            self.r[at],
            self.r_folds[:, at],
            self.r_inner[:, at],
        )


def by_fold(x: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Return x (n_trs, n) once for each fold, (n_folds, n_trs, n); where training time has made one
    for each fold, these.
    """
    return np.broadcast_to(x, (len(folds), *np.shape(x)[-2:]))


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
    """Fit ridge from voxels or regions to latents, the penalty of each dimension chosen in nested
    folds.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        One subject's voxels, region means, or a shared response.
    latents : array of shape (n_trs, n_dims), or (n_folds, n_trs, n_dims) where training time of
    each fold has made its own
        Pooled latents, with the response.
    folds : list of (train, test), optional
        From `contiguous_folds` by default.
    run_onsets, embargo, options
        As in `fit_banded`.

    Returns
    -------
    DecodingResult
    """
    folds = contiguous_folds(len(bold), 5, embargo, run_onsets) if folds is None else folds
    fits = [
        fit_ridge(
            bold,
            check_matrix("latents", y, len(bold)),
            [fold],
            alphas,
            run_onsets=run_onsets,
            embargo=embargo,
            keep_predictions=True,
            **options,
        )
        for y, fold in zip(by_fold(latents, folds), folds)
    ]
    return DecodingResult.joined(fits, latents, folds)


def haufe_patterns(bold: np.ndarray, result: DecodingResult) -> np.ndarray:
    """Return each voxel's covariance with each decoded dimension in every test fold, (n_folds,
    n_voxels, n_dims): where information is.
    """
    tested = [np.flatnonzero(result.fold_of == f) for f in range(len(result.r_folds))]
    return np.stack(
        [(bold[at] - bold[at].mean(0)).T @ result.predictions[at] / len(at) for at in tested]
    )


def decode_beyond(
    bold: np.ndarray,
    latents: np.ndarray,
    plain: np.ndarray,
    folds: list[Fold],
    alphas: Sequence[float] = ALPHAS,
    **options,
) -> DecodingResult:
    """Decode what `plain` (n_trs, n_columns), e.g. loudness and speech, leaves of latents: BOLD
    that follows `plain` alone is at chance.

    What it leaves is told by least squares on the training time of each fold.
    """
    x = np.column_stack([np.ones(len(plain)), plain])
    left = [
        y - x @ np.linalg.lstsq(x[train], y[train], rcond=None)[0]
        for y, (train, _) in zip(by_fold(latents, folds), folds)
    ]
    return fit_decoder(bold, np.array(left), folds, alphas, **options)
