"""Series that are not of interest: the user's own tables, or fMRIPrep's confounds by nilearn."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError, explained
from giblet_core.fmri.files.bids import Wanted
from giblet_core.fmri.files.naming import beside, bold_path, file_of
from giblet_core.fmri.images import DAMAGE
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.tables import Table, read_table

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
UNSTEADY = "non_steady_state_outlier"
CONFOUNDS = Wanted({"desc": "confounds"}, ("timeseries", "regressors"), (".tsv",))


@dataclass(frozen=True, eq=False)
class NuisanceRun:
    """The nuisance series of a run (of all runs, where one file holds them).

    Attributes
    ----------
    values : array of shape (n_rows, n_columns), float64
        NaN where the table has no value.
    names : tuple of str or None
        Of the columns; None where the table has no names.
    kept : array of shape (n_rows,), bool
        False for volumes that are not to be used: before the scanner's steady state, or scrubbed.
    n_unsteady : int
        Volumes that fMRIPrep found before the scanner's steady state.
    """

    values: np.ndarray
    names: tuple[str, ...] | None
    kept: np.ndarray
    n_unsteady: int = 0


def has_nuisance(manifest: Manifest) -> bool:
    """Tell whether a manifest names nuisance series."""
    return manifest.nuisance is not None or manifest.confounds is not None


def nuisance_run(manifest: Manifest, subject: str, run: Run) -> NuisanceRun:
    """Read the nuisance series of a subject's run.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    NuisanceRun

    Raises
    ------
    InputError
        No such table, a column is missing, or it is no table of numbers.
    """
    if manifest.confounds is not None:
        return _confounds(manifest, subject, run)
    pattern = manifest.nuisance.pattern
    if pattern is None:
        path = confounds_path(manifest, subject, run)
    else:
        path = file_of(manifest, pattern, subject, run)
    table = read_table(path, decimal=manifest.decimal)
    columns = manifest.nuisance.columns
    if columns is None and pattern is None:
        columns = MOTION
    if columns is not None:
        _require_columns(table, columns)
    elif table.names is None and table.counting_columns():
        raise InputError(
            f"file={path}: column {table.counting_columns()[0]} counts the rows; an index is no "
            "series. Save the table without it."
        )
    values = table.numbers(columns)[manifest.nuisance.drop_first :]
    _refuse_infinite(path, values)
    names = table.names if columns is None else tuple(columns)
    return NuisanceRun(values, names, np.ones(len(values), bool))


def _require_columns(table: Table, columns: Sequence[str]) -> None:
    known = table.names or ()
    missing = [column for column in columns if column not in known]
    if missing:
        choice = f"Choose among {', '.join(known)}." if known else "It names none; leave them out."
        raise InputError(
            f"nuisance.columns={missing}: must be columns of {table.path.name}. {choice}"
        )


def confounds_path(manifest: Manifest, subject: str, run: Run) -> Path:
    """Find fMRIPrep's table of a subject's run.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    Path

    Raises
    ------
    InputError
        No table, or several.
    """
    if manifest.bold.pattern is None:
        return beside(manifest, subject, run, CONFOUNDS)
    bold = bold_path(manifest, subject, run)
    stem = bold.name.split("_space-")[0].split("_desc-")[0]
    for suffix in CONFOUNDS.suffixes:
        path = bold.with_name(f"{stem}_desc-confounds_{suffix}.tsv")
        if path.is_file():
            return path
    raise InputError(
        f"file={bold.with_name(stem)}_desc-confounds_timeseries.tsv: does not exist. Correct "
        "pattern or subjects, or give nuisance.pattern."
    )


def _confounds(manifest: Manifest, subject: str, run: Run) -> NuisanceRun:
    """Load confounds by nilearn, having checked that their table is whole."""
    from nilearn.interfaces.fmriprep import load_confounds

    path = confounds_path(manifest, subject, run)
    table = read_table(path, separator="\t")
    table.numbers()  # names the line of what is no number
    # nilearn finds the table by the name of the series, which it does not open
    series = path.with_name(path.name.split("_desc-confounds_")[0] + "_desc-preproc_bold.nii.gz")
    chosen = manifest.confounds
    with (
        explained(
            f"file={path}: does not hold the confounds {', '.join(chosen.strategy)}",
            "Correct confounds.strategy, or the table.",
            *DAMAGE,
            UserWarning,
        ),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error", UserWarning)
        frame, kept_volumes = load_confounds(
            str(series),
            strategy=chosen.strategy,
            motion=chosen.motion,
            wm_csf=chosen.wm_csf,
            global_signal=chosen.global_signal,
            compcor=chosen.compcor,
            n_compcor=chosen.n_compcor,
            fd_threshold=chosen.scrub_fd_mm,
            demean=False,
        )
    if len(frame) != len(table.rows):
        raise InputError(
            f"file={path}: {len(table.rows)} rows, but nilearn reads {len(frame)}; they must be as "
            "many. Make the table again."
        )
    kept = np.ones(len(frame), bool)
    if kept_volumes is not None:
        kept[:] = False
        kept[kept_volumes] = True
    _refuse_infinite(path, frame.to_numpy(float))
    names = tuple(map(str, frame.columns))
    return NuisanceRun(frame.to_numpy(float), names, kept, _count_unsteady(table))


def _refuse_infinite(path: Path, values: np.ndarray) -> None:
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise InputError(
            f"file={path}: {n_infinite} infinite values; all must be finite. Correct the table."
        )


def _count_unsteady(table: Table) -> int:
    """Count the volumes that fMRIPrep found before the scanner's steady state: a column each."""
    return sum(name.startswith(UNSTEADY) for name in table.names or ())


# --- runs and subjects together --------------------------------------------------------------


def missing_values(run: NuisanceRun) -> dict[str, int]:
    """Count the missing values of each column that has more than its first row missing."""
    is_missing = np.isnan(run.values)
    counts = is_missing.sum(0)
    only_first = is_missing[:1].any(0) & (counts == 1)
    names = run.names or tuple(str(i + 1) for i in range(len(counts)))
    return {name: int(n) for name, n, first in zip(names, counts, only_first) if n and not first}


def aligned(runs: Sequence[NuisanceRun], fill_missing_columns: bool) -> list[np.ndarray]:
    """Give the runs of a subject the same columns in the same order, matched by name.

    Parameters
    ----------
    runs : sequence of NuisanceRun
    fill_missing_columns : bool
        Whether a run may lack a column, which is then 0 there: a short run has fewer of fMRIPrep's
        slow cosines.

    Returns
    -------
    list of arrays of shape (n_rows, n_columns)

    Raises
    ------
    InputError
        Columns differ.
    """
    first = runs[0]
    if first.names is None or any(run.names is None for run in runs):
        if len({run.values.shape[1] for run in runs}) > 1 or any(run.names for run in runs):
            raise InputError(
                "nuisance: tables have other columns in another run; all must have the same. "
                "Correct them, or list nuisance.columns."
            )
        return [run.values for run in runs]
    names = list(dict.fromkeys(name for run in runs for name in run.names))
    arrays = []
    for run in runs:
        missing = [name for name in names if name not in run.names]
        if missing and not fill_missing_columns:
            raise InputError(
                f"nuisance: a run has no column {', '.join(missing)}; all must have the same. "
                "Correct the tables, or list nuisance.columns."
            )
        values = np.zeros((len(run.values), len(names)))
        values[:, [names.index(name) for name in run.names]] = run.values
        arrays.append(values)
    return arrays
