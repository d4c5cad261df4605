"""Attack: every null distribution, with autocorrelated series, short runs and few draws."""

import numpy as np
import pytest
from null_cases import CASES, LEVEL, ONE_RUN, autoregressive
from scipy.stats import binomtest

N_SIMULATIONS = 40
SURE = 0.001  # that p is small more often than the level allows


def share_is_too_large(p):
    n_small = int((np.asarray(p) <= LEVEL).sum())
    return binomtest(n_small, len(p), LEVEL, "greater").pvalue <= SURE


def simulated_p(p_of, n_simulations=N_SIMULATIONS):
    return [p_of(np.random.default_rng([31, seed])) for seed in range(n_simulations)]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_null_holds_its_level(name):
    p = simulated_p(CASES[name].p_of)
    assert not share_is_too_large(p), sorted(p)[:10]


def shuffled_trs(rng):
    """The null that forgets that neighbours in time depend on each other."""
    x, y = autoregressive(rng, ONE_RUN, 2, 0.9).T
    draws = [np.corrcoef(rng.permutation(x), y)[0, 1] for _ in range(99)]
    return (1 + np.sum(np.array(draws) >= np.corrcoef(x, y)[0, 1])) / 100


def test_a_null_that_does_not_hold_its_level_is_caught():
    assert share_is_too_large(simulated_p(shuffled_trs))
