"""Ridge agrees with himalaya and scikit-learn, and recovers what was planted."""

import numpy as np
import pytest
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.ridge import RidgeCV
from himalaya.scoring import correlation_score
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet_core.encoding import fit_banded, fit_ridge, kernel, simplex
from giblet_core.errors import InputError
from giblet_core.timing import inner_folds, run_index

RUNS = (0, 150)


def scaled(X, train):
    return StandardScaler().fit(X[train]).transform(X)


def himalaya_r(y_true, y_pred):
    """Score as himalaya does, each side centred over the rows that are scored."""
    centred = y_pred - y_pred.mean(-2, keepdims=True)
    return correlation_score(y_true - y_true.mean(0), centred)


def inner_positions(train):
    """Give the inner folds as positions in the training set, as himalaya counts."""
    inner = inner_folds(train, run_index(300, RUNS), 5, 10)
    return [(np.searchsorted(train, a), np.searchsorted(train, b)) for a, b in inner]


@pytest.mark.parametrize("alpha", [0.1, 3.0, 1000.0])
def test_ridge_with_one_penalty_equals_sklearn_per_fold(linear, folds, alpha):
    X, Y = linear
    fit = fit_ridge(X, Y, folds, [alpha], run_onsets=RUNS, keep_predictions=True)
    for f, (train, test) in enumerate(folds):
        z = scaled(X, train)
        model = Ridge(alpha=alpha * X.shape[1]).fit(z[train], Y[train])
        expected = model.predict(z[test])
        np.testing.assert_allclose(fit.predictions[test], expected, atol=2e-3)
        r = [pearsonr(expected[:, target], Y[test][:, target])[0] for target in range(6)]
        np.testing.assert_allclose(fit.r_folds[f], r, atol=1e-4)


def test_ridge_with_nested_choice_equals_himalaya_to_1e_4_in_r(linear, folds):
    X, Y = linear
    alphas = np.logspace(-1, 3, 5)
    fit = fit_ridge(X, Y, folds, alphas, run_onsets=RUNS, embargo=10)
    for f, (train, test) in enumerate(folds):
        z = scaled(X, train)
        model = RidgeCV(
            alphas=alphas * X.shape[1],
            cv=inner_positions(train),
            fit_intercept=True,
            solver_params={"score_func": himalaya_r},
        )
        model.fit(z[train], Y[train] - Y[train].mean(0))
        np.testing.assert_allclose(model.best_alphas_ / X.shape[1], fit.alphas[f])
        r = himalaya_r(Y[test], model.predict(z[test]))
        np.testing.assert_allclose(fit.r_folds[f], r, atol=1e-4)


def test_banded_ridge_equals_himalaya_on_the_same_candidates(rng, folds):
    spaces = [rng.standard_normal((300, 5)), rng.standard_normal((300, 20))]
    Y = spaces[0] @ rng.standard_normal((5, 4)) + 4 * rng.standard_normal((300, 4))
    gammas = simplex(2)
    alphas = np.logspace(-1, 2, 4)
    train, test = folds[0]
    fit = fit_banded(spaces, Y, [folds[0]], alphas, gammas, run_onsets=RUNS, embargo=10)
    kernels = np.stack([kernel(x, train) for x in spaces])
    deltas, dual, _, _ = solve_multiple_kernel_ridge_random_search(
        kernels[:, train[:, None], train],
        Y[train] - Y[train].mean(0),
        n_iter=np.maximum(gammas, 1e-15),
        alphas=alphas,
        cv=inner_positions(train),
        score_func=himalaya_r,
        fit_intercept=True,
        return_weights="dual",
        progress_bar=False,
        local_alpha=True,
        random_state=0,
    )
    k_test = kernels[:, test[:, None], train]
    expected = np.einsum("jv,jtn,nv->tv", np.exp(deltas), k_test, dual)
    np.testing.assert_allclose(fit.r, himalaya_r(Y[test], expected), atol=1e-4)
    weight_of_first = fit.candidates[fit.choice[0], 1]
    assert (weight_of_first > 0.4).all()  # the space that made the target gets the weight


