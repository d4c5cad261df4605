"""Everything into one folder: maps, tables, sidecars, provenance, page."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import giblet_core
from giblet_core.derivatives.output.images import format_of
from giblet_core.derivatives.output.names import (
    MAP_NAME,
    TABLE_NAME,
    Names,
    space_part,
    subject_labels,
    task_label,
)
from giblet_core.derivatives.output.page import results_page
from giblet_core.derivatives.output.provenance import Source, provenance_of
from giblet_core.derivatives.output.sidecars import sidecar_of
from giblet_core.derivatives.output.tables import (
    column_descriptions,
    region_table,
    subjects_columns,
    subjects_table,
    tsv_text,
)
from giblet_core.derivatives.statistics import MapKey, VoxelMaps
from giblet_core.errors import InputError
from giblet_core.files import is_temporary, read_json, write_sealed, write_text
from giblet_core.fmri import Dataset

PROGRAM = "giblet"
DESCRIPTION = "dataset_description.json"  # written first: it says whose the folder is
PROVENANCE = "provenance.json"  # written last: a folder without it is not complete
PAGE = "results.html"
SUBJECTS = "participants"
FIXED_NAMES = (DESCRIPTION, PROVENANCE, PAGE, f"{SUBJECTS}.tsv", f"{SUBJECTS}.json")
BIDS_VERSION = "1.9.0"


@dataclass(frozen=True)
class WrittenFile:
    """A file of the results: its name in the folder, what it holds, and in which units."""

    name: str
    meaning: str
    units: str = ""


def write_derivatives(source: Source, found: VoxelMaps, folder: str | Path) -> Path:
    """Write all results of a data set into a folder.

    What an earlier call wrote there is removed first, so that nothing of it stays beside the new.

    Parameters
    ----------
    source : Source
        From what they were made.
    found : VoxelMaps
    folder : path
        E.g. ``derivatives/giblet``.

    Returns
    -------
    Path
        ``results.html`` in it.

    Raises
    ------
    InputError
        The folder holds files that are not of an earlier call.
    """
    folder = Path(folder)
    _clear(folder)
    data = source.data
    names = Names(
        task=task_label(data.name),
        space=space_part(dict(data.manifest.bold.entities)),
        subjects=subject_labels(tuple(found.subjects)),
    )
    _write_json(folder / DESCRIPTION, _description(data))
    files = [
        WrittenFile(DESCRIPTION, "What this folder is, as BIDS asks."),
        *_write_subjects(folder, found, names),
    ]
    level = found.model.settings.level
    for subject, maps in (*found.subjects.items(), (None, found.group)):
        of_subject = _MapsOf(subject, maps)
        files += _write_maps(folder, data, names, of_subject, found)
        files += _write_regions(folder, data, names, of_subject, level)
    files.append(WrittenFile(PROVENANCE, "Versions, hashes of inputs, parameters, the command."))
    page = results_page(
        source,
        found,
        files,
        subjects_table(found, names.subjects),
        region_table(data, found.group, found.model.settings.level),
    )
    write_text(folder / PAGE, page)
    record = provenance_of(source, found)
    record["notes"] = list(found.notes)
    record["files"] = sorted([*(file.name for file in files), PAGE])
    write_sealed(folder / PROVENANCE, record)
    return folder / PAGE


def _clear(folder: Path) -> None:
    """Remove what an earlier call wrote; refuse a folder of anything else."""
    present = [p for p in sorted(folder.rglob("*")) if p.is_file() and not is_temporary(p)]
    is_ours = _is_ours(folder / DESCRIPTION)
    foreign = [path for path in present if not (is_ours and is_own_name(path.name))]
    if foreign:
        raise InputError(
            f"folder={folder}: holds {foreign[0].relative_to(folder)}, which no earlier "
            "call wrote; results are never mixed with other files. Choose an empty folder, or "
            "empty this one."
        )
    for path in present:
        if path.name != DESCRIPTION:  # last: by it the folder is known as ours
            path.unlink()
    (folder / DESCRIPTION).unlink(missing_ok=True)


def _is_ours(description: Path) -> bool:
    if not description.is_file():
        return False
    makers = read_json(description).get("GeneratedBy", [])
    return any(maker.get("Name") == PROGRAM for maker in makers)


def is_own_name(name: str) -> bool:
    """Tell whether a file is called as one of the results is."""
    return name in FIXED_NAMES or any(p.fullmatch(name) for p in (MAP_NAME, TABLE_NAME))


def _description(data: Dataset) -> dict[str, Any]:
    return {
        "Name": f"giblet: {data.label}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": PROGRAM, "Version": giblet_core.__version__}],
    }


def _write_json(path: Path, content: Any) -> Path:
    """Write JSON in the order given, as people read it."""
    return write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _write_subjects(folder: Path, found: VoxelMaps, names: Names) -> list[WrittenFile]:
    table = subjects_table(found, names.subjects)
    write_text(folder / f"{SUBJECTS}.tsv", tsv_text(table))
    _write_json(folder / f"{SUBJECTS}.json", subjects_columns(found.model.settings.level))
    return [
        WrittenFile(f"{SUBJECTS}.tsv", "A row a subject: voxels found, median r."),
        WrittenFile(f"{SUBJECTS}.json", "What the columns of participants.tsv mean."),
    ]


@dataclass(frozen=True, eq=False)
class _MapsOf:
    """The maps of a subject, or of the group (None).

    Attributes
    ----------
    subject : str or None
    maps : dict of MapKey to array of shape (n_voxels,)
    """

    subject: str | None
    maps: dict[MapKey, np.ndarray]

    @property
    def is_group(self) -> bool:
        return self.subject is None


def _write_maps(
    folder: Path, data: Dataset, names: Names, of_subject: _MapsOf, found: VoxelMaps
) -> list[WrittenFile]:
    """Write the maps of a subject or of the group, each with its sidecar."""
    form = format_of(data)
    if form is None:
        return []
    files = []
    for key, values in of_subject.maps.items():
        stem = folder / names.map(of_subject.subject, key)
        sidecar = sidecar_of(key, values, found, of_subject.subject, data.label)
        for path in form.save(data, values, stem):
            name = path.relative_to(folder).as_posix()
            files.append(WrittenFile(name, sidecar["Description"], sidecar["Units"]))
        path = _write_json(stem.with_name(f"{stem.name}.json"), sidecar)
        files.append(WrittenFile(path.relative_to(folder).as_posix(), "The same, for programs."))
    return files


def _write_regions(
    folder: Path, data: Dataset, names: Names, of_subject: _MapsOf, level: float
) -> list[WrittenFile]:
    """Write the table of regions of a subject or of the group, with its sidecar."""
    stem = names.table(of_subject.subject)
    table = region_table(data, of_subject.maps, level)
    columns = column_descriptions(of_subject.maps, of_subject.is_group, level)
    write_text(folder / f"{stem}.tsv", tsv_text(table))
    _write_json(folder / f"{stem}.json", columns)
    return [
        WrittenFile(f"{stem}.tsv", "A row a region: the median of its voxels in each map."),
        WrittenFile(f"{stem}.json", "What its columns mean, and their units."),
    ]
