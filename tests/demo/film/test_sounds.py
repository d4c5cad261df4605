"""Single sounds: beds of unit level, effects and notes without clicks."""

import numpy as np
import pytest

from giblet_core.demo.film import (
    AMBIENCES,
    CUES,
    EFFECTS,
    INSTRUMENTS,
    RATE,
    ambience,
    compose,
    effect,
    play,
)


def check_bed(wave):
    assert len(wave) == 6 * RATE
    assert 0.7 < np.sqrt(np.mean(wave**2)) < 1.1
    assert abs(wave.mean()) < 0.01
    assert max(abs(wave[0]), abs(wave[-1])) < 1e-3


@pytest.mark.parametrize("name", CUES)
def test_music_has_unit_level_no_dc_and_silent_ends(name):
    check_bed(compose(name, 6 * RATE, np.random.default_rng(3)))


@pytest.mark.parametrize("name", AMBIENCES)
def test_ambiences_have_unit_level_no_dc_and_silent_ends(name):
    check_bed(ambience(name, 6 * RATE, np.random.default_rng(3)))


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_begin_and_end_in_silence(name):
    wave = effect(name, np.random.default_rng(3))
    assert np.abs(wave).max() == pytest.approx(1)
    assert max(abs(wave[0]), np.abs(wave[-24:]).max()) < 0.01


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_note_ends_without_a_click(instrument):
    note = play(instrument, 52, RATE)
    assert np.abs(note).max() == pytest.approx(1, abs=0.05)
    assert np.abs(note[-24:]).max() < 0.002
