"""NIfTI images: opened, read volume by volume, moved to another grid."""

import struct
import zipfile
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from giblet_core.errors import InputError, explained
from giblet_core.fmri.selection import VoxelGrid

MOST_DEFLATED = 1100  # a byte of a compressed file holds at most so many
# What libraries raise for a file that is damaged or something else.
DAMAGE = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, ArithmeticError, MemoryError,
    NotImplementedError, AttributeError, struct.error, zlib.error, zipfile.BadZipFile,
    nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError,
)  # fmt: skip


def load_image(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a NIfTI image without reading its data.

    Raises
    ------
    InputError
        Not an image, or shorter than its header says.
    """
    with (
        explained(f"file={path}: must be a readable NIfTI image", "Copy it again.", *DAMAGE),
        np.errstate(all="ignore"),  # of an affine beyond every number, which is refused below
    ):
        # one handle: a compressed file is then unpacked once, not once a block
        image = nib.load(path, keep_file_open=True)
        declared = float(np.prod(image.shape, dtype=float)) * image.get_data_dtype().itemsize
        is_plain = np.isfinite(image.affine).all() and all(size > 0 for size in image.shape)
    if image.get_data_dtype().kind not in "iufb":
        raise InputError(
            f"file={path}: holds {image.get_data_dtype()}; values must be real numbers. Save "
            "magnitudes, or one channel."
        )
    _check_orientation(image, path)
    present = path.stat().st_size * (MOST_DEFLATED if path.name.endswith(".gz") else 1)
    if not is_plain or declared > present:
        raise InputError(
            f"file={path}: must be a readable NIfTI image (shape {image.shape} of "
            f"{declared:.4g} bytes, but the file has {path.stat().st_size}). Copy it again."
        )
    return image


def _check_orientation(image: nib.spatialimages.SpatialImage, path: Path) -> None:
    """Refuse a header whose two transforms differ in what is left: programs would disagree."""
    if not isinstance(image.header, nib.Nifti1Header):
        return
    with explained(f"file={path}: must have a readable header", "Copy it again.", *DAMAGE):
        qform = image.header.get_qform(coded=True)[0]
        sform = image.header.get_sform(coded=True)[0]
    if qform is None or sform is None:
        return
    handedness = [np.sign(np.linalg.det(form[:3, :3])) for form in (qform, sform)]
    if handedness[0] != handedness[1]:
        raise InputError(
            f"file={path}: its qform ({''.join(nib.aff2axcodes(qform))}) mirrors its sform "
            f"({''.join(nib.aff2axcodes(sform))}); both must have left on the same side. Correct "
            "the header (for example with `fslorient -copysform2qform`)."
        )


def image_grid(image: nib.spatialimages.SpatialImage) -> VoxelGrid:
    """Return where the voxels of an image lie."""
    return VoxelGrid(tuple(image.shape[:3]), np.asarray(image.affine))


def read_volumes(path: Path, start: int, stop: int) -> np.ndarray:
    """Read some volumes of a series: (x, y, z, n).

    Parameters
    ----------
    path : Path
    start, stop : int
        From volume `start` up to `stop`.

    Returns
    -------
    array of shape (x, y, z, stop - start)

    Raises
    ------
    InputError
        The file is damaged.
    """
    return volumes_of(load_image(path), path, start, stop)


def volumes_of(
    image: nib.spatialimages.SpatialImage, path: Path, start: int, stop: int
) -> np.ndarray:
    """Read some volumes of an open image, as `read_volumes`.

    Parameters
    ----------
    image : SpatialImage
    path : Path
        Of the image, for messages.
    start, stop : int

    Returns
    -------
    array of shape (x, y, z, stop - start)
    """
    with (
        explained(
            f"file={path}: TRs {start} to {stop} cannot be read",
            "The file is damaged; copy it again.",
            *DAMAGE,
        ),
        np.errstate(all="ignore"),  # what is not finite is counted where values are looked at
    ):
        return np.asarray(image.dataobj[..., start:stop])


def resampled(
    volumes: np.ndarray, affine: np.ndarray, target: VoxelGrid, interpolation: str
) -> np.ndarray:
    """Move volumes to another grid by nilearn's `resample_img`.

    Parameters
    ----------
    volumes : array of shape (x, y, z) or (x, y, z, n)
    affine : array of shape (4, 4)
    target : VoxelGrid
    interpolation : {"linear", "nearest"}

    Returns
    -------
    array of shape ``target.shape`` or (*target.shape, n), float32
        0 outside the field of view.
    """
    from nilearn.image import resample_img

    image = nib.Nifti1Image(np.asarray(volumes, np.float32), affine)
    moved = resample_img(
        image,
        target_affine=target.affine,
        target_shape=target.shape,
        interpolation=interpolation,
        copy_header=True,
        force_resample=True,
    )
    return np.asarray(moved.dataobj, np.float32)


def smoothed(
    volumes: np.ndarray, affine: np.ndarray, fwhm_mm: float, mask: np.ndarray
) -> np.ndarray:
    """Smooth volumes by nilearn's `smooth_img`, which counts NaN outside the mask as 0.

    Parameters
    ----------
    volumes : array of shape (x, y, z, n)
    affine : array of shape (4, 4)
    fwhm_mm : float
        Full width at half maximum of the Gaussian, mm.
    mask : array of shape (x, y, z), bool
        Voxels that must be finite: a smoothed NaN would hide.

    Returns
    -------
    array of shape (x, y, z, n), float32

    Raises
    ------
    InputError
        NaN or infinity inside the mask.
    """
    from nilearn.image import smooth_img

    n_bad = int(np.count_nonzero(~np.isfinite(volumes[mask])))
    if n_bad:
        raise InputError(
            f"denoising.smooth_mm={fwhm_mm:g}: {n_bad} values in the mask are NaN or infinite; "
            "smoothing would spread them. Give a mask without them."
        )
    image = nib.Nifti1Image(np.asarray(volumes, np.float32), affine)
    return np.asarray(smooth_img(image, fwhm_mm).dataobj, np.float32)
