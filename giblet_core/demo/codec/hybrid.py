"""The start of the demo codec, built by hand: below 1 kHz the waveform, above it the levels of nine
bands filled with noise.

A linear codec of few bits must choose; it spends all on the strong low band and leaves the rest
empty. Here 28 latents carry the low band (a reduced-rank regression of the low-passed frame),
companded by its level, and ten carry levels of bands on a scale near decibels. In the encoder,
rectifiers at 600 Hz and saturating units at 150 Hz measure levels; its LSTM divides the low band by
a power of the level. In the decoder the LSTM multiplies: each unit is a gate (a level) times a sign
that the quantised latents scramble, and synthesis turns it into a windowed sinusoid. Training goes
on from here.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.signal import fftconvolve, firwin
from torch import Tensor, nn
from torch.nn import functional as F

from giblet_core.demo.codec.codebooks import LATENT_DIM, fit_codebooks
from giblet_core.demo.codec.network import (
    HALF,
    HOP_LENGTH,
    KAPPA,
    N_TAPS,
    STEP,
    STRAIGHT,
    WIDTH,
    FrameCodec,
)

SAMPLE_RATE = 24_000
N_LOW, N_BANDS, N_MIXED = 28, 10, 64  # latents of the low band, of levels; scrambled channels
CROSSOVER = 1000.0  # Hz
MEL_EDGES = 700 * (10 ** (np.linspace(999.99, 2840.02, N_BANDS - 1) / 2595) - 1)  # 1 to 8 kHz
EDGES = np.concatenate(
    [[200.0], MEL_EDGES, [11_800.0]]
)  # Hz; the first band is that of the waveform
CENTRES = np.sqrt(EDGES[1:] * EDGES[:-1])
LOUD = 2000.0  # scale at which an ELU is a rectifier
DECADES = 0.4  # of amplitude in a unit of level
LEVEL_DB = 6.9  # measured: what a unit of level means in decibels
LEVEL_SCALE = 0.15  # latent per unit of level: chosen by STOI and PESQ of the quantised sound
BAND_SCALE = [0.7] + [1.0] * (N_BANDS - 2) + [0.4]  # how finely each level is sent
NOISE_DB = (
    -4.0
)  # noise a little weaker than the sound it stands for: PESQ gains .1, STOI loses .004
EXPONENT = 0.6  # the low band is sent as its power .6
OVERLAP = 128  # samples in which the noise of neighbouring frames cross-fades
COMPANDED = np.arange(LATENT_DIM, LATENT_DIM + N_LOW)  # channels of the encoder's LSTM that divide
EXPANDED = np.arange(WIDTH - 1 - N_LOW, WIDTH - 1)  # channels of the decoder's that multiply
NOISE = np.arange(N_LOW + N_BANDS + N_MIXED, WIDTH - 1 - N_LOW)  # and those that make noise
FREQUENCIES = np.interp(
    np.linspace(0, 1, len(NOISE)), [0, 0.45, 0.8, 1.0], [1000, 4000, 8000, 11_500]
)  # Hz
SHARP, GAIN = (
    0.03,
    870.0,
)  # the low band passes two tanh; nearly linear where it is weighed by .03 first


def frames_of(wave: np.ndarray) -> np.ndarray:
    """Cut (n_samples,) into whole frames (n_frames, 320)."""
    return wave[: len(wave) // HOP_LENGTH * HOP_LENGTH].reshape(-1, HOP_LENGTH)


def low_pass(wave: np.ndarray) -> np.ndarray:
    """Keep what is below the crossover, without delay."""
    return fftconvolve(wave, firwin(257, CROSSOVER, fs=SAMPLE_RATE), "same").astype(np.float32)


def _with_last(rows: np.ndarray) -> np.ndarray:
    """Put each row of the frame before beside it: (n_frames, d) to (n_frames, 2 d)."""
    return np.concatenate([rows, np.vstack([0 * rows[:1], rows[:-1]])], 1)


def fit_analysis(waves: Sequence[np.ndarray]) -> np.ndarray:
    """Regress low-passed frames on this frame and the one before, at rank 28: (640, 28), errors
    pre-emphasised.
    """
    gram, cross = np.zeros((2 * HOP_LENGTH,) * 2), np.zeros((2 * HOP_LENGTH, HOP_LENGTH))
    for wave in waves:
        inputs, weight = _with_last(frames_of(wave)), 1 / (np.square(wave).mean() + 1e-5)
        gram += weight * inputs.T @ inputs
        cross += weight * inputs.T @ frames_of(low_pass(wave))
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    full = np.linalg.solve(gram, cross)
    emphasis = np.eye(HOP_LENGTH) - 0.9 * np.eye(HOP_LENGTH, k=-1)
    vectors = np.linalg.eigh(emphasis @ full.T @ gram @ full @ emphasis.T)[1][:, ::-1][:, :N_LOW]
    return full @ emphasis.T @ vectors


def _gated(
    lstm: nn.LSTM, channel: int, inputs: dict[int, float], gate: dict[int, float], bias: float
) -> None:
    """Make one unit ``sigmoid(gate) * tanh(tanh(inputs))``, without memory."""
    for part in range(4):
        row = part * WIDTH + channel
        (
            lstm.weight_ih_l0[row],
            lstm.weight_hh_l0[row],
            lstm.bias_ih_l0[row],
            lstm.bias_hh_l0[row],
        ) = 0.0, 0.0, 0.0, 0.0
    (
        lstm.bias_ih_l0[channel],
        lstm.bias_ih_l0[WIDTH + channel],
        lstm.bias_ih_l0[3 * WIDTH + channel],
    ) = 6.0, -6.0, bias
    for part, weights in ((2, inputs), (3, gate)):
        lstm.weight_ih_l0[part * WIDTH + channel, list(weights)] = torch.tensor(
            list(weights.values()), dtype=torch.float32
        )


def _build_levels(net: FrameCodec) -> None:
    """Rectified band filters at 600 Hz, averaged over half a frame, on a scale near decibels at 150
    Hz.
    """
    filters = np.zeros((STEP, 3 * STEP))
    for band in range(N_BANDS):
        length = int(np.clip(2 * SAMPLE_RATE / (EDGES[band + 1] - EDGES[band]), 12, 3 * STEP))
        window = np.hanning(length + 2)[1:-1]
        window /= window.sum() / 2
        for pair in range(2):  # in quadrature, and apart where there is room
            stop = 3 * STEP - pair * min(20, 3 * STEP - length)
            tone = window * np.cos(
                2 * np.pi * CENTRES[band] * (np.arange(length) - length / 2) / SAMPLE_RATE
                + pair * np.pi / 2
            )
            tone -= window * tone.sum() / window.sum()
            for sign, row in ((1, 4 * band + 2 * pair), (-1, 4 * band + 2 * pair + 1)):
                filters[row, stop - length : stop] = sign * LOUD * tone
        net.gather.weight[STRAIGHT + band, STEP + 4 * band : STEP + 4 * band + 4, 4:] = 1 / (
            8 * LOUD
        )
        for unit in range(8):  # saturating one after the other: their sum is nearly a logarithm
            net.compress.weight[8 * band + unit, STRAIGHT + band, 2] = -(
                10 ** (3.9 - DECADES * unit)
            )
            net.expand.weight[STRAIGHT + N_BANDS + band, 8 * band + unit, 0] = -1.0
        net.analysis.weight[N_LOW + band, STRAIGHT + N_BANDS + band, 2:] = LEVEL_SCALE / 2
        net.encoder_conv.weight[N_LOW + band, N_LOW + band, -1] = BAND_SCALE[band]
    net.rectify.weight.copy_(
        torch.from_numpy(filters.reshape(STEP, 3, STEP).transpose(0, 2, 1).copy())
    )
    net.spread.weight.copy_(torch.eye(STEP)[:, :, None])


def _build_encoder(net: FrameCodec, analysis: np.ndarray) -> None:
    _build_levels(net)
    now, before = analysis.reshape(2, 2, HALF, N_LOW)
    halves = [*before, *now]
    basis = np.linalg.svd(np.concatenate(halves, 1), full_matrices=False)[0][
        :, :STRAIGHT
    ]  # of half a frame; loses -50 dB
    net.gather.weight[:STRAIGHT, :STEP, 4:] = torch.from_numpy(
        basis.T.reshape(STRAIGHT, 4, STEP).transpose(0, 2, 1).copy()
    ).float()
    net.analysis.weight[LATENT_DIM:, :STRAIGHT].normal_(0, 0.12 * KAPPA)
    for tap, half in enumerate(halves):
        net.analysis.weight[:N_LOW, :STRAIGHT, tap] = (
            KAPPA * torch.from_numpy(half.T @ basis).float()
        )
    net.analysis.weight[COMPANDED], net.analysis.bias[COMPANDED] = 0.0, 2.0  # ELU(2 + x) = 2 + x
    for latent, channel in enumerate(COMPANDED):
        _gated(
            net.encoder_lstm,
            channel,
            {latent: SHARP},
            {N_LOW: -(1 - EXPONENT) * DECADES * np.log(10) / LEVEL_SCALE},
            -1.0,
        )
        net.encoder_conv.weight[latent, channel, -1], net.encoder_conv.bias[latent] = (
            GAIN,
            -2 * GAIN,
        )


def _build_decoder(net: FrameCodec, spread: Tensor) -> None:
    """Gates and signs; ``spread`` (38,) is the deviation of the latents, so that signs are
    scrambled at any level.
    """
    n_used, lstm = N_LOW + N_BANDS, net.decoder_lstm
    net.decoder_conv.weight[:n_used, :n_used, -1] = torch.diag(
        1 / torch.tensor([1.0] * N_LOW + BAND_SCALE)
    )
    mix = torch.randn(N_MIXED, n_used, N_TAPS) / spread[None, :, None] / (2 * n_used) ** 0.5
    mix[:, :, :-3] *= 0.3
    mix[:, N_LOW:] = 6 * (
        mix[:, N_LOW:] - mix[:, N_LOW:].mean(-1, keepdim=True)
    )  # of levels only changes
    net.decoder_conv.weight[n_used : n_used + N_MIXED, :n_used] = mix
    for latent, channel in enumerate(EXPANDED):
        _gated(
            lstm,
            channel,
            {latent: 0.2},
            {N_LOW: (1 - EXPONENT) * DECADES * np.log(10) / LEVEL_SCALE},
            -3.0,
        )
    scale = LEVEL_DB * np.log(10) / 20 / LEVEL_SCALE
    for channel, place in zip(
        NOISE, np.interp(np.log(FREQUENCIES), np.log(CENTRES[1:]), np.arange(1, N_BANDS))
    ):
        band = min(int(place), N_BANDS - 2)
        signs = dict(
            zip(range(n_used, n_used + N_MIXED), (6 * torch.randn(N_MIXED) / N_MIXED**0.5).tolist())
        )
        gate = {N_LOW + band: scale * (band + 1 - place), N_LOW + band + 1: scale * (place - band)}
        _gated(lstm, channel, signs, gate, -64 * np.log(10) / 20 + 0.5)


def _now_and_before(channels: np.ndarray) -> np.ndarray:
    """Columns of the synthesis: the channels' share of this frame and what they leave for the next."""
    return np.concatenate([channels, WIDTH + channels])


