"""Small stand-ins, each saying what it guarantees."""

import numpy as np
import torch
from transformers import EncodecConfig, EncodecModel


def conditioned_model(
    num_filters=8, seed=0, bandwidths=(1.5, 3.0, 6.0, 12.0), seconds=8.0, **shape
):
    """An EnCodec with random weights whose codes vary: convolutions keep unit variance, codebooks
    are filled from the running residual.

    Plain random weights give almost constant codes, with which every comparison of codes would
    pass.
    """
    torch.manual_seed(seed)
    model = EncodecModel(
        EncodecConfig(num_filters=num_filters, target_bandwidths=list(bandwidths), **shape)
    ).eval()
    rng = np.random.default_rng(seed)
    wave = torch.from_numpy(coloured_noise(int(24_000 * seconds), rng))[None, None]
    with torch.no_grad():
        for network, x in ((model.encoder, wave), (model.decoder, None)):
            for layer in network.layers:
                if x is None:
                    x = torch.randn(1, 128, int(75 * seconds))
                for conv in [
                    m
                    for m in layer.modules()
                    if isinstance(m, torch.nn.Conv1d | torch.nn.ConvTranspose1d)
                ]:
                    conv.bias.zero_()
                scale = layer(x).std()
                for conv in [
                    m
                    for m in layer.modules()
                    if isinstance(m, torch.nn.Conv1d | torch.nn.ConvTranspose1d)
                ][-1:]:
                    conv.parametrizations.weight.original0.div_(scale)
                x = layer(x)
            if network is model.encoder:
                residual = x[0].T
                for codebook in model.quantizer.layers:
                    chosen = torch.from_numpy(rng.integers(len(residual), size=1024))
                    codebook.codebook.embed.copy_(
                        0.5 * residual[chosen] + 0.2 * residual.std() * torch.randn(1024, 128)
                    )
                    residual = (
                        residual - codebook.codebook.embed[codebook.codebook.quantize(residual)]
                    )
    return model


def coloured_noise(n, rng, level=0.1):
    """Noise with a falling spectrum and syllable-like level changes, float32 (n,)."""
    white = rng.standard_normal(n)
    red = np.fft.irfft(np.fft.rfft(white) / (1 + np.arange(n // 2 + 1) / (n / 50)), n)
    slow = 0.3 + np.abs(
        np.interp(
            np.arange(n),
            np.arange(0, n + 6000, 6000),
            rng.standard_normal(len(range(0, n + 6000, 6000))),
        )
    )
    wave = red / red.std() * slow
    return (level * wave / wave.std()).astype(np.float32)
