"""Nuisance tables: motion and other series that are not of interest."""

from pathlib import Path

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri.files.naming import bold_path, filled, find_one
from giblet_core.fmri.manifest.models import Manifest, Run
from giblet_core.fmri.tables import read_table

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def nuisance_path(manifest: Manifest, subject: str, run: Run) -> Path:
    """Find the table of a subject's run; without a pattern, fMRIPrep's confounds beside the BOLD.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    Path
    """
    pattern = manifest.nuisance.pattern
    if pattern is not None:
        return find_one(manifest.folder, filled(pattern, subject, run))
    bold = bold_path(manifest, subject, run)
    stem = bold.name.split("_space-")[0].split("_desc-")[0]
    return find_one(bold.parent, f"{stem}_desc-confounds_timeseries.tsv")


def nuisance_table(manifest: Manifest, subject: str, run: Run) -> np.ndarray:
    """Read the nuisance columns of a subject's run (of all runs, where one file holds them).

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    array of shape (n_rows, n_columns), float64
        NaN where the table has no value.

    Raises
    ------
    InputError
        No such table, or a column is missing.
    """
    path = nuisance_path(manifest, subject, run)
    table = read_table(path)
    columns = manifest.nuisance.columns
    if columns is None:
        columns = table.columns if manifest.nuisance.pattern is not None else MOTION
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"nuisance.columns={missing}: must be columns of {path.name}. "
            f"Choose among {', '.join(map(str, table.columns))}."
        )
    return table[list(columns)].to_numpy()[manifest.nuisance.drop_first :]
