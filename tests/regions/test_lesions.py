"""A region lesion finds the region that hears, and only it."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from giblet_core.encoding import binomial_interval
from giblet_core.errors import InputError
from giblet_core.regions import region_lesions


@pytest.fixture(scope="module")
def lesions(planted, protocol):
    return region_lesions(
        planted.group, planted.latents, n_random=40, n_shifts=39, **protocol.of_lesions
    )


def test_the_region_that_carries_sound_identifies_alone_and_nothing_else_does(lesions):
    table = lesions.table()
    assert table.loc["A", "alone, low"] > 75
    assert table.loc["A", "p chance"] <= 0.05
    assert table.loc["A", "p random"] <= 4 / 41
    assert lesions.p_random[0] == 1 / 41
    assert table["p chance"].idxmin() == "A"
    assert abs(lesions.random[0].mean() - 0.5) < 0.1


def test_without_the_region_that_carries_sound_the_rest_is_at_chance(lesions):
    table = lesions.table()
    assert table.loc["A", "lost without, low"] > 10
    assert abs(np.nanmean(lesions.all_but[0]) - 0.5) < 0.12
    assert (np.abs(table.loc[["B", "C", "D"], "lost without (%)"]) < 12).all()
    assert np.nanmean(lesions.frozen[0]) < np.nanmean(lesions.whole) - 0.1


@pytest.mark.slow
def test_where_nothing_hears_both_p_values_are_uniform(plant, protocol):
    p_chance = []
    p_random = []
    for seed in range(300, 316):
        planted = plant(seed, 12)
        group = planted.group
        deaf = np.flatnonzero(group.atlas != 1)  # without the voxels that hear
        group = replace(
            group,
            mean_bold=group.mean_bold[:, deaf],
            isc=group.isc[deaf],
            atlas=group.atlas[deaf],
            names=("B", "C", "D"),
            labels=np.arange(2, 5),
            xyz_mm=None,
        )
        lesions = region_lesions(
            group, planted.latents, n_random=19, n_shifts=19, **protocol.of_lesions
        )
        p_chance += list(lesions.p_alone)
        p_random += list(lesions.p_random[:2])  # the third is noise: few to match it with
    for p in (np.array(p_chance), np.array(p_random)):
        low, high = binomial_interval(int((p <= 0.05).sum()), len(p))
        assert low <= 0.05 <= high
        assert kstest(p, "uniform").pvalue > 0.001


def test_a_region_beyond_all_others_in_isc_says_how_far_its_match_is(planted, protocol):
    group = planted.group
    better = replace(group, isc=np.where(group.atlas == 1, 0.9, group.isc), xyz_mm=None)
    lesions = region_lesions(
        better, planted.latents, names=["A"], n_random=3, n_shifts=1, **protocol.of_lesions
    )
    assert lesions.isc_distance[0] > 0.4


def test_the_order_of_voxels_changes_nothing(planted, protocol, lesions):
    group = planted.group
    order = np.random.default_rng(5).permutation(len(group.atlas))
    moved = replace(
        group,
        mean_bold=group.mean_bold[:, order],
        isc=group.isc[order],
        atlas=group.atlas[order],
        xyz_mm=group.xyz_mm[order],
    )
    again = region_lesions(moved, planted.latents, n_random=40, n_shifts=39, **protocol.of_lesions)
    for name in ("alone", "alone_by_segment", "all_but", "frozen", "random", "whole", "p_alone"):
        before = getattr(lesions, name)
        after = getattr(again, name)
        # a tie may fall either way
        np.testing.assert_allclose(after, before, atol=0.051, err_msg=name)
        assert np.nanmean(np.abs(after - before)) < 1e-3, name


def test_a_region_lesioned_by_name_is_that_region(planted, protocol, lesions):
    options = {"n_random": 40, "n_shifts": 39, **protocol.of_lesions}
    single = region_lesions(planted.group, planted.latents, names=["C"], **options)
    for field in fields(single):
        if field.name != "whole":
            before = np.array(getattr(lesions, field.name))[2]
            after = np.array(getattr(single, field.name))[0]
            np.testing.assert_array_equal(after, before, err_msg=field.name)


def test_the_table_names_every_region_once(lesions):
    table = lesions.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table.index) == list("ABCD")
    assert table.notna().all().all()


def test_an_atlas_of_one_region_is_refused(planted, protocol):
    group = replace(planted.group, atlas=np.where(planted.group.atlas == 1, 1, 0))
    with pytest.raises(InputError, match="no other voxel"):
        region_lesions(group, planted.latents, names=["A"], **protocol.of_lesions)
