"""Residual codebooks of the demo codec: nested k-means, entries that follow what chooses them,
codebooks refitted to each other.

Greedy search serves each frame with the nearest entry of every codebook in turn. Codebooks fitted
so, one after the other, know nothing of each other; `refit` lets every entry move to what the other
books leave of the frames that chose it.
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


def k_means(
    points: Tensor, n_centres: int = CARDINALITY, n_iter: int = 10, seed: int = 0
) -> Tensor:
    """Cluster ``points`` (n, d) by scikit-learn's `KMeans`, from points drawn at random."""
    means = KMeans(n_centres, init="random", n_init=1, max_iter=n_iter, tol=0, random_state=seed)
    with warnings.catch_warnings(
        action="ignore", category=ConvergenceWarning
    ):  # few sounds leave many zeros: no fault
        return torch.from_numpy(means.fit(points.numpy()).cluster_centers_)


def fit_codebooks(points: Tensor, n_codebooks: int, n_iter: int = 10) -> Tensor:
    """Nested k-means: each codebook (n_books, 1024, d) on what those before leave of ``points`` (n,
    d).
    """
    codebooks = []
    for seed in range(n_codebooks):
        codebooks.append(k_means(points, n_iter=n_iter, seed=seed))
        points = points - codebooks[-1][nearest(points, codebooks[-1])]
    return torch.stack(codebooks)


def search(points: Tensor, codebooks: Iterable[Tensor], width: int = 4) -> Tensor:
    """Choose an entry of every codebook for each point, with the ``width`` best beginnings kept:
    (n, n_books). Width 1 is greedy.
    """
    left, paths = points[:, None], points.new_zeros((len(points), 1, 0), dtype=torch.long)
    for codebook in codebooks:
        cost = (
            left.square().sum(-1, keepdim=True) + codebook.square().sum(1) - 2 * left @ codebook.T
        ).flatten(1)
        best = cost.topk(min(width, cost.shape[1]), largest=False).indices
        parent, chosen = (best // len(codebook))[..., None], best % len(codebook)
        left = left.take_along_dim(parent, 1) - codebook[chosen]
        paths = torch.cat([paths.take_along_dim(parent, 1), chosen[..., None]], -1)
    return paths[:, 0]


def refit(
    points: Tensor, codebooks: Tensor, width: int = 4, inertia: float = 30.0, n_sweeps: int = 3
) -> Tensor:
    """Move every entry to the mean of what the other books leave of the points that chose it.

    Parameters
    ----------
    points, codebooks : Tensor of shape (n, d), (n_books, 1024, d)
    width : int
        Of the `search` that chooses; the choices stay while entries move, so the error of this
        search never rises.
    inertia : float
        Points' weight with which an entry stays where it was; keeps entries that few points chose.
    """
    codes = torch.cat([search(part, codebooks, width) for part in points.split(2000)]).T
    codebooks, left = (
        codebooks.clone(),
        points - sum(codebook[chosen] for codebook, chosen in zip(codebooks, codes)),
    )
    for codebook, chosen in n_sweeps * list(zip(codebooks, codes)):
        left += codebook[chosen]
        codebook.mul_(inertia).index_add_(0, chosen, left).div_(
            torch.bincount(chosen, minlength=len(codebook))[:, None] + inertia
        )
        left -= codebook[chosen]
    return codebooks


def split_codebooks(points: Tensor, n_codebooks: int, n_iter: int = 8) -> Tensor:
    """Give each of ``n_books`` an equal share of the latents to itself, and k-means on these:
    (n_books, 1024, d), zero elsewhere.
    """
    codebooks = points.new_zeros(n_codebooks, CARDINALITY, points.shape[1])
    for codebook, mine in zip(codebooks, torch.arange(points.shape[1]).tensor_split(n_codebooks)):
        codebook[:, mine] = k_means(points[:, mine].contiguous(), n_iter=n_iter)
    return codebooks


class Codebooks(nn.Module):
    """Residual codebooks (`vector-quantize-pytorch`), of which the first can be used alone; entries
    follow the vectors that choose them.
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

    @property
    def embed(self) -> Tensor:
        """Entries of all codebooks, a copy: (n_books, 1024, 128)."""
        return torch.stack([layer.codebook for layer in self.residual.layers])

    def fill(self, entries: Tensor) -> None:
        """Replace the entries, (n_books, 1024, 128); averages begin anew, as if each had been
        chosen once a step.
        """
        for layer, codebook in zip(self.residual.layers, entries, strict=True):
            layer.codebook = codebook
            layer._codebook.embed_avg.copy_(codebook[None])
            layer._codebook.cluster_size.fill_(1.0)

    @torch.no_grad()
    def forward(self, z: Tensor, n_codebooks: int, update: bool = False) -> Tensor:
        """Quantise ``z`` (..., 128) with the first ``n_books`` codebooks; with `update` move their
        entries.
        """
        left = points = z.reshape(1, -1, LATENT_DIM)
        for layer in self.residual.layers[:n_codebooks]:
            left = left - layer.train(update)(left)[0]
        return (points - left).reshape(z.shape)

    @torch.no_grad()
    def refine(self, points: Tensor, n_passes: int = 3) -> None:
        """Refit the first half of the codebooks to ``points`` (n, 128), a part a pass; replace the
        other half by codebooks of few latents.
        """
        live = (points != 0).any(0).nonzero()[:, 0]
        left, n_joint = points[:, live].contiguous(), len(self.residual.layers) // 2
        codebooks = self.embed[:n_joint, :, live]
        for part in left.chunk(n_passes):
            codebooks = refit(part, codebooks)
        for codebook in codebooks:
            left = left - codebook[nearest(left, codebook)]
        entries = torch.zeros_like(self.embed)
        entries[:, :, live] = torch.cat([codebooks, split_codebooks(left, len(entries) - n_joint)])
        self.fill(entries)
