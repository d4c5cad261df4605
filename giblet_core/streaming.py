"""Exact streaming of EnCodec's causal networks: the same output as on the whole file, in flat memory.

Every causal convolution needs only the ``(kernel - 1) * dilation + 1 - stride`` inputs before a chunk, the LSTM its state
(h, c), a transposed convolution the input frames that reach over the border. Carrying these makes chunked and whole-file
results equal; the chunks also fit the processor's cache, which is where the speed comes from. Sums of matrix products would be
a tenth faster still, but round differently: with the demo codec one frame in fifteen then gets another code.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.encodec import modeling_encodec as enc

Step = Callable[[Tensor], Tensor]
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


def stream_encoder(layers: nn.ModuleList, chunks: Iterator[Tensor], together: int = 3) -> Iterator[Tensor]:
    """`stream` an encoder; what runs at the frame rate takes `together` chunks at a time: long ones are cheaper there."""
    slow = max(i for i, layer in enumerate(layers) if isinstance(layer, enc.EncodecResnetBlock)) + 1
    fast = stream(layers[:slow], chunks)
    return stream(layers[slow:], (torch.cat(group, dim=-1) for group in iter(lambda: list(islice(fast, together)), [])))


def chunk_bounds(n: int, chunk: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into chunks of `chunk`; the rest joins the last one, so that no chunk is too short for its padding."""
    starts = list(range(0, max(n - chunk, 0) + 1, chunk))
    return list(zip(starts, [*starts[1:], n]))


def _steps(layers: Iterable[nn.Module]) -> list[Step]:
    """Return for each layer a function with memory that applies it to consecutive chunks; an ELU goes into the convolution after it."""
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
            steps.append(partial(F.elu_, alpha=layer.alpha))  # in place: what enters is always this chunk's own
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
        extra = int(layer._get_extra_padding_for_conv1d(x))  # not 0 only where the sound ends inside a frame
        if tail is None:
            padded = layer._pad1d(x if alpha is None else F.elu(x, alpha), (left, extra), mode=layer.pad_mode)
        else:
            padded = _joined(tail, x, alpha)
            padded = layer._pad1d(padded, (0, extra), mode=layer.pad_mode) if extra else padded
        end = padded.shape[-1] - extra
        tail = padded[..., end - left:end]
        return layer.conv(padded)

    return step


def _joined(tail: Tensor, x: Tensor, alpha: float | None) -> Tensor:
    """Return `tail` and the chunk after it, which an ELU of this alpha (or none) writes straight to its place: a copy less."""
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
