"""The network as training begins: built by hand, and fitted where it can be."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from giblet_core.demo.codec.codebooks import LATENT_DIM, fit_codebooks
from giblet_core.demo.codec.hybrid.decoder import (
    build_decoder,
    fit_low_band,
    fit_noise,
    latents_of,
)
from giblet_core.demo.codec.hybrid.encoder import build_encoder, fit_analysis
from giblet_core.demo.codec.hybrid.layout import N_USED, frames_of
from giblet_core.demo.codec.network import WIDTH, FrameCodec

N_FITTED = 160  # sounds from which the linear parts are fitted
SILENT_POWER = 1e-9  # of a frame that the codebooks need not serve


def _silent_network(n_codebooks: int) -> FrameCodec:
    """Return a network of zeros, but for small random weights where training needs them."""
    net = FrameCodec(n_codebooks)
    for name, parameter in net.named_parameters():
        if name.startswith(("encoder_lstm.weight", "decoder_lstm.weight")):
            parameter.normal_(0, 0.03)
        else:
            parameter.zero_()
    for lstm in (net.encoder_lstm, net.decoder_lstm):
        lstm.bias_ih_l0[WIDTH : 2 * WIDTH] = 1.0  # what is in the cells is kept
        lstm.bias_ih_l0[3 * WIDTH : 3 * WIDTH + LATENT_DIM] = -9.0  # shut on straight channels
    net.narrow.weight.normal_(0, 0.03)
    return net


def _spread(net: FrameCodec, waves: Sequence[np.ndarray]) -> Tensor:
    """Return the deviation of the latents in use: (38,)."""
    latents = torch.cat([latents_of(net, wave) for wave in waves])
    return latents[:, :N_USED].std(0).clamp(min=1e-3)


def _fit_codebooks(
    net: FrameCodec, waves: Sequence[np.ndarray], n_points: int, n_iter: int
) -> None:
    """Fit the codebooks to the latents of frames that are not silent, drawn at random."""
    latents = []
    for wave in waves:
        power = np.square(frames_of(wave)).mean(1)
        latents.append(latents_of(net, wave)[torch.from_numpy(power > SILENT_POWER)])
    points = torch.cat(latents)
    drawn = torch.randperm(len(points))[:n_points]
    codebooks = fit_codebooks(points[drawn, :N_USED].contiguous(), len(net.codebooks), n_iter)
    net.codebooks.fill(functional.pad(codebooks, (0, LATENT_DIM - N_USED)))


@torch.no_grad()
def hybrid_start(
    waves: Sequence[np.ndarray],
    n_codebooks: int = 16,
    n_iter: int = 5,
    n_points: int = 150_000,
    seed: int = 0,
) -> FrameCodec:
    """Build the codec, and fit analysis, codebooks and synthesis to sounds.

    Parameters
    ----------
    waves : sequence of array of shape (n_samples,)
        Training sounds, mono, 24 kHz, float32, each of a second or more.
    n_codebooks, n_iter, n_points : int
        Residual k-means: number of codebooks, iterations, frames drawn at random.
    seed : int

    Returns
    -------
    FrameCodec
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = _silent_network(n_codebooks)
    some_waves = list(waves[:N_FITTED])
    build_encoder(net, fit_analysis(some_waves))
    build_decoder(net, _spread(net, some_waves))
    net.pin()
    _fit_codebooks(net, waves, n_points, n_iter)
    fit_low_band(net, some_waves, rng)
    fit_noise(net, some_waves, rng)
    return net
