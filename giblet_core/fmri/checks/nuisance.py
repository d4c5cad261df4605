"""Nuisance series: there, numeric, as long as BOLD, with the same columns for every subject."""

from giblet_core.fmri.files.inventory import AskedFile, asked_files
from giblet_core.fmri.files.nuisance import (
    NuisanceRun,
    aligned,
    has_nuisance,
    missing_values,
    nuisance_run,
)
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems


def check_nuisance(manifest: Manifest, problems: Problems) -> None:
    """Look at every nuisance table, and add what is wrong to the problems."""
    if not has_nuisance(manifest):
        return
    first = None
    runs_of_subject: dict[str, list[NuisanceRun]] = {}
    for asked in asked_files(manifest):
        where = f"nuisance of subject {asked.subject}, {asked.run.name}"
        with problems.caught(where):
            series = nuisance_run(manifest, asked.subject, asked.run)
            runs_of_subject.setdefault(asked.subject, []).append(series)
            _check_rows(manifest, where, asked, series, problems)
            _check_missing(where, series, problems)
            first = first or series
            _check_columns(manifest, where, series, first, problems)
    for subject, runs in runs_of_subject.items():
        with problems.caught(f"nuisance of subject {subject}"):
            aligned(runs, fill_missing_columns=manifest.confounds is not None)


def _check_rows(
    manifest: Manifest, where: str, asked: AskedFile, series: NuisanceRun, problems: Problems
) -> None:
    if series.n_unsteady > asked.run.dummy_trs:
        problems.warning(
            where,
            f"{series.n_unsteady} volumes before the steady state",
            f"the manifest declares dummy_trs: {asked.run.dummy_trs}",
            "Drop them: they are no BOLD.",
        )
    if len(series.values) != asked.n_trs:
        remedy = "Correct nuisance.drop_first, or the table."
        if manifest.confounds is not None:
            remedy = "Correct the table, or n_trs."
        problems.error(where, f"{len(series.values)} rows", f"BOLD has {asked.n_trs}", remedy)


def _check_missing(where: str, series: NuisanceRun, problems: Problems) -> None:
    """Count missing values; a first row of derivatives has none as a rule."""
    n_rows = len(series.values)
    for name, n_missing in missing_values(series).items():
        rule = "some values are missing" if n_missing < n_rows else "the column holds no value"
        problems.warning(
            where,
            f"{n_missing} of {n_rows} values of {name} are n/a",
            rule,
            "They count as the mean of the column. Choose other columns, or complete the table.",
        )


def _check_columns(
    manifest: Manifest, where: str, series: NuisanceRun, first: NuisanceRun, problems: Problems
) -> None:
    """Compare the columns with those of the first table, unless fMRIPrep chose them."""
    if manifest.confounds is not None:
        return
    if series.names is None or first.names is None:
        same = series.names == first.names and series.values.shape[1] == first.values.shape[1]
    else:
        same = set(series.names) == set(first.names)
    if not same:
        columns = ", ".join(series.names) if series.names else f"{series.values.shape[1]} columns"
        wanted = ", ".join(first.names) if first.names else f"{first.values.shape[1]} columns"
        problems.error(
            where,
            columns,
            f"must be those of the first table: {wanted}",
            "Correct the table, or list nuisance.columns.",
        )
