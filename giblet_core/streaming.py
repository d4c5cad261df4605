"""Exact streaming of EnCodec's causal networks: the same output as on the whole file, in flat memory.

Every causal convolution needs only the ``(kernel - 1) * dilation + 1 - stride`` inputs before a chunk, the LSTM its state
(h, c), a transposed convolution the input frames that reach over the border. Carrying these makes chunked and whole-file
results equal; the chunks also fit the processor's cache, which is where the speed comes from. Sums of matrix products would be
a tenth faster still, but round differently: with the demo codec one frame in fifteen then gets another code.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.encodec import modeling_encodec as enc

Step = Callable[[Tensor], Tensor]


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
    tensors (1, channels, length)
        Their concatenation is what ``layers`` give on the concatenated chunks.
    """
    steps = [_step(layer) for layer in layers]
    for x in chunks:
        for step in steps:
            x = step(x)
        yield x


def stream_encoder(layers: nn.ModuleList, chunks: Iterator[Tensor], together: int = 3) -> Iterator[Tensor]:
    """`stream` an encoder; what runs at the frame rate takes `together` chunks at a time: long ones are cheaper there."""
    slow = max(i for i, layer in enumerate(layers) if isinstance(layer, enc.EncodecResnetBlock)) + 1
    fast = stream(layers[:slow], chunks)
    return stream(layers[slow:], (torch.cat(group, dim=-1) for group in iter(lambda: list(islice(fast, together)), [])))


def chunk_bounds(n: int, chunk: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into chunks of `chunk`; the rest joins the last one, so that no chunk is too short for its padding."""
    starts = list(range(0, max(n - chunk, 0) + 1, chunk))
    return list(zip(starts, [*starts[1:], n]))


def _step(layer: nn.Module) -> Step:
    """Return a function with memory that applies `layer` to consecutive chunks."""
    if isinstance(layer, enc.EncodecConv1d):
        return _conv_step(layer)
    if isinstance(layer, enc.EncodecConvTranspose1d):
        return _transposed_step(layer)
    if isinstance(layer, enc.EncodecLSTM):
        return _lstm_step(layer)
    if isinstance(layer, enc.EncodecResnetBlock):
        activation, *block = layer.block
        block, shortcut = [_step(inner) for inner in block], _step(layer.shortcut)
        return lambda x: _apply(block, activation(x)).add_(shortcut(x))
    if isinstance(layer, nn.ELU):
        return lambda x: F.elu_(x, layer.alpha)  # in place: what enters is always this chunk's own
    if isinstance(layer, nn.Identity):
        return layer
    raise TypeError(f"streaming: no rule for a layer of type {type(layer).__name__}.")


def _apply(steps: list[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def _conv_step(layer: enc.EncodecConv1d) -> Step:
    left, tail = int(layer.padding_total), None

    def step(x: Tensor) -> Tensor:
        nonlocal tail
        extra = int(layer._get_extra_padding_for_conv1d(x))  # not 0 only where the sound ends inside a frame
        if tail is None:
            padded = layer._pad1d(x, (left, extra), mode=layer.pad_mode)
        else:
            padded = torch.cat([tail, x], dim=-1)
            padded = layer._pad1d(padded, (0, extra), mode=layer.pad_mode) if extra else padded
        end = padded.shape[-1] - extra
        tail = padded[..., end - left:end] if left else x[..., :0]
        return layer.conv(padded)

    return step


def _transposed_step(layer: enc.EncodecConvTranspose1d) -> Step:
    stride, kernel = layer.conv.stride[0], layer.conv.kernel_size[0]
    reach, tail = -(-(kernel - stride) // stride), None

    def step(x: Tensor) -> Tensor:
        nonlocal tail
        joined = x if tail is None else torch.cat([tail, x], dim=-1)
        skip = (joined.shape[-1] - x.shape[-1]) * stride
        tail = joined[..., -reach:]
        return layer.conv(joined)[..., skip:skip + x.shape[-1] * stride]  # the rest on the right belongs to later chunks

    return step


def _lstm_step(layer: enc.EncodecLSTM) -> Step:
    state = None

    def step(x: Tensor) -> Tensor:
        nonlocal state
        x = x.permute(2, 0, 1)
        y, state = layer.lstm(x, state)
        return (y + x).permute(1, 2, 0)

    return step
