"""Regions of a data set are measured, whatever the length of its runs."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from caches import assert_flips_are_found, edited_copy

import giblet_core as gc
from giblet_core.decoding import foil_pairs
from giblet_core.encoding import Recovery, make_null
from giblet_core.fmri import load_dataset
from giblet_core.regions import findings as findings_module
from giblet_core.regions import protocol_for, recover_once, region_findings
from giblet_core.validation.simulation import simulate, stand_in_sound


@pytest.mark.slow
@pytest.mark.parametrize("n_trs", [111, 200])
def test_a_single_run_of_any_length_holds_segments_with_a_foil(tmp_path, demo_codec, n_trs):
    rate = demo_codec.sample_rate
    wave = stand_in_sound(np.random.default_rng(1), 1.5 * n_trs, rate)
    power = np.convolve(wave**2, np.full(12_000, 1 / 12_000), "same")
    wave *= np.float32(0.1) / np.sqrt(power + 1e-6).astype(np.float32)  # one loudness
    soundfile.write(tmp_path / "film.flac", wave / np.abs(wave).max(), rate, subtype="PCM_16")
    stim = gc.ensure_stimulus(tmp_path / "film.flac", artifacts_dir=tmp_path / "artifacts")
    simulation = simulate(
        0, stim.codes, 2, codec=demo_codec, wave=stim.wave, run_n_trs=(n_trs,), voxel_mm=10
    )
    data = load_dataset(simulation.save(tmp_path / "volumes", stimulus="../film.flac"))
    findings = region_findings(stim, data, ["R01"], n_random=2, n_shifts=2)
    pairs = foil_pairs(findings.segments.foils(protocol_for(data.grids).embargo))
    assert len(np.unique(pairs)) >= 5  # segments that have a foil
    assert findings.lesions.whole.shape == (len(pairs),)
    assert np.isfinite(findings.lesions.whole).all()


def test_a_map_holds_each_region_and_nothing_else(findings):
    image = findings.image([2.0, 5.0])
    is_brain = np.asarray(findings.data.mask_img.dataobj) > 0
    values = np.asarray(image.dataobj)[is_brain]
    for name, value in (("R01", 2.0), ("R12", 5.0)):
        assert np.array_equal(np.flatnonzero(values == value), findings.group.members(name))
    n_members = sum(len(findings.group.members(name)) for name in findings.names)
    assert np.count_nonzero(values) == n_members


def test_each_group_and_each_codebook_has_its_parts(findings):
    assert findings.spaces.names == tuple(findings.r.columns)
    assert findings.spaces.names[0] == "codebooks"
    assert findings.codebooks.names == tuple(f"codebook {k}" for k in range(8))
    assert findings.codebooks.value.shape == (8, 2)


class CountedRecovery:
    """Count how often regions are recovered, and say what for."""

    def __init__(self):
        self.asked = []

    def __call__(self, design, series, n_draws):
        self.asked.append(n_draws)
        n_regions = series.shape[2]
        null = make_null(series.mean((0, 1)), np.zeros((n_draws, n_regions)), "counted")
        chances = np.full((2, n_regions), 0.25)
        of_codebooks = (null, make_null(null.observed + 1, null.null, "counted alone"))
        return Recovery(
            chances,
            null,
            chances > 0.5,
            chances,
            codebook_p=chances,
            codebook_nulls=of_codebooks,
        )


def test_what_codebooks_regions_follow_is_computed_once_for_the_same_question(
    tmp_path, monkeypatch, rng
):
    counted = CountedRecovery()
    monkeypatch.setattr("giblet_core.regions.findings.recover_regions", counted)
    codes = SimpleNamespace(num_codebooks=8)
    stim = SimpleNamespace(folder=tmp_path, name="film", key="a", codes=codes, spoken=None)
    grids = (gc.TRGrid(1.5, 60),)
    series = rng.standard_normal((2, 60, 3))
    first = recover_once(stim, grids, None, series, 5)
    again = recover_once(stim, grids, None, series.copy(), 5)
    assert counted.asked == [5]
    assert again.null.kind == first.null.kind == "counted"
    np.testing.assert_array_equal(again.null.p_max, first.null.p_max)
    assert len(again.codebook_nulls) == 2
    for kept, computed in zip(again.codebook_nulls, first.codebook_nulls):
        np.testing.assert_equal(vars(kept), vars(computed))
    np.testing.assert_array_equal(again.probability, np.full((2, 3), 0.25))
    assert not again.known.any()

    recover_once(stim, grids, None, series, 7)
    recover_once(stim, grids, None, series[:, :, :2], 5)
    recover_once(stim, (gc.TRGrid(1.5, 60, onset_s=3.0),), None, series, 5)
    recover_once(SimpleNamespace(**{**vars(stim), "key": "b"}), grids, None, series, 5)
    assert counted.asked == [5, 7, 5, 5, 5], "another question is another file"
    copies = edited_copy(findings_module.SOURCES, tmp_path)
    monkeypatch.setattr(findings_module, "SOURCES", copies)
    recover_once(stim, grids, None, series, 5)
    assert counted.asked == [5, 7, 5, 5, 5, 5], "so is another code"


def test_damage_of_what_is_kept_is_found(tmp_path, monkeypatch, rng):
    monkeypatch.setattr(findings_module, "recover_regions", CountedRecovery())
    codes = SimpleNamespace(num_codebooks=8)
    stim = SimpleNamespace(folder=tmp_path, name="film", key="a", codes=codes, spoken=None)
    series = rng.standard_normal((2, 60, 3))

    def served():
        return recover_once(stim, (gc.TRGrid(1.5, 60),), None, series, 5).null.observed

    expected = served()
    (path,) = (tmp_path / "recovered").iterdir()
    assert_flips_are_found([path], served, expected)
