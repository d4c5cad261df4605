"""Frames and TRs: exact, lossless, for any TR."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.codecs import frame_at
from giblet_core.errors import InputError
from giblet_core.timing import TRGrid, cut, pool, run_onsets, uncut

TRS = [0.72, 1.49, 1.5, 2.0, 0.8, 1 / 3]


def random_codes(n_frames, k=8, seed=0):
    indices = np.random.default_rng(seed).integers(0, 1024, (k, n_frames))
    return made_up_codes(indices)


@pytest.mark.parametrize("t_r", TRS)
@pytest.mark.parametrize("onset_s", [0.0, 0.1, 4.5])
def test_edges_are_the_floor_of_the_rational_time(t_r, onset_s):
    grid = TRGrid(t_r, 200, onset_s)
    exact = [floor((Fraction(str(onset_s)) + i * Fraction(str(t_r))) * 75) for i in range(201)]
    assert grid.frame_edges(75.0).tolist() == exact


def test_binary_floats_would_be_wrong_where_fractions_are_right():
    assert floor(9 * 0.72 * 75) == 485  # 9 TRs of 0.72 s are 6.48 s, which is frame 486
    assert TRGrid(0.72, 9).frame_edges(75)[9] == 486
    assert frame_at(6.48, 75) == 486


@pytest.mark.parametrize("rate", [12.5, 50.0, 75.0, 44_100 / 512])
def test_trs_hold_the_floor_of_their_frames_or_one_more(rate):
    grid = TRGrid(1.49, 300)
    n = grid.frames_a_tr(rate)
    edges = grid.frame_edges(rate)
    assert n == floor(Fraction("1.49") * Fraction(str(rate)))
    assert set(np.diff(edges)) <= {n, n + 1}
    exact = np.array([float(grid.edge(i)) * rate for i in range(301)])
    assert np.abs(edges - exact).max() <= 1


def test_a_tr_shorter_than_a_frame_is_an_error():
    slow = made_up_codes(np.zeros((1, 40), int), frame_rate=12.5)
    with pytest.raises(InputError, match="the TR is shorter than a frame"):
        TRGrid(0.05, 4).windows(slow)


@pytest.mark.parametrize("t_r", TRS)
@pytest.mark.parametrize("onset_s", [0.0, 3.37])
def test_windows_and_join_lose_nothing(t_r, onset_s):
    codes = random_codes(4000)
    grid = TRGrid(t_r, 20, onset_s)
    windows = grid.windows(codes)
    edges = grid.frame_edges(75.0)
    joined = grid.join(windows)
    assert windows.array.shape == (20, 8, floor(Fraction(str(t_r)) * 75))
    assert windows.array.dtype == np.int32
    assert np.array_equal(joined.indices, codes.indices[:, edges[0] : edges[-1]])
    assert joined == codes.crop_frames(edges[0], edges[-1])


def test_920_trs_of_1_5_s_hold_103500_frames_not_103040():
    windows = TRGrid(1.5, 920).windows(random_codes(103_500))
    assert windows.array.shape == (920, 8, 112)
    # a frame every second TR: the predecessor dropped these, 6.1 s in all
    assert windows.extra_frames.shape == (460, 8)
    assert TRGrid(1.5, 920).join(windows).n_frames == 103_500


def test_a_pulse_is_found_in_its_tr():
    codes = random_codes(1500).with_indices(np.zeros((8, 1500), int))
    marked = codes.indices.copy()
    marked[:, frame_at(10.49, 75)] = 1023
    windows = TRGrid(1.5, 13).windows(codes.with_indices(marked))
    assert np.flatnonzero(windows.array.max((1, 2))).tolist() == [6]


def test_bold_longer_than_the_sound_is_an_error_with_the_remedy():
    with pytest.raises(
        InputError, match=r"n_trs=11: ends at 16.5 s but the sound at 15 s.*Use n_trs=10"
    ):
        TRGrid(1.5, 11).windows(random_codes(1125))


def test_a_scanner_that_began_before_the_sound_is_an_error():
    with pytest.raises(InputError, match="begins before the sound. Drop the first 2 TRs"):
        TRGrid(1.5, 5, onset_s=-3.0).windows(random_codes(1125))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"t_r": 0, "n_trs": 5}, "t_r=0"),
        ({"t_r": float("nan"), "n_trs": 5}, "t_r=nan"),
        ({"t_r": 1.5, "n_trs": 0}, "n_trs=0"),
    ],
)
def test_impossible_grids_are_errors(kwargs, message):
    with pytest.raises(InputError, match=message):
        TRGrid(**kwargs)


def test_covering_takes_whole_trs_only():
    assert TRGrid.covering(16.49, 1.5).n_trs == 10
    assert TRGrid.covering(16.5, 1.5).n_trs == 11
    assert TRGrid.covering(16.5, 1.5, onset_s=1.0).n_trs == 10
    with pytest.raises(InputError, match="hold no whole TR"):
        TRGrid.covering(1.4, 1.5)


def test_joining_with_another_grid_is_an_error():
    windows = TRGrid(1.5, 10).windows(random_codes(1125))
    with pytest.raises(InputError, match="Join with the grid that cut"):
        TRGrid(1.5, 9).join(windows)


def test_cut_and_uncut_are_inverse_on_any_array(rng):
    x = rng.standard_normal((5, 1000))
    edges = np.array([3, 115, 228, 340, 453])
    windows = cut(x, edges, 112)
    assert windows.extra_trs.tolist() == [1, 3]
    assert np.array_equal(uncut(windows.array, windows.extra_frames, edges), x[:, 3:453])


def test_the_old_names_of_extra_frames_still_answer():
    windows = TRGrid(1.5, 10).windows(random_codes(1125))
    with pytest.warns(DeprecationWarning, match="odd has been renamed extra_frames"):
        assert np.array_equal(windows.odd, windows.extra_frames)
    with pytest.warns(DeprecationWarning, match="odd_trs has been renamed extra_trs"):
        assert np.array_equal(windows.odd_trs, windows.extra_trs)


def test_pooling_equals_the_mean_of_each_window(rng):
    x = rng.standard_normal((4, 1125))
    edges = TRGrid(1.5, 10).frame_edges(75)
    expected = np.stack([x[:, a:b].mean(1) for a, b in zip(edges[:-1], edges[1:])])
    assert np.allclose(pool(x, edges), expected, atol=1e-12)
    assert np.allclose(pool(np.ones((1, 1125), np.float32), edges), 1)


def test_labels_are_never_averaged():
    with pytest.raises(InputError, match="integer codes are labels"):
        pool(random_codes(1125).indices, TRGrid(1.5, 10).frame_edges(75))


def test_times_are_those_of_the_samples():
    grid = TRGrid(2.0, 3, onset_s=20.0, slice_time_ref=0.25)
    assert grid.times().tolist() == [20.5, 22.5, 24.5]
    assert grid.middles().tolist() == [21.0, 23.0, 25.0]


def test_a_sample_lies_in_its_tr_and_history_is_not_negative():
    with pytest.raises(InputError, match="slice_time_ref=1.5: must lie in 0 to 1"):
        TRGrid(2.0, 3, slice_time_ref=1.5)
    with pytest.raises(InputError, match="history_s=-1: must be 0 or more"):
        TRGrid(2.0, 3, history_s=-1)
    assert TRGrid(2.0, 3, 20.0, history_s=5.5).heard_from == 14.5
    assert TRGrid(2.0, 3, 4.0, history_s=5.5).heard_from == 0


def test_runs_begin_where_those_before_end():
    grids = (TRGrid(1.5, 10), TRGrid(1.5, 8, 18.0), TRGrid(1.5, 5, 40.0))
    assert run_onsets(grids) == (0, 10, 18)
    assert run_onsets(grids[:1]) == (0,)
