"""The voxels: mask and regions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import read_json
from giblet_core.fmri.files.naming import bold_path, find_one
from giblet_core.fmri.manifest.models import Manifest, Run
from giblet_core.fmri.readers import READERS, load_image

VOLUMES_LOOKED_AT = 20  # of a series, to tell which voxels change


@dataclass(frozen=True)
class Regions:
    """The region of each voxel.

    Attributes
    ----------
    labels : array of shape (n_voxels,), int
        0 outside regions, else 1 + index into `names`.
    names : tuple of str
    """

    labels: np.ndarray
    names: tuple[str, ...]


def mask_array(mask_img: Any) -> np.ndarray | None:
    """Return the mask as (x, y, z) bool; None where there is none."""
    return None if mask_img is None else np.asarray(mask_img.dataobj) > 0


def mask_of(manifest: Manifest) -> Any:
    """Load or compute the mask image; None where the format has no space."""
    if not READERS[manifest.bold.format].has_space:
        return None
    if manifest.mask != "auto":
        return load_image(find_one(manifest.folder, manifest.mask))
    return _common_mask(manifest)


def _common_mask(manifest: Manifest) -> nib.Nifti1Image:
    """Return the voxels that are inside the brain mask of, or change in, every subject."""
    mask = None
    affine = None
    open_run = min(manifest.runs, key=_is_locked)
    for subject in manifest.subjects:
        series = bold_path(manifest, subject, open_run)
        beside = series.with_name(series.name.replace("desc-preproc_bold", "desc-brain_mask"))
        has_mask = manifest.bold.format == "bids" and beside.is_file()
        image = load_image(beside if has_mask else series)
        inside = np.asarray(image.dataobj) > 0 if image.ndim == 3 else changing_voxels(series)
        if mask is None:
            mask = inside
        if inside.shape != mask.shape:
            raise InputError(
                f"mask=auto: subject {subject} has shape {inside.shape}, the others {mask.shape}; "
                "all must have one. Resample it to the others' space."
            )
        mask = mask & inside
        affine = image.affine
    return nib.Nifti1Image(mask.astype(np.uint8), affine)


def _is_locked(run: Run) -> bool:
    return run.locked


def changing_voxels(path: Path) -> np.ndarray:
    """Return the voxels (x, y, z) that are finite and not constant in the first volumes."""
    volumes = np.asarray(load_image(path).dataobj[..., :VOLUMES_LOOKED_AT], np.float32)
    return np.isfinite(volumes).all(-1) & (volumes.max(-1) > volumes.min(-1))


def regions_of(manifest: Manifest, mask_img: Any) -> Regions:
    """Return labels and names of the regions; each column of a ROI table is a region.

    Raises
    ------
    InputError
        An empty mask, another shape, or names that do not fit.
    """
    if mask_img is None:
        return _regions_of_columns(manifest)
    mask = mask_array(mask_img)
    require(
        mask.any(),
        f"mask={manifest.mask}: holds no voxel; it must hold at least one. Give another mask.",
    )
    if manifest.atlas is None:
        return Regions(np.zeros(int(mask.sum()), int), ())
    labels = np.asarray(load_image(find_one(manifest.folder, manifest.atlas.file)).dataobj)
    require(
        labels.shape == mask.shape,
        f"atlas.file={manifest.atlas.file}: shape {labels.shape} must be that of the mask, "
        f"{mask.shape}. Resample it (nearest).",
    )
    names = _region_names(manifest)
    if labels.max() > len(names):
        raise InputError(
            f"atlas.names: {len(names)} names, but labels go up to {labels.max()}. "
            "Name the labels 1, 2, ... in order."
        )
    return Regions(labels[mask].astype(int), names)


def _regions_of_columns(manifest: Manifest) -> Regions:
    path = bold_path(manifest, manifest.subjects[0], manifest.runs[0])
    (n_columns,) = READERS[manifest.bold.format].read_header(path).space
    names = manifest.bold.columns or [f"R{i + 1:02d}" for i in range(n_columns)]
    if len(names) != n_columns:
        raise InputError(
            f"bold.columns={list(names)}: must name the {n_columns} columns of the table. "
            "Correct the list."
        )
    return Regions(np.arange(1, n_columns + 1), tuple(names))


def _region_names(manifest: Manifest) -> tuple[str, ...]:
    """Return the names that the manifest lists, or those in the file that it names."""
    names = manifest.atlas.names
    if isinstance(names, str):
        path = find_one(manifest.folder, names)
        if path.suffix == ".json":
            names = read_json(path)
        else:
            names = path.read_text(encoding="utf-8").split("\n")
    stripped = [str(name).strip() for name in names]
    return tuple(name for name in stripped if name)
