"""The demo codec as it is trained: frames in, frames out, nonlinear at 75, 150 and 600 Hz, exported to ``EncodecModel``.

The outer strided convolutions only move samples to channels, so training skips them: a step costs half a second on one
core. The first 128 channels at 75 Hz are a linear path; `codec_hybrid` builds where training begins. Channel 319 of the
decoder is held at one: it carries biases through the transposed convolution, whose own bias cannot differ between the two
halves of a frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EncodecModel

from giblet_core.codec_linear import (
    CARDINALITY,
    HOP_LENGTH,
    LATENT_DIM,
    N_TAPS,
    OFFSET,
    linear_config,
    pass_samples,
    set_books,
    set_weight,
    silent_model,
)
from giblet_core.codecs import nearest

WIDTH = 320  # channels at 75 Hz
HALF = HOP_LENGTH // 2  # samples of half a frame: the channels at 150 Hz
STEP = HOP_LENGTH // 8  # samples a step at 600 Hz, where the encoder rectifies
STRAIGHT = 48  # channels at 150 Hz that stay linear: the low band
KAPPA = 10.0  # scale of the latents: speech at -26 dBFS has about unit norm
HALF_OFFSET = 16.0  # the same at 150 Hz
WIDE_OFFSET = 128.0  # keeps the linear channels out of the ELU's bend; they reach about +-60
UPSAMPLING = (2, 4, 5, 8)  # at 150 Hz the 160 channels hold exactly the samples of half a frame
LIFT = 2.0  # the decoder's other channels bend only below -2; a silent network is silent
DEAD = 0.05  # a code vector chosen more rarely (moving average, hits a step) is moved


def delayed(x: Tensor, frames: int) -> Tensor:
    """Delay ``x`` (batch, n_frames, channels) by whole frames; zeros enter."""
    return F.pad(x, (0, 0, frames, 0))[:, : x.shape[1]]


class Books(nn.Module):
    """Residual codebooks, carried on by moving averages of the vectors that chose each entry."""

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.register_buffer("embed", torch.zeros(n_codebooks, CARDINALITY, LATENT_DIM))
        self.register_buffer("total", torch.zeros(n_codebooks, CARDINALITY, LATENT_DIM))
        self.register_buffer("count", torch.ones(n_codebooks, CARDINALITY))
        self.calls = 0

    @torch.no_grad()
    def forward(self, z: Tensor, n_books: int, update: bool = False, decay: float = 0.99) -> Tensor:
        """Quantise ``z`` (..., 128) with the first ``n_books`` books; with `update` move their entries."""
        points = z.reshape(-1, LATENT_DIM)
        residual, self.calls = points, self.calls + update
        for book in range(n_books):
            entries = self.embed[book]
            chosen = nearest(residual, entries)
            quantised = entries[chosen]
            if update:
                self._move(book, residual, chosen, decay)
            residual = residual - quantised
        return (points - residual).reshape(z.shape)

    def _move(self, book: int, residual: Tensor, chosen: Tensor, decay: float) -> None:
        hits = torch.bincount(chosen, minlength=CARDINALITY).to(residual.dtype)
        self.count[book].mul_(decay).add_(hits, alpha=1 - decay)
        self.total[book].mul_(decay).index_add_(0, chosen, residual, alpha=1 - decay)
        mean = self.total[book] / self.count[book].clamp(min=1e-6)[:, None]
        self.embed[book] = torch.where(self.count[book][:, None] >= DEAD, mean, self.embed[book])
        if self.calls % 20 == 0:
            dead = (self.count[book] < DEAD).nonzero()[:60, 0]
            donors = residual[torch.randint(len(residual), (len(dead),))]
            self.embed[book][dead], self.total[book][dead], self.count[book][dead] = donors, donors * 4 * DEAD, 4 * DEAD


class FrameCodec(nn.Module):
    """Waveform -> frames -> latents -> quantised latents -> frames -> waveform."""

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.rectify = nn.Conv1d(STEP, STEP, 3)  # filters of 5 ms, followed by a rectifier
        self.spread = nn.Conv1d(STEP, STEP, 1)
        self.gather = nn.Conv1d(2 * STEP, HALF, 8, stride=4)  # samples and rectified bands of half a frame
        self.compress = nn.Conv1d(HALF, HALF // 2, 3)
        self.expand = nn.Conv1d(HALF // 2, HALF, 1)
        self.analysis = nn.Conv1d(HALF, WIDTH, 4, stride=2)  # this frame and the one before
        self.encoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.encoder_conv = nn.Conv1d(WIDTH, LATENT_DIM, N_TAPS)
        self.books = Books(n_codebooks)
        self.decoder_conv = nn.Conv1d(LATENT_DIM, WIDTH, N_TAPS)
        self.decoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.synthesis = nn.Linear(2 * WIDTH, HOP_LENGTH)
        self.narrow = nn.Conv1d(HALF, HALF // 2, 3)
        self.widen = nn.Conv1d(HALF // 2, HALF, 1)

    @staticmethod
    def _bend(x: Tensor, straight: int = LATENT_DIM, dim: int = -1) -> Tensor:
        return torch.cat([x.narrow(dim, 0, straight), F.elu(x.narrow(dim, straight, x.shape[dim] - straight))], dim=dim)

    @staticmethod
    def _along(conv: nn.Conv1d, x: Tensor) -> Tensor:
        return conv(F.pad(x, (conv.kernel_size[0] - conv.stride[0], 0)))

    def encode(self, frames: Tensor) -> Tensor:
        """Map ``frames`` (batch, n_frames, 320) to latents (batch, n_frames, 128)."""
        x = frames.reshape(len(frames), -1, STEP).transpose(1, 2)
        bands = F.elu(self.spread(F.elu(self._along(self.rectify, x))))
        x = self._along(self.gather, torch.cat([x, bands], 1))
        x = x + self.expand(F.elu(self._along(self.compress, self._bend(x, STRAIGHT, 1))))
        inner = self._along(self.analysis, self._bend(x, STRAIGHT, 1)).transpose(1, 2)
        inner = self._bend(inner + self.encoder_lstm(inner)[0])
        return self._along(self.encoder_conv, inner.transpose(1, 2)).transpose(1, 2)

    def decode(self, z: Tensor) -> Tensor:
        """Map latents (batch, n_frames, 128) to sound (batch, n_frames * 320)."""
        inner = self._along(self.decoder_conv, z.transpose(1, 2)).transpose(1, 2)
        inner = inner + self.decoder_lstm(inner)[0]
        inner = torch.cat([inner[..., :LATENT_DIM], F.elu(inner[..., LATENT_DIM:-1] + LIFT) - LIFT, inner[..., -1:]], -1)
        halves = 0.1 * self.synthesis(torch.cat([inner, delayed(inner, 1)], -1))
        halves = halves.reshape(len(z), -1, HALF).transpose(1, 2)
        halves = halves + self.widen(F.elu(self._along(self.narrow, 10 * halves)))
        return halves.transpose(1, 2).reshape(len(z), -1)

    def forward(self, wave: Tensor, n_books: int, update: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return decoded sound, commitment loss (relative to the latents' variance) and latents; the gradient passes straight."""
        z = self.encode(wave.reshape(len(wave), -1, HOP_LENGTH))
        quantised = self.books(z.detach(), n_books, update) if n_books else z.detach()
        commitment = (z - quantised).square().mean() / z.detach().var().clamp(min=1e-3)
        return self.decode(z + (quantised - z).detach()), commitment, z

    @torch.no_grad()
    def pin(self) -> None:
        """Hold the last channel of the decoder at one (called after every step)."""
        self.decoder_conv.weight[-1], self.decoder_conv.bias[-1] = 0.0, 1.0
        rows = torch.arange(WIDTH - 1, 4 * WIDTH, WIDTH)
        self.decoder_lstm.weight_ih_l0[rows], self.decoder_lstm.weight_hh_l0[rows] = 0.0, 0.0
        self.decoder_lstm.bias_ih_l0[rows], self.decoder_lstm.bias_hh_l0[rows] = 0.0, 0.0
        self.decoder_lstm.bias_ih_l0[rows[3]] = -30.0  # the output gate stays shut


