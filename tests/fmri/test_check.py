"""Every fault is named in one pass."""

import numpy as np
import pytest
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset


def broken(folder, volumes):
    """A folder with many faults at once."""
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=2.0)
    write_image(folder / "s1_scan2.nii.gz", volumes[1, "scan2"][..., :79])
    write_image(folder / "s2_scan1.nii.gz", volumes[2, "scan1"][:4])
    volumes[2, "scan2"][..., -9:] = volumes[2, "scan2"][..., -9:-8]
    write_image(folder / "s2_scan2.nii.gz", volumes[2, "scan2"])
    volumes[3, "scan1"][2, 2, 2, 7] = np.nan
    write_image(folder / "s3_scan1.nii.gz", volumes[3, "scan1"])
    write_image(folder / "s3_scan2.nii.gz", np.ones((*SHAPE, 80)))
    bold = {"pattern": "s{subject}_{run}.nii.gz", "subjects": [1, 2, 3, 4], "format": "nifti"}
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 100.0},
    ]
    return manifest_of(
        folder,
        bold=bold,
        runs=runs,
        stimulus={"file": "film.wav"},
        label_shift_trs=3,
        preprocessing={"hrf": True},
    )


def test_every_fault_is_found_in_one_pass_with_value_rule_and_remedy(folder, volumes):
    found = check_dataset(broken(folder, volumes))
    text = "\n".join(map(str, found))
    for expected in (
        "subject 1, scan1=TR 2 s in the header: the manifest declares 1.5 s",
        "subject 1, scan2=79 TRs: the manifest declares 80",
        "subject 2, scan1=shape (4, 6, 4): must be (5, 6, 4)",
        "subject 2, scan2=the last 9 TRs are constant in every voxel: padding is not data. "
        "exclude: [{subject: 2, run: scan2, last_trs: 9",
        "subject 3, scan1=1 of 24 voxels hold NaN or infinity",
        "subject 3, scan2=every voxel is constant",
        "s4_scan1.nii.gz: does not exist",
        "runs.scan2.stimulus_start_s=100 s: scan1 lasts until 105 s; runs must not overlap",
        "preprocessing.hrf=true: labels are shifted by 3 TRs: a response model on shifted labels "
        "counts the delay twice",
    ):
        assert expected in text, text
    assert all(p.rule and p.remedy for p in found)


def test_loading_refuses_what_the_check_calls_an_error(folder, volumes):
    with pytest.raises(
        InputError, match=r"TR 2 s in the header.*79 TRs.*shape \(4, 6, 4\).*does not exist"
    ):
        load_dataset(broken(folder, volumes))


def test_a_sound_shorter_than_its_header_says_is_an_error(folder):
    whole = (folder / "film.wav").read_bytes()
    (folder / "film.wav").write_bytes(whole[: len(whole) * 9 // 10])
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}))
    assert any(p.startswith("error: ") and "film.wav" in p for p in found), found
