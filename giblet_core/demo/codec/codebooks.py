"""Residual codebooks of the demo codec: nested k-means, entries that follow what chooses them, books refitted to each other.

Greedy search serves each frame with the nearest entry of every book in turn. Books fitted so, one after the other, know nothing of each
other; `refit` lets every entry move to what the other books leave of the frames that chose it.
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


def fit_books(points: Tensor, n_books: int, n_iter: int = 10) -> Tensor:
    """Nested k-means: each book (n_books, 1024, d) on what those before leave of ``points`` (n, d)."""
    books = []
    for seed in range(n_books):
        books.append(k_means(points, n_iter=n_iter, seed=seed))
        points = points - books[-1][nearest(points, books[-1])]
    return torch.stack(books)


def search(points: Tensor, books: Iterable[Tensor], width: int = 4) -> Tensor:
    """Choose an entry of every book for each point, with the ``width`` best beginnings kept: (n, n_books). Width 1 is greedy."""
    left, paths = points[:, None], points.new_zeros((len(points), 1, 0), dtype=torch.long)
    for book in books:
        cost = (
            left.square().sum(-1, keepdim=True) + book.square().sum(1) - 2 * left @ book.T
        ).flatten(1)
        best = cost.topk(min(width, cost.shape[1]), largest=False).indices
        parent, chosen = (best // len(book))[..., None], best % len(book)
        left = left.take_along_dim(parent, 1) - book[chosen]
        paths = torch.cat([paths.take_along_dim(parent, 1), chosen[..., None]], -1)
    return paths[:, 0]


def refit(
    points: Tensor, books: Tensor, width: int = 4, inertia: float = 30.0, n_sweeps: int = 3
) -> Tensor:
    """Move every entry to the mean of what the other books leave of the points that chose it.

    Parameters
    ----------
    points, books : Tensor of shape (n, d), (n_books, 1024, d)
    width : int
        Of the `search` that chooses; the choices stay while entries move, so the error of this search never rises.
    inertia : float
        Points' weight with which an entry stays where it was; keeps entries that few points chose.
    """
    codes = torch.cat([search(part, books, width) for part in points.split(2000)]).T
    books, left = books.clone(), points - sum(book[chosen] for book, chosen in zip(books, codes))
    for book, chosen in n_sweeps * list(zip(books, codes)):
        left += book[chosen]
        book.mul_(inertia).index_add_(0, chosen, left).div_(
            torch.bincount(chosen, minlength=len(book))[:, None] + inertia
        )
        left -= book[chosen]
    return books


def split_books(points: Tensor, n_books: int, n_iter: int = 8) -> Tensor:
    """Give each of ``n_books`` an equal share of the latents to itself, and k-means on these: (n_books, 1024, d), zero elsewhere."""
    books = points.new_zeros(n_books, CARDINALITY, points.shape[1])
    for book, mine in zip(books, torch.arange(points.shape[1]).tensor_split(n_books)):
        book[:, mine] = k_means(points[:, mine].contiguous(), n_iter=n_iter)
    return books


class Books(nn.Module):
    """Residual codebooks (`vector-quantize-pytorch`), of which the first can be used alone; entries follow the vectors that choose them."""

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
        """Entries of all books, a copy: (n_books, 1024, 128)."""
        return torch.stack([layer.codebook for layer in self.residual.layers])

    def fill(self, entries: Tensor) -> None:
        """Replace the entries, (n_books, 1024, 128); averages begin anew, as if each had been chosen once a step."""
        for layer, book in zip(self.residual.layers, entries, strict=True):
            layer.codebook = book
            layer._codebook.embed_avg.copy_(book[None])
            layer._codebook.cluster_size.fill_(1.0)

    @torch.no_grad()
    def forward(self, z: Tensor, n_books: int, update: bool = False) -> Tensor:
        """Quantise ``z`` (..., 128) with the first ``n_books`` books; with `update` move their entries."""
        left = points = z.reshape(1, -1, LATENT_DIM)
        for layer in self.residual.layers[:n_books]:
            left = left - layer.train(update)(left)[0]
        return (points - left).reshape(z.shape)

    @torch.no_grad()
    def refine(self, points: Tensor, n_passes: int = 3) -> None:
        """Refit the first half of the books to ``points`` (n, 128), a part a pass; replace the other half by books of few latents."""
        live = (points != 0).any(0).nonzero()[:, 0]
        left, n_joint = points[:, live].contiguous(), len(self.residual.layers) // 2
        books = self.embed[:n_joint, :, live]
        for part in left.chunk(n_passes):
            books = refit(part, books)
        for book in books:
            left = left - book[nearest(left, book)]
        entries = torch.zeros_like(self.embed)
        entries[:, :, live] = torch.cat([books, split_books(left, len(entries) - n_joint)])
        self.fill(entries)
