"""A region lesion finds the region that hears, and only it; random regions match what they say they
match.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kstest

from giblet_core.decoding import fit_decoder, fold_numbers, identify, make_segments
from giblet_core.encoding import binomial_interval, fit_banded
from giblet_core.errors import InputError
from giblet_core.regions import (
    Subjects,
    matched_regions,
    read_out,
    region_lesions,
    scorer,
    unique_parts,
)
from giblet_core.timing import contiguous_folds

RUNS, GAP = (0, 200), 10
FOLDS = contiguous_folds(400, 4, GAP, RUNS)
SEGMENTS = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
PROTOCOL = {
    "segments": SEGMENTS,
    "folds": FOLDS,
    "run_onsets": RUNS,
    "embargo": GAP,
    "progress": False,
}


def planted(seed, n_each=20, n_outside=60):
    """Four regions and voxels outside, all equally reliable: A follows the sound, all others what
    was seen; D is noise of low ISC.
    """
    rng = np.random.default_rng(seed)
    sound, seen = (
        gaussian_filter1d(rng.standard_normal((400, 6)), 1.5, axis=0) * 2.6 for _ in range(2)
    )
    atlas = np.repeat([1, 2, 3, 4, 0], [n_each] * 4 + [n_outside])
    drive = np.where(
        (atlas == 1)[None],
        sound @ rng.standard_normal((6, len(atlas))),
        seen @ rng.standard_normal((6, len(atlas))),
    )
    bold = (
        np.where(atlas == 4, 0, drive / drive.std(0))
        + gaussian_filter1d(rng.standard_normal(drive.shape), 1.5, axis=0) * 2.6
    )
    isc = np.where(atlas == 4, 0.0, 0.3) + 0.03 * rng.standard_normal(len(atlas))
    return sound, Subjects(
        bold.astype(np.float32),
        isc,
        np.empty((2, 400, 4)),
        atlas,
        tuple("ABCD"),
        np.arange(1, 5),
        rng.uniform(-60, 60, (len(atlas), 3)),
    )


@pytest.fixture(scope="module")
def simulation():
    return planted(0)


@pytest.fixture(scope="module")
def found(simulation):
    latents, group = simulation
    return region_lesions(group, latents, n_random=40, n_shifts=39, min_shift=15, **PROTOCOL)


def test_the_region_that_carries_sound_identifies_alone_and_nothing_else_does(found):
    table = found.table()
    assert table.loc["A", "alone, low"] > 75
    assert table.loc["A", "p chance"] <= 0.05
    assert table.loc["A", "p random"] <= 4 / 41
    assert found.p_random[0] == 1 / 41
    assert table["p chance"].idxmin() == "A"
    assert abs(found.random[0].mean() - 0.5) < 0.1


def test_without_the_region_that_carries_sound_the_rest_is_at_chance(found):
    table = found.table()
    assert table.loc["A", "lost without, low"] > 10
    assert abs(np.nanmean(found.all_but[0]) - 0.5) < 0.12
    assert (np.abs(table.loc[["B", "C", "D"], "lost without (%)"]) < 12).all()
    assert np.nanmean(found.frozen[0]) < np.nanmean(found.whole) - 0.1


def test_where_nothing_hears_both_p_values_are_uniform():
    chance, random = [], []
    for seed in range(300, 316):
        latents, group = planted(seed, 12)
        deaf = np.flatnonzero(group.atlas != 1)  # without the voxels that hear
        group = Subjects(
            group.bold[:, deaf],
            group.isc[deaf],
            group.means,
            group.atlas[deaf],
            ("B", "C", "D"),
            np.arange(2, 5),
            None,
        )
        found = region_lesions(group, latents, n_random=19, n_shifts=19, min_shift=15, **PROTOCOL)
        chance += list(found.p_alone)
        random += list(found.p_random[:2])  # the third is noise among noise: few to match it with
    for p in (chance, random):
        low, high = binomial_interval(int((np.array(p) <= 0.05).sum()), len(p))
        assert low <= 0.05 <= high
        assert kstest(p, "uniform").pvalue > 0.001


def test_the_scorer_gives_what_identify_gives(simulation):
    latents, group = simulation
    prediction = read_out(group.bold[:, group.members("A")], latents, FOLDS, np.full(4, 5.0))[0]
    expected = identify(prediction, latents, SEGMENTS, embargo=GAP, n_draws=0).per_segment
    np.testing.assert_allclose(scorer(latents, SEGMENTS, GAP)(prediction), expected, atol=1e-6)


def test_random_regions_match_size_and_isc_and_stay_outside(rng):
    isc, xyz = rng.uniform(0, 0.5, 3000), rng.uniform(-60, 60, (3000, 3))
    members = np.flatnonzero(np.linalg.norm(xyz - 20, axis=1) < 30)
    drawn = matched_regions(isc, members, 50, 0, xyz)
    assert drawn.shape == (50, len(members))
    assert not np.isin(drawn, members).any()
    assert all(len(set(row)) == len(members) for row in drawn)
    np.testing.assert_allclose(isc[drawn].mean(1), isc[members].mean(), atol=0.02)
    quantiles = np.quantile(isc[drawn], [0.1, 0.5, 0.9], axis=1).T
    np.testing.assert_allclose(
        quantiles, np.tile(np.quantile(isc[members], [0.1, 0.5, 0.9]), (50, 1)), atol=0.05
    )
    anywhere = rng.choice(3000, (50, len(members)))
    assert (
        xyz[drawn].std(1).mean() < xyz[anywhere].std(1).mean() - 3
    )  # as compact as the match allows


def test_a_region_beyond_all_others_in_isc_says_how_far_its_match_is(simulation):
    latents, group = simulation
    better = Subjects(
        group.bold,
        np.where(group.atlas == 1, 0.9, group.isc),
        group.means,
        group.atlas,
        group.names,
        group.labels,
        None,
    )
    assert (
        region_lesions(
            better, latents, names=["A"], n_random=3, n_shifts=1, min_shift=15, **PROTOCOL
        ).isc_gap[0]
        > 0.4
    )


def test_the_order_of_voxels_changes_nothing(simulation, found):
    latents, group = simulation
    order = np.random.default_rng(5).permutation(len(group.atlas))
    moved = Subjects(
        group.bold[:, order],
        group.isc[order],
        group.means,
        group.atlas[order],
        group.names,
        group.labels,
        group.xyz[order],
    )
    again = region_lesions(moved, latents, n_random=40, n_shifts=39, min_shift=15, **PROTOCOL)
    for name in ("alone", "all_but", "frozen", "random", "whole", "p_alone"):
        np.testing.assert_allclose(
            getattr(again, name), getattr(found, name), atol=0.051, err_msg=name
        )  # a tie may fall either way
        assert np.nanmean(np.abs(getattr(again, name) - getattr(found, name))) < 1e-3, name


@pytest.mark.parametrize("n_voxels", [8, 500], ids=["fewer voxels than rows", "more"])
def test_read_out_is_the_decoder_with_that_penalty_and_frozen_columns_sit_at_their_mean(
    rng, n_voxels
):
    x, y = rng.standard_normal((400, n_voxels)), rng.standard_normal((400, 3))
    y += x[:, :3]
    intact, frozen, empty = read_out(
        x, y, FOLDS, np.full(4, 2.0), [np.arange(2), np.array([], int)]
    )
    np.testing.assert_allclose(
        intact, fit_decoder(x, y, FOLDS, [2.0], run_onsets=RUNS, embargo=GAP).predictions, atol=2e-4
    )
    np.testing.assert_array_equal(empty, intact)
    for train, test in FOLDS:
        held = np.concatenate([x[train], x[test]])
        held[len(train) :, :2] = x[train][:, :2].mean(0)
        fold = [(np.arange(len(train)), np.arange(len(train), len(held)))]
        both = np.concatenate([y[train], y[test]])
        np.testing.assert_allclose(
            frozen[test], read_out(held, both, fold, [2.0])[0, len(train) :], atol=2e-4
        )


def test_a_table_of_regions_is_matched_with_its_other_columns():
    drawn = matched_regions(np.array([0.1, 0.3, 0.32, np.nan, 0.9]), np.array([1]))
    assert drawn.tolist() == [[2], [0], [4]]


def test_a_region_too_large_to_be_matched_is_refused():
    with pytest.raises(InputError, match="needs as many"):
        matched_regions(np.full(10, 0.2), np.arange(6))


def test_unique_parts_equal_the_difference_of_two_fits(rng):
    spaces, Y = [rng.standard_normal((400, n)) for n in (5, 9, 4)], rng.standard_normal((400, 6))
    Y[:, :3] += spaces[0][:, :3]
    parts = unique_parts(spaces, [0.5, 0.3, 0.2], [[0], [1, 2]], Y, FOLDS, 3.0)
    timing = {"run_onsets": RUNS, "embargo": GAP}
    r = [
        fit_banded(kept, Y, FOLDS, [3.0], np.array([gamma]), **timing).r_folds
        for kept, gamma in (
            (spaces, [0.5, 0.3, 0.2]),
            (spaces[1:], [0.3, 0.2]),
            (spaces[:1], [0.5]),
        )
    ]
    expected = [r[0] * np.abs(r[0]) - x * np.abs(x) for x in r[1:]]
    np.testing.assert_allclose(parts, expected, atol=1e-4)
    assert parts[0, :, :3].mean() > 0.2


def test_the_table_names_every_region_once(found):
    table = found.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table.index) == list("ABCD")
    assert table.notna().all().all()
