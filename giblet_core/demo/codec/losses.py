"""What the demo codec is trained to keep: spectra, loudness, band envelopes, phase; each sound at
its own level.

Bark loudness follows the idea of PESQ (Zwicker loudness, a dead zone, additions weigh more than
losses), band envelopes that of STOI (correlation over 0.4 s in third octaves). They are surrogates,
not the metrics themselves.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 24_000
MEL = {256: (128, 24), 1024: (320, 80), 2048: (640, 120)}  # window: (hop, bands), samples
WEIGHTS = {"mel": 0.15, "spectrum": 1.0, "loudness": 4.0, "added": 1.5, "envelope": 3.0, "snr": 0.3}


@dataclass(frozen=True)
class Bands:
    """Fixed matrices: power spectrum -> bands."""

    mel: dict[int, Tensor]
    bark: Tensor
    quiet: Tensor  # power at the threshold of hearing in each Bark band, speech at 65 dB
    third_octaves: Tensor
    waveform: (
        Tensor  # weight of phase in each bin of 640 samples: one up to 1 kHz, none from 1.6 kHz
    )


def _mel_matrix(window: int, n_bands: int) -> Tensor:
    matrix = mel_filter_bank(
        window // 2 + 1, n_bands, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="htk"
    )
    return (
        torch.tensor(matrix / np.maximum(matrix.sum(0), 1e-3), dtype=torch.float32)
        / torch.hann_window(window).square().sum()
    )


def make_bands(device: str = "cpu") -> Bands:
    """Compute the matrices on a device (mel for three windows; 46 Bark bands for 768 samples; 15
    third octaves for 640).
    """
    edges = 600 * np.sinh(np.linspace(6 * np.arcsinh(50 / 600), 6 * np.arcsinh(8000 / 600), 47) / 6)
    f, width = np.arange(385) * SAMPLE_RATE / 768, SAMPLE_RATE / 768
    overlap = np.minimum(edges[1:, None], f + width / 2) - np.maximum(
        edges[:-1, None], f - width / 2
    )
    khz = np.sqrt(edges[1:] * edges[:-1]) / 1000
    quiet_db = (
        3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4 - 4
    )  # Terhardt's curve
    centres, f = 150 * 2 ** (np.arange(15) / 3), np.arange(321) * SAMPLE_RATE / 640
    thirds = (f[:, None] >= centres * 2 ** (-1 / 6)) & (f[:, None] < centres * 2 ** (1 / 6))
    as_tensor = lambda x: torch.tensor(x, dtype=torch.float32, device=device)  # noqa: E731
    return Bands(
        {window: _mel_matrix(window, n).to(device) for window, (_, n) in MEL.items()},
        as_tensor(np.maximum(0, overlap / width).T),
        as_tensor(10 ** (quiet_db / 10)),
        as_tensor(thirds),
        as_tensor(np.clip((1600 - f) / 600, 0, 1)),
    )


def mel_spectrum(wave: Tensor, window: int, hop: int) -> tuple[Tensor, Tensor]:
    spectrum = torch.stft(
        wave,
        window,
        hop,
        window=torch.hann_window(window, device=wave.device),
        center=False,
        return_complex=True,
    )
    parts = torch.view_as_real(spectrum).transpose(1, 2)  # (batch, frames, bins, 2)
    return parts, parts.square().sum(-1)


def _loudness(reference: Tensor, degraded: Tensor, quiet: Tensor) -> tuple[Tensor, Tensor]:
    """Compare Bark powers (batch, frames, 46): symmetric difference in loudness, and what was
    added.
    """
    total = reference.sum(-1)
    active = (total > total.amax(1, keepdim=True) * 1e-4).float()
    n_active = active.sum(1).clamp(min=1)
    scale = (10**6.5 / ((total * active).sum(1) / n_active + 1e-9))[:, None, None]
    x, y = reference * scale, degraded * scale
    a, b = (
        0.1866 * (quiet / 0.5) ** 0.23 * ((0.5 + 0.5 * p / quiet) ** 0.23 - 1).clamp(min=0)
        for p in (x, y)
    )
    beyond = torch.sign(b - a) * F.relu((b - a).abs() - 0.25 * torch.minimum(a, b).detach())
    asymmetry = ((y.detach() + 50) / (x + 50)) ** 1.2
    asymmetry = torch.where(asymmetry < 3, torch.zeros_like(asymmetry), asymmetry.clamp(max=12))
    frames = (beyond.square().mean(-1) + 1e-4).sqrt(), (beyond.abs() * asymmetry).mean(-1)
    return tuple(
        ((value.square() * active).sum(1) / n_active + 1e-6).sqrt().mean() for value in frames
    )


def _envelope(reference: Tensor, degraded: Tensor, n: int = 29) -> Tensor:
    """Return 1 - mean correlation of third-octave envelopes (batch, frames, 15) over windows of `n`
    frames; pauses left out.
    """
    total = reference.sum(-1)
    mask = (total > total.amax(1, keepdim=True) * 1e-4).float().unfold(1, n, 4)[:, :, None]
    count = mask.sum(-1, keepdim=True).clamp(min=1)
    a, b = ((power + 1e-7).sqrt().unfold(1, n, 4) for power in (reference, degraded))
    gain = (
        (a.square() * mask).sum(-1, keepdim=True)
        / ((b.square() * mask).sum(-1, keepdim=True) + 1e-6)
        + 1e-9
    ).sqrt()
    a, b = (
        mask * (v - (v * mask).sum(-1, keepdim=True) / count)
        for v in (a, torch.minimum(b * gain, a * 6.6234))
    )
    r = (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1) + 1e-9).sqrt()
    heard = (mask.sum(-1) > 20).float().expand_as(r)
    return 1 - (r * heard).sum() / (heard.sum() + 1e-3)


def perceptual_losses(
    reference: Tensor, degraded: Tensor, bands: Bands, window: int = 1024
) -> dict[str, Tensor]:
    """Compare sounds (batch, n_samples), scaled so that each reference has unit power.

    Parameters
    ----------
    window : int
        Which of the log-mel resolutions (256, 1024, 2048) this step looks at; training goes round.
    """
    gain = 1 / (reference.square().mean(1, keepdim=True).sqrt() + 1e-3)
    seen = []
    for wave in (reference * gain, degraded * gain):
        log_mel = (mel_spectrum(wave, window, MEL[window][0])[1] @ bands.mel[window] + 1e-5).log()
        parts, power = mel_spectrum(wave, 640, 320)
        shrink = (power / 240 + 1e-5).pow(-0.35)  # |X|^0.3 keeps weak bands in view
        compressed, magnitude = (
            parts * (shrink / 240**0.5)[..., None],
            shrink * (power / 240 + 1e-5).sqrt(),
        )
        low = parts * bands.waveform[:, None] / 240
        seen.append(
            (
                log_mel,
                compressed,
                magnitude,
                low,
                power @ bands.third_octaves,
                mel_spectrum(wave, 768, 384)[1] @ bands.bark,
            )
        )
    (mel_x, c_x, m_x, low_x, env_x, bark_x), (mel_y, c_y, m_y, low_y, env_y, bark_y) = seen
    loudness, added = _loudness(bark_x, bark_y, bands.quiet)
    error = (low_x - low_y).square().sum((1, 2, 3)) / (low_x.square().sum((1, 2, 3)) + 1e-3)
    spectrum = (bands.waveform * ((c_x - c_y).square().sum(-1) + 3 * (m_x - m_y).square())).mean()
    return {
        "mel": (mel_x - mel_y).abs().mean(),
        "loudness": loudness,
        "added": added,
        "envelope": _envelope(env_x, env_y),
        "spectrum": spectrum,
        "snr": (error + 1e-3).log().mean(),
    }
