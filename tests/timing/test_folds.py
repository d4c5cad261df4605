"""Folds never let the future, the neighbours or another run's border leak into training."""

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.timing import (
    contiguous_folds,
    inner_folds,
    leave_one_subject_out,
    run_index,
    shift_within_runs,
)


@pytest.mark.parametrize(
    ("n_trs", "run_onsets"), [(300, (0,)), (800, (0, 400)), (1976, (0, 946)), (600, (0, 100, 350))]
)
def test_every_tr_is_tested_once_in_a_stretch_of_one_run(n_trs, run_onsets):
    folds = contiguous_folds(n_trs, 5, 20, run_onsets)
    run_of = run_index(n_trs, run_onsets)
    assert len(folds) == 5
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(n_trs))
    for _, test in folds:
        assert np.all(np.diff(test) == 1)
        assert len(set(run_of[test])) == 1


@pytest.mark.parametrize("embargo", [0, 1, 20])
def test_training_keeps_exactly_the_rows_beyond_the_embargo(embargo):
    run_onsets = (0, 190)
    run_of = run_index(400, run_onsets)
    for train, test in contiguous_folds(400, 6, embargo, run_onsets):
        distance = np.abs(np.arange(400)[:, None] - test[None]).min(1)
        expected = np.flatnonzero((run_of != run_of[test[0]]) | (distance > embargo))
        assert np.array_equal(train, expected)


def test_embargo_does_not_reach_across_a_run_border():
    train, test = contiguous_folds(200, 2, 20, (0, 100))[0]
    assert np.array_equal(test, np.arange(100))
    assert np.array_equal(train, np.arange(100, 200))


def test_inner_folds_stay_in_the_training_set_and_keep_the_embargo():
    run_of = run_index(800, (0, 400))
    for train, test in contiguous_folds(800, 5, 20, (0, 400)):
        inner = inner_folds(train, run_of, 5, 20)
        assert len(inner) >= 5
        for inner_train, inner_test in inner:
            assert set(inner_train) | set(inner_test) <= set(train)
            assert not set(test) & (set(inner_train) | set(inner_test))
            assert np.all(np.diff(inner_test) == 1)
            same_run = inner_train[run_of[inner_train] == run_of[inner_test[0]]]
            assert np.abs(same_run[:, None] - inner_test[None]).min(initial=99) > 20


def test_shift_within_runs_delays_each_run_and_never_crosses_a_border():
    x = np.array([0, 1, 2, 3, 10, 11, 12])
    assert np.array_equal(x[shift_within_runs(7, 1, (0, 4))], [3, 0, 1, 2, 12, 10, 11])
    assert np.array_equal(x[shift_within_runs(7, 0, (0, 4))], x)


def test_leave_one_subject_out_leaves_each_out_once():
    pairs = leave_one_subject_out(3)
    assert [list(out) for _, out in pairs] == [[0], [1], [2]]
    assert [list(kept) for kept, _ in pairs] == [[1, 2], [0, 2], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_trs": 100, "n_folds": 1}, "n_folds=1"),
        ({"n_trs": 100, "n_folds": 2, "run_onsets": (0, 30, 60)}, "at least 3 folds"),
        ({"n_trs": 100, "embargo": -1}, "embargo=-1"),
        ({"n_trs": 40, "embargo": 40}, "to train"),
        ({"n_trs": 100, "run_onsets": (5,)}, "begin with 0"),
        ({"n_trs": 100, "run_onsets": (0, 100)}, "below n_trs=100"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(arguments, message):
    with pytest.raises(InputError, match=message):
        contiguous_folds(**arguments)


def test_too_few_training_rows_for_inner_folds_say_so():
    with pytest.raises(InputError, match="too few to choose"):
        inner_folds(np.arange(15), np.zeros(15, int), 5, 20)


def test_one_subject_cannot_be_left_out():
    with pytest.raises(InputError, match="n_subjects=1"):
        leave_one_subject_out(1)
