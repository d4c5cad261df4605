"""The demo codec as it is trained: frames in, frames out, nonlinear at 75, 150 and 600 Hz.

The outer strided convolutions of ``EncodecModel`` only move samples to channels, so training skips
them: a step costs half a second on one core (`export` writes the whole). The first 128 channels at
75 Hz are a linear path; `hybrid` builds where training begins. Channel 319 of the decoder is held
at one: it carries biases through the transposed convolution, whose own bias cannot differ between
the two halves of a frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet_core.demo.codec.codebooks import LATENT_DIM, Codebooks

HOP_LENGTH = 320
N_TAPS = 7  # frames of latents the synthesis sees: the kernel of the first decoder convolution
WIDTH = 320  # channels at 75 Hz
HALF = HOP_LENGTH // 2  # samples of half a frame: the channels at 150 Hz
STEP = HOP_LENGTH // 8  # samples a step at 600 Hz, where the encoder rectifies
STRAIGHT = 48  # channels at 150 Hz that stay linear: the low band
KAPPA = 10.0  # scale of the latents: speech at -26 dBFS has about unit norm
LIFT = 2.0  # the decoder's other channels bend only below -2; a silent network is silent
SHRINK = 0.1  # the synthesis is followed by this scale, so that its weights learn as others do
GROW = 10  # the inverse


def causal(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Convolve (batch, channels, n_steps) with zeros before the start."""
    before = convolution.kernel_size[0] - convolution.stride[0]
    return convolution(functional.pad(x, (before, 0)))


def bend(x: Tensor, n_straight: int, dim: int) -> Tensor:
    """Apply ELU to the channels after the first ones.

    Parameters
    ----------
    x : Tensor
    n_straight : int
        Channels that stay as they are.
    dim : int
        The channels' dimension.

    Returns
    -------
    Tensor of the shape of `x`
    """
    straight, bent = x.split([n_straight, x.shape[dim] - n_straight], dim)
    return torch.cat([straight, functional.elu(bent)], dim)


class FrameCodec(nn.Module):
    """Waveform -> frames -> latents -> quantised latents -> frames -> waveform."""

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.rectify = nn.Conv1d(STEP, STEP, 3)  # filters of 5 ms, followed by a rectifier
        self.spread = nn.Conv1d(STEP, STEP, 1)
        # Samples and rectified bands of half a frame:
        self.gather = nn.Conv1d(2 * STEP, HALF, 8, stride=4)
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

    def encode(self, frames: Tensor) -> Tensor:
        """Map frames (batch, n_frames, 320) to latents (batch, n_frames, 128)."""
        steps = frames.reshape(len(frames), -1, STEP).transpose(1, 2)  # (batch, 40, 8 n_frames)
        rectified = functional.elu(causal(self.rectify, steps))
        bands = functional.elu(self.spread(rectified))
        halves = causal(self.gather, torch.cat([steps, bands], 1))  # (batch, 160, 2 n_frames)
        compressed = functional.elu(causal(self.compress, bend(halves, STRAIGHT, dim=1)))
        halves = halves + self.expand(compressed)
        inner = causal(self.analysis, bend(halves, STRAIGHT, dim=1)).transpose(1, 2)
        inner = bend(inner + self.encoder_lstm(inner)[0], LATENT_DIM, dim=-1)
        return causal(self.encoder_conv, inner.transpose(1, 2)).transpose(1, 2)

    def expand_latents(self, z: Tensor) -> Tensor:
        """Map latents (batch, n_frames, 128) to the decoder's channels (batch, n_frames, 320)."""
        return causal(self.decoder_conv, z.transpose(1, 2)).transpose(1, 2)

    def decode(self, z: Tensor) -> Tensor:
        """Map latents (batch, n_frames, 128) to sound (batch, n_frames * 320)."""
        inner = self.expand_latents(z)
        inner = inner + self.decoder_lstm(inner)[0]
        straight = inner[..., :LATENT_DIM]
        bent = functional.elu(inner[..., LATENT_DIM:-1] + LIFT) - LIFT
        inner = torch.cat([straight, bent, inner[..., -1:]], -1)
        before = functional.pad(inner, (0, 0, 1, -1))  # the frame before
        frames = SHRINK * self.synthesis(torch.cat([inner, before], -1))
        halves = frames.reshape(len(z), -1, HALF).transpose(1, 2)  # (batch, 160, 2 n_frames)
        narrow = functional.elu(causal(self.narrow, GROW * halves))
        halves = halves + self.widen(narrow)
        return halves.transpose(1, 2).reshape(len(z), -1)

    def forward(self, wave: Tensor, n_codebooks: int, update: bool = False) -> Tensor:
        """Encode, quantise and decode; the encoder rests, so the gradient ends at the codebooks.

        Parameters
        ----------
        wave : Tensor of shape (batch, n_samples)
            Whole frames.
        n_codebooks : int
        update : bool
            Move the codebooks' entries.

        Returns
        -------
        Tensor of shape (batch, n_samples)
        """
        with torch.no_grad():
            z = self.encode(wave.reshape(len(wave), -1, HOP_LENGTH))
        return self.decode(self.codebooks(z, n_codebooks, update))

    @torch.no_grad()
    def pin(self) -> None:
        """Hold the last channel of the decoder at one (called after every step)."""
        self.decoder_conv.weight[-1] = 0.0
        self.decoder_conv.bias[-1] = 1.0
        lstm = self.decoder_lstm
        rows = torch.arange(WIDTH - 1, 4 * WIDTH, WIDTH)  # one in each of its four parts
        for parameter in (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0):
            parameter[rows] = 0.0
        lstm.bias_ih_l0[rows[3]] = -30.0  # the output gate stays shut
