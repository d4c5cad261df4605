"""The protocol finds nothing where there is nothing, and what was planted where it was."""

import numpy as np
import pytest

from giblet_core.encoding import (
    Hypothesis,
    binomial_interval,
    draw_shifts,
    fisher_mean,
    fit_banded,
    fit_ridge,
    null_circular_shift,
    null_phase,
    phase_rotation,
    shift_sizes,
)
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds, shift_within_runs

N_TRS = 240
N_PAIRS = 500


@pytest.fixture(scope="module")
def unrelated(smooth):
    """Run the whole protocol on 500 pairs of unrelated smooth series: r and p, by all shifts."""
    rng = np.random.default_rng(11)
    folds = contiguous_folds(N_TRS, 5, 20)
    r, p = [], []
    for _ in range(N_PAIRS // 20):
        X = smooth(rng, N_TRS, 3)
        Y = smooth(rng, N_TRS, 20)
        fit = fit_ridge(X, Y, folds, np.logspace(0, 3, 4))
        r.append(fit.r)
        p.append(null_circular_shift(X, Y, fit).p)
    return {"r": np.concatenate(r), "p": np.concatenate(p)}


@pytest.mark.slow
def test_mean_r_of_500_unrelated_pairs_is_within_02_of_zero(unrelated):
    assert len(unrelated["r"]) == N_PAIRS
    assert abs(unrelated["r"].mean()) <= 0.02


@pytest.mark.slow
def test_the_exact_interval_of_the_false_positive_rate_contains_05(unrelated):
    n_false = int((unrelated["p"] <= 0.05).sum())
    low, high = binomial_interval(n_false, N_PAIRS)
    assert low <= 0.05 <= high


def test_shifts_are_all_distinct_ones_beyond_the_least_in_every_run():
    assert len(shift_sizes(320)) == 260
    sizes = shift_sizes(500, (0, 200))
    assert sizes.min() == 30
    assert all(min(size % n, -size % n) >= 30 for size in sizes for n in (200, 300))
    with pytest.raises(InputError, match="shortest run has 50"):
        shift_sizes(250, (0, 200))


def test_shifting_bold_against_the_kernel_equals_shifting_the_features(rng, smooth):
    runs = (0, 130)
    folds = contiguous_folds(250, 4, 10, runs)
    X = smooth(rng, 250, 4)
    X = X / X.std(0)
    Y = smooth(rng, 250, 3)
    fit = fit_ridge(X, Y, folds, [1.0], run_onsets=runs)
    null = null_circular_shift(X, Y, fit, min_shift=55)
    sizes = shift_sizes(250, runs, 55)
    for size, r in zip(sizes, null.null, strict=True):
        moved = Y[shift_within_runs(250, -size, runs)]
        expected = fit_ridge(X, moved, folds, [1.0], run_onsets=runs).r
        np.testing.assert_allclose(r, expected, atol=1e-5)
    assert null.p_floor == 1 / (len(sizes) + 1)


def test_penalties_are_chosen_anew_for_every_shift_unless_they_are_kept(rng, smooth):
    folds = contiguous_folds(N_TRS, 4, 10)
    X = smooth(rng, N_TRS, 4)
    Y = smooth(rng, N_TRS, 3)
    fit = fit_ridge(X, Y, folds, [1e-2, 1e2])
    kept = null_circular_shift(X, Y, fit, min_shift=115, reselect=False)
    anew = null_circular_shift(X, Y, fit, min_shift=115)
    for row, size in enumerate(shift_sizes(N_TRS, (0,), 115)):
        moved = Y[shift_within_runs(N_TRS, -size)]
        with_kept = fit_ridge(X, moved, folds, [1e-2, 1e2], like=fit).r
        np.testing.assert_allclose(kept.null[row], with_kept, atol=1e-6)
        with_new = fit_ridge(X, moved, folds, [1e-2, 1e2]).r
        np.testing.assert_allclose(anew.null[row], with_new, atol=1e-6)


def test_phase_randomising_keeps_spectra_and_correlations_and_turns_kernels(rng, smooth):
    x = smooth(rng, 201, 4)
    moved = phase_rotation(201, (0, 100), np.random.default_rng(3))(x)
    for run in (slice(0, 100), slice(100, 201)):
        before = np.abs(np.fft.rfft(x[run], axis=0))
        after = np.abs(np.fft.rfft(moved[run], axis=0))
        np.testing.assert_allclose(after, before, atol=1e-10)
        np.testing.assert_allclose(moved[run].T @ moved[run], x[run].T @ x[run], atol=1e-9)
    assert np.abs(np.corrcoef(moved[:, 0], x[:, 0])[0, 1]) < 0.6
    rotate = phase_rotation(201, (0, 100), np.random.default_rng(5))
    turned_kernel = rotate(rotate(x @ x.T).T)
    np.testing.assert_allclose(rotate(x) @ rotate(x).T, turned_kernel, atol=1e-9)


def test_planted_signal_passes_both_nulls_and_noise_does_not(rng, smooth):
    runs = (0, 150)
    folds = contiguous_folds(300, 4, 15, runs)
    X = smooth(rng, 300, 3, sigma=2)
    signal = np.column_stack([X @ [1.0, -1, 0.5], np.zeros(300)])
    Y = signal + 0.2 * smooth(rng, 300, 2, sigma=2)
    fit = fit_ridge(X, Y, folds, [0.1, 10], run_onsets=runs)
    for null in (null_circular_shift(X, Y, fit), null_phase(X, Y, fit, n_draws=60)):
        assert null.p[0] == null.p_floor
        assert null.p_max[0] == null.p_floor
        assert null.p[1] > 0.05
        assert "no p below" in str(null)


def test_only_the_tested_space_is_randomised(rng, smooth):
    folds = contiguous_folds(300, 4, 15)
    spaces = [smooth(rng, 300, 3, sigma=2), smooth(rng, 300, 3, sigma=2)]
    of_first = spaces[0] @ [1.0, 1, 1]
    of_second = spaces[1] @ [1.0, -1, 1]
    signal = np.column_stack([of_first + of_second, of_first])
    Y = signal + 0.2 * smooth(rng, 300, 2, sigma=2)
    fit = fit_banded(spaces, Y, folds, [0.1, 10], np.array([[0.5, 0.5]]))
    second = Hypothesis(tested=[1])
    for null in (
        null_circular_shift(spaces, Y, fit, min_shift=100, hypothesis=second),
        null_phase(spaces, Y, fit, n_draws=60, hypothesis=second),
    ):
        assert null.observed[0] > 0.2
        assert null.p[0] == null.p_floor
        assert abs(null.observed[1]) < 0.05
        assert np.median(null.null[:, 1]) < 0.02


def test_a_draw_that_changes_nothing_is_as_good_as_the_data(rng, smooth):
    """A space of weight 0 has no part in any prediction: all draws are ties, and p is 1."""
    folds = contiguous_folds(160, 2, 10)
    spaces = [smooth(rng, 160, 3), smooth(rng, 160, 3)]
    Y = spaces[0] @ rng.standard_normal((3, 4)) + smooth(rng, 160, 4)
    fit = fit_banded(spaces, Y, folds, [0.1, 10], np.array([[1.0, 0.0]]))
    second = Hypothesis(tested=[1])
    for null in (
        null_circular_shift(spaces, Y, fit, min_shift=70, hypothesis=second),
        null_phase(spaces, Y, fit, n_draws=19, hypothesis=second),
    ):
        assert (null.p == 1).all()
        assert (null.p_max == 1).all()


def test_the_data_are_scored_as_the_fit_says(rng, smooth):
    folds = contiguous_folds(160, 2, 10)
    X = smooth(rng, 160, 3)
    Y = X @ rng.standard_normal((3, 4)) + smooth(rng, 160, 4)
    fit = fit_ridge(X, Y, folds, [0.1, 10])
    for null in (
        null_circular_shift(X, Y, fit, min_shift=70),
        null_circular_shift(X, Y, fit, min_shift=70, reselect=False),
        null_phase(X, Y, fit, n_draws=2),
    ):
        np.testing.assert_allclose(null.observed, fit.r, rtol=1e-4)


@pytest.mark.parametrize("draws", ["shared", "independent"])
def test_group_statistics_average_subjects_and_shared_draws_are_stricter(rng, smooth, draws):
    folds = contiguous_folds(200, 3, 10)
    X = smooth(rng, 200, 2)
    signal = smooth(rng, 200, 1)
    noise = 0.1 * signal.std() * rng.standard_normal((200, 6))
    Y = np.repeat(signal, 6, 1) + noise  # six subjects, one voxel, the same signal
    fit = fit_ridge(X, Y, folds, [1.0])
    group = Hypothesis(n_subjects=6, draws=draws)
    null = null_phase(X, Y, fit, n_draws=80, hypothesis=group)
    np.testing.assert_allclose(null.observed, fisher_mean(fit.r.reshape(6, 1)), rtol=1e-5)
    fit_alone = fit_ridge(X, Y[:, :1], folds, [1.0])
    alone = null_phase(X, Y[:, :1], fit_alone, n_draws=80)
    ratio = null.null.std() / alone.null.std()
    assert (ratio > 0.8) if draws == "shared" else (ratio < 0.6)


def test_draws_that_are_neither_independent_nor_shared_are_refused():
    with pytest.raises(InputError, match="'independent' or 'shared'"):
        Hypothesis(draws="own")


def test_drawn_shifts_move_each_run_within_itself_by_its_own_number_of_trs():
    rows = draw_shifts(250, (0, 100), min_shift=30, n_draws=200)
    assert rows.shape == (200, 250)
    first, second = rows[:, :100], rows[:, 100:] - 100
    distances = []
    for run in (first, second):
        n_trs = run.shape[1]
        assert (np.sort(run, axis=1) == np.arange(n_trs)).all()
        shift = (np.arange(n_trs) - run) % n_trs
        assert (shift == shift[:, :1]).all()
        distances.append(np.minimum(shift[:, 0], n_trs - shift[:, 0]))
        assert distances[-1].min() >= 30
    assert (distances[0] != distances[1]).mean() > 0.9
    np.testing.assert_array_equal(rows, draw_shifts(250, (0, 100), 30, 200))
    assert not np.array_equal(rows, draw_shifts(250, (0, 100), 30, 200, seed=1))


def test_one_run_gives_all_its_shifts_spread_evenly_and_no_more():
    rows = draw_shifts(100, min_shift=30, n_draws=5000)
    assert (-rows[:, 0] % 100).tolist() == shift_sizes(100).tolist()
    assert (-draw_shifts(100, min_shift=30, n_draws=3)[:, 0] % 100).tolist() == [30, 49, 69]
