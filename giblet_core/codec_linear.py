"""The linear codec: a Karhunen-Loeve transform, residual k-means and a ridge synthesis, held exactly by ``EncodecModel``.

It is the floor the trained codec must beat. Strided convolutions move samples to channels (space to depth), a constant
offset keeps every ELU in its linear part, the last encoder convolution is the transform and the first decoder
convolution the synthesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import EncodecConfig, EncodecModel

from giblet_core.artifacts import atomic_path, file_sha256, write_text

HOP_LENGTH = 320
LATENT_DIM = 128
CARDINALITY = 1024
PRE_EMPHASIS = 0.9
N_TAPS = 7  # frames of latents the synthesis sees: the kernel of the first decoder convolution
OFFSET = 4.0  # added to every channel: ELU(x + 4) = x + 4 while |x| < 4


@dataclass(frozen=True)
class LinearCodec:
    """Matrices of the linear codec.

    Attributes
    ----------
    analysis : array of shape (320, 128)
        Pre-emphasised frame -> latent.
    books : array of shape (n_codebooks, 1024, 128)
        Residual codebooks.
    synthesis : array of shape (7 * 128, 320)
        Latents of the frames t, t-1, ... t-6 (newest first) -> samples of frame t.
    """

    analysis: np.ndarray
    books: np.ndarray
    synthesis: np.ndarray


def pre_emphasise(wave: np.ndarray) -> np.ndarray:
    """Return ``wave[n] - 0.9 wave[n-1]`` with a mirrored start, as the padded convolution sees it."""
    return wave - PRE_EMPHASIS * np.concatenate([wave[1:2], wave[:-1]])


def frame_latents(codec: LinearCodec, wave: np.ndarray) -> np.ndarray:
    """Transform whole frames of ``wave`` (n_samples,) to latents (n_frames, 128)."""
    n_frames = len(wave) // HOP_LENGTH
    frames = pre_emphasise(wave)[: n_frames * HOP_LENGTH].reshape(n_frames, HOP_LENGTH)
    return frames @ codec.analysis


def nearest(points: torch.Tensor, centres: torch.Tensor, chunk: int = 4096) -> torch.Tensor:
    """Return for each row of ``points`` (n, d) the index of the nearest row of ``centres`` (k, d)."""
    half_norm = 0.5 * centres.square().sum(1)
    return torch.cat([(half_norm - part @ centres.T).argmin(1) for part in points.split(chunk)])


def quantise(latents: np.ndarray, books: np.ndarray) -> np.ndarray:
    """Quantise ``latents`` (n_frames, d) greedily with ``books`` (k, cardinality, d), one residual after the other."""
    residual = torch.from_numpy(np.ascontiguousarray(latents))
    for book in torch.from_numpy(books):
        residual = residual - book[nearest(residual, book)]
    return latents - residual.numpy()


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


def stack_taps(latents: np.ndarray) -> np.ndarray:
    """Return (n_frames, 7 * d): each frame beside those before it, mirrored at the start as the convolution pads."""
    n_frames, past = len(latents), N_TAPS - 1
    padded = np.concatenate([latents[past:0:-1], latents])
    return np.concatenate([padded[past - tap : past - tap + n_frames] for tap in range(N_TAPS)], axis=1)


def fit_linear(waves: Sequence[np.ndarray], n_codebooks: int = 16, n_iter: int = 10, n_points: int = 80_000,
               ridge: float = 1e-3, seed: int = 0) -> LinearCodec:
    """Fit transform, books and synthesis to ``waves``.

    Parameters
    ----------
    waves : sequence of arrays of shape (n_samples,)
        Training sounds, mono, 24 kHz, each longer than seven frames.
    n_codebooks, n_iter, n_points, seed
        Residual k-means: number of books, iterations, frames drawn at random.
    ridge : float
        Ridge penalty of the synthesis, relative to the variance of each of its inputs.
    """
    rng = np.random.default_rng(seed)
    draft = LinearCodec(np.eye(HOP_LENGTH, dtype=np.float32), np.empty((0, CARDINALITY, HOP_LENGTH)), np.empty((0, 0)))
    frames = np.concatenate([frame_latents(draft, wave) for wave in waves])
    frames = frames[np.square(frames).mean(1) > 1e-9]
    _, vectors = np.linalg.eigh(frames.T @ frames)
    analysis = np.ascontiguousarray(vectors[:, ::-1][:, :LATENT_DIM], dtype=np.float32)
    chosen = rng.permutation(len(frames))[:n_points]
    residual, books = torch.from_numpy(frames[chosen] @ analysis), []
    for book in range(n_codebooks):
        books.append(k_means(residual, n_iter=n_iter, seed=seed + book))
        residual = residual - books[-1][nearest(residual, books[-1])]
    codec = LinearCodec(analysis, torch.stack(books).numpy(), np.empty((0, 0)))
    return rounded(LinearCodec(codec.analysis, codec.books, _fit_synthesis(codec, waves, ridge, rng)))


def _fit_synthesis(codec: LinearCodec, waves: Sequence[np.ndarray], ridge: float, rng) -> np.ndarray:
    """Solve the ridge regression of samples on quantised latents; the number of books varies so that prefixes decode."""
    gram = np.zeros((N_TAPS * LATENT_DIM,) * 2)
    cross = np.zeros((N_TAPS * LATENT_DIM, HOP_LENGTH))
    for wave in waves:
        n_books = int(rng.choice([2, 4, 8, 8, 16]))
        inputs = stack_taps(quantise(frame_latents(codec, wave), codec.books[:n_books])).astype(np.float64)
        target = wave[: len(inputs) * HOP_LENGTH].reshape(-1, HOP_LENGTH)
        weight = 1 / (np.square(target).mean() + 1e-4)  # a quiet sound counts as much as a loud one
        gram += weight * inputs.T @ inputs
        cross += weight * inputs.T @ target
    penalty = ridge * np.diag(gram.diagonal() + 1e-6 * np.trace(gram))
    return np.linalg.solve(gram + penalty, cross).astype(np.float32)


def reconstruct(codec: LinearCodec, wave: np.ndarray, n_codebooks: int | None = None) -> np.ndarray:
    """Code and decode whole frames of ``wave`` in numpy: the reference the network must equal."""
    quantised = quantise(frame_latents(codec, wave), codec.books[:n_codebooks])
    return (stack_taps(quantised) @ codec.synthesis).ravel()


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


def rounded(codec: LinearCodec) -> LinearCodec:
    """Return the codec with every matrix rounded to half precision, so that the file holds exactly what was tested."""
    return LinearCodec(*(part.astype(np.float16).astype(np.float32) for part in (codec.analysis, codec.books, codec.synthesis)))


def linear_model(codec: LinearCodec) -> EncodecModel:
    """Return an ``EncodecModel`` (float32, evaluation mode) that computes exactly what ``reconstruct`` does."""
    model = silent_model(linear_config(len(codec.books)))
    encoder, decoder = model.encoder.layers, model.decoder.layers
    first = torch.zeros_like(encoder[0].conv.weight)
    first[0, 0, -2:] = torch.tensor([-PRE_EMPHASIS, 1.0])
    offset = torch.zeros(len(first))
    offset[0] = OFFSET
    set_weight(encoder[0].conv, first, offset)
    block = 1
    for layer, stride in zip((3, 6, 9, 12), reversed(model.config.upsampling_ratios)):
        block *= stride
        pass_samples(encoder[layer].conv, stride, block)
    for layer, stride in zip((3, 6, 9, 12), model.config.upsampling_ratios):
        pass_samples(decoder[layer].conv, stride, block)
        block //= stride
    transform = torch.zeros_like(encoder[15].conv.weight)
    transform[:, :HOP_LENGTH, -1] = torch.from_numpy(codec.analysis.T)
    set_weight(encoder[15].conv, transform, -OFFSET * transform.sum((1, 2)))
    taps = torch.from_numpy(codec.synthesis.reshape(N_TAPS, LATENT_DIM, HOP_LENGTH)[::-1].copy())
    set_weight(decoder[0].conv, taps.permute(2, 1, 0).contiguous(), torch.full((HOP_LENGTH,), OFFSET))
    last = torch.zeros_like(decoder[15].conv.weight)
    last[0, 0, -1] = 1.0
    set_weight(decoder[15].conv, last, torch.tensor([-OFFSET]))
    set_books(model, codec.books)
    return model


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
