"""Subsets of codebooks add up: refits equal refits, frozen omissions equal omitted features."""

import numpy as np
import pytest

from giblet_core.encoding import (
    Penalties,
    fit_banded,
    kernel,
    shapley,
    subset_scores,
    subsets,
)
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds


@pytest.mark.parametrize("kept", [(0,), (0, 2), (1, 2), (0, 1, 2)])
def test_refit_on_a_subset_equals_ridge_on_its_columns(three_codebooks, kept):
    data = three_codebooks
    scores = subset_scores(data.codebooks, data.Y, data.fit, penalties=Penalties(thin=1))
    spaces = [data.codebooks[k] for k in kept]
    gammas = np.ones((1, len(kept)))
    for f, fold in enumerate(data.folds):
        for target in range(3):
            alpha = data.fit.alphas[f, [target]]
            expected = fit_banded(spaces, data.Y[:, [target]], [fold], alpha, gammas).r[0]
            r = scores.r_folds[scores.row(kept), f, target]
            np.testing.assert_allclose(r, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_frozen_omission_equals_features_held_at_their_training_mean(three_codebooks, factor):
    data = three_codebooks
    fit = data.fit_with([0.3])
    penalties = Penalties(factor=factor)
    scores = subset_scores(data.codebooks, data.Y, fit, estimand="frozen", penalties=penalties)
    X = np.column_stack(data.codebooks)
    columns_left_out = {(0, 1, 2): [], (0, 2): range(4, 8)}
    for f, (train, test) in enumerate(data.folds):
        # K / p: three spaces of 4 columns
        phi = (X - X[train].mean(0)) / X[train].std(0) / np.sqrt(4)
        gram = phi[train].T @ phi[train] + factor * 0.3 * np.eye(12)
        y = data.Y[train] - data.Y[train].mean(0)
        weights = np.linalg.solve(gram, phi[train].T @ y)
        for kept, left_out in columns_left_out.items():
            prediction = np.delete(phi, left_out, 1)[test] @ np.delete(weights, left_out, 0)
            expected = [np.corrcoef(p, y)[0, 1] for p, y in zip(prediction.T, data.Y[test].T)]
            np.testing.assert_allclose(scores.r_folds[scores.row(kept), f], expected, atol=1e-5)


def test_frozen_and_refit_differ_when_codebooks_repeat_each_other(rng):
    first, other = rng.standard_normal((2, 250, 3))
    codebooks = [first, first + 0.01 * rng.standard_normal((250, 3)), other]
    signal = first @ rng.standard_normal((3, 2)) + other @ rng.standard_normal((3, 2))
    Y = signal + rng.standard_normal((250, 2))
    fit = fit_banded(codebooks, Y, contiguous_folds(250, 5, 5), [0.1], np.ones((1, 3)))
    refit = subset_scores(codebooks, Y, fit, estimand="refit")
    frozen = subset_scores(codebooks, Y, fit, estimand="frozen")
    np.testing.assert_allclose(refit.unique()[:2], 0, atol=0.01)  # the other one stands in
    assert frozen.unique()[:2].mean((1, 2)).min() > 0.02  # half the weight is gone
    np.testing.assert_allclose(frozen.r_folds[-1], refit.r_folds[-1], atol=1e-5)


def test_shapley_values_sum_to_the_whole_and_find_the_planted_codebooks(three_codebooks):
    data = three_codebooks
    scores = subset_scores(data.codebooks, data.Y, data.fit)
    values = scores.shapley()
    np.testing.assert_allclose(values.sum(0), scores.value_folds[-1], atol=1e-5)
    mean = values.mean(1)
    assert mean[0, 0] > 0.6
    assert np.abs(mean[1:, 0]).max() < 0.05
    assert mean[1:, 1].min() > 0.3  # two codebooks that count alike
    assert np.abs(mean[:, 2]).max() < 0.05
    unique_and_shared = scores.unique().sum(0) + scores.shared()
    np.testing.assert_allclose(unique_and_shared, scores.value_folds[-1], atol=1e-5)
    assert scores.value_folds[scores.row([0])].mean(0)[0] > 0.6


def test_shapley_of_two_codebooks_equals_the_formula(rng):
    codebooks = [rng.standard_normal((150, 2)) for _ in range(2)]
    Y = rng.standard_normal((150, 1)) + codebooks[0][:, :1]
    fit = fit_banded(codebooks, Y, contiguous_folds(150, 3, 5), [1.0], np.ones((1, 2)))
    scores = subset_scores(codebooks, Y, fit)
    none, second, first, both = scores.value_folds
    expected = 0.5 * ((first - none) + (both - second))
    np.testing.assert_allclose(scores.shapley()[0], expected)


def test_shapley_is_the_mean_gain_over_all_orders():
    rng = np.random.default_rng(3)
    values = rng.standard_normal(8)  # of the subsets of three players, player 0 the highest bit
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    gains = np.zeros(3)
    for order in orders:
        joined = 0
        for player in order:
            larger = joined | 1 << (2 - player)
            gains[player] += values[larger] - values[joined]
            joined = larger
    np.testing.assert_allclose(shapley(values), gains / len(orders))


def test_a_base_is_in_every_subset(three_codebooks):
    data = three_codebooks
    base = [data.codebooks[0]]
    fit = fit_banded([*data.codebooks, *base], data.Y, data.folds, [0.5], np.ones((1, 4)))
    scores = subset_scores(data.codebooks, data.Y, fit, base=base)
    assert scores.r[0, 0] > 0.8
    assert np.abs(scores.shapley().mean(1)[0, 0]) < 0.05


def test_subsets_of_feature_spaces_separate_unique_from_shared_variance(rng, folds):
    common = rng.standard_normal((300, 1))
    of_first = rng.standard_normal((300, 1))
    noise = rng.standard_normal((300, 3))
    spaces = [
        np.column_stack([common, of_first]),
        np.column_stack([common, rng.standard_normal((300, 1))]),
    ]
    Y = np.column_stack([common, of_first, noise[:, :1]]) + 0.5 * noise
    gammas = np.full((1, 2), 0.5)
    fit = fit_banded(spaces, Y, folds, [0.1, 1, 10], gammas, run_onsets=(0, 150))
    scores = subset_scores(spaces, Y, fit)
    unique = scores.unique().mean(1)
    explained = 1 / (1 + 0.25)
    shared = scores.value_folds[-1].mean(0) - unique.sum(0)
    np.testing.assert_allclose(shared, [explained, 0, 0], atol=0.08)
    np.testing.assert_allclose(unique, [[0, explained, 0], [0, 0, 0]], atol=0.08)


def test_rounded_penalties_are_few_and_lie_on_the_grid(three_codebooks):
    data = three_codebooks
    alphas = np.logspace(-2, 2, 9)
    fit = data.fit_with(alphas)
    thinned = subset_scores(data.codebooks, data.Y, fit, penalties=Penalties(thin=3))
    exact = subset_scores(data.codebooks, data.Y, fit, penalties=Penalties(thin=1))
    np.testing.assert_allclose(thinned.r[:, :2], exact.r[:, :2], atol=0.02)  # r is flat in alpha
    one = subset_scores(data.codebooks, data.Y, fit, penalties=Penalties(thin=9))
    middle = subset_scores(data.codebooks, data.Y, data.fit_with([1.0]))
    np.testing.assert_allclose(one.r, middle.r, atol=1e-6)


def test_255_subsets_build_the_kernel_of_each_codebook_once_a_fold(rng, monkeypatch):
    """What makes them cheap; the benchmark measures how cheap."""
    codebooks = [rng.standard_normal((200, 5)) for _ in range(8)]
    Y = np.concatenate(codebooks, 1) @ rng.standard_normal((40, 6))
    fit = fit_banded(codebooks, Y, contiguous_folds(200, 3, 5), gammas=np.ones((1, 8)))
    built = []

    def counted_kernel(*arguments):
        built.append(arguments)
        return kernel(*arguments)

    monkeypatch.setattr(subsets, "kernel", counted_kernel)
    assert subset_scores(codebooks, Y, fit).r.shape == (256, 6)
    assert len(built) == 8 * 3


def test_unknown_estimands_and_fits_of_other_spaces_are_refused(three_codebooks):
    data = three_codebooks
    with pytest.raises(InputError, match="refit, frozen"):
        subset_scores(data.codebooks, data.Y, data.fit, estimand="thawed")
    with pytest.raises(InputError, match="Fit all codebooks"):
        subset_scores(data.codebooks[:2], data.Y, data.fit)
