"""Intervals cover what they say, and there is none where they would not."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from giblet_core.encoding import bootstrap
from giblet_core.errors import InputError
from giblet_core.inference import LEAST_UNITS, crossed_bootstrap, proportion, summarise


@pytest.mark.parametrize(("k", "n"), [(0, 20), (1, 20), (10, 20), (200, 200), (3, 7)])
def test_a_proportion_has_scipys_exact_interval(k, n):
    share = proportion(k, n)
    exact = binomtest(k, n).proportion_ci(method="exact")
    assert (share.low, share.high) == (exact.low, exact.high)


def test_none_of_twenty_does_not_meet_seven_per_cent_but_two_of_two_hundred_do():
    assert round(100 * proportion(0, 20).high, 1) == 16.8
    assert proportion(0, 20).is_below(0.07) is None
    assert proportion(2, 200).is_below(0.07) is True
    assert proportion(9, 20).is_below(0.07) is False


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.3])
def test_the_exact_interval_covers_at_least_what_it_says(rate):
    """Summed over all outcomes: no simulation is needed."""
    n = 60
    outcomes = np.arange(n + 1)
    intervals = [proportion(int(k), n) for k in outcomes]
    covers = np.array([share.low <= rate <= share.high for share in intervals])
    assert binom.pmf(outcomes, n, rate)[covers].sum() >= 0.95


def test_impossible_counts_are_refused():
    with pytest.raises(InputError, match="k=3, n=2"):
        proportion(3, 2)
    with pytest.raises(InputError, match="n=0"):
        proportion(0, 0)


def test_few_units_get_their_values_and_no_interval():
    few = summarise(np.arange(LEAST_UNITS - 1.0), "pieces")
    assert not few.has_interval
    assert np.isnan([few.low, few.high]).all()
    assert "too few for an interval" in str(few)
    assert "19 pieces: 0, 1, 2" in str(few)
    assert summarise(np.arange(float(LEAST_UNITS)), "pieces").has_interval


def test_a_value_that_is_not_finite_is_refused_not_left_out():
    with pytest.raises(InputError, match="1 not finite"):
        summarise([1.0, np.nan], "pieces")


def coverage(draw, interval_of, truth, n_simulations=2000):
    inside = []
    for _ in range(n_simulations):
        low, high = interval_of(draw())
        inside.append(low <= truth <= high)
    return np.mean(inside)


def summary_interval(values):
    summary = summarise(values, "pieces")
    return summary.low, summary.high


def bootstrap_interval(values):
    interval = bootstrap(values, n_draws=300)
    return interval.low, interval.high


def test_intervals_that_are_given_cover_what_they_say_and_those_left_out_would_not(rng):
    """Gamma values of skewness 1.4, more than pieces of one film have."""
    covered = coverage(lambda: rng.gamma(2.0, size=LEAST_UNITS), summary_interval, 2.0)
    assert 0.92 < covered < 0.97
    of_three = coverage(lambda: rng.standard_normal(3), bootstrap_interval, 0.0, 600)
    of_five = coverage(lambda: rng.standard_normal(5), bootstrap_interval, 0.0, 600)
    assert of_three < 0.80
    assert of_five < 0.90


def crossed_values(rng, n_pairs, n_films):
    """Effects of pairs and of films, and noise; all of mean 0."""
    pairs = rng.standard_normal((n_pairs, 1))
    films = rng.standard_normal((1, n_films))
    return pairs + films + rng.standard_normal((n_pairs, n_films))


def test_crossed_units_are_covered_where_cells_as_units_are_not(rng):
    """All pairs share the films: 900 cells are not 900 trials."""

    def crossed_interval(values):
        return crossed_bootstrap(values, n_draws=120)

    def cells_interval(values):
        return bootstrap_interval(values.ravel())

    draw = [crossed_values(rng, 30, 30) for _ in range(150)]
    as_crossed = coverage(iter(draw).__next__, crossed_interval, 0.0, len(draw))
    as_cells = coverage(iter(draw).__next__, cells_interval, 0.0, len(draw))
    assert as_crossed > 0.9
    assert as_cells < 0.6


def test_an_axis_of_few_levels_has_no_interval(rng):
    table = rng.standard_normal((40, LEAST_UNITS - 1))
    assert np.isnan(crossed_bootstrap(table)).all()
    assert np.isfinite(crossed_bootstrap(table, axes=(0,))).all()


def test_axes_that_are_not_drawn_are_averaged_and_their_order_does_not_matter(rng):
    table = rng.standard_normal((25, 3, 40))
    low, high = crossed_bootstrap(table, axes=(0, 2))
    averaged = crossed_bootstrap(table.mean(1))
    np.testing.assert_allclose((low, high), averaged)
    turned = crossed_bootstrap(table.transpose(2, 0, 1), axes=(1, 0))
    np.testing.assert_allclose((low, high), turned)


def test_one_crossed_axis_is_the_bootstrap_and_missing_cells_are_left_out(rng):
    values = rng.standard_normal(200)
    low, high = crossed_bootstrap(values, block=4)
    plain = bootstrap(values, block=4)
    assert abs(low - plain.low) < 0.02
    assert abs(high - plain.high) < 0.02
    holes = np.where(rng.random((30, 25, 2)) < 0.3, np.nan, 1.0)
    assert crossed_bootstrap(holes, axes=(0, 1)) == (1.0, 1.0)
    with pytest.raises(InputError, match="none is finite"):
        crossed_bootstrap(np.full((2, 2), np.nan))
