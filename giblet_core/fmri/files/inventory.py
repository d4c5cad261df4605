"""The files of BOLD that a manifest asks for: which are there, what they say, what they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri.files.naming import bold_path
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.fmri.readers import READERS, BoldHeader, ReadOptions
from giblet_core.fmri.selection import Selection, VoxelGrid


@dataclass(frozen=True)
class AskedFile:
    """A file that the manifest asks for: whose, what to call it, how many TRs it must have."""

    subject: str
    run: Run
    where: str
    n_trs: int


@dataclass(frozen=True, eq=False)
class FoundFile:
    """A file that is there and says what it is."""

    asked: AskedFile
    path: Path
    header: BoldHeader


@dataclass(frozen=True, eq=False)
class Inventory:
    """The files that are there, and what most of them share.

    Attributes
    ----------
    files : tuple of FoundFile
    faults : dict of str to InputError
        Why a file is not among them, by what it is called in messages.
    grid : VoxelGrid or None
        That of most files, of equally many the first; None where the format has no space.
    """

    files: tuple[FoundFile, ...]
    faults: dict[str, InputError]
    grid: VoxelGrid | None


def asked_files(manifest: Manifest) -> list[AskedFile]:
    """List the files that a manifest asks for, whether they are there or not."""
    files = []
    for subject in manifest.subjects:
        if manifest.joined:
            run = manifest.runs[0].of(subject)
            n_trs = manifest.n_trs_of(subject)
            files.append(AskedFile(subject, run, f"subject {subject}", n_trs))
            continue
        for run in [run.of(subject) for run in manifest.runs]:
            where = f"subject {subject}, {run.name}"
            files.append(AskedFile(subject, run, where, run.n_trs))
    return files


def take_inventory(manifest: Manifest) -> Inventory:
    """Find every file and read its header; keep why one is missing or unreadable.

    A file that two subjects or runs share is a fault too.
    """
    reader = READERS[manifest.bold.format]
    options = read_options(manifest)
    files = []
    faults = {}
    owners = {}
    for asked in asked_files(manifest):
        try:
            path = bold_path(manifest, asked.subject, asked.run)
            owner = owners.setdefault(path.resolve(), asked.where)
            if owner != asked.where:
                raise InputError(
                    f"file={path}: is that of {owner} too; each must have its own. "
                    "Correct pattern, folder or names."
                )
            files.append(FoundFile(asked, path, reader.read_header(path, options)))
        except InputError as fault:
            faults[asked.where] = fault
    return Inventory(tuple(files), faults, _common_grid([file.header for file in files]))


def read_options(manifest: Manifest) -> ReadOptions:
    """Return how the files of a manifest are read."""
    return ReadOptions(decimal=manifest.decimal)


def _common_grid(headers: Sequence[BoldHeader]) -> VoxelGrid | None:
    """Return the grid of most files, of equally many the first; None where none has one."""
    grids = []
    n_files = []
    for header in headers:
        if header.grid is None:
            continue
        same = [i for i, grid in enumerate(grids) if grid.is_same(header.grid)]
        if same:
            n_files[same[0]] += 1
        else:
            grids.append(header.grid)
            n_files.append(1)
    return grids[int(np.argmax(n_files))] if grids else None


# --- columns of tables -----------------------------------------------------------------------


def region_columns(manifest: Manifest, inventory: Inventory) -> tuple[str, ...]:
    """Return the names of the columns that are regions.

    Those that the manifest lists; else those of the first file; else R01, R02, ...

    Raises
    ------
    InputError
        No file could be read.
    """
    if manifest.bold.columns is not None:
        return manifest.bold.columns
    if not inventory.files:
        raise InputError("bold: no file could be read; one is needed. See the files' own errors.")
    headers = [file.header for file in inventory.files]
    for header in headers:
        if header.names is not None:
            return header.names
    return _numbered(headers[0].space[0])


def _numbered(n_columns: int) -> tuple[str, ...]:
    """Return the names of columns that have none: R01, R02, ..."""
    return tuple(f"R{i + 1:02d}" for i in range(n_columns))


def columns_of(manifest: Manifest, header: BoldHeader, regions: Sequence[str]) -> np.ndarray:
    """Return where the regions stand in a file: matched by name, by place where it has no names.

    Parameters
    ----------
    manifest : Manifest
    header : BoldHeader
    regions : sequence of str

    Returns
    -------
    array of shape (n_regions,), int

    Raises
    ------
    InputError
        A region is missing, or a column is no region.
    """
    n_columns = header.space[0]
    if header.names is None:
        if n_columns != len(regions):
            source = "bold.columns" if manifest.bold.columns is not None else "the first file"
            raise InputError(
                f"{n_columns} columns: must be the {len(regions)} of {source} "
                f"({', '.join(regions)}). Correct bold.columns, or the table."
            )
        if manifest.bold.columns is None and tuple(regions) != _numbered(n_columns):
            raise InputError(
                f"{n_columns} columns without names: must be named as in the other files "
                f"({', '.join(regions)}). Name them, or list them in bold.columns."
            )
        return np.arange(n_columns)
    missing = [name for name in regions if name not in header.names]
    if missing:
        raise InputError(
            f"columns {', '.join(header.names)}: must hold {', '.join(missing)}, as bold.columns "
            "or the other files do. Correct the table's first line."
        )
    surplus = [name for name in header.names if name not in regions]
    if surplus and manifest.bold.columns is None:
        raise InputError(
            f"columns {', '.join(surplus)}: are not in the other files; all must have the same. "
            "List those wanted in bold.columns."
        )
    return np.array([header.names.index(name) for name in regions])


def selection_of(
    manifest: Manifest,
    header: BoldHeader,
    mask: np.ndarray | None,
    grid: VoxelGrid | None,
    regions: Sequence[str],
) -> Selection:
    """Return what to read of a file.

    Parameters
    ----------
    manifest : Manifest
    header : BoldHeader
        Of the file.
    mask : array of shape (x, y, z), bool, or None
        None where the format has no space.
    grid : VoxelGrid or None
        Of the mask.
    regions : sequence of str
        Names of the columns, where there is no space.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        Another grid than the mask's, unless the manifest says ``resample: true``; other columns.
    """
    if mask is None:
        return Selection(columns=columns_of(manifest, header, regions))
    if header.grid.is_same(grid):
        return Selection(mask)
    if not manifest.resample:
        raise grid.refuse(header.grid)
    return Selection(mask, target=grid)
