"""Series are made once from a design's seeds, and read as they were made."""

from types import SimpleNamespace

import numpy as np
import pytest
from caches import assert_flips_are_found
from simulated_sounds import N_CODEBOOKS, N_ENTRIES, made_indices, made_sound, made_wave

from giblet_core.errors import InputError
from giblet_core.studies import kept_series, lock, read_register, runner, series, simulate_series
from giblet_core.timing import TRGrid


@pytest.fixture(scope="module")
def heard():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_CODEBOOKS, N_ENTRIES, 12)).astype(np.float32)
    return made_sound(made_wave(rng), made_indices(rng), vectors)


@pytest.fixture
def design(own_project, content, write_design):
    return write_design({**content, "n_negative": 4})


def film_of(heard, spec):
    stimulus = SimpleNamespace(grids=(TRGrid(1.5, 100),), key="made")
    return SimpleNamespace(spec=spec, heard=heard, stimulus=stimulus)


def test_series_that_were_kept_are_those_that_were_made(design, heard, own_project, monkeypatch):
    monkeypatch.setattr(series, "project_root", lambda: own_project)
    film = film_of(heard, design.films[1])
    made = simulate_series(film, design, design.seeds_of(film.spec))
    kept = kept_series(film, design)
    monkeypatch.setattr(series, "simulate_series", None)  # is not called again
    again = kept_series(film, design)
    assert kept.rows == again.rows == made.rows
    assert np.array_equal(again.series, made.series)
    assert again.sha256 == made.sha256
    generators = [row["generator"] for row in made.rows]
    assert generators == ["signed level", "envelope"] * 3 + ["envelope"]
    assert made.rows[0]["seed"] == 6005


def test_series_are_made_of_locked_designs_and_noted(design, heard, own_project, monkeypatch):
    monkeypatch.setattr(series, "project_root", lambda: own_project)
    monkeypatch.setattr(runner, "make_film", lambda spec: film_of(heard, spec))
    with pytest.raises(InputError, match="must be locked"):
        runner.simulate_ahead(design, say=str)
    lock(design)
    runner.simulate_ahead(design, say=str)
    entries = read_register()
    assert [entry.event for entry in entries] == ["locked", "series made"]
    assert len(entries[1].record_sha256) == 64


def test_series_are_known_by_design_film_and_sound_and_damage_is_found(
    design, heard, own_project, monkeypatch, content, write_design
):
    monkeypatch.setattr(series, "project_root", lambda: own_project)
    film = film_of(heard, design.films[1])
    kept = kept_series(film, design)
    (path,) = (own_project / "build" / "artifacts" / "studies").iterdir()
    assert_flips_are_found([path], lambda: kept_series(film, design).series, kept.series)
    other_design = write_design({**content, "name": "other", "n_negative": 4, "n_draws": 39})
    other_film = film_of(heard, design.films[0])
    other_sound = film_of(heard, design.films[1])
    other_sound.stimulus.key = "made otherwise"
    kept_series(film, other_design)
    kept_series(other_film, design)
    kept_series(other_sound, design)
    assert len(list(path.parent.iterdir())) == 4
