"""Exact streaming of EnCodec's causal networks: the same output as on the whole file, in flat
memory.

Every causal convolution needs only the ``(kernel - 1) * dilation + 1 - stride`` inputs before a
chunk, the LSTM its state (h, c), a transposed convolution the input frames that reach over the
border. Carrying these makes chunked and whole-file results equal; the chunks also fit the
processor's cache, which is where the speed comes from. Sums of matrix products would be a tenth
faster still, but round differently: with the demo codec one frame in fifteen then gets another
code.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import islice
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.encodec import modeling_encodec as enc

Step = Callable[[Tensor], Tensor]
CHUNK_FRAMES = 96  # frames a chunk: its widest layer just fits the cache of a laptop; rows above the frame rate fill `LANES`
SPAN_CHUNKS = (
    3  # chunks a thread takes at a time: what runs at the frame rate is cheaper in long pieces
)
WARM_UP_FRAMES = 8  # a span begins a multiple of these early: rows fill `LANES` there too
LANES = 64  # values an ELU takes at once at most (AVX-512); what is left of a row goes one by one, and rounds differently


def stream(layers: nn.ModuleList, chunks: Iterator[Tensor]) -> Iterator[Tensor]:
    """Push chunks through the layers of an EnCodec encoder or decoder.

    Parameters
    ----------
    layers : ModuleList
        ``model.encoder.layers`` or ``model.decoder.layers``; causal, without group normalisation.
    chunks : iterator of tensors (1, channels, length)
        All but the last hold a multiple of the network's stride, and are longer than its paddings.

    Returns
    -------
    iterator of tensors (1, channels, length)
        Their concatenation is what ``layers`` give on the concatenated chunks.
    """
    return map(partial(_apply, _steps(layers)), chunks)


def stream_encoder(layers: nn.ModuleList, wave: np.ndarray, hop: int) -> Iterator[Tensor]:
    """Push a sound through an EnCodec encoder, in flat memory, on the threads torch has (four at
    most).

    Above the frame rate a layer hears no further back than `reach`, so that a thread can compute a
    span by itself when it begins a little early. What runs at the frame rate (its LSTM remembers
    everything) takes the spans in order. Were operations shared among threads instead, these would
    wait for each other at the end of each.

    Parameters
    ----------
    layers : ModuleList
        ``model.encoder.layers``; causal, without group normalisation.
    wave : array of shape (n_samples,), float32
    hop : int
        Samples a frame.

    Returns
    -------
    iterator of tensors (1, channels, n_frames)
        Their concatenation is what ``layers`` give on the whole sound.
    """
    slow = max(i for i, layer in enumerate(layers) if isinstance(layer, enc.EncodecResnetBlock)) + 1
    warm_up = -(-reach(layers[:slow]) // (WARM_UP_FRAMES * hop)) * WARM_UP_FRAMES * hop

    @torch.inference_mode()
    def front(span: tuple[int, int]) -> Tensor:
        before = min(span[0], warm_up)
        bounds = [
            (span[0] + a, span[0] + b)
            for a, b in [(-before, 0), *chunk_bounds(span[1] - span[0], CHUNK_FRAMES * hop)]
            if a < b
        ]
        chunks = (torch.from_numpy(wave[a:b].copy())[None, None] for a, b in bounds)
        return torch.cat(list(stream(layers[:slow], chunks))[before > 0 :], dim=-1)

    return stream(
        layers[slow:], by_threads(front, chunk_bounds(len(wave), SPAN_CHUNKS * CHUNK_FRAMES * hop))
    )


def reach(layers: nn.ModuleList) -> int:
    """Return how many samples before a frame enter it through these causal convolutions."""
    samples, stride = 0, 1
    for conv in (layer for layer in layers.modules() if isinstance(layer, enc.EncodecConv1d)):
        samples, stride = samples + int(conv.padding_total) * stride, stride * conv.conv.stride[0]
    return samples


def by_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Map in order on the threads torch has, every operation on one of them, at most two items a
    thread ahead of who reads.
    """
    n, items = (
        min(4, torch.get_num_threads()),
        iter(items),
    )  # more would wait for the LSTM, and each holds memory
    with (
        ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        threadpool_limits(1),
    ):
        waiting = deque(pool.submit(function, item) for item in islice(items, 2 * n))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(items, 1))


