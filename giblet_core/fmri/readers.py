"""READERS: the formats of BOLD, one entry each.

A format whose file is one array (n_trs, n_columns) needs a function that returns it and an entry
made by `array_reader`. A format with volumes streams them through a mask.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from giblet_core.errors import explained, require
from giblet_core.fmri.tables import read_table

VOLUMES_AT_ONCE = 16  # keeps the memory of a read at the result plus some tens of MB
SECONDS_PER = {"msec": 1e-3, "usec": 1e-6}


@dataclass(frozen=True)
class BoldHeader:
    """What a file says before its series are read.

    Attributes
    ----------
    n_trs : int
    space : tuple of int
        (x, y, z), or (n_columns,).
    t_r : float or None
        Seconds; None where the file does not say.
    """

    n_trs: int
    space: tuple[int, ...]
    t_r: float | None = None


@dataclass(frozen=True)
class Reader:
    """A format of BOLD.

    Attributes
    ----------
    name : str
        As in the manifest's ``bold.format``.
    what : str
        What the files are, in one line.
    suffixes : tuple of str
        Ends of their names.
    read_header : function (path) -> BoldHeader
    read_blocks : function (path, rows, mask) -> iterator of arrays (n, n_voxels)
        Yields the rows of a slice in order, block by block.
    has_space : bool
        Whether a TR is a volume, read through a mask; else it is a row of columns.
    """

    name: str
    what: str
    suffixes: tuple[str, ...]
    read_header: Callable[[Path], BoldHeader]
    read_blocks: Callable[[Path, slice, np.ndarray | None], Iterator[np.ndarray]]
    has_space: bool = False


def array_reader(
    name: str, what: str, suffixes: tuple[str, ...], read_array: Callable[[Path], np.ndarray]
) -> Reader:
    """Make a reader of files that hold one array (n_trs, n_columns).

    Parameters
    ----------
    name, what, suffixes
        As in `Reader`.
    read_array : function (path) -> array of shape (n_trs, n_columns)

    Returns
    -------
    Reader
    """
    return Reader(
        name, what, suffixes, partial(_array_header, read_array), partial(_array_rows, read_array)
    )


def _array_header(read_array: Callable[[Path], np.ndarray], path: Path) -> BoldHeader:
    n_trs, n_columns = read_array(path).shape
    return BoldHeader(n_trs, (n_columns,))


def _array_rows(
    read_array: Callable[[Path], np.ndarray], path: Path, rows: slice, mask: None
) -> Iterator[np.ndarray]:
    yield read_array(path)[rows]


def read_rows(
    reader: Reader, path: Path, rows: slice, mask: np.ndarray | None, out: np.ndarray
) -> None:
    """Read some TRs of a file into an array.

    Parameters
    ----------
    reader : Reader
    path : Path
    rows : slice
        TRs wanted, from ``rows.start`` to ``rows.stop``.
    mask : array of shape (x, y, z), bool, or None
    out : array of shape (n, n_voxels), float32
        Filled.

    Raises
    ------
    InputError
        The file ends early or is damaged.
    """
    n_read = 0
    for block in reader.read_blocks(path, rows, mask):
        out[n_read : n_read + len(block)] = block
        n_read += len(block)
    require(
        n_read == len(out),
        f"file={path}: ends at TR {rows.start + n_read}, but TRs to {rows.stop} are declared. "
        "Correct n_trs.",
    )


# --- NIfTI -----------------------------------------------------------------------------------


def load_image(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a NIfTI image without reading its data."""
    with explained(
        f"file={path}: must be a readable NIfTI image",
        "Copy it again.",
        OSError,
        EOFError,
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
    ):
        # one handle: a compressed file is then unpacked once, not once a block
        return nib.load(path, keep_file_open=True)


def _image_header(path: Path) -> BoldHeader:
    image = load_image(path)
    require(
        len(image.shape) == 4,
        f"file={path}: shape {image.shape} must have four dimensions (x, y, z, time). "
        "Give the BOLD series.",
    )
    unit_of_time = image.header.get_xyzt_units()[1]
    t_r = float(image.header.get_zooms()[3]) * SECONDS_PER.get(unit_of_time, 1.0)
    return BoldHeader(image.shape[3], image.shape[:3], t_r or None)


def _image_rows(path: Path, rows: slice, mask: np.ndarray) -> Iterator[np.ndarray]:
    data = load_image(path).dataobj
    for start in range(rows.start, rows.stop, VOLUMES_AT_ONCE):
        stop = min(start + VOLUMES_AT_ONCE, rows.stop)
        with explained(
            f"file={path}: TRs {rows.start} to {rows.stop} cannot be read",
            "The file is damaged; copy it again.",
            OSError,
            EOFError,
            zlib.error,
            ValueError,
        ):
            volumes = np.asarray(data[..., start:stop])
        yield volumes[mask].T


# --- npz -------------------------------------------------------------------------------------


def _npz_array(path: Path) -> np.ndarray:
    readable = explained(
        f"file={path}: must be npz without pickle",
        "Save it with numpy.savez.",
        OSError,
        ValueError,
        EOFError,
        zlib.error,
    )
    array = None
    with readable, np.load(path, allow_pickle=False) as data:
        names = [name for name in data.files if not name.startswith("__")]
        if "bold" in names:
            array = data["bold"]
        elif len(names) == 1:
            array = data[names[0]]
    require(
        array is not None and array.ndim == 2 and array.dtype.kind in "fiu",
        f"file={path}: must hold one array (n_trs, n_voxels) of numbers, named 'bold'. "
        "Save it with numpy.savez(file, bold=...).",
    )
    return array


# --- tables ----------------------------------------------------------------------------------


def _table_array(path: Path) -> np.ndarray:
    return read_table(path).to_numpy()


NIFTI = (".nii", ".nii.gz")
READERS = {
    reader.name: reader
    for reader in (
        Reader(
            "nifti",
            "volumes, one file a subject and run or one a subject",
            NIFTI,
            _image_header,
            _image_rows,
            has_space=True,
        ),
        Reader(
            "bids",
            "volumes of a BIDS derivative, such as fMRIPrep's",
            NIFTI,
            _image_header,
            _image_rows,
            has_space=True,
        ),
        array_reader(
            "roi_table",
            "a table: one line a TR, one column a region",
            (".tsv", ".csv", ".txt"),
            _table_array,
        ),
        array_reader("npz", "one array (n_trs, n_voxels), named 'bold'", (".npz",), _npz_array),
    )
}
