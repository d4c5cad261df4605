"""A passage that the tests of conditions and of the blind tests share."""

import numpy as np
import pytest
import scipy.signal

SR = 24_000


@pytest.fixture(scope="session")
def passage():
    """Two seconds of a rising tone in noise, with three swells a second, at 24 kHz."""
    t = np.arange(2 * SR) / SR
    noise = np.random.default_rng(0).standard_normal(t.size)
    chirp = 0.2 * scipy.signal.chirp(t, 100, t[-1], 6000) + 0.02 * noise
    swell = (1 + np.sin(2 * np.pi * 3 * t)) / 2
    return (chirp * swell).astype(np.float32)