def chunk_bounds(n: int, chunk: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into chunks of `chunk`; the rest joins the last one, so that no chunk is too
    short for its padding.
    """
    starts = list(range(0, max(n - chunk, 0) + 1, chunk))
    return list(zip(starts, [*starts[1:], n]))


def _steps(layers: Iterable[nn.Module]) -> list[Step]:
    """Return for each layer a function with memory that applies it to consecutive chunks; an ELU
    goes into the convolution after it.
    """
    layers, steps = [layer for layer in layers if not isinstance(layer, nn.Identity)], []
    for layer, before in zip(layers, [None, *layers]):
        if isinstance(layer, enc.EncodecConv1d):
            activation = steps.pop() if isinstance(before, nn.ELU) else None
            steps.append(_conv_step(layer, activation and before.alpha))
        elif isinstance(layer, enc.EncodecConvTranspose1d):
            steps.append(_transposed_step(layer))
        elif isinstance(layer, enc.EncodecLSTM):
            steps.append(_lstm_step(layer))
        elif isinstance(layer, enc.EncodecResnetBlock):
            steps.append(_sum_step(_steps(layer.block), _steps([layer.shortcut])))
        elif isinstance(layer, nn.ELU):
            steps.append(
                partial(F.elu_, alpha=layer.alpha)
            )  # in place: what enters is always this chunk's own
        else:
            raise TypeError(f"streaming: no rule for a layer of type {type(layer).__name__}.")
    return steps


def _apply(steps: list[Step], x: Tensor) -> Tensor:
    return reduce(lambda y, step: step(y), steps, x)


def _sum_step(block: list[Step], shortcut: list[Step]) -> Step:
    return lambda x: _apply(block, x).add_(_apply(shortcut, x))


def _conv_step(layer: enc.EncodecConv1d, alpha: float | None) -> Step:
    left, tail = int(layer.padding_total), None

    def step(x: Tensor) -> Tensor:
        nonlocal tail
        extra = int(
            layer._get_extra_padding_for_conv1d(x)
        )  # not 0 only where the sound ends inside a frame
        if tail is None:
            padded = layer._pad1d(
                x if alpha is None else F.elu(x, alpha), (left, extra), mode=layer.pad_mode
            )
        else:
            padded = _joined(tail, x, alpha)
            padded = layer._pad1d(padded, (0, extra), mode=layer.pad_mode) if extra else padded
        end = padded.shape[-1] - extra
        tail = padded[..., end - left : end]
        return layer.conv(padded)

    return step


def _joined(tail: Tensor, x: Tensor, alpha: float | None) -> Tensor:
    """Return `tail` and the chunk after it, which an ELU of this alpha (or none) writes straight to
    its place: a copy less.
    """
    left, n = tail.shape[-1], x.shape[-1]
    if alpha is None or n % LANES:
        x = x if alpha is None else F.elu(x, alpha)
        return torch.cat([tail, x], dim=-1) if left else x
    padded = x.new_empty(*x.shape[:-1], left + n)
    padded[..., :left] = tail
    torch.ops.aten.elu.out(x, alpha, out=padded[..., left:])
    return padded


def _transposed_step(layer: enc.EncodecConvTranspose1d) -> Step:
    stride, kernel = layer.conv.stride[0], layer.conv.kernel_size[0]
    reach, tail = -(-(kernel - stride) // stride), None

    def step(x: Tensor) -> Tensor:
        nonlocal tail
        joined = x if tail is None else torch.cat([tail, x], dim=-1)
        skip = (joined.shape[-1] - x.shape[-1]) * stride
        tail = joined[..., -reach:]
        return layer.conv(joined)[
            ..., skip : skip + x.shape[-1] * stride
        ]  # the rest on the right belongs to later chunks

    return step


def _lstm_step(layer: enc.EncodecLSTM) -> Step:
    state = None

    def step(x: Tensor) -> Tensor:
        nonlocal state
        x = x.permute(2, 0, 1)
        y, state = layer.lstm(x, state)
        return (y + x).permute(1, 2, 0)

    return step
