"""Values go back where they came from: volumes, grayordinates, vertices of two hemispheres."""

import nibabel as nib
import numpy as np
import pytest
import surface_files
from data_sets import SHAPE, manifest_of, write_image
from nilearn.image import load_img
from nilearn.masking import apply_mask

from giblet_core.derivatives.output import MAP_NAME, format_of
from giblet_core.fmri import load_dataset

N_TRS = 40
ONE_RUN = [{"name": "one", "n_trs": N_TRS, "stimulus_start_s": 0.0}]
STEM = "sub-1_task-small_space-fsLR_desc-full_stat-r_map"


def surface_data(place, form, pattern):
    path = manifest_of(
        place,
        t_r=2.0,
        runs=ONE_RUN,
        mask=None,
        bold={"pattern": pattern, "subjects": [1, 2], "format": form},
    )
    return load_dataset(path)


@pytest.fixture
def cifti_data(tmp_path, rng):
    n_columns = len(surface_files.cifti_axis())
    for subject in (1, 2):
        series = rng.standard_normal((N_TRS, n_columns)).astype(np.float32)
        series[:, 3] = 5.0  # a column that nobody can read
        surface_files.write_cifti(tmp_path / f"s{subject}.dtseries.nii", series)
    return surface_data(tmp_path, "cifti", "s{subject}.dtseries.nii")


@pytest.fixture
def gifti_data(tmp_path, rng):
    n_columns = surface_files.N_LEFT + surface_files.N_RIGHT
    for subject in (1, 2):
        series = rng.standard_normal((N_TRS, n_columns)).astype(np.float32)
        series[:, 3] = 5.0
        surface_files.write_gifti(tmp_path / f"s{subject}_hemi-L.func.gii", series)
    return surface_data(tmp_path, "gifti", "s{subject}_hemi-L.func.gii")


def save(data, place, rng):
    values = rng.standard_normal(data.n_voxels).astype(np.float32)
    values[0] = np.nan
    paths = format_of(data).save(data, values, place / STEM)
    assert all(MAP_NAME.fullmatch(path.name) for path in paths)
    return values, paths


def test_a_volume_is_read_back_by_nilearn_on_the_grid_of_bold(tmp_path, rng):
    mask = np.zeros(SHAPE)
    mask[1:4, 2:5, 1:3] = 1
    write_image(tmp_path / "mask.nii.gz", mask, t_r=None)
    for subject in (1, 2):
        series = rng.standard_normal((*SHAPE, N_TRS)) + 100
        write_image(tmp_path / f"s{subject}.nii.gz", series)
    bold = {"pattern": "s{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"}
    data = load_dataset(manifest_of(tmp_path, runs=ONE_RUN, bold=bold))
    assert format_of(data).name == "nifti"
    values, (path,) = save(data, tmp_path, rng)
    image = load_img(path)
    assert np.array_equal(image.affine, load_img(tmp_path / "s1.nii.gz").affine)
    assert np.array_equal(apply_mask(image, data.mask_img, ensure_finite=False), values, True)


def test_grayordinates_are_those_of_the_series_and_read_back_equal(cifti_data, tmp_path, rng):
    assert format_of(cifti_data).name == "cifti"
    values, (path,) = save(cifti_data, tmp_path, rng)
    image = nib.load(path)
    names, axis = (image.header.get_axis(i) for i in range(2))
    series = nib.load(tmp_path / "s1.dtseries.nii")
    assert axis == series.header.get_axis(1)
    assert names.name.tolist() == [STEM]
    assert image.nifti_header.get_intent()[0] == "ConnDenseScalar"
    whole = np.asarray(image.dataobj)[0]
    assert np.array_equal(whole[cifti_data.grayordinates.is_kept], values, True)
    assert np.isnan(whole[3])


def test_each_hemisphere_has_a_file_with_all_its_vertices(gifti_data, tmp_path, rng):
    assert format_of(gifti_data).name == "gifti"
    values, paths = save(gifti_data, tmp_path, rng)
    assert [path.name for path in paths] == [
        f"sub-1_task-small_hemi-{side}_space-fsLR_desc-full_stat-r_map.shape.gii" for side in "LR"
    ]
    halves = [nib.load(path) for path in paths]
    assert [half.meta["AnatomicalStructurePrimary"] for half in halves] == [
        "CortexLeft",
        "CortexRight",
    ]
    left, right = (half.darrays[0].data for half in halves)
    assert (len(left), len(right)) == (surface_files.N_LEFT, surface_files.N_RIGHT)
    whole = np.concatenate([left, right])
    assert np.array_equal(whole[gifti_data.grayordinates.is_kept], values, True)
    assert np.isnan(whole[3])


def test_a_table_of_regions_has_no_place_and_no_image(tmp_path, rng):
    for subject in (1, 2):
        np.savetxt(tmp_path / f"s{subject}.txt", rng.standard_normal((N_TRS, 3)))
    bold = {
        "pattern": "s{subject}.txt",
        "subjects": [1, 2],
        "format": "roi_table",
        "columns": ["A", "B", "C"],
    }
    data = load_dataset(manifest_of(tmp_path, runs=ONE_RUN, mask=None, bold=bold))
    assert format_of(data) is None
