"""A map of voxels laid on the cortical surface."""

from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
from nilearn.datasets import load_fsaverage, load_fsaverage_data
from nilearn.surface import SurfaceImage

MESH = "fsaverage5"


@dataclass(frozen=True, eq=False)
class SurfaceMap:
    """Values at the points of a cortical surface.

    Attributes
    ----------
    inflated : PolyMesh
        To draw on.
    sulci : SurfaceImage
        The background.
    values : SurfaceImage
        Of the map; 0 or NaN where no voxel lies.
    n_shown : int
        Points whose value is beyond the threshold; a slab may have none.
    """

    inflated: Any
    sulci: SurfaceImage
    values: SurfaceImage
    n_shown: int


def map_on_surface(
    image: nibabel.Nifti1Image, threshold: float, interpolation: str = "linear"
) -> SurfaceMap:
    """Lay a map on the surface, and count the points where something is to be seen.

    Parameters
    ----------
    image : Nifti1Image
        A value a voxel, in the space of the template.
    threshold : float
        Absolute values up to it are not drawn.
    interpolation : str
        ``linear``, or ``nearest_most_frequent`` for values of whole regions.

    Returns
    -------
    SurfaceMap
    """
    mesh = load_fsaverage(MESH)
    values = SurfaceImage.from_volume(mesh["pial"], image, interpolation=interpolation)
    n_shown = 0
    for of_side in values.data.parts.values():
        n_shown += int((np.abs(np.nan_to_num(of_side)) > threshold).sum())
    return SurfaceMap(
        inflated=mesh["inflated"],
        sulci=load_fsaverage_data(MESH, data_type="sulcal"),
        values=values,
        n_shown=n_shown,
    )
