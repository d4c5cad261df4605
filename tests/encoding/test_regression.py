"""Ridge agrees with himalaya and scikit-learn, recovers what was planted, and takes variance apart
as it should.
"""

import numpy as np
import pytest
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.ridge import RidgeCV
from scipy.stats import pearsonr
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet_core.encoding import (
    ceiling,
    centre,
    correlate,
    decompose,
    fisher_mean,
    fit_banded,
    fit_ridge,
    inner_hats,
    kernel,
    lag_scan,
    noise_ceiling,
    pairwise_from_isc,
    ridge,
    simplex,
    spearman_brown,
    subset_scores,
)
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds, inner_folds, run_index

RUNS = (0, 150)
FOLDS = contiguous_folds(300, 5, 10, RUNS)


@pytest.fixture
def linear(rng):
    """Features of unequal scale, weights that were planted, and a last target of pure noise."""
    X = rng.standard_normal((300, 12)) * np.geomspace(0.1, 50, 12) + 7
    weights = rng.standard_normal((12, 6)) / np.geomspace(0.1, 50, 12)[:, None]
    weights[:, -1] = 0
    return X, X @ weights + 2 * rng.standard_normal((300, 6)) + 100


def scaled(X, train):
    return StandardScaler().fit(X[train]).transform(X)


@pytest.mark.parametrize("alpha", [0.1, 3.0, 1000.0])
def test_ridge_with_one_penalty_equals_sklearn_per_fold(linear, alpha):
    X, Y = linear
    fit = fit_ridge(X, Y, FOLDS, [alpha], run_onsets=RUNS, keep_predictions=True)
    for f, (train, test) in enumerate(FOLDS):
        Z = scaled(X, train)
        expected = Ridge(alpha=alpha * X.shape[1]).fit(Z[train], Y[train]).predict(Z[test])
        np.testing.assert_allclose(fit.predictions[test], expected, atol=2e-3)
        reference = [pearsonr(expected[:, v], Y[test][:, v])[0] for v in range(6)]
        np.testing.assert_allclose(fit.r_folds[f], reference, atol=1e-4)


def test_ridge_with_nested_choice_equals_himalaya_to_1e_4_in_r(linear):
    X, Y = linear
    alphas = np.logspace(-1, 3, 5)
    fit = fit_ridge(X, Y, FOLDS, alphas, run_onsets=RUNS, embargo=10)
    for f, (train, test) in enumerate(FOLDS):
        Z = scaled(X, train)
        model = RidgeCV(
            alphas=alphas * X.shape[1],
            cv=inner_positions(train),
            fit_intercept=True,
            solver_params={"score_func": himalaya_r},
        )
        model.fit(Z[train], Y[train] - Y[train].mean(0))
        np.testing.assert_allclose(model.best_alphas_ / X.shape[1], fit.alphas[f])
        np.testing.assert_allclose(
            fit.r_folds[f], himalaya_r(Y[test], model.predict(Z[test])), atol=1e-4
        )


def himalaya_r(y_true, y_pred):
    from himalaya.scoring import correlation_score

    return correlation_score(y_true - y_true.mean(0), y_pred - y_pred.mean(-2, keepdims=True))


def inner_positions(train):
    """Give the inner folds as positions in the training set, as himalaya counts."""
    return [
        (np.searchsorted(train, a), np.searchsorted(train, b))
        for a, b in inner_folds(train, run_index(300, RUNS), 5, 10)
    ]


def test_banded_ridge_equals_himalaya_on_the_same_candidates(rng):
    spaces = [rng.standard_normal((300, 5)), rng.standard_normal((300, 20))]
    Y = spaces[0] @ rng.standard_normal((5, 4)) + 4 * rng.standard_normal((300, 4))
    gammas, alphas = simplex(2), np.logspace(-1, 2, 4)
    train, test = FOLDS[0]
    fit = fit_banded(spaces, Y, [FOLDS[0]], alphas, gammas, run_onsets=RUNS, embargo=10)
    ks = np.stack([kernel(x, train) for x in spaces])
    inner = inner_positions(train)
    deltas, dual, _, _ = solve_multiple_kernel_ridge_random_search(
        ks[:, train[:, None], train],
        Y[train] - Y[train].mean(0),
        n_iter=np.maximum(gammas, 1e-15),
        alphas=alphas,
        cv=inner,
        score_func=himalaya_r,
        fit_intercept=True,
        return_weights="dual",
        progress_bar=False,
        local_alpha=True,
        random_state=0,
    )
    expected = np.einsum("jv,jtn,nv->tv", np.exp(deltas), ks[:, test[:, None], train], dual)
    np.testing.assert_allclose(fit.r, himalaya_r(Y[test], expected), atol=1e-4)
    assert (
        fit.candidates[fit.choice[0], 1] > 0.4
    ).all()  # the space that made the target gets the weight


