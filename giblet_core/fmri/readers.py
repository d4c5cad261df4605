"""READERS: the formats of BOLD, one entry each.

A format whose file is one array (n_trs, n_columns) needs a function that returns it, and an entry
made by `array_reader`. A format with volumes streams them through a mask.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.errors import InputError, explained, require
from giblet_core.fmri.grayordinates.cifti import cifti_facts, cifti_rows
from giblet_core.fmri.grayordinates.gifti import gifti_facts, gifti_rows
from giblet_core.fmri.grayordinates.places import SurfaceFacts
from giblet_core.fmri.images import (
    DAMAGE,
    Doubt,
    doubts_of,
    image_grid,
    load_image,
    refuse_damaged,
    resampled,
    smoothed,
    volumes_of,
)
from giblet_core.fmri.selection import Selection, VoxelGrid
from giblet_core.tables import read_table

VOLUMES_AT_ONCE = 16  # keeps the memory of a read at the result plus some tens of MB
SECONDS_PER = {"msec": 1e-3, "usec": 1e-6}
LARGEST_VALUE = 1e15  # sums of squares beyond overflow in float32
LEAST_RAMP = 4  # so many equal steps are no chance,
LEAST_LONG_RAMP = 20  # and so many that differ a little, as those of a clock that jitters
JITTER = 0.1  # of a step


@dataclass(frozen=True, eq=False)
class BoldHeader:
    """What a file says before its series are read.

    Attributes
    ----------
    n_trs : int
    space : tuple of int
        (x, y, z), or (n_columns,).
    t_r : float or None
        Seconds; None where the file does not say.
    t_r_number, t_r_unit : float, str
        The TR as the file writes it, and its unit; "sec" where the format has but one.
    names : tuple of str or None
        Of the columns.
    affine : array of shape (4, 4) or None
    axis : BrainModelAxis or None
        Of grayordinates: where each column lies.
    doubts : tuple of Doubt
        What asks for a look.
    """

    n_trs: int
    space: tuple[int, ...]
    t_r: float | None = None
    t_r_number: float = 0.0
    t_r_unit: str = "sec"
    names: tuple[str, ...] | None = None
    affine: np.ndarray | None = None
    axis: Any = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def grid(self) -> VoxelGrid | None:
        """Where the voxels lie; None where there is no space."""
        return None if self.affine is None else VoxelGrid(self.space, self.affine)


@dataclass(frozen=True)
class ReadOptions:
    """How to read what a format leaves open: the decimal sign of tables."""

    decimal: str = "."


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
    read_header : function (path, options) -> BoldHeader
    read_blocks : function (path, rows, selection, options) -> iterator of arrays (n, n_voxels)
        Yields the rows of a slice in order, block by block.
    has_space : bool
        Whether a TR is a volume, read through a mask; else it is a row of columns.
    has_surface : bool
        Whether the columns are grayordinates; else, without space, each is a region.
    extensions : tuple of str
        Of names of BIDS; () where files are found by a pattern only.
    usual_entities : mapping
        What names of BIDS hold where the manifest does not say otherwise.
    """

    name: str
    what: str
    suffixes: tuple[str, ...]
    read_header: Callable[[Path, ReadOptions], BoldHeader]
    read_blocks: Callable[[Path, slice, Selection, ReadOptions], Iterator[np.ndarray]]
    has_space: bool = False
    has_surface: bool = False
    extensions: tuple[str, ...] = ()
    usual_entities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Columns:
    """Series side by side: values (n_trs, n_columns), and names where the file gives them."""

    values: np.ndarray
    names: tuple[str, ...] | None = None


ReadArray = Callable[[Path], np.ndarray | Columns]
ReadColumns = Callable[[Path, ReadOptions], Columns]


def array_reader(name: str, what: str, suffixes: tuple[str, ...], read_array: ReadArray) -> Reader:
    """Make a reader of files that hold one array (n_trs, n_columns).

    Parameters
    ----------
    name, what, suffixes
        As in `Reader`.
    read_array : function (path) -> array of shape (n_trs, n_columns), or Columns with names

    Returns
    -------
    Reader
    """
    return _columns_reader(name, what, suffixes, partial(_as_columns, read_array))


