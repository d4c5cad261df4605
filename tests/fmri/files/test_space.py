"""Masks: binary, on the grid of BOLD, or an error that says how both lie."""

import nibabel as nib
import numpy as np
import pytest
from data_sets import SHAPE, T_R, manifest_of, problems_of
from nilearn.masking import intersect_masks

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset

RAS = np.diag([3.0, 3, 3, 1])
LAS = np.array([[-3.0, 0, 0, 12], [0, 3, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
RUNS = [{"name": "r", "n_trs": 20, "stimulus_start_s": 0.0}]
BOLD = {"pattern": "s{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"}


def save(path, data, affine=RAS):
    image = nib.Nifti1Image(data, affine)
    if data.ndim == 4:
        image.header.set_zooms((3, 3, 3, T_R))
        image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


def box():
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:, 1:4, 1:3] = 1
    return mask


@pytest.fixture
def series(tmp_path, rng):
    """Two subjects, stored RAS, whose right half is at 1000."""
    data = []
    for subject in (1, 2):
        values = 100 + 3 * rng.standard_normal((*SHAPE, 20)).astype(np.float32)
        values[3:] += 900
        save(tmp_path / f"s{subject}.nii.gz", values)
        data.append(values)
    return data


def manifest(place, **changes):
    return manifest_of(place, runs=RUNS, bold=BOLD, **{"mask": "mask.nii.gz", **changes})


def test_a_mask_on_the_grid_of_bold_is_read_as_it_is(tmp_path, series):
    save(tmp_path / "mask.nii.gz", box(), RAS + 1e-5)
    data = load_dataset(manifest(tmp_path))
    assert np.array_equal(data.bold(2), series[1][box() > 0].T)
    assert np.array_equal(data.mask_img.affine, RAS)


def mirrored(values):
    """Store the same places in the other order."""
    return values[::-1].copy()


def test_a_mirrored_mask_is_refused_or_moved_voxel_by_voxel(tmp_path, series):
    save(tmp_path / "mask.nii.gz", mirrored(box()), LAS)
    (problem,) = problems_of(manifest(tmp_path))
    assert problem.startswith("error: mask=mask.nii.gz, LAS, affine [-3 0 0 12; 0 3 0 0; 0 0 3 0]")
    assert "must be RAS, affine [3 0 0 0; 0 3 0 0; 0 0 3 0]" in problem
    with pytest.raises(InputError, match="resample: true"):
        load_dataset(manifest(tmp_path))
    data = load_dataset(manifest(tmp_path, resample=True))
    assert np.array_equal(data.bold(1), series[0][box() > 0].T)
    assert data.bold(1).min() > 900  # the right half
    assert data.label == "small, resampled"


def test_subjects_on_other_grids_are_refused_or_resampled_with_a_note(tmp_path, series):
    save(tmp_path / "mask.nii.gz", box())
    save(tmp_path / "s2.nii.gz", mirrored(series[1]), LAS)
    assert any(
        p.startswith("error: subject 2=LAS, affine") for p in problems_of(manifest(tmp_path))
    )
    path = manifest(tmp_path, resample=True)
    (note,) = problems_of(path)
    assert note.startswith("note: subject 2=LAS")
    assert "It is resampled" in note
    for cache in (None, tmp_path / "cache"):
        bold = load_dataset(path, cache=cache).bold(2)
        assert np.allclose(bold, series[1][box() > 0].T, atol=1e-3)


def test_half_a_voxel_off_is_another_grid(tmp_path, series):
    save(tmp_path / "mask.nii.gz", box(), RAS + 1.5 * np.eye(4, k=3))
    assert any("must be RAS, affine" in p for p in problems_of(manifest(tmp_path)))


def test_auto_masks_of_two_orientations_are_not_mixed(tmp_path, series):
    save(tmp_path / "s2.nii.gz", mirrored(series[1]), LAS)
    assert any("error: subject 2=LAS" in p for p in problems_of(manifest(tmp_path, mask=None)))


def test_an_auto_mask_is_what_nilearn_says_that_the_subjects_masks_share(tmp_path, series):
    masks = []
    for subject, values in zip((1, 2), series):
        values[subject, :, 2:] = 7.0  # these voxels do not change
        values[4, subject] = np.nan
        save(tmp_path / f"s{subject}.nii.gz", values)
        changes = np.isfinite(values).all(-1) & (np.ptp(values, axis=-1) > 0)
        masks.append(nib.Nifti1Image(changes.astype(np.uint8), RAS))
    shared = intersect_masks(masks, threshold=1, connected=False)
    data = load_dataset(manifest(tmp_path, mask=None))
    assert np.array_equal(data.mask_img.get_fdata(), shared.get_fdata())
    assert 0 < data.n_voxels < min(mask.get_fdata().sum() for mask in masks)


REFUSED = [
    ("probabilities", box() * np.float32(0.95) + np.float32(1e-4), "holds values from 0.0001"),
    ("255", box() * np.uint8(255), "holds values from 0 to 255; a mask must hold 0 and 1"),
    ("labels", box().astype(np.int16) * 2, "holds values from 0 to 2"),
    ("negative", -box().astype(np.int16), "holds values from -1 to 0"),
    ("NaN", np.where(box() > 0, 1, np.nan).astype(np.float32), "holds NaN or infinity"),
    ("nothing", 0 * box(), "holds no voxel"),
    ("two volumes", np.stack([box(), box()], -1), "must be one volume"),
]


@pytest.mark.parametrize(
    ("values", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_mask_that_is_not_0_and_1_is_refused(tmp_path, series, values, message):
    save(tmp_path / "mask.nii.gz", values)
    assert any(
        message in p and p.startswith("error: mask") for p in problems_of(manifest(tmp_path))
    )
    with pytest.raises(InputError, match=message):
        load_dataset(manifest(tmp_path))


def test_a_map_of_probabilities_is_read_above_its_threshold(tmp_path, series):
    save(tmp_path / "mask.nii.gz", box() * np.float32(0.95) + np.float32(1e-4))
    path = manifest(tmp_path, mask={"file": "mask.nii.gz", "threshold": 0.5})
    assert load_dataset(path).n_voxels == box().sum()


def test_scaled_masks_and_a_fourth_axis_of_one_are_read(tmp_path, series):
    image = nib.Nifti1Image(box().astype(np.int16)[..., None], RAS)
    image.header.set_slope_inter(1.0000001, 0)
    nib.save(image, tmp_path / "mask.nii.gz")
    assert load_dataset(manifest(tmp_path)).n_voxels == box().sum()
