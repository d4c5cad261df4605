"""Residual codebooks of the demo codec: nested k-means, then codebooks refitted to each other.

Greedy search serves each frame with the nearest entry of every codebook in turn. Codebooks fitted
so, one after the other, know nothing of each other; `refit` lets every entry move to what the other
codebooks leave of the frames that chose it.
"""

import warnings
from collections.abc import Iterable

import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn
from vector_quantize_pytorch import ResidualVQ

from giblet_core.codecs import nearest

LATENT_DIM = 128
CARDINALITY = 1024
DEAD = 0.05  # an entry chosen more rarely (moving average, hits a step) is replaced
SEARCH_BLOCK = 2000  # points searched at once


def k_means(
    points: Tensor, n_centres: int = CARDINALITY, n_iter: int = 10, seed: int = 0
) -> Tensor:
    """Cluster points by k-means (scikit-learn's `KMeans`), from points drawn at random.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    n_centres, n_iter, seed : int

    Returns
    -------
    Tensor of shape (n_centres, d)
    """
    means = KMeans(n_centres, init="random", n_init=1, max_iter=n_iter, tol=0, random_state=seed)
    # Few sounds leave many frames of zeros, and fewer clusters than centres: no fault.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return torch.from_numpy(means.fit(points.numpy()).cluster_centers_)


def fit_codebooks(points: Tensor, n_codebooks: int, n_iter: int = 10) -> Tensor:
    """Fit nested k-means: each codebook on what those before leave of the points.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    n_codebooks : int
    n_iter : int
        Of each k-means.

    Returns
    -------
    Tensor of shape (n_codebooks, 1024, d)
    """
    codebooks = []
    left = points
    for seed in range(n_codebooks):
        codebook = k_means(left, n_iter=n_iter, seed=seed)
        codebooks.append(codebook)
        left = left - codebook[nearest(left, codebook)]
    return torch.stack(codebooks)


def search(points: Tensor, codebooks: Iterable[Tensor], width: int = 4) -> Tensor:
    """Choose an entry of every codebook for each point by beam search.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    codebooks : iterable of Tensor of shape (n_entries, d)
    width : int
        How many of the best beginnings are kept; 1 is greedy.

    Returns
    -------
    Tensor of shape (n, n_codebooks), int64
    """
    left = points[:, None]  # (n, n_paths, d)
    paths = points.new_zeros((len(points), 1, 0), dtype=torch.long)
    for codebook in codebooks:
        products = left @ codebook.T
        cost = left.square().sum(-1, keepdim=True) + codebook.square().sum(1) - 2 * products
        cost = cost.flatten(1)  # (n, n_paths * n_entries)
        best = cost.topk(min(width, cost.shape[1]), largest=False).indices
        parent = (best // len(codebook))[..., None]
        entry = best % len(codebook)
        left = left.take_along_dim(parent, 1) - codebook[entry]
        paths = torch.cat([paths.take_along_dim(parent, 1), entry[..., None]], -1)
    return paths[:, 0]


def refit(
    points: Tensor, codebooks: Tensor, width: int = 4, inertia: float = 30.0, n_sweeps: int = 3
) -> Tensor:
    """Move every entry to the mean of what the other codebooks leave of the points that chose it.

    The choices stay while entries move, so the error of the search never rises.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    codebooks : Tensor of shape (n_codebooks, n_entries, d)
    width : int
        Of the `search` that chooses.
    inertia : float
        Weight, in points, with which an entry stays where it was; keeps entries that few points
        chose.
    n_sweeps : int
        How often each codebook moves.

    Returns
    -------
    Tensor of the shape of `codebooks`
    """
    blocks = points.split(SEARCH_BLOCK)
    codes = torch.cat([search(block, codebooks, width) for block in blocks]).T
    left = points - sum(codebook[chosen] for codebook, chosen in zip(codebooks, codes))
    codebooks = codebooks.clone()
    for _ in range(n_sweeps):
        for codebook, chosen in zip(codebooks, codes):
            left += codebook[chosen]
            counts = torch.bincount(chosen, minlength=len(codebook))[:, None]
            codebook.mul_(inertia).index_add_(0, chosen, left).div_(counts + inertia)
            left -= codebook[chosen]
    return codebooks


def split_codebooks(points: Tensor, n_codebooks: int, n_iter: int = 8) -> Tensor:
    """Give each codebook an equal share of the latents to itself, and fit k-means on these.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    n_codebooks : int
    n_iter : int
        Of each k-means.

    Returns
    -------
    Tensor of shape (n_codebooks, 1024, d)
        Zero outside a codebook's share.
    """
    n_latents = points.shape[1]
    codebooks = points.new_zeros(n_codebooks, CARDINALITY, n_latents)
    shares = torch.arange(n_latents).tensor_split(n_codebooks)
    for codebook, share in zip(codebooks, shares):
        codebook[:, share] = k_means(points[:, share].contiguous(), n_iter=n_iter)
    return codebooks


class Codebooks(nn.Module):
    """Residual codebooks (`vector-quantize-pytorch`), of which the first can be used alone.

    In training, entries follow the vectors that choose them.
    """

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.residual = ResidualVQ(
            dim=LATENT_DIM,
            num_quantizers=n_codebooks,
            codebook_size=CARDINALITY,
            decay=0.99,
            eps=1e-9,
            threshold_ema_dead_code=DEAD,
        )
        self.fill(torch.zeros(n_codebooks, CARDINALITY, LATENT_DIM))

    def __len__(self) -> int:
        return len(self.residual.layers)

    @property
    def embed(self) -> Tensor:
        """Entries of all codebooks, a copy: (n_codebooks, 1024, 128)."""
        return torch.stack([layer.codebook for layer in self.residual.layers])

    def fill(self, entries: Tensor) -> None:
        """Replace the entries, (n_codebooks, 1024, 128).

        Averages begin anew, as if each entry had been chosen once a step.
        """
        for layer, codebook in zip(self.residual.layers, entries, strict=True):
            layer.codebook = codebook
            buffers = dict(layer.named_buffers())
            buffers["_codebook.embed_avg"].copy_(codebook[None])
            buffers["_codebook.cluster_size"].fill_(1.0)

    @torch.no_grad()
    def forward(self, z: Tensor, n_codebooks: int, update: bool = False) -> Tensor:
        """Quantise latents with the first codebooks.

        Parameters
        ----------
        z : Tensor of shape (..., 128)
        n_codebooks : int
        update : bool
            Move the entries towards what chose them.

        Returns
        -------
        Tensor of the shape of `z`
        """
        points = z.reshape(1, -1, LATENT_DIM)
        left = points
        for layer in self.residual.layers[:n_codebooks]:
            layer.train(update)
            left = left - layer(left)[0]
        return (points - left).reshape(z.shape)

    @torch.no_grad()
    def refine(self, points: Tensor, n_passes: int = 3) -> None:
        """Refit the first half of the codebooks to points (n, 128), a part of them a pass.

        The other half is replaced by codebooks of few latents each.
        """
        used = (points != 0).any(0).nonzero()[:, 0]
        left = points[:, used].contiguous()
        n_joint = len(self) // 2
        joint = self.embed[:n_joint, :, used]
        for part in left.chunk(n_passes):
            joint = refit(part, joint)
        for codebook in joint:
            left = left - codebook[nearest(left, codebook)]
        entries = torch.zeros_like(self.embed)
        entries[:, :, used] = torch.cat([joint, split_codebooks(left, len(self) - n_joint)])
        self.fill(entries)
