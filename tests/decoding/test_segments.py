"""Segments stay in their fold and run, and their foils are fair."""

import numpy as np
import pytest

from giblet_core.decoding import Segments, foil_pairs, fold_numbers, make_segments
from giblet_core.errors import InputError


def test_segments_stay_in_their_fold_and_run(protocol):
    segments = protocol.segments
    assert segments.rows.shape == (40, 10)
    assert len(np.unique(segments.rows)) == 400
    for fold, rows in zip(segments.fold_of, segments.rows):
        assert np.isin(rows, protocol.folds[fold][1]).all()


def test_segments_begin_anew_in_each_stretch_and_may_overlap():
    fold_of = np.array([0] * 5 + [-1] * 2 + [1] * 8)
    segments = make_segments(fold_of, 3, 2, run_onsets=(0, 12))
    assert segments.starts.tolist() == [0, 2, 7, 9, 12]
    assert segments.fold_of.tolist() == [0, 0, 1, 1, 1]


def test_foils_are_of_the_same_fold_and_class_near_in_loudness_and_far_in_time():
    segments = Segments(
        starts=np.array([0, 25, 30, 60, 100, 150]),
        length=10,
        fold_of=np.array([0, 0, 0, 0, 1, 0]),
        class_of=np.array([1, 1, 1, 1, 1, 2]),
        loudness=np.array([-20, -20, -21.9, -22.1, -20, -20.0]),
    )
    allowed = set(zip(*(index.tolist() for index in np.nonzero(segments.foils(20, 2.0)))))
    assert allowed == {(0, 2), (2, 0), (2, 3), (3, 2)}
    assert (0, 1) not in allowed  # 15 TRs between them
    assert (0, 3) not in allowed  # 2.1 LU
    assert (0, 4) not in allowed  # other fold
    assert (0, 5) not in allowed  # other class


def test_a_segment_has_its_most_frequent_class_and_the_level_of_its_mean_power():
    classes = np.repeat([0, 1, 1, 2], 5)
    loudness = np.where(np.arange(20) < 10, -20.0, -30.0)
    loudness[10:15] = -40.0
    segments = make_segments(np.zeros(20, int), 10, classes=classes, loudness=loudness)
    assert segments.class_of.tolist() == [0, 1]
    mean_power = (1e-4 + 1e-3) / 2
    np.testing.assert_allclose(segments.loudness, [-20, 10 * np.log10(mean_power)])


def test_foils_are_mutual_so_that_each_pair_counts_once(protocol):
    foils = protocol.segments.foils(20)
    assert (foils == foils.T).all()
    pairs = foil_pairs(foils)
    assert len(pairs) == foils.sum() // 2
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert foils[pairs[:, 0], pairs[:, 1]].all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_too_few_segments_are_refused_with_the_remedy():
    with pytest.raises(InputError, match="at least 2"):
        make_segments(np.zeros(15, int), 10)


def test_segments_without_any_foil_are_refused_with_the_remedy(protocol):
    classes = np.arange(400) // 20
    segments = make_segments(fold_numbers(400, protocol.folds), 10, classes=classes)
    with pytest.raises(InputError, match="has a foil"):
        segments.some_foils()
