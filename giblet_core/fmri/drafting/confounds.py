"""Confounds of a draft: fMRIPrep's, as strategies; other nuisance tables, as a pattern."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Series
from giblet_core.fmri.drafting.series.plain import names_below, scheme_of
from giblet_core.fmri.files.bids import OF_SPACE, BidsFile, files_of_subject
from giblet_core.fmri.files.nuisance import CONFOUNDS, MOTION
from giblet_core.tables import read_table

WORDS = ("confound", "nuisance", "motion", "regressor", "rp_")
TABLES = (".tsv", ".csv", ".txt")
TISSUES = ("csf", "white_matter")
UNSTEADY = "non_steady_state_outlier"
N_MOTION_FULL = 24
MOST_REGRESSED = 0.3  # of the volumes of a run, by motion


@dataclass(frozen=True)
class DraftConfounds:
    """What a draft says of series that are not of interest.

    Attributes
    ----------
    section : dict
        ``confounds`` or ``nuisance`` of the manifest; empty where there is neither.
    n_unsteady : dict of str to int
        Run -> the most volumes that fMRIPrep found before the steady state.
    """

    section: dict[str, Any]
    n_unsteady: dict[str, int] = field(default_factory=dict)


def draft_confounds(layout: Layout, excluded: dict[str, str], remarks: Remarks) -> DraftConfounds:
    """Return the confounds of the series of a layout.

    Parameters
    ----------
    layout : Layout
    excluded : dict of str to str
        Subjects who are left out.
    remarks : Remarks
        What was chosen, and what is missing, is added here.

    Returns
    -------
    DraftConfounds
    """
    if layout.pattern is not None:
        return DraftConfounds(_nuisance(layout, remarks))
    series = [run_series for run_series in layout.series if run_series.subject not in excluded]
    tables = {run_series: _table_of(run_series, layout.folder) for run_series in series}
    missing = [
        f"subject {run_series.subject}, {run_series.run}"
        for run_series in series
        if not tables[run_series]
    ]
    if len(missing) == len(series):
        remarks.note("confounds", "no tables of confounds were found; none are regressed out.")
        return DraftConfounds({})
    if missing:
        remarks.todo("confounds", f"there is no table for {', '.join(missing)}; all need one.")
    columns = [_columns(path) for path in tables.values() if path is not None]
    common = set.intersection(*columns)
    n_unsteady: dict[str, int] = {}
    for run_series, path in tables.items():
        if path is not None:
            n_volumes = sum(name.startswith(UNSTEADY) for name in _columns(path))
            n_unsteady[run_series.run] = max(n_unsteady.get(run_series.run, 0), n_volumes)
    shortest_trs = min(run_series.header.n_trs for run_series in series)
    return DraftConfounds(_strategies(common, shortest_trs, remarks), n_unsteady)


def _table_of(series: Series, folder: Path) -> Path | None:
    """Return the table of confounds of a series, by the entities of its name."""
    entities = {key: value for key, value in series.entities.items() if key not in OF_SPACE}
    for file in files_of_subject(folder, series.entities["sub"]):
        if CONFOUNDS.fits(file) and _rest(file) == entities:
            return file.path
    return None


def _rest(file: BidsFile) -> dict[str, str]:
    return {key: value for key, value in file.entities.items() if key not in OF_SPACE}


def _columns(path: Path) -> set[str]:
    try:
        return set(read_table(path, separator="\t").names or ())
    except InputError:
        return set()


def _strategies(columns: set[str], shortest_trs: int, remarks: Remarks) -> dict[str, Any]:
    """Return the strategies whose columns every table has, and that a short run can bear."""
    strategy = []
    options = {}
    if set(MOTION) <= columns:
        strategy.append("motion")
        expanded = {f"{name}{end}" for name in MOTION for end in ("_derivative1", "_power2")}
        if not expanded <= columns:
            options["motion"] = "basic"
        elif MOST_REGRESSED * shortest_trs < N_MOTION_FULL:
            options["motion"] = "basic"
            remarks.note(
                "confounds",
                f"motion is taken without its expansions: {N_MOTION_FULL} columns are too many for "
                f"{shortest_trs} volumes.",
            )
    if set(TISSUES) <= columns:
        strategy.append("wm_csf")
    if any(name.startswith("cosine") for name in columns):
        strategy.append("high_pass")
    if not strategy:
        remarks.todo("confounds", "the tables hold neither motion nor tissues nor cosines.")
        return {}
    remarks.note(
        "confounds",
        "the usual choice, by the names of nilearn's load_confounds; compcor and global_signal "
        "may be added.",
    )
    return {"confounds": {"strategy": strategy, **options}}


def _nuisance(layout: Layout, remarks: Remarks) -> dict[str, Any]:
    """Return the pattern of tables of nuisance series that every subject and run has."""
    names = [
        named
        for named in names_below(layout.folder)
        if named.path.name.lower().endswith(TABLES)
        and any(word in named.path.name.lower() for word in WORDS)
    ]
    if not names or len({named.shape for named in names}) > 1:
        return {}
    try:
        scheme = scheme_of(names, Remarks())
    except InputError:
        return {}
    subjects = {scheme.subject.value(named) for named in names}
    runs = {scheme.run.value(named) for named in names} if scheme.run else {"run1"}
    if subjects != set(layout.subjects) or runs != set(layout.runs):
        return {}
    remarks.assumed("nuisance", "every column of these tables is regressed out.")
    return {"nuisance": {"pattern": scheme.pattern}}
