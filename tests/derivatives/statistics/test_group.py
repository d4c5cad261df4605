"""What holds over subjects: sign flips against scipy, counts, the floor of p."""

import itertools

import numpy as np
import pytest
from scipy import stats

from giblet_core.derivatives.statistics import replications, sign_flips, subject_interval


def mean_over_subjects(values, axis):
    return stats.ttest_1samp(values, 0, axis=axis).statistic


def test_exact_p_is_that_of_scipys_permutation_test(rng):
    values = rng.standard_normal((7, 5)) + 0.4
    reference = stats.permutation_test(
        (values,),
        mean_over_subjects,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        axis=0,
    )
    assert sign_flips(values).p == pytest.approx(reference.pvalue)


def test_with_one_voxel_the_family_is_the_voxel(rng):
    flips = sign_flips(rng.standard_normal((6, 1)))
    assert flips.p_fwe == pytest.approx(flips.p)


def test_the_largest_of_all_voxels_bounds_the_family_wise_error():
    rng = np.random.default_rng(3)
    n_false = sum(
        (sign_flips(rng.standard_normal((8, 40))).p_fwe <= 0.05).any() for _ in range(200)
    )
    low, high = stats.binomtest(n_false, 200).proportion_ci(0.99, "exact")
    assert low <= 0.05 <= high


def test_corrected_p_is_the_share_of_flips_whose_largest_t_is_as_large(rng):
    """By plain loops over all 32 flips of five subjects, with scipy's t."""
    values = rng.standard_normal((5, 4)) + [0, 0.5, 1, 2]
    observed = stats.ttest_1samp(values, 0).statistic
    largest = []
    for flips in itertools.product([1, -1], repeat=5):
        flipped = values * np.array(flips)[:, None]
        largest.append(stats.ttest_1samp(flipped, 0).statistic.max())
    expected = [(np.round(largest, 9) >= np.round(t, 9)).mean() for t in observed]
    assert sign_flips(values).p_fwe == pytest.approx(expected)


def test_p_of_null_subjects_is_uniform():
    p = sign_flips(np.random.default_rng(4).standard_normal((10, 2000))).p
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_fewer_subjects_cannot_reach_a_smaller_p_than_their_flips_allow():
    strong = np.abs(np.random.default_rng(0).standard_normal((4, 3))) + 5
    flips = sign_flips(strong)
    assert flips.n_flips == 16
    assert flips.p == pytest.approx(1 / 16)
    assert flips.p_floor == 1 / 16


def test_many_subjects_are_flipped_at_random_and_repeatably():
    values = np.random.default_rng(1).standard_normal((20, 30)) + 0.2
    first = sign_flips(values, seed=2)
    assert first.n_flips == 5000
    assert np.array_equal(first.p, sign_flips(values, seed=2).p)
    t_test = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    assert first.p == pytest.approx(t_test, abs=0.02)


def test_a_missing_subject_leaves_the_voxel_undefined_and_one_subject_has_no_test():
    values = np.ones((3, 2)) + np.arange(3)[:, None]
    values[1, 0] = np.nan
    flips = sign_flips(values)
    assert np.isnan(flips.p[0])
    assert flips.p[1] == 1 / 8
    assert np.isnan(sign_flips(values[:1]).p).all()


def test_the_interval_over_subjects_is_students_on_fishers_z(rng):
    r = np.tanh(rng.normal(0.3, 0.1, (9, 4)))
    ends = subject_interval(r)
    z = np.arctanh(r)
    low, high = stats.t.interval(0.95, 8, z.mean(0), stats.sem(z, axis=0))
    assert ends.low == pytest.approx(np.tanh(low))
    assert ends.high == pytest.approx(np.tanh(high))
    assert np.isnan(subject_interval(r[:1]).low).all()


def test_replication_counts_subjects_at_or_below_the_level():
    q = np.array([[0.05, 0.051], [0.001, np.nan], [0.2, 0.01]])
    assert replications(q, 0.05).tolist() == [2, 1]
