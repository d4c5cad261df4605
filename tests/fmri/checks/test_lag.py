"""A wrong clock shows as a lag."""

import numpy as np
import pandas as pd
import pytest
from data_sets import SHAPE, T_R, manifest_of, problems_of, write_image
from scipy.signal import fftconvolve
from scipy.stats import gamma

from giblet_core.sound import save_audio
from giblet_core.timing import hrf


def test_a_shift_that_was_not_declared_shows_as_a_lag(folder, rng):
    rate, n = 8000, 8000 * 226
    level = np.repeat(np.exp(rng.standard_normal(113)), 2 * rate)[:n]
    wave = np.clip(0.05 * level * rng.standard_normal(n), -1, 1).astype(np.float32)
    save_audio(folder / "film.wav", wave, rate)
    power = (np.mean(wave.reshape(-1, 400) ** 2, axis=1) ** 0.15)[:, None].astype(float)
    response = hrf.convolve(power - power.mean(), 20, T_R, n_trs=150)[:, 0]
    response /= response.std()
    for s in (1, 2, 3):
        for run, first, n_trs in (("scan1", 0, 70), ("scan2", 70, 80)):
            row = np.roll(response, -3)[first : first + n_trs]  # row i was acquired 3 TRs later
            write_image(
                folder / f"s{s}_{run}.nii.gz",
                100 + row + 0.5 * rng.standard_normal((*SHAPE, n_trs)),
            )
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}))
    assert len(found) == 1
    assert "3 TRs too early" in found[0]
    assert "Try label_shift_trs: 3" in found[0]
    assert not [
        p
        for p in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, label_shift_trs=3))
        if "note" not in p
    ]
    for s in (1, 2, 3):  # the first scan on its clock, the second 3 TRs off it
        write_image(
            folder / f"s{s}_scan1.nii.gz",
            100 + 0.3 * response[:70] + 2 * rng.standard_normal((*SHAPE, 70)),
        )
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    assert (
        "3 TRs too early"
        in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))[0]
    )
    runs[1]["locked"] = True  # is not compared with the sound
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))
    assert not [p for p in found if "label_shift_trs" in p]
    assert "note: runs.scan2.locked" in [p.split("=")[0] for p in found]


# --- clock and latency -----------------------------------------------------------------------

RATE_HZ = 8000
N_TRS = (340, 340)
TABLE = {"pattern": "t{subject}_{run}.tsv", "subjects": [1, 2], "format": "roi_table"}
SLOW_RUNS = [
    {"name": "scan1", "n_trs": 340, "stimulus_start_s": 0.0},
    {"name": "scan2", "n_trs": 340, "stimulus_start_s": 510.0},
]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Tables of two regions that answer a sound, 4.5 and 6 s after it; the second run may be off.

    Returns a function (seconds that all rows are late, and those of the second run more) -> folder.
    """
    rng = np.random.default_rng(2)
    n_seconds = 1040
    level = np.repeat(np.exp(rng.standard_normal(n_seconds * 2)), RATE_HZ // 2)
    wave = np.clip(0.05 * level * rng.standard_normal(len(level)), -1, 1).astype(np.float32)
    track = np.repeat(level[:: RATE_HZ // 2] ** 0.3, 25)
    answers = [
        fftconvolve(track - track.mean(), glover_like(peak_s))[: len(track)] for peak_s in (4.5, 6)
    ]

    def write(late_s, second_late_s=0.0):
        folder = tmp_path_factory.mktemp("heard")
        save_audio(folder / "film.wav", wave, RATE_HZ)
        for subject in (1, 2):
            for i, run in enumerate(SLOW_RUNS):
                middles = run["stimulus_start_s"] + (np.arange(340) + 0.5) * T_R
                times = middles - late_s - i * second_late_s
                columns = [np.interp(times * 50, np.arange(len(x)), x, left=0) for x in answers]
                columns = [x / x.std() + rng.standard_normal(340) for x in columns]
                table = pd.DataFrame(np.array(columns).T + 100, columns=["A1", "STG"])
                table.to_csv(folder / f"t{subject}_{run['name']}.tsv", sep="\t", index=False)
        return folder

    return write


def glover_like(peak_s):
    times = np.arange(0, 32, 1 / 50)
    rise = gamma.pdf(times, 6, scale=peak_s / 5)
    return rise - 0.2 * gamma.pdf(times, 16, scale=(peak_s + 10) / 15)


def found_in(folder, **changes):
    options = {"runs": SLOW_RUNS, "bold": TABLE, "mask": None, "slice_time_ref": 0.5}
    stimulus = {"file": "film.wav"}
    return problems_of(manifest_of(folder, **{**options, "stimulus": stimulus, **changes}))


def test_the_delay_of_each_region_is_noted_and_the_assumption_named(heard):
    (note,) = found_in(heard(0.0))
    assert note.startswith("note: clock=A1 +4.")
    assert "STG +" in note
    assert "cannot be separated" in note
    assert "peak 4 to 7 s after the sound" in note


def test_a_clock_that_no_latency_explains_is_a_warning(heard):
    found = found_in(heard(4.5))
    assert any("Try label_shift_trs: -3" in p for p in found)
    (warning,) = found_in(heard(-1.9))  # less than 2 TRs: only the interval tells
    assert warning.startswith("warning: clock=A1 +2.")
    assert "unless the clock is -" in warning


def test_a_response_that_is_declared_and_was_not_applied_is_noticed(heard):
    found = found_in(heard(0.0), preprocessing={"hrf": True})
    assert any(
        "preprocessing.hrf=true: BOLD answers the sound as series without it do" in p for p in found
    )


def test_a_run_whose_clock_differs_is_named(heard):
    found = found_in(heard(0.0, second_late_s=3.0))
    assert any(
        p.startswith("warning: runs.scan2.stimulus_start_s=510 s: BOLD of this run follows")
        for p in found
    )
