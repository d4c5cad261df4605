"""MAP_FORMATS: how values of voxels go back into images, one entry a kind of data.

Data without a place in the brain (tables of regions, bare arrays) have no images; their values are
in the tables alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from giblet_core.files import atomic_path
from giblet_core.fmri import Dataset, mask_array


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


MAP_FORMATS = {
    entry.name: entry
    for entry in (MapFormat("nifti", "volumes on the grid of BOLD", _has_volume, _save_volume),)
}


def format_of(data: Dataset) -> MapFormat | None:
    """Return the kind of image that fits a data set; None where its values have no place."""
    for entry in MAP_FORMATS.values():
        if entry.fits(data):
            return entry
    return None
