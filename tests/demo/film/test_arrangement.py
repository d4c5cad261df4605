"""The arrangement: varied, not collinear, and another one for another seed."""

import numpy as np
import pytest
from film_sounds import levels_of_trs, share_of

from giblet_core.demo.film import mix


def edges_of_trs(run, t_r):
    return run.start_s + t_r * np.arange(run.n_trs + 1)


def test_speech_music_and_loudness_are_not_collinear(film):
    rows = [levels_of_trs(film)]
    for kind in ("speech", "music"):
        shares = [share_of(film.annotation, kind, edges_of_trs(run, film.t_r)) for run in film.runs]
        rows.append(np.concatenate(shares))
    r = np.corrcoef(rows)
    assert np.abs(r[np.triu_indices(3, 1)]).max() < 0.6


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_speech_and_music_are_not_collinear_in_films_nobody_tuned_on(seed):
    edges_s = 1.5 * np.arange(805)
    _, truth = mix(seed, ())
    speech = share_of(truth, "speech", edges_s)
    music = share_of(truth, "music", edges_s)
    assert abs(np.corrcoef(speech, music)[0, 1]) < 0.4


def test_the_film_is_varied(film):
    scenes = film.annotation.scenes
    assert len({scene.name for scene in scenes}) == len(scenes) >= 20
    assert len({scene.kind for scene in scenes}) >= 7
    assert len({event.speaker for event in film.annotation.events} - {""}) >= 5


@pytest.mark.parametrize("kind", ["speech", "music", "ambience"])
def test_each_kind_of_sound_is_on_for_about_half_of_the_film(kind, film):
    edges_s = np.array([0, film.duration_s / 2, film.duration_s])
    assert 0.35 < share_of(film.annotation, kind, edges_s).mean() < 0.7


def test_scenes_follow_each_other_without_a_gap(film):
    scenes = film.annotation.scenes
    for scene, following in zip(scenes, scenes[1:]):
        assert scene.stop_s == following.start_s


def test_another_seed_is_another_arrangement_of_the_same_words():
    _, first = mix(0, ())
    _, other = mix(1, ())
    assert [scene.name for scene in first.scenes] != [scene.name for scene in other.scenes]
    first_words = sorted(word.word for word in first.words)
    assert first_words == sorted(word.word for word in other.words)
    assert other.scenes[-1].stop_s == first.scenes[-1].stop_s == 1212
