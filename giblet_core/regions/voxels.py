"""Regions as voxels: the group's responses, how reliable each voxel is, and random regions matched
for size and reliability.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import nibabel
import numpy as np

from giblet_core.decoding import region_means, standardise_voxels
from giblet_core.encoding import correlate, fisher_mean
from giblet_core.errors import InputError, require
from giblet_core.fmri import Dataset, mask_array

N_STRATA = 5  # of the ISC of a region's voxels


@dataclass(frozen=True, eq=False)
class Subjects:
    """The group's responses, voxel by voxel.

    Attributes
    ----------
    bold : array of shape (n_trs, n_voxels), float32
        Mean over subjects of standardised voxels; ROI tables have one column a region.
    isc : array of shape (n_voxels,)
        Leave-one-out, Fisher-averaged; NaN where a voxel is constant in some subject (it then
        belongs to no region).
    means : array of shape (n_subjects, n_trs, n_regions)
        Region means of each subject.
    atlas : int array of shape (n_voxels,)
    names : tuple of str
        The regions that have voxels, in the order of their labels.
    labels : int array of shape (n_regions,)
    xyz : array of shape (n_voxels, 3), mm, or None
        None where there is no volume.
    """

    bold: np.ndarray
    isc: np.ndarray
    means: np.ndarray
    atlas: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    xyz: np.ndarray | None

    def members(self, name: str) -> np.ndarray:
        """Return the voxels of a region."""
        require(
            name in self.names,
            f"name={name!r}: must be a region with voxels: {', '.join(self.names)}. Choose one.",
        )
        return np.flatnonzero(self.atlas == self.labels[self.names.index(name)])


def subjects_of(data: Dataset) -> Subjects:
    """Average a data set's subjects and measure how much they share, reading one subject at a time.

    Raises
    ------
    InputError
        With one subject: there is nothing to match reliability by.
    """
    if len(data.subjects) < 2:
        raise InputError(
            f"subjects={', '.join(data.subjects)}: regions are matched by intersubject correlation, so 2 or more are needed."
        )
    total, constant = (
        np.zeros((data.n_trs, data.n_voxels), np.float32),
        np.zeros(data.n_voxels, bool),
    )
    for z in _standardised(data):
        constant |= ~z.any(0)
        total += z
    r = [correlate(total - z, z) for z in _standardised(data)]
    atlas = np.where(constant, 0, data.atlas)
    labels = np.unique(atlas[atlas > 0])
    means = np.stack([region_means(z, atlas) for z in _standardised(data)])
    xyz = None
    if data.mask_img is not None:
        xyz = nibabel.affines.apply_affine(
            data.mask_img.affine, np.argwhere(mask_array(data.mask_img))
        )
    return Subjects(
        total / len(data.subjects),
        np.where(constant, np.nan, fisher_mean(np.array(r))),
        means,
        atlas,
        tuple(data.region_names[k - 1] for k in labels),
        labels,
        xyz,
    )


def _standardised(data: Dataset) -> Iterator[np.ndarray]:
    return (standardise_voxels(data.bold(s), slice(None)) for s in data.subjects)


def matched_regions(
    isc: np.ndarray, members: np.ndarray, n: int = 200, seed: int = 0, xyz: np.ndarray | None = None
) -> np.ndarray:
    """Draw random regions with as many voxels as `members`, outside it, matched stratum by stratum
    in ISC.

    Each begins at a random voxel and takes, for every fifth of the region's voxels by ISC, the
    nearest voxels of that ISC: as compact as the match allows. Without coordinates, voxels of that
    ISC at random. A region of one column (ROI tables) gets the other columns.

    Parameters
    ----------
    isc : array of shape (n_voxels,)
    members : int array of shape (size,)
    xyz : array of shape (n_voxels, 3), optional

    Returns
    -------
    int array of shape (n or fewer, size)
        Fewer only for single columns.

    Raises
    ------
    InputError
        When fewer voxels than the region has are left.
    """
    pool = np.setdiff1d(np.flatnonzero(np.isfinite(isc)), members)
    if len(pool) < len(members):
        raise InputError(
            f"members: {len(members)} voxels, but {len(pool)} others; a random region needs as many. Use smaller regions."
        )
    if len(members) == 1:
        return pool[np.argsort(np.abs(isc[pool] - isc[members[0]]), kind="stable")][:n, None]
    rng, pool = (
        np.random.default_rng(seed),
        pool[np.argsort(isc[pool], kind="stable")],
    )  # draws do not depend on the order of voxels
    strata = np.array_split(np.sort(isc[members]), min(N_STRATA, len(members)))
    candidates = []
    for stratum in strata:
        near = np.argsort(np.abs(isc[pool] - stratum.mean()), kind="stable")[: 4 * len(stratum)]
        within = np.flatnonzero((isc[pool] >= stratum[0]) & (isc[pool] <= stratum[-1]))
        candidates.append(np.union1d(near, within))
    out = np.empty((n, len(members)), int)
    for i in range(n):
        far = (
            rng.random(len(pool))
            if xyz is None
            else np.square(xyz[pool] - xyz[rng.choice(pool)]).sum(1)
        )
        taken = np.zeros(len(pool), bool)
        for stratum, near in zip(strata, candidates):
            free = near[~taken[near]]
            if len(free) < len(stratum):
                free = np.flatnonzero(~taken)
                free = free[
                    np.argsort(np.abs(isc[pool[free]] - stratum.mean()), kind="stable")[
                        : len(stratum)
                    ]
                ]
            taken[free[np.argsort(far[free], kind="stable")[: len(stratum)]]] = True
        out[i] = pool[taken]
    return out


def overlap(sets: np.ndarray) -> float:
    """Mean share of voxels that two different sets (n, size) have in common."""
    if len(sets) < 2:
        return float("nan")
    counts = np.unique(sets, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (len(sets) * (len(sets) - 1) * sets.shape[1]))
