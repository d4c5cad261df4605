"""Similarity is the correlation of whole patterns, blind to bias and scale."""

import numpy as np

from giblet_core.decoding import similarity


def test_similarity_is_blind_to_bias_and_scale_of_predictions(protocol, latents, rng):
    noisy = latents + 2 * rng.standard_normal((400, 5))
    np.testing.assert_allclose(
        similarity(5 * noisy + 100, latents, protocol.segments),
        similarity(noisy, latents, protocol.segments),
        atol=1e-9,
    )


def test_similarity_is_the_correlation_of_scaled_patterns(protocol, latents, rng):
    predictions = latents + rng.standard_normal((400, 5))
    scores = similarity(predictions, latents, protocol.segments)
    centred = predictions.copy()
    for _, test in protocol.folds:
        centred[test] -= predictions[test].mean(0)
    predicted = (centred / centred.std(0))[protocol.segments.rows[3]].ravel()
    true = ((latents - latents.mean(0)) / latents.std(0))[protocol.segments.rows[7]].ravel()
    np.testing.assert_allclose(scores[3, 7], np.corrcoef(predicted, true)[0, 1], atol=1e-12)


def test_a_dimension_without_weight_has_no_say(protocol, latents, rng):
    predictions = latents + rng.standard_normal((400, 5))
    other = predictions.copy()
    other[:, 4] = rng.standard_normal(400)
    weights = np.ones((4, 5))
    weights[:, 4] = 0
    np.testing.assert_allclose(
        similarity(predictions, latents, protocol.segments, weights=weights),
        similarity(other, latents, protocol.segments, weights=weights),
        atol=1e-12,
    )
