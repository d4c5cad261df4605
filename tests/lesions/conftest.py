"""A small codec, a sound and another scene, for all tests of lesions."""

import numpy as np
import pytest
from fakes import coloured_noise, conditioned_model

from giblet_core.codecs import EncodecCodec

RATE = 24_000


@pytest.fixture(scope="session")
def codec():
    return EncodecCodec(conditioned_model(), "conditioned")


@pytest.fixture(scope="session")
def codes(codec):
    """5 s: 8 codebooks x 375 frames."""
    return codec.encode(coloured_noise(RATE * 5, np.random.default_rng(4)), 6.0)


@pytest.fixture(scope="session")
def donor(codec):
    """Another scene, of 6 s."""
    return codec.encode(coloured_noise(RATE * 6, np.random.default_rng(9)), 6.0)


@pytest.fixture(scope="session")
def wave():
    """3 s."""
    return coloured_noise(RATE * 3, np.random.default_rng(4))
