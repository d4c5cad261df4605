"""Responses peak where they are asked to, and nothing comes before its cause."""

import numpy as np
import pytest
from nilearn.glm.first_level import spm_hrf

from giblet_core.simulations import RESPONSES, RegionResponse, respond
from giblet_core.timing import TRGrid

T_S = (np.arange(320) + 0.5) / 10


@pytest.mark.parametrize("shape", RESPONSES)
@pytest.mark.parametrize("peak_s", [4.0, 5.5, 7.0])
def test_a_response_peaks_where_it_is_asked_to(shape, peak_s):
    kernel = RegionResponse(shape, peak_s, 1.0, 0.15).kernel()
    tolerance_s = 0.1 if shape != "logistic steps" else 0.6  # which has a flat top
    assert T_S[kernel.argmax()] == pytest.approx(peak_s, abs=tolerance_s)
    assert np.linalg.norm(kernel) == pytest.approx(1)
    assert abs(kernel[0]) < 0.05 * kernel.max()
    assert abs(kernel[-1]) < 0.05 * kernel.max()


@pytest.mark.parametrize("shape", RESPONSES)
def test_undershoot_and_width_are_those_asked_for(shape):
    def kernel(width, undershoot):
        return RegionResponse(shape, 5.0, width, undershoot).kernel()

    assert kernel(1.0, 0.3).min() < 2 * kernel(1.0, 0.1).min() < 0
    half = [np.count_nonzero(k > k.max() / 2) for k in (kernel(0.8, 0.1), kernel(1.25, 0.1))]
    assert half[1] > 1.2 * half[0]


def test_the_canonical_response_is_that_of_the_literature():
    """SPM's, which peaks at 5 s and has a sixth of undershoot."""
    ours = RegionResponse("double gamma", 5.0, 1.0, 0.1).kernel()
    theirs = spm_hrf(0.1, oversampling=1, time_length=32)
    assert np.corrcoef(ours, theirs[: len(ours)])[0, 1] > 0.97


@pytest.mark.parametrize("t_r", [0.72, 1.5, 2.0])
def test_an_impulse_is_answered_after_it_and_not_before(t_r):
    tracks = np.zeros((1, 2_000))
    tracks[0, 900] = 1  # from 90 to 90.1 s
    grid = TRGrid(t_r, int(180 / t_r), 10.0)
    kernel = RegionResponse("double gamma", 5.0, 1.0, 0.15).kernel()
    series = respond(tracks, kernel[None], [grid])[0]
    times_s = grid.times()
    assert np.abs(series[times_s <= 90.0]).max() < 1e-12
    assert times_s[series.argmax()] == pytest.approx(95, abs=t_r)


def test_responses_are_the_sum_over_what_was_heard():
    """Each value is the kernel laid over the last 32 s of the run."""
    rng = np.random.default_rng(0)
    tracks = rng.standard_normal((2, 1_500))
    kernels = np.stack([RegionResponse(s, 5.0, 1.0, 0.1).kernel() for s in list(RESPONSES)[:2]])
    grids = [TRGrid(2.0, 30, 0.0), TRGrid(2.0, 20, 80.0)]
    found = respond(tracks, kernels, grids)
    for grid, first in zip(grids, (0, 30)):
        for i in (0, 3, 19):
            start = int(grid.onset_s * 10)
            heard = tracks[:, start : start + i * 20][:, ::-1][:, :320]
            expected = (heard * kernels[:, : heard.shape[1]]).sum(1)
            assert found[:, first + i] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("slice_time_ref", [0.0, 0.5, 1.0])
def test_samples_are_taken_where_the_grid_says(slice_time_ref):
    """Sampled half a TR later, a series is that of a run that began half a TR later."""
    tracks = np.cumsum(np.random.default_rng(0).standard_normal((1, 900)), axis=1)
    kernel = RegionResponse("double gamma", 5.0, 1.0, 0.1).kernel()[None]
    sampled = respond(tracks, kernel, [TRGrid(2.0, 40, 4.0, slice_time_ref, 4.0)])
    later = respond(tracks, kernel, [TRGrid(2.0, 40, 4.0 + 2 * slice_time_ref, 0.0, 20.0)])
    assert sampled == pytest.approx(later)


def test_what_was_heard_before_the_run_reaches_into_it():
    tracks = np.zeros((1, 900))
    tracks[0, 195] = 1  # half a second before the run
    kernel = RegionResponse("double gamma", 5.0, 1.0, 0.1).kernel()[None]
    without = respond(tracks, kernel, [TRGrid(1.0, 30, 20.0)])
    with_history = respond(tracks, kernel, [TRGrid(1.0, 30, 20.0, 0.0, 6.0)])
    assert (without == 0).all()
    assert with_history[0].argmax() in (4, 5)


def test_one_track_is_answered_by_each_kernel():
    rng = np.random.default_rng(0)
    tracks = rng.standard_normal((1, 900))
    kernels = np.stack([RegionResponse("double gamma", p, 1, 0).kernel() for p in (4.0, 7.0)])
    grids = [TRGrid(1.5, 60)]
    repeated = respond(np.repeat(tracks, 2, axis=0), kernels, grids)
    assert respond(tracks, kernels, grids) == pytest.approx(repeated)


def test_drawn_responses_lie_in_the_range_of_brains():
    rng = np.random.default_rng(0)
    drawn = [RegionResponse.draw(rng) for _ in range(400)]
    peaks_s = np.array([response.peak_s for response in drawn])
    assert (peaks_s >= 4).all()
    assert (peaks_s <= 7).all()
    assert np.ptp(peaks_s) > 2.8
    shares = [np.mean([r.shape == shape for r in drawn]) for shape in RESPONSES]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.08)
