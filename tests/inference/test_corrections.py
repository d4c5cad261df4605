"""A correction says whether it could detect anything; the maximum statistic can, and is fair."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import fdr, holm, make_null
from giblet_core.errors import InputError
from giblet_core.inference import (
    MAXIMA,
    MAXIMUM,
    METHODS,
    UNSCALED_MAXIMUM,
    correct,
    draws_needed,
    maximum_statistic,
    proportion,
    smallest_corrected_p,
)

N_DRAWS = 340
N_TESTS = 112


@pytest.mark.parametrize("method", ["Holm", "FDR"])
def test_the_floor_is_what_one_infinite_effect_gets(method, rng):
    draws = rng.standard_normal((N_DRAWS, N_TESTS))
    observed = draws.min(0) - 1  # the smallest of all
    observed[5] = 1e6
    corrected = correct(observed, draws, method)
    assert corrected.p[5] == pytest.approx(corrected.floor)
    assert corrected.floor == pytest.approx(smallest_corrected_p(N_DRAWS, N_TESTS, method))
    assert round(corrected.floor, 2) == 0.33
    assert not corrected.can_detect
    assert "nothing can be detected at 0.05 whatever is there" in str(corrected)
    assert "2239 draws would be needed" in str(corrected)


@pytest.mark.parametrize("method", METHODS)
def test_the_draws_needed_are_just_enough(method):
    n_draws = draws_needed(N_TESTS, method)
    assert smallest_corrected_p(n_draws, N_TESTS, method) <= 0.05
    assert smallest_corrected_p(n_draws - 1, N_TESTS, method) > 0.05


def test_the_maximum_statistic_detects_a_strong_effect_where_holm_and_fdr_cannot(rng):
    draws = rng.standard_normal((N_DRAWS, 8, 14))
    observed = rng.standard_normal((8, 14))
    observed[2, 3] = 8.0
    found = {method: correct(observed, draws, method) for method in ("maximum statistic", "FDR")}
    assert np.argwhere(found["maximum statistic"].detected).tolist() == [[2, 3]]
    assert found["maximum statistic"].p[2, 3] == 1 / (N_DRAWS + 1)
    assert not found["FDR"].detected.any()


def test_a_weak_test_is_not_drowned_by_one_whose_null_is_wide(rng):
    """The unscaled maximum compares all with the widest null; the scaled one does not."""
    widths = np.full(N_TESTS, 0.01)
    widths[0] = 10.0
    draws = widths * rng.standard_normal((N_DRAWS, N_TESTS))
    observed = np.zeros(N_TESTS)
    observed[7] = 0.08  # eight of its own SD
    assert correct(observed, draws).detected.tolist() == [i == 7 for i in range(N_TESTS)]
    assert make_null(observed, draws, "").p_max[7] > 0.3
    assert correct(observed, draws, UNSCALED_MAXIMUM).p[7] > 0.3


def test_under_the_null_any_detection_is_as_rare_as_alpha_says(rng):
    """Correlated tests of unequal width, from heavy tails."""
    n_simulations = 600
    n_any = 0
    for _ in range(n_simulations):
        shared = rng.standard_t(4, size=(100, 1))
        values = (shared + rng.standard_t(4, size=(100, 30))) * np.linspace(0.1, 3, 30)
        n_any += correct(values[0], values[1:]).detected.any()
    share = proportion(n_any, n_simulations)
    assert share.low <= 0.05 <= share.high


def test_draws_that_depend_on_each_other_take_the_maximum_without_scaling(rng):
    """Every draw but the observed one has near neighbours, as circular shifts have."""
    n_simulations = 300
    n_any = dict.fromkeys(MAXIMA, 0)
    for _ in range(n_simulations):
        series = gaussian_filter1d(rng.standard_normal((150, 40)), 3, axis=0, mode="wrap")
        for method in MAXIMA:
            n_any[method] += correct(series[0], series[30:121], method).detected.any()
    scaled = proportion(n_any[MAXIMUM], n_simulations)
    unscaled = proportion(n_any[UNSCALED_MAXIMUM], n_simulations)
    assert unscaled.low <= 0.05
    assert scaled.low > 0.05


def test_single_p_values_are_ranks_and_adjusted_by_the_named_method(rng):
    draws = rng.standard_normal((99, 6))
    observed = rng.standard_normal(6)
    p, _ = maximum_statistic(observed, draws)
    np.testing.assert_allclose(p, make_null(observed, draws, "").p)
    np.testing.assert_allclose(correct(observed, draws, "Holm").p, holm(p))
    np.testing.assert_allclose(correct(observed, draws, "FDR").p, fdr(p))


def test_undefined_and_constant_tests_stay_undefined_and_do_not_count(rng):
    draws = rng.standard_normal((99, 4))
    draws[:, 1] = 0.0
    observed = np.array([np.nan, 0.0, 9.0, 0.0])
    corrected = correct(observed, draws)
    assert np.isnan(corrected.p).tolist() == [True, True, False, False]
    assert corrected.n_tests == 2
    assert corrected.detected.tolist() == [False, False, True, False]


def test_unknown_methods_and_draws_of_other_tests_are_refused(rng):
    with pytest.raises(InputError, match="method='Bonferroni': must be one of maximum statistic"):
        correct(np.zeros(2), np.zeros((9, 2)), "Bonferroni")
    with pytest.raises(InputError, match="draws: shape"):
        correct(np.zeros(2), np.zeros((9, 3)))
