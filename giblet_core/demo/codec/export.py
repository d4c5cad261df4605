"""The trained demo codec written into ``EncodecModel``, read back, and put in files.

Strided convolutions move samples to channels (space to depth). A constant offset keeps an ELU in
its linear part: it is added to a layer's outputs and taken back by the next layer's bias.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecModel

from giblet_core.demo.codec.codebooks import LATENT_DIM
from giblet_core.demo.codec.network import (
    GROW,
    HALF,
    HOP_LENGTH,
    LIFT,
    SHRINK,
    STEP,
    STRAIGHT,
    WIDTH,
    FrameCodec,
)
from giblet_core.files import file_sha256, write_text

OFFSET = 4.0  # added to every channel: ELU(x + 4) = x + 4 while |x| < 4
HALF_OFFSET = 16.0  # the same at 150 Hz
WIDE_OFFSET = 128.0  # keeps the linear channels out of the ELU's bend; they reach about +-60
UPSAMPLING = (2, 4, 5, 8)  # at 150 Hz the 160 channels hold exactly the samples of half a frame
BANDWIDTHS_KBPS = (1.5, 3.0, 6.0, 12.0, 24.0)
KBPS_A_CODEBOOK = 0.75


def set_weight(convolution: nn.Module, weight: Tensor, bias: Tensor | None = None) -> None:
    """Write into a weight-normalised convolution; a zero filter gets gain 0 (0/0 would be NaN).

    Parameters
    ----------
    convolution : nn.Module
    weight : Tensor of the shape of its weight
    bias : Tensor, optional
        By default the bias stays.
    """
    norm = weight.flatten(1).norm(dim=1).view(-1, 1, 1)
    parameters = convolution.parametrizations.weight
    parameters.original0.copy_(norm)
    parameters.original1.copy_(torch.where(norm > 0, weight, torch.ones_like(weight)))
    if bias is not None:
        convolution.bias.copy_(bias)


def pass_samples(convolution: nn.Module, stride: int, block: int) -> None:
    """Make a strided convolution move samples between time and channels, in natural order.

    Parameters
    ----------
    convolution : nn.Conv1d or nn.ConvTranspose1d
    stride : int
    block : int
        Samples moved: channels on the slow side.
    """
    fast_channels = block // stride
    first_tap = 0 if isinstance(convolution, nn.ConvTranspose1d) else stride
    places = torch.arange(block)
    weight = torch.zeros_like(convolution.weight)
    weight[places, places % fast_channels, first_tap + places // fast_channels] = 1.0
    set_weight(convolution, weight)


def _half(weight: Tensor) -> Tensor:
    """Round to half precision, in which weights are stored."""
    return weight.half().float()


def _offsets(lift: float) -> Tensor:
    """Return what is added to each channel at 75 Hz so that it stays straight: (320,)."""
    linear = torch.full((LATENT_DIM,), WIDE_OFFSET)
    lifted = torch.full((WIDTH - LATENT_DIM - 1,), lift)
    return torch.cat([linear, lifted, torch.zeros(1)])


@dataclass(frozen=True)
class _Transfer:
    """How one convolution of the trained network lies in one of ``EncodecModel``.

    Attributes
    ----------
    ours, theirs : nn.Conv1d
    n_raised_inputs : int
        The first inputs, which come with an offset there; it is taken back.
    input_offset : float
    n_raised_outputs : int
        The first outputs, which get an offset there.
    output_offset : float
    first_row : int
        Channel of theirs at which our outputs begin.
    """

    ours: nn.Conv1d
    theirs: nn.Module
    n_raised_inputs: int = 0
    input_offset: float = 0.0
    n_raised_outputs: int = 0
    output_offset: float = 0.0
    first_row: int = 0

    def rows(self) -> slice:
        """Return the channels of theirs that are ours."""
        return slice(self.first_row, self.first_row + len(self.ours.weight))

    def export_weights(self) -> None:
        """Write our convolution into theirs."""
        rounded = _half(self.ours.weight)
        weight = torch.zeros_like(self.theirs.weight)
        bias = torch.zeros_like(self.theirs.bias)
        weight[self.rows(), : rounded.shape[1]] = rounded
        taken_back = self.input_offset * rounded[:, : self.n_raised_inputs].sum((1, 2))
        bias[self.rows()] = self.ours.bias - taken_back
        bias[: self.n_raised_outputs] += self.output_offset
        set_weight(self.theirs, weight, bias)

    def import_weights(self) -> None:
        """Read our convolution from theirs."""
        ours = self.ours
        ours.weight.copy_(self.theirs.weight[self.rows(), : ours.weight.shape[1]])
        taken_back = self.input_offset * ours.weight[:, : self.n_raised_inputs].sum((1, 2))
        ours.bias.copy_(self.theirs.bias[self.rows()] + taken_back)
        ours.bias[: self.n_raised_outputs] -= self.output_offset


def _encoder_transfers(net: FrameCodec, layers: nn.ModuleList) -> list[_Transfer]:
    at_600_hz = layers[7]
    at_150_hz = layers[10]
    from_steps = {"n_raised_inputs": STEP, "input_offset": OFFSET}
    from_halves = {"n_raised_inputs": STRAIGHT, "input_offset": HALF_OFFSET}
    to_halves = {"n_raised_outputs": STRAIGHT, "output_offset": HALF_OFFSET}
    to_latents = {"n_raised_outputs": LATENT_DIM, "output_offset": WIDE_OFFSET}
    from_latents = {"n_raised_inputs": LATENT_DIM, "input_offset": WIDE_OFFSET}
    return [
        _Transfer(net.rectify, at_600_hz.block[1].conv, **from_steps),
        _Transfer(net.spread, at_600_hz.block[3].conv, first_row=STEP),
        _Transfer(net.gather, layers[9].conv, **from_steps, **to_halves),
        _Transfer(net.compress, at_150_hz.block[1].conv, **from_halves),
        _Transfer(net.expand, at_150_hz.block[3].conv),
        _Transfer(net.analysis, layers[12].conv, **from_halves, **to_latents),
        _Transfer(net.encoder_conv, layers[15].conv, **from_latents),
    ]


def _export_lstm(source: nn.LSTM, target: nn.LSTM, offsets: Tensor) -> None:
    target.weight_ih_l0.copy_(_half(source.weight_ih_l0))
    target.weight_hh_l0.copy_(_half(source.weight_hh_l0))
    target.bias_hh_l0.copy_(source.bias_hh_l0)
    target.bias_ih_l0.copy_(source.bias_ih_l0 - target.weight_ih_l0 @ offsets)


def _import_lstm(target: nn.LSTM, source: nn.LSTM, offsets: Tensor) -> None:
    target.load_state_dict(source.state_dict())
    target.bias_ih_l0 += target.weight_ih_l0 @ offsets


def _export_encoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    weight = torch.zeros_like(layers[0].conv.weight)
    bias = torch.zeros_like(layers[0].conv.bias)
    weight[0, 0, -1] = 1.0
    bias[0] = OFFSET
    set_weight(layers[0].conv, weight, bias)
    pass_samples(layers[3].conv, stride=8, block=8)
    pass_samples(layers[6].conv, stride=5, block=STEP)
    for transfer in _encoder_transfers(net, layers):
        transfer.export_weights()
    _export_lstm(net.encoder_lstm, layers[13].lstm, _offsets(0.0))


def _synthesis_taps(net: FrameCodec) -> Tensor:
    """Return the synthesis as weights of a transposed convolution: (320, 160, 4).

    Frames of (halves, samples, frame now or before, channels) become channels, samples and four
    halves. Each tap takes back its own offset, through the channel that is held at one.
    """
    by_half = (SHRINK * net.synthesis.weight).view(2, HALF, 2, WIDTH)
    taps = by_half.permute(3, 1, 2, 0).reshape(WIDTH, HALF, 4).clone()
    taps[-1] -= torch.einsum("c,csh->sh", _offsets(LIFT), taps)
    taps[-1, :, :2] += SHRINK * net.synthesis.bias.view(2, HALF).T
    return taps


def _export_decoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    offsets = _offsets(LIFT)
    set_weight(layers[0].conv, _half(net.decoder_conv.weight), net.decoder_conv.bias + offsets)
    _export_lstm(net.decoder_lstm, layers[1].lstm, offsets)
    set_weight(layers[3].conv, _synthesis_taps(net), torch.full((HALF,), OFFSET))
    block = layers[4].block
    narrow = _half(GROW * net.narrow.weight)
    set_weight(block[1].conv, narrow, net.narrow.bias - OFFSET * narrow.sum((1, 2)))
    set_weight(block[3].conv, _half(net.widen.weight), net.widen.bias)
    pass_samples(layers[6].conv, stride=4, block=HALF)
    pass_samples(layers[9].conv, stride=5, block=STEP)
    pass_samples(layers[12].conv, stride=8, block=8)
    last = torch.zeros_like(layers[15].conv.weight)
    last[0, 0, -1] = 1.0
    set_weight(layers[15].conv, last, torch.tensor([-OFFSET]))


def _silent_model(n_codebooks: int) -> EncodecModel:
    """Return a model whose gains and biases are zero (directions of zero would be 0/0)."""
    highest_kbps = KBPS_A_CODEBOOK * n_codebooks
    config = EncodecConfig(
        target_bandwidths=[kbps for kbps in BANDWIDTHS_KBPS if kbps <= highest_kbps],
        num_filters=20,
        num_lstm_layers=1,
        use_conv_shortcut=False,
        upsampling_ratios=list(UPSAMPLING),
    )
    model = EncodecModel(config).eval()
    for name, parameter in model.named_parameters():
        is_direction = name.endswith("original1")
        parameter.fill_(1.0 if is_direction else 0.0)
    return model


@torch.no_grad()
def to_encodec(net: FrameCodec) -> EncodecModel:
    """Write the trained network into an ``EncodecModel``.

    Weights that are stored in half precision are rounded before biases are computed.
    """
    model = _silent_model(len(net.codebooks))
    _export_encoder(net, model.encoder.layers)
    _export_decoder(net, model.decoder.layers)
    for layer, codebook in zip(model.quantizer.layers, net.codebooks.embed, strict=True):
        layer.codebook.embed.copy_(codebook)
        layer.codebook.embed_avg.zero_()  # only training needs averages; zeros pack to nothing
    return model


def _import_decoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    offsets = _offsets(LIFT)
    net.decoder_conv.weight.copy_(layers[0].conv.weight)
    net.decoder_conv.bias.copy_(layers[0].conv.bias - offsets)
    _import_lstm(net.decoder_lstm, layers[1].lstm, offsets)
    taps = layers[3].conv.weight.clone()
    taps[-1] += torch.einsum("c,csh->sh", offsets, taps)  # what is left there is the bias
    by_half = taps.view(WIDTH, HALF, 2, 2).permute(3, 1, 2, 0)
    net.synthesis.weight.copy_(GROW * by_half.reshape(HOP_LENGTH, 2 * WIDTH))
    net.synthesis.bias.zero_()
    narrow = layers[4].block[1].conv
    net.narrow.weight.copy_(narrow.weight / GROW)
    net.narrow.bias.copy_(narrow.bias + OFFSET * narrow.weight.sum((1, 2)))
    widen = layers[4].block[3].conv
    net.widen.weight.copy_(widen.weight)
    net.widen.bias.copy_(widen.bias)


@torch.no_grad()
def from_encodec(model: EncodecModel) -> FrameCodec:
    """Read an exported model back: the inverse of `to_encodec`.

    So training can go on from published weights.
    """
    net = FrameCodec(len(model.quantizer.layers))
    for transfer in _encoder_transfers(net, model.encoder.layers):
        transfer.import_weights()
    _import_lstm(net.encoder_lstm, model.encoder.layers[13].lstm, _offsets(0.0))
    _import_decoder(net, model.decoder.layers)
    net.codebooks.fill(torch.stack([layer.codebook.embed for layer in model.quantizer.layers]))
    net.pin()
    return net


def _stored_type(name: str, value: Tensor) -> torch.dtype:
    """Return the precision in which a parameter is stored; see `save_codec`."""
    if name.endswith("embed_avg"):
        return torch.float8_e4m3fn
    is_matrix = value.ndim >= 2 and not name.endswith("original0")
    if is_matrix and not name.startswith("decoder.layers.3."):
        return torch.float16
    return torch.float32


def save_codec(model: EncodecModel, folder: str | Path) -> str:
    """Write ``config.json``, ``model.safetensors`` and ``SHA256SUMS``.

    Matrices are stored in half precision, biases and gains in single: a rounded bias would be heard
    as DC (for the same reason the first transposed convolution, which takes back the linear path's
    offset, stays single). The codebooks' moving averages (only training uses them) are zeros here,
    in the narrowest type.

    Returns
    -------
    str
        sha256 of the file of weights.
    """
    folder = Path(folder)
    state = {
        name: value.detach().to(_stored_type(name, value)).contiguous()
        for name, value in model.state_dict().items()
    }
    model.save_pretrained(folder, state_dict=state)
    digest = file_sha256(folder / "model.safetensors")
    write_text(folder / "SHA256SUMS", f"{digest}  model.safetensors\n")
    return digest
