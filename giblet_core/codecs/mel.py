"""TODO: codecs/mel."""

from dataclasses import dataclass

import numpy as np
import torch

from giblet_core.errors import InputError
from giblet_core.sound import log_mel, mel_filters, stft

_MOMENTUM = 0.99


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

    def decode(
        self, mel: np.ndarray, n_samples: int | None = None, n_iter: int = 32, seed: int = 0
    ) -> np.ndarray:
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
            raise InputError(
                f"mel.shape={mel.shape}: must be finite dB of shape ({self.n_mels}, n_frames). Encode with the same settings."
            )
        n_samples = n_samples or (mel.shape[1] - 1) * self.hop_length
        magnitude = torch.from_numpy(self._magnitude(10 ** (mel / 10)))
        rng = torch.Generator().manual_seed(seed)
        angle = torch.exp(2j * torch.pi * torch.rand(magnitude.shape, generator=rng))
        previous = torch.zeros_like(angle)
        for _ in range(n_iter):
            rebuilt = stft(self._istft(magnitude * angle, n_samples), self.n_fft, self.hop_length)
            rebuilt = torch.nn.functional.pad(
                rebuilt, (0, max(0, angle.shape[1] - rebuilt.shape[1]))
            )[:, : angle.shape[1]]
            ahead = rebuilt - _MOMENTUM / (1 + _MOMENTUM) * previous
            angle, previous = ahead / ahead.abs().clamp_min(1e-12), rebuilt
        return self._istft(magnitude * angle, n_samples).numpy()

    def _istft(self, spectrum: torch.Tensor, n_samples: int) -> torch.Tensor:
        return torch.istft(
            spectrum,
            self.n_fft,
            self.hop_length,
            window=torch.hann_window(self.n_fft),
            length=n_samples,
        )

    def _magnitude(self, mel_power: np.ndarray) -> np.ndarray:
        """Undo the filters: non-negative least squares by multiplicative updates from the filters'
        own shapes.
        """
        filters = mel_filters(self.sample_rate, self.n_mels, self.n_fft).astype(np.float32)
        power = np.linalg.pinv(filters.T) @ mel_power.astype(np.float32)
        power = np.maximum(power, power.max(0) * 1e-7)  # zeros would stay zero under the updates
        target = filters @ mel_power.astype(np.float32)
        for _ in range(30):
            power *= target / np.maximum(filters @ (filters.T @ power), 1e-20)
        return np.sqrt(power)
