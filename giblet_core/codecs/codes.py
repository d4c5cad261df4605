"""``Codes``: the discrete code of a sound, checked, sliceable, and safe on disk.

A code is one continuous stream of frames. `frame_at` is the function that turns seconds into
frames, for codes and for everything that is laid over them.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, inf
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import load_npz, save_npz

DEFAULT_CARDINALITY = 1024  # entries a codebook of every EnCodec, and of codes that do not say
MOST_ENTRIES = 2**16  # what uint16 can name


def as_written(number: float | Fraction) -> Fraction:
    """Return a decimal number exactly as it is written: 0.1 is one tenth.

    The binary number nearest to 0.1 is a hair more than one tenth, and sums of such hairs move
    frames.

    Examples
    --------
    >>> as_written(0.72)
    Fraction(18, 25)
    """
    if isinstance(number, Fraction):
        return number
    return Fraction(str(number))


def frame_at(seconds: float | Fraction, rate: float | Fraction) -> int:
    """Return the index of the frame (or sample) that holds a time: ``floor(seconds * rate)``.

    The one function that rounds time. It computes with fractions of the numbers as written, so
    that 9 TRs of 0.72 s end at frame 486 of 75 Hz, where binary numbers give 485.

    Examples
    --------
    >>> frame_at(1.5, 75), frame_at(as_written(0.72) * 9, 75)
    (112, 486)
    """
    return floor(as_written(seconds) * as_written(rate))


@dataclass(frozen=True, eq=False)
class Codes:
    """Residual vector quantisation codes of one sound.

    Attributes
    ----------
    indices : array of shape (num_codebooks, n_frames), uint16
        Entries in [0, cardinality - 1]; labels, not quantities: never average, interpolate or
        scale them. Read-only.
    sample_rate : int
        Hz of the sound.
    frame_rate : float
        Frames a second (75 for EnCodec at 24 kHz with a hop of 320 samples).
    n_samples : int
        Length of the sound that was encoded, at `sample_rate`; a decoder returns as many.
    bandwidth_kbps : float
        ``num_codebooks * log2(cardinality) * frame_rate / 1000``; positive. It is kept as given and
        not compared with this product.
    codec_id, codec_sha256 : str
        Which codec's entries these are; decoding with another is refused.
    cardinality : int
        Entries of each codebook.

    Raises
    ------
    InputError
        Indices, a rate, a length or a cardinality out of its domain. The codec's id and hash are
        not judged here: a codec compares them with its own.
    """

    indices: np.ndarray
    sample_rate: int
    frame_rate: float
    n_samples: int
    bandwidth_kbps: float
    codec_id: str
    codec_sha256: str
    cardinality: int = DEFAULT_CARDINALITY

    def __post_init__(self) -> None:
        indices = np.asarray(self.indices)
        self._check_rates()
        self._check_indices(indices)
        self._check_length(indices.shape[1])
        indices = indices.astype(np.uint16)
        indices.setflags(write=False)
        object.__setattr__(self, "indices", indices)

    def _check_rates(self) -> None:
        if self.sample_rate <= 0 or self.frame_rate <= 0:
            raise InputError(
                f"sample_rate={self.sample_rate}, frame_rate={self.frame_rate}: "
                "must be positive (Hz)."
            )
        if not 0 < self.bandwidth_kbps < inf:
            raise InputError(
                f"bandwidth_kbps={self.bandwidth_kbps}: must be positive and finite. Take "
                "num_codebooks * log2(cardinality) * frame_rate / 1000."
            )
        require(
            2 <= self.cardinality <= MOST_ENTRIES,
            f"cardinality={self.cardinality}: must lie in [2, {MOST_ENTRIES}], as indices are "
            "kept in 16 bits. Give the number of entries of a codebook.",
        )

    def _check_indices(self, indices: np.ndarray) -> None:
        if indices.ndim != 2 or 0 in indices.shape:
            raise InputError(
                f"indices.shape={indices.shape}: must be (num_codebooks, n_frames), "
                "neither of them 0. Stack the codebooks first."
            )
        require(
            indices.dtype.kind in "iu",
            f"indices.dtype={indices.dtype}: codes are labels and must be integers. "
            "Take the argmax of predicted logits; do not round.",
        )
        lowest = indices.min()
        highest = indices.max()
        require(
            lowest >= 0 and highest < self.cardinality,
            f"indices: range [{lowest}, {highest}] must lie in [0, {self.cardinality - 1}]. "
            "Check where they were computed.",
        )

    def _check_length(self, n_frames: int) -> None:
        samples_a_frame = self.sample_rate / self.frame_rate
        most = n_frames * samples_a_frame
        require(
            most - samples_a_frame < self.n_samples <= most,
            f"n_samples={self.n_samples}: {n_frames} frames hold at most {most:.0f} samples, and "
            "less than one frame may be missing. Give the length of the sound that was encoded.",
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codes):
            return NotImplemented
        return self._header() == other._header() and np.array_equal(self.indices, other.indices)

    __hash__ = None

    @property
    def num_codebooks(self) -> int:
        """Number of codebooks K."""
        return self.indices.shape[0]

    @property
    def n_frames(self) -> int:
        """Number of frames T."""
        return self.indices.shape[1]

    @property
    def hop_length(self) -> int:
        """Samples a frame."""
        return round(self.sample_rate / self.frame_rate)

    @property
    def duration_s(self) -> float:
        """Length of the encoded sound in seconds."""
        return self.n_samples / self.sample_rate

    def first(self, k: int) -> "Codes":
        """Return the first `k` codebooks: the same sound at a lower rate, not encoded again."""
        require(
            1 <= k <= self.num_codebooks,
            f"k={k}: must lie in [1, {self.num_codebooks}], the codebooks these codes hold. "
            "Encode at a higher rate for more.",
        )
        bandwidth_kbps = self.bandwidth_kbps * k / self.num_codebooks
        return replace(self, indices=self.indices[:k], bandwidth_kbps=bandwidth_kbps)

    def crop_frames(self, start: int, stop: int) -> "Codes":
        """Return a copy of frames ``start:stop``; the caller decides where seconds fall."""
        require(
            0 <= start < stop <= self.n_frames,
            f"start={start}, stop={stop}: must satisfy 0 <= start < stop <= {self.n_frames} "
            "frames. Give frames inside the sound.",
        )
        first_sample = start * self.hop_length
        last_sample = min(self.n_samples, stop * self.hop_length)
        return replace(
            self, indices=self.indices[:, start:stop], n_samples=last_sample - first_sample
        )

    def with_indices(self, indices: np.ndarray) -> "Codes":
        """Return the same header around other indices of the same length, e.g. predicted ones."""
        return replace(self, indices=indices)

    def _header(self) -> dict:
        return {
            "sample_rate": int(self.sample_rate),
            "frame_rate": float(self.frame_rate),
            "n_samples": int(self.n_samples),
            "bandwidth_kbps": float(self.bandwidth_kbps),
            "codec_id": self.codec_id,
            "codec_sha256": self.codec_sha256,
            "cardinality": int(self.cardinality),
        }

    def save(self, path: str | Path) -> Path:
        """Write to ``.npz`` (no pickle; header and hash), atomically."""
        # "encodec" is the tag of all codes, of whichever codec, beside the mel formats of
        # `detect_audio_format`; which codec it was, codec_id says.
        meta = {"kind": "codes", "audio_format": "encodec", **self._header()}
        return save_npz(path, {"indices": self.indices}, meta)

    @classmethod
    def load(cls, path: str | Path) -> "Codes":
        """Read a file of `save`; altered, truncated or foreign files are an InputError."""
        arrays, meta = load_npz(path, kind="codes")
        header = {name: value for name, value in meta.items() if name in cls.__dataclass_fields__}
        return cls(arrays["indices"], **header)
