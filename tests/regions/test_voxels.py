"""Random regions match what they say they match."""

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.regions import matched_regions


def test_random_regions_match_size_and_isc_and_stay_outside(rng):
    isc = rng.uniform(0, 0.5, 3000)
    xyz = rng.uniform(-60, 60, (3000, 3))
    members = np.flatnonzero(np.linalg.norm(xyz - 20, axis=1) < 30)
    regions = matched_regions(isc, members, 50, 0, xyz)
    assert regions.shape == (50, len(members))
    assert not np.isin(regions, members).any()
    assert all(len(set(region)) == len(members) for region in regions)
    np.testing.assert_allclose(isc[regions].mean(1), isc[members].mean(), atol=0.02)
    quantiles = np.quantile(isc[regions], [0.1, 0.5, 0.9], axis=1).T
    expected = np.tile(np.quantile(isc[members], [0.1, 0.5, 0.9]), (50, 1))
    np.testing.assert_allclose(quantiles, expected, atol=0.05)
    anywhere = rng.choice(3000, (50, len(members)))
    # as compact as the match allows
    assert xyz[regions].std(1).mean() < xyz[anywhere].std(1).mean() - 3


def test_a_table_of_regions_is_matched_with_its_other_columns():
    isc = np.array([0.1, 0.3, 0.32, np.nan, 0.9])
    assert matched_regions(isc, np.array([1])).tolist() == [[2], [0], [4]]


def test_a_region_too_large_to_be_matched_is_refused():
    with pytest.raises(InputError, match="needs as many"):
        matched_regions(np.full(10, 0.2), np.arange(6))


def test_a_region_without_voxels_is_refused(planted):
    with pytest.raises(InputError, match="name='E': must be a region with voxels: A, B, C, D"):
        planted.group.members("E")
