"""Codebooks planted in a series come back, beyond baselines; the null is fair."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import (
    SHARES,
    Regressors,
    recover,
    remaining,
    subset_log_likelihood,
)
from giblet_core.errors import InputError

RUNS = (0, 150)
N_TRS = 300
SMOOTH = {"sigma": 2}


def regressors(codebooks, base, forms=()):
    return Regressors(codebooks, base, t_r=1.5, run_onsets=RUNS, forms=forms)


def log_likelihood_by_covariance(spaces, y, share):
    """Evaluate the likelihood of the covariance itself; the scale is the likeliest."""
    n = len(y)
    parts = [n * x @ x.T / np.linalg.norm(x) ** 2 for x in spaces]
    covariance = (1 - share) * np.eye(n) + share * sum(parts) / len(parts)
    power = (y * np.linalg.solve(covariance, y)).sum(0)
    return -n / 2 * np.log(power) - np.linalg.slogdet(covariance)[1] / 2


def test_likelihood_of_a_subset_is_that_of_its_covariance(rng):
    spaces = [rng.standard_normal((60, n_columns)) for n_columns in (2, 3)]
    y = rng.standard_normal((60, 4))
    subsets, log_likelihood = subset_log_likelihood(spaces, y)
    np.testing.assert_array_equal(subsets, [[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_allclose(log_likelihood[0], -30 * np.log((y**2).sum(0)))
    for chosen, ours in zip((spaces[1:], spaces[:1], spaces), log_likelihood[1:], strict=True):
        of_shares = [np.exp(log_likelihood_by_covariance(chosen, y, share)) for share in SHARES]
        np.testing.assert_allclose(ours, np.log(np.mean(of_shares, axis=0)), rtol=1e-9)


def test_more_codebooks_than_have_their_subsets_counted_are_refused():
    with pytest.raises(InputError, match="spaces: 11"):
        subset_log_likelihood([np.ones((20, 1))] * 11, np.ones((20, 1)))


def test_nothing_of_baselines_drift_or_run_means_remains(rng, smooth):
    base = smooth(rng, N_TRS, 4, **SMOOTH)
    left = remaining(base, 1.5, RUNS)
    np.testing.assert_allclose(left @ left.T, np.eye(len(left)), atol=1e-9)
    assert np.abs(left @ (base - base.mean(0))).max() < 1e-8
    assert np.abs(left @ (np.arange(N_TRS) >= 150)).max() < 1e-8


def test_recover_finds_the_planted_codebook_and_nothing_for_the_baseline_alone(rng, smooth):
    """The codebooks resemble the baseline; the first target follows one, the others none."""
    base = smooth(rng, N_TRS, 2, **SMOOTH)
    codebooks = [smooth(rng, N_TRS, 3, **SMOOTH) + 0.5 * base[:, :1] for _ in range(3)]
    planted = codebooks[1] @ np.ones((3, 1))
    noise = np.stack([smooth(rng, N_TRS, 21, **SMOOTH) for _ in range(2)])
    loudness = 3 * base[:, :1]
    signal = np.column_stack([planted + loudness, np.tile(loudness, 20)])
    Y = signal + 3 * base.std() * noise
    recovery = recover(regressors(codebooks, base), Y, n_draws=200)
    assert recovery.probability[1, 0] > 0.9
    assert recovery.probability[[0, 2], 0].max() < 0.6
    assert recovery.null.p[0] == recovery.null.p_floor
    n_false = (recovery.null.p[1:] <= 0.05).sum()
    assert n_false <= 4  # of 20; more than 4 in one of 400 seeds


def test_a_codebook_is_found_in_the_form_in_which_it_is_followed(rng, smooth):
    base = smooth(rng, N_TRS, 2, **SMOOTH)
    late = [smooth(rng, N_TRS, 3, **SMOOTH) for _ in range(2)]
    early = [np.roll(codebook, 40, axis=0) for codebook in late]
    y = late[1] @ np.ones((3, 1)) + 1.5 * rng.standard_normal((N_TRS, 1))

    def recover_by(forms):
        return recover(regressors(early, base, forms), y[None], n_draws=20)

    wrong = recover_by(())
    right = recover_by((late,))
    both = recover_by((early, late))
    twice = recover_by((early, early))
    assert right.probability[1, 0] > 0.95
    assert wrong.probability[1, 0] < 0.8
    # the form that fits speaks
    np.testing.assert_allclose(both.probability, right.probability, atol=0.02)
    # one form twice changes nothing
    np.testing.assert_allclose(twice.probability, wrong.probability, rtol=1e-9)
    # the test of all codebooks knows no forms
    np.testing.assert_array_equal(both.null.null, wrong.null.null)


def test_the_null_of_the_codebooks_is_fair_for_series_of_any_smoothness(rng, smooth):
    base = smooth(rng, N_TRS, 3, **SMOOTH)
    codebooks = [smooth(rng, N_TRS, 3, **SMOOTH) for _ in range(2)]
    rough = rng.standard_normal((N_TRS, 150))
    slow = gaussian_filter1d(rng.standard_normal((N_TRS, 150)), 3, axis=0)
    Y = np.column_stack([rough, slow])[None]
    p = recover(regressors(codebooks, base), Y, n_draws=200).null.p
    assert 0.01 <= (p[:150] <= 0.05).mean() <= 0.12
    assert 0.01 <= (p[150:] <= 0.05).mean() <= 0.12
