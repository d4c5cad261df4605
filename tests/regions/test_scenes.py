"""Scenes are ranked by what the region identifies, and retrieved from training time."""

import numpy as np
import pytest

from giblet_core.regions import ranked_scenes


@pytest.fixture(scope="module")
def scenes(findings):
    return ranked_scenes(findings.lesions, 0, findings.latents, findings.segments, findings.folds)


def test_scenes_stand_in_order_of_their_accuracy(findings, scenes):
    assert (np.diff(scenes.pairwise_accuracy) <= 0).all()
    accuracy = findings.lesions.alone_by_segment[0]
    np.testing.assert_array_equal(accuracy[scenes.segment], scenes.pairwise_accuracy)
    assert len(scenes.segment) == np.isfinite(accuracy).sum()
    np.testing.assert_array_equal(findings.segments.starts[scenes.segment], scenes.true)


def test_retrieved_scenes_lie_in_training_time(findings, scenes):
    for place, segment in enumerate(scenes.segment):
        train, _ = findings.folds[findings.segments.fold_of[segment]]
        for first in (scenes.retrieved[place], scenes.random[place]):
            assert np.isin(np.arange(first, first + findings.segments.length), train).all()
