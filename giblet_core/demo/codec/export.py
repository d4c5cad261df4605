"""The trained demo codec written into ``EncodecModel``, read back, and put in files.

Strided convolutions move samples to channels (space to depth); a constant offset keeps an ELU in
its linear part.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecModel

from giblet_core.demo.codec.codebooks import LATENT_DIM
from giblet_core.demo.codec.network import HALF, HOP_LENGTH, LIFT, STEP, STRAIGHT, WIDTH, FrameCodec
from giblet_core.files import file_sha256, write_text

OFFSET = 4.0  # added to every channel: ELU(x + 4) = x + 4 while |x| < 4
HALF_OFFSET = 16.0  # the same at 150 Hz
WIDE_OFFSET = 128.0  # keeps the linear channels out of the ELU's bend; they reach about +-60
UPSAMPLING = (2, 4, 5, 8)  # at 150 Hz the 160 channels hold exactly the samples of half a frame


def set_weight(convolution: nn.Module, weight: Tensor, bias: Tensor | None = None) -> None:
    """Write ``weight`` into a weight-normalised convolution; a zero filter gets gain 0 (0/0 would
    be NaN).
    """
    norm, parameters = (
        weight.flatten(1).norm(dim=1).view(-1, 1, 1),
        convolution.parametrizations.weight,
    )
    parameters.original0.copy_(norm)
    parameters.original1.copy_(torch.where(norm > 0, weight, torch.ones_like(weight)))
    if bias is not None:
        convolution.bias.copy_(bias)


def pass_samples(convolution: nn.Module, stride: int, block: int) -> None:
    """Make a strided (transposed) convolution move ``block`` samples between time and channels, in
    natural order.
    """
    weight, few = torch.zeros_like(convolution.weight), block // stride  # channels on the fast side
    places, first = (
        torch.arange(block),
        0 if isinstance(convolution, nn.ConvTranspose1d) else stride,
    )
    weight[places, places % few, first + places // few] = 1.0
    set_weight(convolution, weight)


def _half(weight: Tensor) -> Tensor:
    return weight.half().float()


@torch.no_grad()
def to_encodec(net: FrameCodec) -> EncodecModel:
    """Write `net` into an ``EncodecModel``; weights that are stored in half precision are rounded
    before biases are computed.
    """
    rungs = [
        rung
        for rung in (1.5, 3.0, 6.0, 12.0, 24.0)
        if rung <= 0.75 * len(net.codebooks.residual.layers)
    ]
    model = EncodecModel(
        EncodecConfig(
            target_bandwidths=rungs,
            num_filters=20,
            num_lstm_layers=1,
            use_conv_shortcut=False,
            upsampling_ratios=list(UPSAMPLING),
        )
    ).eval()
    for (
        name,
        parameter,
    ) in (
        model.named_parameters()
    ):  # silent: gains and biases of zero (directions of zero would be 0/0)
        parameter.fill_(float(name.endswith("original1")))
    _export_encoder(net, model.encoder.layers)
    _export_decoder(net, model.decoder.layers)
    for layer, codebook in zip(model.quantizer.layers, net.codebooks.embed, strict=True):
        layer.codebook.embed.copy_(codebook)
        layer.codebook.embed_avg.zero_()  # only training needs moving averages; zeros pack to nothing
    return model


def _export_lstm(source: nn.LSTM, target: nn.LSTM, offsets: Tensor) -> None:
    target.weight_ih_l0.copy_(_half(source.weight_ih_l0))
    target.weight_hh_l0.copy_(_half(source.weight_hh_l0))
    target.bias_hh_l0.copy_(source.bias_hh_l0)
    target.bias_ih_l0.copy_(source.bias_ih_l0 - target.weight_ih_l0 @ offsets)


def _offsets(lift: float) -> Tensor:
    """What is added to each channel at 75 Hz so that it stays straight."""
    return torch.cat(
        [
            torch.full((LATENT_DIM,), WIDE_OFFSET),
            torch.full((WIDTH - LATENT_DIM - 1,), lift),
            torch.zeros(1),
        ]
    )


def _export_encoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    first, offset = torch.zeros_like(layers[0].conv.weight), torch.zeros(len(layers[0].conv.bias))
    first[0, 0, -1], offset[0] = 1.0, OFFSET
    set_weight(layers[0].conv, first, offset)
    block = 1
    for layer, stride in zip((3, 6), reversed(UPSAMPLING[2:])):
        block *= stride
        pass_samples(layers[layer].conv, stride, block)
    for ours, theirs, *how in _encoder_convs(net, layers):
        _export_conv(ours, theirs, *how)
    _export_lstm(net.encoder_lstm, layers[13].lstm, _offsets(0.0))


def _encoder_convs(net: FrameCodec, layers: nn.ModuleList) -> list[tuple]:
    """Pair convolutions: ours, theirs, straight inputs and their offset, straight outputs and
    theirs, first row written.
    """
    return [
        (net.rectify, layers[7].block[1].conv, STEP, OFFSET, 0, 0.0, 0),
        (net.spread, layers[7].block[3].conv, 0, 0.0, 0, 0.0, STEP),
        (net.gather, layers[9].conv, STEP, OFFSET, STRAIGHT, HALF_OFFSET, 0),
        (net.compress, layers[10].block[1].conv, STRAIGHT, HALF_OFFSET, 0, 0.0, 0),
        (net.expand, layers[10].block[3].conv, 0, 0.0, 0, 0.0, 0),
        (net.analysis, layers[12].conv, STRAIGHT, HALF_OFFSET, LATENT_DIM, WIDE_OFFSET, 0),
        (net.encoder_conv, layers[15].conv, LATENT_DIM, WIDE_OFFSET, 0, 0.0, 0),
    ]


def _export_conv(
    ours: nn.Conv1d,
    theirs: nn.Module,
    taken: int,
    back: float,
    raised: int,
    offset: float,
    first: int,
) -> None:
    """Write a convolution; the offset `back` of its first `taken` inputs is taken back, its first
    `raised` outputs get `offset`.
    """
    small, weight, bias = (
        _half(ours.weight),
        torch.zeros_like(theirs.weight),
        torch.zeros_like(theirs.bias),
    )
    rows = slice(first, first + len(small))
    weight[rows, : small.shape[1]] = small
    bias[rows] = ours.bias - back * small[:, :taken].sum((1, 2))
    bias[:raised] += offset
    set_weight(theirs, weight, bias)


def _import_conv(
    ours: nn.Conv1d,
    theirs: nn.Module,
    taken: int,
    back: float,
    raised: int,
    offset: float,
    first: int,
) -> None:
    """Undo `_export_conv`."""
    rows = slice(first, first + len(ours.weight))
    ours.weight.copy_(theirs.weight[rows, : ours.weight.shape[1]])
    ours.bias.copy_(theirs.bias[rows] + back * ours.weight[:, :taken].sum((1, 2)))
    ours.bias[:raised] -= offset


def _export_decoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    offsets = _offsets(LIFT)
    set_weight(layers[0].conv, _half(net.decoder_conv.weight), net.decoder_conv.bias + offsets)
    _export_lstm(net.decoder_lstm, layers[1].lstm, offsets)
    # (halves, samples, frame now or before, channels) -> (channels, samples, 4 halves); each tap
    # takes back its own offset
    taps = (
        (0.1 * net.synthesis.weight)
        .view(2, HALF, 2, WIDTH)
        .permute(3, 1, 2, 0)
        .reshape(WIDTH, HALF, 4)
        .clone()
    )
    taps[-1] -= torch.einsum("c,csh->sh", offsets, taps)
    taps[-1, :, :2] += 0.1 * net.synthesis.bias.view(2, HALF).T
    set_weight(layers[3].conv, taps, torch.full((HALF,), OFFSET))
    narrow = _half(10 * net.narrow.weight)
    set_weight(layers[4].block[1].conv, narrow, net.narrow.bias - OFFSET * narrow.sum((1, 2)))
    set_weight(layers[4].block[3].conv, _half(net.widen.weight), net.widen.bias)
    block = HALF
    for layer, stride in zip((6, 9, 12), UPSAMPLING[1:]):
        pass_samples(layers[layer].conv, stride, block)
        block //= stride
    last = torch.zeros_like(layers[15].conv.weight)
    last[0, 0, -1] = 1.0
    set_weight(layers[15].conv, last, torch.tensor([-OFFSET]))


@torch.no_grad()
def from_encodec(model: EncodecModel) -> FrameCodec:
    """Read an exported model back, so that training can go on from published weights (the inverse
    of `to_encodec`).
    """
    net, encoder, decoder = (
        FrameCodec(len(model.quantizer.layers)),
        model.encoder.layers,
        model.decoder.layers,
    )
    for ours, theirs, *how in _encoder_convs(net, encoder):
        _import_conv(ours, theirs, *how)
    offsets = _offsets(LIFT)
    for ours, theirs, added in (
        (net.encoder_lstm, encoder[13].lstm, _offsets(0.0)),
        (net.decoder_lstm, decoder[1].lstm, offsets),
    ):
        ours.load_state_dict(theirs.state_dict())
        ours.bias_ih_l0 += ours.weight_ih_l0 @ added
    net.decoder_conv.weight.copy_(decoder[0].conv.weight)
    net.decoder_conv.bias.copy_(decoder[0].conv.bias - offsets)
    taps = decoder[3].conv.weight.clone()
    taps[-1] += torch.einsum(
        "c,csh->sh", offsets, taps
    )  # what is left on the channel held at one is the bias
    net.synthesis.weight.copy_(
        10 * taps.view(WIDTH, HALF, 2, 2).permute(3, 1, 2, 0).reshape(HOP_LENGTH, 2 * WIDTH)
    )
    net.synthesis.bias.zero_()
    net.narrow.weight.copy_(decoder[4].block[1].conv.weight / 10)
    net.narrow.bias.copy_(
        decoder[4].block[1].conv.bias + OFFSET * decoder[4].block[1].conv.weight.sum((1, 2))
    )
    net.widen.weight.copy_(decoder[4].block[3].conv.weight)
    net.widen.bias.copy_(decoder[4].block[3].conv.bias)
    net.codebooks.fill(torch.stack([layer.codebook.embed for layer in model.quantizer.layers]))
    net.pin()
    return net


def save_codec(model: EncodecModel, folder: str | Path) -> str:
    """Write ``config.json``, ``model.safetensors`` and ``SHA256SUMS``; return the sha256 of the
    weights file.

    Matrices are stored in half precision, biases and gains in single: a rounded bias would be heard
    as DC (for the same reason the first transposed convolution, which takes back the linear path's
    offset, stays single). The codebooks' moving averages (only training uses them) are zeros here,
    in the narrowest type.
    """
    folder, state = Path(folder), {}
    for name, value in model.state_dict().items():
        matrix = (
            value.ndim >= 2
            and not name.endswith("original0")
            and not name.startswith("decoder.layers.3.")
        )
        kind = (
            torch.float8_e4m3fn
            if name.endswith("embed_avg")
            else torch.float16
            if matrix
            else torch.float32
        )
        state[name] = value.detach().to(kind).contiguous()
    model.save_pretrained(folder, state_dict=state)
    digest = file_sha256(folder / "model.safetensors")
    write_text(folder / "SHA256SUMS", f"{digest}  model.safetensors\n")
    return digest
