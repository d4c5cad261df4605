"""Codecs whose codebooks add up, and residual vector quantisation with plain codebooks.

`ResidualCodec` does what is the same for all such codecs, so that a new one writes three methods.
`nearest` and `residual_codes` compute distances in transformers' order of operations, so that
near-ties fall as they do there.

References
----------
Zeghidour et al. (2021), SoundStream: an end-to-end neural audio codec.
doi:10.48550/arXiv.2107.03312
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor, log2

import numpy as np
import torch

from giblet_core.codecs.base import check_made_by
from giblet_core.codecs.codes import Codes, frame_at
from giblet_core.errors import InputError, require
from giblet_core.sound import check_wave


@dataclass(frozen=True)
class CodecShape:
    """The numbers that shape a codec.

    Attributes
    ----------
    sample_rate, hop_length : int
        Hz; samples a frame.
    cardinality, latent_dim : int
        Entries a codebook; length of a latent.
    bandwidths_kbps : tuple of float
        Rates, rising.
    """

    sample_rate: int
    hop_length: int
    cardinality: int
    latent_dim: int
    bandwidths_kbps: tuple[float, ...]

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop_length

    @property
    def kbps_a_codebook(self) -> float:
        """``log2(cardinality) * frame_rate / 1000``."""
        return log2(self.cardinality) * self.frame_rate / 1000

    def codebooks_for(self, bandwidth_kbps: float) -> int:
        """Return how many codebooks a rate buys: ``floor(bandwidth / rate of a codebook)``."""
        forgiven = 1e-9  # what decimal rates may lose in binary, as in 0.55 / 0.1375
        return floor(bandwidth_kbps / self.kbps_a_codebook + forgiven)


class ResidualCodec(ABC):
    """A codec whose codebooks add up: the sum of their vectors is the decoder's input.

    A new codec of this kind writes `quantise_wave`, `synthesise` and `nearest`; it is then a
    `Codec`.

    Parameters
    ----------
    codec_id : str
        How the pages name it.
    shape : CodecShape
    codebooks : array of shape (num_codebooks, cardinality, latent_dim), float32
        What each entry adds to the decoder's input.
    sha256 : str
        Hash of all that shapes codes and sound.
    """

    chunk_frames = 96  # frames decoded at a time

    def __init__(self, codec_id: str, shape: CodecShape, codebooks: np.ndarray, sha256: str):
        self.id = codec_id
        self.sha256 = sha256
        self.sample_rate = shape.sample_rate
        self.hop_length = shape.hop_length
        self.frame_rate = shape.frame_rate
        self.cardinality = shape.cardinality
        self.latent_dim = shape.latent_dim
        self.bandwidths_kbps = shape.bandwidths_kbps
        self.num_codebooks = len(codebooks)
        self.codebooks = codebooks
        self.codebooks.setflags(write=False)
        self.shape = shape

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.id!r}, {self.sample_rate} Hz, "
            f"{self.frame_rate:g} frames/s, {self.num_codebooks} x {self.cardinality})"
        )

    @abstractmethod
    def quantise_wave(self, wave: np.ndarray, num_codebooks: int) -> np.ndarray:
        """Return the indices (num_codebooks, n_frames) uint16 of a checked sound."""

    @abstractmethod
    def synthesise(self, chunks: Iterator[np.ndarray], n_samples: int) -> np.ndarray:
        """Turn consecutive chunks (latent_dim, length) of summed latents into `n_samples`."""

    @abstractmethod
    def nearest(self, k: int, points: np.ndarray) -> np.ndarray:
        """Choose the entry of codebook `k` for each of `points` (n, latent_dim): (n,) int64."""

    def codebooks_at(self, bandwidth_kbps: float) -> int:
        """Return how many codebooks a rate buys.

        Raises
        ------
        InputError
            The codec has no such rate.
        """
        if float(bandwidth_kbps) not in self.bandwidths_kbps:
            choices = ", ".join(f"{rate:g}" for rate in self.bandwidths_kbps)
            raise InputError(
                f"bandwidth_kbps={bandwidth_kbps}: must be one of {choices} for codec "
                f"{self.id!r}. Choose one of them, or slice with codes.first(k)."
            )
        return self.shape.codebooks_for(bandwidth_kbps)

    def encode(self, wave: np.ndarray, bandwidth_kbps: float = 6.0) -> Codes:
        """Encode a sound.

        Parameters
        ----------
        wave : array of shape (n_samples,)
            Mono, float, at ``sample_rate``, at least one hop long.
        bandwidth_kbps : float
            One of ``bandwidths_kbps``. Lower rates are slices of higher ones: ``codes.first(k)``.

        Returns
        -------
        Codes
            ``ceil(n_samples / hop_length)`` frames.

        Raises
        ------
        InputError
            Less than one hop, NaN or infinity, or an unknown rate.
        """
        num_codebooks = self.codebooks_at(bandwidth_kbps)
        wave = check_wave(wave)
        require(
            wave.size >= self.hop_length,
            f"wave: {wave.size} samples are less than one hop ({self.hop_length} samples, "
            f"{1000 / self.frame_rate:.1f} ms); one frame at least is needed. "
            "Give a longer sound.",
        )
        return Codes(
            indices=self.quantise_wave(wave, num_codebooks),
            sample_rate=self.sample_rate,
            frame_rate=self.frame_rate,
            n_samples=wave.size,
            bandwidth_kbps=num_codebooks * log2(self.cardinality) * self.frame_rate / 1000,
            codec_id=self.id,
            codec_sha256=self.sha256,
            cardinality=self.cardinality,
        )

    def latents(
        self, codes: Codes, start_s: float = 0.0, stop_s: float | None = None
    ) -> np.ndarray:
        """Look up the code vectors; their sum over codebooks is the decoder's input.

        Parameters
        ----------
        codes : Codes
        start_s, stop_s : float
            The piece wanted, in seconds; the whole by default (a film at 6 kbps takes 0.3 MB a
            second).

        Returns
        -------
        array of shape (num_codebooks, latent_dim, n_frames), float32
            A new array at every call.
        """
        check_made_by(self, codes)
        first = frame_at(start_s, codes.frame_rate)
        last = codes.n_frames
        if stop_s is not None:
            last = min(last, frame_at(stop_s, codes.frame_rate))
        require(
            0 <= first < last,
            f"start_s={start_s}, stop_s={stop_s}: must enclose at least one of the "
            f"{codes.n_frames} frames. Give seconds inside the sound.",
        )
        return self._look_up(codes, first, last)

    def _look_up(self, codes: Codes, first: int, last: int) -> np.ndarray:
        levels = np.arange(codes.num_codebooks)[:, None]
        vectors = self.codebooks[levels, codes.indices[:, first:last]]  # (K, n_frames, latent_dim)
        return vectors.transpose(0, 2, 1)

    def decode(self, codes: Codes) -> np.ndarray:
        """Turn codes into sound in chunks (flat memory).

        Returns
        -------
        array of shape (codes.n_samples,), float32

        Raises
        ------
        InputError
            Codes of another codec, or of more codebooks than this one has.
        """
        check_made_by(self, codes)
        bounds = chunk_bounds(codes.n_frames, self.chunk_frames)
        chunks = (self._look_up(codes, first, last).sum(0) for first, last in bounds)
        return self.synthesise(chunks, codes.n_samples)

    def decode_latents(self, z: np.ndarray, n_samples: int | None = None) -> np.ndarray:
        """Turn summed latents into sound.

        Parameters
        ----------
        z : array of shape (latent_dim, n_frames)
            The sum over codebooks of `latents`, lesioned or predicted as one likes.
        n_samples : int, optional
            Length of the result; all frames by default.

        Returns
        -------
        array of shape (n_samples,), float32
        """
        z = np.asarray(z, np.float32)
        require(
            z.ndim == 2 and z.shape[0] == self.latent_dim and z.shape[1] > 0,
            f"z.shape={z.shape}: must be ({self.latent_dim}, n_frames), summed over codebooks. "
            "Use latents(codes).sum(0).",
        )
        finite = np.isfinite(z)
        if not finite.all():
            raise InputError(
                f"z: {int((~finite).sum())} values are NaN or infinite; all must be finite. "
                "Check what predicted them."
            )
        most = z.shape[1] * self.hop_length
        if n_samples is None:
            n_samples = most
        require(
            0 < n_samples <= most,
            f"n_samples={n_samples}: {z.shape[1]} frames give at most {most} samples. "
            "Give a length in that range.",
        )
        chunks = (z[:, first:last] for first, last in chunk_bounds(z.shape[1], self.chunk_frames))
        return self.synthesise(chunks, n_samples)


def chunk_bounds(n: int, chunk: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into chunks of `chunk`; the rest joins the last one.

    So no chunk is too short for the padding of a convolution.

    Examples
    --------
    >>> chunk_bounds(250, 100)
    [(0, 100), (100, 250)]
    """
    starts = list(range(0, max(n - chunk, 0) + 1, chunk))
    ends = [*starts[1:], n]
    return list(zip(starts, ends))


def nearest(points: torch.Tensor, centres: torch.Tensor, chunk: int = 4096) -> torch.Tensor:
    """Find the nearest centre of each point, by squared Euclidean distance.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    centres : Tensor of shape (k, d)
    chunk : int
        Points at a time: memory, not the result, depends on it.

    Returns
    -------
    Tensor of shape (n,), int64
        Row of `centres`.
    """
    centre_norms = centres.T.pow(2).sum(0)
    chosen = []
    for part in points.split(chunk):
        part_norms = part.pow(2).sum(1, keepdim=True)
        distances = part_norms - 2 * part @ centres.T + centre_norms
        chosen.append(distances.argmin(1))
    return torch.cat(chosen)


def residual_codes(points: torch.Tensor, codebooks: Iterable[torch.Tensor]) -> np.ndarray:
    """Quantise points codebook by codebook, each on what those before it left over.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    codebooks : iterable of Tensor of shape (cardinality, d)

    Returns
    -------
    array of shape (K, n), int64
    """
    residual = points
    indices = []
    for codebook in codebooks:
        chosen = nearest(residual, codebook)
        indices.append(chosen)
        residual = residual - codebook[chosen]
    return torch.stack(indices).cpu().numpy()
