"""The decoder's start: the low band multiplied by its level, and noise in bands at their levels.

Each unit of the LSTM is a gate (a level) times a sign that the quantised latents scramble;
synthesis turns it into a windowed sinusoid.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from giblet_core.demo.codec.hybrid.gates import Gate
from giblet_core.demo.codec.hybrid.layout import (
    BAND_SCALE,
    CENTRES_HZ,
    DECADES,
    EDGES_HZ,
    EXPANDED,
    EXPONENT,
    LEVEL_DB,
    LEVEL_SCALE,
    N_BANDS,
    N_LOW,
    N_MIXED,
    N_USED,
    NOISE,
    NOISE_DB,
    NOISE_HZ,
    SAMPLE_RATE,
    frames_of,
    low_pass,
    now_and_before,
    with_frame_before,
)
from giblet_core.demo.codec.network import GROW, HOP_LENGTH, N_TAPS, FrameCodec

OVERLAP = 128  # samples in which the noise of neighbouring frames cross-fades
MIXED = slice(N_USED, N_USED + N_MIXED)
NEPERS_A_DB = np.log(10) / 20
TRAINED_PREFIXES = (2, 4, 8, 8, 16)  # codebooks with which the synthesis is fitted, drawn from
N_GAIN_SOUNDS = 40  # on which the gain of the noise is measured


def latents_of(net: FrameCodec, wave: np.ndarray) -> Tensor:
    """Encode one sound (n_samples,): latents (n_frames, 128)."""
    return net.encode(torch.from_numpy(frames_of(wave).copy())[None])[0]


def build_decoder(net: FrameCodec, spread: Tensor) -> None:
    """Write gates and signs.

    ``spread`` (38,) is the deviation of the latents, so that signs are scrambled at any level.
    """
    scale = torch.tensor([1.0] * N_LOW + BAND_SCALE)
    net.decoder_conv.weight[:N_USED, :N_USED, -1] = torch.diag(1 / scale)
    mix = torch.randn(N_MIXED, N_USED, N_TAPS) / spread[None, :, None] / (2 * N_USED) ** 0.5
    mix[:, :, :-3] *= 0.3
    levels = mix[:, N_LOW:]
    mix[:, N_LOW:] = 6 * (levels - levels.mean(-1, keepdim=True))  # of levels only changes
    net.decoder_conv.weight[MIXED, :N_USED] = mix
    _build_expansion(net)
    _build_noise_gates(net)


def _build_expansion(net: FrameCodec) -> None:
    """Let the LSTM multiply the low band by its level to the power .4."""
    multiplies = (1 - EXPONENT) * DECADES * np.log(10) / LEVEL_SCALE
    for latent, channel in enumerate(EXPANDED):
        gate = Gate(inputs={latent: 0.2}, gate={N_LOW: multiplies}, bias=-3.0)
        gate.write(net.decoder_lstm, channel)


def _build_noise_gates(net: FrameCodec) -> None:
    """Let each noise unit be as loud as the two bands around its frequency."""
    scale = LEVEL_DB * NEPERS_A_DB / LEVEL_SCALE
    places = np.interp(np.log(NOISE_HZ), np.log(CENTRES_HZ[1:]), np.arange(1, N_BANDS))
    for channel, place in zip(NOISE, places):
        band = min(int(place), N_BANDS - 2)
        weights = (6 * torch.randn(N_MIXED) / N_MIXED**0.5).tolist()
        signs = dict(zip(range(N_USED, N_USED + N_MIXED), weights))
        levels = {
            N_LOW + band: scale * (band + 1 - place),
            N_LOW + band + 1: scale * (place - band),
        }
        Gate(signs, levels, bias=-64 * NEPERS_A_DB + 0.5).write(net.decoder_lstm, channel)


def fit_low_band(net: FrameCodec, waves: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Regress low-passed frames on the expanded, quantised latents of two frames (ridge).

    Parameters
    ----------
    net : FrameCodec
        Its codebooks are fitted; its synthesis is written.
    waves : sequence of array of shape (n_samples,)
    rng : numpy.random.Generator
        Draws with how many codebooks each sound is quantised.
    """
    gram = np.zeros((2 * N_LOW, 2 * N_LOW))
    cross = np.zeros((2 * N_LOW, HOP_LENGTH))
    for wave in waves:
        n_codebooks = min(int(rng.choice(TRAINED_PREFIXES)), len(net.codebooks))
        quantised = net.codebooks(latents_of(net, wave), n_codebooks)
        channels = net.decoder_lstm(net.expand_latents(quantised[None]))[0]
        expanded = channels[0, :, EXPANDED].numpy().astype(np.float64)
        inputs = with_frame_before(expanded)
        target = frames_of(low_pass(wave))
        weight = 1 / (np.square(target).mean() + 1e-4)
        gram += weight * inputs.T @ inputs
        cross += weight * inputs.T @ target
    penalty = 1e-4 * np.diag(gram.diagonal()) + 1e-15 * np.eye(len(gram))
    solution = GROW * np.linalg.solve(gram + penalty, cross)
    net.synthesis.weight[:, now_and_before(EXPANDED)] = torch.from_numpy(solution).float().T


