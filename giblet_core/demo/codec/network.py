"""The demo codec as it is trained: frames in, frames out, nonlinear at 75, 150 and 600 Hz.

The outer strided convolutions of ``EncodecModel`` only move samples to channels, so training skips
them: a step costs half a second on one core (`codec_export` writes the whole). The first 128
channels at 75 Hz are a linear path; `codec_hybrid` builds where training begins. Channel 319 of the
decoder is held at one: it carries biases through the transposed convolution, whose own bias cannot
differ between the two halves of a frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from giblet_core.demo.codec.codebooks import LATENT_DIM, Codebooks

HOP_LENGTH = 320
N_TAPS = 7  # frames of latents the synthesis sees: the kernel of the first decoder convolution
WIDTH = 320  # channels at 75 Hz
HALF = HOP_LENGTH // 2  # samples of half a frame: the channels at 150 Hz
STEP = HOP_LENGTH // 8  # samples a step at 600 Hz, where the encoder rectifies
STRAIGHT = 48  # channels at 150 Hz that stay linear: the low band
KAPPA = 10.0  # scale of the latents: speech at -26 dBFS has about unit norm
LIFT = 2.0  # the decoder's other channels bend only below -2; a silent network is silent


class FrameCodec(nn.Module):
    """Waveform -> frames -> latents -> quantised latents -> frames -> waveform."""

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.rectify = nn.Conv1d(STEP, STEP, 3)  # filters of 5 ms, followed by a rectifier
        self.spread = nn.Conv1d(STEP, STEP, 1)
        self.gather = nn.Conv1d(
            2 * STEP, HALF, 8, stride=4
        )  # samples and rectified bands of half a frame
        self.compress = nn.Conv1d(HALF, HALF // 2, 3)
        self.expand = nn.Conv1d(HALF // 2, HALF, 1)
        self.analysis = nn.Conv1d(HALF, WIDTH, 4, stride=2)  # this frame and the one before
        self.encoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.encoder_conv = nn.Conv1d(WIDTH, LATENT_DIM, N_TAPS)
        self.codebooks = Codebooks(n_codebooks)
        self.decoder_conv = nn.Conv1d(LATENT_DIM, WIDTH, N_TAPS)
        self.decoder_lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.synthesis = nn.Linear(2 * WIDTH, HOP_LENGTH)
        self.narrow = nn.Conv1d(HALF, HALF // 2, 3)
        self.widen = nn.Conv1d(HALF // 2, HALF, 1)

    @staticmethod
    def _bend(x: Tensor, straight: int = LATENT_DIM, dim: int = -1) -> Tensor:
        return torch.cat(
            [x.narrow(dim, 0, straight), F.elu(x.narrow(dim, straight, x.shape[dim] - straight))],
            dim=dim,
        )

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
        inner = torch.cat(
            [
                inner[..., :LATENT_DIM],
                F.elu(inner[..., LATENT_DIM:-1] + LIFT) - LIFT,
                inner[..., -1:],
            ],
            -1,
        )
        halves = 0.1 * self.synthesis(torch.cat([inner, F.pad(inner, (0, 0, 1, -1))], -1))
        halves = halves.reshape(len(z), -1, HALF).transpose(1, 2)
        halves = halves + self.widen(F.elu(self._along(self.narrow, 10 * halves)))
        return halves.transpose(1, 2).reshape(len(z), -1)

    def forward(self, wave: Tensor, n_codebooks: int, update: bool = False) -> Tensor:
        """Return the decoded sound (batch, n_samples); the encoder rests, so the gradient ends at
        the codebooks.
        """
        with torch.no_grad():
            z = self.encode(wave.reshape(len(wave), -1, HOP_LENGTH))
        return self.decode(self.codebooks(z, n_codebooks, update))

    @torch.no_grad()
    def pin(self) -> None:
        """Hold the last channel of the decoder at one (called after every step)."""
        self.decoder_conv.weight[-1], self.decoder_conv.bias[-1] = 0.0, 1.0
        rows = torch.arange(WIDTH - 1, 4 * WIDTH, WIDTH)
        self.decoder_lstm.weight_ih_l0[rows], self.decoder_lstm.weight_hh_l0[rows] = 0.0, 0.0
        self.decoder_lstm.bias_ih_l0[rows], self.decoder_lstm.bias_hh_l0[rows] = 0.0, 0.0
        self.decoder_lstm.bias_ih_l0[rows[3]] = -30.0  # the output gate stays shut
