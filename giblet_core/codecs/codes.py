"""``Codes``: the discrete code of a sound, one continuous stream of frames, checked, sliceable, and
safe on disk.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import load_npz, save_npz

CARDINALITY = 1024  # entries a codebook, for every EnCodec


def frame_at(seconds: float | Fraction, rate: float) -> int:
    """Return the index of the frame (or sample) that holds a time: ``floor(seconds * rate)``,
    exactly.

    The one place where the codebook rounds time. Decimal seconds are taken as written
    (``Fraction("0.1")``, not the nearest binary number), so that 1.5 s at 75 Hz is 112.5 and not a
    hair less.
    """
    seconds = seconds if isinstance(seconds, Fraction) else Fraction(str(seconds))
    return floor(seconds * Fraction(str(rate)))


@dataclass(frozen=True, eq=False)
class Codes:
    """Residual vector quantisation codes of one sound.

    Attributes
    ----------
    indices : array of shape (num_codebooks, n_frames), uint16
        Entries in [0, 1023]; labels, not quantities: never average, interpolate or scale them.
        Read-only.
    sample_rate : int
        Hz of the sound.
    frame_rate : float
        Frames a second (75 at 24 kHz with a hop of 320).
    n_samples : int
        Length of the sound that was encoded, at `sample_rate`; a decoder returns as many.
    bandwidth_kbps : float
        ``num_codebooks * log2(1024) * frame_rate / 1000``.
    codec_id, codec_sha256 : str
        Which codec's entries these are; decoding with another is refused.

    Raises
    ------
    InputError
        Any attribute out of its domain.
    """

    indices: np.ndarray
    sample_rate: int
    frame_rate: float
    n_samples: int
    bandwidth_kbps: float
    codec_id: str
    codec_sha256: str

    def __post_init__(self) -> None:
        indices = np.asarray(self.indices)
        if indices.ndim != 2 or 0 in indices.shape:
            raise InputError(
                f"indices.shape={indices.shape}: must be (num_codebooks, n_frames), neither of them 0. Stack the codebooks first."
            )
        require(
            indices.dtype.kind in "iu",
            f"indices.dtype={indices.dtype}: codes are labels and must be integers. Take the argmax of "
            "predicted logits; do not round.",
        )
        require(
            indices.min() >= 0 and indices.max() < CARDINALITY,
            f"indices: range [{indices.min()}, {indices.max()}] must lie in [0, "
            f"{CARDINALITY - 1}]. Check where they were computed.",
        )
        if self.sample_rate <= 0 or self.frame_rate <= 0:
            raise InputError(
                f"sample_rate={self.sample_rate}, frame_rate={self.frame_rate}: must be positive (Hz)."
            )
        most = indices.shape[1] * self.sample_rate / self.frame_rate
        require(
            most - self.sample_rate / self.frame_rate < self.n_samples <= most,
            f"n_samples={self.n_samples}: {indices.shape[1]} "
            f"frames hold at most {most:.0f} samples, and less than one frame may be missing. Give the length of the sound that was "
            "encoded.",
        )
        indices = indices.astype(np.uint16)
        indices.setflags(write=False)
        object.__setattr__(self, "indices", indices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codes):
            return NotImplemented
        return self._meta() == other._meta() and np.array_equal(self.indices, other.indices)

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
        """Return the first `k` codebooks: the same sound at a lower rate, without encoding again."""
        require(
            1 <= k <= self.num_codebooks,
            f"k={k}: must lie in [1, {self.num_codebooks}], the codebooks these codes hold. Encode at a "
            "higher rate for more.",
        )
        return replace(
            self,
            indices=self.indices[:k],
            bandwidth_kbps=self.bandwidth_kbps * k / self.num_codebooks,
        )

    def crop_frames(self, start: int, stop: int) -> "Codes":
        """Return frames ``start:stop`` (a view of the time axis; the caller decides where seconds
        fall).
        """
        require(
            0 <= start < stop <= self.n_frames,
            f"start={start}, stop={stop}: must satisfy 0 <= start < stop <= {self.n_frames} "
            "frames. Give frames inside the sound.",
        )
        n_samples = min(self.n_samples, stop * self.hop_length) - start * self.hop_length
        return replace(self, indices=self.indices[:, start:stop], n_samples=n_samples)

    def with_indices(self, indices: np.ndarray) -> "Codes":
        """Return the same header around other indices of the same length, e.g. predicted ones."""
        return replace(self, indices=indices)

    def _meta(self) -> dict:
        return {
            "sample_rate": int(self.sample_rate),
            "frame_rate": float(self.frame_rate),
            "n_samples": int(self.n_samples),
            "bandwidth_kbps": float(self.bandwidth_kbps),
            "codec_id": self.codec_id,
            "codec_sha256": self.codec_sha256,
        }

    def save(self, path: str | Path) -> Path:
        """Write to ``.npz`` (no pickle; header and hash), atomically."""
        return save_npz(
            path,
            {"indices": self.indices},
            {"kind": "codes", "audio_format": "encodec", **self._meta()},
        )

    @classmethod
    def load(cls, path: str | Path) -> "Codes":
        """Read a file of `save`; altered, truncated or foreign files are an InputError."""
        arrays, meta = load_npz(path, kind="codes")
        header = {name: value for name, value in meta.items() if name in cls.__dataclass_fields__}
        return cls(arrays["indices"], **header)
