"""What a waveform is here: its check, and resampling.

A waveform is mono, float32, finite, in about [-1, 1], of shape (n_samples,); its rate in Hz is
handed around beside it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from giblet_core.errors import InputError

RESAMPLING_QUALITY = "HQ"  # of soxr: 20 bit


def check_wave(wave: np.ndarray, name: str = "wave") -> np.ndarray:
    """Return `wave` as float32 (n_samples,) or raise.

    Raises
    ------
    InputError
        Not one-dimensional, empty, integer, or holding NaN or infinity.
    """
    wave = np.asarray(wave)
    if wave.ndim != 1 or wave.size == 0:
        raise InputError(
            f"{name}.shape={wave.shape}: must be (n_samples,) with at least one sample. "
            "Mix channels to mono first."
        )
    if wave.dtype.kind != "f":
        raise InputError(
            f"{name}.dtype={wave.dtype}: must be float in about [-1, 1]. "
            "Divide 16-bit samples by 32768."
        )
    n_bad = wave.size - int(np.isfinite(wave).sum())
    if n_bad:
        raise InputError(
            f"{name}: {n_bad} of {wave.size} samples are NaN or infinite; all must be finite. "
            "Repair the sound first."
        )
    return wave.astype(np.float32, copy=False)


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample a mono sound with soxr (HQ).

    Parameters
    ----------
    wave : array of shape (n_samples,)
    from_rate, to_rate : int
        Hz.

    Returns
    -------
    array of shape (round(n_samples * to_rate / from_rate),), float32

    Examples
    --------
    >>> resample(np.zeros(48_000, np.float32), 48_000, 24_000).shape
    (24000,)
    """
    blocks = [np.asarray(wave, np.float32)]
    return np.concatenate(list(resampled_blocks(blocks, from_rate, to_rate)))


def resampled_blocks(
    blocks: Iterable[np.ndarray], from_rate: int, to_rate: int
) -> Iterator[np.ndarray]:
    """Resample a mono sound that comes in blocks, without a seam between them.

    Parameters
    ----------
    blocks : iterable of array of shape (n,), float32
    from_rate, to_rate : int
        Hz.

    Yields
    ------
    array of shape (m,), float32
        Some are empty: the resampler holds a few samples back until it knows what follows.
    """
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality=RESAMPLING_QUALITY)
    for block in blocks:
        yield stream.resample_chunk(block)
    nothing = np.zeros(0, np.float32)
    yield stream.resample_chunk(nothing, last=True)  # without it the last milliseconds are lost
