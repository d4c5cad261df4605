"""Calibration of probabilities: how often what is called 70 % is so.

References
----------
.. [1] DeGroot & Fienberg 1983, The Statistician 32, 12. doi:10.2307/2987588 (reliability diagram)
.. [2] Naeini et al. 2015, AAAI, 2901. doi:10.1609/aaai.v29i1.9602 (expected calibration error)
"""

from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.inference.intervals import Proportion, proportion


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often events happened, bin by bin of their stated probability [1]_.

    Attributes
    ----------
    stated : array of shape (n_bins,)
        Mean probability in each bin that holds any.
    happened : tuple of Proportion, (n_bins,)
        How often the event happened there, with exact intervals.
    n : int
        Probabilities in all.
    """

    stated: np.ndarray
    happened: tuple[Proportion, ...]
    n: int

    @property
    def observed(self) -> np.ndarray:
        """Share of events in each bin, (n_bins,)."""
        return np.array([bin_.value for bin_ in self.happened])

    @property
    def calibration_error(self) -> float:
        """Mean distance of share from probability, each bin counted by its size [2]_."""
        sizes = np.array([bin_.n for bin_ in self.happened])
        return float(np.average(np.abs(self.observed - self.stated), weights=sizes))

    @property
    def spread(self) -> float:
        """Largest less smallest mean probability: near 0, nothing is told apart."""
        return float(self.stated.max() - self.stated.min())

    def __str__(self) -> str:
        return (
            f"calibration error {self.calibration_error:.3f} over {self.n} probabilities "
            f"(from {self.stated.min():.2f} to {self.stated.max():.2f})"
        )


def reliability(probability: np.ndarray, happened: np.ndarray, n_bins: int = 10) -> Reliability:
    """Set stated probabilities beside what happened, in bins of equal width.

    Parameters
    ----------
    probability : array, any shape
        In [0, 1].
    happened : bool array of the same shape
        Whether the event was there.
    n_bins : int
        Bins of equal width; empty ones are left out.

    Returns
    -------
    Reliability

    Raises
    ------
    InputError
        Unequal shapes, no probability, or one outside [0, 1].

    Examples
    --------
    >>> result = reliability(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0, 0, 1, 0]), n_bins=2)
    >>> result.observed.tolist(), round(result.calibration_error, 2)
    ([0.0, 0.5], 0.25)
    """
    probability = np.asarray(probability, dtype=float).ravel()
    happened = np.asarray(happened, dtype=bool).ravel()
    in_range = (probability >= 0) & (probability <= 1)
    if len(probability) != len(happened) or not len(probability) or not in_range.all():
        raise InputError(
            f"probability: {len(probability)} values, {(~in_range).sum()} outside [0, 1], beside "
            f"{len(happened)} events; must be as many, all in [0, 1]. Check what was passed."
        )
    edges = np.linspace(0, 1, n_bins + 1)
    bin_of = np.searchsorted(edges[1:-1], probability)
    filled = np.unique(bin_of)
    stated = np.array([probability[bin_of == number].mean() for number in filled])
    shares = tuple(
        proportion(int(happened[bin_of == number].sum()), int((bin_of == number).sum()))
        for number in filled
    )
    return Reliability(stated, shares, len(probability))
