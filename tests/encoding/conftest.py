"""Series and folds that several tests share."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import fit_banded
from giblet_core.timing import contiguous_folds

RUNS = (0, 150)
N_TRS = 300
EDGE = 20


@pytest.fixture
def folds():
    """Five folds of two runs of 150 TRs."""
    return contiguous_folds(N_TRS, 5, 10, RUNS)


@pytest.fixture
def linear(rng):
    """Features of unequal scale, weights that were planted, and a last target of pure noise."""
    scales = np.geomspace(0.1, 50, 12)
    X = rng.standard_normal((N_TRS, 12)) * scales + 7
    weights = rng.standard_normal((12, 6)) / scales[:, None]
    weights[:, -1] = 0
    return X, X @ weights + 2 * rng.standard_normal((N_TRS, 6)) + 100


@pytest.fixture(scope="session")
def smooth():
    """Make stationary series as smooth as BOLD and features of it.

    They are cut from longer ones: a filter's edges would be events in common.
    """

    def make(rng, n_trs, *n_columns, sigma=4):
        longer = rng.standard_normal((n_trs + 2 * EDGE, *n_columns))
        return gaussian_filter1d(longer, sigma, axis=0)[EDGE:-EDGE]

    return make


class ThreeCodebooks:
    """Three codebooks and three targets: the first, the second and third, and noise."""

    def __init__(self, rng):
        self.codebooks = [rng.standard_normal((250, 4)) for _ in range(3)]
        first, second, third = (codebook.sum(1) for codebook in self.codebooks)
        signal = np.column_stack([first, second + third, np.zeros(250)])
        self.Y = signal + rng.standard_normal((250, 3))
        self.folds = contiguous_folds(250, 5, 5)
        self.fit = self.fit_with([0.05, 0.5, 5])

    def fit_with(self, alphas):
        return fit_banded(self.codebooks, self.Y, self.folds, alphas, np.ones((1, 3)), embargo=5)


@pytest.fixture
def three_codebooks(rng):
    return ThreeCodebooks(rng)
