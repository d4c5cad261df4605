"""Retrieval finds look-alikes, and finds them in training time."""

import numpy as np
import pytest

from giblet_core.decoding import make_segments, retrieve, similarity
from giblet_core.errors import InputError


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


def test_too_little_training_time_is_named_with_the_remedy(rng):
    latents = rng.standard_normal((40, 4))
    segments = make_segments(np.repeat([0, -1], 20), 10)
    twelve_rows = [(np.arange(28, 40), np.arange(20))]  # three stretches of 10
    assert retrieve(latents, latents, segments, twelve_rows).starts.shape == (2, 3)
    with pytest.raises(InputError, match="n_best=4: training time of fold 0 has 3 stretches of 10"):
        retrieve(latents, latents, segments, twelve_rows, n_best=4)
    shorter_than_a_segment = [(np.arange(34, 40), np.arange(20))]
    with pytest.raises(InputError, match="has 0 stretches"):
        retrieve(latents, latents, segments, shorter_than_a_segment, n_best=1)