def _half(weight: Tensor) -> Tensor:
    return weight.half().float()


@torch.no_grad()
def to_encodec(net: FrameCodec) -> EncodecModel:
    """Write `net` into an ``EncodecModel``; weights that are stored in half precision are rounded before biases are computed."""
    model = silent_model(linear_config(len(net.books.embed), upsampling_ratios=list(UPSAMPLING)))
    _export_encoder(net, model.encoder.layers)
    _export_decoder(net, model.decoder.layers)
    set_books(model, net.books.embed.numpy())
    return model


def _export_lstm(source: nn.LSTM, target: nn.LSTM, offsets: Tensor) -> None:
    target.weight_ih_l0.copy_(_half(source.weight_ih_l0))
    target.weight_hh_l0.copy_(_half(source.weight_hh_l0))
    target.bias_hh_l0.copy_(source.bias_hh_l0)
    target.bias_ih_l0.copy_(source.bias_ih_l0 - target.weight_ih_l0 @ offsets)


def _offsets(lift: float) -> Tensor:
    """What is added to each channel at 75 Hz so that it stays straight."""
    return torch.cat([torch.full((LATENT_DIM,), WIDE_OFFSET), torch.full((WIDTH - LATENT_DIM - 1,), lift), torch.zeros(1)])


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
    """Pair convolutions: ours, theirs, straight inputs and their offset, straight outputs and theirs, first row written."""
    return [(net.rectify, layers[7].block[1].conv, STEP, OFFSET, 0, 0.0, 0), (net.spread, layers[7].block[3].conv, 0, 0.0, 0, 0.0, STEP),
            (net.gather, layers[9].conv, STEP, OFFSET, STRAIGHT, HALF_OFFSET, 0),
            (net.compress, layers[10].block[1].conv, STRAIGHT, HALF_OFFSET, 0, 0.0, 0),
            (net.expand, layers[10].block[3].conv, 0, 0.0, 0, 0.0, 0),
            (net.analysis, layers[12].conv, STRAIGHT, HALF_OFFSET, LATENT_DIM, WIDE_OFFSET, 0),
            (net.encoder_conv, layers[15].conv, LATENT_DIM, WIDE_OFFSET, 0, 0.0, 0)]


