"""A small codec and its codes: all that feature spaces ask of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.codecs import Codes
from giblet_core.timing import TRGrid

RATE_HZ = 75.0
N_FRAMES = 9000
N_ENTRIES = 16


@pytest.fixture
def runs():
    """Two runs of 40 and 30 TRs."""
    return (TRGrid(1.5, 40, 0.0), TRGrid(1.5, 30, 66.0))


@pytest.fixture
def codec(rng):
    """Three small codebooks."""
    return SimpleNamespace(
        id="fake",
        sha256="f" * 64,
        codebooks=rng.standard_normal((3, N_ENTRIES, 6)).astype(np.float32),
        cardinality=N_ENTRIES,
    )


@pytest.fixture
def codes(rng, codec):
    """Random codes of two minutes."""
    indices = rng.integers(0, N_ENTRIES, (3, N_FRAMES)).astype(np.uint16)
    return Codes(indices, 24_000, RATE_HZ, N_FRAMES * 320, 2.25, codec.id, codec.sha256)
