"""Sections say what they need and what there is, once, and ask nothing of facts unknown."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.reporting import FACTS, SECTIONS, Readiness, measure_material
from giblet_core.timing import TRGrid

RATE = 24_000


def stimulus(n_trs=100, wave=None, n_different=500):
    sound = np.ones(int(1.5 * n_trs * RATE), np.float32) if wave is None else wave
    codec = SimpleNamespace(sample_rate=RATE)
    codes = SimpleNamespace(indices=np.arange(n_different)[None])
    return SimpleNamespace(
        wave=sound, codec=codec, codes=codes, grids=(TRGrid(1.5, n_trs),), spoken=None
    )


def data(n_trs=100, n_subjects=2, regions=("A", "B")):
    subjects = list(range(n_subjects))
    return SimpleNamespace(
        grids=(TRGrid(1.5, n_trs),), subjects=subjects, region_names=regions, mask_img=None
    )


@pytest.mark.parametrize("key", SECTIONS)
def test_every_section_asks_for_facts_that_are_known(key):
    assert set(SECTIONS[key].least) <= set(FACTS)
    assert SECTIONS[key].title


def test_facts_are_counted():
    wave = np.zeros(10 * RATE, np.float32)
    wave[: 4 * RATE] = 0.1
    facts = measure_material(stimulus(wave=wave), data(n_trs=7, n_subjects=3))
    assert facts["duration_s"] == 10
    assert facts["sounding_s"] == 4
    assert (facts["n_trs"], facts["n_subjects"], facts["n_regions"]) == (7, 3, 2)
    assert facts["n_volumes"] == 0
    assert measure_material(stimulus(wave=0 * wave))["sounding_s"] == 0


def test_a_need_that_is_not_met_is_shown_once_with_what_there_is(capsys):
    ready = Readiness(stimulus(n_trs=111), data(n_trs=111))
    assert ready("encoding")
    assert not ready("lesions on fMRI")
    assert not ready("lesions on fMRI")
    shown = capsys.readouterr().out
    assert shown.count("needs at least 200 TRs, has 111") == 1
    assert list(ready.left_out) == ["lesions on fMRI"]


def test_every_need_that_is_not_met_is_named():
    lacks = Readiness(stimulus(n_trs=40)).missing("encoding")
    assert lacks == [
        "needs at least 80 TRs, has 40",
        "needs at least 1 subjects with BOLD, has 0",
        "needs at least 1 regions, has 0",
    ]


def test_what_only_the_analysis_knows_is_added_by_it():
    ready = Readiness(stimulus(), data())
    assert ready("identification")
    ready.add(n_foils=0)
    assert not ready("identification")
    with pytest.raises(InputError, match="facts=.*n_lures"):
        ready.add(n_lures=3)


def test_an_unknown_section_is_an_error():
    with pytest.raises(InputError, match="section=nothing"):
        Readiness(stimulus())("nothing")


def test_a_sound_that_does_not_change_is_left_out_of_what_learns_from_it(capsys):
    ready = Readiness(stimulus(n_different=2), data())
    assert not ready("encoding")
    assert "needs at least 50 different frames of code" in (capsys.readouterr().out)
