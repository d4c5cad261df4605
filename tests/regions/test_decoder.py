"""The decoder of regions is the decoder of the book, in another form."""

import numpy as np
import pytest

from giblet_core.decoding import fit_decoder, identify
from giblet_core.regions import make_scorer, read_out


def test_the_scorer_gives_what_identify_gives(planted, protocol):
    bold = planted.group.region_bold("A")
    prediction = read_out(bold, planted.latents, protocol.folds, np.full(4, 5.0)).intact
    segments = protocol.segments
    expected = identify(prediction, planted.latents, segments, embargo=10)
    scorer = make_scorer(planted.latents, segments, 10)
    np.testing.assert_allclose(scorer.accuracy(prediction), expected.per_pair)
    by_segment = scorer.accuracy_of_segments(prediction)
    np.testing.assert_allclose(by_segment, expected.per_segment, atol=1e-6)


@pytest.mark.parametrize("n_voxels", [8, 500], ids=["fewer voxels than rows", "more"])
def test_read_out_is_the_decoder_with_that_penalty(rng, protocol, n_voxels):
    x = rng.standard_normal((400, n_voxels))
    y = rng.standard_normal((400, 3)) + x[:, :3]
    expected = fit_decoder(x, y, protocol.folds, [2.0], **protocol.timing).predictions
    intact = read_out(x, y, protocol.folds, np.full(4, 2.0)).intact
    np.testing.assert_allclose(intact, expected, atol=2e-4)


@pytest.mark.parametrize("n_voxels", [8, 500], ids=["fewer voxels than rows", "more"])
def test_frozen_columns_sit_at_their_training_mean(rng, protocol, n_voxels):
    x = rng.standard_normal((400, n_voxels))
    y = rng.standard_normal((400, 3)) + x[:, :3]
    sets = [np.arange(2), np.array([], int)]
    predictions = read_out(x, y, protocol.folds, np.full(4, 2.0), sets)
    np.testing.assert_array_equal(predictions.frozen[1], predictions.intact)
    for train, test in protocol.folds:
        n_train = len(train)
        held = np.concatenate([x[train], x[test]])
        held[n_train:, :2] = x[train][:, :2].mean(0)
        fold = [(np.arange(n_train), np.arange(n_train, len(held)))]
        targets = np.concatenate([y[train], y[test]])
        expected = read_out(held, targets, fold, [2.0]).intact[n_train:]
        np.testing.assert_allclose(predictions.frozen[0][test], expected, atol=2e-4)
