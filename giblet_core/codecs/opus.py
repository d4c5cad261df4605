"""Opus, for comparison: a coder of another kind at about the same rates.

References
----------
Valin, Vos, Terriberry (2012), Definition of the Opus audio codec. doi:10.17487/RFC6716
"""

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from giblet_core.errors import require
from giblet_core.files import in_memory
from giblet_core.sound import check_wave, resample

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz


@dataclass(frozen=True)
class OpusRoundTrip:
    """A sound after Opus.

    Attributes
    ----------
    wave : array of shape (n_samples,), float32
        As long as what went in.
    kbps : float
        The rate it really took, kbit/s; the head of the file counts.
    """

    wave: np.ndarray
    kbps: float


def opus_round_trip(
    wave: np.ndarray, sample_rate: int, compression_level: float = 1.0
) -> OpusRoundTrip:
    """Encode with Opus and decode again, through libsndfile.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        One of `OPUS_RATES`.
    compression_level : float
        0 (most bits) to 1 (about 6 kbit/s, the least Opus can do).

    Returns
    -------
    OpusRoundTrip

    Raises
    ------
    InputError
        A rate or a level that Opus does not know.
    """
    require(
        sample_rate in OPUS_RATES,
        f"sample_rate={sample_rate}: Opus knows 8000, 12000, 16000, 24000 and 48000 Hz. "
        "Resample first.",
    )
    require(
        0 <= compression_level <= 1,
        f"compression_level={compression_level}: must lie in [0, 1]. 1 is the least rate.",
    )
    file_bytes = in_memory(
        sf.write,
        np.clip(check_wave(wave), -1, 1),
        sample_rate,
        "OPUS",
        format="OGG",
        compression_level=compression_level,
    )
    decoded, decoded_rate = sf.read(io.BytesIO(file_bytes), dtype="float32")
    duration_s = len(wave) / sample_rate
    return OpusRoundTrip(
        wave=fit_length(resample(decoded, decoded_rate, sample_rate), len(wave)),
        kbps=len(file_bytes) * 8 / 1000 / duration_s,
    )


def fit_length(wave: np.ndarray, n_samples: int) -> np.ndarray:
    """Cut what a coder added at the end, or add the few samples of silence it left out."""
    n_missing = max(0, n_samples - len(wave))
    return np.pad(wave[:n_samples], (0, n_missing)).astype(np.float32)
