"""Kernels are standardised on training rows alone; predictions without refit equal a refit."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from giblet_core.encoding import (
    centre,
    decompose,
    inner_hats,
    kernel,
    ridge,
    standardise,
)
from giblet_core.timing import inner_folds, run_index

RUNS = (0, 150)


def test_standardise_equals_sklearn_and_a_column_constant_in_training_becomes_zero(rng, folds):
    train, _ = folds[0]
    x = rng.standard_normal((300, 4)) * [0.1, 1, 10, 1] + 5
    x[train, 3] = 2.0
    z = standardise(x, train)
    expected = StandardScaler().fit(x[train]).transform(x)
    np.testing.assert_allclose(z[:, :3], expected[:, :3], atol=1e-12)
    assert (z[:, 3] == 0).all()


def test_centred_blocks_are_kernels_of_centred_features(rng, folds):
    train, test = folds[1]
    x = rng.standard_normal((300, 5)) + 3
    k_train, k_test = centre(x @ x.T, train, test)
    centred = x - x[train].mean(0)
    np.testing.assert_allclose(k_train, centred[train] @ centred[train].T, atol=1e-9)
    np.testing.assert_allclose(k_test, centred[test] @ centred[train].T, atol=1e-9)


@pytest.mark.parametrize("n_features", [8, 30, 500])
def test_inner_predictions_without_refit_equal_a_refit(rng, folds, n_features):
    x = rng.standard_normal((300, n_features))
    k = kernel(x, np.arange(300))
    train, _ = folds[1]
    alphas = [0.3, 30.0]
    inner = inner_folds(train, run_index(300, RUNS), 4, 10)
    hats = inner_hats(train, inner, alphas, decompose(k, train))
    for (inner_train, test), hat in zip(inner, hats, strict=True):
        eye = np.eye(len(inner_train), dtype=np.float32)
        k_train, k_test = centre(k, inner_train, test)
        mean = 1 / len(inner_train)
        expected = [ridge(k_train, k_test, eye, alpha) + mean for alpha in alphas]
        np.testing.assert_allclose(hat, expected, atol=2e-5)


def test_ridge_is_the_same_whether_few_targets_or_many_are_solved(rng, folds):
    train, test = folds[0]
    k_train, k_test = centre(kernel(rng.standard_normal((300, 20)), train), train, test)
    y = rng.standard_normal((len(train), 200)).astype(np.float32)
    many = ridge(k_train, k_test, y, 2.0)
    few = ridge(k_train, k_test, y[:, :3], 2.0)
    np.testing.assert_allclose(few, many[:, :3], atol=1e-5)


def test_pca_inside_the_fold_equals_sklearn_pca_fitted_on_training_rows(rng, folds):
    x = rng.standard_normal((300, 40)) @ rng.standard_normal((40, 40))
    train, _ = folds[2]
    z = StandardScaler().fit(x[train]).transform(x)
    scores = PCA(7).fit(z[train]).transform(z)
    reduced = kernel(x, train, n_components=7)
    np.testing.assert_allclose(reduced, scores @ scores.T / 40, atol=1e-8)


def test_kernels_of_codebooks_add(three_codebooks):
    train, _ = three_codebooks.folds[0]
    side_by_side = np.column_stack(three_codebooks.codebooks)
    total = sum(kernel(codebook, train) for codebook in three_codebooks.codebooks)
    np.testing.assert_allclose(total / 3, kernel(side_by_side, train), atol=1e-12)
