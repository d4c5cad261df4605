"""Mean 0 and SD 1 within runs, both learned from training rows."""

from collections.abc import Sequence

import numpy as np

from giblet_core.errors import InputError
from giblet_core.timing import check_runs

LEAST_ROWS = 3  # of a run from which a mean and an SD are learned


def standardise_runs(
    bold: np.ndarray, run_onsets: Sequence[int], train: np.ndarray | None = None
) -> np.ndarray:
    """Bring each run of each voxel to mean 0 and SD 1.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
    run_onsets : sequence of int
        Row at which each run begins.
    train : int array of shape (n_train,), optional
        Rows from which means and SDs are learned; all by default. A run with fewer than three of
        them takes the mean and SD of all training rows.

    Returns
    -------
    array of shape (n_trs, n_voxels), float32
        0 where a voxel is constant in the rows it is learned from.

    Raises
    ------
    InputError
        No training rows.
    """
    edges = check_runs(len(bold), run_onsets)
    is_training = np.zeros(len(bold), bool)
    is_training[slice(None) if train is None else train] = True
    if not is_training.any():
        raise InputError(
            "train: holds no row; mean and SD must be learned from some. Give the fold's rows."
        )
    standardised = np.empty(bold.shape, np.float32)
    for start, stop in zip(edges[:-1], edges[1:]):
        run = bold[start:stop]
        learned = run[is_training[start:stop]]
        if len(learned) < LEAST_ROWS:
            learned = bold[is_training]
        sd = learned.std(0, dtype=np.float64)
        mean = learned.mean(0, dtype=np.float64)
        standardised[start:stop] = (run - mean) / np.where(sd > 0, sd, np.inf)
    return standardised