def _columns_reader(
    name: str, what: str, suffixes: tuple[str, ...], read_columns: ReadColumns
) -> Reader:
    """Make a reader of files that hold columns, from a function that is told the options."""
    header = partial(_array_header, read_columns)
    rows = partial(_array_rows, read_columns)
    return Reader(name, what, suffixes, header, rows)


def _as_columns(read_array: ReadArray, path: Path, options: ReadOptions) -> Columns:
    content = read_array(path)
    return content if isinstance(content, Columns) else Columns(content)


def _array_header(read_columns: ReadColumns, path: Path, options: ReadOptions) -> BoldHeader:
    columns = read_columns(path, options)
    n_trs, n_columns = columns.values.shape
    return BoldHeader(n_trs, (n_columns,), names=columns.names)


def _array_rows(
    read_columns: ReadColumns, path: Path, rows: slice, selection: Selection, options: ReadOptions
) -> Iterator[np.ndarray]:
    yield read_columns(path, options).values[rows][:, selection.columns]


def read_rows(
    reader: Reader,
    path: Path,
    rows: slice,
    selection: Selection,
    options: ReadOptions,
    out: np.ndarray,
) -> None:
    """Read some TRs of a file into an array.

    Parameters
    ----------
    reader : Reader
    path : Path
    rows : slice
        TRs wanted, from ``rows.start`` to ``rows.stop``.
    selection : Selection
    options : ReadOptions
    out : array of shape (n, n_voxels), float32
        Filled.

    Raises
    ------
    InputError
        The file ends early or is damaged.
    """
    n_read = 0
    for block in reader.read_blocks(path, rows, selection, options):
        _refuse_huge(path, np.asarray(block))
        out[n_read : n_read + len(block)] = block
        n_read += len(block)
    require(
        n_read == len(out),
        f"file={path}: ends at TR {rows.start + n_read}, but TRs to {rows.stop} are declared. "
        "Correct n_trs.",
    )


def _refuse_huge(path: Path, block: np.ndarray) -> None:
    """Refuse values whose squares, summed, float32 cannot hold; NaN and infinity are told later."""
    is_usual = block.max(initial=0) <= LARGEST_VALUE and block.min(initial=0) >= -LARGEST_VALUE
    if is_usual:  # False for NaN
        return
    is_huge = (np.abs(block) > LARGEST_VALUE) & np.isfinite(block)
    if is_huge.any():
        raise InputError(
            f"file={path}: {np.count_nonzero(is_huge)} values are beyond {LARGEST_VALUE:g}; "
            "BOLD of any scanner is far below. Export the series anew, or divide them."
        )


# --- NIfTI -----------------------------------------------------------------------------------


def _image_header(path: Path, options: ReadOptions) -> BoldHeader:
    image = load_image(path)
    require(
        len(image.shape) == 4,
        f"file={path}: shape {image.shape} must have four dimensions (x, y, z, time). "
        "Give the BOLD series, without an axis of length 1.",
    )
    with explained(f"file={path}: must have a readable header", "Copy it again.", *DAMAGE):
        unit = image.header.get_xyzt_units()[1]
        number = float(image.header.get_zooms()[3])
        doubts = doubts_of(image)
    grid = image_grid(image)
    t_r = number * SECONDS_PER.get(unit, 1.0)
    return BoldHeader(
        image.shape[3],
        grid.shape,
        t_r or None,
        t_r_number=number,
        t_r_unit=unit,
        affine=grid.affine,
        doubts=doubts,
    )


