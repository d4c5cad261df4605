"""A sound, and the scanner's clock over it, that the tests of simulations share."""

import numpy as np
import pytest
from simulated_sounds import N_CODEBOOKS, N_ENTRIES, made_indices, made_sound, made_wave

from giblet_core.timing import TRGrid


@pytest.fixture(scope="session")
def codebooks():
    """Vectors of which neighbouring entries are alike, so that drifting indices drift."""
    steps = np.random.default_rng(5).standard_normal((N_CODEBOOKS, N_ENTRIES, 12))
    return steps.cumsum(1).astype(np.float32)


@pytest.fixture(scope="session")
def heard(codebooks):
    rng = np.random.default_rng(0)
    return made_sound(made_wave(rng), made_indices(rng), codebooks)


@pytest.fixture(scope="session")
def grids():
    return (TRGrid(1.5, 200), TRGrid(1.5, 200, 310.0))
