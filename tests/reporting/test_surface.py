"""A map is laid on the surface also where its image holds a part of the head alone."""

import nibabel as nib
import numpy as np
import pytest

from giblet_core.reporting import map_on_surface
from giblet_core.reporting.surface import extended_over

AFFINE = np.diag([3.0, 3, 3, 1])


def slab(first_mm, shape=(24, 28, 24), value=60.0):
    affine = AFFINE.copy()
    affine[:3, 3] = first_mm
    return nib.Nifti1Image(np.full(shape, value, np.float32), affine)


@pytest.mark.parametrize("interpolation", ["linear", "nearest_most_frequent"])
def test_a_slab_without_cortex_shows_nothing(interpolation):
    below = map_on_surface(slab((-36, -40, -190)), 1, interpolation)
    assert below.n_shown == 0


@pytest.mark.parametrize("interpolation", ["linear", "nearest_most_frequent"])
def test_a_slab_with_cortex_shows_it_alone(interpolation):
    shown = map_on_surface(slab((-36, -40, -20)), 1, interpolation)
    assert 0 < shown.n_shown < 20_484  # points of fsaverage5
    whole = map_on_surface(slab((-120, -150, -100), shape=(80, 90, 80)), 1, interpolation)
    assert whole.n_shown == 20_484


def test_an_extended_image_has_the_same_values_at_the_same_places(rng):
    image = nib.Nifti1Image(rng.standard_normal((4, 5, 6)), AFFINE)
    points_mm = np.array([[-30.0, 0, 0], [3, 60, 6]])
    extended = extended_over(image, points_mm)
    place_mm = image.affine @ [1, 2, 3, 1]
    i, j, k, _ = np.linalg.solve(extended.affine, place_mm).round().astype(int)
    assert extended.get_fdata()[i, j, k] == image.get_fdata()[1, 2, 3]
    assert extended.get_fdata().sum() == pytest.approx(image.get_fdata().sum())
    corners = nib.affines.apply_affine(np.linalg.inv(extended.affine), points_mm)
    assert (corners > 0).all()
    assert (corners < np.array(extended.shape) - 1).all()
