"""Residual codebooks of the demo codec: nested k-means, entries that follow what chooses them, books refitted to each other.

Greedy search serves each frame with the nearest entry of every book in turn. Books fitted so, one after the other, know nothing of each
other; `refit` lets every entry move to what the other books leave of the frames that chose it.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from giblet_core.codecs import nearest

LATENT_DIM = 128
CARDINALITY = 1024
DEAD = 0.05  # a code vector chosen more rarely (moving average, hits a step) is moved


def k_means(points: Tensor, n_centres: int = CARDINALITY, n_iter: int = 10, seed: int = 0) -> Tensor:
    """Cluster ``points`` (n, d); a centre nobody chose is moved to a point that is badly served."""
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randperm(len(points), generator=generator)[:n_centres]].clone()
    for _ in range(n_iter):
        chosen = nearest(points, centres)
        count = torch.bincount(chosen, minlength=n_centres)
        total = torch.zeros_like(centres).index_add_(0, chosen, points)
        centres = total / count.clamp(min=1)[:, None]
        idle = count == 0
        if idle.any():
            error = (points - centres[chosen]).square().sum(1) + 1e-12
            centres[idle] = points[torch.multinomial(error, int(idle.sum()), generator=generator)]
    return centres


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
        cost = (left.square().sum(-1, keepdim=True) + book.square().sum(1) - 2 * left @ book.T).flatten(1)
        best = cost.topk(min(width, cost.shape[1]), largest=False).indices
        parent, chosen = (best // len(book))[..., None], best % len(book)
        left = left.take_along_dim(parent, 1) - book[chosen]
        paths = torch.cat([paths.take_along_dim(parent, 1), chosen[..., None]], -1)
    return paths[:, 0]


def refit(points: Tensor, books: Tensor, width: int = 4, inertia: float = 30.0, n_sweeps: int = 3) -> Tensor:
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
        book.mul_(inertia).index_add_(0, chosen, left).div_(torch.bincount(chosen, minlength=len(book))[:, None] + inertia)
        left -= book[chosen]
    return books


def split_books(points: Tensor, n_books: int, n_iter: int = 8) -> Tensor:
    """Give each of ``n_books`` an equal share of the latents to itself, and k-means on these: (n_books, 1024, d), zero elsewhere."""
    books = points.new_zeros(n_books, CARDINALITY, points.shape[1])
    for book, mine in zip(books, torch.arange(points.shape[1]).tensor_split(n_books)):
        book[:, mine] = k_means(points[:, mine].contiguous(), n_iter=n_iter)
    return books


class Books(nn.Module):
    """Residual codebooks, carried on by moving averages of the vectors that chose each entry."""

    def __init__(self, n_codebooks: int = 16):
        super().__init__()
        self.register_buffer("embed", torch.zeros(n_codebooks, CARDINALITY, LATENT_DIM))
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
        entries, count = self.embed[book], self.count[book].mul_(decay)
        total = (entries * count[:, None]).index_add_(0, chosen, residual, alpha=1 - decay)
        count.add_(hits, alpha=1 - decay)
        self.embed[book] = torch.where(count[:, None] >= DEAD, total / count[:, None], entries)
        if self.calls % 20 == 0:
            dead = (count < DEAD).nonzero()[:60, 0]
            self.embed[book, dead], count[dead] = residual[torch.randint(len(residual), (len(dead),))], 4 * DEAD

    @torch.no_grad()
    def refine(self, points: Tensor, n_passes: int = 3) -> None:
        """Refit the first half of the books to ``points`` (n, 128), a part a pass; replace the other half by books of few latents."""
        live = (points != 0).any(0).nonzero()[:, 0]
        left, n_joint = points[:, live].contiguous(), len(self.embed) // 2
        books = self.embed[:n_joint, :, live]
        for part in left.chunk(n_passes):
            books = refit(part, books)
        for book in books:
            left = left - book[nearest(left, book)]
        self.embed.zero_()
        self.embed[:, :, live] = torch.cat([books, split_books(left, len(self.embed) - n_joint)])
        self.count.fill_(1.0)
