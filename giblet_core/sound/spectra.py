"""Spectra of sound: short-time Fourier transform, mel filters, mel spectrogram in decibels."""

from functools import lru_cache

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from giblet_core.sound.samples import check_wave

FLOOR_DB = -100.0


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Return Slaney mel filters; where filters outnumber bins, triangles at least one bin wide.

    The second is the seed's case of 2048 filters over 1025 bins, where most Slaney filters would
    hold no bin at all.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_mels, n_fft : int

    Returns
    -------
    array of shape (n_fft // 2 + 1, n_mels)
        Shared between calls: do not write to it.
    """
    if n_mels > n_fft // 4:  # beyond that the library's filters run empty, and it warns
        return _triangles(sample_rate, n_mels, n_fft)
    return mel_filter_bank(
        n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney"
    )


def _triangles(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Make triangles at least one bin wide, so that each of many narrow filters hears something."""
    nyquist = sample_rate / 2
    highest_mel = 2595 * np.log10(1 + nyquist / 700)
    centres_hz = 700 * (10 ** (np.linspace(0, highest_mel, n_mels + 2) / 2595) - 1)
    bins_hz = np.linspace(0, nyquist, n_fft // 2 + 1)[:, None]
    widths_hz = np.maximum(np.diff(centres_hz), sample_rate / n_fft)
    rising = 1 - (centres_hz[1:-1] - bins_hz) / widths_hz[:-1]
    falling = 1 - (bins_hz - centres_hz[1:-1]) / widths_hz[1:]
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    return triangles * 2 / (widths_hz[:-1] + widths_hz[1:])


def log_mel(
    wave: np.ndarray, sample_rate: int, n_mels: int = 128, hop_length: int = 256, n_fft: int = 2048
) -> np.ndarray:
    """Return the mel spectrogram in dB (of power), floored at -100 dB.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    n_mels : int
        Bands.
    hop_length, n_fft : int
        Samples.

    Returns
    -------
    array of shape (n_mels, 1 + n_samples // hop_length), float32

    Examples
    --------
    >>> log_mel(np.zeros(22_050, np.float32), 22_050).shape
    (128, 87)
    """
    spectrum = stft(torch.from_numpy(check_wave(wave)), n_fft, hop_length).numpy()
    power = np.abs(spectrum) ** 2
    mel_power = mel_filters(sample_rate, n_mels, n_fft).T.astype(np.float32) @ power
    lowest = 10 ** (FLOOR_DB / 10)
    return (10 * np.log10(np.maximum(mel_power, lowest))).astype(np.float32)


def stft(wave: torch.Tensor, n_fft: int, hop_length: int) -> torch.Tensor:
    """Return the short-time Fourier transform with a Hann window, the first frame centred on 0.

    Parameters
    ----------
    wave : Tensor of shape (n_samples,), float32
    n_fft, hop_length : int
        Samples.

    Returns
    -------
    Tensor of shape (n_fft // 2 + 1, 1 + n_samples // hop_length), complex64
    """
    return torch.stft(
        wave,
        n_fft,
        hop_length,
        window=torch.hann_window(n_fft),
        pad_mode="constant",
        return_complex=True,
    )
