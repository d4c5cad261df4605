"""The older path: mel spectrograms in decibels, and Griffin-Lim, which has to guess the phase.

References
----------
Griffin, Lim (1984), Signal estimation from modified short-time Fourier transform. doi:10.1109/TASSP.1984.1164317
Perraudin, Balazs, Sondergaard (2013), A fast Griffin-Lim algorithm. doi:10.1109/WASPAA.2013.6701851
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from giblet_core.artifacts import InputError
from giblet_core.audio import check_wave

FLOOR_DB = -100.0
_MOMENTUM = 0.99


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Slaney mel filters, (n_fft // 2 + 1, n_mels); where filters outnumber bins some are empty, which is the seed's case of 2048."""
    if n_mels > n_fft // 4:  # transformers warns about empty filters; beyond a quarter of the bins we build the same triangles ourselves
        return _triangles(sample_rate, n_mels, n_fft)
    return mel_filter_bank(n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney")


def _triangles(sample_rate: int, n_mels: int, n_fft: int) -> np.ndarray:
    """Triangles at least one bin wide, so that each of many narrow filters still hears something."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    centres = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    width = np.maximum(np.diff(centres), sample_rate / n_fft)
    up = 1 - (centres[1:-1] - bins) / width[:-1]
    down = 1 - (bins - centres[1:-1]) / width[1:]
    return np.clip(np.minimum(up, down), 0, None) * 2 / (width[:-1] + width[1:])


def log_mel(wave: np.ndarray, sample_rate: int, n_mels: int = 128, hop_length: int = 256, n_fft: int = 2048) -> np.ndarray:
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
    power = np.abs(_stft(torch.from_numpy(check_wave(wave)), n_fft, hop_length).numpy()) ** 2
    mel = mel_filters(sample_rate, n_mels, n_fft).T.astype(np.float32) @ power
    return (10 * np.log10(np.maximum(mel, 10 ** (FLOOR_DB / 10)))).astype(np.float32)


def _stft(wave: torch.Tensor, n_fft: int, hop_length: int) -> torch.Tensor:
    return torch.stft(wave, n_fft, hop_length, window=torch.hann_window(n_fft), pad_mode="constant", return_complex=True)


@dataclass(frozen=True)
class MelCodec:
    """The legacy representation: a mel spectrogram, turned back into sound by Griffin-Lim.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_mels : int
        Bands; the predecessor used 2048, more than the spectrum has bins.
    hop_length, n_fft : int
        Samples.
    """

    sample_rate: int = 22_050
    n_mels: int = 128
    hop_length: int = 256
    n_fft: int = 2048

    frame_rate = property(lambda self: self.sample_rate / self.hop_length, doc="Frames a second.")

    def encode(self, wave: np.ndarray) -> np.ndarray:
        """Return (n_mels, n_frames) float32 in dB."""
        return log_mel(wave, self.sample_rate, self.n_mels, self.hop_length, self.n_fft)

    def decode(self, mel: np.ndarray, n_samples: int | None = None, n_iter: int = 32, seed: int = 0) -> np.ndarray:
        """Guess a sound whose mel spectrogram is `mel`.

        Parameters
        ----------
        mel : array of shape (n_mels, n_frames)
            dB, as from `encode`.
        n_samples : int, optional
        n_iter : int
            Griffin-Lim iterations, from random phase.
        seed : int

        Returns
        -------
        array of shape (n_samples,), float32
        """
        mel = np.asarray(mel)
        if mel.ndim != 2 or mel.shape[0] != self.n_mels or not np.isfinite(mel).all():
            raise InputError(f"mel.shape={mel.shape}: must be finite dB of shape ({self.n_mels}, n_frames). Encode with the same settings.")
        n_samples = n_samples or (mel.shape[1] - 1) * self.hop_length
        magnitude = torch.from_numpy(self._magnitude(10 ** (mel / 10)))
        rng = torch.Generator().manual_seed(seed)
        angle = torch.exp(2j * torch.pi * torch.rand(magnitude.shape, generator=rng))
        previous = torch.zeros_like(angle)
        for _ in range(n_iter):
            rebuilt = _stft(self._istft(magnitude * angle, n_samples), self.n_fft, self.hop_length)
            rebuilt = torch.nn.functional.pad(rebuilt, (0, max(0, angle.shape[1] - rebuilt.shape[1])))[:, : angle.shape[1]]
            ahead = rebuilt - _MOMENTUM / (1 + _MOMENTUM) * previous
            angle, previous = ahead / ahead.abs().clamp_min(1e-12), rebuilt
        return self._istft(magnitude * angle, n_samples).numpy()

    def _istft(self, spectrum: torch.Tensor, n_samples: int) -> torch.Tensor:
        return torch.istft(spectrum, self.n_fft, self.hop_length, window=torch.hann_window(self.n_fft), length=n_samples)

    def _magnitude(self, mel_power: np.ndarray) -> np.ndarray:
        """Undo the filters: non-negative least squares by multiplicative updates from the filters' own shapes."""
        filters = mel_filters(self.sample_rate, self.n_mels, self.n_fft).astype(np.float32)
        power = np.linalg.pinv(filters.T) @ mel_power.astype(np.float32)
        power = np.maximum(power, power.max(0) * 1e-7)  # zeros would stay zero under the updates
        target = filters @ mel_power.astype(np.float32)
        for _ in range(30):
            power *= target / np.maximum(filters @ (filters.T @ power), 1e-20)
        return np.sqrt(power)
