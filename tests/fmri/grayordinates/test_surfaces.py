"""Series on the surface: read as nibabel writes them, the medial wall left out, places kept."""

import nibabel as nib
import numpy as np
import pytest
from data_sets import manifest_of, problems_of
from nibabel.cifti2 import BrainModelAxis, ScalarAxis
from surface_files import (
    MEDIAL_WALL,
    N_LEFT,
    N_RIGHT,
    cifti_axis,
    write_cifti,
    write_cifti_labels,
    write_gifti,
    write_gifti_labels,
)

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset
from giblet_core.fmri.grayordinates.gifti import right_half

N_TRS = 30
RUNS = [{"name": "run1", "n_trs": N_TRS, "stimulus_start_s": 0.0}]
WALL = [*MEDIAL_WALL, *(N_LEFT + vertex for vertex in MEDIAL_WALL)]


def series_of(rng, n_columns):
    return (100 + 5 * rng.standard_normal((N_TRS, n_columns))).astype(np.float32)


def cifti_manifest(place, **changes):
    bold = {"pattern": "s{subject}.dtseries.nii", "subjects": [1, 2], "format": "cifti"}
    return manifest_of(place, t_r=2.0, runs=RUNS, mask=None, bold=bold, **changes)


def gifti_manifest(place, **changes):
    bold = {"pattern": "s{subject}_hemi-L.func.gii", "subjects": [1, 2], "format": "gifti"}
    return manifest_of(place, t_r=2.0, runs=RUNS, mask=None, bold=bold, **changes)


@pytest.fixture
def cifti(tmp_path, rng):
    """Two subjects; the second has one constant vertex more."""
    series = [series_of(rng, len(cifti_axis())) for _ in range(2)]
    series[1][:, 7] = 0
    for subject, values in enumerate(series, 1):
        write_cifti(tmp_path / f"s{subject}.dtseries.nii", values)
    return series


@pytest.fixture
def gifti(tmp_path, rng):
    """Two subjects; the medial wall is NaN in one, constant in the other."""
    series = [series_of(rng, N_LEFT + N_RIGHT) for _ in range(2)]
    for values, fill in zip(series, (np.nan, 0.0)):
        values[:, WALL] = fill
    for subject, values in enumerate(series, 1):
        write_gifti(tmp_path / f"s{subject}_hemi-L.func.gii", values)
    return series


def test_cifti_is_read_as_it_was_written_without_columns_that_stand_still(tmp_path, cifti):
    path = cifti_manifest(tmp_path)
    assert problems_of(path) == []
    data = load_dataset(path)
    kept = np.setdiff1d(np.arange(len(cifti_axis())), [7])
    assert np.array_equal(np.flatnonzero(data.grayordinates.is_kept), kept)
    assert np.array_equal(data.bold(1), cifti[0][:, kept])
    assert (data.mask_img, data.region_names, data.n_voxels) == (None, (), len(kept))


def test_gifti_is_left_then_right_without_the_medial_wall(tmp_path, gifti):
    path = gifti_manifest(tmp_path)
    assert problems_of(path) == []
    data = load_dataset(path)
    kept = np.setdiff1d(np.arange(N_LEFT + N_RIGHT), WALL)
    assert np.array_equal(data.bold(2), gifti[1][:, kept])
    structures = data.grayordinates.kept_axis.name
    assert list(structures).count("CIFTI_STRUCTURE_CORTEX_LEFT") == N_LEFT - len(MEDIAL_WALL)


def test_results_can_be_written_back_as_cifti_in_the_places_they_came_from(tmp_path, cifti):
    places = load_dataset(cifti_manifest(tmp_path)).grayordinates
    scores = np.arange(places.is_kept.sum(), dtype=np.float32)
    image = nib.Cifti2Image(places.spread(scores)[None], (ScalarAxis(["score"]), places.axis))
    nib.save(image, tmp_path / "score.dscalar.nii")
    again = nib.load(tmp_path / "score.dscalar.nii")
    assert again.header.get_axis(1) == cifti_axis()
    values = np.asarray(again.dataobj)[0]
    assert np.isnan(values[7])
    assert np.array_equal(np.delete(values, 7), scores)


