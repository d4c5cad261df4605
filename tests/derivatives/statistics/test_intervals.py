"""Intervals of r: as wide as autocorrelation makes them, and as often right as they say."""

import numpy as np
import pytest
from scipy.signal import lfilter

from giblet_core.derivatives.statistics import effective_samples, r_interval
from giblet_core.encoding import correlate


def ar1(rng, phi, n, n_columns):
    noise = rng.standard_normal((n + 200, n_columns))
    return lfilter([np.sqrt(1 - phi**2)], [1, -phi], noise, axis=0)[200:]


@pytest.mark.parametrize("phi", [0.0, 0.4, 0.8])
def test_samples_of_ar1_are_those_of_bartletts_formula(rng, phi):
    """For two AR(1) of equal phi, n_eff = n (1 - phi^2) / (1 + phi^2)."""
    n = 800
    found = effective_samples(ar1(rng, phi, n, 400), ar1(rng, phi, n, 400)).mean()
    assert found == pytest.approx(n * (1 - phi**2) / (1 + phi**2), rel=0.08)


def test_white_and_constant_series_are_never_worth_more_than_their_length(rng):
    x = rng.standard_normal((100, 50))
    x[:, 0] = 3.0
    n_eff = effective_samples(x, x[::-1])
    assert (n_eff <= 100).all()
    assert n_eff[0] == 100


@pytest.mark.parametrize("true_r", [0.0, 0.5])
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_95_of_100_intervals_hold_the_true_r(true_r, phi):
    rng = np.random.default_rng(5)
    n_voxels = 1500
    tests = np.array_split(np.arange(400), 5)
    x = ar1(rng, phi, 400, n_voxels)
    y = true_r * x + np.sqrt(1 - true_r**2) * ar1(rng, phi, 400, n_voxels)
    r_folds = np.array([correlate(x[rows], y[rows]) for rows in tests])
    ends = r_interval(r_folds, x, y, tests)
    coverage = ((ends.low <= true_r) & (true_r <= ends.high)).mean()
    assert 0.91 <= coverage <= 0.99


def test_too_few_samples_give_the_widest_interval_and_nan_stays_nan(rng):
    x = rng.standard_normal((6, 2))
    tests = [np.arange(3), np.arange(3, 6)]
    ends = r_interval(np.array([[0.2, np.nan], [0.1, 0.3]]), x, x[::-1], tests)
    assert (ends.low[0], ends.high[0]) == (-1, 1)
    assert np.isnan([ends.low[1], ends.high[1]]).all()
