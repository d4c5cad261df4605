"""Where the columns of a surface series lie, and which of them are read."""

from dataclasses import dataclass

import numpy as np
from nibabel.cifti2 import BrainModelAxis

LEFT = "CIFTI_STRUCTURE_CORTEX_LEFT"
RIGHT = "CIFTI_STRUCTURE_CORTEX_RIGHT"


@dataclass(frozen=True, eq=False)
class Grayordinates:
    """Vertices of the surface, and voxels where the files hold some.

    Attributes
    ----------
    format : str
        ``cifti`` or ``gifti``: how results are written back.
    axis : BrainModelAxis
        Of the whole file: a structure, and a vertex or voxel, for each of its columns.
    is_kept : array of shape (n_columns,), bool
        The columns that are read: finite and changing in every subject.
    """

    format: str
    axis: BrainModelAxis
    is_kept: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Return the places of the columns that are read: (n_kept,) int."""
        return np.flatnonzero(self.is_kept)

    @property
    def kept_axis(self) -> BrainModelAxis:
        """Return the axis of the columns that are read."""
        return self.axis[self.columns]

    def spread(self, values: np.ndarray, fill: float = np.nan) -> np.ndarray:
        """Put values of the kept columns (..., n_kept) in their places in the file's columns."""
        values = np.asarray(values)
        whole = np.full((*values.shape[:-1], self.is_kept.size), fill, np.float32)
        whole[..., self.is_kept] = values
        return whole


@dataclass(frozen=True, eq=False)
class LabelColumns:
    """Labels of an atlas on grayordinates, as its file holds them.

    Attributes
    ----------
    axis : BrainModelAxis
        Where they lie.
    values : array of shape (n_columns,), int
        Keys of labels; 0 or a nameless key outside regions.
    names : dict of int to str
        Key -> name, in the file's own table.
    """

    axis: BrainModelAxis
    values: np.ndarray
    names: dict[int, str]


@dataclass(frozen=True, eq=False)
class SurfaceFacts:
    """What a surface series says of itself: TRs, seconds a TR (None: not said), and its axis."""

    n_trs: int
    t_r: float | None
    axis: BrainModelAxis
