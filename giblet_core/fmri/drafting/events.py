"""What was played, and when it began, as tables of events of BIDS say it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from giblet_core.errors import InputError
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Series
from giblet_core.fmri.files.bids import BidsFile, n_entities, parse_name
from giblet_core.tables import is_number, read_table

SOUNDS = (
    ".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff",
    ".mp4", ".m4v", ".mkv", ".mov", ".avi", ".webm", ".mpg", ".mpeg",
)  # fmt: skip
SAME_ONSET_S = 0.05


@dataclass(frozen=True)
class Played:
    """What a run heard.

    Attributes
    ----------
    stim_file : str
    onset_s : float
        Seconds from volume 0 to its begin.
    duration_s : float or None
        None where the table does not say it.
    own_onsets_s : dict of str to float
        Subject -> seconds, where they are not those of most.
    """

    stim_file: str
    onset_s: float
    duration_s: float | None = None
    own_onsets_s: Mapping[str, float] = field(default_factory=dict)


def played_in_runs(
    layout: Layout, runs: list[str], places: list[Path], remarks: Remarks
) -> dict[str, Played]:
    """Return what each run heard; runs without a table, or without ``stim_file``, are left out.

    Parameters
    ----------
    layout : Layout
    runs : list of str
    places : list of Path
        Folders in and below which tables of events are looked for.
    remarks : Remarks
        Where subjects differ is added here.

    Returns
    -------
    dict of str to Played
    """
    tables = _tables_below(places)
    played = {}
    for run in runs:
        of_subjects = {}
        for series in layout.of_run(run):
            heard = _of_series(series, tables, remarks)
            if heard is not None:
                of_subjects[series.subject] = heard
        if of_subjects:
            played[run] = _common(run, of_subjects, remarks)
    return played


def _tables_below(places: list[Path]) -> list[BidsFile]:
    paths = {}
    for place in places:
        for path in (*place.glob("*_events.tsv"), *place.glob("sub-*/**/*_events.tsv")):
            if not path.name.startswith("."):
                paths.setdefault(path.resolve(), path)
    files = [parse_name(path) for path in paths.values()]
    return [file for file in files if file is not None]


def _of_series(series: Series, tables: list[BidsFile], remarks: Remarks) -> Played | None:
    """Return what the most special table of a series says was played first."""
    fitting = [
        file
        for file in tables
        if all(series.entities.get(key) == value for key, value in file.entities.items())
    ]
    for file in sorted(fitting, key=n_entities, reverse=True):
        try:
            heard = _first_sound(file.path)
        except InputError as fault:
            remarks.note("runs", f"a table of events could not be read: {fault}")
            continue
        if heard is not None:
            return heard
    return None


def _first_sound(path: Path) -> Played | None:
    table = read_table(path, separator="\t")
    names = table.names or ()
    if "stim_file" not in names or "onset" not in names:
        return None
    durations = table.texts("duration") if "duration" in names else [""] * len(table.rows)
    for onset, duration, stim_file in zip(
        table.texts("onset"), durations, table.texts("stim_file")
    ):
        if stim_file.lower().endswith(SOUNDS) and is_number(onset):
            is_known = is_number(duration) and float(duration) > 0
            return Played(stim_file, float(onset), float(duration) if is_known else None)
    return None


def _common(run: str, of_subjects: dict[str, Played], remarks: Remarks) -> Played:
    """Return what most subjects heard, with the onsets of others; ask about other sounds."""
    files = Counter(heard.stim_file for heard in of_subjects.values())
    usual_file, _ = files.most_common(1)[0]
    same_file = {s: heard for s, heard in of_subjects.items() if heard.stim_file == usual_file}
    onsets = Counter(heard.onset_s for heard in same_file.values())
    usual_onset_s, _ = onsets.most_common(1)[0]
    own_onsets_s = {}
    for subject, heard in of_subjects.items():
        if subject not in same_file:
            remarks.todo(
                "runs",
                f"subject {subject} heard {heard.stim_file} in {run}, most heard {usual_file}. "
                "Exclude the subject, or correct the table of events.",
            )
        elif abs(heard.onset_s - usual_onset_s) > SAME_ONSET_S:
            own_onsets_s[subject] = heard.onset_s
    usual = next(heard for heard in same_file.values() if heard.onset_s == usual_onset_s)
    return replace(usual, own_onsets_s=own_onsets_s)
