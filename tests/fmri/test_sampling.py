"""When a volume was sampled, and what was heard before it, reach every feature through the grid."""

import numpy as np
import pytest
from data_sets import T_R, manifest_of
from nilearn.glm.first_level import glover_hrf

from giblet_core.features import pooled
from giblet_core.fmri import load_dataset
from giblet_core.timing import hrf

RATE_HZ = 50.0
N_SECONDS = 240


@pytest.fixture
def track(rng):
    """Return something that changes fast: (1, n_frames)."""
    levels = rng.standard_normal(N_SECONDS * 2)
    return np.repeat(levels, int(RATE_HZ) // 2)[None]


def planted(track, times_s):
    """Return what a brain would answer at some times, on a fine time line of its own."""
    kernel = glover_hrf(1 / RATE_HZ, oversampling=1)
    fine = np.convolve(track[0], kernel)[: track.shape[1]]
    return np.interp(times_s, np.arange(len(fine)) / RATE_HZ, fine)


def grids_of(folder, **changes):
    return load_dataset(manifest_of(folder, **changes)).grids


def r_of(x, y):
    return np.corrcoef(x, y)[0, 1]


RUNS = [{"name": "scan1", "n_trs": 70, "stimulus_start_s": 3.0, "dummy_trs": 4, "history_s": 3.0}]
BOLD = {"pattern": "s{subject}_{run}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"}


@pytest.mark.parametrize("slice_time_ref", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sample", ["pooled", "at_trs"])
def test_a_response_is_found_at_lag_0_only_where_its_sampling_is_passed(
    folder, track, slice_time_ref, sample
):
    answers = {}
    for ref in (0.0, 0.5, 1.0):
        (grid,) = grids_of(folder, runs=RUNS, bold=BOLD, slice_time_ref=ref)
        assert grid.onset_s == 3.0 + 4 * T_R
        assert grid.heard_from == 0
        if sample == "pooled":
            answers[ref] = pooled(track, RATE_HZ, grid, ("mean",))[:, 0]
        else:
            answers[ref] = hrf.at_trs(track.T.copy(), RATE_HZ, grid)[:, 0]
    times_s = 9.0 + (np.arange(66) + slice_time_ref) * T_R
    bold = planted(track, times_s)
    assert r_of(answers[slice_time_ref], bold) > 0.999
    others = [r_of(answers[ref], bold) for ref in answers if ref != slice_time_ref]
    assert max(others) < 0.97
    answer = answers[slice_time_ref]
    by_lag = [r_of(answer[5:-5], np.roll(bold, -lag)[5:-5]) for lag in range(-4, 5)]
    assert np.argmax(by_lag) == 4


def test_what_was_heard_in_dropped_volumes_reaches_into_the_run(folder, track):
    whole, second = grids_of(folder)
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0, "dummy_trs": 7},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    exclude = [{"run": "scan1", "first_trs": 5, "why": "cartoon"}]
    cropped, _ = grids_of(folder, runs=runs, exclude=exclude)
    assert cropped.history_s == 12 * T_R
    assert second.history_s == 0  # the scanner stood still before it
    long = pooled(track, RATE_HZ, whole)
    np.testing.assert_allclose(pooled(track, RATE_HZ, cropped), long[12:], atol=1e-6)


def test_rows_that_were_relabelled_heard_the_sound_from_its_beginning(folder):
    first, _ = grids_of(folder, label_shift_trs=3)
    assert (first.onset_s, first.history_s) == (4.5, 4.5)


def test_a_sound_that_begins_after_the_scanner_has_no_history_before_itself(folder):
    runs = [{"name": "scan1", "n_trs": 70, "stimulus_start_s": -5.0}]
    (grid,) = grids_of(folder, runs=runs, bold=BOLD)
    assert (grid.onset_s, grid.history_s) == (1.0, 1.0)
