"""Voxels are standardised by training time, and averaged region by region."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from giblet_core.decoding import group_series, region_means, standardise_voxels
from giblet_core.errors import InputError


def test_region_means_average_the_standardised_voxels_of_each_label(rng):
    bold = 100 + rng.standard_normal((50, 6))
    atlas = np.array([2, 0, 1, 2, 1, 1])
    train = np.arange(30)
    means = region_means(bold, atlas, train)
    z = StandardScaler().fit(bold[train]).transform(bold)
    expected = np.column_stack([z[:, [2, 4, 5]].mean(1), z[:, [0, 3]].mean(1)])
    np.testing.assert_allclose(means, expected)


def test_constant_voxels_become_zero():
    bold = np.column_stack([np.arange(6.0), np.ones(6)])
    np.testing.assert_allclose(standardise_voxels(bold, np.arange(4))[:, 1], 0)


def test_an_atlas_of_other_voxels_is_refused(rng):
    with pytest.raises(InputError, match="one label for each"):
        region_means(rng.standard_normal((50, 6)), np.zeros(3, int))


def test_a_group_is_the_mean_of_its_standardised_subjects_inside_regions(rng):
    series = {s: 100 + rng.standard_normal((40, 5)).astype(np.float32) for s in ("a", "b", "c")}
    atlas = np.array([3, 0, 1, 3, 1])
    data = SimpleNamespace(
        n_trs=40, subjects=tuple(series), atlas=atlas, bold=series.get, region_names=("x", "y", "z")
    )
    group = group_series(data)
    z = np.stack([StandardScaler().fit_transform(bold) for bold in series.values()])
    np.testing.assert_allclose(group.mean_bold, z.mean(0)[:, [0, 2, 3, 4]], atol=1e-4)
    np.testing.assert_allclose(group.region_series[:, :, 0], z[:, :, [2, 4]].mean(2), atol=1e-4)
    np.testing.assert_allclose(group.region_series[:, :, 1], z[:, :, [0, 3]].mean(2), atol=1e-4)
    assert group.names == ("x", "z")
    assert group.inside.tolist() == [0, 2, 3, 4]
