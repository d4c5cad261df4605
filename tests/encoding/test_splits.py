"""R2 is split over feature spaces as himalaya splits it, and parts add up."""

import numpy as np
import pytest
from himalaya.scoring import r2_score_split

from giblet_core.encoding import fit_banded, product_measure, simplex, split_scores, unique_scores
from giblet_core.errors import InputError


def test_the_product_measure_is_that_of_himalaya(rng):
    y = rng.standard_normal((60, 4))
    y -= y.mean(0)
    parts = rng.standard_normal((3, 60, 4)) + 0.3 * y
    parts -= parts.mean(1, keepdims=True)
    expected = np.asarray(r2_score_split(y, parts))
    np.testing.assert_allclose(product_measure(y, parts), expected, atol=1e-5)


def test_parts_add_up_to_what_the_model_explains(three_codebooks):
    data = three_codebooks
    fit = fit_banded(
        data.codebooks,
        data.Y,
        data.folds,
        [0.5, 5],
        simplex(3, 6),
        embargo=5,
        keep_predictions=True,
    )
    splits = split_scores(data.codebooks, data.Y, fit)
    np.testing.assert_allclose(splits.share.sum(0), splits.r2)
    for f, (_, test) in enumerate(data.folds):
        y = data.Y[test] - data.Y[test].mean(0)
        predicted = fit.predictions[test] - fit.predictions[test].mean(0)
        r2 = 1 - ((y - predicted) ** 2).sum(0) / (y**2).sum(0)
        np.testing.assert_allclose(splits.r2[f], r2, atol=1e-4)
    of_targets = splits.share.mean(1)
    assert of_targets[0, 0] > 0.5
    assert np.abs(of_targets[1:, 0]).max() < 0.1
    assert (of_targets[1:, 1] > 0.2).all()


def test_what_is_unique_is_lost_without_it(three_codebooks):
    data = three_codebooks
    fit = fit_banded(data.codebooks, data.Y, data.folds, [1.0], np.full((1, 3), 1 / 3), embargo=5)
    unique = unique_scores(data.codebooks, data.Y, fit, [[0], [1, 2]])
    rest = fit_banded(
        data.codebooks[1:], data.Y, data.folds, [1.0], np.full((1, 2), 1 / 2), embargo=5
    )
    lost = fit.r_folds * np.abs(fit.r_folds) - rest.r_folds * np.abs(rest.r_folds)
    np.testing.assert_allclose(unique[0], lost, atol=1e-4)
    assert unique[0, :, 0].mean() > 0.5
    assert unique[1, :, 1].mean() > 0.5


def test_a_twin_takes_the_place_of_what_is_left_out(three_codebooks):
    """Whichever of the two the weights favour, nothing is unique to either."""
    data = three_codebooks
    twins = [data.codebooks[0], data.codebooks[0].copy()]
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    fit = fit_banded(twins, data.Y, data.folds, [0.5, 5], weights, embargo=5)
    unique = unique_scores(twins, data.Y, fit, [[0], [1]])
    assert np.abs(unique[:, :, 0]).max() < 0.02


def test_a_fit_of_other_spaces_is_refused(three_codebooks):
    with pytest.raises(InputError, match="made with 3 spaces, not 2"):
        split_scores(three_codebooks.codebooks[:2], three_codebooks.Y, three_codebooks.fit)
