"""A stimulus: pieces of sound and code lie over each other, and are chosen by what sounds."""

from pathlib import Path

import numpy as np
import pytest
from fakes import projected_codec

from giblet_core.sound import Annotation, Event, Scene
from giblet_core.timing import Stimulus, TRGrid

SECONDS = 30
LOUD_S = 20  # from here on the sound is four times as loud


def make_stimulus(annotation=None):
    codec = projected_codec()
    rng = np.random.default_rng(0)
    wave = 0.05 * rng.standard_normal(SECONDS * codec.sample_rate).astype(np.float32)
    wave[LOUD_S * codec.sample_rate :] *= 4
    codes = codec.encode(wave, codec.bandwidths_kbps[-1])
    grids = (TRGrid(1.5, 8), TRGrid(1.5, 10, 12.0))
    return Stimulus(
        name="noise",
        label="noise, codec projected",
        wave=wave,
        codec=codec,
        codes=codes.first(2),
        codes_all=codes,
        grids=grids,
        annotation=annotation,
        folder=Path("."),
        key="0" * 64,
    )


@pytest.fixture(scope="module")
def bare():
    return make_stimulus()


@pytest.fixture(scope="module")
def annotated():
    scenes = (Scene(0.0, 15.0, "day", ""), Scene(15.0, 30.0, "night", ""))
    events = (
        Event(2.0, 12.0, "speech", "one"),
        Event(2.0, 6.0, "music", "under"),
        Event(14.0, 16.0, "speech", "two"),
    )
    return make_stimulus(Annotation(scenes, events, ()))


def test_trs_of_all_runs_are_counted(bare):
    assert bare.n_trs == 18
    assert bare.duration_s == SECONDS


def test_a_piece_of_sound_lies_over_its_piece_of_code(bare):
    sound = bare.piece(1.23, 4.56)
    codes = bare.codes_piece(1.23, 4.56)
    assert len(sound) == codes.n_samples
    first = int(1.23 * bare.codec.frame_rate)
    assert np.array_equal(codes.indices[:, 0], bare.codes.indices[:, first])
    assert bare.codes_piece(1.23, 4.56, k=5).num_codebooks == 5
    assert codes.num_codebooks == 2


def test_a_piece_ends_where_the_sound_ends(bare):
    assert bare.codes_piece(29.0, 99.0).n_frames == bare.codec.frame_rate


def test_without_annotation_the_loudest_piece_is_chosen(bare):
    start_s, stop_s = bare.excerpt("speech", 4.0)
    assert start_s >= LOUD_S
    assert stop_s - start_s == 4.0
    assert (bare.kinds, bare.spoken, bare.place(3.2)) == ((), None, "3 s")


def test_an_annotated_kind_is_chosen_where_it_is_alone_for_longest(annotated):
    assert annotated.excerpt("speech", 4.0) == (6.0, 10.0)
    assert annotated.kinds == ("scene", "speech", "music")
    assert annotated.spoken is annotated.annotation
    assert annotated.place(16.4) == "night, 16 s"


def test_a_kind_that_is_not_annotated_is_not_taken_to_be_absent(annotated):
    assert annotated.excerpt("ambience", 4.0)[0] >= LOUD_S


def test_an_excerpt_is_never_longer_than_the_sound(bare):
    assert bare.excerpt("speech", 99.0) == (0.0, SECONDS)


def test_what_needs_more_trs_says_so(bare, capsys):
    assert bare.enough(18, "this")
    assert capsys.readouterr().out == ""
    assert not bare.enough(19, "this")
    printed = capsys.readouterr().out
    assert printed == "Left out: this needs at least 19 TRs; this sound has 18 (27 s).\n"
