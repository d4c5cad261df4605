"""Confounds, cosines and a straight line, taken out of one run by one regression.

One after the other they would bring back what was taken out: confounds that drift put drift into a
series that was high-passed before [1]_. Volumes to be left out (scrubbed, or before the scanner's
steady state) shape no coefficient, and then count as the run's mean: it is what one regressor for
each of them does [2]_, and the clock of the run stays whole.

References
----------
.. [1] Lindquist et al. 2019, Human Brain Mapping 40, 2358. doi:10.1002/hbm.24528
.. [2] Satterthwaite et al. 2013, NeuroImage 64, 240. doi:10.1016/j.neuroimage.2012.08.052
"""

from dataclasses import dataclass

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.signal import clean

from giblet_core.errors import InputError
from giblet_core.fmri.series.preparation import Preparation

VOXELS_AT_ONCE = 4096  # keeps the memory of a regression at some tens of MB
LEAST_FREE = 3  # values of a run that must stay free: fewer are no series
NOTHING_LEFT = 1e-6  # of a voxel's SD: what float32 cannot tell from nothing


@dataclass(frozen=True, eq=False)
class RunDesign:
    """What is regressed out of one run of one subject.

    Attributes
    ----------
    regressors : array of shape (n_trs, n_regressors), float64
        Without the constant, which always belongs to them.
    kept : array of shape (n_trs,), bool
        Rows that shape the coefficients; the others become the mean of the run.
    """

    regressors: np.ndarray
    kept: np.ndarray

    @property
    def rank(self) -> int:
        """How many dimensions the regressors take from the kept rows, the constant included."""
        kept = self.regressors[self.kept]
        scale = kept.std(0)
        varying = (kept - kept.mean(0))[:, scale > 0] / scale[scale > 0]
        return 1 + (int(np.linalg.matrix_rank(varying)) if varying.size else 0)

    @property
    def n_free(self) -> int:
        """How many dimensions are left."""
        return int(self.kept.sum()) - self.rank


def design_of_run(
    preparation: Preparation,
    n_trs: int,
    t_r: float,
    confounds: np.ndarray | None = None,
    kept: np.ndarray | None = None,
) -> RunDesign:
    """Lay side by side what is regressed out of a run.

    Parameters
    ----------
    preparation : Preparation
    n_trs : int
        Rows of the run that are analysed.
    t_r : float
        Seconds a TR.
    confounds : array of shape (n_trs, n_columns), optional
        NaN counts as the mean of its column.
    kept : array of shape (n_trs,), bool, optional
        Rows that are no outliers; all by default.

    Returns
    -------
    RunDesign
        Cosines as nilearn's `create_cosine_drift` makes them for the period of the preparation.
    """
    parts = []
    if preparation.detrend:
        parts.append(np.linspace(-1, 1, n_trs)[:, None])
    if preparation.high_pass_s is not None and n_trs > 1:
        cosines = create_cosine_drift(1 / preparation.high_pass_s, np.arange(n_trs) * t_r)
        parts.append(cosines[:, :-1])  # the last one is the constant
    if preparation.confounds and confounds is not None:
        parts.append(_completed(np.asarray(confounds, np.float64)))
    regressors = np.concatenate(parts, axis=1) if parts else np.zeros((n_trs, 0))
    if kept is None:
        kept = np.ones(n_trs, bool)
    return RunDesign(regressors, kept)


def _completed(columns: np.ndarray) -> np.ndarray:
    """Put the mean of each column (n_trs, n_columns) where it has no value; 0 if it has none."""
    is_missing = np.isnan(columns)
    n_values = np.maximum((~is_missing).sum(0), 1)
    means = np.where(is_missing, 0, columns).sum(0) / n_values
    return np.where(is_missing, means, columns)


def regress_out(bold: np.ndarray, design: RunDesign, where: str = "the run") -> None:
    """Take a design, and the mean, out of a run, in place.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels), float32
        Changed. Voxels of which nothing is left become exactly 0.
    design : RunDesign
    where : str
        What to call the run in a message.

    Raises
    ------
    InputError
        The regressors leave fewer than three dimensions of the run.

    Notes
    -----
    The engine is `nilearn.signal.clean`, with the confounds standardised.
    """
    if design.n_free < LEAST_FREE:
        raise InputError(
            f"denoising of {where}: {design.rank} regressors (the mean among them) for "
            f"{int(design.kept.sum())} volumes; at least {LEAST_FREE} dimensions must be left. "
            "Name fewer confounds, or a longer denoising.high_pass_s."
        )
    for first in range(0, bold.shape[1], VOXELS_AT_ONCE):
        voxels = slice(first, first + VOXELS_AT_ONCE)
        bold[:, voxels] = _residual(bold[:, voxels].astype(np.float64), design)


def _residual(series: np.ndarray, design: RunDesign) -> np.ndarray:
    """Return what a design leaves of series (n_trs, n_voxels); 0 in rows that are not kept."""
    kept_series = series[design.kept]
    sd = kept_series.std(0)
    centred = kept_series - kept_series.mean(0)
    left = centred
    if design.regressors.shape[1]:
        left = clean(
            centred,
            confounds=design.regressors[design.kept],
            detrend=False,
            standardize=None,
            standardize_confounds=True,
            filter=False,
            ensure_finite=False,
        )
    has_nothing = left.std(0) <= NOTHING_LEFT * sd
    residual = np.zeros_like(series)
    residual[design.kept] = np.where(has_nothing, 0, left)
    return residual
