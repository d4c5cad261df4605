"""The regions of a data set: those of its atlas, parcels, or the columns of its tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet_core.fmri.atlas.labels import read_atlas
from giblet_core.fmri.atlas.parcels import Parcels, make_parcels
from giblet_core.fmri.files.inventory import Inventory, region_columns
from giblet_core.fmri.files.space import mask_array
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.selection import VoxelGrid


@dataclass(frozen=True, eq=False)
class Regions:
    """The region of each voxel.

    Attributes
    ----------
    labels : array of shape (n_voxels,), int
        0 outside regions, else 1 + index into `names`.
    names : tuple of str
    origin : str
        A sentence for the pages where regions were made here; "" where they were given.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    origin: str = ""


def regions_of(manifest: Manifest, mask_img: Any, inventory: Inventory) -> Regions:
    """Return the region of each voxel; each column of a ROI table is a region.

    Parameters
    ----------
    manifest : Manifest
    mask_img : Nifti1Image or None
        None where the format has no space.
    inventory : Inventory

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        Labels that are no whole numbers, names that do not fit them, or another grid.
    """
    if mask_img is None:
        names = region_columns(manifest, inventory)
        return Regions(np.arange(1, len(names) + 1), names)
    mask = mask_array(mask_img)
    if manifest.makes_parcels:
        parcels = make_parcels(mask, mask_img.affine)
        return Regions(parcels.labels, parcels.names, parcels_in_words(parcels))
    if not manifest.has_atlas:
        return Regions(np.zeros(int(mask.sum()), int), ())
    atlas = read_atlas(manifest, VoxelGrid(mask.shape, mask_img.affine))
    return Regions(atlas.labels[mask], atlas.names)


def parcels_in_words(parcels: Parcels) -> str:
    """Return a sentence that says what the regions are, for the pages."""
    is_one = len(parcels.names) == 1
    names = parcels.names[0] if is_one else f"{parcels.names[0]} to {parcels.names[-1]}"
    outside = ""
    if parcels.n_outside:
        outside = f" {parcels.n_outside} voxels on small islands are in none."
    return (
        f"No atlas was given: the regions {names} are parcels of neighbouring voxels, about "
        f"{np.median(parcels.volumes_cm3):.2g} cm³ each, made from places alone. They follow no "
        f"border of the brain.{outside}"
    )
