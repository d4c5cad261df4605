"""A feature space: a design matrix with a name, and a name for each of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.features.pooling import modulation_bands


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A named design matrix.

    Attributes
    ----------
    name : str
    values : array of shape (n_trs, n_features), float32
    feature_names : tuple of n_features str

    Raises
    ------
    InputError
        When columns and names differ in number.
    """

    name: str
    values: np.ndarray
    feature_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.feature_names):
            raise InputError(
                f"{self.name}: values {self.values.shape} with {len(self.feature_names)} names; "
                "must be one name a column. Name every column."
            )


def join_spaces(name: str, spaces: Sequence[FeatureSpace]) -> FeatureSpace:
    """Lay feature spaces side by side as one; columns are then named "space: column".

    Parameters
    ----------
    name : str
        Of the joined space.
    spaces : sequence of FeatureSpace
        Of the same TRs. A single one keeps the names of its columns.

    Returns
    -------
    FeatureSpace
        ``values`` of shape (n_trs, n_features of all spaces).
    """
    if len(spaces) == 1:
        return FeatureSpace(name, spaces[0].values, spaces[0].feature_names)
    values = np.concatenate([space.values for space in spaces], axis=1)
    names = [f"{space.name}: {column}" for space in spaces for column in space.feature_names]
    return FeatureSpace(name, values, tuple(names))


def column_names(
    n_rows: int, pool: Sequence[str], rate_hz: float, label: str = "dim"
) -> tuple[str, ...]:
    """Name the columns that `pooled` returns: statistic by statistic, row by row of the signal.

    Parameters
    ----------
    n_rows : int
        Rows of the signal that was pooled.
    pool : sequence of {"mean", "sd", "modulation"}
        The statistics, as given to `pooled`.
    rate_hz : float
        Frames a second of the signal: it decides which bands of modulation there are.
    label : str
        What a row is.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> column_names(2, ("mean", "sd"), 75.0, "band")
    ('band 0 mean', 'band 1 mean', 'band 0 sd', 'band 1 sd')
    """
    statistics = []
    for statistic in pool:
        if statistic == "modulation":
            statistics += [f"{low}-{high} Hz" for low, high in modulation_bands(rate_hz)]
        else:
            statistics.append(statistic)
    return tuple(f"{label} {row} {statistic}" for statistic in statistics for row in range(n_rows))