def _image_rows(
    path: Path, rows: slice, selection: Selection, options: ReadOptions
) -> Iterator[np.ndarray]:
    image = load_image(path)
    refuse_damaged(image, path)
    stop = min(rows.stop, image.shape[3])
    for first in range(rows.start, stop, VOLUMES_AT_ONCE):
        volumes = volumes_of(image, path, first, min(first + VOLUMES_AT_ONCE, stop))
        if selection.target is not None:
            volumes = resampled(volumes, image.affine, selection.target, "linear")
        if selection.smooth_mm is not None:
            grid = selection.target or image_grid(image)
            volumes = smoothed(volumes, grid.affine, selection.smooth_mm, selection.mask)
        yield volumes[selection.mask].T


# --- grayordinates ---------------------------------------------------------------------------


def _surface_header(
    read_facts: Callable[[Path], SurfaceFacts], path: Path, options: ReadOptions
) -> BoldHeader:
    facts = read_facts(path)
    number = facts.t_r or 0.0
    return BoldHeader(
        facts.n_trs, (len(facts.axis),), facts.t_r, t_r_number=number, axis=facts.axis
    )


def _surface_rows(
    read_some: Callable[[Path, slice, np.ndarray], np.ndarray],
    path: Path,
    rows: slice,
    selection: Selection,
    options: ReadOptions,
) -> Iterator[np.ndarray]:
    yield read_some(path, rows, selection.columns)


# --- npz -------------------------------------------------------------------------------------


def _npz_array(path: Path) -> np.ndarray:
    array = None
    with (
        explained(f"file={path}: must be npz without pickle", "Save it with numpy.savez.", *DAMAGE),
        open(path, "rb") as handle,  # np.load leaks the handle of a broken file
        np.load(handle, allow_pickle=False) as data,
    ):
        names = [name for name in data.files if not name.startswith("__")]
        if "bold" in names:
            array = data["bold"]
        elif len(names) == 1:
            array = data[names[0]]
    require(
        array is not None and array.ndim == 2 and array.size and array.dtype.kind in "fiu",
        f"file={path}: must hold one array (n_trs, n_voxels) of numbers, named 'bold'. "
        "Save it with numpy.savez(file, bold=...).",
    )
    return array


# --- tables ----------------------------------------------------------------------------------


def _table_columns(path: Path, options: ReadOptions) -> Columns:
    table = read_table(path, decimal=options.decimal)
    require(
        table.rows,
        f"file={path}: names {table.n_columns} columns, but has no row; a row is a TR. Export it "
        "again.",
    )
    values = table.numbers()
    for column in range(table.n_columns):
        if is_ramp(values[:, column]):
            raise InputError(
                f"file={path}: column {table.label(column)} rises by one step from row to row; "
                "an index or a time is no series. Save the table without it."
            )
    return Columns(values, table.names)


def is_ramp(values: np.ndarray) -> bool:
    """Tell whether values (n,) rise or fall by one step, as an index or a clock does."""
    steps = np.diff(values)
    if len(steps) < LEAST_RAMP or not np.isfinite(steps).all() or steps[0] == 0:
        return False
    tolerance = JITTER if len(steps) >= LEAST_LONG_RAMP else 1e-6
    return bool(np.ptp(steps) <= tolerance * abs(np.median(steps)))


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
            extensions=(".nii.gz", ".nii"),
            usual_entities={"desc": "preproc"},
        ),
        Reader(
            "cifti",
            "grayordinates: one .dtseries.nii a subject and run",
            (".dtseries.nii",),
            partial(_surface_header, cifti_facts),
            partial(_surface_rows, cifti_rows),
            has_surface=True,
            extensions=(".dtseries.nii",),
            usual_entities={"desc": "none"},
        ),
        Reader(
            "gifti",
            "vertices of the surface: the left .func.gii, with the right one beside it",
            (".gii",),
            partial(_surface_header, gifti_facts),
            partial(_surface_rows, gifti_rows),
            has_surface=True,
            extensions=(".func.gii",),
            usual_entities={"desc": "none", "hemi": "L"},
        ),
        _columns_reader(
            "roi_table",
            "a table: one line a TR, one column a region",
            (".tsv", ".csv", ".txt"),
            _table_columns,
        ),
        array_reader("npz", "one array (n_trs, n_voxels), named 'bold'", (".npz",), _npz_array),
    )
}
