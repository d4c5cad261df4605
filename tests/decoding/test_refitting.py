"""Refits on moved BOLD are those that a fit from scratch gives, penalties chosen again."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet_core.decoding import fit_decoder, movable_decoder
from giblet_core.encoding import correlate, draw_shifts
from giblet_core.errors import InputError
from giblet_core.timing import inner_folds, run_index

ALPHAS = [0.03, 0.3, 3.0, 30.0]


def sklearn_decoder(bold, latents, protocol):
    """Ridge of scikit-learn, the penalty of each dimension chosen by r in inner folds."""
    bold = StandardScaler().fit_transform(bold)
    run_of = run_index(len(bold), protocol.run_onsets)
    predictions = np.zeros_like(latents)
    r_inner = np.empty((len(protocol.folds), latents.shape[1]))

    def predict(alpha, train, test):
        return Ridge(alpha * bold.shape[1]).fit(bold[train], latents[train]).predict(bold[test])

    for fold, (train, test) in enumerate(protocol.folds):
        inner = inner_folds(train, run_of, 5, protocol.embargo)
        scores = np.array(
            [
                np.mean([correlate(predict(alpha, a, b), latents[b]) for a, b in inner], axis=0)
                for alpha in ALPHAS
            ]
        )
        r_inner[fold] = scores.max(0)
        for dim, choice in enumerate(scores.argmax(0)):
            predictions[test, dim] = predict(ALPHAS[choice], train, test)[:, dim]
    return predictions, r_inner


@pytest.mark.parametrize("n_voxels", [12, 700])
def test_every_prediction_is_that_of_scikit_learn(protocol, rng, n_voxels):
    latents = rng.standard_normal((400, 3))
    bold = latents @ rng.standard_normal((3, n_voxels)) + 9 * rng.standard_normal((400, n_voxels))
    decoder = movable_decoder(bold, latents, protocol.folds, ALPHAS, **protocol.timing)
    for rows in (None, draw_shifts(400, protocol.run_onsets, 30, 1)[0]):
        decoded = decoder.decode(rows)
        moved = bold if rows is None else bold[rows]
        expected, expected_r = sklearn_decoder(moved, latents, protocol)
        expected -= latents.mean(0)
        np.testing.assert_allclose(decoded.predictions, expected, atol=2e-3)
        np.testing.assert_allclose(decoded.r_inner, expected_r, atol=2e-3)


def test_voxels_of_one_scale_are_decoded_as_by_the_decoder_of_the_pages(protocol, latents, bold):
    movable = movable_decoder(bold, latents, protocol.folds, ALPHAS, **protocol.timing).decode()
    plain = fit_decoder(bold, latents, protocol.folds, ALPHAS, **protocol.timing)
    np.testing.assert_allclose(movable.r_folds, plain.r_folds, atol=0.01)
    assert (movable.fold_of == plain.fold_of).all()


def test_penalties_far_apart_are_solved_in_double_precision(protocol, rng):
    """A nearly noise-free brain with a tiny penalty: the truth comes back."""
    latents = rng.standard_normal((400, 3))
    bold = latents @ rng.standard_normal((3, 5)) + 1e-3 * rng.standard_normal((400, 5))
    decoder = movable_decoder(bold, latents, protocol.folds, [1e-9], **protocol.timing)
    assert decoder.precisions.dtype == np.float64
    assert decoder.decode().r.min() > 0.999


def test_a_dimension_that_never_varies_is_predicted_by_its_mean(protocol, latents, bold):
    latents[:, 1] = 2.0
    decoded = movable_decoder(bold, latents, protocol.folds, ALPHAS, **protocol.timing).decode()
    np.testing.assert_allclose(decoded.predictions[:, 1], 0, atol=1e-5)  # deviations from it
    assert np.isfinite(decoded.r_inner).all()


def test_unequal_lengths_and_what_is_not_finite_are_refused(protocol, latents, bold):
    with pytest.raises(InputError, match="bold: 399 TRs where 400"):
        movable_decoder(bold[1:], latents, protocol.folds, **protocol.timing)
    latents[3] = np.nan
    with pytest.raises(InputError, match="targets: 5 values are NaN"):
        movable_decoder(bold, latents, protocol.folds, **protocol.timing)
