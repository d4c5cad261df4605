"""The older path: mel spectrograms in decibels, and Griffin-Lim, which has to guess the phase.

References
----------
Griffin, Lim (1984), Signal estimation from modified short-time Fourier transform.
doi:10.1109/TASSP.1984.1164317 Perraudin, Balazs, Sondergaard (2013), A fast Griffin-Lim algorithm.
doi:10.1109/WASPAA.2013.6701851
"""

from functools import lru_cache

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from giblet_core.sound.samples import check_wave

FLOOR_DB = -100.0


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Slaney mel filters, (n_fft // 2 + 1, n_mels); where filters outnumber bins some are empty,
    which is the seed's case of 2048.
    """
    if (
        n_mels > n_fft // 4
    ):  # transformers warns about empty filters; beyond a quarter of the bins we build the same triangles ourselves
        return _triangles(sample_rate, n_mels, n_fft)
    return mel_filter_bank(
        n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney"
    )


def _triangles(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Triangles at least one bin wide, so that each of many narrow filters still hears something."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    centres = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    width = np.maximum(np.diff(centres), sample_rate / n_fft)
    up = 1 - (centres[1:-1] - bins) / width[:-1]
    down = 1 - (bins - centres[1:-1]) / width[1:]
    return np.clip(np.minimum(up, down), 0, None) * 2 / (width[:-1] + width[1:])


def log_mel(
    wave: np.ndarray, sample_rate: int, n_mels: int = 128, hop_length: int = 256, n_fft: int = 2048
) -> np.ndarray:
    """Return the mel spectrogram in dB (of power), floored at -100 dB.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.

    Returns
    -------
    array of shape (n_mels, 1 + n_samples // hop_length), float32
    """
    power = np.abs(stft(torch.from_numpy(check_wave(wave)), n_fft, hop_length).numpy()) ** 2
    mel = mel_filters(sample_rate, n_mels, n_fft).T.astype(np.float32) @ power
    return (10 * np.log10(np.maximum(mel, 10 ** (FLOOR_DB / 10)))).astype(np.float32)


def stft(wave: torch.Tensor, n_fft: int, hop_length: int) -> torch.Tensor:
    return torch.stft(
        wave,
        n_fft,
        hop_length,
        window=torch.hann_window(n_fft),
        pad_mode="constant",
        return_complex=True,
    )
