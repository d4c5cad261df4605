"""Configurations refuse what makes no sense; time is split without leaks."""

import dataclasses

import numpy as np
import pytest

from giblet_core.autoencoder import History, NetworkConfig, TimeSplit, TrainConfig, split_time
from giblet_core.errors import InputError


def test_unknown_keys_and_wrong_values_fail():
    with pytest.raises(TypeError, match="learning_rat"):
        TrainConfig(learning_rat=0.1)
    with pytest.raises(TypeError, match="embed_dimm"):
        NetworkConfig(embed_dimm=4)
    with pytest.raises(InputError, match="steps=0"):
        TrainConfig(steps=0)
    with pytest.raises(InputError, match="the fractions sum to less than 1"):
        TrainConfig(validation_fraction=0.5, test_fraction=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().steps = 3


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_purposes_are_apart_by_the_embargo(n_blocks):
    config = TrainConfig(n_blocks=n_blocks, embargo_s=4.0)
    split = split_time(90_000, 75.0, config)
    purpose_of = np.full(90_000, "", dtype=object)
    for purpose in ("train", "validation", "test"):
        for start, stop in split.stretches(purpose):
            assert (purpose_of[start:stop] == "").all()
            purpose_of[start:stop] = purpose
    named = np.flatnonzero(purpose_of != "")
    changes = [(a, b) for a, b in zip(named, named[1:]) if purpose_of[a] != purpose_of[b]]
    assert len(changes) == 3 * n_blocks - 1
    assert min(b - a - 1 for a, b in changes) >= 300
    assert (purpose_of == "test").mean() == pytest.approx(0.15, abs=0.001)


def test_windows_begin_at_any_frame_and_stay_in_their_stretch():
    split = TimeSplit(train=((0, 30), (50, 75)), validation=(), test=((90, 95),))
    np.testing.assert_array_equal(split.starts("train", 24, 1), [0, 1, 2, 3, 4, 5, 6, 50, 51])
    np.testing.assert_array_equal(split.starts("train", 12), [0, 12, 50, 62])
    assert len(split.starts("test", 24)) == 0
    assert len(split.starts("validation", 24)) == 0


def test_chosen_windows_are_spread_over_the_stretches():
    split = TimeSplit(train=((0, 50), (100, 150)), validation=(), test=())
    np.testing.assert_array_equal(split.spread_starts("train", 10, 3), [0, 40, 140])
    np.testing.assert_array_equal(split.spread_starts("train", 25, 9), [0, 25, 100, 125])
    assert len(split.spread_starts("test", 10, 3)) == 0


def test_what_is_taken_of_a_purpose_is_joined_in_time():
    split = TimeSplit(train=((0, 2), (5, 6)), validation=(), test=())
    frames = np.arange(14).reshape(2, 7)
    np.testing.assert_array_equal(split.take("train", frames), [[0, 1, 5], [7, 8, 12]])


def test_the_share_of_a_stretch_in_training_time():
    split = TimeSplit(((0, 10), (20, 30)), ((10, 15),), ((15, 20),))
    shares = [split.share(purpose, 5, 25) for purpose in ("train", "validation", "test")]
    assert shares == [0.5, 0.25, 0.25]


def test_a_history_averages_over_codebooks():
    history = History("bits/token", [0, 4], [[4.0, 2.0], [2.0, 0.0]], [[5.0, 5.0], [6.0, 4.0]])
    assert history.mean("train").tolist() == [3.0, 1.0]
    assert history.mean("validation").tolist() == [5.0, 5.0]
