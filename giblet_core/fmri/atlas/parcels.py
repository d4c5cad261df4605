"""Regions without an atlas: blocks of neighbouring voxels, made from places alone.

The mask is cut into small cubes of connected voxels, and these are joined by Ward's method on their
coordinates, where only neighbours may be joined [1]_. No series is looked at, so nothing that is
tested in a parcel has shaped it, and the same mask always gives the same parcels.

References
----------
.. [1] Thirion et al. (2014), Which fMRI clustering gives good brain parcellations? Front Neurosci
   8:167. doi:10.3389/fnins.2014.00167
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from giblet_core.errors import require

PARCEL_CM3 = 15.0  # of a parcel where there are not too many
MOST_PARCELS = 80  # as regions of usual atlases: each has a test and a card
CUBES_ALONG = 3  # of a parcel, along each edge: borders are as fine as these
LEAST_SHARE = 0.1  # of a parcel: a smaller island of voxels is no region
LEAST_SIDE = 0.2  # of all voxels: where less lies beyond x = 0, that is no hemisphere


@dataclass(frozen=True, eq=False)
class Parcels:
    """Regions made from the places of voxels.

    Attributes
    ----------
    labels : array of shape (n_voxels,), int
        0 outside parcels, else 1 + index into `names`; voxels in the order of the mask.
    names : tuple of str
        P01, P02, ...: the left ones first (x < 0), each side from front to back.
    centres_mm : array of shape (n_parcels, 3)
        Mean place of the voxels of each, in the space of the image.
    volumes_cm3 : array of shape (n_parcels,)
    """

    labels: np.ndarray
    names: tuple[str, ...]
    centres_mm: np.ndarray
    volumes_cm3: np.ndarray

    @property
    def n_outside(self) -> int:
        """Return the number of voxels of the mask that are in no parcel."""
        return int(np.count_nonzero(self.labels == 0))


def make_parcels(mask: np.ndarray, affine: np.ndarray) -> Parcels:
    """Cut a mask into parcels of neighbouring voxels, about `PARCEL_CM3` each.

    There are at most about `MOST_PARCELS`; a larger mask has larger ones. No parcel reaches across
    x = 0, the middle of the head in the usual spaces, where voxels lie on both sides. Each parcel
    is connected (its voxels share faces). Islands below a tenth of a parcel belong to none.

    Parameters
    ----------
    mask : array of shape (x, y, z), bool
    affine : array of shape (4, 4)
        From voxels to mm.

    Returns
    -------
    Parcels

    Raises
    ------
    InputError
        No voxel in the mask, or an affine that takes all voxels to one plane.
    """
    require(mask.any(), "mask: holds no voxel; it must hold at least one. Give another mask.")
    voxel_cm3 = abs(np.linalg.det(affine[:3, :3])) / 1000
    require(voxel_cm3 > 0, "affine: voxels have no volume; they must. Correct the image's header.")
    places = np.argwhere(mask)
    places_mm = places @ affine[:3, :3].T + affine[:3, 3]
    is_right = _is_right(places_mm[:, 0])
    n_voxels = len(places)
    parcel_voxels = n_voxels / min(MOST_PARCELS, max(2, n_voxels * voxel_cm3 / PARCEL_CM3))

    edges = _faces(mask)
    islands = _components(_inside(edges, is_right), n_voxels)
    cubes = places // _cube_in_voxels(affine, parcel_voxels)
    nodes = _components(_inside(edges, np.column_stack([islands, cubes])), n_voxels)
    labels = np.zeros(n_voxels, int)
    for island in range(islands.max() + 1):
        members = np.flatnonzero(islands == island)
        if len(members) < LEAST_SHARE * parcel_voxels:
            continue
        n_here = max(1, round(len(members) / parcel_voxels))
        joined = _joined(nodes[members], places_mm[members], _within(edges, members), n_here)
        labels[members] = labels.max() + 1 + joined
    return _in_order(labels, places_mm, is_right, voxel_cm3)


def _cube_in_voxels(affine: np.ndarray, parcel_voxels: float) -> np.ndarray:
    """Return how many voxels make a cube along each axis: (3,) int."""
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    voxel_mm3 = abs(np.linalg.det(affine[:3, :3]))
    cube_mm = (parcel_voxels * voxel_mm3) ** (1 / 3) / CUBES_ALONG
    return np.maximum(1, np.rint(cube_mm / voxel_mm)).astype(int)


def _is_right(x_mm: np.ndarray) -> np.ndarray:
    """Tell which voxels lie right of the middle; none where all lie, or nearly, on one side."""
    is_right = x_mm >= 0
    smaller_side = min(is_right.mean(), 1 - is_right.mean())
    return is_right if smaller_side >= LEAST_SIDE else np.zeros_like(is_right)


def _faces(mask: np.ndarray) -> np.ndarray:
    """Return the pairs of voxels that share a face: (n_pairs, 2) places among the mask's voxels."""
    numbers = np.full(mask.shape, -1)
    numbers[mask] = np.arange(np.count_nonzero(mask))
    pairs = []
    for axis in range(mask.ndim):
        before = np.moveaxis(numbers, axis, 0)[:-1].ravel()
        after = np.moveaxis(numbers, axis, 0)[1:].ravel()
        is_pair = (before >= 0) & (after >= 0)
        pairs.append(np.column_stack([before[is_pair], after[is_pair]]))
    return np.concatenate(pairs)