def test_labels_of_cifti_are_matched_by_structure_and_vertex(tmp_path, cifti):
    """The atlas has both hemispheres in full, and no voxels: other columns than BOLD."""
    full = BrainModelAxis.from_surface(
        np.arange(N_LEFT), N_LEFT, "CortexLeft"
    ) + BrainModelAxis.from_surface(np.arange(N_RIGHT), N_RIGHT, "CortexRight")
    values = np.zeros(len(full))
    values[12] = 3  # vertex 12 on the left
    values[N_LEFT + 20] = 8  # vertex 20 on the right
    write_cifti_labels(tmp_path / "areas.dlabel.nii", values, full)
    atlas = {"file": "areas.dlabel.nii", "names": "areas.dlabel.nii"}
    path = cifti_manifest(tmp_path, atlas=atlas)
    assert problems_of(path) == []
    data = load_dataset(path)
    assert data.region_names == ("auditory", "visual")
    axis = data.grayordinates.kept_axis
    auditory = np.flatnonzero(data.atlas == 1)
    visual = np.flatnonzero(data.atlas == 2)
    assert (axis.vertex[auditory].tolist(), axis.vertex[visual].tolist()) == ([12], [20])
    assert axis.name[visual].tolist() == ["CIFTI_STRUCTURE_CORTEX_RIGHT"]


@pytest.mark.parametrize("names_right", [None, {0: "???", 3: "motor", 8: "visual"}])
def test_labels_of_gifti_are_named_by_their_own_tables(tmp_path, gifti, names_right):
    """A key that means another region on the right stays apart from that on the left."""
    values = np.zeros(N_LEFT + N_RIGHT, int)
    values[[10, N_LEFT + 11]] = 3
    values[20] = 8
    write_gifti_labels(tmp_path / "hemi-L.label.gii", values, names_right=names_right)
    atlas = {"file": "hemi-L.label.gii", "names": "hemi-L.label.gii"}
    data = load_dataset(gifti_manifest(tmp_path, atlas=atlas))
    sizes = {name: int((data.atlas == i).sum()) for i, name in enumerate(data.region_names, 1)}
    if names_right is None:
        assert sizes == {"auditory": 2, "visual": 1}
    else:
        assert sizes == {"auditory": 1, "visual": 1, "motor": 1}


def test_what_is_wrong_with_surface_files_is_said(tmp_path, cifti, rng):
    other = cifti_axis()[np.arange(20)]
    write_cifti(tmp_path / "s2.dtseries.nii", series_of(rng, 20), axis=other)
    found = problems_of(cifti_manifest(tmp_path))
    assert any("20 grayordinates: are not those of subject 1" in text for text in found)
    write_cifti(tmp_path / "s2.dtseries.nii", cifti[1], t_r=1.0 + 0.5)
    assert any("TR 1.5 s in the header" in text for text in problems_of(cifti_manifest(tmp_path)))
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 5)), np.eye(4)), tmp_path / "s2.dtseries.nii")
    assert any("grayordinates" in text for text in problems_of(cifti_manifest(tmp_path)))
    with pytest.raises(InputError, match="Leave mask out"):
        load_dataset(
            manifest_of(
                tmp_path,
                t_r=2.0,
                runs=RUNS,
                bold={"pattern": "s{subject}.dtseries.nii", "subjects": [1], "format": "cifti"},
            )
        )


def test_a_pair_that_is_not_whole_is_refused(tmp_path, gifti):
    (tmp_path / "s1_hemi-R.func.gii").unlink()
    assert any("left half of a pair" in text for text in problems_of(gifti_manifest(tmp_path)))
    with pytest.raises(InputError, match="must be the left hemisphere's"):
        right_half(tmp_path / "s2_hemi-R.func.gii")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sub-01_hemi-L_space-fsLR_bold.func.gii", "sub-01_hemi-R_space-fsLR_bold.func.gii"),
        ("lh.sub-L01.func.gii", "rh.sub-L01.func.gii"),
        ("s01.L.func.gii", "s01.R.func.gii"),
        ("s01_left.gii", "s01_right.gii"),
    ],
)
def test_the_right_half_is_found_by_the_name_of_the_left_one(tmp_path, left, right):
    (tmp_path / right).write_text("")
    assert right_half(tmp_path / left) == tmp_path / right
