"""What lies beside the series: the sound, an atlas, a mask, confounds."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError
from giblet_core.fmri.drafting.events import SOUNDS, Played
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout
from giblet_core.fmri.files.bids import entities_of
from giblet_core.fmri.files.space import brain_mask_of
from giblet_core.fmri.grayordinates.gifti import is_left_half
from giblet_core.fmri.images import image_grid, load_image
from giblet_core.fmri.readers import READERS
from giblet_core.fmri.selection import VoxelGrid

ATLAS_WORDS = ("atlas", "dseg", "parc", "labels", "dlabel", "schaefer", "glasser", "aal")
MASK_WORDS = ("mask",)
NAME_TABLES = (".tsv", ".csv", ".txt", ".json", ".lut")
IMAGES = (".nii.gz", ".nii")
PATHS_LISTED = 4
STIMULI = "stimuli"  # where BIDS keeps what stim_file names


@dataclass(frozen=True)
class Surroundings:
    """The folders in which what belongs to the series is looked for, nearest first.

    Attributes
    ----------
    folder : Path
        Of the series.
    places : tuple of Path
        That folder, the one around it, and the BIDS data set of which it is a derivative.
    """

    folder: Path
    places: tuple[Path, ...]

    def files(self) -> Iterator[Path]:
        """Yield the files there that belong to no subject: in a place, and one folder below."""
        for place in self.places:
            below = [path for path in sorted(place.iterdir()) if _is_common(path)]
            folders = [place, *(path for path in below if path.is_dir() and path != self.folder)]
            for folder in folders:
                try:
                    paths = sorted(folder.iterdir())
                except OSError:  # a folder that is not ours to read
                    continue
                yield from (path for path in paths if path.is_file() and _is_common(path))

    def written(self, path: Path) -> str:
        """Return a path as the manifest writes it: relative to the folder of the series."""
        return Path(os.path.relpath(path.absolute(), self.folder.absolute())).as_posix()


def _is_common(path: Path) -> bool:
    return not path.name.startswith((".", "sub-"))


def surroundings_of(folder: Path) -> Surroundings:
    """Return where to look for what belongs to the series of a folder."""
    folder = folder.absolute()
    places = [folder, folder.parent]
    if folder.parent.name == "derivatives":
        places.append(folder.parent.parent)
    return Surroundings(folder, tuple(dict.fromkeys(places)))


# --- sound -----------------------------------------------------------------------------------


def find_sound(
    around: Surroundings, played: dict[str, Played], given: Path | None, remarks: Remarks
) -> Path | None:
    """Return the file of the sound: the one given, or the one that the events name.

    Parameters
    ----------
    around : Surroundings
    played : dict of str to Played
        Run -> what the tables of events name.
    given : Path, optional
    remarks : Remarks
        What is not known is added here.

    Returns
    -------
    Path or None

    Raises
    ------
    InputError
        The file given is not there.
    """
    if given is not None:
        if not given.is_file():
            raise InputError(f"sound={given}: does not exist. Check the name.")
        return given
    named = sorted({Path(heard.stim_file).name for heard in played.values()})
    sounds = [path for path in around.files() if path.name.lower().endswith(SOUNDS)]
    named_files = [path for path in sounds if path.name in named]
    if len(named) == 1 and named_files:
        in_place = [path for path in named_files if path.parent.name == STIMULI]
        chosen = (in_place or named_files)[0]
        others = [around.written(path) for path in named_files if path != chosen]
        if others:
            remarks.assumed("stimulus", f"it is this file; there is too: {', '.join(others)}.")
        return chosen
    if len(named) == 1:
        remarks.todo(
            "stimulus",
            f"the events name {named[0]}, which was not found. Write where it lies, relative to "
            "folder, or run again with --sound FILE.",
        )
        return None
    if len(sounds) == 1 and not named:
        remarks.todo(
            "stimulus",
            f"no table of events names the sound. {sounds[0].name} lies there: is it what the "
            "subjects heard?",
        )
        return sounds[0]
    listed = ", ".join(path.name for path in sounds[:PATHS_LISTED])
    there = f" There is {listed}." if sounds else ""
    remarks.todo("stimulus", f"which sound did the subjects hear? Write its file.{there}")
    return None


# --- mask and atlas --------------------------------------------------------------------------


def _tell_brain_masks(layout: Layout, remarks: Remarks) -> None:
    """Say which voxels ``auto`` reads: those of the brain masks beside the series, if there are."""
    masks = [brain_mask_of(series.path) for series in layout.series]
    n_masked = sum(
        mask != series.path and mask.is_file() for mask, series in zip(masks, layout.series)
    )
    if n_masked == len(layout.series):
        remarks.note("mask", "auto: the voxels inside every subject's brain mask (fMRIPrep's).")
    elif n_masked:
        remarks.assumed(
            "mask",
            f"auto: {n_masked} of {len(layout.series)} series have a brain mask beside them; of "
            "the others voxels that change are read.",
        )
    else:
        remarks.assumed("mask", "auto: no brain masks lie there; voxels that change are read.")


def find_mask(around: Surroundings, layout: Layout, remarks: Remarks) -> str | None:
    """Return the mask beside plain volumes; None where ``auto`` serves.

    Parameters
    ----------
    around : Surroundings
    layout : Layout
    remarks : Remarks
        Which voxels are read is added here.

    Returns
    -------
    str or None
        As the manifest writes it.
    """
    if layout.format == "bids":
        _tell_brain_masks(layout, remarks)
        return None
    if layout.format != "nifti":
        return None
    grid = layout.series[0].header.grid
    for path in around.files():
        is_mask = any(word in path.name.lower() for word in MASK_WORDS)
        if is_mask and path.name.lower().endswith(IMAGES) and _lies_on(path, grid):
            return around.written(path)
    remarks.assumed("mask", "auto: no mask on BOLD's grid was found; voxels that change are read.")
    return None


def _lies_on(path: Path, grid: VoxelGrid) -> bool:
    """Tell whether an image is one volume on a grid."""
    try:
        image = load_image(path)
    except InputError:
        return False
    return len(image.shape) == 3 and image_grid(image).is_same(grid)


def atlases(around: Surroundings, layout: Layout) -> list[dict[str, Any]]:
    """Return the atlases that might serve, best first, as the manifest writes them.

    Those on BOLD's grid come first; another grid has ``resample``.
    """
    found = []
    for path in around.files():
        if not any(word in path.name.lower() for word in ATLAS_WORDS):
            continue
        entry = _surface_atlas(path, around, layout) or _volume_atlas(path, around, layout)
        if entry is not None:
            found.append(entry)
    return sorted(found, key=_needs_resampling)


def _needs_resampling(entry: dict[str, Any]) -> bool:
    return bool(entry.get("resample"))


def _surface_atlas(path: Path, around: Surroundings, layout: Layout) -> dict[str, Any] | None:
    if not READERS[layout.format].has_surface:
        return None
    name = path.name.lower()
    is_cifti = name.endswith(".dlabel.nii")
    if is_cifti or (name.endswith(".label.gii") and is_left_half(path)):
        return {"file": around.written(path), "names": around.written(path)}
    return None


def _volume_atlas(path: Path, around: Surroundings, layout: Layout) -> dict[str, Any] | None:
    is_image = path.name.lower().endswith(IMAGES) and "mask" not in path.name.lower()
    if not READERS[layout.format].has_space or not is_image:
        return None
    names = _names_beside(path)
    grid = layout.series[0].header.grid
    if names is None or _is_of_other_space(path, layout):
        return None
    entry = {"file": around.written(path), "names": around.written(names)}
    return entry if _lies_on(path, grid) else {**entry, "resample": True}


def _is_of_other_space(path: Path, layout: Layout) -> bool:
    """Tell whether an atlas names another space than the series do."""
    parts = path.name.partition(".")[0].split("_")
    spaces = [part.partition("-")[2] for part in parts if part.startswith(("space-", "tpl-"))]
    bold_space = layout.series[0].entities.get("space")
    return bool(spaces) and bold_space is not None and spaces[0] != bold_space


def _names_beside(image: Path) -> Path | None:
    """Return the table with the names of labels: its name is made of parts of the image's."""
    image_entities = set(image.name.partition(".")[0].split("_"))
    tables = [
        path
        for path in sorted(image.parent.iterdir())
        if path.suffix.lower() in NAME_TABLES
        and set(path.name.partition(".")[0].split("_")) <= image_entities
        and not _is_sidecar(path)
    ]
    return max(tables, key=_n_parts, default=None)


def _n_parts(path: Path) -> int:
    return len(path.name.split("_"))


def _is_sidecar(path: Path) -> bool:
    """Tell whether a JSON file with a name of BIDS describes an image rather than labels."""
    stem = path.name.partition(".")[0]
    return path.suffix == ".json" and entities_of(stem.rpartition("_")[0]) is not None
