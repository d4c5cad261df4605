"""What the demo codec is trained to keep: spectra, loudness, band envelopes, phase.

Each sound counts at its own level. Bark loudness follows the idea of PESQ (Zwicker loudness, a dead
zone, additions weigh more than losses), band envelopes that of STOI (correlation over 0.4 s in
third octaves). They are surrogates, not the metrics themselves.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 24_000
WEIGHTS = {"mel": 0.15, "spectrum": 1.0, "loudness": 4.0, "added": 1.5, "envelope": 3.0, "snr": 0.3}
SPECTRUM_WINDOW = 640  # samples, of the compressed spectrum and of third octaves
BARK_WINDOW = 768
N_BARK = 46
N_THIRDS = 15
ENVELOPE_FRAMES = 29  # 0.4 s
ACTIVE = 1e-4  # frames above this share of the loudest one's power count


@dataclass(frozen=True)
class MelResolution:
    """A log-mel spectrum: hop in samples, and number of bands."""

    hop: int
    n_bands: int


#: By window, in samples.
MEL = {
    256: MelResolution(hop=128, n_bands=24),
    1024: MelResolution(hop=320, n_bands=80),
    2048: MelResolution(hop=640, n_bands=120),
}


@dataclass(frozen=True)
class Bands:
    """Fixed matrices from power spectra to bands.

    Attributes
    ----------
    mel : dict of int to Tensor of shape (window / 2 + 1, n_bands)
        By window.
    bark : Tensor of shape (385, 46)
        Of 768 samples.
    quiet : Tensor of shape (46,)
        Power at the threshold of hearing in each Bark band, speech being at 65 dB.
    third_octaves : Tensor of shape (321, 15)
        Of 640 samples.
    waveform : Tensor of shape (321,)
        Weight of phase in each bin of 640 samples: one up to 1 kHz, none from 1.6 kHz.
    """

    mel: dict[int, Tensor]
    bark: Tensor
    quiet: Tensor
    third_octaves: Tensor
    waveform: Tensor


def _mel_matrix(window: int, n_bands: int) -> Tensor:
    matrix = mel_filter_bank(
        window // 2 + 1, n_bands, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="htk"
    )
    means = torch.tensor(matrix / np.maximum(matrix.sum(0), 1e-3), dtype=torch.float32)
    return means / torch.hann_window(window).square().sum()


def _bark_edges() -> np.ndarray:
    """Return the edges of Bark bands from 50 Hz to 8 kHz: (47,) Hz."""
    barks = np.linspace(6 * np.arcsinh(50 / 600), 6 * np.arcsinh(8000 / 600), N_BARK + 1)
    return 600 * np.sinh(barks / 6)


def _bark_matrix() -> np.ndarray:
    """Return how much of each bin lies in each Bark band: (385, 46)."""
    edges = _bark_edges()
    bin_width = SAMPLE_RATE / BARK_WINDOW
    frequency = np.arange(BARK_WINDOW // 2 + 1) * SAMPLE_RATE / BARK_WINDOW
    upper = np.minimum(edges[1:, None], frequency + bin_width / 2)
    lower = np.maximum(edges[:-1, None], frequency - bin_width / 2)
    return np.maximum(0, (upper - lower) / bin_width).T


def _threshold_of_hearing() -> np.ndarray:
    """Return Terhardt's threshold in quiet of each Bark band, as power: (46,)."""
    edges = _bark_edges()
    khz = np.sqrt(edges[1:] * edges[:-1]) / 1000
    db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4 - 4
    return 10 ** (db / 10)


