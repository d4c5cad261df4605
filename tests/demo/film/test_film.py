"""The demo film: two runs fit it, it is cached by what makes it, and kept to the bit."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile

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


def test_the_cache_hits_the_same_seed(film, film_folder, monkeypatch):
    monkeypatch.setattr(film_module, "_render", render_nothing)
    again = gc.demo_film(seed=0, folder=film_folder)
    assert np.array_equal(again.wave, film.wave)
    assert again.annotation == film.annotation


def test_the_cache_misses_another_seed(film, film_folder, monkeypatch):
    monkeypatch.setattr(film_module, "_render", render_nothing)
    with pytest.raises(RuntimeError, match="rendered 1"):
        gc.demo_film(seed=1, folder=film_folder)


def test_the_cache_misses_other_voices(film, film_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(film_module, "_render", render_nothing)
    changed = tmp_path / "voices.ogg"
    changed.write_bytes(b"other voices")
    monkeypatch.setattr(film_module, "voice_files", lambda: {1: changed, 2: changed})
    with pytest.raises(RuntimeError, match="rendered 0"):
        gc.demo_film(seed=0, folder=film_folder)


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
