"""Scores and corrections equal their references; intervals cover as often as they say."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, pearsonr
from scipy.stats import t as student

from giblet_core.encoding import (
    binomial_interval,
    bootstrap,
    correlate,
    fdr,
    fisher_mean,
    holm,
    make_null,
    seed_interval,
)
from giblet_core.errors import InputError


def test_correlate_equals_scipy_and_a_constant_prediction_scores_zero(rng):
    p, y = rng.standard_normal((2, 50, 3)) + 4
    expected = [pearsonr(p[:, i], y[:, i])[0] for i in range(3)]
    np.testing.assert_allclose(correlate(p, y), expected)
    assert np.array_equal(correlate(np.ones((50, 3)), y), np.zeros(3))
    assert np.isnan(correlate(y, np.ones((50, 3)))).all()


def test_fisher_mean_is_the_mean_in_z(rng):
    r = rng.uniform(-0.9, 0.9, (5, 4))
    np.testing.assert_allclose(np.arctanh(fisher_mean(r)), np.arctanh(r).mean(0))
    assert fisher_mean(np.ones((2, 1)))[0] > 0.999


def test_fdr_equals_scipy_and_holm_is_bonferroni_step_by_step(rng):
    p = rng.random((4, 5)) ** 3
    np.testing.assert_allclose(fdr(p).ravel(), false_discovery_control(p.ravel()))
    steps = np.sort(p.ravel()) * np.arange(20, 0, -1)
    expected = np.minimum(1, np.maximum.accumulate(steps))
    np.testing.assert_allclose(np.sort(holm(p).ravel()), expected)
    assert (holm(p).ravel()[np.argsort(p.ravel())] == np.sort(holm(p).ravel())).all()


@pytest.mark.parametrize("adjust", [fdr, holm])
def test_undefined_p_values_stay_undefined_and_do_not_count(adjust):
    adjusted = adjust(np.array([0.1, np.nan]))
    assert adjusted[0] == 0.1
    assert np.isnan(adjusted[1])


def test_exact_binomial_interval_has_its_known_value():
    np.testing.assert_allclose(binomial_interval(0, 10), (0, 0.3085), atol=1e-4)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says(rng, smooth):
    covered = 0
    for seed in range(200):
        values = smooth(rng, 200, 1, sigma=1) + 1
        interval = bootstrap(values, block=12, n_draws=300, seed=seed)
        covered += (interval.low <= 1 <= interval.high).item()
    assert 0.87 <= covered / 200 <= 0.99


def test_bootstrap_of_blocks_that_do_not_divide_the_series_draws_as_many_values(rng):
    interval = bootstrap(np.arange(10.0), block=4, n_draws=500)
    assert interval.mean == 4.5
    assert interval.n == 10
    assert 0 < interval.low < 4.5 < interval.high < 9


def test_seed_interval_is_students_and_needs_three_seeds():
    values = np.array([1.0, 2.0, 4.0, 7.0])
    interval = seed_interval(values)
    low, high = student.interval(0.95, 3, values.mean(), values.std(ddof=1) / 2)
    np.testing.assert_allclose([interval.low, interval.high], [low, high])
    assert interval.n == 4
    with pytest.raises(InputError, match="at least 3"):
        seed_interval([1, 2])


def test_seed_interval_covers_the_mean_as_often_as_it_says(rng):
    intervals = [seed_interval(rng.normal(1, 2, 3)) for _ in range(2000)]
    covered = [interval.low < 1 < interval.high for interval in intervals]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_p_values_count_draws_at_or_above_and_maximum_over_targets():
    observed = np.array([2.0, np.nan, 0.0])
    draws = np.array([[0.0, 9, 3], [1, 9, -1], [2, 9, -1]])
    null = make_null(observed, draws, "toy")
    np.testing.assert_allclose(null.p, [2 / 4, np.nan, 2 / 4])
    np.testing.assert_allclose(null.p_max, [3 / 4, np.nan, 1])
    assert null.p_floor == 1 / 4
    assert str(null) == "toy: 3 draws, no p below 0.2500"
