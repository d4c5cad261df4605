"""A voice, and the same with a little noise."""

import numpy as np
import pytest
from fake_sounds import make_voice


@pytest.fixture(scope="session")
def voice():
    return make_voice()


@pytest.fixture(scope="session")
def noisy(voice):
    noise = np.random.default_rng(1).standard_normal(len(voice)).astype(np.float32)
    return voice + np.float32(0.01) * noise
