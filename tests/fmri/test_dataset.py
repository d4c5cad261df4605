"""What is read is what was written."""

import numpy as np
import pytest
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset


def test_a_sound_data_set_has_no_problem_and_is_read_as_written(folder, volumes):
    path = manifest_of(folder, stimulus={"file": "film.wav"})
    assert problems_of(path) == []
    data = load_dataset(path)
    mask = np.zeros(SHAPE, bool)
    mask[1:4, 1:5, 1:3] = True
    expected = np.concatenate([volumes[2, "scan1"][mask].T, volumes[2, "scan2"][mask].T])
    assert data.bold(2).dtype == np.float32
    assert np.array_equal(data.bold("2"), expected)
    assert (data.n_trs, data.n_voxels, data.run_onsets, data.subjects) == (
        150,
        24,
        (0, 70),
        ("1", "2", "3"),
    )
    assert data.stimulus == folder / "film.wav"
    assert data.nuisance(1) is None


def test_dummies_and_excluded_rows_are_the_ones_left_out(folder, volumes):
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0, "dummy_trs": 4},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    data = load_dataset(
        manifest_of(
            folder,
            runs=runs,
            exclude=[
                {"run": "scan1", "first_trs": 5, "why": "cartoon"},
                {"subject": 3, "run": "scan2", "last_trs": 11, "why": "padding"},
            ],
        )
    )
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [(13.5, 61), (105.0, 69)]
    assert data.bold(1)[0, 0] == volumes[1, "scan1"][1, 1, 1, 9]
    assert data.bold(1)[60, 0] == volumes[1, "scan1"][1, 1, 1, 69]
    assert data.bold(1)[-1, 0] == volumes[1, "scan2"][1, 1, 1, 68]


def test_subjects_and_runs_excluded_altogether_are_gone_with_their_reason(folder):
    data = load_dataset(
        manifest_of(
            folder, exclude=[{"subject": 2, "why": "asleep"}, {"run": "scan2", "why": "locked"}]
        )
    )
    assert data.subjects == ("1", "3")
    assert [run.name for run in data.runs] == ["scan1"]
    with pytest.raises(InputError, match=r"subject=2: was excluded \(asleep\)"):
        data.bold(2)


def test_the_cache_is_a_memory_map_and_never_stale(folder, volumes):
    path = manifest_of(folder)
    first = load_dataset(path, cache=folder / "cache").bold(1)
    assert isinstance(first, np.memmap)
    assert np.array_equal(first, load_dataset(path).bold(1))
    write_image(folder / "s1_scan1.nii.gz", volumes[2, "scan1"])
    assert not np.array_equal(load_dataset(path, cache=folder / "cache").bold(1), first)