def _inside(edges: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the edges whose two voxels are in one group; groups (n_voxels,) or (n_voxels, n)."""
    is_same = groups[edges[:, 0]] == groups[edges[:, 1]]
    return edges[is_same if is_same.ndim == 1 else is_same.all(1)]


def _components(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Return the connected component of each node: (n_nodes,) int from 0."""
    return connected_components(_graph(edges, n_nodes), directed=False)[1]


def _graph(edges: np.ndarray, n_nodes: int) -> coo_array:
    ones = np.ones(len(edges), np.int8)
    return coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n_nodes, n_nodes))


def _within(edges: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the edges among some voxels, as places in the list of these (sorted)."""
    is_within = np.isin(edges, members).all(1)
    return np.searchsorted(members, edges[is_within])


def _joined(
    nodes: np.ndarray, places_mm: np.ndarray, edges: np.ndarray, n_parcels: int
) -> np.ndarray:
    """Join the nodes of one island by Ward's method: (n_voxels,) int, the parcel of each voxel."""
    from sklearn.cluster import AgglomerativeClustering

    _, node_of = np.unique(nodes, return_inverse=True)
    sizes = np.bincount(node_of)
    n_nodes = len(sizes)
    n_parcels = min(n_parcels, n_nodes)
    if n_parcels == 1:
        return np.zeros(len(nodes), int)
    sums = [np.bincount(node_of, weights=places_mm[:, axis]) for axis in range(3)]
    centres = np.column_stack(sums) / sizes[:, None]
    neighbours = _graph(node_of[edges], n_nodes).tocsr().astype(bool).astype(int)
    ward = AgglomerativeClustering(n_parcels, connectivity=neighbours + neighbours.T)
    return ward.fit_predict(centres)[node_of]


def _in_order(
    labels: np.ndarray, places_mm: np.ndarray, is_right: np.ndarray, voxel_cm3: float
) -> Parcels:
    """Give parcels numbers by side, then from front to back, and names."""
    n_parcels = labels.max()
    masks = [labels == label for label in range(1, n_parcels + 1)]
    centres = np.array([places_mm[inside].mean(0) for inside in masks])
    sides = np.array([is_right[inside][0] for inside in masks])
    order = np.lexsort((centres[:, 2], centres[:, 0], -centres[:, 1], sides))
    number_of = np.zeros(n_parcels + 1, int)
    number_of[order + 1] = np.arange(1, n_parcels + 1)
    width = max(2, len(str(n_parcels)))
    volumes_cm3 = np.array([inside.sum() for inside in masks]) * voxel_cm3
    return Parcels(
        number_of[labels],
        tuple(f"P{number:0{width}d}" for number in range(1, n_parcels + 1)),
        centres[order],
        volumes_cm3[order],
    )
