"""An atlas on disk: its labels and their names."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.errors import InputError, explained
from giblet_core.files import read_json
from giblet_core.fmri.files.patterns import find_one
from giblet_core.fmri.files.space import WHOLE_TOLERANCE, read_map
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.selection import VoxelGrid
from giblet_core.tables import read_table

BACKGROUND = ("background", "unknown", "???", "clear label")
INDEXED_LINE = re.compile(r"(\d{1,9})[\s,;:]+(\S.*)", re.ASCII)
N_COLOURS = 4  # numbers behind a name in a lookup table of FreeSurfer
LISTED = 8  # in a message
HIGHEST_LABEL = 1_000_000


@dataclass(frozen=True, eq=False)
class LabelImage:
    """An atlas: labels (x, y, z) int, 0 outside regions, else 1 + index into `names`."""

    labels: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class LabelNames:
    """Names of labels: by index where a table gives it, else in order."""

    by_index: dict[int, str] | None
    in_order: tuple[str, ...] = ()


def read_atlas(manifest: Manifest, grid: VoxelGrid | None) -> LabelImage:
    """Read an atlas on the grid of BOLD (None: not known), its labels renumbered from 1.

    Raises
    ------
    InputError
        Labels that are no whole numbers, names that do not fit them, or another grid.
    """
    labels = _labels(manifest, grid)
    names = _names_of_labels(labels, read_names(manifest))
    kept = [index for index, name in sorted(names.items()) if not _is_background(name)]
    place = np.zeros(int(labels.max()) + 1, int)
    place[kept] = np.arange(1, len(kept) + 1)
    return LabelImage(place[labels], tuple(names[index] for index in kept))


def compare_names(manifest: Manifest) -> None:
    """Compare the names of labels with those that an atlas holds, wherever its voxels lie.

    Labels below 0 are passed over here.

    Raises
    ------
    InputError
        Labels that are no whole numbers, or names that do not fit them.
    """
    values = read_map(manifest.atlas.file, manifest, None, "atlas.file")
    labels = _whole(np.maximum(values, 0), manifest)
    _names_of_labels(labels, read_names(manifest))


def _is_background(name: str) -> bool:
    return name.lower() in BACKGROUND


def _labels(manifest: Manifest, grid: VoxelGrid | None) -> np.ndarray:
    """Read the labels of an atlas: (x, y, z) int, 0 outside regions."""
    return _whole(read_map(manifest.atlas.file, manifest, grid, "atlas.file"), manifest)


def _whole(values: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Return labels as whole numbers; refuse what is none."""
    name = manifest.atlas.file
    labels = np.rint(np.clip(values, -1, HIGHEST_LABEL)).astype(int)
    if np.abs(values - labels).max() > WHOLE_TOLERANCE or labels.min() < 0:
        worst = values.flat[np.argmax(np.where(values < 0, np.inf, np.abs(values - labels)))]
        raise InputError(
            f"atlas.file={name}: holds the label {worst:g}; labels must be whole numbers from 0. "
            "Give an image of labels, not of probabilities, resampled to the nearest voxel."
        )
    if not labels.any():
        raise InputError(f"atlas.file={name}: holds no label above 0; it must. Give another atlas.")
    return labels


def _names_of_labels(labels: np.ndarray, names: LabelNames) -> dict[int, str]:
    """Return the name of each label above 0; names in order must be as many as labels."""
    present = [int(label) for label in np.unique(labels) if label > 0]
    if names.by_index is None:
        by_index = _indexed(names.in_order, max(present))
    else:
        by_index = {label: names.by_index[label] for label in present if label in names.by_index}
    unnamed = [label for label in present if not by_index.get(label)]
    if unnamed:
        raise InputError(
            f"atlas.names: label {', '.join(map(str, unnamed[:LISTED]))} has no name; every label "
            "of the atlas must have one. Complete the table."
        )
    repeated = [name for name, n in Counter(by_index.values()).items() if n > 1]
    repeated = [name for name in repeated if not _is_background(name)]
    if repeated:
        raise InputError(
            f"atlas.names: {', '.join(repeated[:LISTED])} is the name of two labels; names must "
            "differ. Rename one."
        )
    return by_index


