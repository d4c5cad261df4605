"""The seed's networks: codes -> 256 numbers a TR -> codes, with an optional passage through voxels.

Tensors are (B, K, T): batch, codebooks, frames of one TR. Indices are labels: they enter through an
embedding and leave as logits; only the seed's own ``regression`` head treats them as quantities, to
show what that does.
"""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch import Tensor, nn
from torch.nn import functional as F

from giblet_core.errors import InputError, require

HEADS = ("classification", "regression", "latent")
KERNELS = (3, 5, 7)  # frames: 40, 67 and 93 ms at 75 Hz
STRIDE = 4  # the decoder thinks at 75 / 4 Hz, then places 4 frames a step


def project_codebooks(codebooks: np.ndarray, dim: int) -> np.ndarray:
    """Project a codec's vectors to `dim` numbers along the axes in which all of them vary most.

    Parameters
    ----------
    codebooks : array of shape (num_codebooks, cardinality, latent_dim)
    dim : int
        At most `latent_dim`.

    Returns
    -------
    array of shape (num_codebooks, cardinality, dim), float32
        Scaled to mean square 1 in each codebook, as random embeddings are.
    """
    codebooks = np.asarray(codebooks, np.float64)
    require(
        codebooks.ndim == 3 and 1 <= dim <= codebooks.shape[-1],
        f"dim={dim}: must lie in [1, latent_dim] of codebooks "
        f"{codebooks.shape} (num_codebooks, cardinality, latent_dim). Choose a smaller width or a random start (codebooks=None).",
    )
    rows = codebooks.reshape(-1, codebooks.shape[-1])
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :dim]
    axes = axes * np.sign(
        axes[np.abs(axes).argmax(0), np.arange(dim)]
    )  # an axis has no sign of its own: fix it
    projected = codebooks @ axes
    return (projected / np.sqrt((projected**2).mean((1, 2), keepdims=True))).astype(np.float32)


def _norm(kind: str, n_channels: int) -> nn.Module:
    """BatchNorm, or a LayerNorm of each window (one group) where a batch is too small to estimate
    statistics from.
    """
    require(
        kind in ("batch", "layer"),
        f"norm={kind!r}: must be 'batch' or 'layer'. Use 'layer' for batches under 8 windows.",
    )
    return nn.BatchNorm1d(n_channels) if kind == "batch" else nn.GroupNorm(1, n_channels)


