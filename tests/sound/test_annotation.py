"""A table of events beside a user's sound says what sounds when; no more is asked of it."""

from pathlib import Path

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.autoencoder import probe_targets
from giblet_core.commands import main
from giblet_core.decoding import make_spaces
from giblet_core.errors import InputError
from giblet_core.sound import TYPES, Annotation, Event, Scene, Word
from giblet_core.timing import contiguous_folds
from giblet_core.workflow import SMOKE_S, check_inputs, input_stamp

RATE = 24_000
SCENES = "onset\tduration\ttrial_type\tlabel\n0\t100\tscene\tBaker Street\n100\t60.0\tscene\tn/a\n"
SPOKEN = "20\t4\tspeech\thello there\n90\t30\tmusic\tn/a\n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """160 s of noise, loudest from 50 to 60 s."""
    place, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    wave = 0.03 * rng.standard_normal(160 * RATE).astype(np.float32)
    wave[50 * RATE : 60 * RATE] *= 3
    return gc.save_audio(place / "mine.flac", wave, RATE, clip=True)


@pytest.fixture
def annotated(sound):
    """Write a table beside the sound; it is gone after the test."""
    path = sound.with_name("mine_events.tsv")

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    yield write
    path.unlink(missing_ok=True)


def stimulus(sound, **options):
    return gc.ensure_stimulus(sound, artifacts_dir=sound.parent / "build", **options)


def test_a_table_holds_scenes_events_and_words_in_order_of_time(tmp_path):
    path = tmp_path / "a_events.tsv"
    path.write_text(
        'trial_type\tonset\tduration\tspeaker\tlabel\textra\r\nword\t3.5\t0.5\tANN\tBad\t1\r\nmusic\t1\t2\tn/a\t"Waltz\r\n'
        "speech\t3\t2\tANN\tn/a\r\nscene\t0\t6\r\n",
        encoding="utf-8-sig",
    )
    found = Annotation.from_events(path, 5.95)
    assert found.scenes == (Scene(0, 5.95, "scene 1", "scene"),)
    assert found.events == (Event(1, 3, "music", '"Waltz', ""), Event(3, 5, "speech", "", "ANN"))
    assert found.words == (Word(3.5, 4, "Bad", "ANN"),)
    assert found.counts == {"scene": 1, "speech": 1, "music": 1, "word": 1}


def test_where_words_are_listed_but_no_speech_speech_is_where_they_are(tmp_path):
    path = tmp_path / "a_events.tsv"
    path.write_text("onset\tduration\ttrial_type\n4\t1\tword\n1\t1\tword\n")
    times = np.array([0.5, 1.5, 3, 4.5])
    assert Annotation.from_events(path, 9).active("speech", times).tolist() == [
        False,
        True,
        False,
        True,
    ]


HEAD = "onset\tduration\ttrial_type\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "onset\ttrial_type\n1\tscene\n",
            "has the columns onset, trial_type and 1 rows; must name onset, duration, trial_type",
        ),
        (
            "onset,duration,trial_type\n1,1,scene\n",
            "must name onset, duration, trial_type in its first line, with tabs",
        ),
        ("", "must be a readable table"),
        (HEAD, "has the columns onset, duration, trial_type and 0 rows"),
        (
            HEAD + "0\t1\tscene\n1\t1\tScene\n",
            "row 3: onset='1', duration='1', trial_type='Scene': must .* be one of scene, speech",
        ),
        (HEAD + "0\t1\n", "row 2: onset='0', duration='1', trial_type='': must"),
        (
            HEAD + "0\t1\tword\n-1\t3\tword\n",
            "row 3: onset='-1', duration='3', .* the sound .10 s.",
        ),
        (HEAD + "1\t-3\tword\n", "row 2: onset='1', duration='-3'"),
        (HEAD + "1\t0\tword\n", "duration='0'"),
        (HEAD + "nan\t1\tword\n", "onset='nan'"),
        (HEAD + "1\tn/a\tword\n", "row 2: onset='1', duration=''"),
        (HEAD + "inf\t1\tword\n", "onset='inf'"),
        (HEAD + "9\t1.6\tword\n", "row 2: onset='9', duration='1.6'"),
    ],
)
def test_a_wrong_table_is_refused_with_value_rule_row_and_remedy(tmp_path, text, message):
    path = tmp_path / "a_events.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        Annotation.from_events(path, 10.0)
    assert str(path) in str(caught.value)


def test_a_row_that_outlasts_the_sound_a_little_is_cut_and_counted(tmp_path):
    path = tmp_path / "a_events.tsv"
    path.write_text(HEAD + "8\t2\tword\n9\t1.35\tword\n")
    annotation = Annotation.from_events(path, 10.0)
    assert [word.stop_s for word in annotation.words] == [10.0, 10.0]
    assert annotation.n_cut == 1


def test_a_table_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a_events.tsv").write_bytes("onset".encode("utf-16"))
    with pytest.raises(InputError, match="must be a readable table"):
        Annotation.from_events(tmp_path / "a_events.tsv", 10.0)


def test_a_time_lies_in_the_scene_that_began_last():
    told = Annotation(
        (Scene(0, 9, "day", ""), Scene(2, 4, "door", ""), Scene(9, 12, "night", "")), (), ()
    )
    assert [told.scene_at(t) for t in (0, 2, 3.9, 4, 9, 12)] == [
        "day",
        "door",
        "door",
        "day",
        "night",
        "",
    ]


def test_an_annotation_is_cut_where_the_sound_is():
    events = (Event(0, 3, "speech", ""), Event(4, 5, "music", ""))
    cut = Annotation((Scene(0, 9, "day", ""),), events, (Word(4.5, 5, "no", ""),)).until(4.0)
    assert cut == Annotation((Scene(0, 4, "day", ""),), events[:1], ())


def test_a_sound_without_a_table_has_no_annotation(sound, capsys):
    stim = stimulus(sound)
    assert (stim.annotation, stim.kinds, stim.spoken, stim.place(3.2)) == (None, (), None, "3 s")
    assert stim.excerpt("speech") == (50, 60)
    assert "Annotated" not in capsys.readouterr().out


def test_scenes_alone_name_times_but_tell_no_speech(sound, annotated, capsys):
    bare = stimulus(sound)
    capsys.readouterr()
    annotated(SCENES)
    stim = stimulus(sound)
    assert "Annotated by mine_events.tsv: 2 scene.\n" in capsys.readouterr().out
    assert [stim.place(t) for t in (12, 99.6, 100)] == [
        "Baker Street, 12 s",
        "Baker Street, 100 s",
        "scene 2, 100 s",
    ]
    assert (stim.kinds, stim.spoken) == (("scene",), None)
    assert stim.excerpt("speech") == stim.excerpt("music") == bare.excerpt("speech") == (50, 60)
    folds = contiguous_folds(stim.n_trs, 4, 4)
    ours, plain = (make_spaces(s, s.grids, folds, (0,), 4) for s in (stim, bare))
    assert np.array_equal(ours.energy, plain.energy)
    assert np.array_equal(ours.plain, plain.plain)
    assert np.array_equal(ours.segments.class_of, plain.segments.class_of)
    targets = [
        set(probe_targets(s.wave, s.codec.sample_rate, s.grids, s.annotation)) for s in (stim, bare)
    ]
    assert targets[0] == targets[1] == {"envelope", "loudness", "pitch", "voicing"}


def test_each_kind_is_asked_only_where_it_is_annotated(sound, annotated):
    annotated(HEAD + "20\t4\tspeech\n")
    stim = stimulus(sound)
    start, stop = stim.excerpt("speech", 4.0)
    assert (start, stop) == (20, 24)
    assert stim.excerpt("music") == (50, 60)  # unknown is not absent: the loudest
    targets = set(probe_targets(stim.wave, stim.codec.sample_rate, stim.grids, stim.annotation))
    assert "speech" in targets
    assert not targets & {"music", "silence"}
    annotated(SCENES + SPOKEN)
    stim = stimulus(sound)
    assert stim.excerpt("music", 20.0)[0] == 90
    targets = set(probe_targets(stim.wave, stim.codec.sample_rate, stim.grids, stim.annotation))
    assert targets >= {"speech", "music", "silence"}


def test_speech_without_words_is_a_baseline_of_finite_columns(sound, annotated):
    annotated(HEAD + "".join(f"{a}\t4\tspeech\n" for a in range(5, 150, 13)))
    stim = stimulus(sound)
    speech = gc.features.baseline_features(stim.wave, RATE, stim.grids, ("speech",), stim.spoken)[
        "speech"
    ].values
    assert speech[:, 0].std() > 0.1
    rng = np.random.default_rng(0)
    bold = speech[:, :1] @ np.ones((1, 3)) + 0.1 * rng.standard_normal((len(speech), 3))
    assert gc.fit_ridge(speech, bold, contiguous_folds(len(speech), 3, 4)).r.min() > 0.8


def test_a_smoke_run_shortens_the_demo_film_alone_as_bold_may_last_as_long_as_a_sound(
    sound, annotated
):
    annotated(SCENES + "150\t4\tspeech\tlate\n")
    whole = stimulus(sound)
    smoke = stimulus(sound, smoke=True)
    assert smoke.kinds == whole.kinds == ("scene", "speech")
    assert len(smoke.wave) == len(whole.wave)
    demo = gc.ensure_stimulus(smoke=True, artifacts_dir=sound.parent / "build")
    assert len(demo.wave) == SMOKE_S * demo.codec.sample_rate
    assert demo.kinds == TYPES


def test_bold_simulated_from_a_sound_follows_its_speech_and_is_kept_for_this_table(
    sound, annotated
):
    folders = []
    for text in (None, SCENES, SCENES + SPOKEN, SCENES + SPOKEN.replace("20", "40")):
        if text:
            annotated(text)
        folders.append(
            gc.ensure_bold(
                "demo", stimulus(sound, t_r=1.5, smoke=True), n_subjects=1
            ).manifest.folder
        )
    assert folders[0] == folders[1]  # scenes tell the simulator nothing
    assert len(set(folders)) == 3


def test_a_changed_table_makes_notebooks_run_again_and_a_wrong_one_stops_before_them(
    sound, annotated
):
    keys = [gc.content_hash(input_stamp(str(sound), Path()))]
    for text in (SCENES, SCENES.replace("Baker", "Regent")):
        path = annotated(text)
        keys.append(gc.content_hash(input_stamp(str(sound), Path())))
    assert len(set(keys)) == 3
    check_inputs({"audio": str(sound)})
    path.write_text(SCENES.replace("60.0", "61"))
    with pytest.raises(InputError, match="row 3"):
        check_inputs({"audio": str(sound)})


def test_info_says_what_is_annotated(sound, annotated, capsys):
    annotated(SCENES + SPOKEN)
    assert main(["info", str(sound)]) == 0
    assert "annotated: {'scene': 2, 'speech': 1, 'music': 1}" in capsys.readouterr().out


def test_an_annotation_answers_from_known_events():
    events = (
        Event(1, 3, "speech", "a", "HOLMES"),
        Event(2, 4, "effect", "door"),
        Event(3, 5, "effect", "bell"),
    )
    truth = Annotation((), events, ())
    active = truth.active("effect", np.array([1.9, 2.0, 3.5, 4.9, 5.0]))
    assert active.tolist() == [False, True, True, True, False]
    with pytest.raises(InputError, match="kind='noise'"):
        truth.active("noise", np.zeros(1))
