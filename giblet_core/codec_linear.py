"""Bricks of the demo codec: residual k-means, weights written into ``EncodecModel`` by hand, its files.

Strided convolutions move samples to channels (space to depth); a constant offset keeps an ELU in its linear part.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import EncodecConfig, EncodecModel

from giblet_core.artifacts import atomic_path, file_sha256, write_text
from giblet_core.codecs import nearest

HOP_LENGTH = 320
LATENT_DIM = 128
CARDINALITY = 1024
N_TAPS = 7  # frames of latents the synthesis sees: the kernel of the first decoder convolution
OFFSET = 4.0  # added to every channel: ELU(x + 4) = x + 4 while |x| < 4


def k_means(points: torch.Tensor, n_centres: int = CARDINALITY, n_iter: int = 10, seed: int = 0) -> torch.Tensor:
    """Cluster ``points`` (n, d); a centre nobody chose is moved to a point that is badly served."""
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randperm(len(points), generator=generator)[:n_centres]].clone()
    for _ in range(n_iter):
        chosen = nearest(points, centres)
        count = torch.bincount(chosen, minlength=n_centres)
        total = torch.zeros_like(centres).index_add_(0, chosen, points)
        centres = total / count.clamp(min=1)[:, None]
        idle = count == 0
        if idle.any():
            error = (points - centres[chosen]).square().sum(1) + 1e-12
            centres[idle] = points[torch.multinomial(error, int(idle.sum()), generator=generator)]
    return centres


def linear_config(n_codebooks: int = 16, **changes) -> EncodecConfig:
    """Return the configuration of the demo codec: EnCodec's own, with 20 filters and one LSTM layer."""
    rungs = [rung for rung in (1.5, 3.0, 6.0, 12.0, 24.0) if rung <= 0.75 * n_codebooks]
    settings = {"target_bandwidths": rungs, "num_filters": 20, "num_lstm_layers": 1, "use_conv_shortcut": False}
    return EncodecConfig(**(settings | changes))


def set_weight(convolution: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
    """Write ``weight`` into a weight-normalised convolution; a zero filter gets gain 0 (0/0 would be NaN)."""
    norm = weight.flatten(1).norm(dim=1).view(-1, 1, 1)
    with torch.no_grad():
        parameters = convolution.parametrizations.weight
        parameters.original0.copy_(norm)
        parameters.original1.copy_(torch.where(norm > 0, weight, torch.ones_like(weight)))
        if bias is not None:
            convolution.bias.copy_(bias)


def silent_model(config: EncodecConfig) -> EncodecModel:
    """Return a model (float32, evaluation mode) whose every weight and bias is zero, to be written into."""
    model = EncodecModel(config).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            set_weight(module, torch.zeros_like(module.parametrizations.weight.original1), torch.zeros_like(module.bias))
        elif isinstance(module, nn.LSTM):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)
    return model


def pass_samples(convolution: nn.Module, stride: int, block: int, bias: float = 0.0) -> None:
    """Make a strided (transposed) convolution move ``block`` samples between time and channels, in natural order."""
    up = isinstance(convolution, nn.ConvTranspose1d)
    weight = torch.zeros(convolution.parametrizations.weight.original1.shape)
    few = block // stride  # channels on the fast side
    for step in range(stride):
        for channel in range(few):
            place = step * few + channel
            weight[(place, channel, step) if up else (place, channel, stride + step)] = 1.0
    biases = torch.zeros(len(convolution.bias))
    biases[: few if up else block] = bias
    set_weight(convolution, weight, biases)


def set_books(model: EncodecModel, books: np.ndarray) -> None:
    """Write ``books`` (k, 1024, 128) into the quantiser's buffers."""
    for layer, book in zip(model.quantizer.layers, torch.from_numpy(books), strict=True):
        layer.codebook.embed.copy_(book)
        layer.codebook.embed_avg.zero_()  # only training needs moving averages; zeros pack to nothing


def save_codec(model: EncodecModel, folder: str | Path) -> str:
    """Write ``config.json``, ``model.safetensors`` and ``SHA256SUMS``; return the sha256 of the weights file.

    Matrices are stored in half precision, biases and gains in single: a rounded bias would be heard as DC (for the
    same reason the first transposed convolution, which takes back the linear path's offset, stays single).
    The books' moving averages (only training uses them) are zeros here, in the narrowest type.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {}
    for name, value in model.state_dict().items():
        matrix = value.ndim >= 2 and not name.endswith("original0") and not name.startswith("decoder.layers.3.")
        kind = torch.float8_e4m3fn if name.endswith("embed_avg") else torch.float16 if matrix else torch.float32
        state[name] = value.detach().to(kind).contiguous()
    model.config.dtype = "float32"  # the type in use: from_pretrained widens what is stored
    model.config.architectures = ["EncodecModel"]
    model.config.save_pretrained(folder)
    with atomic_path(folder / "model.safetensors") as path:
        save_file(state, path, metadata={"format": "pt"})
    digest = file_sha256(folder / "model.safetensors")
    write_text(folder / "SHA256SUMS", f"{digest}  model.safetensors\n")
    return digest
