"""Exact streaming of EnCodec's causal networks: the output of the whole file, in flat memory.

Every causal convolution needs only the ``(kernel - 1) * dilation + 1 - stride`` inputs before a
chunk, the LSTM its state (h, c), a transposed convolution the input frames that reach over the
border. Carrying these makes chunked and whole-file results equal; the chunks also fit the
processor's cache, which is where the speed comes from. Sums of matrix products would be a tenth
faster still, but round differently: with the demo codec one frame in fifteen then gets another
code.

Each layer becomes a `Step`: an object with memory, called with one chunk after the other.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.encodec import modeling_encodec as enc

from giblet_core.codecs.residual import chunk_bounds

Step = Callable[[Tensor], Tensor]
CHUNK_FRAMES = 96  # its widest layer just fits the cache of a laptop; its rows fill `LANES`
SPAN_CHUNKS = 3  # chunks a thread takes at a time: long pieces are cheap at the frame rate
WARM_UP_FRAMES = 8  # a span begins a multiple of these early: rows fill `LANES` there too
LANES = 64  # values an ELU takes at once (AVX-512); the rest of a row rounds differently
MOST_THREADS = 4  # more would wait for the LSTM, and each holds memory


def stream(layers: nn.ModuleList, chunks: Iterator[Tensor]) -> Iterator[Tensor]:
    """Push chunks through the layers of an EnCodec encoder or decoder.

    Parameters
    ----------
    layers : ModuleList
        ``model.encoder.layers`` or ``model.decoder.layers``; causal, without group normalisation.
    chunks : iterator of tensors (1, channels, length)
        All but the last hold a multiple of the network's stride, and are longer than its paddings.

    Yields
    ------
    Tensor of shape (1, channels, length)
        Laid end to end, they are what ``layers`` give on the chunks laid end to end.
    """
    steps = _steps(layers)
    for chunk in chunks:
        yield _apply(steps, chunk)


def stream_encoder(layers: nn.ModuleList, wave: np.ndarray, hop_length: int) -> Iterator[Tensor]:
    """Push a sound through an EnCodec encoder, in flat memory, on several threads.

    Above the frame rate a layer hears no further back than `reach`, so that a thread can compute a
    span by itself when it begins a little early. What runs at the frame rate (its LSTM remembers
    everything) takes the spans in order. Were operations shared among threads instead, these would
    wait for each other at the end of each.

    Parameters
    ----------
    layers : ModuleList
        ``model.encoder.layers``; causal, without group normalisation.
    wave : array of shape (n_samples,), float32
    hop_length : int
        Samples a frame.

    Returns
    -------
    iterator of tensors (1, channels, n_frames)
        Laid end to end, they are what ``layers`` give on the whole sound.
    """
    blocks = [i for i, layer in enumerate(layers) if isinstance(layer, enc.EncodecResnetBlock)]
    n_fast = blocks[-1] + 1
    fast_part = _FastPart(layers[:n_fast], wave, hop_length)
    spans = chunk_bounds(len(wave), SPAN_CHUNKS * CHUNK_FRAMES * hop_length)
    return stream(layers[n_fast:], by_threads(fast_part.latents_of, spans))


@dataclass(frozen=True)
class _FastPart:
    """The encoder's layers above the frame rate, over one sound."""

    layers: nn.ModuleList
    wave: np.ndarray
    hop_length: int

    @property
    def warm_up(self) -> int:
        """Samples that a span begins early: at least what its layers reach back."""
        unit = WARM_UP_FRAMES * self.hop_length
        return math.ceil(reach(self.layers) / unit) * unit

    @torch.inference_mode()
    def latents_of(self, span: tuple[int, int]) -> Tensor:
        """Return what the layers give for the samples ``start:stop`` of the sound."""
        start, stop = span
        n_early = min(start, self.warm_up)
        bounds = [
            (start + first, start + last)
            for first, last in chunk_bounds(stop - start, CHUNK_FRAMES * self.hop_length)
        ]
        if n_early:
            bounds.insert(0, (start - n_early, start))
        outputs = list(stream(self.layers, (self._samples(*bound) for bound in bounds)))
        if n_early:
            del outputs[0]
        return torch.cat(outputs, dim=-1)

    def _samples(self, first: int, last: int) -> Tensor:
        device = next(self.layers.parameters()).device
        return torch.from_numpy(self.wave[first:last].copy()).to(device)[None, None]


def reach(layers: nn.ModuleList) -> int:
    """Return how many samples before a frame enter it through these causal convolutions."""
    n_samples = 0
    stride = 1  # samples a step of the layer at hand
    for layer in layers.modules():
        if isinstance(layer, enc.EncodecConv1d):
            n_samples += int(layer.padding_total) * stride
            stride *= layer.conv.stride[0]
    return n_samples