def test_test_rows_do_not_shape_the_model(linear, folds):
    X, Y = linear
    _, test = folds[0]
    changed = X.copy()
    changed[test[0]] *= 1000
    options = {"run_onsets": RUNS, "embargo": 10, "n_components": 4, "keep_predictions": True}
    before = fit_ridge(X, Y, folds[:1], **options)
    after = fit_ridge(changed, Y, folds[:1], **options)
    assert np.array_equal(before.choice, after.choice)
    unchanged = test[1:]
    np.testing.assert_allclose(
        before.predictions[unchanged], after.predictions[unchanged], rtol=1e-6
    )
    assert not np.allclose(before.predictions[test[0]], after.predictions[test[0]])


def test_planted_signal_is_recovered_and_noise_is_not(linear, folds):
    X, Y = linear
    fit = fit_ridge(X, Y, folds, run_onsets=RUNS)
    highest_r = np.sqrt(1 - 4 / Y[:, :5].var(0))
    assert (np.abs(fit.r[:5] - highest_r) < 0.08).all()
    assert abs(fit.r[5]) < 0.2


def test_targets_side_by_side_equal_targets_alone(linear, folds):
    X, Y = linear
    timing = {"run_onsets": RUNS, "embargo": 10}
    together = fit_ridge(X, Y, folds, **timing)
    for target in range(6):
        alone = fit_ridge(X, Y[:, [target]], folds, **timing)
        np.testing.assert_allclose(alone.r, together.r[[target]], atol=1e-5)


def test_permuting_columns_or_scaling_features_and_bold_changes_no_r(linear, folds, rng):
    X, Y = linear
    fit = fit_ridge(X, Y, folds, run_onsets=RUNS)
    permuted = X[:, rng.permutation(12)] * 3 - 5
    again = fit_ridge(permuted, Y * 1e3 + 1e4, folds, run_onsets=RUNS)
    np.testing.assert_allclose(again.r, fit.r, atol=1e-4)


def test_earlier_penalties_can_be_reused(linear, folds):
    X, Y = linear
    fit = fit_ridge(X, Y, folds, run_onsets=RUNS)
    again = fit_ridge(X, Y, folds, run_onsets=RUNS, like=fit)
    assert np.array_equal(again.r, fit.r)
    assert np.isnan(again.r_inner).all()
    other = fit_ridge(X, Y[:, ::-1], folds, run_onsets=RUNS, like=fit)
    assert np.array_equal(other.alphas, fit.alphas)


def test_a_constant_voxel_gives_nan_and_is_counted_and_a_constant_feature_nothing(linear, folds):
    X, Y = linear
    Y[:, 2] = 5
    with_constant = np.column_stack([X, np.full(300, 3.0)])
    fit = fit_ridge(with_constant, Y, folds, run_onsets=RUNS)
    assert np.isnan(fit.r[2])
    assert fit.n_undefined == 1
    plain = fit_ridge(X, Y, folds, [13 / 12], run_onsets=RUNS)
    extra = fit_ridge(with_constant, Y, folds, [1.0], run_onsets=RUNS)
    np.testing.assert_allclose(extra.r, plain.r, atol=1e-5)


def test_penalties_on_offer_are_those_given(linear, folds):
    X, Y = linear
    gammas = np.array([[0.25, 0.75], [1.0, 0.0]])
    fit = fit_banded([X[:, :3], X[:, 3:]], Y, folds, [0.1, 10.0], gammas, run_onsets=RUNS)
    np.testing.assert_array_equal(fit.alphas_on_offer, [0.1, 10.0])
    np.testing.assert_array_equal(fit.gammas_on_offer, gammas)
    assert fit.candidates.shape == (4, 3)


def test_weights_on_the_simplex_sum_to_one_and_hold_each_space_alone():
    gammas = simplex(3)
    np.testing.assert_allclose(gammas.sum(1), 1)
    np.testing.assert_array_equal(gammas[1:4], np.eye(3))
    assert gammas.shape == (16, 3)
    assert np.array_equal(simplex(1), [[1.0]])


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
def test_wrong_input_is_refused_with_the_remedy(linear, folds, change, message):
    X, Y = change(*linear)
    with pytest.raises(InputError, match=message):
        fit_ridge(X, Y, folds)


def test_penalties_must_be_positive_with_a_weight_for_each_space(linear, folds):
    X, Y = linear
    with pytest.raises(InputError, match="must be > 0"):
        fit_ridge(X, Y, folds, [0.0, 1.0])
    with pytest.raises(InputError, match=r"one gamma a space \(2\)"):
        fit_banded([X, X], Y, folds, gammas=np.ones((1, 3)))