def test_inner_predictions_without_refit_equal_a_refit(rng):
    X = rng.standard_normal((300, 30))
    k = kernel(X, np.arange(300))
    train, _ = FOLDS[1]
    inner = inner_folds(train, run_index(300, RUNS), 4, 10)
    fast = inner_hats(train, inner, [0.3, 30.0], decompose(k, train))
    for (inner_train, test), matrix in zip(inner, fast):
        eye = np.eye(len(inner_train), dtype=np.float32)
        expected = [
            ridge(*centre(k, inner_train, test), eye, alpha) + 1 / len(inner_train)
            for alpha in (0.3, 30.0)
        ]
        np.testing.assert_allclose(matrix, expected, atol=2e-5)


def test_pca_inside_the_fold_equals_sklearn_pca_fitted_on_training_rows(rng):
    X = rng.standard_normal((300, 40)) @ rng.standard_normal((40, 40))
    train, _ = FOLDS[2]
    Z = scaled(X, train)
    scores = PCA(7).fit(Z[train]).transform(Z)
    np.testing.assert_allclose(kernel(X, train, n_components=7), scores @ scores.T / 40, atol=1e-8)


def test_test_rows_do_not_shape_the_model(linear):
    X, Y = linear
    train, test = FOLDS[0]
    changed = X.copy()
    changed[test[0]] *= 1000
    before = fit_ridge(
        X, Y, [FOLDS[0]], run_onsets=RUNS, embargo=10, n_components=4, keep_predictions=True
    )
    after = fit_ridge(
        changed, Y, [FOLDS[0]], run_onsets=RUNS, embargo=10, n_components=4, keep_predictions=True
    )
    assert np.array_equal(before.choice, after.choice)
    np.testing.assert_allclose(before.predictions[test[1:]], after.predictions[test[1:]], rtol=1e-6)


def test_planted_signal_is_recovered_and_noise_is_not(linear):
    X, Y = linear
    fit = fit_ridge(X, Y, FOLDS, run_onsets=RUNS)
    signal = Y[:, :5].std(0)
    assert (np.abs(fit.r[:5] - np.sqrt(1 - 4 / signal**2)) < 0.08).all()
    assert abs(fit.r[5]) < 0.2


def test_targets_side_by_side_equal_targets_alone(linear):
    X, Y = linear
    together = fit_ridge(X, Y, FOLDS, run_onsets=RUNS, embargo=10)
    for v in range(6):
        np.testing.assert_allclose(
            fit_ridge(X, Y[:, [v]], FOLDS, run_onsets=RUNS, embargo=10).r,
            together.r[[v]],
            atol=1e-5,
        )


def test_permuting_columns_or_scaling_features_and_bold_changes_no_r(linear, rng):
    X, Y = linear
    fit = fit_ridge(X, Y, FOLDS, run_onsets=RUNS)
    again = fit_ridge(X[:, rng.permutation(12)] * 3 - 5, Y * 1e3 + 1e4, FOLDS, run_onsets=RUNS)
    np.testing.assert_allclose(again.r, fit.r, atol=1e-4)


def test_earlier_penalties_can_be_reused(linear):
    X, Y = linear
    fit = fit_ridge(X, Y, FOLDS, run_onsets=RUNS)
    assert np.array_equal(fit_ridge(X, Y, FOLDS, run_onsets=RUNS, like=fit).r, fit.r)


def test_a_constant_voxel_gives_nan_and_is_counted_and_a_constant_feature_nothing(linear):
    X, Y = linear
    Y[:, 2] = 5
    fit = fit_ridge(np.column_stack([X, np.full(300, 3.0)]), Y, FOLDS, run_onsets=RUNS)
    assert np.isnan(fit.r[2])
    assert fit.n_undefined == 1
    plain = fit_ridge(X, Y, FOLDS, np.array([1.0]) * 13 / 12, run_onsets=RUNS)
    extra = fit_ridge(np.column_stack([X, np.full(300, 3.0)]), Y, FOLDS, [1.0], run_onsets=RUNS)
    np.testing.assert_allclose(extra.r, plain.r, atol=1e-5)


def test_correlate_equals_scipy_and_a_constant_prediction_scores_zero(rng):
    p, y = rng.standard_normal((2, 50, 3)) + 4
    np.testing.assert_allclose(correlate(p, y), [pearsonr(p[:, i], y[:, i])[0] for i in range(3)])
    assert np.array_equal(correlate(np.ones((50, 3)), y), np.zeros(3))
    assert np.isnan(correlate(y, np.ones((50, 3)))).all()


