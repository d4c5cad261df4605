"""NIfTI images: opened, read volume by volume, moved to another grid."""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from giblet_core.errors import ARCHIVE_DAMAGE, InputError, explained, refuse_stream
from giblet_core.fmri.selection import VoxelGrid

MOST_DEFLATED = 1100  # a byte of a compressed file holds at most so many
GZIP = b"\x1f\x8b"  # a compressed file begins so
SIZES_OF_HEADERS = (348, 540)  # of NIfTI-1 and NIfTI-2, the first number of a file
ORDERS = ("little", "big")  # of its bytes
PIECE = 1 << 20  # bytes that are unpacked at once
SMALLEST_MM = 0.01
LARGEST_MM = 100.0
SAME_PLACE_MM = 1.0  # two transforms to one space may differ so much at the corners
# What libraries raise for a file that is damaged or something else.
DAMAGE = (
    *ARCHIVE_DAMAGE, TypeError, IndexError, ArithmeticError, MemoryError, AttributeError,
    struct.error, zlib.error, nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError,
)  # fmt: skip


@dataclass(frozen=True)
class Doubt:
    """Something in a header that can be read, but asks for a look: value, rule and remedy."""

    value: str
    rule: str
    remedy: str


def load_image(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a NIfTI image without reading its data.

    Raises
    ------
    InputError
        Not NIfTI in one file, compressed against its name, shorter than its header says, or
        without a place in space.
    """
    _check_name(path)
    with (
        explained(f"file={path}: must be a readable NIfTI image", "Copy it again.", *DAMAGE),
        np.errstate(all="ignore"),  # of an affine beyond every number, which is refused below
    ):
        # one handle: a compressed file is then unpacked once, not once a block
        image = nib.load(path, keep_file_open=True)
        declared = float(np.prod(image.shape, dtype=float)) * image.get_data_dtype().itemsize
        is_plain = np.isfinite(image.affine).all() and all(size > 0 for size in image.shape)
    if not isinstance(image, nib.Nifti1Image | nib.Cifti2Image):  # NIfTI-2 is a Nifti1Image too
        raise InputError(
            f"file={path}: is a {type(image).__name__}; it must be NIfTI in one file. Convert it "
            "(mri_convert, 3dAFNItoNIFTI), or save it as .nii.gz."
        )
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
    _check_voxels(image, path)
    return image


def _check_name(path: Path) -> None:
    """Refuse a name that says wrongly whether the file is compressed.

    What cannot be opened, and what is no image, is left to be told by the reader.
    """
    refuse_stream(path)
    with explained(f"file={path}: must be a readable NIfTI image", "Copy it again.", *DAMAGE):
        with open(path, "rb") as handle:
            is_packed = handle.read(len(GZIP)) == GZIP
        with gzip.open(path) if is_packed else open(path, "rb") as handle:
            head = handle.read(4)
    name = path.name.lower()
    is_nifti = any(int.from_bytes(head, order) in SIZES_OF_HEADERS for order in ORDERS)
    if is_nifti and name.endswith((".nii", ".gz")) and is_packed != name.endswith(".gz"):
        has, other = ("is", f"{path.name}.gz") if is_packed else ("is not", path.stem)
        raise InputError(
            f"file={path}: must be a readable NIfTI image, but {has} compressed against its name "
            f"(.gz). Rename it to {other}."
        )


def _check_voxels(image: nib.spatialimages.SpatialImage, path: Path) -> None:
    """Refuse voxels without extent, as of a transform of zeros, or of no size of a scanner."""
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers
        edges = np.sqrt((image.affine[:3, :3] ** 2).sum(0))
        volume = abs(np.linalg.det(image.affine[:3, :3]))
        is_flat = volume < 1e-6 * edges.prod() or not edges.all()
    size = " x ".join(f"{edge:.3g}" for edge in edges)
    if is_flat:
        raise InputError(
            f"file={path}: its transform ({size} mm) gives voxels no volume; it must place them in "
            "space. Correct sform or qform in the header."
        )
    if not (edges.min() >= SMALLEST_MM and edges.max() <= LARGEST_MM):
        raise InputError(
            f"file={path}: voxels of {size} mm; edges must be {SMALLEST_MM:g} to {LARGEST_MM:g} "
            "mm. Write the header in millimetres."
        )


def refuse_damaged(image: nib.spatialimages.SpatialImage, path: Path) -> None:
    """Refuse a file whose checksum is wrong, or which holds more than its header declares.

    Parameters
    ----------
    image : SpatialImage
        As `load_image` opened it.
    path : Path

    Raises
    ------
    InputError
        A compressed file is damaged or cut, or whole volumes stand behind the last one declared.
    """
    declared = int(np.prod(image.shape, dtype=np.int64)) * image.get_data_dtype().itemsize
    n_volume = max(1, declared // image.shape[-1])
    n_behind = _n_unpacked(path) - image.dataobj.offset - declared
    if n_behind >= n_volume:
        raise InputError(
            f"file={path}: its header declares {declared} bytes of values, and {n_behind} follow "
            "(cut or joined?); it must declare all. Export it again."
        )


def _n_unpacked(path: Path) -> int:
    """Count the bytes of a file, unpacked; a compressed one is read, so that its checksum is."""
    if not path.name.lower().endswith(".gz"):
        return path.stat().st_size
    n_bytes = 0
    with (
        explained(
            f"file={path}: cannot be read whole, up to its checksum",
            "The file is damaged; copy it again.",
            *DAMAGE,
        ),
        gzip.open(path) as handle,
    ):
        while piece := handle.read(PIECE):
            n_bytes += len(piece)
    return n_bytes


def doubts_of(image: nib.spatialimages.SpatialImage) -> tuple[Doubt, ...]:
    """Return what in the header of an image asks for a look: its orientation, its begin."""
    header = image.header
    doubts = []
    qform, in_space = header.get_qform(coded=True)
    sform, in_other_space = header.get_sform(coded=True)
    if qform is None and sform is None:
        doubts.append(
            Doubt(
                "qform_code 0 and sform_code 0",
                "the header does not tell left from right, nor where the voxels lie",
                "Check the orientation, and write it into the header.",
            )
        )
    elif qform is not None and sform is not None and in_space == in_other_space:
        away_mm = _distance_mm(qform, sform, image.shape[:3])
        if away_mm > SAME_PLACE_MM:
            doubts.append(
                Doubt(
                    f"qform and sform of one space, {away_mm:.3g} mm apart",
                    "should place voxels alike; the sform is read",
                    "Correct the header.",
                )
            )
    if float(header["toffset"]) != 0:
        doubts.append(
            Doubt(
                f"toffset {float(header['toffset']):g} in the header",
                "is not read: volume 0 begins at stimulus_start_s",
                "Check that stimulus_start_s counts it.",
            )
        )
    return tuple(doubts)


def _distance_mm(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return how far apart two transforms place the corners of an image."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in shape])).reshape(3, -1)
    places = [form[:3, :3] @ corners + form[:3, 3:] for form in (first, second)]
    return float(np.sqrt(((places[0] - places[1]) ** 2).sum(0)).max())


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
