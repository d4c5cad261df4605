"""TODO: features/spaces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.features.pooling import BANDS_HZ


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A named design matrix: `values` of shape (n_trs, n_features) float32, and a name for each
    column.
    """

    name: str
    values: np.ndarray
    feature_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.feature_names):
            raise InputError(
                f"{self.name}: values {self.values.shape} with {len(self.feature_names)} names; must be one name a column."
            )


def column_names(n: int, kinds: Sequence[str], label: str = "dim") -> tuple[str, ...]:
    statistics = [
        s
        for kind in kinds
        for s in ([f"{a}-{b} Hz" for a, b in BANDS_HZ] if kind == "modulation" else [kind])
    ]
    return tuple(f"{label} {d} {statistic}" for statistic in statistics for d in range(n))