def test_fisher_mean_is_the_mean_in_z(rng):
    r = rng.uniform(-0.9, 0.9, (5, 4))
    np.testing.assert_allclose(np.arctanh(fisher_mean(r)), np.arctanh(r).mean(0))
    assert fisher_mean(np.ones((2, 1)))[0] > 0.999


def test_subsets_of_feature_spaces_separate_unique_from_shared_variance(rng):
    common, own, n = (
        rng.standard_normal((300, 1)),
        rng.standard_normal((300, 1)),
        rng.standard_normal((300, 3)),
    )
    a = np.column_stack([common, own])
    b = np.column_stack([common, rng.standard_normal((300, 1))])
    Y = np.column_stack([common[:, 0], own[:, 0], n[:, 0]]) + 0.5 * n
    scores = subset_scores(
        [a, b], Y, fit_banded([a, b], Y, FOLDS, [0.1, 1, 10], np.full((1, 2), 0.5), run_onsets=RUNS)
    )
    unique, explained = scores.unique().mean(1), 1 / (1 + 0.25)
    np.testing.assert_allclose(
        scores.value_folds[-1].mean(0) - unique.sum(0), [explained, 0, 0], atol=0.08
    )
    np.testing.assert_allclose(unique, [[0, explained, 0], [0, 0, 0]], atol=0.08)


def test_noise_ceiling_equals_correlation_with_the_mean_of_the_others(rng):
    bold = rng.standard_normal((5, 80, 3)) + rng.standard_normal((80, 3))
    isc = noise_ceiling(bold)
    assert isc.shape == (5, 3)
    np.testing.assert_allclose(
        isc[2, 1], pearsonr(bold[2, :, 1], np.delete(bold, 2, 0)[..., 1].mean(0))[0]
    )


@pytest.mark.parametrize("n_subjects", [2, 6, 17])
def test_ceilings_follow_the_number_of_subjects(rng, n_subjects):
    signal = rng.standard_normal((4000, 6))
    bold = signal * np.sqrt(0.15) + np.sqrt(0.85) * rng.standard_normal((n_subjects, 4000, 6))
    top = ceiling(bold)
    isc = np.sqrt(0.15 * spearman_brown(0.15, n_subjects - 1))
    np.testing.assert_allclose(top.isc.mean(), isc, atol=0.02)
    np.testing.assert_allclose(top.subject.mean(), np.sqrt(0.15), atol=0.03)
    np.testing.assert_allclose(top.group.mean(), correlate(bold.mean(0), signal).mean(), atol=0.03)
    np.testing.assert_allclose(pairwise_from_isc(isc, n_subjects), 0.15)
    assert spearman_brown(0.5, 1) == 0.5


def test_r_over_ceiling_is_nan_below_the_threshold(rng):
    bold = np.stack(
        [
            np.column_stack([signal := np.sin(np.arange(200)), rng.standard_normal(200)])
            for _ in range(3)
        ]
    )
    bold[:, :, 0] += 0.1 * rng.standard_normal((3, 200))
    ratio = ceiling(bold).normalise(np.array([0.5, 0.5]), threshold=0.5)
    assert 0.49 < ratio[0] < 0.52
    assert np.isnan(ratio[1])
    assert signal.shape == (200,)


@pytest.mark.parametrize("lag", [-4, 0, 3])
def test_lag_scan_finds_a_planted_lag_and_never_wraps(rng, lag):
    X = rng.standard_normal((400, 4))
    Y = np.roll(X @ rng.standard_normal((4, 5)), lag, 0) + rng.standard_normal((400, 5))
    scan = lag_scan(X, Y, range(-6, 7), run_onsets=(0, 200), embargo=10)
    assert scan.peak_of_mean == lag
    assert (scan.peak == lag).all()
    assert np.abs(scan.r[np.abs(scan.lags - lag) > 1]).max() < 0.35


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, Y: (X.astype(int), Y), "labels here, not numbers"),
        (lambda X, Y: (X[:-1], Y), "299 TRs where 300"),
        (lambda X, Y: (np.where(X > 9, np.nan, X), Y), "NaN or infinite"),
        (lambda X, Y: (X[:, 0], Y), "must be"),
        (lambda X, Y: (X, Y[:, 0]), "must be"),
    ],
)
def test_wrong_input_is_refused_with_the_remedy(linear, change, message):
    X, Y = change(*linear)
    with pytest.raises(InputError, match=message):
        fit_ridge(X, Y, FOLDS)


def test_penalties_must_be_positive(linear):
    with pytest.raises(InputError, match="must be > 0"):
        fit_ridge(*linear, FOLDS, [0.0, 1.0])
