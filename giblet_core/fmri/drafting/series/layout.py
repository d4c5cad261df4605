"""Layout: the series that a folder holds, whose they are, and which runs all subjects share."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.files.sidecars import Sidecar
from giblet_core.fmri.readers import BoldHeader

LEAST_SHARE = 0.5  # of the subjects who must have a run
MOST_APART = 0.1  # of a run's length: a file that differs by more is another run


@dataclass(frozen=True, eq=False)
class Series:
    """One file of BOLD.

    Attributes
    ----------
    path : Path
    subject, run : str
        As the manifest will name them.
    header : BoldHeader
    sidecar : Sidecar or None
    entities : dict of str to str
        Of its name, where that is one of BIDS.
    """

    path: Path
    subject: str
    run: str
    header: BoldHeader
    sidecar: Sidecar | None = None
    entities: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Layout:
    """The series of a folder.

    Attributes
    ----------
    folder : Path
    format : str
        The name of a reader.
    pattern : str or None
        Names of the files with ``{subject}`` and ``{run}``; None for bids.
    entities : dict of str to str
        For bids: what the names of the files must hold.
    series : tuple of Series
    decimal : str
        The decimal sign of tables.
    """

    folder: Path
    format: str
    pattern: str | None
    entities: dict[str, str]
    series: tuple[Series, ...]
    decimal: str = "."

    @property
    def subjects(self) -> list[str]:
        """Subjects, in natural order."""
        return sorted({series.subject for series in self.series}, key=natural)

    @property
    def runs(self) -> list[str]:
        """Runs, in natural order."""
        return sorted({series.run for series in self.series}, key=natural)

    def of_run(self, run: str) -> list[Series]:
        """Return the series of a run."""
        return [series for series in self.series if series.run == run]


@dataclass(frozen=True)
class Roster:
    """Who and what is in a data set.

    Attributes
    ----------
    subjects : tuple of str
        All subjects, the excluded ones too.
    n_trs : dict of str to int
        Run -> TRs of its files.
    excluded : dict of str to str
        Subject -> why.
    own_trs : dict of str to dict
        Run -> subject -> TRs, where they are not those of most subjects.
    """

    subjects: tuple[str, ...]
    n_trs: dict[str, int]
    excluded: dict[str, str]
    own_trs: dict[str, dict[str, int]]


def natural(text: str) -> list[tuple[int, int | str]]:
    """Return a key by which ``run-2`` comes before ``run-10``."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def roster_of(layout: Layout, remarks: Remarks) -> Roster:
    """Choose the runs that most subjects have; exclude, with the reason, who lacks one.

    Parameters
    ----------
    layout : Layout
    remarks : Remarks
        What is left out is added here.

    Returns
    -------
    Roster
    """
    subjects = layout.subjects
    excluded: dict[str, str] = {}
    n_trs = {}
    own_trs: dict[str, dict[str, int]] = {}
    for run in layout.runs:
        series = {run_series.subject: run_series.header.n_trs for run_series in layout.of_run(run)}
        if len(series) < LEAST_SHARE * len(subjects):
            remarks.note("runs", f"{run} is left out: {len(series)} of {len(subjects)} have it.")
            continue
        usual, _ = Counter(series.values()).most_common(1)[0]
        n_trs[run] = usual
        for subject in subjects:
            n_own = series.get(subject, 0)
            if subject not in series:
                excluded.setdefault(subject, f"has no {run}")
            elif abs(n_own - usual) > MOST_APART * usual:
                why = f"{run} has {n_own} volumes, that of most has {usual}"
                excluded.setdefault(subject, why)
            elif n_own != usual:
                own_trs.setdefault(run, {})[subject] = n_own
    for subject, why in excluded.items():
        remarks.note("exclude", f"subject {subject} is excluded: {why}.")
    return Roster(tuple(subjects), n_trs, excluded, own_trs)