def _write_patterns(net: FrameCodec, patterns: Tensor) -> None:
    """Write patterns (n_noise, 640): a unit's share of this frame and of the next."""
    halves = patterns.split(HOP_LENGTH, 1)
    net.synthesis.weight[:, now_and_before(NOISE)] = GROW * torch.cat(halves).T


def _noise_patterns(rng: np.random.Generator) -> Tensor:
    """Return windowed sinusoids of random phase: (n_noise, 640)."""
    fade = np.sin(np.pi / 2 * (np.arange(OVERLAP) + 0.5) / OVERLAP)
    rest = HOP_LENGTH - OVERLAP  # samples of a frame without cross-fade
    window = np.concatenate([fade, np.ones(rest), fade[::-1], np.zeros(rest)])
    samples = np.pad(np.arange(HOP_LENGTH + OVERLAP), (0, rest))
    start = rng.random((len(NOISE), 1))
    phase = 2 * np.pi * (NOISE_HZ[:, None] * samples / SAMPLE_RATE + start)
    density = np.sqrt(np.gradient(NOISE_HZ) / 60)[:, None]
    return 0.08 * torch.from_numpy(window * np.sin(phase) * density).float()


def _band_levels_db(wave: np.ndarray) -> np.ndarray:
    """Return the levels of the bands above 1 kHz: (n_frames, 9) dB."""
    windowed = frames_of(wave) * np.hanning(HOP_LENGTH)
    power = np.square(np.abs(np.fft.rfft(windowed, axis=1)))
    frequency = np.arange(power.shape[1]) * SAMPLE_RATE / HOP_LENGTH
    bands = []
    for low, high in zip(EDGES_HZ[1:-1], EDGES_HZ[2:]):
        inside = (frequency >= low) & (frequency < high)
        bands.append(power[:, inside].mean(1))
    return 10 * np.log10(np.stack(bands, 1) + 1e-9)


def _missing_db(net: FrameCodec, waves: Sequence[np.ndarray]) -> np.ndarray:
    """Measure how much weaker each band is decoded in the louder half of the frames: (9,) dB."""
    differences = []
    for wave in waves:
        wanted = _band_levels_db(wave)
        quantised = net.codebooks(latents_of(net, wave), len(net.codebooks))
        decoded = _band_levels_db(net.decode(quantised[None])[0].numpy())
        level = wanted.mean(1)
        differences.append((wanted - decoded)[level >= np.median(level)].mean(0))
    return np.mean(differences, 0)


def fit_noise(net: FrameCodec, waves: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Give the noise the gain that it needs in each band.

    Parameters
    ----------
    net : FrameCodec
        Its low band is fitted; its synthesis is written.
    waves : sequence of array of shape (n_samples,)
    rng : numpy.random.Generator
        Draws the phases.
    """
    patterns = _noise_patterns(rng)
    for _ in range(2):  # noise of one band is heard in the next: once more
        _write_patterns(net, patterns)
        missing_db = _missing_db(net, waves[:N_GAIN_SOUNDS])
        gain_db = np.interp(np.log(NOISE_HZ), np.log(CENTRES_HZ[1:]), missing_db)
        patterns = patterns * torch.from_numpy(10 ** (gain_db / 20)).float()[:, None]
    _write_patterns(net, 10 ** (NOISE_DB / 20) * patterns)


@torch.no_grad()
def soften(net: FrameCodec, noise_db: float) -> FrameCodec:
    """Change the level of the noise in place, by ear or by metric after training; return `net`."""
    net.synthesis.weight[:, now_and_before(NOISE)] *= 10 ** (noise_db / 20)
    return net
