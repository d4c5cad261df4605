"""The simulator's time line: bins hold means, the response is causal and peaks where it should."""

import numpy as np
import pytest

from giblet_core.timing import TRGrid
from giblet_core.validation.simulation import respond, response_kernel, to_bins


def test_bins_hold_the_mean_of_their_frames():
    x = np.arange(750.0)[:, None]  # 10 s at 75 Hz
    bins = to_bins(x, 75, 100)[:, 0]
    assert bins[:2] == pytest.approx([np.mean(range(8)), np.mean(range(8, 15))])
    assert np.average(bins, weights=[8, 7] * 50) == pytest.approx(x.mean())


def test_the_last_frame_is_repeated_where_frames_end_early():
    bins = to_bins(np.arange(75.0)[:, None], 75, 14)[:, 0]
    assert bins[8] == pytest.approx(np.mean(range(60, 68)))
    assert (bins[10:] == 74).all()


def test_the_response_is_causal_and_peaks_where_it_should():
    x = np.zeros((1000, 1))
    x[300] = 1.0  # a pulse from 30.0 to 30.1 s
    y = respond(x, response_kernel(5.0), TRGrid(0.5, 199))[:, 0]
    assert (np.abs(y[:60]) < 1e-12).all()
    assert 30 + 4.5 <= 0.5 * np.argmax(y) <= 30 + 5.5


def test_nothing_heard_before_a_run_is_remembered_in_it():
    x = np.zeros((1000, 1))
    x[295] = 1.0
    assert np.abs(respond(x, response_kernel(5.0), TRGrid(1.5, 40, 30.0))).max() < 1e-12


@pytest.mark.parametrize("slice_time_ref", [0.5, 1.0])
def test_volumes_are_sampled_when_the_grid_says(rng, slice_time_ref):
    """Twice as fine a grid holds the samples of the middles and ends of volumes."""
    tracks = rng.standard_normal((900, 2))
    kernel = response_kernel(5.5)
    fine = respond(tracks, kernel, TRGrid(1.0, 81))
    coarse = respond(tracks, kernel, TRGrid(2.0, 40, slice_time_ref=slice_time_ref))
    first = int(2 * slice_time_ref)
    np.testing.assert_allclose(coarse, fine[first : first + 80 : 2], atol=1e-12)


def test_what_was_heard_before_a_run_is_remembered_where_the_grid_says_so(rng):
    tracks = rng.standard_normal((900, 2))
    kernel = response_kernel(5.5)
    long = respond(tracks, kernel, TRGrid(2.0, 40))
    later = respond(tracks, kernel, TRGrid(2.0, 30, 20.0, history_s=20.0))
    np.testing.assert_allclose(later, long[10:], atol=1e-12)
    deaf = respond(tracks, kernel, TRGrid(2.0, 30, 20.0))
    assert np.abs(deaf - long[10:]).max() > 0.01
