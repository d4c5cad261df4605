"""The grayordinates that all subjects share, and the region of each."""

from pathlib import Path

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri.atlas.labels import BACKGROUND
from giblet_core.fmri.atlas.regions import Regions
from giblet_core.fmri.files.inventory import FoundFile, Inventory, read_options
from giblet_core.fmri.files.patterns import find_one
from giblet_core.fmri.grayordinates.cifti import cifti_labels
from giblet_core.fmri.grayordinates.gifti import gifti_labels
from giblet_core.fmri.grayordinates.places import Grayordinates, LabelColumns
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.readers import READERS
from giblet_core.fmri.selection import Selection

TRS_LOOKED_AT = 20
OUTSIDE = (*BACKGROUND, "medial_wall", "medialwall", "medial wall", "???", "")


def grayordinates_of(manifest: Manifest, inventory: Inventory) -> Grayordinates | None:
    """Return where the columns lie and which are read; None where the format has no surface.

    Read are those that are finite and change in the first TRs of every subject: the medial wall
    is not among them.

    Raises
    ------
    InputError
        No file, files with other columns, a mask, or no column that all subjects share.
    """
    if not READERS[manifest.bold.format].has_surface:
        return None
    if not inventory.files:
        raise InputError("bold: no file could be read; one is needed. See the files' own errors.")
    if manifest.mask.file != "auto":
        raise InputError(
            f"mask={manifest.mask.file}: is not read for {manifest.bold.format}; the vertices that "
            "change in every subject are taken. Leave mask out."
        )
    axis = inventory.files[0].header.axis
    is_kept = np.ones(len(axis), bool)
    for subject in manifest.subjects:
        files_of_subject = [file for file in inventory.files if file.asked.subject == subject]
        for file in files_of_subject[:1]:
            if file.header.axis != axis:
                raise InputError(
                    f"subject {subject}: {len(file.header.axis)} grayordinates must be the "
                    f"{len(axis)} of the others. Give series in one space."
                )
            is_kept &= _changing(manifest, file)
    if not is_kept.any():
        raise InputError(
            "bold: no vertex changes in every subject; some must. Exclude subjects without series."
        )
    return Grayordinates(manifest.bold.format, axis, is_kept)


def _changing(manifest: Manifest, file: FoundFile) -> np.ndarray:
    """Return the columns that are finite and not constant in the first TRs: (n_columns,) bool."""
    rows = slice(0, min(file.header.n_trs, TRS_LOOKED_AT))
    everything = Selection(columns=np.arange(file.header.space[0]))
    reader = READERS[manifest.bold.format]
    blocks = reader.read_blocks(file.path, rows, everything, read_options(manifest))
    values = np.concatenate(list(blocks))
    return np.isfinite(values).all(0) & (values.max(0) > values.min(0))


def surface_regions(manifest: Manifest, places: Grayordinates) -> Regions:
    """Return the region of each kept column, named by the atlas' own table.

    Raises
    ------
    InputError
        An atlas with other columns than BOLD, or without a name for a label.
    """
    n_kept = int(places.is_kept.sum())
    if not manifest.has_atlas:
        return Regions(np.zeros(n_kept, int), ())
    path = find_one(manifest.folder, manifest.atlas.file)
    labels = _labels(path)
    values = _on_axis(labels, places, path)[places.is_kept]
    unnamed = sorted(set(values.tolist()) - set(labels.names) - {0})
    if unnamed:
        raise InputError(
            f"atlas.file={path.name}: label {unnamed[0]} has no name in the file; every label "
            "must have one. Correct its table of labels."
        )
    present = [
        key
        for key, name in sorted(labels.names.items())
        if key in values and name.strip().lower() not in OUTSIDE
    ]
    place = {key: i + 1 for i, key in enumerate(present)}
    numbers = np.array([place.get(int(value), 0) for value in values])
    return Regions(numbers, tuple(labels.names[key].strip() for key in present))


def _labels(path: Path) -> LabelColumns:
    return gifti_labels(path) if path.name.lower().endswith(".gii") else cifti_labels(path)


def _on_axis(labels: LabelColumns, places: Grayordinates, path: Path) -> np.ndarray:
    """Return the label of each column of BOLD, matched by structure and vertex or voxel."""
    if labels.axis == places.axis:
        return labels.values
    of_place = {_key(element): value for element, value in zip(labels.axis, labels.values)}
    values = np.array([of_place.get(_key(element), 0) for element in places.axis])
    if not values.any():
        raise InputError(
            f"atlas.file={path.name}: no label lies where BOLD has a column; both must be "
            "in one space and of one resolution. Give the atlas of that space."
        )
    return values


def _key(element: tuple) -> str:
    """Return a column's place: structure, and vertex or voxel."""
    _, place, structure = element
    return f"{structure} {np.atleast_1d(place).tolist()}"
