"""Rows of a record: a figure's name, its value and its interval; and a row a simulation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from giblet_core.encoding import Interval, seed_interval


@dataclass(frozen=True, eq=False)
class StudyRows:
    """What a simulation study found.

    Attributes
    ----------
    figures : list of dict
        One a figure, computed from `simulations`.
    simulations : list of dict
        A row a simulation, with its seed.
    settings : dict
        Sizes and settings that all simulations share.
    """

    figures: list[dict]
    simulations: list[dict]
    settings: dict[str, Any] = field(default_factory=dict)


def record_row(figure: str, interval: Interval, **fields: float) -> dict:
    """Return a row of a record: a figure's name, its value and interval, and other fields.

    Examples
    --------
    >>> record_row("r", Interval(0.2, 0.1, 0.3, 20), n_trs=800)
    {'figure': 'r', 'n_trs': 800, 'value': 0.2, 'low': 0.1, 'high': 0.3, 'n': 20}
    """
    return {
        "figure": figure,
        **fields,
        "value": float(interval.mean),
        "low": float(interval.low),
        "high": float(interval.high),
        "n": interval.n,
    }


def seed_row(figure: str, values: Sequence[float]) -> dict:
    """Return the row of a figure that has a value for each seed."""
    return record_row(figure, seed_interval(np.asarray(values)))
