"""The clock is exact."""

import nibabel as nib
import numpy as np
import pytest
from data_sets import T_R, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset
from giblet_core.sound import save_audio


def test_rows_are_put_back_on_the_clock_on_which_they_were_acquired(folder):
    data = load_dataset(manifest_of(folder, label_shift_trs=3))
    assert [g.onset_s for g in data.grids] == [4.5, 109.5]
    data = load_dataset(
        manifest_of(
            folder,
            runs=[
                {"name": "scan1", "n_trs": 70, "stimulus_start_s": -6.0, "dummy_trs": 10},
                {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.3, "dummy_trs": 2},
            ],
        )
    )
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [(9.0, 60), (108.3, 78)]


def test_a_slow_scanner_clock_is_scaled_exactly(folder):
    data = load_dataset(manifest_of(folder, stimulus={"clock_ratio": 1.2}))
    assert data.grids[1].t_r == 1.25
    assert data.grids[1].onset_s == 105.0


def test_bold_longer_than_the_sound_is_an_error_but_the_last_acquired_rows_after_a_shift_are_a_note(
    folder, rng
):
    save_audio(
        folder / "short.wav",
        np.clip(0.1 * rng.standard_normal(8000 * 200), -1, 1).astype(np.float32),
        8000,
    )
    path = manifest_of(folder, stimulus={"file": "short.wav"})
    assert any("BOLD must not be longer than the sound (200 s)" in p for p in problems_of(path))
    with pytest.raises(InputError, match="longer than the sound"):
        load_dataset(path)
    path = manifest_of(
        folder, stimulus={"file": "film.wav"}, label_shift_trs=3
    )  # 226 s of sound, rows up to 229.5 s
    assert problems_of(path) == [
        "note: runs.scan2=3 TRs: lie off the sound on the restored clock. They are left out."
    ]
    assert [g.n_trs for g in load_dataset(path).grids] == [70, 77]


# --- dummies and starts of single subjects ---------------------------------------------------


def series_of(folder, subject, run):
    """Return the one voxel that the tests look at, volume by volume, from its file."""
    return nib.load(folder / f"s{subject}_{run}.nii.gz").get_fdata(dtype=np.float32)[1, 1, 1]


def runs_with(**changes):
    first = {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0, **changes}
    return [first, {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0}]


def test_dummies_of_one_subject_are_left_out_for_all_on_the_same_clock(folder):
    runs = runs_with(dummy_trs=2, subjects={"3": {"dummy_trs": 5}})
    data = load_dataset(manifest_of(folder, runs=runs))
    assert problems_of(manifest_of(folder, runs=runs)) == []
    assert (data.grids[0].onset_s, data.grids[0].n_trs) == (5 * T_R, 65)
    assert data.grids[0].history_s == 5 * T_R
    for subject in (1, 3):
        expected = series_of(folder, subject, "scan1")[5:]
        assert np.array_equal(data.bold(subject)[:65, 0], expected)


def write_longer(folder, subject, n_more):
    """Give a subject volumes before those that are there: the scanner started earlier."""
    path = folder / f"s{subject}_scan1.nii.gz"
    data = nib.load(path).get_fdata(dtype=np.float32)
    more = 100 + np.random.default_rng(9).standard_normal((*data.shape[:3], n_more))
    write_image(path, np.concatenate([more, data], axis=-1))


def test_a_scanner_that_started_earlier_for_one_subject_is_the_same_clock(folder):
    """Four volumes more before the sound change neither the series nor the clock."""
    before = load_dataset(manifest_of(folder, runs=runs_with(dummy_trs=2)))
    expected = before.bold(3)
    write_longer(folder, 3, 4)
    own = {"stimulus_start_s": -4 * T_R, "n_trs": 74, "dummy_trs": 6}
    path = manifest_of(folder, runs=runs_with(dummy_trs=2, subjects={3: own}))
    assert problems_of(path) == []
    after = load_dataset(path)
    assert after.grids == before.grids
    assert np.array_equal(after.bold(3), expected)
    assert np.array_equal(after.bold(1), before.bold(1))


