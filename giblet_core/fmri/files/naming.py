"""The files of a data set: whose they are, by pattern or by the entities of BIDS."""

from pathlib import Path

from giblet_core.errors import InputError
from giblet_core.fmri.files.bids import (
    OF_SPACE,
    BidsFile,
    Wanted,
    entities_of,
    files_of_subject,
    find_bids,
    n_entities,
    parse_name,
)
from giblet_core.fmri.files.patterns import find_filled, find_one
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.fmri.readers import READERS


def is_bids(manifest: Manifest) -> bool:
    """Tell whether files are found by the entities in their names."""
    return bool(READERS[manifest.bold.format].extensions) and manifest.bold.pattern is None


def file_of(manifest: Manifest, pattern: str, subject: str, run: Run) -> Path:
    """Find the file of a subject and run by a pattern.

    Parameters
    ----------
    manifest : Manifest
    pattern : str
        With ``{subject}`` and, where each run has its own file, ``{run}``.
    subject : str
    run : Run

    Returns
    -------
    Path

    Raises
    ------
    InputError
        No file, or several.
    """
    if manifest.bold.format == "bids":
        subject = subject.removeprefix("sub-")
    return find_filled(manifest.folder, pattern, {"subject": subject, "run": run.name})


def sound_path(manifest: Manifest) -> Path | None:
    """Return the file of the sound; None where the manifest names none.

    Raises
    ------
    InputError
        It is not there.
    """
    file = manifest.stimulus.file
    return None if file is None else find_one(manifest.folder, file)


def wanted_entities(manifest: Manifest, subject: str, run: Run) -> dict[str, str]:
    """Return the entities of the series of a subject and run.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run
        Its name is one entity or more, such as ``run-1``; another name counts only where there are
        several runs.

    Returns
    -------
    dict of str to str
    """
    of_run = entities_of(run.name) or {}
    return {
        "sub": subject.removeprefix("sub-"),
        **of_run,
        **READERS[manifest.bold.format].usual_entities,
        **manifest.bold.entities,
    }


def bold_path(manifest: Manifest, subject: str, run: Run) -> Path:
    """Find the series of a subject and run.

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
        No file, or several.
    """
    if not is_bids(manifest):
        return file_of(manifest, manifest.bold.pattern, subject, run)
    entities = wanted_entities(manifest, subject, run)
    wanted = Wanted(entities, ("bold",), READERS[manifest.bold.format].extensions)
    return find_bids(manifest.folder, entities["sub"], wanted).path


def events_paths(manifest: Manifest, subject: str, run: Run) -> list[Path]:
    """Return the tables of events that hold for the series of a subject and run.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    list of Path
        The subject's own, most general first; where there is none, those of all subjects in the
        data set's folder. No name holds an entity that the name of the series has not.
    """
    try:
        series = parse_name(bold_path(manifest, subject, run))
    except InputError:  # is told with the series
        return []
    if series is None:
        return []
    common = [parse_name(path) for path in sorted(manifest.folder.glob("*_events.tsv"))]
    of_subject = files_of_subject(manifest.folder, series.entities["sub"])
    for files in (of_subject, common):
        holding = [file for file in files if file is not None and _are_events_of(file, series)]
        if holding:
            return [file.path for file in sorted(holding, key=n_entities)]
    return []


def _are_events_of(file: BidsFile, series: BidsFile) -> bool:
    """Tell whether a table of events speaks of a series."""
    if file.suffix != "events" or file.extension != ".tsv":
        return False
    return all(series.entities.get(key) == value for key, value in file.entities.items())


def beside(manifest: Manifest, subject: str, run: Run, wanted: Wanted) -> Path:
    """Find a file that belongs to a series but to no space, such as its confounds.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run
    wanted : Wanted
        Its entities are added to those of the series without space and description.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        No file, or several.
    """
    entities = wanted_entities(manifest, subject, run)
    entities = {key: value for key, value in entities.items() if key not in OF_SPACE}
    wanted = Wanted({**entities, **wanted.entities}, wanted.suffixes, wanted.extensions)
    return find_bids(manifest.folder, entities["sub"], wanted).path
