"""Ceilings follow the number of subjects; the lag scan finds a planted lag."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from giblet_core.encoding import (
    ceiling,
    correlate,
    lag_scan,
    noise_ceiling,
    pairwise_from_isc,
    spearman_brown,
)
from giblet_core.errors import InputError


def test_noise_ceiling_equals_correlation_with_the_mean_of_the_others(rng):
    bold = rng.standard_normal((5, 80, 3)) + rng.standard_normal((80, 3))
    isc = noise_ceiling(bold)
    assert isc.shape == (5, 3)
    others = np.delete(bold, 2, 0)[..., 1].mean(0)
    np.testing.assert_allclose(isc[2, 1], pearsonr(bold[2, :, 1], others)[0])


def test_a_constant_voxel_of_one_subject_scores_zero_and_of_all_is_undefined(rng):
    bold = rng.standard_normal((4, 60, 2)) + rng.standard_normal((60, 2))
    bold[0, :, 0] = 3.0
    bold[:, :, 1] = 3.0
    isc = noise_ceiling(bold)
    assert isc[0, 0] == 0
    assert (isc[1:, 0] > 0.2).all()
    assert np.isnan(isc[:, 1]).all()


@pytest.mark.parametrize(
    "bold", [np.zeros((1, 9, 2)), np.zeros((9, 2)), np.full((2, 9, 1), np.nan)]
)
def test_one_subject_another_shape_and_nan_are_refused(bold):
    with pytest.raises(InputError, match="at least 2 subjects"):
        noise_ceiling(bold)


@pytest.mark.parametrize("n_subjects", [2, 6, 17])
def test_ceilings_follow_the_number_of_subjects(rng, n_subjects):
    signal = rng.standard_normal((4000, 6))
    noise = rng.standard_normal((n_subjects, 4000, 6))
    bold = signal * np.sqrt(0.15) + np.sqrt(0.85) * noise
    top = ceiling(bold)
    isc = np.sqrt(0.15 * spearman_brown(0.15, n_subjects - 1))
    of_group = correlate(bold.mean(0), signal).mean()
    np.testing.assert_allclose(top.isc.mean(), isc, atol=0.02)
    np.testing.assert_allclose(top.subject.mean(), np.sqrt(0.15), atol=0.03)
    np.testing.assert_allclose(top.group.mean(), of_group, atol=0.03)
    np.testing.assert_allclose(pairwise_from_isc(isc, n_subjects), 0.15)
    assert spearman_brown(0.5, 1) == 0.5


def test_r_over_ceiling_is_nan_below_the_threshold(rng):
    shared = np.sin(np.arange(200))
    bold = rng.standard_normal((3, 200, 2))  # the second voxel shares nothing
    bold[:, :, 0] = shared + 0.1 * rng.standard_normal((3, 200))
    ratio = ceiling(bold).normalise(np.array([0.5, 0.5]), threshold=0.5)
    assert 0.49 < ratio[0] < 0.52
    assert np.isnan(ratio[1])


def test_r_over_the_groups_ceiling_is_lower_than_over_one_subjects(rng):
    bold = rng.standard_normal((80, 3)) + rng.standard_normal((5, 80, 3))
    top = ceiling(bold)
    r = np.full(3, 0.5)
    assert (top.normalise(r, "group") < top.normalise(r, "subject")).all()
    np.testing.assert_allclose(top.normalise(r, "group"), 0.5 / top.group)


@pytest.mark.parametrize("lag", [-4, 0, 3])
def test_lag_scan_finds_a_planted_lag_and_never_wraps(rng, lag):
    X = rng.standard_normal((400, 4))
    Y = np.roll(X @ rng.standard_normal((4, 5)), lag, 0) + rng.standard_normal((400, 5))
    scan = lag_scan(X, Y, range(-6, 7), run_onsets=(0, 200), embargo=10)
    assert scan.peak_of_mean == lag
    assert (scan.peak == lag).all()
    far = np.abs(scan.lags - lag) > 1
    assert np.abs(scan.r[far]).max() < 0.35


def test_lags_that_leave_too_little_of_a_run_are_refused(rng):
    X = rng.standard_normal((60, 2))
    with pytest.raises(InputError, match="the shortest run has 30 TRs"):
        lag_scan(X, X, range(-10, 11), run_onsets=(0, 30))
