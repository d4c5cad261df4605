"""What the scanner and the body add to the simulated signal, and where the simulated regions lie in
the brain.
"""

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
FWHM_MM, REGION_MM3 = (
    6.0,
    17_000,
)  # smoothness of noise and of maps; volume of a region, both sides together
SHARES = {
    "ar": 0.58,
    "drift": 0.14,
    "global": 0.12,
    "respiration": 0.05,
    "cardiac": 0.05,
    "motion": 0.06,
}  # of the noise variance


@dataclass(frozen=True)
class Head:
    """A head on a coarse grid.

    Attributes
    ----------
    mask_img : Nifti1Image   The MNI152 brain mask. xyz : (n_voxels, 3)      Places in mm, in the
    order of the mask's voxels. smooth : sparse (n_voxels, n_voxels)   Gaussian of 6 mm, scaled so
    that white noise keeps variance 1. edge : (n_voxels,)       0 inside to 1 at the surface. atlas
    : (n_voxels,) int  0 outside all regions, else 1 + place.
    """

    mask_img: nib.Nifti1Image
    xyz: np.ndarray
    smooth: sparse.csr_matrix
    edge: np.ndarray
    atlas: np.ndarray


def make_head(voxel_mm: int) -> Head:
    """Make the grid, its smoothing and the places of all regions (auditory places first, then
    `OTHER_PLACES`).
    """
    mask_img = load_mni152_brain_mask(resolution=voxel_mm)
    index = np.argwhere(mask_img.get_fdata() > 0)
    xyz = nib.affines.apply_affine(mask_img.affine, index)
    tree = spatial.cKDTree(xyz)
    pairs = tree.sparse_distance_matrix(
        tree, 2.01 * max(FWHM_MM, voxel_mm), output_type="coo_matrix"
    )
    sigma = FWHM_MM / np.sqrt(8 * np.log(2))
    kernel = sparse.csr_matrix(
        (np.exp(-0.5 * (pairs.data / sigma) ** 2), (pairs.row, pairs.col)), shape=pairs.shape
    )
    kernel.setdiag(1.0)
    kernel.data[kernel.data < 1e-3] = 0
    kernel.eliminate_zeros()
    norm = np.sqrt(np.asarray(kernel.multiply(kernel).sum(1)).ravel())
    near = np.array([len(found) for found in tree.query_ball_point(xyz, 2.01 * voxel_mm)], float)
    edge = np.clip((near.max() - near) / (near.max() - near.min()), 0, 1)
    white = load_mni152_wm_mask(resolution=voxel_mm).get_fdata()[tuple(index.T)] > 0
    atlas = _place_regions(xyz, white, max(4, int(round(REGION_MM3 / 2 / voxel_mm**3))))
    return Head(mask_img, xyz, sparse.diags(1 / norm) @ kernel, edge, atlas)


def _place_regions(xyz: np.ndarray, white: np.ndarray, n_side: int) -> np.ndarray:
    """Give each place its `n_side` nearest free voxels on either side of the midline."""
    atlas = np.zeros(len(xyz), int)
    for label, place in enumerate((*AUDITORY_PLACES, *OTHER_PLACES.values()), start=1):
        for side in (-1, 1):
            distance = np.linalg.norm(xyz - np.multiply(place, (side, 1, 1)), axis=1)
            free = (atlas == 0) & (np.sign(xyz[:, 0] - 0.5) == side)
            free &= white if place == OTHER_PLACES["white_matter"] else True
            atlas[np.argsort(np.where(free, distance, np.inf), kind="stable")[:n_side]] = label
    return atlas


def smooth_fields(head: Head, n: int, rng: np.random.Generator, passes: int = 1) -> np.ndarray:
    """Return n smooth random maps, (n, n_voxels), each of mean 0 and variance 1 over the brain."""
    fields = rng.standard_normal((len(head.xyz), n))
    for _ in range(passes):
        fields = head.smooth @ fields
    return ((fields - fields.mean(0)) / fields.std(0)).T


def one_over_f(n: int, count: int, rng: np.random.Generator, exponent: float = 1.0) -> np.ndarray:
    """Return (n, count) series of power 1/f**exponent, each of mean 0 and variance 1."""
    frequency = np.fft.rfftfreq(2 * n)[1:, None]
    spectrum = (
        rng.standard_normal((n, count)) + 1j * rng.standard_normal((n, count))
    ) * frequency ** (-exponent / 2)
    series = np.fft.irfft(np.concatenate([np.zeros((1, count)), spectrum]), axis=0)[
        :n
    ]  # half a period: no wrap-around
    return (series - series.mean(0)) / series.std(0)


