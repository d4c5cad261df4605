"""BIDS tables of events beside the series: what was played, and when it began."""

from pathlib import Path

from giblet_core.errors import InputError
from giblet_core.fmri.files.inventory import AskedFile, asked_files
from giblet_core.fmri.files.naming import events_paths, is_bids
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems
from giblet_core.tables import Table, is_number, read_table

ONSET_TOLERANCE_S = 0.05
NEEDED = ("onset", "duration")


def check_events(manifest: Manifest, problems: Problems) -> None:
    """Compare the tables of events of BIDS series with the manifest's clock and sound.

    Parameters
    ----------
    manifest : Manifest
    problems : Problems
        What is found is added here.
    """
    if not is_bids(manifest):
        return
    for asked in asked_files(manifest):
        for path in events_paths(manifest, asked.subject, asked.run):
            where = f"{path.name} of {asked.where}"
            with problems.caught(where):
                _check_table(manifest, asked, read_table(path, separator="\t"), where, problems)


def _check_table(
    manifest: Manifest, asked: AskedFile, table: Table, where: str, problems: Problems
) -> None:
    missing = [name for name in NEEDED if name not in (table.names or ())]
    if missing:
        raise InputError(
            f"columns {', '.join(table.names or ())}: must hold {', '.join(missing)}. "
            "Correct the table's first line."
        )
    onsets = table.texts("onset")
    durations = table.texts("duration")
    files = table.texts("stim_file") if "stim_file" in table.names else [""] * len(onsets)
    length_s = asked.n_trs * manifest.t_r
    for i, (onset, duration, stim_file) in enumerate(zip(onsets, durations, files)):
        place = f"{where}, line {table.line(i)}"
        if not is_number(onset) or not _is_duration(duration):
            problems.error(
                place,
                f"onset={onset!r}, duration={duration!r}",
                "an onset must be seconds, a duration 0 or more seconds or n/a",
                "Correct the row.",
            )
            continue
        if float(onset) > length_s:
            problems.warning(
                place,
                f"onset {onset} s",
                f"lies after the run ({length_s:g} s)",
                "Check the table, n_trs and t_r.",
            )
        if stim_file:
            _check_stimulus(manifest, asked, float(onset), stim_file, (place, problems))


def _is_duration(cell: str) -> bool:
    return not cell or (is_number(cell) and float(cell) >= 0)


def _check_stimulus(
    manifest: Manifest,
    asked: AskedFile,
    onset_s: float,
    stim_file: str,
    report: tuple[str, Problems],
) -> None:
    """Compare what was played with the manifest's sound, and its begin with the run's clock."""
    place, problems = report
    sound = manifest.stimulus.file
    if sound is None:
        return
    if Path(stim_file).name != Path(sound).name:
        problems.warning(
            place,
            f"stim_file {stim_file}",
            f"the manifest's sound is {sound}",
            "Check that the subjects heard it.",
        )
    elif asked.run.stimulus_start_s > ONSET_TOLERANCE_S:
        return  # the run begins within the sound; the table does not say where
    elif abs(asked.run.stimulus_start_s + onset_s) > ONSET_TOLERANCE_S:
        problems.warning(
            place,
            f"{stim_file} begins {onset_s:g} s after volume 0",
            f"the manifest declares stimulus_start_s: {asked.run.stimulus_start_s:g}",
            f"If the whole sound was played, write {-onset_s:g}.",
        )