def make_bands(device: str = "cpu") -> Bands:
    """Compute the matrices on a device."""
    frequency = np.arange(SPECTRUM_WINDOW // 2 + 1) * SAMPLE_RATE / SPECTRUM_WINDOW
    centres = 150 * 2 ** (np.arange(N_THIRDS) / 3)
    above = frequency[:, None] >= centres * 2 ** (-1 / 6)
    below = frequency[:, None] < centres * 2 ** (1 / 6)
    options = {"dtype": torch.float32, "device": device}
    return Bands(
        mel={window: _mel_matrix(window, mel.n_bands).to(device) for window, mel in MEL.items()},
        bark=torch.tensor(_bark_matrix(), **options),
        quiet=torch.tensor(_threshold_of_hearing(), **options),
        third_octaves=torch.tensor(above & below, **options),
        waveform=torch.tensor(np.clip((1600 - frequency) / 600, 0, 1), **options),
    )


def _spectrum(wave: Tensor, window: int, hop: int) -> Tensor:
    """Return real and imaginary parts: (batch, n_frames, n_bins, 2)."""
    hann = torch.hann_window(window, device=wave.device)
    spectrum = torch.stft(wave, window, hop, window=hann, center=False, return_complex=True)
    return torch.view_as_real(spectrum).transpose(1, 2)


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.square().sum(-1)


@dataclass(frozen=True)
class _Views:
    """What the losses look at in one sound of unit power.

    Attributes
    ----------
    log_mel : Tensor of shape (batch, n_frames, n_bands)
    compressed : Tensor of shape (batch, n_frames, 321, 2)
        Spectrum with its magnitude to the power .3, which keeps weak bands in view.
    magnitude : Tensor of shape (batch, n_frames, 321)
        Of the same.
    low : Tensor of shape (batch, n_frames, 321, 2)
        Spectrum below 1.6 kHz.
    thirds : Tensor of shape (batch, n_frames, 15)
        Power in third octaves.
    bark : Tensor of shape (batch, n_frames, 46)
        Power in Bark bands.
    """

    log_mel: Tensor
    compressed: Tensor
    magnitude: Tensor
    low: Tensor
    thirds: Tensor
    bark: Tensor


def _look(wave: Tensor, bands: Bands, window: int) -> _Views:
    mel_power = _power(_spectrum(wave, window, MEL[window].hop))
    spectrum = _spectrum(wave, SPECTRUM_WINDOW, SPECTRUM_WINDOW // 2)
    power = _power(spectrum)
    shrink = (power / 240 + 1e-5).pow(-0.35)
    bark_power = _power(_spectrum(wave, BARK_WINDOW, BARK_WINDOW // 2))
    return _Views(
        log_mel=(mel_power @ bands.mel[window] + 1e-5).log(),
        compressed=spectrum * (shrink / 240**0.5)[..., None],
        magnitude=shrink * (power / 240 + 1e-5).sqrt(),
        low=spectrum * bands.waveform[:, None] / 240,
        thirds=power @ bands.third_octaves,
        bark=bark_power @ bands.bark,
    )


def _active_frames(total: Tensor) -> Tensor:
    """Return 1 where a frame's power (batch, n_frames) counts, else 0."""
    return (total > total.amax(1, keepdim=True) * ACTIVE).float()


def _count(active: Tensor) -> Tensor:
    return active.sum(1).clamp(min=1)


def _over_time(frames: Tensor, active: Tensor) -> Tensor:
    """Return the RMS of active frames, averaged over sounds."""
    mean_square = (frames.square() * active).sum(1) / _count(active)
    return (mean_square + 1e-6).sqrt().mean()


def _zwicker(power: Tensor, quiet: Tensor) -> Tensor:
    """Return the loudness in sone of powers in Bark bands."""
    above_quiet = ((0.5 + 0.5 * power / quiet) ** 0.23 - 1).clamp(min=0)
    return 0.1866 * (quiet / 0.5) ** 0.23 * above_quiet


@dataclass(frozen=True)
class _LoudnessLosses:
    """Difference in loudness either way, and what was added, of which the ear takes more note."""

    symmetric: Tensor
    added: Tensor


def _loudness(reference: Tensor, degraded: Tensor, quiet: Tensor) -> _LoudnessLosses:
    """Compare Bark powers (batch, n_frames, 46)."""
    total = reference.sum(-1)
    active = _active_frames(total)
    mean_power = (total * active).sum(1) / _count(active)
    scale = (10**6.5 / (mean_power + 1e-9))[:, None, None]  # 65 dB
    target = reference * scale
    decoded = degraded * scale
    target_sone = _zwicker(target, quiet)
    decoded_sone = _zwicker(decoded, quiet)
    difference = decoded_sone - target_sone
    dead_zone = 0.25 * torch.minimum(target_sone, decoded_sone).detach()
    beyond = torch.sign(difference) * functional.relu(difference.abs() - dead_zone)
    asymmetry = ((decoded.detach() + 50) / (target + 50)) ** 1.2
    asymmetry = torch.where(asymmetry < 3, torch.zeros_like(asymmetry), asymmetry.clamp(max=12))
    symmetric_frames = (beyond.square().mean(-1) + 1e-4).sqrt()
    added_frames = (beyond.abs() * asymmetry).mean(-1)
    return _LoudnessLosses(_over_time(symmetric_frames, active), _over_time(added_frames, active))


def _centred(envelope: Tensor, mask: Tensor) -> Tensor:
    """Remove the mean of the frames in the mask, and leave the others out."""
    count = mask.sum(-1, keepdim=True).clamp(min=1)
    return mask * (envelope - (envelope * mask).sum(-1, keepdim=True) / count)


def _envelope_loss(reference: Tensor, degraded: Tensor) -> Tensor:
    """Return 1 - mean correlation of third-octave envelopes over windows of 0.4 s.

    Powers are (batch, n_frames, 15); pauses are left out.
    """
    active = _active_frames(reference.sum(-1))
    mask = active.unfold(1, ENVELOPE_FRAMES, 4)[:, :, None]
    target = (reference + 1e-7).sqrt().unfold(1, ENVELOPE_FRAMES, 4)
    decoded = (degraded + 1e-7).sqrt().unfold(1, ENVELOPE_FRAMES, 4)
    target_power = (target.square() * mask).sum(-1, keepdim=True)
    decoded_power = (decoded.square() * mask).sum(-1, keepdim=True)
    gain = (target_power / (decoded_power + 1e-6) + 1e-9).sqrt()
    clipped = torch.minimum(decoded * gain, target * 6.6234)  # as STOI does, at -15 dB
    target = _centred(target, mask)
    decoded = _centred(clipped, mask)
    norm = (target.square().sum(-1) * decoded.square().sum(-1) + 1e-9).sqrt()
    r = (target * decoded).sum(-1) / norm
    counts = (mask.sum(-1) > 20).float().expand_as(r)
    return 1 - (r * counts).sum() / (counts.sum() + 1e-3)


def perceptual_losses(
    reference: Tensor, degraded: Tensor, bands: Bands, window: int = 1024
) -> dict[str, Tensor]:
    """Compare sounds, scaled so that each reference has unit power.

    Parameters
    ----------
    reference, degraded : Tensor of shape (batch, n_samples)
    bands : Bands
    window : int
        Which of the log-mel resolutions (256, 1024, 2048) this step looks at; training goes round.

    Returns
    -------
    dict of str to Tensor
        A scalar for each of `WEIGHTS`.
    """
    gain = 1 / (reference.square().mean(1, keepdim=True).sqrt() + 1e-3)
    target = _look(reference * gain, bands, window)
    decoded = _look(degraded * gain, bands, window)
    loudness = _loudness(target.bark, decoded.bark, bands.quiet)
    low_error = (target.low - decoded.low).square().sum((1, 2, 3))
    low_power = target.low.square().sum((1, 2, 3))
    phase_error = (target.compressed - decoded.compressed).square().sum(-1)
    level_error = (target.magnitude - decoded.magnitude).square()
    return {
        "mel": (target.log_mel - decoded.log_mel).abs().mean(),
        "loudness": loudness.symmetric,
        "added": loudness.added,
        "envelope": _envelope_loss(target.thirds, decoded.thirds),
        "spectrum": (bands.waveform * (phase_error + 3 * level_error)).mean(),
        "snr": (low_error / (low_power + 1e-3) + 1e-3).log().mean(),
    }
