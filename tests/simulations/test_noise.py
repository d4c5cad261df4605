"""Noise is of variance 1, remembers for seconds and not for TRs, and forgets between runs."""

import numpy as np
import pytest

from giblet_core.simulations import region_noise
from giblet_core.simulations.noise import SHARES
from giblet_core.timing import TRGrid


def autocorrelation(series, lag):
    return np.mean(series[:, lag:] * series[:, :-lag])


def test_shares_of_the_variance_sum_to_one():
    assert sum(SHARES.values()) == pytest.approx(1)


def test_series_are_of_mean_0_and_variance_1():
    noise = region_noise(3, 5, [TRGrid(1.5, 200), TRGrid(1.5, 150)], np.random.default_rng(0))
    assert noise.shape == (3, 350, 5)
    assert noise.mean(1) == pytest.approx(np.zeros((3, 5)), abs=1e-12)
    assert noise.std(1) == pytest.approx(np.ones((3, 5)))


def test_memory_is_one_of_seconds():
    """Six seconds later little is left but drift, whatever the TR; 1.5 s later there is more."""
    after_1_5_s = []
    for t_r, lag in ((0.75, 2), (1.5, 1)):
        noise = region_noise(8, 20, [TRGrid(t_r, 1_200)], np.random.default_rng(1))
        after_1_5_s.append(autocorrelation(noise, lag))
        assert autocorrelation(noise, lag * 8) < 0.25
    assert after_1_5_s[0] == pytest.approx(after_1_5_s[1], abs=0.06)
    assert 0.25 < after_1_5_s[1] < 0.6


def test_subjects_share_nothing_and_regions_of_one_subject_a_little():
    noise = region_noise(6, 12, [TRGrid(1.5, 800)], np.random.default_rng(2))
    by_subject = np.corrcoef(noise[:, :, 0])
    off_diagonal = by_subject[~np.eye(6, dtype=bool)]
    assert abs(off_diagonal.mean()) < 0.05
    by_region = np.corrcoef(noise[0].T)
    assert np.abs(by_region[~np.eye(12, dtype=bool)]).mean() > 0.08


def test_runs_are_independent():
    runs = [TRGrid(1.5, 400), TRGrid(1.5, 400)]
    noise = region_noise(8, 20, runs, np.random.default_rng(3))
    across = np.mean(noise[:, 399] * noise[:, 400])
    within = np.mean(noise[:, 398] * noise[:, 399])
    assert abs(across) < 0.15 < within