def _export_conv(ours: nn.Conv1d, theirs: nn.Module, taken: int, back: float, raised: int, offset: float, first: int) -> None:
    """Write a convolution; the offset `back` of its first `taken` inputs is taken back, its first `raised` outputs get `offset`."""
    small, weight, bias = _half(ours.weight), torch.zeros_like(theirs.weight), torch.zeros_like(theirs.bias)
    rows = slice(first, first + len(small))
    weight[rows, : small.shape[1]] = small
    bias[rows] = ours.bias - back * small[:, :taken].sum((1, 2))
    bias[:raised] += offset
    set_weight(theirs, weight, bias)


def _import_conv(ours: nn.Conv1d, theirs: nn.Module, taken: int, back: float, raised: int, offset: float, first: int) -> None:
    """Undo `_export_conv`."""
    rows = slice(first, first + len(ours.weight))
    ours.weight.copy_(theirs.weight[rows, : ours.weight.shape[1]])
    ours.bias.copy_(theirs.bias[rows] + back * ours.weight[:, :taken].sum((1, 2)))
    ours.bias[:raised] -= offset


def _export_decoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    offsets = _offsets(LIFT)
    set_weight(layers[0].conv, _half(net.decoder_conv.weight), net.decoder_conv.bias + offsets)
    _export_lstm(net.decoder_lstm, layers[1].lstm, offsets)
    # (halves, samples, frame now or before, channels) -> (channels, samples, 4 halves); each tap takes back its own offset
    taps = (0.1 * net.synthesis.weight).view(2, HALF, 2, WIDTH).permute(3, 1, 2, 0).reshape(WIDTH, HALF, 4).clone()
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
    """Read an exported model back, so that training can go on from published weights (the inverse of `to_encodec`)."""
    net, encoder, decoder = FrameCodec(len(model.quantizer.layers)), model.encoder.layers, model.decoder.layers
    for ours, theirs, *how in _encoder_convs(net, encoder):
        _import_conv(ours, theirs, *how)
    offsets = _offsets(LIFT)
    for ours, theirs, added in ((net.encoder_lstm, encoder[13].lstm, _offsets(0.0)), (net.decoder_lstm, decoder[1].lstm, offsets)):
        ours.load_state_dict(theirs.state_dict())
        ours.bias_ih_l0 += ours.weight_ih_l0 @ added
    net.decoder_conv.weight.copy_(decoder[0].conv.weight)
    net.decoder_conv.bias.copy_(decoder[0].conv.bias - offsets)
    taps = decoder[3].conv.weight.clone()
    taps[-1] += torch.einsum("c,csh->sh", offsets, taps)  # what is left on the channel held at one is the bias
    net.synthesis.weight.copy_(10 * taps.view(WIDTH, HALF, 2, 2).permute(3, 1, 2, 0).reshape(HOP_LENGTH, 2 * WIDTH))
    net.synthesis.bias.zero_()
    net.narrow.weight.copy_(decoder[4].block[1].conv.weight / 10)
    net.narrow.bias.copy_(decoder[4].block[1].conv.bias + OFFSET * decoder[4].block[1].conv.weight.sum((1, 2)))
    net.widen.weight.copy_(decoder[4].block[3].conv.weight)
    net.widen.bias.copy_(decoder[4].block[3].conv.bias)
    net.books.embed.copy_(torch.stack([layer.codebook.embed for layer in model.quantizer.layers]))
    net.books.total.copy_(net.books.embed)
    net.pin()
    return net
