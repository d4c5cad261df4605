"""The noise: variance 1, memory, and motion of its own."""

import numpy as np
import pytest

from giblet_core.validation.simulation import make_head, make_noise

COARSE = 12  # mm


def test_noise_has_variance_1_and_memory():
    noise, motion = make_noise(make_head(COARSE), (300,), 1.5, np.random.default_rng(0))
    assert noise.std(0) == pytest.approx(1, abs=1e-3)
    lag_1 = np.mean(noise[1:] * noise[:-1])
    assert 0.25 < lag_1 < 0.75
    assert motion.shape == (300, 6)
    assert motion.std(0).min() > 0


def test_runs_are_independent_of_each_other_in_time():
    noise, _ = make_noise(make_head(COARSE), [40] * 50, 1.5, np.random.default_rng(0))
    agreement = np.mean(noise[1:] * noise[:-1], axis=1)  # of neighbouring TRs
    is_across = np.arange(1, len(noise)) % 40 == 0
    assert abs(agreement[is_across].mean()) < 0.1 < 0.2 < agreement[~is_across].mean()
