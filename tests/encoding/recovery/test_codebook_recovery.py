"""Codebooks of a sound are asked for beyond its level and spectrum, on unseen time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.encoding import (
    Design,
    codebook_gain,
    codebooks_beyond,
    make_design,
    recover_regions,
    residual_scores,
)
from giblet_core.encoding.recovery import regions
from giblet_core.errors import InputError
from giblet_core.features import (
    CodebookForm,
    CodebookMeans,
    FeatureSpace,
    pooled,
    slow_codebooks,
)
from giblet_core.timing import TRGrid, contiguous_folds

SAMPLE_RATE = 24_000
FRAME_RATE = 75.0
HOP = 320


def design_of(rng, smooth, run_n_trs=(150, 150), n_codebooks=2):
    """Make a design of smooth random codebooks and baselines."""
    n_trs = sum(run_n_trs)
    means = []
    for _ in range(n_codebooks):
        plain = smooth(rng, n_trs, 10, sigma=2)
        responded = np.stack([np.roll(plain, delay, axis=0) for delay in (2, 3, 4)])
        means.append(CodebookMeans(plain, responded.astype(np.float32)))
    base = {}
    for name in ("envelope", "loudness", "mel"):
        values = smooth(rng, n_trs, 2, sigma=2).astype(np.float32)
        base[name] = FeatureSpace(name, values, ("a", "b"))
    return Design(means, base, t_r=1.5, run_n_trs=run_n_trs)


def test_rows_are_the_first_trs_of_each_run_with_the_place_where_runs_begin(rng, smooth):
    design = design_of(rng, smooth, run_n_trs=(5, 4))
    rows, onsets = design.rows()
    assert rows.tolist() == list(range(9))
    assert onsets == (0, 5)
    rows, onsets = design.rows(6)
    assert rows.tolist() == [0, 1, 2, 5, 6, 7]
    assert onsets == (0, 3)
    with pytest.raises(InputError, match="Ask for fewer"):
        design.rows(10)


def test_a_planted_codebook_is_recovered_and_adds_to_the_baselines(rng, smooth):
    design = design_of(rng, smooth)
    followed = slow_codebooks(design.means, peaks=[1])[1]
    signal = followed @ np.ones((8, 1))
    noise = signal.std() * rng.standard_normal((2, 300, 2))
    Y = np.column_stack([signal, np.zeros((300, 1))]) + noise
    recovery = recover_regions(design, Y, n_draws=30)
    assert recovery.probability[1, 0] > 0.9
    assert recovery.probability[0, 0] < 0.6
    assert recovery.null.p[0] == recovery.null.p_floor
    gain, r = codebook_gain(design, Y.mean(0))
    assert gain[0] > 0.2
    assert r[0] > 0.5
    assert abs(gain[1]) < 0.1


def test_a_codebook_is_recovered_where_its_energy_alone_is_followed(rng, smooth):
    """Level is a rival: half of the series is the energy of a codebook, which is mostly level."""
    design = design_of(rng, smooth, n_codebooks=3)
    level = smooth(rng, 300, 1, sigma=2)
    energies = []
    for _ in range(3):
        own = level + 0.5 * smooth(rng, 300, 3, sigma=2)
        energies.append(np.stack([np.roll(own, delay, axis=0) for delay in (2, 3, 4)]))
    design = replace(
        design,
        base={**design.base, "bands": FeatureSpace("bands", np.roll(level, 3, axis=0), ("a",))},
        forms=(*design.all_forms(), CodebookForm("energy", "energy", tuple(energies))),
    )
    signal = energies[2][1] @ np.ones((3, 1))
    Y = signal + signal.std() * rng.standard_normal((4, 300, 1))
    recovery = recover_regions(design, Y, n_draws=30)
    assert recovery.probability[:, 0].argmax() == 2
    assert recovery.known[2, 0]
    assert recovery.form[:, 0].argmax() == len(design.forms) - 1
    np.testing.assert_allclose(recovery.form.sum(0), 1)


def test_the_test_alone_is_that_of_the_recovery(rng, smooth):
    design = design_of(rng, smooth)
    Y = rng.standard_normal((2, 300, 3))
    alone = codebooks_beyond(design, Y, n_draws=20)
    with_recovery = recover_regions(design, Y, n_draws=20).null
    np.testing.assert_array_equal(alone.null, with_recovery.null)
    np.testing.assert_array_equal(alone.p, with_recovery.p)


def test_explanations_that_are_left_out_would_change_nothing(rng, smooth, monkeypatch):
    design = design_of(rng, smooth, n_codebooks=3)
    followed = slow_codebooks(design.means, peaks=[0])[2] @ np.ones((8, 1))
    Y = followed * [1, 0.3, 0] + followed.std() * rng.standard_normal((300, 3))
    few = recover_regions(design, Y[None], n_draws=5)
    monkeypatch.setattr(regions, "MOST_BEHIND", np.inf)
    every = recover_regions(design, Y[None], n_draws=5)
    np.testing.assert_allclose(few.probability, every.probability, atol=0.01)


def test_noise_as_smooth_as_the_response_does_not_hide_a_codebook(rng, smooth):
    """Chosen by the series alone, the noise would take what follows the codebook for its own."""
    design = design_of(rng, smooth, n_codebooks=3)
    followed = slow_codebooks(design.means, peaks=[1])[0] @ np.ones((8, 1))
    rough = rng.standard_normal((300, 1))
    Y = followed / followed.std() + 0.3 * rough
    recovery = recover_regions(design, Y[None], n_draws=5)
    assert recovery.probability[0, 0] > 0.9
    assert recovery.probability[1:, 0].max() < 0.5


def test_fewer_trs_are_those_at_the_beginning_of_each_run(rng, smooth):
    design = design_of(rng, smooth)
    Y = rng.standard_normal((1, 300, 2))
    changed = Y.copy()
    changed[:, 100:150] = 5 * rng.standard_normal((1, 50, 2))
    before = recover_regions(design, Y, n_trs=200, n_draws=5)
    after = recover_regions(design, changed, n_trs=200, n_draws=5)
    assert np.array_equal(before.probability, after.probability)
    whole = recover_regions(design, changed, n_draws=5)
    assert not np.allclose(whole.probability, after.probability)


@pytest.fixture
def two_levels(rng):
    """A sound whose level the first codebook holds; the second holds a course of its own."""
    n_frames = 13_500

    def slow_course():
        walk = np.cumsum(rng.standard_normal(n_frames)) / 60
        return np.clip(walk % 2 - 1, -1, 1) ** 2

    level = slow_course()
    other = slow_course()
    wave = np.repeat(level, HOP) * rng.standard_normal(HOP * n_frames) * 0.1
    codebooks = np.linspace(0, 1, 1024)[:, None] * rng.standard_normal((2, 1, 8))
    indices = np.stack([np.round(course * 1023) for course in (level, other)]).astype(np.uint16)
    codes = made_up_codes(indices)
    codec = SimpleNamespace(
        id=codes.codec_id,
        sha256=codes.codec_sha256,
        sample_rate=SAMPLE_RATE,
        codebooks=codebooks.astype(np.float32),
    )
    stimulus = SimpleNamespace(codec=codec, codes=codes, wave=wave.astype(np.float32), spoken=None)
    return SimpleNamespace(stimulus=stimulus, courses=(level, other))


def test_freed_of_level_a_codebook_of_energy_predicts_nothing_and_another_what_it_did(
    rng, two_levels
):
    grid = TRGrid(1.5, 120)
    series = [pooled(x[None], FRAME_RATE, grid, ("mean",)) for x in two_levels.courses]
    Y = np.concatenate(series, 1)
    Y = Y / Y.std(0) + 0.3 * rng.standard_normal(Y.shape)
    folds = contiguous_folds(120, 4, 10)
    scores = residual_scores(two_levels.stimulus, [grid], Y, folds, 1e-3)
    assert min(scores.intact[0, 0], scores.intact[1, 1]) > 0.7
    assert scores.freed[0, 0] < 0.3
    assert scores.freed[1, 1] > 0.7


def test_the_design_of_a_stimulus_holds_its_codebooks_and_strong_baselines(two_levels):
    grids = [TRGrid(1.5, 60), TRGrid(1.5, 50, 90.0)]
    design = make_design(two_levels.stimulus, grids)
    assert design.run_n_trs == (60, 50)
    assert design.t_r == 1.5
    assert [len(mean.plain) for mean in design.means] == [110, 110]
    assert {"envelope", "loudness", "mel", "onsets", "modulation", "guessed speech"} <= set(
        design.base
    )
    assert {form.family for form in design.forms} == {"signed", "energy"}
    rows, onsets = design.rows()
    assert len(rows) == 110
    assert onsets == (0, 60)