def test_without_dummies_of_its_own_an_earlier_start_drops_what_others_drop(folder):
    """`dummy_trs` counts volumes of the file; it moves nothing in time."""
    write_longer(folder, 3, 4)
    own = {"stimulus_start_s": -4 * T_R, "n_trs": 74}
    data = load_dataset(manifest_of(folder, runs=runs_with(dummy_trs=2, subjects={3: own})))
    assert (data.grids[0].onset_s, data.grids[0].n_trs) == (2 * T_R, 68)
    assert data.bold(3)[0, 0] == series_of(folder, 3, "scan1")[6]


def test_excluded_rows_of_a_subject_count_from_its_own_dummies(folder):
    write_longer(folder, 3, 4)
    own = {"stimulus_start_s": -4 * T_R, "n_trs": 74, "dummy_trs": 5}
    exclude = [
        {"subject": 3, "run": "scan1", "first_trs": 3, "last_trs": 6, "why": "asleep"},
        {"run": "scan1", "last_trs": 2, "why": "credits"},
    ]
    runs = runs_with(dummy_trs=2, subjects={3: own})
    data = load_dataset(manifest_of(folder, runs=runs, exclude=exclude))
    assert (data.grids[0].onset_s, data.grids[0].n_trs) == (4 * T_R, 60)
    assert np.array_equal(data.bold(3)[:60, 0], series_of(folder, 3, "scan1")[8:68])
    assert np.array_equal(data.bold(2)[:60, 0], series_of(folder, 2, "scan1")[4:64])


def test_a_shorter_file_of_one_subject_shortens_the_run_for_all(folder):
    path = folder / "s2_scan1.nii.gz"
    write_image(path, nib.load(path).get_fdata(dtype=np.float32)[..., :61])
    assert any("61 TRs: the manifest declares 70" in p for p in problems_of(manifest_of(folder)))
    manifest = manifest_of(folder, runs=runs_with(subjects={2: {"n_trs": 61}}))
    assert problems_of(manifest) == []
    assert [grid.n_trs for grid in load_dataset(manifest).grids] == [61, 80]


def test_joined_files_of_subjects_with_other_dummies(folder):
    """The second run lies later in the file of a subject whose first run is longer."""
    write_longer(folder, 3, 4)
    for subject in (1, 2, 3):
        parts = [
            nib.load(folder / f"s{subject}_{run}.nii.gz").get_fdata(dtype=np.float32)
            for run in ("scan1", "scan2")
        ]
        write_image(folder / f"j{subject}.nii.gz", np.concatenate(parts, axis=-1))
    bold = {"pattern": "j{subject}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"}
    own = {"stimulus_start_s": -4 * T_R, "n_trs": 74, "dummy_trs": 4}
    path = manifest_of(folder, bold=bold, runs=runs_with(subjects={3: own}))
    assert problems_of(path) == []
    data = load_dataset(path)
    for subject in (1, 3):
        assert np.array_equal(data.bold(subject)[70:, 0], series_of(folder, subject, "scan2"))


def test_starts_that_differ_by_parts_of_a_tr_are_refused(folder):
    runs = runs_with(subjects={3: {"stimulus_start_s": -0.7}})
    path = manifest_of(folder, runs=runs)
    message = r"runs.scan1.subjects.3.stimulus_start_s=-0.7 s: must lie a whole number of TRs"
    assert any(message in problem for problem in problems_of(path))
    with pytest.raises(InputError, match=message):
        load_dataset(path)
    jitter = runs_with(subjects={3: {"stimulus_start_s": -0.03}})
    assert problems_of(manifest_of(folder, runs=jitter)) == []


def test_own_runs_of_unknown_subjects_and_impossible_dummies_are_named(folder):
    runs = runs_with(subjects={9: {"dummy_trs": 1}, 2: {"dummy_trs": 70}})
    found = problems_of(manifest_of(folder, runs=runs))
    assert any("runs[0].subjects.9=a subject: must be one of 1, 2, 3" in p for p in found)
    assert any("runs[0].subjects.2.dummy_trs=70: must lie in 0 to n_trs - 1" in p for p in found)
