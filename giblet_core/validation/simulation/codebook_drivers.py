"""What regions follow in single codebooks: random projections of their latents, made slow.

A projection is band-passed at a random place and compressed. Directions are drawn among the six in
which the codebook moves most from second to second. An analysis of slow directions is thereby shown
its best case (`giblet_core.simulations` has others).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError
from giblet_core.validation.simulation.timeline import smooth, to_bins, unit_variance

PIECE_S = 30  # latents are taken in pieces, so that memory does not grow with the sound
TRACK_KINDS = ("level", "level", "level", "energy")  # of each codebook in each region
N_DIRECTIONS = 6  # of a codebook's latents, in which projections are drawn


@dataclass(frozen=True)
class Projection:
    """Directions in the latents of one codebook.

    Attributes
    ----------
    codebook : int
    directions : array of shape (n_directions, D)
    """

    codebook: int
    directions: np.ndarray


def _latent_pieces(codec: Codec, codes: Codes) -> Iterator[np.ndarray]:
    """Yield the latents (K, D, n_frames) of one piece of the sound after the other."""
    duration_s = codes.n_frames / codes.frame_rate
    for start_s in np.arange(0, duration_s, PIECE_S):
        stop_s = float(start_s + PIECE_S)
        yield codec.latents(codes, float(start_s), stop_s if stop_s < duration_s else None)


def moving_directions(codec: Codec, codes: Codes, n: int = N_DIRECTIONS) -> np.ndarray:
    """Find the directions in which each codebook's latents move most from second to second.

    They are the principal components of the means over seconds.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    n : int
        Directions of each codebook.

    Returns
    -------
    array of shape (K, n, D)
        Orthonormal rows.
    """
    a_second = max(1, round(codes.frame_rate))  # frames
    means = []
    for latents in _latent_pieces(codec, codes):
        n_frames = latents.shape[2]
        first_frames = np.arange(0, n_frames, a_second)
        counts = np.diff(first_frames, append=n_frames)
        means.append(np.add.reduceat(latents, first_frames, axis=2) / counts)
    means = np.concatenate(means, axis=2).transpose(0, 2, 1)  # (K, n_seconds, D)
    centred = means - means.mean(1, keepdims=True)
    return np.linalg.svd(centred, full_matrices=False)[2][:, :n]


def project_latents(codec: Codec, codes: Codes, projections: Sequence[Projection]) -> np.ndarray:
    """Project single codebooks' latents, piece by piece.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    projections : sequence of Projection

    Returns
    -------
    array of shape (n_frames, n_directions), float32
        A column for each direction of each projection, in order.

    Raises
    ------
    InputError
        The codec's pieces do not make up the codes' frames.
    """
    pieces = []
    for latents in _latent_pieces(codec, codes):
        rows = [p.directions @ latents[p.codebook] for p in projections]
        pieces.append(np.concatenate(rows).T.astype(np.float32))
    projected = np.concatenate(pieces)
    if len(projected) != codes.n_frames:
        raise InputError(
            f"codec.latents: pieces held {len(projected)} frames in all, but the codes hold "
            f"{codes.n_frames}. Use the codec that made the codes."
        )
    return projected


def _level_track(x: np.ndarray, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return the tanh of the smoothed projection: compressive, keeps the sign."""
    smoothed = smooth(x, rng.uniform(0.1, 0.4), rate_hz)
    return np.tanh(1.5 * unit_variance(smoothed[:, None])[:, 0])


def _energy_track(x: np.ndarray, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return the compressed energy in an octave of modulation that the analysis does not know."""
    highest_hz = min(10.0, 0.225 * rate_hz)  # an octave higher still lies below half the rate
    lowest_hz = min(1.5, highest_hz / 2)
    low_hz = np.exp(rng.uniform(np.log(lowest_hz), np.log(highest_hz)))
    high_hz = min(2 * low_hz, 0.45 * rate_hz)
    sos = signal.butter(2, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    energy = np.abs(signal.sosfilt(sos, x)) ** rng.uniform(0.4, 0.8)
    return smooth(energy, 0.3, rate_hz)


def shape_track(x: np.ndarray, rate_hz: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Turn one projection into a compressed slow track.

    Parameters
    ----------
    x : array of shape (n_frames,)
    rate_hz : float
        Frames a second.
    kind : {"level", "energy"}
        The smoothed value itself, or the energy of a random band of its modulation.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_frames,)
    """
    scaled = unit_variance(x[:, None])[:, 0]
    if kind == "level":
        return _level_track(scaled, rate_hz, rng)
    return _energy_track(scaled, rate_hz, rng)


def codebook_tracks(
    codec: Codec,
    codes: Codes,
    codebooks_of: dict[str, list[int]],
    n_bins: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Make the tracks of every codebook region.

    A projection is a random direction within those in which its codebook moves: cells that follow
    what BOLD can follow.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    codebooks_of : dict of str to list of int
        The codebooks that drive each region.
    n_bins : int
        Of 1/10 s.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to array of shape (n_bins, n_codebooks * 4)
        Of variance 1.
    """
    moving = moving_directions(codec, codes)
    projections = []
    for codebooks in codebooks_of.values():
        for codebook in codebooks:
            weights = rng.standard_normal((len(TRACK_KINDS), moving.shape[1]))
            projections.append(Projection(codebook, weights @ moving[codebook]))
    columns = iter(project_latents(codec, codes, projections).T)

    tracks = {}
    for region, codebooks in codebooks_of.items():
        shaped = []
        for kind in TRACK_KINDS * len(codebooks):
            shaped.append(shape_track(next(columns), codes.frame_rate, kind, rng))
        in_bins = to_bins(np.stack(shaped, axis=1), codes.frame_rate, n_bins)
        tracks[region] = unit_variance(in_bins)
    return tracks
