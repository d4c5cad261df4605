"""GIFTI: a file a hemisphere. The manifest names the left one; the right one lies beside it."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis

from giblet_core.errors import InputError, explained
from giblet_core.fmri.grayordinates.places import LEFT, RIGHT, LabelColumns, SurfaceFacts
from giblet_core.fmri.images import DAMAGE

#: How the left half is told in a name, and what stands for it in that of the right half.
HALVES = (
    ("hemi-L", "hemi-R"),
    ("hemi-left", "hemi-right"),
    ("lh", "rh"),
    ("left", "right"),
    ("Left", "Right"),
    ("L", "R"),
)
SECONDS_PER_MS = 1e-3


def is_left_half(path: Path) -> bool:
    """Tell whether a name is that of a left hemisphere."""
    return _right_name(path.name) is not None


def right_half(path: Path) -> Path:
    """Return the file of the right hemisphere beside that of the left one.

    Raises
    ------
    InputError
        The name does not say that it is the left half, or the right one is not there.
    """
    name = _right_name(path.name)
    if name is None:
        raise InputError(
            f"file={path}: must be the left hemisphere's (hemi-L or lh in its name); the right "
            "one is found beside it. Name that file."
        )
    right = path.with_name(name)
    if not right.is_file():
        raise InputError(
            f"file={right}: does not exist, but {path.name} is the left half of a pair. "
            "Copy the right half beside it."
        )
    return right


def _right_name(name: str) -> str | None:
    for left, right in HALVES:
        whole = rf"(?<![A-Za-z0-9]){left}(?![A-Za-z0-9])"
        if re.search(whole, name):
            return re.sub(whole, right, name)
    return None


def _load(path: Path) -> nib.gifti.GiftiImage:
    with explained(f"file={path}: must be a readable GIFTI image", "Copy it again.", *DAMAGE,
                   SyntaxError):  # fmt: skip
        image = nib.load(path)
        is_gifti = isinstance(image, nib.gifti.GiftiImage) and len(image.darrays) > 0
    if not is_gifti:
        raise InputError(f"file={path}: holds no GIFTI data. Give a .func.gii or .label.gii.")
    return image


def _values(path: Path) -> np.ndarray:
    """Return the arrays of a file: (n_arrays, n_vertices)."""
    image = _load(path)
    lengths = {array.data.shape for array in image.darrays}
    if len(lengths) > 1 or len(next(iter(lengths))) != 1:
        raise InputError(
            f"file={path}: arrays of shape {sorted(lengths)} must be one value a vertex, as many "
            "in each. Give a series (.func.gii), no surface."
        )
    return np.array([array.data for array in image.darrays])


def _axis(n_left: int, n_right: int) -> BrainModelAxis:
    left = BrainModelAxis.from_surface(np.arange(n_left), n_left, LEFT)
    right = BrainModelAxis.from_surface(np.arange(n_right), n_right, RIGHT)
    return left + right


def gifti_facts(path: Path) -> SurfaceFacts:
    """Return what a pair of ``func.gii`` says of itself.

    Raises
    ------
    InputError
        No GIFTI, no pair, or halves of different length.
    """
    left = _load(path)
    right = _load(right_half(path))
    n_trs = len(left.darrays)
    if len(right.darrays) != n_trs:
        raise InputError(
            f"file={path}: {n_trs} TRs, but the right hemisphere has {len(right.darrays)}; both "
            "must have as many. Copy both again."
        )
    step = left.darrays[0].meta.get("TimeStep") or left.meta.get("TimeStep")
    t_r = round(float(step) * SECONDS_PER_MS, 6) if step else None
    axis = _axis(len(left.darrays[0].data), len(right.darrays[0].data))
    return SurfaceFacts(n_trs, t_r, axis)


def gifti_rows(path: Path, rows: slice, columns: np.ndarray) -> np.ndarray:
    """Read TRs of some columns: the left hemisphere's vertices, then the right one's.

    Parameters
    ----------
    path : Path
        Of the left half.
    rows : slice
        TRs.
    columns : array of shape (n_columns,), int

    Returns
    -------
    array of shape (n_trs, n_columns)
    """
    halves = [_values(half)[rows] for half in (path, right_half(path))]
    return np.concatenate(halves, axis=1)[:, columns]


def gifti_labels(path: Path) -> LabelColumns:
    """Return the labels of a pair of ``label.gii``.

    A key that names different regions in the two halves is given a key of its own on the right.

    Raises
    ------
    InputError
        No GIFTI, or no pair.
    """
    right_path = right_half(path)
    left = _values(path)[0].astype(int)
    right = _values(right_path)[0].astype(int)
    names_left = _load(path).labeltable.get_labels_as_dict()
    names_right = _load(right_path).labeltable.get_labels_as_dict()
    clashes = any(names_left.get(key, name) != name for key, name in names_right.items())
    if clashes:
        shift = max([*names_left, *names_right]) + 1
        right = np.where(right == 0, 0, right + shift)
        names_right = {key + shift: name for key, name in names_right.items() if key != 0}
    names = {**names_left, **names_right}
    return LabelColumns(_axis(left.size, right.size), np.concatenate([left, right]), names)
