"""Attack: call segments identified where BOLD holds no sound, and count every pair twice."""

import numpy as np
import pytest
from scipy.stats import binomtest

from giblet_core.decoding import foil_pairs, identify, make_segments
from giblet_core.validation import simulate_identification

N_SIMULATIONS = 80
SURE = 0.001  # that more are significant than the level allows


def made_segments():
    """Sixteen segments of ten TRs in two folds, all of one class and loudness."""
    fold_of = np.repeat([0, 1], 80)
    return make_segments(fold_of, 10)


def test_pairs_are_counted_once(rng):
    segments = made_segments()
    series = rng.standard_normal((160, 5))
    result = identify(series, series, segments, embargo=10)
    foils = segments.foils(10)
    assert result.n_pairs == foils.sum() / 2
    assert len({tuple(sorted(pair)) for pair in foil_pairs(foils).tolist()}) == result.n_pairs
    assert result.pairwise_accuracy == 1.0


def test_predictions_alone_have_no_p(rng):
    """A null of moved predictions is called significant too often: there is none any more."""
    result = identify(
        rng.standard_normal((160, 5)), rng.standard_normal((160, 5)), made_segments(), embargo=10
    )
    assert np.isnan(result.p)


@pytest.mark.slow
def test_noise_is_identified_no_more_often_than_the_level_says():
    p = [simulate_identification(seed, 0.0)["p"] for seed in range(5001, 5001 + N_SIMULATIONS)]
    n_significant = int((np.array(p) <= 0.05).sum())
    assert binomtest(n_significant, N_SIMULATIONS, 0.05, "greater").pvalue > SURE, n_significant