def _write_synthesis(net: FrameCodec, patterns: Tensor) -> None:
    """Write ``patterns`` (n_noise, 640): a unit's share of this frame and of the next."""
    net.synthesis.weight[:, _now_and_before(NOISE)] = (
        10 * torch.cat(patterns.split(HOP_LENGTH, 1)).T
    )


def codebook_latents(net: FrameCodec, wave: np.ndarray) -> Tensor:
    return net.encode(torch.from_numpy(frames_of(wave).copy())[None])[0]


def _fit_codebooks(
    net: FrameCodec, waves: Sequence[np.ndarray], n_points: int, n_iter: int
) -> None:
    points = torch.cat(
        [
            codebook_latents(net, wave)[torch.from_numpy(np.square(frames_of(wave)).mean(1) > 1e-9)]
            for wave in waves
        ]
    )
    points = points[torch.randperm(len(points))[:n_points], : N_LOW + N_BANDS].contiguous()
    net.codebooks.fill(
        F.pad(
            fit_codebooks(points, len(net.codebooks.residual.layers), n_iter),
            (0, LATENT_DIM - N_LOW - N_BANDS),
        )
    )


def _fit_low(net: FrameCodec, waves: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Ridge regression of low-passed frames on the expanded, quantised latents of this frame and
    the one before.
    """
    gram, cross = np.zeros((2 * N_LOW,) * 2), np.zeros((2 * N_LOW, HOP_LENGTH))
    for wave in waves:
        n_codebooks = min(int(rng.choice([2, 4, 8, 8, 16])), len(net.codebooks.residual.layers))
        inner = net._along(
            net.decoder_conv,
            net.codebooks(codebook_latents(net, wave), n_codebooks)[None].transpose(1, 2),
        ).transpose(1, 2)
        now = net.decoder_lstm(inner)[0][0, :, EXPANDED].numpy().astype(np.float64)
        inputs, target = _with_last(now), frames_of(low_pass(wave))
        weight = 1 / (np.square(target).mean() + 1e-4)
        gram += weight * inputs.T @ inputs
        cross += weight * inputs.T @ target
    found = torch.from_numpy(
        10
        * np.linalg.solve(gram + 1e-4 * np.diag(gram.diagonal()) + 1e-15 * np.eye(len(gram)), cross)
    ).float()
    net.synthesis.weight[:, _now_and_before(EXPANDED)] = found.T


def _band_levels(wave: np.ndarray) -> np.ndarray:
    power = np.square(np.abs(np.fft.rfft(frames_of(wave) * np.hanning(HOP_LENGTH), axis=1)))
    f = np.arange(power.shape[1]) * SAMPLE_RATE / HOP_LENGTH
    bands = np.stack(
        [power[:, (f >= a) & (f < b)].mean(1) for a, b in zip(EDGES[1:-1], EDGES[2:])], 1
    )
    return 10 * np.log10(bands + 1e-9)


@torch.no_grad()
def hybrid_start(
    waves: Sequence[np.ndarray],
    n_codebooks: int = 16,
    n_iter: int = 5,
    n_points: int = 150_000,
    seed: int = 0,
) -> FrameCodec:
    """Build the codec and fit what is fitted (analysis, codebooks, synthesis of the low band, gain
    of the noise) to ``waves``.

    Parameters
    ----------
    waves : sequence of arrays of shape (n_samples,)
        Training sounds, mono, 24 kHz, float32, each of a second or more.
    n_codebooks, n_iter, n_points, seed
        Residual k-means: number of codebooks, iterations, frames drawn at random.
    """
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), FrameCodec(n_codebooks)
    for name, parameter in net.named_parameters():
        parameter.normal_(0, 0.03) if "lstm_weight" in name.replace(".", "_") else parameter.zero_()
    for lstm in (net.encoder_lstm, net.decoder_lstm):
        lstm.bias_ih_l0[WIDTH : 2 * WIDTH], lstm.bias_ih_l0[3 * WIDTH : 3 * WIDTH + LATENT_DIM] = (
            1.0,
            -9.0,
        )  # shut on straight channels
    net.narrow.weight.normal_(0, 0.03)
    some = list(waves[:160])
    _build_encoder(net, fit_analysis(some))
    _build_decoder(
        net,
        torch.cat([codebook_latents(net, wave) for wave in some])[:, : N_LOW + N_BANDS]
        .std(0)
        .clamp(min=1e-3),
    )
    net.pin()
    _fit_codebooks(net, waves, n_points, n_iter)
    _fit_low(net, some, rng)
    time, fade = (
        np.arange(HOP_LENGTH + OVERLAP),
        np.sin(np.pi / 2 * (np.arange(OVERLAP) + 0.5) / OVERLAP),
    )
    window = np.concatenate(
        [fade, np.ones(HOP_LENGTH - OVERLAP), fade[::-1], np.zeros(HOP_LENGTH - OVERLAP)]
    )
    phase = (
        2
        * np.pi
        * (
            FREQUENCIES[:, None] * np.pad(time, (0, HOP_LENGTH - OVERLAP)) / SAMPLE_RATE
            + rng.random((len(NOISE), 1))
        )
    )
    patterns = (
        0.08
        * torch.from_numpy(
            window * np.sin(phase) * np.sqrt(np.gradient(FREQUENCIES) / 60)[:, None]
        ).float()
    )
    for _ in range(2):  # what gain the noise needs in each band
        _write_synthesis(net, patterns)
        differences = []
        for wave in some[:40]:
            levels = _band_levels(wave)
            heard = _band_levels(
                net.decode(net.codebooks(codebook_latents(net, wave), n_codebooks)[None])[0].numpy()
            )
            differences.append(
                (levels - heard)[levels.mean(1) >= np.median(levels.mean(1))].mean(0)
            )
        gain = np.interp(np.log(FREQUENCIES), np.log(CENTRES[1:]), np.mean(differences, 0))
        patterns = patterns * torch.from_numpy(10 ** (gain / 20)).float()[:, None]
    _write_synthesis(net, 10 ** (NOISE_DB / 20) * patterns)
    return net


@torch.no_grad()
def soften(net: FrameCodec, noise_db: float) -> FrameCodec:
    """Change the level of the noise in place, by ear or by metric after training; return `net`."""
    net.synthesis.weight[:, _now_and_before(NOISE)] *= 10 ** (noise_db / 20)
    return net