def by_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Map in order on the threads torch has (four at most), every operation on one of them.

    Threads work at most two items each ahead of who reads.
    """
    n_threads = min(MOST_THREADS, torch.get_num_threads())
    items = iter(items)
    pool = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))
    with pool, threadpool_limits(1):
        waiting = deque(pool.submit(function, item) for item in islice(items, 2 * n_threads))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(items, 1))


def _apply(steps: list[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def _steps(layers: Iterable[nn.Module]) -> list[Step]:
    """Return a step for each layer; an ELU before a convolution becomes part of its step."""
    steps = []
    activation = None  # the ELU that waits for a convolution
    for layer in layers:
        if isinstance(layer, nn.Identity):
            continue
        if isinstance(layer, enc.EncodecConv1d):
            steps.append(_Convolution(layer, activation))
            activation = None
            continue
        if activation is not None:
            steps.append(_Activation(activation))
            activation = None
        if isinstance(layer, nn.ELU):
            activation = layer
        else:
            steps.append(_step_of(layer))
    if activation is not None:
        steps.append(_Activation(activation))
    return steps


def _step_of(layer: nn.Module) -> Step:
    if isinstance(layer, enc.EncodecConvTranspose1d):
        return _TransposedConvolution(layer)
    if isinstance(layer, enc.EncodecLSTM):
        return _LSTM(layer)
    if isinstance(layer, enc.EncodecResnetBlock):
        return _ResidualBlock(layer)
    raise TypeError(f"streaming: no rule for a layer of type {type(layer).__name__}.")


class _Activation:
    """An ELU by itself, in place: what enters is always this chunk's own."""

    def __init__(self, layer: nn.ELU):
        self.alpha = layer.alpha

    def __call__(self, x: Tensor) -> Tensor:
        return functional.elu_(x, alpha=self.alpha)


class _ResidualBlock:
    """A block beside its shortcut."""

    def __init__(self, layer: enc.EncodecResnetBlock):
        self.block = _steps(layer.block)
        self.shortcut = _steps([layer.shortcut])

    def __call__(self, x: Tensor) -> Tensor:
        return _apply(self.block, x).add_(_apply(self.shortcut, x))


class _Convolution:
    """A causal convolution, after an ELU or none; remembers the end of the chunk before."""

    def __init__(self, layer: enc.EncodecConv1d, activation: nn.ELU | None):
        self.conv = layer.conv
        self.pad_mode = layer.pad_mode
        self.stride = layer.conv.stride[0]
        self.n_left = int(layer.padding_total)
        self.alpha = None if activation is None else activation.alpha
        self.tail: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        n_right = -x.shape[-1] % self.stride  # not 0 only where the sound ends inside a frame
        if self.tail is None:
            padded = self._pad(_activated(x, self.alpha), self.n_left, n_right)
        else:
            padded = _joined(self.tail, x, self.alpha)
            if n_right:
                padded = self._pad(padded, 0, n_right)
        end = padded.shape[-1] - n_right
        self.tail = padded[..., end - self.n_left : end]
        return self.conv(padded)

    def _pad(self, x: Tensor, n_left: int, n_right: int) -> Tensor:
        """Pad as EnCodec does: a chunk too short to be reflected gets zeros on its right first."""
        if self.pad_mode != "reflect":
            return functional.pad(x, (n_left, n_right), self.pad_mode)
        n_short = max(0, max(n_left, n_right) + 1 - x.shape[-1])
        if n_short:
            x = functional.pad(x, (0, n_short))
        padded = functional.pad(x, (n_left, n_right), "reflect")
        return padded[..., : padded.shape[-1] - n_short]


def _activated(x: Tensor, alpha: float | None) -> Tensor:
    return x if alpha is None else functional.elu(x, alpha)


def _joined(tail: Tensor, x: Tensor, alpha: float | None) -> Tensor:
    """Return `tail` and, after it, the chunk through an ELU of this alpha (or none).

    Where rows fill `LANES`, the ELU writes straight to its place: a copy less.
    """
    n_tail = tail.shape[-1]
    n_new = x.shape[-1]
    if alpha is None or n_new % LANES:
        activated = _activated(x, alpha)
        return torch.cat([tail, activated], dim=-1) if n_tail else activated
    joined = x.new_empty(*x.shape[:-1], n_tail + n_new)
    joined[..., :n_tail] = tail
    torch.ops.aten.elu.out(x, alpha, out=joined[..., n_tail:])
    return joined


class _TransposedConvolution:
    """A transposed convolution; remembers the input frames that reach over the border."""

    def __init__(self, layer: enc.EncodecConvTranspose1d):
        self.layer = layer
        self.stride = layer.conv.stride[0]
        overlap = layer.conv.kernel_size[0] - self.stride
        self.n_left = math.ceil(overlap / self.stride)
        self.tail: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        joined = x if self.tail is None else torch.cat([self.tail, x], dim=-1)
        n_new = x.shape[-1]
        first = (joined.shape[-1] - n_new) * self.stride
        last = first + n_new * self.stride  # what lies beyond belongs to later chunks
        self.tail = joined[..., -self.n_left :]
        return self.layer.conv(joined)[..., first:last]


class _LSTM:
    """An LSTM beside its input; remembers its state."""

    def __init__(self, layer: enc.EncodecLSTM):
        self.layer = layer
        self.state: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        x = x.permute(2, 0, 1)  # (length, batch, channels)
        y, self.state = self.layer.lstm(x, self.state)
        return (y + x).permute(1, 2, 0)
