"""Residual vector quantisation with plain codebooks: nearest entries, level by level.

Distances are computed in transformers' order of operations, so that ties and near-ties fall as
they do there.
"""

from collections.abc import Iterable

import numpy as np
import torch


def nearest(points: torch.Tensor, centres: torch.Tensor, chunk: int = 4096) -> torch.Tensor:
    """Find the nearest centre of each point, by squared Euclidean distance.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    centres : Tensor of shape (k, d)
    chunk : int
        Points at a time: memory, not the result, depends on it.

    Returns
    -------
    Tensor of shape (n,), int64
        Row of `centres`.
    """
    centre_norms = centres.T.pow(2).sum(0)
    chosen = []
    for part in points.split(chunk):
        part_norms = part.pow(2).sum(1, keepdim=True)
        distances = part_norms - 2 * part @ centres.T + centre_norms
        chosen.append(distances.argmin(1))
    return torch.cat(chosen)


def residual_codes(points: torch.Tensor, codebooks: Iterable[torch.Tensor]) -> np.ndarray:
    """Quantise points codebook by codebook, each on what those before it left over.

    Parameters
    ----------
    points : Tensor of shape (n, d)
    codebooks : iterable of Tensor of shape (cardinality, d)

    Returns
    -------
    array of shape (K, n), int64
    """
    residual = points
    indices = []
    for codebook in codebooks:
        chosen = nearest(residual, codebook)
        indices.append(chosen)
        residual = residual - codebook[chosen]
    return torch.stack(indices).numpy()
