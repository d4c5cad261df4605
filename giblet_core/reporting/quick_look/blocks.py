"""Fewer series for a quick look: large volumes in blocks, long surfaces and arrays thinned out."""

from dataclasses import dataclass

import numpy as np

from giblet_core.fmri import Dataset, mask_array

MOST_WORK = 3e9  # series x TRs x TRs that a model of a minute or so can bear
LEAST_SERIES = 200


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which series are modelled, and the voxels that each stands for.

    Attributes
    ----------
    of_voxel : array of shape (n_voxels,), int
        Index of the series that a voxel belongs to; -1 where it belongs to none.
    words : str
        What was done, for the page; "" where every voxel has its own series.
    """

    of_voxel: np.ndarray
    words: str

    @property
    def n_series(self) -> int:
        """How many series are modelled."""
        return int(self.of_voxel.max()) + 1

    def means(self, bold: np.ndarray) -> np.ndarray:
        """Return the mean series of each block: (n_trs, n_series) float32."""
        if not self.words:
            return bold
        inside = self.of_voxel >= 0
        members = self.of_voxel[inside]
        sizes = np.bincount(members)
        rows = [np.bincount(members, weights=row[inside]) / sizes for row in bold]
        return np.array(rows, np.float32)

    def painted(self, values: np.ndarray) -> np.ndarray:
        """Give each voxel the value (n_series,) of its series; NaN where it has none."""
        of_voxels = np.asarray(values, float)[np.maximum(self.of_voxel, 0)]
        return np.where(self.of_voxel >= 0, of_voxels, np.nan)


def make_blocks(data: Dataset) -> Blocks:
    """Return as many series as a quick look can bear: all voxels where they are not too many."""
    most = max(LEAST_SERIES, int(MOST_WORK / data.n_trs**2))
    if data.n_voxels <= most:
        return Blocks(np.arange(data.n_voxels), "")
    if data.mask_img is None:
        return _thinned(data.n_voxels, most)
    indices = np.argwhere(mask_array(data.mask_img))
    edge = 2
    while True:
        _, of_voxel = np.unique(indices // edge, axis=0, return_inverse=True)
        if of_voxel.max() < most:
            words = f"To be quick, means of blocks of {edge} x {edge} x {edge} voxels are modelled."
            return Blocks(of_voxel.reshape(-1), words)
        edge += 1


def _thinned(n_columns: int, most: int) -> Blocks:
    """Return evenly spread columns, each for itself."""
    of_voxel = np.full(n_columns, -1)
    of_voxel[np.linspace(0, n_columns - 1, most).astype(int)] = np.arange(most)
    return Blocks(of_voxel, f"To be quick, {most} of {n_columns} columns are modelled.")
