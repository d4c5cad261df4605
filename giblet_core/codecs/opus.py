"""TODO: codecs/opus."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from giblet_core.errors import require
from giblet_core.files import in_memory
from giblet_core.sound import check_wave, resample


@dataclass(frozen=True)
class OpusRoundTrip:
    """A sound after Opus, (n_samples,) float32, and the rate it really took, in kbit/s."""

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
        8000, 12000, 16000, 24000 or 48000 Hz.
    compression_level : float
        0 (most bits) to 1 (about 6 kbit/s, the least Opus can do). The rate reached is in the
        result; the head of the file counts.
    """
    require(
        sample_rate in (8_000, 12_000, 16_000, 24_000, 48_000),
        f"sample_rate={sample_rate}: Opus knows 8000, 12000, 16000, 24000 and 48000 Hz. Resample first.",
    )
    require(
        0 <= compression_level <= 1,
        f"compression_level={compression_level}: must lie in [0, 1]. 1 is the least rate.",
    )
    opus = in_memory(
        sf.write,
        np.clip(check_wave(wave), -1, 1),
        sample_rate,
        "OPUS",
        format="OGG",
        compression_level=compression_level,
    )
    back, rate = sf.read(io.BytesIO(opus), dtype="float32")
    return OpusRoundTrip(
        fit_length(resample(back, rate, sample_rate), len(wave)),
        len(opus) * 8 / 1000 / (len(wave) / sample_rate),
    )


def fit_length(wave: np.ndarray, n_samples: int) -> np.ndarray:
    """Cut what a coder added at the end, or add the few samples of silence it left out."""
    return np.pad(wave[:n_samples], (0, max(0, n_samples - len(wave)))).astype(np.float32)
