"""TODO: codecs/quantisation."""

from collections.abc import Iterable

import numpy as np
import torch


def nearest(points: torch.Tensor, centres: torch.Tensor, chunk: int = 4096) -> torch.Tensor:
    """Return for each row of ``points`` (n, d) the index of the nearest row of ``centres`` (k, d),
    rounded as transformers does.
    """
    norms = centres.T.pow(2).sum(0)
    return torch.cat(
        [
            (part.pow(2).sum(1, keepdim=True) - 2 * part @ centres.T + norms).argmin(1)
            for part in points.split(chunk)
        ]
    )


def residual_codes(points: torch.Tensor, codebooks: Iterable[torch.Tensor]) -> np.ndarray:
    """Quantise rows (n, d) codebook by codebook, each on what the codebooks before left over: (K,
    n) int64.
    """
    indices = []
    for rows in codebooks:
        indices.append(nearest(points, rows))
        points = points - rows[indices[-1]]
    return torch.stack(indices).numpy()
