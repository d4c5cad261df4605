"""Regions as voxels: the group's responses, and random regions matched for size and reliability.

Reliability is the intersubject correlation (ISC) of a voxel: how well one subject's series follows
the mean of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import nibabel
import numpy as np

from giblet_core.decoding import region_means, standardise_voxels
from giblet_core.encoding import correlate, fisher_mean
from giblet_core.errors import InputError
from giblet_core.fmri import Dataset, mask_array

N_STRATA = 5  # parts of a region's voxels, by ISC, that random regions match one by one
CANDIDATES = 4  # voxels of like ISC that are on offer for each voxel of a stratum


@dataclass(frozen=True, eq=False)
class GroupResponses:
    """The responses of a group of subjects to one sound, voxel by voxel.

    A table of regions has one column a region in the place of voxels.

    Attributes
    ----------
    mean_bold : array of shape (n_trs, n_voxels), float32
        Mean over subjects of standardised voxels.
    isc : array of shape (n_voxels,)
        Leave-one-out ISC, Fisher-averaged over subjects; NaN where a voxel is constant in some
        subject. Such a voxel belongs to no region.
    region_series : array of shape (n_subjects, n_trs, n_regions)
        Mean over each region's voxels, of each subject.
    atlas : int array of shape (n_voxels,)
        Label of each voxel's region; 0 outside.
    names : tuple of str
        Regions that have voxels, in the order of their labels.
    labels : int array of shape (n_regions,)
        Their labels in `atlas`.
    xyz_mm : array of shape (n_voxels, 3) or None
        Where each voxel lies; None where there is no volume.
    """

    mean_bold: np.ndarray
    isc: np.ndarray
    region_series: np.ndarray
    atlas: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    xyz_mm: np.ndarray | None

    def place(self, name: str) -> int:
        """Return the place of a region in `names`.

        Raises
        ------
        InputError
            When no region of that name has voxels.
        """
        if name not in self.names:
            raise InputError(
                f"name={name!r}: must be a region with voxels: {', '.join(self.names)}. Choose one."
            )
        return self.names.index(name)

    def members(self, name: str) -> np.ndarray:
        """Return the voxels of a region, (size,)."""
        return np.flatnonzero(self.atlas == self.labels[self.place(name)])

    def region_bold(self, name: str) -> np.ndarray:
        """Return the mean BOLD of a region's voxels, (n_trs, size)."""
        return self.mean_bold[:, self.members(name)]


def group_responses(data: Dataset) -> GroupResponses:
    """Average a data set's subjects and measure how much they share, reading one at a time.

    Raises
    ------
    InputError
        With one subject: there is nothing to match reliability by.
    """
    if len(data.subjects) < 2:
        raise InputError(
            f"subjects={', '.join(data.subjects)}: regions are matched by intersubject correlation,"
            " so 2 or more are needed."
        )
    total = np.zeros((data.n_trs, data.n_voxels), np.float32)
    constant = np.zeros(data.n_voxels, bool)
    for bold in _standardised_subjects(data):
        constant |= ~bold.any(0)
        total += bold
    isc = [correlate(total - bold, bold) for bold in _standardised_subjects(data)]
    atlas = np.where(constant, 0, data.atlas)
    labels = np.unique(atlas[atlas > 0])
    region_series = [region_means(bold, atlas) for bold in _standardised_subjects(data)]
    return GroupResponses(
        mean_bold=total / len(data.subjects),
        isc=np.where(constant, np.nan, fisher_mean(np.array(isc))),
        region_series=np.stack(region_series),
        atlas=atlas,
        names=tuple(data.region_names[label - 1] for label in labels),
        labels=labels,
        xyz_mm=_voxel_places(data),
    )


def _standardised_subjects(data: Dataset) -> Iterator[np.ndarray]:
    """Yield each subject's BOLD (n_trs, n_voxels), every voxel standardised over all rows."""
    for subject in data.subjects:
        yield standardise_voxels(data.bold(subject), slice(None))


def _voxel_places(data: Dataset) -> np.ndarray | None:
    """Return where the voxels lie, (n_voxels, 3) mm; None without a volume."""
    if data.mask_img is None:
        return None
    indices = np.argwhere(mask_array(data.mask_img))
    return nibabel.affines.apply_affine(data.mask_img.affine, indices)


