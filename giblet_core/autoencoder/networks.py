"""The seed's two networks: codes of a TR -> 256 numbers, and 256 numbers -> codes.

Tensors are (B, K, T): batch, codebooks, frames of one TR. Indices are labels: they enter through an
embedding and leave as logits. Only the seed's own ``regression`` head treats them as quantities, to
show what that does.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet_core.errors import require

HEADS = ("classification", "regression", "latent")
KERNELS = (3, 5, 7)  # frames of the three convolutions: 40, 67 and 93 ms at 75 Hz
STRIDE = 4  # frames a step: the decoder thinks in steps, then places the frames of each


def project_codebooks(codebooks: np.ndarray, dim: int) -> np.ndarray:
    """Project a codec's vectors to `dim` numbers along the axes in which all of them vary most.

    These are the principal axes of all vectors, about zero. An axis has no sign of its own: its
    largest component is made positive.

    Parameters
    ----------
    codebooks : array of shape (num_codebooks, cardinality, latent_dim)
    dim : int
        At most `latent_dim`.

    Returns
    -------
    array of shape (num_codebooks, cardinality, dim), float32
        Scaled to mean square 1 in each codebook, as random embeddings are.

    Raises
    ------
    InputError
        `dim` is larger than the vectors.
    """
    codebooks = np.asarray(codebooks, np.float64)
    require(
        codebooks.ndim == 3 and 1 <= dim <= codebooks.shape[-1],
        f"dim={dim}: must lie in [1, latent_dim] of codebooks {codebooks.shape} "
        "(num_codebooks, cardinality, latent_dim). Choose a smaller width or a random start "
        "(codebooks=None).",
    )
    vectors = codebooks.reshape(-1, codebooks.shape[-1])
    _, eigenvectors = np.linalg.eigh(vectors.T @ vectors)  # the widest axis is the last column
    axes = eigenvectors[:, ::-1][:, :dim]
    largest_component = axes[np.abs(axes).argmax(0), np.arange(dim)]
    axes = axes * np.sign(largest_component)
    projected = codebooks @ axes
    mean_square = (projected**2).mean((1, 2), keepdims=True)
    return (projected / np.sqrt(mean_square)).astype(np.float32)


def _norm(kind: str, n_channels: int) -> nn.Module:
    """Make a normalisation: over the batch, or over each window alone where batches are small."""
    require(
        kind in ("batch", "layer"),
        f"norm={kind!r}: must be 'batch' or 'layer'. Use 'layer' for batches under 8 windows.",
    )
    if kind == "batch":
        return nn.BatchNorm1d(n_channels)
    return nn.GroupNorm(1, n_channels)


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

    def __init__(  # noqa: PLR0913 - public interface
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
        smallest = min(num_codebooks, cardinality, embed_dim, out_dim, hidden)
        require(
            smallest >= 1 and 1 <= n_segments <= n_frames,
            f"n_segments={n_segments}, n_frames={n_frames}: sizes must be positive and n_segments "
            "at most n_frames.",
        )
        self.num_codebooks = num_codebooks
        self.cardinality = cardinality
        self.n_frames = n_frames
        self.out_dim = out_dim
        self.n_segments = n_segments
        n_channels = hidden * len(KERNELS)
        self.embeddings = nn.ModuleList(
            nn.Embedding(cardinality, embed_dim) for _ in range(num_codebooks)
        )
        self.convs = nn.ModuleList(
            nn.Conv1d(num_codebooks * embed_dim, hidden, kernel, padding=kernel // 2)
            for kernel in KERNELS
        )
        self.norm = _norm(norm, n_channels)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(n_channels * n_segments, out_dim)
        if codebooks is not None:
            self._start_from(codebooks)

    def _start_from(self, codebooks: np.ndarray) -> None:
        """Fill the embeddings with the codec's vectors; columns that these lack begin at 0."""
        n_columns = min(self.embeddings[0].embedding_dim, np.shape(codebooks)[-1])
        for embedding, rows in zip(self.embeddings, project_codebooks(codebooks, n_columns)):
            weights = torch.zeros_like(embedding.weight)
            weights[:, :n_columns] = torch.from_numpy(rows)
            embedding.weight.data = weights

    @property
    def embedding_parameters(self) -> int:
        """Number of weights in the embeddings (524,288 at the seed's sizes)."""
        return sum(embedding.weight.numel() for embedding in self.embeddings)

    def embed(self, codes: Tensor) -> Tensor:
        """Look up codes (B, K, T) -> (B, K * embed_dim, T), after checking them."""
        self._check_codes(codes)
        codes = codes.long()
        looked_up = [embedding(codes[:, k]) for k, embedding in enumerate(self.embeddings)]
        return torch.cat(looked_up, -1).transpose(1, 2)

    def _check_codes(self, codes: Tensor) -> None:
        """Refuse codes of another shape, of no integer type, or out of range."""
        expected = (self.num_codebooks, self.n_frames)
        require(
            codes.ndim == 3 and tuple(codes.shape[1:]) == expected,
            f"codes.shape={tuple(codes.shape)}: must be (batch, num_codebooks={expected[0]}, "
            f"n_frames={expected[1]}). Cut windows of one TR, or build the encoder for this shape.",
        )
        require(
            not codes.is_floating_point() and not codes.is_complex(),
            f"codes.dtype={codes.dtype}: codes are labels and must be integers. Pass indices, not "
            "latents.",
        )
        lowest = int(codes.long().min())
        highest = int(codes.long().max())
        require(
            0 <= lowest <= highest < self.cardinality,
            f"codes: range [{lowest}, {highest}] must lie in [0, {self.cardinality - 1}].",
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Encode integer codes (B, num_codebooks, n_frames) to (B, out_dim)."""
        embedded = self.dropout(self.embed(codes))
        convolved = torch.cat([conv(embedded) for conv in self.convs], 1)
        active = functional.gelu(self.norm(convolved))  # (B, n_channels, T)
        segments = functional.adaptive_avg_pool1d(active, self.n_segments)
        return self.out(self.dropout(segments.flatten(1)))


class AudioDecoder(nn.Module):
    """Decode a vector to the codes of one TR.

    The vector is laid out as a hidden sequence (every step and every frame has weights of its own,
    so that position is known without autoregression), refined by two residual convolutions, and
    read by one of three heads.

    Parameters
    ----------
    in_dim : int
        Width of the vector.
    num_codebooks, n_frames, cardinality : int
        Shape and alphabet of the codes of one TR.
    head : str
        ``'classification'``: logits (B, K, T, cardinality), one Linear a codebook shared over
        frames; ``'regression'``: the seed's, K * T sigmoids scaled to [0, cardinality - 1], (B, K,
        T); ``'latent'``: the codec's summed latents (B, latent_dim, T), to be quantised anew by the
        codec.
    latent_dim : int
        For the latent head.
    hidden : int
        Channels of the hidden sequence.
    dropout : float
        Probability in [0, 1).
    norm : str
        ``'batch'`` or ``'layer'``.
    """

    def __init__(  # noqa: PLR0913 - public interface
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
        self.in_dim = in_dim
        self.hidden = hidden
        self.head = head
        self.num_codebooks = num_codebooks
        self.n_frames = n_frames
        self.cardinality = cardinality
        self.dropout = nn.Dropout(dropout)
        if head == "regression":
            self.flat = nn.Sequential(
                nn.Linear(in_dim, 2 * in_dim),
                nn.GELU(),
                self.dropout,
                nn.Linear(2 * in_dim, num_codebooks * n_frames),
            )
            return
        n_steps = math.ceil(n_frames / STRIDE)
        self.lay_out = nn.Linear(in_dim, hidden * n_steps)
        self.place = nn.ConvTranspose1d(hidden, hidden, STRIDE, stride=STRIDE)
        self.queries = nn.Parameter(0.02 * torch.randn(hidden, n_frames))
        self.norms = nn.ModuleList(_norm(norm, hidden) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv1d(hidden, hidden, 5, padding=2) for _ in range(2))
        widths = [latent_dim] if head == "latent" else [cardinality] * num_codebooks
        self.heads = nn.ModuleList(nn.Linear(hidden, width) for width in widths)

    def hidden_sequence(self, z: Tensor) -> Tensor:
        """Lay out vectors (B, in_dim) as (B, hidden, n_frames)."""
        steps = self.lay_out(z).view(len(z), self.hidden, -1)
        placed = self.place(functional.gelu(steps))[
            ..., : self.n_frames
        ]  # the last step may place too many
        x = placed + self.queries
        for norm, conv in zip(self.norms, self.convs):
            x = x + conv(self.dropout(functional.gelu(norm(x))))
        return functional.gelu(self.norms[-1](x))

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

        Raises
        ------
        InputError
            Vectors of another width.
        """
        require(
            z.ndim == 2 and z.shape[1] == self.in_dim,
            f"z.shape={tuple(z.shape)}: must be (batch, {self.in_dim}). Build the decoder with "
            "in_dim equal to the encoder's out_dim.",
        )
        if self.head == "regression":
            shares = torch.sigmoid(self.flat(z)).view(len(z), self.num_codebooks, self.n_frames)
            values = shares * (self.cardinality - 1)
            return values if frames is None else values[..., frames]
        sequence = self.hidden_sequence(z)
        if frames is not None:
            sequence = sequence[..., frames]
        sequence = sequence.transpose(1, 2)  # (B, T, hidden)
        if self.head == "latent":
            return self.heads[0](sequence).transpose(1, 2)
        return torch.stack([head(sequence) for head in self.heads], 1)
