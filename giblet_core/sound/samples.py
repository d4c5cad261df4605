"""TODO: sound/samples."""

from collections.abc import Iterator

import numpy as np
import soxr

from giblet_core.errors import InputError, require


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
            f"{name}.shape={wave.shape}: must be (n_samples,) with at least one sample. Mix channels to mono first."
        )
    require(
        wave.dtype.kind == "f",
        f"{name}.dtype={wave.dtype}: must be float in about [-1, 1]. Divide 16-bit samples by 32768.",
    )
    bad = wave.size - int(np.isfinite(wave).sum())
    require(
        not bad,
        f"{name}: {bad} of {wave.size} samples are NaN or infinite; all must be finite. Repair the sound first.",
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
    """
    return np.concatenate(
        list(resampled_blocks(iter([np.asarray(wave, np.float32)]), from_rate, to_rate))
    )


def resampled_blocks(
    blocks: Iterator[np.ndarray], from_rate: int, to_rate: int
) -> Iterator[np.ndarray]:
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(
        np.zeros(0, np.float32), last=True
    )  # flush: without it the last milliseconds are lost
