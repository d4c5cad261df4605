"""Films of a study are made from their seed, and say what sounds when."""

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.studies import FilmSpec, films, make_film

DEMO = FilmSpec(name="short", kind="demo film", seed=7, t_r=1.5, run_n_trs=(6, 6))
REAL = {"name": "real", "kind": "real sounds", "t_r": 2.0, "run_n_trs": (20,)}


@pytest.mark.slow
def test_a_film_of_the_demos_voices_is_cut_to_its_runs(demo_codec, tmp_path):
    film = make_film(DEMO, demo_codec, tmp_path)
    stimulus = film.stimulus
    assert stimulus.duration_s == pytest.approx(12 * 1.5 + films.GUARD_S)
    assert [grid.onset_s for grid in stimulus.grids] == [0.0, 9.0]
    whole = gc.demo_film(7, tmp_path / "film")
    assert np.array_equal(stimulus.wave, whole.wave[: len(stimulus.wave)])
    assert film.heard.codes == stimulus.codes
    kept = list((tmp_path / "codes").iterdir())
    assert make_film(DEMO, demo_codec, tmp_path).stimulus.codes == stimulus.codes
    assert list((tmp_path / "codes").iterdir()) == kept


@pytest.mark.slow
@pytest.mark.shared
def test_real_sounds_are_joined_in_turn_at_levels_that_differ(shared, monkeypatch):
    monkeypatch.setenv("GIBLET_SHARED", str(shared))
    if not (shared / "sounds").is_dir():
        pytest.skip("real sounds are absent: set GIBLET_SHARED to the folder that holds them")
    files = ("speech/speech020.opus", "music/music010.opus")
    spec = FilmSpec(**{**REAL, "run_n_trs": (60,)}, seed=1, files=files)
    sound = films.FILMS["real sounds"](spec, 24_000, None)
    assert len(sound.wave) == 24_000 * 121
    kinds = [event.kind for event in sound.annotation.events]
    assert kinds[:3] == ["speech", "music", "speech"]
    levels = [
        np.sqrt(np.mean(sound.wave[int(e.start_s * 24_000) : int(e.stop_s * 24_000)] ** 2))
        for e in sound.annotation.events
    ]
    assert np.ptp(20 * np.log10(levels)) > 1
    again = films.FILMS["real sounds"](spec, 24_000, None)
    assert np.array_equal(again.wave, sound.wave)
    other = films.FILMS["real sounds"](spec.model_copy(update={"seed": 2}), 24_000, None)
    assert not np.array_equal(other.wave, sound.wave)


def test_absent_sounds_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("GIBLET_SHARED", str(tmp_path))
    spec = FilmSpec(**REAL, seed=0, files=("speech/none.opus",))
    with pytest.raises(InputError, match=r"lacks speech/none.opus. Set GIBLET_SHARED"):
        make_film(spec)
    with pytest.raises(InputError, match="lacks any that it names"):
        make_film(FilmSpec(**REAL, seed=0))
