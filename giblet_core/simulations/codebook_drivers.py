"""What a region can follow in one codebook.

A vector of a codebook is one of few, so that most of what a region makes of it is a table: a value
an entry. Each function here returns tracks (n_subjects or 1, n_bins), neither centred nor scaled; a
bin holds nothing that sounds after it.
"""

import numpy as np
from scipy import signal

from giblet_core.simulations.heard_sound import RATE_HZ, HeardCodebook
from giblet_core.simulations.subjects import SubjectDraws

N_CELLS = 4  # projections that a region sums
N_FILTERED_CELLS = 2  # of those that are band-passed, which cost more
SUBSPACE = 8  # directions whose energy is taken
MEMORY_S = (1.5, 4.0)  # time constant of a slow level
LOWEST_OCTAVE_HZ = (1.5, 10.0)  # where an octave of modulation begins
N_PROTOTYPES = 12  # entries that a tuned region answers to


def signed_level(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow compressed projections on the directions in which the vectors differ."""
    cells = _along_spread(codebook, draws)
    return _summed(codebook, draws, np.tanh(1.5 * cells))


def slow_level(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow the same projections after a low-pass of seconds, compressed behind it."""
    cells = _along_spread(codebook, draws)
    n_subjects, n_cells, n_entries = cells.shape
    tracks = codebook.in_bins(cells.reshape(-1, n_entries))
    memory = np.exp(-1 / (draws.rng.uniform(*MEMORY_S) * RATE_HZ))
    smoothed = signal.lfilter([1 - memory], [1, -memory], tracks, axis=1)
    compressed = smoothed / (0.3 + np.abs(smoothed))
    by_cell = compressed.reshape(n_subjects, n_cells, -1)
    return np.einsum("sc,sct->st", draws.weights(n_cells), by_cell)


def random_direction(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow compressed projections on directions drawn from the whole latent space."""
    cells = _along_any_direction(codebook, draws, N_CELLS)
    return _summed(codebook, draws, np.tanh(1.5 * cells))


def energy(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow the energy of the vectors in eight directions, to a power below 1."""
    cells = _along_any_direction(codebook, draws, SUBSPACE)
    compressed = (cells**2).mean(1) ** draws.rng.uniform(0.4, 0.8)
    return codebook.in_bins(compressed)


def modulation_energy(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow how strongly projections move within an octave between 1.5 and 20 Hz."""
    rate_hz = codebook.sound.codes.frame_rate
    cells = _along_spread(codebook, draws, N_FILTERED_CELLS)
    by_frame = cells[:, :, codebook.indices]
    highest_hz = min(LOWEST_OCTAVE_HZ[1], 0.2 * rate_hz)
    lowest_hz = min(LOWEST_OCTAVE_HZ[0], highest_hz / 2)
    low_hz = np.exp(draws.rng.uniform(np.log(lowest_hz), np.log(highest_hz)))
    band_hz = (low_hz, min(2 * low_hz, 0.45 * rate_hz))
    sections = signal.butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    moving = signal.sosfilt(sections, by_frame.astype(np.float32), axis=-1)
    strength = (moving**2).sum(1) ** draws.rng.uniform(0.3, 0.6)
    return (codebook.sound.frames_to_bins @ strength.T).T


def power(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow the square of the projection on one random direction."""
    cells = _along_any_direction(codebook, draws, 1)
    return codebook.in_bins(cells[:, 0] ** 2)


def norm(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow the length of the vectors; all subjects alike."""
    lengths = np.linalg.norm(codebook.vectors, axis=1)
    return codebook.in_bins(lengths[None])


def tuned_entries(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Answer to vectors that lie near a few prototypes, and to nothing else."""
    vectors = codebook.vectors
    usage = codebook.usage
    n_prototypes = min(N_PROTOTYPES, np.count_nonzero(usage))
    order = np.lexsort(vectors.T)  # of vectors, as labels mean nothing
    prototypes = draws.rng.choice(order, n_prototypes, replace=False, p=usage[order])
    squared_distance = ((vectors[:, None] - vectors[prototypes]) ** 2).sum(2)
    width = np.median(squared_distance[squared_distance > 0]) / 4
    answers = np.exp(-squared_distance / (2 * width))  # (n_entries, n_prototypes)
    table = np.abs(draws.weights(n_prototypes)) @ answers.T
    return codebook.in_bins(table)


def rectified_direction(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow projections on random directions where they are positive, and nothing else."""
    cells = _along_any_direction(codebook, draws, N_CELLS)
    return _summed(codebook, draws, np.maximum(cells, 0))


def product_of_directions(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow the product of projections on two random directions."""
    cells = _along_any_direction(codebook, draws, 2)
    return codebook.in_bins(cells[:, 0] * cells[:, 1])


def change(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow how far the vector of a frame lies from that of the frame before."""
    latents = codebook.vectors.astype(np.float32)[codebook.indices]
    steps = np.linalg.norm(np.diff(latents, axis=0), axis=1)
    track = codebook.sound.frames_to_bins @ np.append(0, steps)
    return track[None]


def rarity(codebook: HeardCodebook, draws: SubjectDraws) -> np.ndarray:
    """Follow how rare an entry is in the sound, in bits."""
    usage = codebook.usage
    bits = -np.log2(np.where(usage > 0, usage, 1))
    return codebook.in_bins(bits[None])


def _along_spread(
    codebook: HeardCodebook, draws: SubjectDraws, n_cells: int = N_CELLS
) -> np.ndarray:
    """Project entries on directions weighted by their spread: (n_subjects, n_cells, n_entries).

    Each projection has mean 0 and variance 1 over the frames of the sound.
    """
    spread = codebook.spread
    directions = draws.weights(n_cells, len(spread)) @ spread
    return _unit(codebook, directions @ _centred(codebook).T)


def _along_any_direction(codebook: HeardCodebook, draws: SubjectDraws, n_cells: int) -> np.ndarray:
    """Project entries on isotropic directions: (n_subjects, n_cells, n_entries), of variance 1."""
    vectors = _centred(codebook)
    directions = draws.weights(n_cells, vectors.shape[1])
    return _unit(codebook, directions @ vectors.T)


def _centred(codebook: HeardCodebook) -> np.ndarray:
    return codebook.vectors - codebook.usage @ codebook.vectors


def _unit(codebook: HeardCodebook, cells: np.ndarray) -> np.ndarray:
    variance = (cells**2) @ codebook.usage
    return cells / np.sqrt(np.maximum(variance, 1e-12))[..., None]


def _summed(codebook: HeardCodebook, draws: SubjectDraws, cells: np.ndarray) -> np.ndarray:
    """Sum cells (n_subjects, n_cells, n_entries) with random signs and sizes, bin by bin."""
    weights = draws.weights(cells.shape[1])
    table = np.einsum("sc,sce->se", weights, cells)
    return codebook.in_bins(table)