def _indexed(names: Sequence[str], highest: int) -> dict[int, str]:
    """Give a list of names its labels: from 1, or from 0 where it begins with the background."""
    if names and _is_background(names[0]) and len(names) == highest + 1:
        return dict(enumerate(names[1:], 1))
    if len(names) != highest:
        raise InputError(
            f"atlas.names: {len(names)} names, but labels go up to {highest}. "
            "Name the labels 1, 2, ... in order, or give a table with index and name."
        )
    return dict(enumerate(names, 1))


# --- names -----------------------------------------------------------------------------------


def read_names(manifest: Manifest) -> LabelNames:
    """Read the names of labels, from the manifest or from the file that it names."""
    names = manifest.atlas.names
    if isinstance(names, str):
        path = find_one(manifest.folder, names)
        if path.suffix == ".json":
            return _names_of_json(path)
        return _names_of_text(path)
    return _in_order(names)


def _in_order(names: Sequence[Any]) -> LabelNames:
    stripped = [str(name).strip() for name in names]
    return LabelNames(None, tuple(name for name in stripped if name))


def _names_of_json(path: Path) -> LabelNames:
    content = read_json(path)
    if isinstance(content, list):
        return _in_order(content)
    if isinstance(content, dict) and all(str(key).strip().isdecimal() for key in content):
        return LabelNames({int(key): str(name) for key, name in content.items()})
    raise InputError(
        f"atlas.names={path.name}: must be a list of names, or names by index. Correct the file."
    )


def _names_of_text(path: Path) -> LabelNames:
    """Read a table with index and name, a FreeSurfer lookup table, or one name a line."""
    with explained(
        f"atlas.names={path.name}: must be readable text", "Save it as UTF-8.", OSError, ValueError
    ):
        text = path.read_bytes().decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip()]
    header = [cell.strip(' "').lower() for cell in re.split(r"[\t,;]", lines[0])] if lines else []
    if "name" in header and ("index" in header or len(header) > 1):
        return _names_of_table(path, header)
    lines = [line.strip() for line in lines if not line.lstrip().startswith("#")]
    entries = [INDEXED_LINE.fullmatch(line) for line in lines]
    if entries and all(entries):
        named = [(int(entry[1]), entry[2]) for entry in entries]
        coloured = [name.rsplit(None, N_COLOURS) for _, name in named]
        if all(len(parts) > N_COLOURS and _are_digits(parts[1:]) for parts in coloured):
            named = [(index, parts[0]) for (index, _), parts in zip(named, coloured)]
        return LabelNames(_unique([(index, name.strip('"')) for index, name in named], path))
    return _in_order([line.strip('"') for line in lines])


def _are_digits(texts: list[str]) -> bool:
    return all(text.isascii() and text.isdigit() for text in texts)


def _names_of_table(path: Path, header: list[str]) -> LabelNames:
    """Read BIDS' dseg.tsv or nilearn's table: columns index and name among others."""
    table = read_table(path)
    columns = {name.lower(): name for name in table.names}
    names = table.texts(columns["name"])
    if "index" not in header:
        return _in_order(names)
    indices = table.texts(columns["index"])
    for i, index in enumerate(indices):
        if not index.isascii() or not index.isdigit():
            raise InputError(
                f"atlas.names={path.name}, line {table.line(i)}: index {index!r} must be a whole "
                "number from 0. Correct it."
            )
    return LabelNames(_unique([(int(index), name) for index, name in zip(indices, names)], path))


def _unique(pairs: list[tuple[int, str]], path: Path) -> dict[int, str]:
    repeated = [index for index, n in Counter(index for index, _ in pairs).items() if n > 1]
    if repeated:
        raise InputError(
            f"atlas.names={path.name}: index {repeated[0]} occurs twice; each must be named once. "
            "Remove one."
        )
    return dict(pairs)
