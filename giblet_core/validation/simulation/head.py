"""The simulated head: its voxels, where its regions lie, and random maps over it."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nilearn.datasets import load_mni152_brain_mask, load_mni152_wm_mask
from scipy import sparse, spatial

# (|x|, y, z) in mm, MNI; a region is a patch around its place on both sides
AUDITORY_PLACES = (
    (46, -20, 8),
    (60, -8, 0),
    (62, -24, 12),
    (62, -42, 14),
    (52, 10, -16),
    (60, -28, -6),
    (62, -50, 2),
    (50, -58, 24),
    (58, -10, -20),
    (48, 22, 6),
)
OTHER_PLACES = {
    "visual": (14, -88, 4),
    "white_matter": (26, -22, 28),
    "null": (36, 34, 30),
    "null_edge": (12, 66, 4),
}
FWHM_MM = 6.0  # smoothness of noise and of maps
REGION_MM3 = 17_000  # volume of a region, both sides together


@dataclass(frozen=True)
class Head:
    """A head on a coarse grid.

    Attributes
    ----------
    mask_img : Nifti1Image
        The MNI152 brain mask.
    xyz : array of shape (n_voxels, 3)
        Places in mm, in the order of the mask's voxels.
    smooth : sparse matrix of shape (n_voxels, n_voxels)
        A Gaussian of 6 mm, scaled so that white noise keeps variance 1.
    edge : array of shape (n_voxels,)
        0 inside to 1 at the surface.
    atlas : array of shape (n_voxels,), int
        0 outside all regions, else 1 + place.
    """

    mask_img: nib.Nifti1Image
    xyz: np.ndarray
    smooth: sparse.csr_matrix
    edge: np.ndarray
    atlas: np.ndarray


def _gaussian_smoothing(tree: spatial.cKDTree, voxel_mm: int) -> sparse.csr_matrix:
    """Return the smoothing of maps and noise: (n_voxels, n_voxels), rows of norm 1."""
    reach = 2.01 * max(FWHM_MM, voxel_mm)
    pairs = tree.sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    sigma = FWHM_MM / np.sqrt(8 * np.log(2))
    weights = np.exp(-0.5 * (pairs.data / sigma) ** 2)
    kernel = sparse.csr_matrix((weights, (pairs.row, pairs.col)), shape=pairs.shape)
    kernel.setdiag(1.0)
    kernel.data[kernel.data < 1e-3] = 0
    kernel.eliminate_zeros()
    norm = np.sqrt(np.asarray(kernel.multiply(kernel).sum(1)).ravel())
    return sparse.diags(1 / norm) @ kernel


def _nearness_to_edge(tree: spatial.cKDTree, voxel_mm: int) -> np.ndarray:
    """Return 0 where a voxel has all its neighbours to 1 where it has fewest: (n_voxels,)."""
    neighbours = tree.query_ball_point(tree.data, 2.01 * voxel_mm)
    counts = np.array([len(voxels) for voxels in neighbours], float)
    return np.clip((counts.max() - counts) / (counts.max() - counts.min()), 0, 1)


def make_head(voxel_mm: int) -> Head:
    """Make the grid, its smoothing and all regions, the auditory ones first."""
    mask_img = load_mni152_brain_mask(resolution=voxel_mm)
    index = np.argwhere(mask_img.get_fdata() > 0)
    xyz = nib.affines.apply_affine(mask_img.affine, index)
    white_img = load_mni152_wm_mask(resolution=voxel_mm)
    is_white = white_img.get_fdata()[tuple(index.T)] > 0
    n_voxels_a_side = max(4, round(REGION_MM3 / 2 / voxel_mm**3))
    tree = spatial.cKDTree(xyz)
    return Head(
        mask_img=mask_img,
        xyz=xyz,
        smooth=_gaussian_smoothing(tree, voxel_mm),
        edge=_nearness_to_edge(tree, voxel_mm),
        atlas=_place_regions(xyz, is_white, n_voxels_a_side),
    )


def _place_regions(xyz: np.ndarray, is_white: np.ndarray, n_voxels_a_side: int) -> np.ndarray:
    """Give each place its nearest free voxels on either side of the midline: (n_voxels,) int."""
    atlas = np.zeros(len(xyz), int)
    places = (*AUDITORY_PLACES, *OTHER_PLACES.values())
    for label, place in enumerate(places, start=1):
        for side in (-1, 1):
            distance = np.linalg.norm(xyz - np.multiply(place, (side, 1, 1)), axis=1)
            free = (atlas == 0) & (np.sign(xyz[:, 0] - 0.5) == side)
            if place == OTHER_PLACES["white_matter"]:
                free &= is_white
            nearest = np.argsort(np.where(free, distance, np.inf), kind="stable")
            atlas[nearest[:n_voxels_a_side]] = label
    return atlas


def smooth_fields(head: Head, n: int, rng: np.random.Generator, passes: int = 1) -> np.ndarray:
    """Draw smooth random maps of mean 0 and variance 1 over the brain.

    Parameters
    ----------
    head : Head
    n : int
        Number of maps.
    rng : numpy.random.Generator
    passes : int
        How often each map is smoothed.

    Returns
    -------
    array of shape (n, n_voxels)
    """
    fields = rng.standard_normal((len(head.xyz), n))
    for _ in range(passes):
        fields = head.smooth @ fields
    return ((fields - fields.mean(0)) / fields.std(0)).T
