"""MAP_FORMATS: how values of voxels go back into images, one entry a kind of data.

Data without a place in the brain (tables of regions, bare arrays) have no images; their values are
in the tables alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import Cifti2Image, ScalarAxis
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData

from giblet_core.derivatives.output.names import with_hemisphere
from giblet_core.files import atomic_path
from giblet_core.fmri import Dataset, mask_array

HEMISPHERES = {"CIFTI_STRUCTURE_CORTEX_LEFT": "L", "CIFTI_STRUCTURE_CORTEX_RIGHT": "R"}
ANATOMY = {
    "CIFTI_STRUCTURE_CORTEX_LEFT": "CortexLeft",
    "CIFTI_STRUCTURE_CORTEX_RIGHT": "CortexRight",
}


@dataclass(frozen=True)
class MapFormat:
    """A kind of image.

    Attributes
    ----------
    name : str
    what : str
        In one line, for the page.
    fits : function (Dataset) -> bool
        Whether data of this kind are written so.
    save : function (Dataset, values, stem) -> list of Path
        Writes values (n_voxels,) and returns the files. NaN outside the mask and where a value
        cannot be had.
    """

    name: str
    what: str
    fits: Callable[[Dataset], bool]
    save: Callable[[Dataset, np.ndarray, Path], list[Path]]


def _has_volume(data: Dataset) -> bool:
    return data.mask_img is not None


def volume_of(data: Dataset, values: np.ndarray) -> nib.Nifti1Image:
    """Return values (n_voxels,) as a volume on the grid of BOLD, NaN outside the mask.

    The affine is that of BOLD; the space is called MNI where the series' names say so.
    """
    volume = np.full(data.mask_img.shape, np.nan, np.float32)
    volume[mask_array(data.mask_img)] = values
    affine = data.mask_img.affine
    image = nib.Nifti1Image(volume, affine)
    space = data.manifest.bold.entities.get("space", "")
    image.set_sform(affine, code="mni" if space.startswith("MNI") else "aligned")
    image.header.set_xyzt_units("mm")
    return image


def _save_volume(data: Dataset, values: np.ndarray, stem: Path) -> list[Path]:
    path = stem.with_name(f"{stem.name}.nii.gz")
    with atomic_path(path) as temporary:
        nib.save(volume_of(data, values), temporary)
    return [path]


def _is_cifti(data: Dataset) -> bool:
    return data.grayordinates is not None and data.grayordinates.format == "cifti"


def _save_cifti(data: Dataset, values: np.ndarray, stem: Path) -> list[Path]:
    """Write a dscalar with the grayordinates of the series, NaN where they were not read."""
    places = data.grayordinates
    header = (ScalarAxis([stem.name]), places.axis)
    image = Cifti2Image(places.spread(values)[None], header)
    image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS")
    path = stem.with_name(f"{stem.name}.dscalar.nii")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)
    return [path]


def _is_gifti(data: Dataset) -> bool:
    return data.grayordinates is not None and data.grayordinates.format == "gifti"


def _save_gifti(data: Dataset, values: np.ndarray, stem: Path) -> list[Path]:
    """Write a file a hemisphere, every vertex of its surface in it."""
    places = data.grayordinates
    whole = places.spread(values)
    paths = []
    for structure, columns, part in places.axis.iter_structures():
        on_surface = np.full(places.axis.nvertices[structure], np.nan, np.float32)
        on_surface[part.vertex] = whole[columns]
        array = GiftiDataArray(on_surface, "NIFTI_INTENT_SHAPE", "NIFTI_TYPE_FLOAT32")
        meta = GiftiMetaData(AnatomicalStructurePrimary=ANATOMY[structure])
        path = stem.with_name(f"{with_hemisphere(stem.name, HEMISPHERES[structure])}.shape.gii")
        with atomic_path(path) as temporary:
            nib.save(GiftiImage(darrays=[array], meta=meta), temporary)
        paths.append(path)
    return paths


_ENTRIES = (
    MapFormat("nifti", "volumes on the grid of BOLD", _has_volume, _save_volume),
    MapFormat("cifti", "scalars on the grayordinates of BOLD", _is_cifti, _save_cifti),
    MapFormat("gifti", "values of vertices, a file a hemisphere", _is_gifti, _save_gifti),
)
MAP_FORMATS = {entry.name: entry for entry in _ENTRIES}


def format_of(data: Dataset) -> MapFormat | None:
    """Return the kind of image that fits a data set; None where its values have no place."""
    for entry in MAP_FORMATS.values():
        if entry.fits(data):
            return entry
    return None
