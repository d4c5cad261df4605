"""The protocol finds nothing where there is nothing; the wrong ways do, and are shown doing it.
Subsets of codebooks add up.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import false_discovery_control

from giblet_core.codecs import Codes
from giblet_core.encoding import (
    binomial_interval,
    bootstrap,
    fdr,
    fisher_mean,
    fit_banded,
    fit_ridge,
    holm,
    kernel,
    make_null,
    null_circular_shift,
    null_phase,
    phase_rotation,
    residual_scores,
    shift_sizes,
    subset_scores,
    subsets,
)
from giblet_core.errors import InputError
from giblet_core.features import pooled
from giblet_core.timing import TRGrid, contiguous_folds, shift_within_runs

N = 240


def smooth(rng, n_trs, n_columns, sigma=4):
    """Make stationary series as smooth as BOLD and features of it (cut from longer ones: a filter's
    edges would be events in common).
    """
    return gaussian_filter1d(rng.standard_normal((n_trs + 40, n_columns)), sigma, axis=0)[20:-20]


@pytest.fixture(scope="module")
def unrelated():
    """Run the whole pipeline on 500 pairs of unrelated smooth series: r and p by all circular
    shifts.
    """
    rng, folds = np.random.default_rng(11), contiguous_folds(N, 5, 20)
    r, p = [], []
    for _ in range(25):
        X, Y = smooth(rng, N, 3), smooth(rng, N, 20)
        fit = fit_ridge(X, Y, folds, np.logspace(0, 3, 4))
        r.append(fit.r)
        p.append(null_circular_shift(X, Y, fit).p)
    return np.concatenate(r), np.concatenate(p)


@pytest.mark.slow
def test_mean_r_of_500_unrelated_pairs_is_within_02_of_zero(unrelated):
    assert len(unrelated[0]) == 500
    assert abs(unrelated[0].mean()) <= 0.02


@pytest.mark.slow
def test_the_exact_interval_of_the_false_positive_rate_contains_05(unrelated):
    low, high = binomial_interval(int((unrelated[1] <= 0.05).sum()), 500)
    assert low <= 0.05 <= high


def test_shifts_are_all_distinct_ones_beyond_the_least_in_every_run():
    assert len(shift_sizes(320)) == 260
    sizes = shift_sizes(500, (0, 200))
    assert sizes.min() == 30
    assert all(min(s % n, -s % n) >= 30 for s in sizes for n in (200, 300))
    with pytest.raises(InputError, match="shortest run has 50"):
        shift_sizes(250, (0, 200))


def test_shifting_bold_against_the_kernel_equals_shifting_the_features(rng):
    runs, folds = (0, 130), contiguous_folds(250, 4, 10, (0, 130))
    X, Y = smooth(rng, 250, 4), smooth(rng, 250, 3)
    X = X / X.std(0)
    fit = fit_ridge(X, Y, folds, [1.0], run_onsets=runs)
    null = null_circular_shift(X, Y, fit, min_shift=55)
    for s, r in zip(shift_sizes(250, runs, 55), null.null):
        moved = Y[shift_within_runs(250, -s, runs)]
        np.testing.assert_allclose(
            r, fit_ridge(X, moved, folds, [1.0], run_onsets=runs).r, atol=1e-5
        )
    assert null.p_floor == 1 / (len(null.null) + 1)


def test_phase_randomising_keeps_spectra_and_correlations_and_turns_kernels(rng):
    x = smooth(rng, 201, 4)
    moved = phase_rotation(201, (0, 100), np.random.default_rng(3))(x)
    for run in (slice(0, 100), slice(100, 201)):
        np.testing.assert_allclose(
            np.abs(np.fft.rfft(moved[run], axis=0)), np.abs(np.fft.rfft(x[run], axis=0)), atol=1e-10
        )
        np.testing.assert_allclose(moved[run].T @ moved[run], x[run].T @ x[run], atol=1e-9)
    assert np.abs(np.corrcoef(moved[:, 0], x[:, 0])[0, 1]) < 0.6
    turn = phase_rotation(201, (0, 100), np.random.default_rng(5))
    np.testing.assert_allclose(turn(x) @ turn(x).T, turn(turn(x @ x.T).T), atol=1e-9)


def test_planted_signal_passes_both_nulls_and_noise_does_not(rng):
    runs = (0, 150)
    folds = contiguous_folds(300, 4, 15, runs)
    X = smooth(rng, 300, 3, 2)
    Y = np.column_stack([X @ [1.0, -1, 0.5], np.zeros(300)]) + 0.2 * smooth(rng, 300, 2, 2)
    fit = fit_ridge(X, Y, folds, [0.1, 10], run_onsets=runs)
    for null in (null_circular_shift(X, Y, fit), null_phase(X, Y, fit, n_draws=60)):
        assert null.p[0] == null.p_floor
        assert null.p_max[0] == null.p_floor
        assert null.p[1] > 0.05
        assert "no p below" in str(null)


def test_only_the_tested_space_is_randomised(rng):
    folds = contiguous_folds(300, 4, 15)
    a, b = smooth(rng, 300, 3, 2), smooth(rng, 300, 3, 2)
    Y = np.column_stack([a @ [1.0, 1, 1] + b @ [1.0, -1, 1], a @ [1.0, 1, 1]]) + 0.2 * smooth(
        rng, 300, 2, 2
    )
    fit = fit_banded([a, b], Y, folds, [0.1, 10], np.array([[0.5, 0.5]]))
    for null in (
        null_circular_shift([a, b], Y, fit, tested=[1], min_shift=100),
        null_phase([a, b], Y, fit, tested=[1], n_draws=60),
    ):
        assert null.observed[0] > 0.2
        assert null.p[0] == null.p_floor
        assert abs(null.observed[1]) < 0.05
        assert np.median(null.null[:, 1]) < 0.02


@pytest.mark.parametrize("draws", ["shared", "independent"])
def test_group_statistics_average_subjects_and_shared_draws_are_stricter(rng, draws):
    folds = contiguous_folds(200, 3, 10)
    X, own = smooth(rng, 200, 2), smooth(rng, 200, 1)
    Y = np.repeat(own, 6, 1) + 0.1 * own.std() * rng.standard_normal(
        (200, 6)
    )  # six subjects, one voxel, the same signal
    fit = fit_ridge(X, Y, folds, [1.0])
    null = null_phase(X, Y, fit, n_draws=80, n_subjects=6, draws=draws)
    np.testing.assert_allclose(null.observed, fisher_mean(fit.r.reshape(6, 1)))
    alone = null_phase(X, Y[:, :1], fit_ridge(X, Y[:, :1], folds, [1.0]), n_draws=80).null.std()
    ratio = null.null.std() / alone
    assert (ratio > 0.8) if draws == "shared" else (ratio < 0.6)


def test_p_values_count_draws_at_or_above_and_maximum_over_targets():
    null = make_null(
        np.array([2.0, np.nan, 0.0]), np.array([[0.0, 9, 3], [1, 9, -1], [2, 9, -1]]), "toy"
    )
    np.testing.assert_allclose(null.p, [2 / 4, np.nan, 2 / 4])
    np.testing.assert_allclose(null.p_max, [3 / 4, np.nan, 1])


def test_fdr_equals_scipy_and_holm_is_bonferroni_step_by_step(rng):
    p = rng.random((4, 5)) ** 3
    np.testing.assert_allclose(fdr(p).ravel(), false_discovery_control(p.ravel()))
    ordered = np.sort(p.ravel())
    np.testing.assert_allclose(
        np.sort(holm(p).ravel()),
        np.minimum(1, np.maximum.accumulate(ordered * np.arange(20, 0, -1))),
    )
    assert np.isnan(holm(np.array([0.1, np.nan]))[1])
    assert holm(np.array([0.1, np.nan]))[0] == 0.1


def test_exact_binomial_interval_has_its_known_value():
    np.testing.assert_allclose(binomial_interval(0, 10), (0, 0.3085), atol=1e-4)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says(rng):
    covered = 0
    for i in range(200):
        interval = bootstrap(smooth(rng, 200, 1, 1) + 1, block=12, n_draws=300, seed=i)
        covered += (interval.low <= 1 <= interval.high).item()
    assert 0.87 <= covered / 200 <= 0.99


@pytest.fixture
def three_codebooks(rng):
    codebooks = [rng.standard_normal((250, 4)) for _ in range(3)]
    Y = np.column_stack(
        [codebooks[0].sum(1), codebooks[1].sum(1) + codebooks[2].sum(1), np.zeros(250)]
    ) + rng.standard_normal((250, 3))
    folds = contiguous_folds(250, 5, 5)
    fit = fit_banded(codebooks, Y, folds, [0.05, 0.5, 5], np.ones((1, 3)), embargo=5)
    return codebooks, Y, folds, fit


@pytest.mark.parametrize("kept", [(0,), (0, 2), (1, 2), (0, 1, 2)])
def test_refit_on_a_subset_equals_ridge_on_its_columns(three_codebooks, kept):
    codebooks, Y, folds, fit = three_codebooks
    scores = subset_scores(codebooks, Y, fit, thin=1)
    for f, fold in enumerate(folds):
        for v in range(3):
            expected = fit_banded(
                [codebooks[k] for k in kept],
                Y[:, [v]],
                [fold],
                fit.alphas[f, [v]],
                np.ones((1, len(kept))),
            ).r
            np.testing.assert_allclose(
                scores.r_folds[scores.row(kept), f, v], expected[0], atol=1e-5
            )


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_frozen_omission_equals_features_held_at_their_training_mean_at_every_penalty(
    three_codebooks, factor
):
    codebooks, Y, folds, _ = three_codebooks
    fit = fit_banded(codebooks, Y, folds, [0.3], np.ones((1, 3)))
    scores = subset_scores(codebooks, Y, fit, estimand="frozen", alpha_factor=factor)
    X = np.column_stack(codebooks)
    for f, (train, test) in enumerate(folds):
        phi = (
            (X - X[train].mean(0)) / X[train].std(0) / np.sqrt(4)
        )  # K / p: three spaces of 4 columns
        penalty = factor * 0.3 * np.eye(12)
        w = np.linalg.solve(
            phi[train].T @ phi[train] + penalty, phi[train].T @ (Y[train] - Y[train].mean(0))
        )
        for kept, zero in (((0, 1, 2), []), ((0, 2), range(4, 8))):
            prediction = np.delete(phi, zero, 1)[test] @ np.delete(w, zero, 0)
            r = [np.corrcoef(p, y)[0, 1] for p, y in zip(prediction.T, Y[test].T)]
            np.testing.assert_allclose(scores.r_folds[scores.row(kept), f], r, atol=1e-5)


def test_freed_of_level_a_book_of_energy_predicts_nothing_and_a_book_of_its_own_what_it_did(rng):
    sr, n_trs = 24_000, 120
    grid, n = TRGrid(1.5, n_trs), 13_500
    level, own = (
        np.clip(np.cumsum(rng.standard_normal(n)) / 60 % 2 - 1, -1, 1) ** 2 for _ in range(2)
    )
    wave = (np.repeat(level, 320) * rng.standard_normal(320 * n) * 0.1).astype(np.float32)
    codebooks = np.linspace(0, 1, 1024)[:, None] * rng.standard_normal((2, 1, 8))
    indices = np.stack([np.round(x * 1023) for x in (level, own)]).astype(np.uint16)
    codes = Codes(indices, sr, 75.0, 320 * n, 1.5, "fake", "0")
    codec = SimpleNamespace(sample_rate=sr, codebooks=codebooks.astype(np.float32))
    Y = np.concatenate([pooled(x[None], 75.0, grid, ("mean",)) for x in (level, own)], 1)
    Y = Y / Y.std(0) + 0.3 * rng.standard_normal(Y.shape)
    raw, freed = residual_scores(
        codec, codes, wave, [grid], Y, contiguous_folds(n_trs, 4, 10), 1e-3
    )
    assert min(raw[0, 0], raw[1, 1]) > 0.7
    assert freed[0, 0] < 0.3
    assert freed[1, 1] > 0.7


def test_frozen_and_refit_differ_when_books_repeat_each_other(rng):
    codebook = rng.standard_normal((250, 3))
    codebooks, Y = (
        [codebook, codebook + 0.01 * rng.standard_normal((250, 3))],
        codebook @ rng.standard_normal((3, 2)) + rng.standard_normal((250, 2)),
    )
    folds = contiguous_folds(250, 5, 5)
    fit = fit_banded(codebooks, Y, folds, [1.0], np.ones((1, 2)))
    frozen, refit = (subset_scores(codebooks, Y, fit, estimand=e) for e in ("frozen", "refit"))
    np.testing.assert_allclose(refit.unique(), 0, atol=0.01)  # the other codebook stands in
    np.testing.assert_allclose(frozen.r_folds[-1], refit.r_folds[-1], atol=1e-5)


def test_shapley_values_sum_to_the_whole_find_the_planted_books_and_give_equal_books_equal_shares(
    three_codebooks,
):
    codebooks, Y, folds, fit = three_codebooks
    scores = subset_scores(codebooks, Y, fit)
    values = scores.shapley()
    np.testing.assert_allclose(values.sum(0), scores.value_folds[-1], atol=1e-5)
    mean = values.mean(1)
    assert mean[0, 0] > 0.6
    assert np.abs(mean[1:, 0]).max() < 0.05
    assert mean[1:, 1].min() > 0.3
    assert np.abs(mean[:, 2]).max() < 0.05
    np.testing.assert_allclose(
        scores.unique().sum(0) + scores.shared(), scores.value_folds[-1], atol=1e-5
    )
    assert scores.value_folds[scores.row([0])].mean(0)[0] > 0.6


def test_shapley_of_two_books_equals_the_formula(rng):
    codebooks = [rng.standard_normal((150, 2)) for _ in range(2)]
    Y, folds = rng.standard_normal((150, 1)) + codebooks[0][:, :1], contiguous_folds(150, 3, 5)
    scores = subset_scores(codebooks, Y, fit_banded(codebooks, Y, folds, [1.0], np.ones((1, 2))))
    v = scores.value_folds
    np.testing.assert_allclose(scores.shapley()[0], 0.5 * (v[2] - v[0] + v[3] - v[1]))


def test_a_base_is_in_every_subset(three_codebooks, rng):
    codebooks, Y, folds, _ = three_codebooks
    fit = fit_banded([*codebooks, codebooks[0]], Y, folds, [0.5], np.ones((1, 4)))
    scores = subset_scores(codebooks, Y, fit, base=[codebooks[0]])
    assert scores.r[0, 0] > 0.8
    assert np.abs(scores.shapley().mean(1)[0, 0]) < 0.05


def test_255_subsets_build_the_kernel_of_each_book_once_a_fold(rng, monkeypatch):
    """What makes them cheap; `giblet bench` measures how cheap."""
    codebooks, built = [rng.standard_normal((200, 5)) for _ in range(8)], []
    Y, folds = (
        np.concatenate(codebooks, 1) @ rng.standard_normal((40, 6)),
        contiguous_folds(200, 3, 5),
    )
    fit = fit_banded(codebooks, Y, folds, gammas=np.ones((1, 8)))
    monkeypatch.setattr(subsets, "kernel", lambda *args: built.append(args) or kernel(*args))
    assert subset_scores(codebooks, Y, fit).r.shape == (256, 6)
    assert len(built) == 8 * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b, Y, f, fit: subset_scores(b, Y, fit, estimand="thawed"), "refit, frozen"),
        (lambda b, Y, f, fit: subset_scores(b[:2], Y, fit), "Fit all codebooks"),
        (lambda b, Y, f, fit: null_phase(b, Y, fit, draws="own"), "'independent' or 'shared'"),
    ],
)
def test_wrong_input_is_refused_with_the_remedy(three_codebooks, call, message):
    with pytest.raises(InputError, match=message):
        call(*three_codebooks)


def test_kernels_of_books_add(three_codebooks):
    codebooks, _, folds, _ = three_codebooks
    train = folds[0][0]
    np.testing.assert_allclose(
        sum(kernel(b, train) for b in codebooks) / 3,
        kernel(np.column_stack(codebooks), train),
        atol=1e-12,
    )