class AudioEncoder(nn.Module):
    """Encode the codes of one TR to a vector.

    One embedding a codebook, concatenated over codebooks; convolutions over time with kernels 3, 5
    and 7 side by side; means over `n_segments` parts of the TR; one fully connected layer.

    Parameters
    ----------
    num_codebooks, cardinality, n_frames : int
        Shape and alphabet of the codes of one TR.
    embed_dim : int
        Width of each codebook's embedding (the seed asks: 32, 64 or 128).
    out_dim : int
        Width of the bottleneck.
    hidden : int
        Channels of each of the three convolutions.
    n_segments : int
        Parts of the TR that are averaged apart; 1 forgets all order within a TR.
    dropout : float
        Probability in [0, 1).
    norm : str
        ``'batch'`` or ``'layer'``.
    codebooks : array of shape (num_codebooks, cardinality, latent_dim), optional
        Start the embeddings from the codec's own vectors; random by default.
    """

    def __init__(
        self,
        num_codebooks: int = 8,
        cardinality: int = 1024,
        embed_dim: int = 64,
        n_frames: int = 112,
        out_dim: int = 256,
        *,
        hidden: int = 64,
        n_segments: int = 8,
        dropout: float = 0.2,
        norm: str = "batch",
        codebooks: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        if (
            min(num_codebooks, cardinality, embed_dim, out_dim, hidden) < 1
            or not 1 <= n_segments <= n_frames
        ):
            raise InputError(
                f"n_segments={n_segments}, n_frames={n_frames}: sizes must be positive and n_segments at most n_frames."
            )
        self.num_codebooks, self.cardinality, self.n_frames = num_codebooks, cardinality, n_frames
        self.out_dim, self.n_segments = out_dim, n_segments
        self.embeddings = nn.ModuleList(
            nn.Embedding(cardinality, embed_dim) for _ in range(num_codebooks)
        )
        self.convs = nn.ModuleList(
            nn.Conv1d(num_codebooks * embed_dim, hidden, k, padding=k // 2) for k in KERNELS
        )
        self.norm = _norm(norm, hidden * len(KERNELS))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden * len(KERNELS) * n_segments, out_dim)
        if codebooks is not None:
            for embedding, rows in zip(self.embeddings, project_codebooks(codebooks, embed_dim)):
                embedding.weight.data = torch.from_numpy(rows)

    @property
    def embedding_parameters(self) -> int:
        """Number of weights in the embeddings (524,288 at the seed's sizes)."""
        return sum(e.weight.numel() for e in self.embeddings)

    def embed(self, codes: Tensor) -> Tensor:
        """Look up codes (B, K, T) -> (B, K * embed_dim, T), after checking their shape, type and
        range.
        """
        expected = (self.num_codebooks, self.n_frames)
        require(
            codes.ndim == 3 and tuple(codes.shape[1:]) == expected,
            f"codes.shape={tuple(codes.shape)}: must be (batch, "
            f"num_codebooks={expected[0]}, n_frames={expected[1]}). Cut windows of one TR, or build the encoder for this shape.",
        )
        if codes.is_floating_point() or codes.is_complex():
            raise InputError(
                f"codes.dtype={codes.dtype}: codes are labels and must be integers. Pass indices, not latents."
            )
        codes = codes.long()
        if int(codes.min()) < 0 or int(codes.max()) >= self.cardinality:
            raise InputError(
                f"codes: range [{int(codes.min())}, {int(codes.max())}] must lie in [0, {self.cardinality - 1}]."
            )
        return torch.cat([e(codes[:, k]) for k, e in enumerate(self.embeddings)], -1).transpose(
            1, 2
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Encode integer codes (B, num_codebooks, n_frames) to (B, out_dim)."""
        x = self.dropout(self.embed(codes))
        x = F.gelu(self.norm(torch.cat([conv(x) for conv in self.convs], 1)))
        x = F.adaptive_avg_pool1d(x, self.n_segments).flatten(1)
        return self.out(self.dropout(x))


class AudioDecoder(nn.Module):
    """Decode a vector to the codes of one TR.

    The vector is laid out as a hidden sequence (every step and every frame has weights of its own,
    so that position is known without autoregression), refined by two residual convolutions, and
    read by one of three heads.

    Parameters
    ----------
    in_dim, num_codebooks, n_frames, cardinality : int
    head : str
        ``'classification'``: logits (B, K, T, cardinality), one Linear a codebook shared over
        frames; ``'regression'``: the seed's, K * T sigmoids scaled to [0, cardinality - 1], (B, K,
        T); ``'latent'``: the codec's summed latents (B, latent_dim, T), to be quantised anew by the
        codec.
    latent_dim : int
        For the latent head.
    hidden : int
        Channels of the hidden sequence.
    dropout, norm :
        As in the encoder.
    """

    def __init__(
        self,
        in_dim: int = 256,
        num_codebooks: int = 8,
        n_frames: int = 112,
        head: str = "classification",
        *,
        cardinality: int = 1024,
        latent_dim: int = 128,
        hidden: int = 128,
        dropout: float = 0.2,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        require(head in HEADS, f"head={head!r}: must be one of {', '.join(HEADS)}.")
        self.in_dim, self.hidden, self.head = in_dim, hidden, head
        self.num_codebooks, self.n_frames, self.cardinality = num_codebooks, n_frames, cardinality
        self.dropout = nn.Dropout(dropout)
        if head == "regression":
            wide = nn.Linear(in_dim, 2 * in_dim)
            self.flat = nn.Sequential(
                wide, nn.GELU(), self.dropout, nn.Linear(2 * in_dim, num_codebooks * n_frames)
            )
            return
        self.lay_out = nn.Linear(in_dim, hidden * -(-n_frames // STRIDE))
        self.place = nn.ConvTranspose1d(hidden, hidden, STRIDE, stride=STRIDE)
        self.queries = nn.Parameter(0.02 * torch.randn(hidden, n_frames))
        self.norms = nn.ModuleList(_norm(norm, hidden) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv1d(hidden, hidden, 5, padding=2) for _ in range(2))
        widths = [latent_dim] if head == "latent" else [cardinality] * num_codebooks
        self.heads = nn.ModuleList(nn.Linear(hidden, width) for width in widths)

    def hidden_sequence(self, z: Tensor) -> Tensor:
        """Lay out vectors (B, in_dim) as (B, hidden, n_frames)."""
        x = self.lay_out(z).view(len(z), self.hidden, -1)
        x = self.place(F.gelu(x))[..., : self.n_frames] + self.queries
        for norm, conv in zip(self.norms, self.convs):
            x = x + conv(self.dropout(F.gelu(norm(x))))
        return F.gelu(self.norms[-1](x))

    def forward(self, z: Tensor, frames: Tensor | None = None) -> Tensor:
        """Decode vectors (B, in_dim).

        Parameters
        ----------
        z : tensor of shape (B, in_dim)
        frames : integer tensor, optional
            Give the output at these frames only: a training step may score a sample of frames, as
            the head costs most.

        Returns
        -------
        tensor
            Logits (B, K, T, cardinality), values in [0, cardinality - 1] (B, K, T), or latents (B,
            latent_dim, T).
        """
        require(
            z.ndim == 2 and z.shape[1] == self.in_dim,
            f"z.shape={tuple(z.shape)}: must be (batch, {self.in_dim}). Build the decoder "
            "with in_dim equal to the encoder's out_dim.",
        )
        if self.head == "regression":
            x = torch.sigmoid(self.flat(z)).view(len(z), self.num_codebooks, self.n_frames) * (
                self.cardinality - 1
            )
            return x if frames is None else x[..., frames]
        x = self.hidden_sequence(z)
        x = (x if frames is None else x[..., frames]).transpose(1, 2)  # (B, T, hidden)
        if self.head == "latent":
            return self.heads[0](x).transpose(1, 2)
        return torch.stack([head(x) for head in self.heads], 1)


class FMRIBottleneck(nn.Module):
    """Pass the bottleneck through voxels (or regions): dim -> n_voxels -> dim, both linear.

    Because decoding reads voxels, a region can be lesioned: its voxels are set to their mean before
    they are read.

    Parameters
    ----------
    n_voxels : int
    dim : int
        Width of the bottleneck.
    """

    def __init__(self, n_voxels: int, dim: int = 256) -> None:
        super().__init__()
        self.to_voxels, self.from_voxels = nn.Linear(dim, n_voxels), nn.Linear(n_voxels, dim)
        self.register_buffer("voxel_mean", torch.zeros(n_voxels))

    def read(self, bold: Tensor, lesion: Tensor | None = None) -> Tensor:
        """Read (B, n_voxels) responses, measured or predicted, as (B, dim); `lesion` (n_voxels,)
        bool marks removed voxels.
        """
        if lesion is not None:
            bold = torch.where(lesion, self.voxel_mean, bold)
        return self.from_voxels(bold)

    @torch.no_grad()
    def fit(self, z: np.ndarray, bold: np.ndarray, alpha: float = 100.0) -> "FMRIBottleneck":
        """Fit both maps by ridge regression in closed form and return self.

        Parameters
        ----------
        z : array of shape (n_trs, dim)
            Bottleneck vectors, already delayed or convolved to the time of `bold`.
        bold : array of shape (n_trs, n_voxels)
            Training TRs only.
        alpha : float
            Ridge penalty, > 0.
        """
        if len(z) != len(bold) or alpha <= 0:
            raise InputError(
                f"len(z)={len(z)}, len(bold)={len(bold)}, alpha={alpha}: rows must be the same TRs and alpha positive."
            )
        z, bold = np.asarray(z, np.float64), np.asarray(bold, np.float64)
        for layer, x, y in ((self.to_voxels, z, bold), (self.from_voxels, bold, z)):
            ridge = Ridge(alpha).fit(x, y)
            layer.weight.copy_(torch.from_numpy(ridge.coef_))
            layer.bias.copy_(torch.from_numpy(ridge.intercept_))
        self.voxel_mean.copy_(torch.from_numpy(bold.mean(0)))
        return self


class AutoencoderOutput(NamedTuple):
    """What `AudioAutoencoder` returns: the decoder's output, the vector (B, dim) it read, predicted
    voxels (B, V) or None.
    """

    prediction: Tensor
    bottleneck: Tensor
    bold: Tensor | None


class AudioAutoencoder(nn.Module):
    """Join an encoder and a decoder, with an optional passage through voxels between them.

    Parameters
    ----------
    encoder : AudioEncoder
    decoder : AudioDecoder
    fmri : FMRIBottleneck, optional
    """

    def __init__(
        self, encoder: AudioEncoder, decoder: AudioDecoder, fmri: FMRIBottleneck | None = None
    ) -> None:
        super().__init__()
        for name in ("num_codebooks", "n_frames", "cardinality"):
            if getattr(encoder, name) != getattr(decoder, name):
                raise InputError(
                    f"{name}: encoder has {getattr(encoder, name)}, decoder has {getattr(decoder, name)}; they must agree."
                )
        if encoder.out_dim != decoder.in_dim or (
            fmri is not None and fmri.from_voxels.out_features != decoder.in_dim
        ):
            raise InputError(
                f"out_dim={encoder.out_dim}: must equal the decoder's in_dim={decoder.in_dim} and the width of fmri."
            )
        self.encoder, self.decoder, self.fmri = encoder, decoder, fmri

    def forward(
        self,
        codes: Tensor,
        frames: Tensor | None = None,
        bold: Tensor | None = None,
        lesion: Tensor | None = None,
    ) -> AutoencoderOutput:
        """Reconstruct codes (B, K, T).

        Parameters
        ----------
        codes : integer tensor of shape (B, K, T)
        frames : integer tensor, optional
            See `AudioDecoder.forward`.
        bold : tensor of shape (B, n_voxels), optional
            Measured responses to decode from, in place of those predicted from `codes`.
        lesion : bool tensor of shape (n_voxels,), optional
            Voxels to remove.
        """
        if self.fmri is None and (bold is not None or lesion is not None):
            raise InputError(
                "fmri=None: bold and lesion need a passage through voxels. Give AudioAutoencoder an FMRIBottleneck."
            )
        z, predicted = self.encoder(codes), None
        if self.fmri is not None:
            predicted = self.fmri.to_voxels(z)
            z = self.fmri.read(predicted if bold is None else bold, lesion)
        return AutoencoderOutput(self.decoder(z, frames), z, predicted)
