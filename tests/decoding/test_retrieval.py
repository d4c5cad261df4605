"""Retrieval finds look-alikes, and finds them in training time."""

import numpy as np

from giblet_core.decoding import retrieve, similarity


def test_retrieval_from_training_time_returns_a_planted_look_alike(protocol, rng):
    latents = rng.standard_normal((400, 4))
    latents[300:310] = latents[20:30] + 0.01 * rng.standard_normal((10, 4))
    result = retrieve(latents, latents, protocol.segments, protocol.folds)
    assert result.starts[2, 0] == 300
    for fold, starts in zip(protocol.segments.fold_of, result.starts):
        train, _ = protocol.folds[fold]
        assert np.isin(starts[:, None] + np.arange(10), train).all()
    assert (np.diff(result.similarity, axis=1) <= 0).all()


def test_the_similarity_of_what_is_retrieved_is_that_of_the_stretch(protocol, rng):
    latents = rng.standard_normal((400, 4))
    predictions = latents + rng.standard_normal((400, 4))
    result = retrieve(predictions, latents, protocol.segments, protocol.folds, n_best=1)
    stretch = result.starts[5] + np.arange(10)
    scores = similarity(predictions, latents, protocol.segments, library=stretch[None])
    np.testing.assert_allclose(result.similarity[5, 0], scores[5, 0])
