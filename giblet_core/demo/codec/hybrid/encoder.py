"""The encoder's start: a linear analysis of the low band, and levels of ten bands.

Rectifiers at 600 Hz and saturating units at 150 Hz measure levels; the LSTM divides the low band by
a power of its level.
"""

from collections.abc import Sequence

import numpy as np
import torch

from giblet_core.demo.codec.codebooks import LATENT_DIM
from giblet_core.demo.codec.hybrid.gates import Gate
from giblet_core.demo.codec.hybrid.layout import (
    BAND_SCALE,
    CENTRES_HZ,
    COMPANDED,
    DECADES,
    EDGES_HZ,
    EXPONENT,
    LEVEL_SCALE,
    LOUD,
    N_BANDS,
    N_LOW,
    SAMPLE_RATE,
    frames_of,
    low_pass,
    with_frame_before,
)
from giblet_core.demo.codec.network import HALF, HOP_LENGTH, KAPPA, STEP, STRAIGHT, FrameCodec

SHARP = 0.03  # the low band passes two tanh; nearly linear where it is weighed by this first
GAIN = 870.0  # and brought back by this
N_UNITS = 8  # saturating units a band
LONGEST_FILTER = 3 * STEP  # samples
PHASE_SHIFT = 20  # samples at most between the two filters of a band


def fit_analysis(waves: Sequence[np.ndarray]) -> np.ndarray:
    """Regress low-passed frames on this frame and the one before, at rank 28.

    Errors are pre-emphasised, sounds weighed by the inverse of their power.

    Parameters
    ----------
    waves : sequence of array of shape (n_samples,)

    Returns
    -------
    array of shape (640, 28)
    """
    gram = np.zeros((2 * HOP_LENGTH, 2 * HOP_LENGTH))
    cross = np.zeros((2 * HOP_LENGTH, HOP_LENGTH))
    for wave in waves:
        inputs = with_frame_before(frames_of(wave))
        weight = 1 / (np.square(wave).mean() + 1e-5)
        gram += weight * inputs.T @ inputs
        cross += weight * inputs.T @ frames_of(low_pass(wave))
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    full = np.linalg.solve(gram, cross)
    emphasis = np.eye(HOP_LENGTH) - 0.9 * np.eye(HOP_LENGTH, k=-1)
    explained = emphasis @ full.T @ gram @ full @ emphasis.T
    vectors = np.linalg.eigh(explained)[1][:, ::-1][:, :N_LOW]
    return full @ emphasis.T @ vectors


def _band_filters(band: int) -> list[np.ndarray]:
    """Return two filters of a band, in quadrature and apart where there is room: (120,) each."""
    bandwidth_hz = EDGES_HZ[band + 1] - EDGES_HZ[band]
    length = int(np.clip(2 * SAMPLE_RATE / bandwidth_hz, 12, LONGEST_FILTER))
    window = np.hanning(length + 2)[1:-1]
    window /= window.sum() / 2
    centred = np.arange(length) - length / 2
    filters = []
    for number in range(2):
        phase = 2 * np.pi * CENTRES_HZ[band] * centred / SAMPLE_RATE + number * np.pi / 2
        tone = window * np.cos(phase)
        tone -= window * tone.sum() / window.sum()
        stop = LONGEST_FILTER - number * min(PHASE_SHIFT, LONGEST_FILTER - length)
        taps = np.zeros(LONGEST_FILTER)
        taps[stop - length : stop] = LOUD * tone
        filters.append(taps)
    return filters


def _build_rectifiers(net: FrameCodec) -> None:
    """Write band filters and their negatives, whose ELU rectifies at 600 Hz."""
    filters = np.zeros((STEP, LONGEST_FILTER))
    for band in range(N_BANDS):
        for number, taps in enumerate(_band_filters(band)):
            row = 4 * band + 2 * number
            filters[row] += taps
            filters[row + 1] -= taps
    by_step = filters.reshape(STEP, 3, STEP).transpose(0, 2, 1)
    net.rectify.weight.copy_(torch.from_numpy(by_step.copy()))
    net.spread.weight.copy_(torch.eye(STEP)[:, :, None])


def _build_levels(net: FrameCodec) -> None:
    """Average rectified bands over half a frame, and bring them to a scale near decibels."""
    for band in range(N_BANDS):
        rectified = slice(STEP + 4 * band, STEP + 4 * band + 4)
        averaged = STRAIGHT + band
        level = STRAIGHT + N_BANDS + band
        net.gather.weight[averaged, rectified, 4:] = 1 / (8 * LOUD)
        for unit in range(N_UNITS):  # saturate one after the other: their sum is nearly a logarithm
            row = N_UNITS * band + unit
            net.compress.weight[row, averaged, 2] = -(10 ** (3.9 - DECADES * unit))
            net.expand.weight[level, row, 0] = -1.0
        latent = N_LOW + band
        net.analysis.weight[latent, level, 2:] = LEVEL_SCALE / 2
        net.encoder_conv.weight[latent, latent, -1] = BAND_SCALE[band]


def _build_low_band(net: FrameCodec, analysis: np.ndarray) -> None:
    """Write the analysis, through 48 channels of half a frame; they lose -50 dB."""
    now, before = analysis.reshape(2, 2, HALF, N_LOW)
    halves = [*before, *now]
    basis = np.linalg.svd(np.concatenate(halves, 1), full_matrices=False)[0][:, :STRAIGHT]
    by_step = basis.T.reshape(STRAIGHT, 4, STEP).transpose(0, 2, 1)
    net.gather.weight[:STRAIGHT, :STEP, 4:] = torch.from_numpy(by_step.copy()).float()
    net.analysis.weight[LATENT_DIM:, :STRAIGHT].normal_(0, 0.12 * KAPPA)
    for tap, half in enumerate(halves):
        weight = torch.from_numpy(half.T @ basis).float()
        net.analysis.weight[:N_LOW, :STRAIGHT, tap] = KAPPA * weight


def _build_companding(net: FrameCodec) -> None:
    """Let the LSTM divide the low band by its level to the power .4."""
    net.analysis.weight[COMPANDED] = 0.0
    net.analysis.bias[COMPANDED] = 2.0  # ELU(2 + x) = 2 + x
    divides = -(1 - EXPONENT) * DECADES * np.log(10) / LEVEL_SCALE
    for latent, channel in enumerate(COMPANDED):
        gate = Gate(inputs={latent: SHARP}, gate={N_LOW: divides}, bias=-1.0)
        gate.write(net.encoder_lstm, channel)
        net.encoder_conv.weight[latent, channel, -1] = GAIN
        net.encoder_conv.bias[latent] = -2 * GAIN


def build_encoder(net: FrameCodec, analysis: np.ndarray) -> None:
    """Write the encoder of a silent network, given the `fit_analysis` of the low band."""
    _build_rectifiers(net)
    _build_levels(net)
    _build_low_band(net, analysis)
    _build_companding(net)
