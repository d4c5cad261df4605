"""The demo codec as it is trained: frames in, frames out, everything nonlinear at 75 and 150 Hz, exported to ``EncodecModel``.

Strided convolutions only move samples to channels, so training skips them: a step costs a few tenths of a second on one
core. A linear path (the first 128 channels) starts as the linear codec; LSTM, wide convolutions and a residual block
start silent and are woken by training. Channel 319 of the decoder is held at one: it carries biases through the
transposed convolution, whose own bias cannot differ between the two halves of a frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EncodecConfig, EncodecModel

from giblet_core.codec_linear import (
    CARDINALITY,
    HOP_LENGTH,
    LATENT_DIM,
    N_TAPS,
    OFFSET,
    PRE_EMPHASIS,
    LinearCodec,
    linear_config,
    pass_samples,
    set_books,
    set_weight,
    silent_model,
)

WIDTH = 320  # channels at 75 Hz
HALF = HOP_LENGTH // 2  # samples of half a frame: the channels at 150 Hz
KAPPA = 10.0  # scale of the latents: speech at -26 dBFS has about unit norm
WIDE_OFFSET = 128.0  # keeps the linear channels out of the ELU's bend; they reach about +-60
UPSAMPLING = (2, 4, 5, 8)  # at 150 Hz the 160 channels hold exactly the samples of half a frame
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
            chosen = (0.5 * entries.square().sum(1) - residual @ entries.T).argmin(1)
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
        self.analysis = nn.Linear(2 * HOP_LENGTH, WIDTH)  # this frame and the one before
        self.encoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.encoder_conv = nn.Conv1d(WIDTH, LATENT_DIM, N_TAPS)
        self.books = Books(n_codebooks)
        self.decoder_conv = nn.Conv1d(LATENT_DIM, WIDTH, N_TAPS)
        self.decoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.synthesis = nn.Linear(2 * WIDTH, HOP_LENGTH)
        self.narrow = nn.Conv1d(HALF, HALF // 2, 3)
        self.widen = nn.Conv1d(HALF // 2, HALF, 1)

    @staticmethod
    def _bend(x: Tensor) -> Tensor:
        return torch.cat([x[..., :LATENT_DIM], F.elu(x[..., LATENT_DIM:])], dim=-1)

    @staticmethod
    def _along(conv: nn.Conv1d, x: Tensor) -> Tensor:
        return conv(F.pad(x.transpose(1, 2), (N_TAPS - 1, 0))).transpose(1, 2)

    def encode(self, frames: Tensor) -> Tensor:
        """Map ``frames`` (batch, n_frames, 320) to latents (batch, n_frames, 128)."""
        inner = self.analysis(torch.cat([frames, delayed(frames, 1)], -1))
        return self._along(self.encoder_conv, self._bend(inner + self.encoder_lstm(inner)[0]))

    def decode(self, z: Tensor) -> Tensor:
        """Map latents (batch, n_frames, 128) to sound (batch, n_frames * 320)."""
        inner = self._along(self.decoder_conv, z)
        inner = self._bend(inner + self.decoder_lstm(inner)[0])
        halves = 0.1 * self.synthesis(torch.cat([inner, delayed(inner, 1)], -1))
        halves = halves.reshape(len(z), -1, HALF).transpose(1, 2)
        halves = halves + self.widen(F.elu(self.narrow(F.pad(10 * halves, (2, 0)))))
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


@torch.no_grad()
def from_linear(linear: LinearCodec, seed: int = 0) -> FrameCodec:
    """Return a ``FrameCodec`` that begins as `linear` (fitted with ``n_taps=2``), its nonlinear parts nearly silent."""
    torch.manual_seed(seed)
    net, small = FrameCodec(len(linear.books)), 0.04
    emphasis = torch.eye(2 * HOP_LENGTH, HOP_LENGTH)
    emphasis[torch.arange(HOP_LENGTH) - 1, torch.arange(HOP_LENGTH)] = -PRE_EMPHASIS  # index -1: last sample of the frame before
    net.analysis.weight.normal_(0, 0.12 * KAPPA)[:LATENT_DIM] = KAPPA * (emphasis @ torch.from_numpy(linear.analysis)).T
    for lstm, gate in ((net.encoder_lstm, -9.0), (net.decoder_lstm, -7.0)):
        lstm.weight_ih_l0.normal_(0, 0.06)
        lstm.weight_hh_l0.normal_(0, small)
        lstm.bias_hh_l0.zero_()
        lstm.bias_ih_l0.zero_()[WIDTH: 2 * WIDTH] = 1.0  # remember
        lstm.bias_ih_l0[3 * WIDTH: 3 * WIDTH + LATENT_DIM] = gate  # shut where the linear path runs
    for parameter in (net.analysis.bias, net.encoder_conv.bias, net.encoder_conv.weight, net.decoder_conv.bias, net.synthesis.bias,
                      net.synthesis.weight, net.widen.weight, net.widen.bias):
        parameter.zero_()
    net.encoder_conv.weight[:, :LATENT_DIM, -1] = torch.eye(LATENT_DIM)
    net.decoder_conv.weight.normal_(0, small)[:LATENT_DIM] = 0
    net.decoder_conv.weight[:LATENT_DIM, :, -1] = torch.eye(LATENT_DIM)
    taps = torch.from_numpy(linear.synthesis) * 10 / KAPPA
    net.synthesis.weight[:, :LATENT_DIM] = taps[:LATENT_DIM].T
    net.synthesis.weight[:, WIDTH: WIDTH + LATENT_DIM] = taps[LATENT_DIM:].T
    net.books.embed.copy_(KAPPA * torch.from_numpy(linear.books))
    net.books.total.copy_(net.books.embed)
    net.pin()
    return net


def trained_config(n_codebooks: int = 16) -> EncodecConfig:
    """Return the configuration that holds a ``FrameCodec``."""
    return linear_config(n_codebooks, upsampling_ratios=list(UPSAMPLING))


def _half(weight: Tensor) -> Tensor:
    return weight.half().float()


@torch.no_grad()
def to_encodec(net: FrameCodec) -> EncodecModel:
    """Write `net` into an ``EncodecModel``; weights that are stored in half precision are rounded before biases are computed."""
    model = silent_model(trained_config(len(net.books.embed)))
    _export_encoder(net, model.encoder.layers)
    _export_decoder(net, model.decoder.layers)
    set_books(model, net.books.embed.numpy())
    return model


def _export_lstm(source: nn.LSTM, target: nn.LSTM) -> None:
    target.weight_ih_l0.copy_(_half(source.weight_ih_l0))
    target.weight_hh_l0.copy_(_half(source.weight_hh_l0))
    target.bias_hh_l0.copy_(source.bias_hh_l0)
    target.bias_ih_l0.copy_(source.bias_ih_l0 - WIDE_OFFSET * target.weight_ih_l0[:, :LATENT_DIM].sum(1))


def _export_encoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    first, offset = torch.zeros_like(layers[0].conv.weight), torch.zeros(len(layers[0].conv.bias))
    first[0, 0, -1], offset[0] = 1.0, OFFSET
    set_weight(layers[0].conv, first, offset)
    block = 1
    for layer, stride in zip((3, 6, 9), reversed(UPSAMPLING[1:])):
        block *= stride
        pass_samples(layers[layer].conv, stride, block)
    now, before = _half(net.analysis.weight).view(WIDTH, 2, 2, HALF).unbind(1)
    taps = torch.cat([before, now], dim=1).transpose(1, 2)  # (channels, samples of half a frame, 4 halves)
    bias = net.analysis.bias - OFFSET * taps.sum((1, 2))
    bias[:LATENT_DIM] += WIDE_OFFSET
    set_weight(layers[12].conv, taps, bias)
    _export_lstm(net.encoder_lstm, layers[13].lstm)
    last = _half(net.encoder_conv.weight)
    set_weight(layers[15].conv, last, net.encoder_conv.bias - WIDE_OFFSET * last[:, :LATENT_DIM].sum((1, 2)))


def _export_decoder(net: FrameCodec, layers: nn.ModuleList) -> None:
    bias = net.decoder_conv.bias.clone()
    bias[:LATENT_DIM] += WIDE_OFFSET
    set_weight(layers[0].conv, _half(net.decoder_conv.weight), bias)
    _export_lstm(net.decoder_lstm, layers[1].lstm)
    # (halves, samples, frame now or before, channels) -> (channels, samples, 4 halves); each tap takes back its own offset
    taps = (0.1 * net.synthesis.weight).view(2, HALF, 2, WIDTH).permute(3, 1, 2, 0).reshape(WIDTH, HALF, 4).clone()
    taps[-1] -= WIDE_OFFSET * taps[:LATENT_DIM].sum(0)
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
    taps = encoder[12].conv.weight
    before, now = taps.transpose(1, 2).reshape(WIDTH, 2, HOP_LENGTH).unbind(1)
    net.analysis.weight.copy_(torch.cat([now, before], 1))
    net.analysis.bias.copy_(encoder[12].conv.bias + OFFSET * taps.sum((1, 2)))
    net.analysis.bias[:LATENT_DIM] -= WIDE_OFFSET
    for ours, theirs in ((net.encoder_lstm, encoder[13].lstm), (net.decoder_lstm, decoder[1].lstm)):
        ours.load_state_dict(theirs.state_dict())
        ours.bias_ih_l0 += WIDE_OFFSET * ours.weight_ih_l0[:, :LATENT_DIM].sum(1)
    net.encoder_conv.weight.copy_(encoder[15].conv.weight)
    net.encoder_conv.bias.copy_(encoder[15].conv.bias + WIDE_OFFSET * net.encoder_conv.weight[:, :LATENT_DIM].sum((1, 2)))
    net.decoder_conv.weight.copy_(decoder[0].conv.weight)
    net.decoder_conv.bias.copy_(decoder[0].conv.bias)
    net.decoder_conv.bias[:LATENT_DIM] -= WIDE_OFFSET
    taps = decoder[3].conv.weight.clone()
    taps[-1] += WIDE_OFFSET * taps[:LATENT_DIM].sum(0)  # what is left on the channel held at one is the bias
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
