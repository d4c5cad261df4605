"""Parcels: connected, the same every time, of places alone, as many as the brain is large."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask
from scipy import ndimage

from giblet_core.errors import InputError
from giblet_core.fmri import make_parcels
from giblet_core.fmri.atlas.parcels import MOST_PARCELS, PARCEL_CM3


def oblique(voxel_mm, origin_mm, degrees=20):
    """Return an affine that turns about the first axis."""
    angle = np.deg2rad(degrees)
    turn = [
        [1, 0, 0],
        [0, np.cos(angle), -np.sin(angle)],
        [0, np.sin(angle), np.cos(angle)],
    ]
    affine = np.eye(4)
    affine[:3, :3] = np.array(turn) * voxel_mm
    affine[:3, 3] = origin_mm
    return affine


def brain(voxel_mm=4):
    image = load_mni152_brain_mask(voxel_mm)
    return image.get_fdata() > 0, image.affine


def slab():
    """Return half of an ellipsoid, oblique, with a hole in it."""
    places = np.indices((40, 26, 12)) - np.array([19.5, 12.5, 0]).reshape(3, 1, 1, 1)
    mask = ((places / np.array([19, 12, 20]).reshape(3, 1, 1, 1)) ** 2).sum(0) < 1
    mask[15:25, 10:16, 3:8] = False
    return mask, oblique(4.0, (-78, -60, 0))


SPACES = {"brain": brain, "slab": slab}


def as_image(labels, mask):
    image = np.zeros(mask.shape, int)
    image[mask] = labels
    return image


@pytest.mark.parametrize("space", SPACES)
def test_each_parcel_is_connected_and_each_voxel_is_in_one(space):
    mask, affine = SPACES[space]()
    parcels = make_parcels(mask, affine)
    image = as_image(parcels.labels, mask)
    for number in range(1, len(parcels.names) + 1):
        assert ndimage.label(image == number)[1] == 1, parcels.names[number - 1]
    assert parcels.n_outside == 0
    assert set(np.unique(parcels.labels)) == set(range(1, len(parcels.names) + 1))


@pytest.mark.parametrize("space", SPACES)
def test_no_parcel_reaches_across_the_middle_and_the_left_ones_come_first(space):
    mask, affine = SPACES[space]()
    parcels = make_parcels(mask, affine)
    x_mm = (np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3])[:, 0]
    is_right = np.array(
        [(x_mm[parcels.labels == number] >= 0).mean() for number in np.unique(parcels.labels)]
    )
    assert set(is_right) == {0.0, 1.0}
    assert (np.diff(is_right) >= 0).all()
    left = parcels.centres_mm[is_right == 0]
    assert (np.diff(left[:, 1]) <= 0).all(), "from front to back"


def test_there_are_as_many_as_the_brain_is_large():
    mask, affine = brain()
    whole = make_parcels(mask, affine)
    assert abs(len(whole.names) - MOST_PARCELS) <= 2
    thin = mask & (np.arange(mask.shape[2]) < 14)[None, None]
    few = make_parcels(thin, affine)
    expected = thin.sum() * 4**3 / 1000 / PARCEL_CM3
    assert abs(len(few.names) - expected) <= 0.1 * expected + 1
    largest = whole.volumes_cm3.max() / np.median(whole.volumes_cm3)
    assert largest < 3, "Ward's parcels are of like size"


def test_finer_voxels_give_nearly_the_same_parcels():
    coarse = make_parcels(*brain(6))
    fine = make_parcels(*brain(3))
    assert abs(len(coarse.names) - len(fine.names)) <= 2
    gaps = np.linalg.norm(coarse.centres_mm[:, None] - fine.centres_mm[None], axis=2).min(1)
    assert np.median(gaps) < 15


def test_the_same_mask_gives_the_same_parcels():
    mask, affine = slab()
    first = make_parcels(mask, affine)
    again = make_parcels(mask.copy(), affine.copy())
    assert np.array_equal(first.labels, again.labels)


def test_islands_too_small_for_a_region_are_in_none_and_are_counted():
    mask = np.zeros((40, 20, 20), bool)
    mask[2:30] = True
    mask[36:38, 3:5, 3:5] = True
    parcels = make_parcels(mask, np.diag([4.0, 4, 4, 1]))
    assert parcels.n_outside == 8
    assert (as_image(parcels.labels, mask)[36:38] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 2), (3, 3, 3), (2, 40, 1)])
def test_a_few_voxels_are_a_parcel_or_two(shape):
    parcels = make_parcels(np.ones(shape, bool), np.diag([3.0, 3, 3, 1]))
    assert len(parcels.names) == min(2, np.prod(shape))
    assert parcels.names[0] == "P01"
    assert parcels.n_outside == 0


def test_voxels_of_other_size_along_each_axis_are_cut_in_mm():
    mask = np.ones((40, 40, 10), bool)
    affine = np.diag([2.0, 2, 8, 1])
    parcels = make_parcels(mask, affine)
    image = as_image(parcels.labels, mask)
    for number in np.unique(parcels.labels):
        extent_mm = np.ptp(np.argwhere(image == number), axis=0) * [2, 2, 8]
        assert extent_mm.max() < 60, "a parcel is a block, no rod"


def test_a_mask_without_voxels_and_an_affine_without_volume_are_refused():
    with pytest.raises(InputError, match="mask: holds no voxel"):
        make_parcels(np.zeros((2, 2, 2), bool), np.eye(4))
    with pytest.raises(InputError, match="affine: voxels have no volume"):
        make_parcels(np.ones((2, 2, 2), bool), np.diag([1.0, 1, 0, 1]))


def test_image_and_affine_of_nibabel_serve():
    mask, affine = slab()
    image = nib.Nifti1Image(mask.astype(np.uint8), affine)
    same = make_parcels(np.asarray(image.dataobj) > 0, image.affine)
    assert np.array_equal(same.labels, make_parcels(mask, affine).labels)