def _oscillation(n: int, t_r: float, centre_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Sample a body rhythm with a wandering rate at the TRs, (n, 2): above half the sampling rate
    it appears as its alias.
    """
    rate = centre_hz * (1 + 0.06 * one_over_f(n, 1, rng)[:, 0])
    phase = 2 * np.pi * np.cumsum(rate) * t_r + rng.uniform(0, 2 * np.pi)
    return np.sqrt(2) * np.stack([np.sin(phase), np.cos(phase)], axis=1)


def head_motion(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return six motion parameters (n, 6) in mm and rad x 50 mm, and the spikes (n,) that sudden
    movements leave.
    """
    spikes = np.where(rng.random(n) < 1 / 70, rng.gamma(2.0, 1.0, n), 0.0)
    jumps = spikes[:, None] * rng.standard_normal((n, 6)) * 0.15
    walk = np.cumsum(0.01 * rng.standard_normal((n, 6)) + jumps, axis=0)
    motion = 0.98 * walk + 0.02 * rng.standard_normal((n, 6))
    return motion, spikes + 0.4 * np.append(0, spikes[:-1])


def make_noise(
    head: Head, run_n_trs: tuple[int, ...], t_r: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make one subject's noise and motion parameters.

    Parameters
    ----------
    head : Head
    run_n_trs : tuple of int
        Runs are independent of each other in time.
    t_r : float
        Seconds.
    rng : Generator

    Returns
    -------
    noise : (n_trs, n_voxels) float32
        Of variance 1 in each voxel.
    motion : (n_trs, 6) float32
    """
    n_voxels = len(head.xyz)
    phi = np.clip(0.4 + 0.05 * smooth_fields(head, 1, rng, 2)[0], 0.3, 0.5).astype(np.float32)
    breath_hz, heart_hz = rng.uniform(0.22, 0.32), rng.uniform(0.95, 1.25)
    size = np.exp(0.3 * smooth_fields(head, 1, rng, 3)[0])
    maps = {
        "drift": smooth_fields(head, 6, rng, 3),
        "global": 1 + 0.3 * smooth_fields(head, 1, rng, 3),
        "respiration": (0.4 + head.edge) * smooth_fields(head, 2, rng, 2),
        "cardiac": np.exp(-np.linalg.norm(head.xyz * (1, 0.5, 1) - (0, 0, -20), axis=1) / 30)
        * smooth_fields(head, 2, rng, 1),
        "motion": (0.2 + head.edge) * smooth_fields(head, 7, rng, 3),
    }
    scale = {
        name: np.sqrt(SHARES[name] / np.mean(np.sum(m**2, axis=0))) for name, m in maps.items()
    }
    noise, motion = [], []
    for n in run_n_trs:
        parameters, spikes = head_motion(n, rng)
        moved = (
            parameters
            - np.linspace(0, 1, n)[:, None] * (parameters[-1] - parameters[0])
            - parameters[0]
        )
        times = {
            "drift": one_over_f(n, 6, rng),
            "global": one_over_f(n, 1, rng, 0.6),
            "respiration": _oscillation(n, t_r, breath_hz, rng),
            "cardiac": _oscillation(n, t_r, heart_hz, rng),
            "motion": np.column_stack(
                [0.3 * moved / (moved.std(0) + 1e-9), spikes / (spikes.std() + 1e-9)]
            ),
        }
        white = (head.smooth @ rng.standard_normal((n_voxels, n), dtype=np.float32)).T.astype(
            np.float32
        )
        white[1:] *= np.sqrt(1 - phi**2)
        for i in range(1, n):
            white[i] += phi * white[i - 1]
        white *= (np.sqrt(SHARES["ar"]) * size).astype(np.float32)
        for name, series in times.items():
            white += (series @ (scale[name] * maps[name])).astype(np.float32)
        noise.append(white)
        motion.append(parameters)
    noise = np.concatenate(noise)
    noise -= noise.mean(0)
    noise /= noise.std(0)
    return noise, np.concatenate(motion).astype(np.float32)
