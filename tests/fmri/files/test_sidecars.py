"""JSON files hold for the images below them whose names have all their entities."""

import json

import pytest

from giblet_core.errors import InputError
from giblet_core.fmri.files.sidecars import sidecar_of

IMAGE = "sub-01/func/sub-01_task-film_run-1_space-T1w_desc-preproc_bold.nii.gz"


def write(folder, name, **content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


INHERITED = [
    # what is written where, and the TR that holds for the image
    ({"task-film_bold.json": 2.0}, 2.0),
    ({"bold.json": 2.0}, 2.0),
    ({"task-film_bold.json": 2.0, "sub-01/sub-01_bold.json": 1.5}, 1.5),
    ({"task-film_bold.json": 2.0, IMAGE.replace(".nii.gz", ".json"): 1.0}, 1.0),
    ({"sub-01/func/sub-01_task-film_bold.json": 2.0, "sub-01/func/sub-01_bold.json": 9.0}, 2.0),
    ({"task-other_bold.json": 2.0}, None),
    ({"task-film_run-10_bold.json": 2.0}, None),
    ({"sub-01/func/sub-01_task-film_run-1_boldref.json": 2.0}, None),
    ({"sub-01/func/._sub-01_task-film_bold.json": 2.0}, None),
    ({"sub-02/task-film_bold.json": 2.0}, None),
]


@pytest.mark.parametrize(("files", "t_r"), INHERITED)
def test_sidecars_are_inherited(tmp_path, files, t_r):
    (tmp_path / IMAGE).parent.mkdir(parents=True)
    for name, value in files.items():
        write(tmp_path, name, RepetitionTime=value)
    sidecar = sidecar_of(tmp_path / IMAGE, tmp_path)
    assert (None if sidecar is None else sidecar.t_r) == t_r


def test_a_key_that_only_the_general_file_has_still_holds(tmp_path):
    write(tmp_path, "task-film_bold.json", RepetitionTime=2.0, SliceTimingCorrected=True)
    write(tmp_path, IMAGE.replace(".nii.gz", ".json"), StartTime=1.0)
    sidecar = sidecar_of(tmp_path / IMAGE, tmp_path)
    assert (sidecar.t_r, sidecar.start_time_s, sidecar.slice_timing_corrected) == (2.0, 1.0, True)


def test_an_image_with_another_name_has_the_file_of_its_own_name(tmp_path):
    write(tmp_path, "s1.json", RepetitionTime=2.0)
    assert sidecar_of(tmp_path / "s1.nii.gz", tmp_path).t_r == 2.0
    assert sidecar_of(tmp_path / "s2.nii.gz", tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "{",
        '{"RepetitionTime": "2"}',
        '{"RepetitionTime": true}',
        '{"StartTime": NaN}',
        '{"SliceTimingCorrected": 1}',
    ],
)
def test_a_file_that_says_nothing_clear_is_refused(tmp_path, content):
    (tmp_path / "s1.json").write_text(content)
    with pytest.raises(InputError, match="s1.json"):
        sidecar_of(tmp_path / "s1.nii.gz", tmp_path)
