"""The demo film: two runs fit it, it is cached by what makes it, and kept to the bit."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import soundfile
from caches import assert_flips_are_found, assert_known_by, edited_copy

import giblet_core as gc
from giblet_core.demo.film import film as film_module
from giblet_core.errors import InputError
from giblet_core.sound import Annotation


def test_two_runs_of_400_trs_fit_the_film(film):
    assert film.sample_rate == 24_000
    assert film.wave.dtype == np.float32
    assert [run.n_trs for run in film.runs] == [400, 400]
    ends_s = [run.start_s + run.n_trs * film.t_r for run in film.runs]
    assert ends_s[0] < film.runs[1].start_s
    assert ends_s[1] < film.duration_s < ends_s[1] + 30


def render_nothing(seed):
    raise RuntimeError(f"rendered {seed}")


def test_the_cache_gives_the_same_film_back(film, film_folder, monkeypatch):
    monkeypatch.setattr(film_module, "_render", render_nothing)
    again = gc.demo_film(seed=0, folder=film_folder)
    assert np.array_equal(again.wave, film.wave)
    assert again.annotation == film.annotation


class QuickFilm:
    """The film's cache, with noise in place of the rendered film."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.seed = 0
        self.made = []
        monkeypatch.setattr(film_module, "_render", self.render)

    def render(self, seed):
        self.made.append(seed)
        pcm = np.random.default_rng(len(self.made)).integers(-99, 99, 500).astype(np.int16)
        nothing = {"scenes": (), "events": (), "words": ()}
        return {"pcm": pcm}, {"kind": "film", "seed": seed, "annotation": nothing}

    def __call__(self):
        return gc.demo_film(self.seed, self.folder / "cache").wave


@pytest.fixture
def quick_film(tmp_path, monkeypatch):
    return QuickFilm(tmp_path, monkeypatch)


def another_file(folder):
    path = folder / "another"
    path.write_bytes(b"another content")
    return path


def other_voices(run, folder):
    return {**film_module.voice_files(), run: another_file(folder)}


#: Ingredient of the film -> function (folder) that returns what to put in its place.
INGREDIENTS = {
    "CODE": lambda folder: edited_copy(film_module.CODE, folder),
    "SCORE": another_file,
    "VOICES": another_file,
}


@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_the_film_is_known_by_code_score_and_screenplay(
    quick_film, tmp_path, monkeypatch, ingredient
):
    changed = INGREDIENTS[ingredient](tmp_path)
    change = functools.partial(monkeypatch.setattr, film_module, ingredient, changed)
    assert_known_by(quick_film, quick_film.made, change)


@pytest.mark.parametrize("run", [1, 2])
def test_the_film_is_known_by_the_voices_of_each_run(quick_film, tmp_path, monkeypatch, run):
    voices = other_voices(run, tmp_path)
    change = functools.partial(monkeypatch.setattr, film_module, "voice_files", lambda: voices)
    assert_known_by(quick_film, quick_film.made, change)


def test_the_film_is_known_by_its_seed(quick_film):
    assert_known_by(quick_film, quick_film.made, lambda: setattr(quick_film, "seed", 1))


def test_a_damaged_film_is_found(quick_film, tmp_path):
    expected = quick_film()
    assert_flips_are_found((tmp_path / "cache").iterdir(), quick_film, expected)


def test_the_key_of_the_film_holds_every_file_that_shapes_it():
    names = {path.name for path in film_module.CODE}
    assert {"film.py", "arrangement.py", "stems.py", "mastering.py", "annotation.py"} <= names
    assert {"music.py", "effects.py", "ambiences.py", "rooms.py", "synthesis.py"} <= names


def test_saved_film_holds_the_same_samples(film, tmp_path):
    path = gc.save_audio(tmp_path / "film.flac", film.wave, film.sample_rate)
    wave, rate = soundfile.read(path, dtype="float32")
    assert rate == film.sample_rate
    assert np.array_equal(wave, film.wave)


def test_the_annotation_returns_from_plain_data(film):
    plain = json.loads(json.dumps(dataclasses.asdict(film.annotation)))
    assert Annotation.from_dict(plain) == film.annotation


@pytest.mark.parametrize("seed", [-1, 1.0, "0", None, True])
def test_a_seed_that_is_not_a_natural_number_is_refused(seed):
    with pytest.raises(InputError, match="seed="):
        gc.demo_film(seed=seed)
