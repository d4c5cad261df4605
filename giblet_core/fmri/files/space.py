"""The voxels that are read: the mask."""

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from giblet_core.errors import InputError, explained, require
from giblet_core.fmri.files.bids import require_target
from giblet_core.fmri.files.inventory import FoundFile, Inventory
from giblet_core.fmri.files.patterns import find_one
from giblet_core.fmri.images import (
    DAMAGE,
    image_grid,
    load_image,
    read_volumes,
    refuse_damaged,
    resampled,
)
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.readers import READERS
from giblet_core.fmri.selection import VoxelGrid

VOLUMES_LOOKED_AT = 20  # of a series, to tell which voxels change
WHOLE_TOLERANCE = 1e-3  # a stored whole number may differ so much: scale factors are rounded


def mask_array(mask_img: Any) -> np.ndarray | None:
    """Return the mask as (x, y, z) bool; None where there is none."""
    return None if mask_img is None else np.asarray(mask_img.dataobj) > 0


def read_map(name: str, manifest: Manifest, grid: VoxelGrid | None, where: str) -> np.ndarray:
    """Read an image of one volume, such as a mask or labels, on the grid of BOLD.

    Parameters
    ----------
    name : str
        As in the manifest.
    manifest : Manifest
    grid : VoxelGrid or None
        Of BOLD; None where it is not known.
    where : str
        The line of the manifest, for messages.

    Returns
    -------
    array of shape (x, y, z), float64

    Raises
    ------
    InputError
        Not one volume, NaN or infinity in it, or on another grid than BOLD.
    """
    path = find_one(manifest.folder, name)
    image = load_image(path)
    refuse_damaged(image, path)
    with explained(f"{where}={name}: cannot be read", "Copy the image again.", *DAMAGE):
        values = np.asarray(image.dataobj, float)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    require(
        values.ndim == 3,
        f"{where}={name}: shape {values.shape} must be one volume (x, y, z). Choose one.",
    )
    require(
        np.isfinite(values).all(),
        f"{where}={name}: holds NaN or infinity; every voxel must have a value. Set those to 0.",
    )
    own_grid = image_grid(image)
    if grid is None or own_grid.is_same(grid):
        return values
    if not manifest.resample:
        raise grid.refuse(own_grid, f"{where}={name}, ")
    return resampled(values, image.affine, grid, "nearest").astype(float)


def mask_of(manifest: Manifest, inventory: Inventory) -> nib.Nifti1Image | None:
    """Load or compute the mask on the grid of BOLD; None where the format has no space.

    Raises
    ------
    InputError
        Other values than 0 and 1 without a threshold, no voxel, or another grid.
    """
    if not READERS[manifest.bold.format].has_space:
        return None
    grid = inventory.grid
    require(
        grid is not None,
        "bold: no file could be read, so there is no mask; one is needed. See the files' errors.",
    )
    name = manifest.mask.file
    if name == "auto":
        mask = _common_mask(manifest, inventory)
    else:
        mask = _binary(read_map(name, manifest, grid, "mask"), manifest)
    require(
        mask.any(),
        f"mask={name}: holds no voxel; it must hold at least one. Give another mask.",
    )
    return nib.Nifti1Image(mask.astype(np.uint8), grid.affine)


def _binary(values: np.ndarray, manifest: Manifest) -> np.ndarray:
    name = manifest.mask.file
    threshold = manifest.mask.threshold
    if threshold is not None:
        return values > threshold
    is_binary = (np.abs(values) <= WHOLE_TOLERANCE) | (np.abs(values - 1) <= WHOLE_TOLERANCE)
    if not is_binary.all():
        raise InputError(
            f"mask={name}: holds values from {values.min():g} to {values.max():g}; a mask must "
            f"hold 0 and 1. For a map of probabilities write mask: {{file: {name}, "
            "threshold: 0.5}."
        )
    return values > 0.5


def _common_mask(manifest: Manifest, inventory: Inventory) -> np.ndarray:
    """Return the voxels that are inside the brain mask of, or change in, every subject.

    One run of each subject is looked at, an open one where there is one. The same as nilearn's
    `intersect_masks` (threshold 1, not connected), which wants all masks as images at once.
    """
    mask = np.ones(inventory.grid.shape, bool)
    for subject in manifest.subjects:
        files = [file for file in inventory.files if file.asked.subject == subject]
        files = [
            file for file in files if manifest.resample or file.header.grid.is_same(inventory.grid)
        ]
        if files:
            mask &= _own_mask(manifest, min(files, key=_is_locked), inventory.grid)
    return mask


def _is_locked(file: FoundFile) -> bool:
    return file.asked.run.locked


def brain_mask_of(series: Path) -> Path:
    """Name the brain mask that fMRIPrep writes beside a series; the series where it has none."""
    return series.with_name(series.name.replace("desc-preproc_bold", "desc-brain_mask"))


def _own_mask(manifest: Manifest, file: FoundFile, grid: VoxelGrid) -> np.ndarray:
    """Return the brain mask beside a series, or the voxels that change in it, on a grid."""
    beside = brain_mask_of(file.path)
    if beside != file.path and manifest.bold.format == "bids" and os.path.lexists(beside):
        require_target(beside)
        image = load_image(beside)
        with explained(f"mask=auto: {beside} cannot be read", "Copy it again.", *DAMAGE):
            inside = np.asarray(image.dataobj) > 0
        own_grid = image_grid(image)
    else:
        inside = changing_voxels(file)
        own_grid = file.header.grid
    if own_grid.is_same(grid):
        return inside
    if not manifest.resample:
        raise grid.refuse(own_grid, f"mask=auto, subject {file.asked.subject}, ")
    return resampled(inside, own_grid.affine, grid, "nearest") > 0.5


def changing_voxels(file: FoundFile) -> np.ndarray:
    """Return the voxels (x, y, z) that are finite and not constant in the first volumes."""
    volumes = _first_volumes(file)
    return np.isfinite(volumes).all(-1) & (volumes.max(-1) > volumes.min(-1))


def filled_voxels(file: FoundFile) -> np.ndarray:
    """Return the voxels (x, y, z) that hold more than 0 and NaN in the first volumes."""
    volumes = _first_volumes(file)
    return (np.isfinite(volumes) & (volumes != 0)).any(-1)


def _first_volumes(file: FoundFile) -> np.ndarray:
    n_volumes = min(file.header.n_trs, VOLUMES_LOOKED_AT)
    return read_volumes(file.path, 0, n_volumes).astype(np.float32)
