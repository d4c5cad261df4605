"""A sound as the simulated subjects hear it: its codes and its level on one time line of 10 Hz.

Whatever drives a region is brought to this time line. It is computed once a sound and kept, so that
hundreds of simulations of one film are cheap.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import require

RATE_HZ = 10  # of the time line
FRAME_RATE_HZ = 100  # of level and spectrum
FRAMES_A_BIN = FRAME_RATE_HZ // RATE_HZ
WINDOW = 1024  # samples of a spectrum
N_BANDS = 20
LOWEST_HZ = 80.0
HIGHEST_HZ = 8_000.0
BLOCK_FRAMES = 2_000  # transformed at once
FLOOR = 1e-10  # of power, where full scale is 1
SYLLABLE_FRAMES = 20  # over which level changes in speech: 200 ms
SPEECH_S = 3.0  # over which changes are averaged
SPEECH_CHANGE = 0.8  # of the logarithm of power, above which they are taken for speech


@dataclass(frozen=True, eq=False)
class HeardSound:
    """A sound, its codes and their vectors, and where somebody speaks.

    Attributes
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz, a multiple of 100.
    codes : Codes
    codebooks : array of shape (num_codebooks, cardinality, D)
        The vectors of the codec's entries.
    annotation : object with ``active(kind, times_s)``, or None
        Says where speech is; guessed from syllable-paced modulation by default.

    Raises
    ------
    InputError
        A rate that does not divide into frames of 10 ms.
    """

    wave: np.ndarray
    sample_rate: int
    codes: Codes
    codebooks: np.ndarray
    annotation: Any = None

    def __post_init__(self) -> None:
        require(
            self.sample_rate % FRAME_RATE_HZ == 0,
            f"sample_rate={self.sample_rate}: must be a multiple of {FRAME_RATE_HZ} Hz. "
            "Resample the sound first.",
        )

    @classmethod
    def of(
        cls, wave: np.ndarray, codec: Codec, codes: Codes, annotation: Any = None
    ) -> "HeardSound":
        """Take the vectors from the codec that made the codes.

        Parameters
        ----------
        wave : array of shape (n_samples,)
            At the codec's rate.
        codec : Codec
            The one that made the codes.
        codes : Codes
        annotation : object with ``active(kind, times_s)``, optional

        Returns
        -------
        HeardSound

        Raises
        ------
        InputError
            Another codec made the codes, or they are of another sound.
        """
        require(
            codes.codec_sha256 == codec.sha256,
            f"codec={codec.id!r}: the codes were made by {codes.codec_id!r} with other weights. "
            "Give the codec that made them.",
        )
        require(
            codes.n_samples == len(wave),
            f"wave: has {len(wave)} samples, but the codes are of a sound of {codes.n_samples}. "
            "Give the sound that was encoded.",
        )
        return cls(wave, codec.sample_rate, codes, codec.codebooks, annotation)

    @property
    def n_bins(self) -> int:
        """Whole bins of 1/10 s that the sound holds."""
        return int(self.codes.n_samples / self.sample_rate * RATE_HZ)

    @cached_property
    def frames_to_bins(self) -> sparse.csr_matrix:
        """Averages over bins: (n_bins, n_frames); a frame that two bins share is split."""
        frame_edges_s = np.arange(self.codes.n_frames + 1) / self.codes.frame_rate
        bin_edges_s = np.arange(self.n_bins + 1) / RATE_HZ
        edges_s = np.union1d(frame_edges_s, bin_edges_s)
        edges_s = edges_s[edges_s <= bin_edges_s[-1]]
        middles_s = (edges_s[:-1] + edges_s[1:]) / 2
        frames = np.searchsorted(frame_edges_s, middles_s, side="right") - 1
        bins = np.searchsorted(bin_edges_s, middles_s, side="right") - 1
        shares = np.diff(edges_s) * RATE_HZ
        shape = (self.n_bins, self.codes.n_frames)
        return sparse.csr_matrix((shares, (bins, frames)), shape=shape)

    @cached_property
    def occupancy(self) -> list[sparse.csr_matrix]:
        """Share of each bin that each entry takes: (n_bins, cardinality), one a codebook."""
        matrices = []
        frames = np.arange(self.codes.n_frames)
        shape = (self.codes.n_frames, self.codes.cardinality)
        for indices in self.codes.indices:
            entry_of_frame = sparse.csr_matrix((np.ones(len(frames)), (frames, indices)), shape)
            matrices.append(self.frames_to_bins @ entry_of_frame)
        return matrices

    def usage(self, codebook: int) -> np.ndarray:
        """Return how often each entry of a codebook is heard: (cardinality,), of sum 1."""
        counts = np.bincount(self.codes.indices[codebook], minlength=self.codes.cardinality)
        return counts / counts.sum()

    @cached_property
    def spreads(self) -> list[np.ndarray]:
        """Directions in which a codebook's vectors differ as heard, each as long as the spread.

        Arrays of shape (n_directions, D), one a codebook.
        """
        spreads = []
        for codebook in range(self.codes.num_codebooks):
            usage = self.usage(codebook)
            vectors = self.codebooks[codebook].astype(np.float64)
            deviations = vectors - usage @ vectors
            weighted = np.sqrt(usage)[:, None] * deviations
            _, sizes, directions = np.linalg.svd(weighted, full_matrices=False)
            largest = np.abs(directions).argmax(1)[:, None]
            signs = np.sign(np.take_along_axis(directions, largest, axis=1))  # else arbitrary
            spreads.append(signs * sizes[:, None] * directions)
        return spreads

    @cached_property
    def power(self) -> np.ndarray:
        """Mean square of the samples in frames of 10 ms: (n_bins * 10,)."""
        hop = self.sample_rate // FRAME_RATE_HZ
        n_frames = self.n_bins * FRAMES_A_BIN
        frames = np.asarray(self.wave[: n_frames * hop], np.float64).reshape(n_frames, hop)
        return (frames**2).mean(1)

    @cached_property
    def band_edges_hz(self) -> np.ndarray:
        """Edges of the 20 bands, log-spaced: (21,)."""
        highest_hz = min(HIGHEST_HZ, 0.45 * self.sample_rate)
        return np.geomspace(LOWEST_HZ, highest_hz, N_BANDS + 1)

    @cached_property
    def bands(self) -> np.ndarray:
        """Power of 20 bands in frames of 10 ms: (n_bins * 10, 20), float32.

        The window of a frame ends with the frame, so that nothing is heard before it sounds.
        """
        hop = self.sample_rate // FRAME_RATE_HZ
        n_frames = self.n_bins * FRAMES_A_BIN
        frequencies_hz = np.fft.rfftfreq(WINDOW, 1 / self.sample_rate)
        band_of_bin = np.searchsorted(self.band_edges_hz, frequencies_hz, side="right") - 1
        members = (band_of_bin[:, None] == np.arange(N_BANDS)).astype(np.float32)
        members /= np.maximum(members.sum(0), 1)
        window = np.hanning(WINDOW).astype(np.float32)
        before = np.zeros(WINDOW - hop, np.float32)
        padded = np.concatenate([before, np.asarray(self.wave, np.float32)])
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop][:n_frames]
        bands = np.empty((n_frames, N_BANDS), np.float32)
        for start in range(0, n_frames, BLOCK_FRAMES):
            block = slice(start, start + BLOCK_FRAMES)
            spectrum = np.fft.rfft(frames[block] * window)
            bands[block] = np.abs(spectrum) ** 2 @ members
        return bands

    @cached_property
    def speech(self) -> np.ndarray:
        """Presence of speech, 0 to 1: (n_bins,); annotated, or guessed from the pace of level."""
        if self.annotation is not None:
            middles_s = (np.arange(self.n_bins) + 0.5) / RATE_HZ
            return np.asarray(self.annotation.active("speech", middles_s), float)
        return _syllable_paced(self.bands, self.band_edges_hz)


@dataclass(frozen=True, eq=False)
class HeardCodebook:
    """One codebook of a sound.

    Attributes
    ----------
    sound : HeardSound
    number : int
        Counted from 0.
    """

    sound: HeardSound
    number: int

    @property
    def indices(self) -> np.ndarray:
        """The entry of each frame, (n_frames,)."""
        return self.sound.codes.indices[self.number]

    @property
    def usage(self) -> np.ndarray:
        """How often each entry is heard, (cardinality,), of sum 1."""
        return self.sound.usage(self.number)

    @property
    def vectors(self) -> np.ndarray:
        """Its entries, (cardinality, D), float64."""
        return self.sound.codebooks[self.number].astype(np.float64)

    @property
    def spread(self) -> np.ndarray:
        """Directions in which the vectors differ as heard, (n_directions, D)."""
        return self.sound.spreads[self.number]

    def in_bins(self, table: np.ndarray) -> np.ndarray:
        """Average a value an entry, (n_rows, cardinality), over bins: (n_rows, n_bins)."""
        return (self.sound.occupancy[self.number] @ table.T).T


def _syllable_paced(bands: np.ndarray, edges_hz: np.ndarray) -> np.ndarray:
    """Tell where the level between 300 Hz and 4 kHz changes as in speech: (n_bins,), 0 or 1."""
    of_voices = (edges_hz[:-1] > 300) & (edges_hz[1:] < 4_000)
    level = np.log(bands[:, of_voices].sum(1) + FLOOR)
    change = np.abs(level[SYLLABLE_FRAMES:] - level[:-SYLLABLE_FRAMES])
    change = np.concatenate([np.zeros(SYLLABLE_FRAMES), change])
    pace = bin_means(change[:, None])[:, 0]
    n_averaged = round(SPEECH_S * RATE_HZ)
    slow = np.convolve(pace, np.ones(n_averaged) / n_averaged)[: len(pace)]
    return (slow > SPEECH_CHANGE).astype(float)


def bin_means(x: np.ndarray) -> np.ndarray:
    """Average frames of 10 ms, (n_bins * 10, J), over bins of 1/10 s: (n_bins, J)."""
    return x.reshape(-1, FRAMES_A_BIN, x.shape[1]).mean(1)
