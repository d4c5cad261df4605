"""A map of voxels laid on the cortical surface."""

from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
from nilearn.datasets import load_fsaverage, load_fsaverage_data
from nilearn.surface import SurfaceImage

MESH = "fsaverage5"
MARGIN = 2  # voxels of zeros around the surface


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
    points_mm = np.concatenate([part.coordinates for part in mesh["pial"].parts.values()])
    covering = extended_over(image, points_mm)
    values = SurfaceImage.from_volume(mesh["pial"], covering, interpolation=interpolation)
    n_shown = 0
    for of_side in values.data.parts.values():
        n_shown += int((np.abs(np.nan_to_num(of_side)) > threshold).sum())
    return SurfaceMap(
        inflated=mesh["inflated"],
        sulci=load_fsaverage_data(MESH, data_type="sulcal"),
        values=values,
        n_shown=n_shown,
    )


def extended_over(image: nibabel.Nifti1Image, points_mm: np.ndarray) -> nibabel.Nifti1Image:
    """Return an image with zeros around it, so that its grid holds points of space.

    A slab does not hold the whole cortex, and no value can be read outside an image.

    Parameters
    ----------
    image : Nifti1Image
    points_mm : array of shape (n_points, 3)
        In the space of the image.

    Returns
    -------
    Nifti1Image
        The same values at the same places.
    """
    inverse = np.linalg.inv(image.affine)
    places = nibabel.affines.apply_affine(inverse, points_mm)
    before = np.maximum(0, np.ceil(MARGIN - places.min(0))).astype(int)
    last = np.array(image.shape[:3]) - 1
    after = np.maximum(0, np.ceil(places.max(0) + MARGIN - last)).astype(int)
    values = np.pad(np.asanyarray(image.dataobj), list(zip(before, after)))
    affine = image.affine.copy()
    affine[:3, 3] = nibabel.affines.apply_affine(image.affine, -before)
    return nibabel.Nifti1Image(values, affine)
