"""A region holds what is planted: shares of variance, reliability, codebooks, and its seed."""

import numpy as np
import pytest

from giblet_core.encoding import pairwise_from_isc
from giblet_core.errors import InputError
from giblet_core.simulations import (
    GENERATORS,
    Subjects,
    pairwise_for,
    respond,
    simulate_regions,
)
from giblet_core.timing import TRGrid

MIXED = [entry for entry in GENERATORS.values() if entry.envelope_share > 0]
CLEAN = Subjects(isc=0.99, sound_share=1.0)  # next to no noise, nothing shared but sound


def leave_one_out(series):
    """Correlate each subject with the mean of the others, (n_subjects, n_trs)."""
    others = (series.sum(0) - series) / (len(series) - 1)
    return np.mean([np.corrcoef(one, rest)[0, 1] for one, rest in zip(series, others)])


@pytest.mark.parametrize("n_subjects", [4, 8, 17])
def test_the_pairwise_correlation_is_that_of_the_formula(n_subjects):
    for isc in (0.1, 0.29, 0.6):
        assert pairwise_for(isc, n_subjects) == pytest.approx(pairwise_from_isc(isc, n_subjects))


@pytest.mark.parametrize("isc", [0.15, 0.29])
def test_regions_are_as_reliable_as_asked(heard, grids, isc):
    names = ("signed level", "power", "envelope", "seen")
    asked = []
    found = []
    for seed in range(30):
        simulation = simulate_regions(heard, grids, seed, names, Subjects(isc=isc))
        asked += [truth.isc for truth in simulation.truths]
        found += [leave_one_out(simulation.series[:, :, region]) for region in range(len(names))]
    assert np.median(asked) == pytest.approx(isc, rel=0.06)
    assert np.mean(found) == pytest.approx(np.mean(asked), abs=0.015)


def test_nothing_is_shared_where_nothing_is_followed(heard, grids):
    found = []
    for seed in range(10):
        simulation = simulate_regions(heard, grids, seed, ("nothing",))
        assert simulation.truths[0].isc == simulation.truths[0].signal_share == 0
        found.append(leave_one_out(simulation.series[:, :, 0]))
    assert abs(np.mean(found)) < 0.03


@pytest.mark.parametrize("entry", MIXED, ids=lambda entry: entry.name)
def test_the_envelope_has_the_share_that_is_planted(entry, heard, grids):
    """The share is found again by regression on responses to the RMS to several powers."""
    explained = []
    for seed in range(4):
        simulation = simulate_regions(heard, grids, seed, (entry.name,), CLEAN)
        truth = simulation.truths[0]
        powers = [heard.power.reshape(-1, 10) ** (p / 2) for p in (0.3, 0.5, 0.7)]
        tracks = np.stack([power.mean(1) for power in powers])
        tracks = tracks - tracks.mean(1, keepdims=True)
        shifted = [truth.response.kernel(shift_s) for shift_s in (-0.4, 0.0, 0.4)]
        columns = [respond(tracks, kernel[None].repeat(3, 0), grids) for kernel in shifted]
        columns = np.concatenate(columns)
        for series in simulation.series[:, :, 0]:
            halves = np.split(np.column_stack([columns.T, series]), [200])
            centred = np.concatenate([half - half.mean(0) for half in halves])
            weights = np.linalg.lstsq(centred[:, :-1], centred[:, -1], rcond=1e-4)[0]
            fitted = centred[:, :-1] @ weights
            explained.append(fitted.var() / centred[:, -1].var() / truth.signal_share)
    assert np.mean(explained) == pytest.approx(entry.envelope_share, abs=0.06)


def test_measured_shares_stand_in_the_truth(heard, grids):
    names = ("signed level, 25 % beside envelope", "envelope", "signed level")
    mixed, negative, pure = simulate_regions(heard, grids, 0, names).truths
    assert mixed.codebook_share == pytest.approx(0.25, abs=0.05)
    assert negative.codebook_share == 0
    assert pure.codebook_share > 0.8  # these codes know nothing of the level


def test_the_codebook_that_is_named_explains_the_region(heard, grids):
    """Signed levels of one codebook, found again by regression on the latents of each."""
    subjects = Subjects(isc=0.99, sound_share=1.0, most_codebooks=1)
    for seed in range(3):
        simulation = simulate_regions(heard, grids, seed, ("signed level",), subjects)
        truth = simulation.truths[0]
        series = simulation.series[:, :, 0].mean(0)
        r2 = [explained(heard, grids, truth, series, codebook) for codebook in range(8)]
        assert (int(np.argmax(r2)),) == truth.codebooks
        assert np.sort(r2)[-1] > 2 * np.sort(r2)[-2]


def explained(heard, grids, truth, series, codebook):
    """Return the share of a series that responses to a codebook's latents explain."""
    latents = heard.codebooks[codebook].T.astype(float) @ heard.occupancy[codebook].T
    latents = latents - latents.mean(1, keepdims=True)
    kernel = truth.response.kernel()[None].repeat(len(latents), 0)
    columns = respond(latents, kernel, grids)
    runs = np.split(np.column_stack([columns.T, series]), [200])
    centred = np.concatenate([run - run.mean(0) for run in runs])
    weights = np.linalg.lstsq(centred[:, :-1], centred[:, -1], rcond=None)[0]
    return np.var(centred[:, :-1] @ weights) / np.var(centred[:, -1])


def test_negative_regions_name_no_codebook_and_others_one_to_four(heard, grids):
    counts = set()
    for seed in range(12):
        for truth in simulate_regions(heard, grids, seed, ("norm", "RMS", "seen")).truths:
            if GENERATORS[truth.generator].is_negative:
                assert truth.codebooks == ()
            else:
                counts.add(len(truth.codebooks))
    assert counts == {1, 2, 3, 4}


def test_the_same_seed_gives_the_same_series(heard, grids):
    names = ("slow level", "onsets", "nothing")
    first = simulate_regions(heard, grids, 3, names)
    assert np.array_equal(first.series, simulate_regions(heard, grids, 3, names).series)
    assert not np.array_equal(first.series, simulate_regions(heard, grids, 4, names).series)
    assert first.label == "simulated"


def test_a_region_does_not_depend_on_which_others_there_are(heard, grids):
    together = simulate_regions(heard, grids, 3, ("mel bands", "power", "loudness"))
    alone = simulate_regions(heard, grids, 3, ("power",))
    assert alone.truths[0] == together.truths[1]


def test_latencies_differ_between_regions(heard, grids):
    truths = simulate_regions(heard, grids, 0).truths
    peaks_s = [truth.response.peak_s for truth in truths]
    assert np.ptp(peaks_s) > 1.5
    assert len({truth.response.shape for truth in truths}) == 3


@pytest.mark.parametrize("t_r", [0.72, 1.5, 2.0])
def test_any_tr_will_do(heard, t_r):
    grid = TRGrid.covering(300.0, t_r)
    series = simulate_regions(heard, [grid], 0, ("signed level", "seen")).series
    assert series.shape == (8, grid.n_trs, 2)
    assert np.isfinite(series).all()


def test_wrong_input_is_explained(heard, grids):
    with pytest.raises(InputError, match="must be some of signed level"):
        simulate_regions(heard, grids, 0, ("no such region",))
    with pytest.raises(InputError, match="run 1: lasts from 0 to 1500 s"):
        simulate_regions(heard, [TRGrid(1.5, 1_000)], 0, ("RMS",))
    with pytest.raises(InputError, match="at least 2 subjects"):
        Subjects(n_subjects=1)
    with pytest.raises(InputError, match="shares between 0 and 1"):
        Subjects(isc=1.5)