def matched_regions(
    isc: np.ndarray, members: np.ndarray, n: int = 200, seed: int = 0, xyz: np.ndarray | None = None
) -> np.ndarray:
    """Draw random regions outside a region, matched to it in size and in ISC.

    The region's voxels are cut into strata by ISC. Each random region begins at a random voxel and
    takes, for every stratum, the nearest voxels of like ISC: it is as compact as the match allows.
    Without coordinates it takes voxels of like ISC at random. A region of one column (of a table)
    gets the other columns, those nearest in ISC first.

    Parameters
    ----------
    isc : array of shape (n_voxels,)
        ISC of each voxel; those of NaN are never drawn.
    members : int array of shape (size,)
        Voxels of the region.
    n : int
        Random regions.
    seed : int
        Draws do not depend on the order of the voxels.
    xyz : array of shape (n_voxels, 3), optional
        Where each voxel lies, mm.

    Returns
    -------
    int array of shape (n or fewer, size)
        Voxels of each random region; fewer only for single columns.

    Raises
    ------
    InputError
        When fewer voxels than the region has are left.
    """
    pool = np.setdiff1d(np.flatnonzero(np.isfinite(isc)), members)
    if len(pool) < len(members):
        raise InputError(
            f"members: {len(members)} voxels, but {len(pool)} others; a random region needs as "
            "many. Use smaller regions."
        )
    if len(members) == 1:
        nearest = _nearest(isc[pool], isc[members[0]])
        return pool[nearest][:n, None]
    pool = pool[np.argsort(isc[pool], kind="stable")]
    strata = np.array_split(np.sort(isc[members]), min(N_STRATA, len(members)))
    candidates = [_candidates(isc[pool], stratum) for stratum in strata]
    rng = np.random.default_rng(seed)
    regions = np.empty((n, len(members)), int)
    for draw in range(n):
        if xyz is None:
            distance = rng.random(len(pool))
        else:
            centre = xyz[rng.choice(pool)]
            distance = np.square(xyz[pool] - centre).sum(1)
        taken = _take_nearest(distance, isc[pool], strata, candidates)
        regions[draw] = pool[taken]
    return regions


def _nearest(values: np.ndarray, target: float) -> np.ndarray:
    """Return the places of values, from the one nearest to `target` on."""
    return np.argsort(np.abs(values - target), kind="stable")


def _candidates(isc: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Return places in the pool of like ISC: within the stratum, or nearest to its mean."""
    nearest = _nearest(isc, stratum.mean())[: CANDIDATES * len(stratum)]
    within = np.flatnonzero((isc >= stratum[0]) & (isc <= stratum[-1]))
    return np.union1d(nearest, within)


def _take_nearest(
    distance: np.ndarray, isc: np.ndarray, strata: list[np.ndarray], candidates: list[np.ndarray]
) -> np.ndarray:
    """Take from the pool as many voxels as each stratum has, of its candidates those least distant.

    Parameters
    ----------
    distance, isc : arrays of shape (n_pool,)
    strata : list of arrays
        ISC of the region's voxels in each stratum.
    candidates : list of int arrays
        Places in the pool on offer for each stratum. Where too few are left, those of the nearest
        ISC take their place.

    Returns
    -------
    bool array of shape (n_pool,)
    """
    taken = np.zeros(len(isc), bool)
    for stratum, places in zip(strata, candidates):
        size = len(stratum)
        free = places[~taken[places]]
        if len(free) < size:
            free = np.flatnonzero(~taken)
            free = free[_nearest(isc[free], stratum.mean())[:size]]
        least_distant = np.argsort(distance[free], kind="stable")[:size]
        taken[free[least_distant]] = True
    return taken


def overlap(regions: np.ndarray) -> float:
    """Return the mean share of voxels that two different regions (n, size) have in common.

    Examples
    --------
    >>> round(overlap(np.array([[0, 1], [1, 2], [3, 4]])), 3)
    0.167
    """
    n_regions, size = regions.shape
    if n_regions < 2:
        return float("nan")
    n_regions_with_voxel = np.unique(regions, return_counts=True)[1]
    n_shared = (n_regions_with_voxel * (n_regions_with_voxel - 1)).sum()
    return float(n_shared / (n_regions * (n_regions - 1) * size))
