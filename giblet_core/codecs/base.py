"""What the rest of the package may ask of a codec.

`Codec` lists what every codec offers. `UntrainedEncoder`, `TrainableDecoder` and
`ExportableDecoder` are what some offer besides; who needs one of these asks with `check_offers`,
or leaves its own part out.
"""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from giblet_core.codecs.codes import Codes
from giblet_core.errors import InputError, require

if TYPE_CHECKING:  # torch takes a second to import, and a command that only reads needs none of it
    from torch import nn


@runtime_checkable
class Codec(Protocol):
    """What every codec offers.

    Attributes
    ----------
    id : str
        How the pages name it.
    sha256 : str
        Hash of all that shapes codes and sound: codes of other weights are refused.
    sample_rate, hop_length : int
        Hz; samples a frame.
    frame_rate : float
        Frames a second, ``sample_rate / hop_length``.
    num_codebooks, cardinality, latent_dim : int
        Codebooks at the highest rate; entries of each; length of a latent.
    bandwidths_kbps : tuple of float
        Rates, rising.
    codebooks : array of shape (num_codebooks, cardinality, latent_dim), float32
        What each entry adds to the decoder's input; read-only. Where a codec quantises in a space
        of its own (fewer dimensions, unit length), these are its entries brought back to latents;
        which of them is nearest says `nearest`.
    """

    id: str
    sha256: str
    sample_rate: int
    hop_length: int
    frame_rate: float
    num_codebooks: int
    cardinality: int
    latent_dim: int
    bandwidths_kbps: tuple[float, ...]
    codebooks: np.ndarray

    def codebooks_at(self, bandwidth_kbps: float) -> int:
        """Return how many codebooks a rate buys."""

    def encode(self, wave: np.ndarray, bandwidth_kbps: float = 6.0) -> Codes:
        """Turn sound (n_samples,) into codes."""

    def decode(self, codes: Codes) -> np.ndarray:
        """Turn codes into sound (codes.n_samples,)."""

    def latents(
        self, codes: Codes, start_s: float = 0.0, stop_s: float | None = None
    ) -> np.ndarray:
        """Look up what each codebook adds to the decoder's input.

        Parameters
        ----------
        codes : Codes
        start_s, stop_s : float
            The piece wanted, in seconds; the whole by default.

        Returns
        -------
        array of shape (num_codebooks, latent_dim, n_frames), float32
            A new array at every call: whoever asked may write into it.
        """

    def decode_latents(self, z: np.ndarray, n_samples: int | None = None) -> np.ndarray:
        """Turn latents summed over codebooks (latent_dim, n_frames) into sound."""

    def nearest(self, k: int, points: np.ndarray) -> np.ndarray:
        """Choose the entry of codebook `k` for each of `points` (n, latent_dim): (n,) int64."""


@runtime_checkable
class UntrainedEncoder(Protocol):
    """A codec whose encoder can be drawn anew, with random weights."""

    def untrained_latents(self, wave: np.ndarray, seed: int = 0) -> np.ndarray:
        """Return the latents (latent_dim, n_frames) of its encoder with random weights."""


@runtime_checkable
class TrainableDecoder(Protocol):
    """A codec whose decoder is a torch network that can be trained further."""

    def copy_as(self, codec_id: str) -> "TrainableDecoder":
        """Return a deep copy under another name, for the same codes."""

    def decoder_network(self) -> "nn.Module":
        """Return its own decoder: (batch, latent_dim, n_frames) to (batch, 1, n_samples)."""


@runtime_checkable
class ExportableDecoder(Protocol):
    """A codec whose decoder the page's own program can run: the layers of EnCodec."""

    def decoder_weights(self) -> dict[str, np.ndarray]:
        """Return the decoder's weights by name."""


def check_made_by(codec: Codec, codes: Codes) -> None:
    """Raise unless a codec made these codes and has all their codebooks.

    Raises
    ------
    InputError
        Codes of other weights, or of more codebooks than it has.
    """
    require(
        codes.codec_sha256 == codec.sha256,
        f"codes.codec_id={codes.codec_id!r} ({codes.codec_sha256[:12]}): must come from codec "
        f"{codec.id!r} ({codec.sha256[:12]}). Decode with the codec that made them, or encode "
        "the sound again.",
    )
    require(
        codes.num_codebooks <= codec.num_codebooks,
        f"codes.num_codebooks={codes.num_codebooks}: codec {codec.id!r} has "
        f"{codec.num_codebooks}. Use codes.first({codec.num_codebooks}).",
    )


def check_offers(codec: Codec, capability: type, purpose: str) -> None:
    """Raise unless a codec offers what some purpose needs.

    Parameters
    ----------
    codec : Codec
    capability : type
        `UntrainedEncoder`, `TrainableDecoder` or `ExportableDecoder`.
    purpose : str
        What needs it, for the message.

    Raises
    ------
    InputError
        It does not.
    """
    if not isinstance(codec, capability):
        raise InputError(
            f"codec={codec.id!r}: {purpose} needs what {capability.__name__} lists, which this "
            "codec does not offer. Leave it out, or choose a codec that does, e.g. 'demo'."
        )
