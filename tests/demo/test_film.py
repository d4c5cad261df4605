"""The demo film: its annotation is true of its sound, it is the same every time, and it is level,
varied and free of defects.
"""

import dataclasses
import importlib.util
import json

import numpy as np
import pyloudnorm
import pytest
import soundfile

import giblet_core as gc
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
from giblet_core.demo.film import film as demo
from giblet_core.demo.film import mix as film_mix
from giblet_core.errors import InputError
from giblet_core.files import ASSETS
from giblet_core.sound import KINDS, Annotation, Event


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("film")


@pytest.fixture(scope="session")
def film(film_folder):
    return gc.demo_film(seed=0, folder=film_folder)


@pytest.fixture(scope="session")
def stems():
    """A second, independent rendering, kind by kind."""
    return {kind: film_mix.mix(0, (kind,))[0] for kind in KINDS}


@pytest.fixture(scope="session")
def dry_voices():
    return film_mix.mix(0, ("speech",), dry=True)


def _mask(annotation, kind, n, margin_s=0.0):
    mask = np.zeros(n, bool)
    for event in annotation.events:
        if event.kind == kind:
            mask[
                max(0, round((event.start_s - margin_s) * RATE)) : round(
                    (event.stop_s + margin_s) * RATE
                )
            ] = True
    return mask


def _share(annotation, kind, edges):
    """The part of each interval during which a kind is on, in 100 steps."""
    steps = (np.arange(100) + 0.5) / 100
    return annotation.active(kind, edges[:-1, None] + np.diff(edges)[:, None] * steps).mean(axis=1)


def _tr_table(film):
    """Per TR of both runs: the part with speech, with music, and the level in LUFS."""
    rows = []
    for run in film.runs:
        edges = run.start_s + film.t_r * np.arange(run.n_trs + 1)
        power = (
            film_mix.block_power(film.wave[round(edges[0] * RATE) : round(edges[-1] * RATE)])
            .reshape(-1, 15)
            .mean(axis=1)
        )
        rows.append(
            [
                _share(film.annotation, "speech", edges),
                _share(film.annotation, "music", edges),
                10 * np.log10(power + 1e-9),
            ]
        )
    return np.concatenate(rows, axis=1)


def test_two_runs_of_400_trs_fit_the_film(film):
    assert film.sample_rate == 24_000
    assert film.wave.dtype == np.float32
    assert [run.n_trs for run in film.runs] == [400, 400]
    ends = [run.start_s + run.n_trs * film.t_r for run in film.runs]
    assert ends[0] < film.runs[1].start_s
    assert ends[1] < film.duration_s < ends[1] + 30


def test_rendering_again_stem_by_stem_gives_the_same_bits(film, stems):
    again = sum((stems[kind] for kind in KINDS), np.zeros(len(film.wave), np.float32))
    pcm = film_mix.master(again, 0)
    assert gc.content_hash(pcm.astype(np.float32) / np.float32(32768)) == gc.content_hash(film.wave)


def test_voices_sound_inside_the_lines_and_nowhere_else(dry_voices):
    wave, annotation = dry_voices
    inside = _mask(annotation, "speech", len(wave))
    assert not np.any(wave[~inside])
    for event in annotation.events:
        if event.kind == "speech":
            line = wave[round(event.start_s * RATE) : round(event.stop_s * RATE)]
            assert np.sqrt(np.mean(line**2)) > 0.01


def test_words_hold_the_energy_of_their_line(dry_voices):
    wave, annotation = dry_voices
    spoken = np.zeros(len(wave), bool)
    for word in annotation.words:
        spoken[round(word.start_s * RATE) : round(word.stop_s * RATE)] = True
    power = wave.astype(np.float64) ** 2
    assert power[~spoken].sum() < 1e-4 * power.sum()
    levels = [
        power[round(w.start_s * RATE) : round(w.stop_s * RATE)].mean() for w in annotation.words
    ]
    assert 10 * np.log10(min(levels) / np.median(levels)) > -40


def test_lines_are_heard_from_their_first_word_on(dry_voices):
    wave, annotation = dry_voices
    starts, lags = np.array([word.start_s for word in annotation.words]), []
    for event in (event for event in annotation.events if event.kind == "speech"):
        line = wave[round(event.start_s * RATE) : round(event.stop_s * RATE)]
        onset = event.start_s + np.flatnonzero(np.abs(line) > 0.03 * np.abs(line).max())[0] / RATE
        lags.append(onset - starts[np.searchsorted(starts, event.start_s)])
    assert len(lags) == 118
    assert np.quantile(np.abs(lags), 0.9) < 0.012
    assert np.abs(lags).max() < 0.04  # a soft f takes that long to be heard


def test_words_are_those_of_the_text_in_order_and_do_not_overlap(film):
    words = film.annotation.words
    assert all(a.start_s < a.stop_s <= b.start_s + 1e-6 for a, b in zip(words, words[1:]))
    taken = 0
    for event in (e for e in film.annotation.events if e.kind == "speech"):
        inside = [w for w in words[taken:] if event.start_s <= w.start_s < event.stop_s]
        letters = "".join(c for c in event.label if c.isalpha())
        assert "".join(w.word.replace("'", "") for w in inside) == letters
        assert all(w.stop_s <= event.stop_s and w.speaker == event.speaker for w in inside)
        taken += len(inside)
    assert taken == len(words) > 1700


@pytest.mark.parametrize("kind", KINDS)
def test_a_stem_is_20_db_louder_inside_its_events_than_outside(kind, stems, film):
    power = stems[kind].astype(np.float64) ** 2
    inside, near = (
        _mask(film.annotation, kind, len(power)),
        _mask(film.annotation, kind, len(power), 0.6),
    )  # 0.6 s: the room dies away
    ratio = power[inside].mean() / (power[~near].mean() + 1e-20)
    assert 10 * np.log10(ratio) > 20


def test_every_event_is_audible_in_its_stem(stems, film):
    for event in film.annotation.events:
        part = stems[event.kind][round(event.start_s * RATE) : round(event.stop_s * RATE)]
        assert 20 * np.log10(np.sqrt(np.mean(part**2))) > -58, event


def test_loudness_is_minus_23_lufs_and_no_sample_is_near_full_scale(film):
    assert pyloudnorm.Meter(RATE).integrated_loudness(
        film.wave.astype(np.float64)
    ) == pytest.approx(-23, abs=0.2)
    assert 20 * np.log10(np.abs(film.wave).max()) < -1
    assert abs(film.wave.mean()) < 1e-3


def test_the_limiter_lowers_peaks_smoothly_and_leaves_the_rest_alone(rng):
    wave = (0.1 * rng.standard_normal(RATE)).astype(np.float32)
    wave[[12_000, 12_300, 23_990]] = 1.4, -1.2, 0.99
    limited = film_mix._limit(wave.copy())
    assert np.abs(limited).max() <= film_mix.CEILING + 1e-6
    assert np.array_equal(limited[:11_000], wave[:11_000])
    gain = (limited / wave)[11_500:13_000]
    assert np.abs(np.diff(gain)).max() < 0.005


def test_own_gated_loudness_equals_pyloudnorm(rng):
    wave = (rng.standard_normal(RATE * 20) * np.repeat([0.1, 0.001, 0.02, 0.3], RATE * 5)).astype(
        np.float32
    )
    own = film_mix.integrated(film_mix.block_power(wave))
    assert own == pytest.approx(
        pyloudnorm.Meter(RATE).integrated_loudness(wave.astype(np.float64)), abs=0.05
    )


def test_there_is_no_click_at_a_cut_and_no_digital_silence(film):
    step = np.abs(np.diff(film.wave, n=2))
    for scene in film.annotation.scenes[1:]:
        cut = round(scene.start_s * RATE)
        around = step[cut - 2400 : cut + 2400]
        assert step[cut - 24 : cut + 24].max() <= max(np.quantile(around, 0.999), 0.01), scene
    quiet = np.flatnonzero(np.abs(film.wave) >= 1 / 32768)
    assert np.diff(quiet).max() < RATE // 100


def test_music_and_ambience_reach_10_khz(stems):
    for kind in ("music", "ambience"):
        blocks = stems[kind][: len(stems[kind]) // 4096 * 4096].reshape(-1, 4096)[
            ::20
        ] * np.hanning(4096)
        power = np.mean(np.abs(np.fft.rfft(blocks, axis=1)) ** 2, axis=0)
        hz = np.fft.rfftfreq(4096, 1 / RATE)
        assert 10 * np.log10(power[(hz > 8000) & (hz < 10_500)].sum() / power.sum()) > -40, kind


def test_speech_music_and_loudness_are_not_collinear(film):
    r = np.corrcoef(_tr_table(film))
    assert np.abs(r[np.triu_indices(3, 1)]).max() < 0.6


def test_speech_and_music_are_not_collinear_in_films_nobody_tuned_on():
    edges = 1.5 * np.arange(805)
    for seed in (101, 102, 103):
        truth = film_mix.mix(seed, ())[1]
        assert (
            abs(np.corrcoef(_share(truth, "speech", edges), _share(truth, "music", edges))[0, 1])
            < 0.4
        )


def test_the_film_is_varied(film):
    assert (
        len({scene.name for scene in film.annotation.scenes}) == len(film.annotation.scenes) >= 20
    )
    assert len({scene.kind for scene in film.annotation.scenes}) >= 7
    assert len({event.speaker for event in film.annotation.events} - {""}) >= 5
    whole = np.array([0, film.duration_s / 2, film.duration_s])
    share = [
        _share(film.annotation, kind, whole).mean() for kind in ("speech", "music", "ambience")
    ]
    assert all(0.35 < part < 0.7 for part in share)
    edges = np.array([(scene.start_s, scene.stop_s) for scene in film.annotation.scenes])
    assert np.array_equal(edges[1:, 0], edges[:-1, 1])


def test_voices_differ_in_pitch(dry_voices):
    wave, annotation = dry_voices
    pitch = {}
    for event in annotation.events:
        if event.kind == "speech" and event.speaker in ("KING", "HOLMES", "CLAY", "IRENE"):
            line = wave[round(event.start_s * RATE) : round(event.stop_s * RATE)]
            for part in np.split(line[: len(line) // 1200 * 1200], len(line) // 1200):
                r = np.fft.irfft(np.abs(np.fft.rfft(part, 2400)) ** 2)[:1200]
                lag = 60 + int(np.argmax(r[60:400]))
                if r[lag] > 0.6 * r[0] > 0.01:
                    pitch.setdefault(event.speaker, []).append(RATE / lag)
    medians = [np.median(pitch[name]) for name in ("KING", "HOLMES", "CLAY", "IRENE")]
    assert np.all(np.diff(medians) > 20)


def test_another_seed_is_another_arrangement_of_the_same_words():
    first, other = (film_mix.mix(seed, ())[1] for seed in (0, 1))
    assert [s.name for s in first.scenes] != [s.name for s in other.scenes]
    assert sorted(w.word for w in first.words) == sorted(w.word for w in other.words)
    assert other.scenes[-1].stop_s == first.scenes[-1].stop_s == 1212


def test_the_cache_hits_the_same_seed_and_misses_another_seed_or_other_voices(
    film, film_folder, monkeypatch, tmp_path
):
    def rendered(seed):
        raise RuntimeError(f"rendered {seed}")

    monkeypatch.setattr(demo, "_render", rendered)
    again = gc.demo_film(seed=0, folder=film_folder)
    assert np.array_equal(again.wave, film.wave)
    assert again.annotation == film.annotation
    with pytest.raises(RuntimeError, match="rendered 1"):
        gc.demo_film(seed=1, folder=film_folder)
    changed = tmp_path / "voices.ogg"
    changed.write_bytes(b"other voices")
    monkeypatch.setattr(demo, "voice_files", lambda: {1: changed, 2: changed})
    with pytest.raises(RuntimeError, match="rendered 0"):
        gc.demo_film(seed=0, folder=film_folder)


def test_saved_film_holds_the_same_samples_and_a_plain_annotation_returns(film, tmp_path):
    wave, rate = soundfile.read(
        gc.save_audio(tmp_path / "film.flac", film.wave, film.sample_rate), dtype="float32"
    )
    assert rate == film.sample_rate
    assert np.array_equal(wave, film.wave)
    assert (
        Annotation.from_dict(json.loads(json.dumps(dataclasses.asdict(film.annotation))))
        == film.annotation
    )


@pytest.mark.parametrize("seed", [-1, 1.0, "0", None, True])
def test_a_seed_that_is_not_a_natural_number_is_refused(seed):
    with pytest.raises(InputError, match="seed="):
        gc.demo_film(seed=seed)


def test_annotation_answers_from_known_events():
    events = (
        Event(1, 3, "speech", "a", "HOLMES"),
        Event(2, 4, "effect", "door"),
        Event(3, 5, "effect", "bell"),
    )
    truth = Annotation((), events, ())
    assert truth.active("effect", np.array([1.9, 2.0, 3.5, 4.9, 5.0])).tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]
    with pytest.raises(InputError, match="kind='noise'"):
        truth.active("noise", np.zeros(1))


@pytest.mark.parametrize(("make", "names"), [(compose, CUES), (ambience, AMBIENCES)])
def test_beds_have_unit_level_no_dc_and_silent_ends(make, names):
    for name in names:
        wave = make(name, 6 * RATE, np.random.default_rng(3))
        assert len(wave) == 6 * RATE
        assert 0.7 < np.sqrt(np.mean(wave**2)) < 1.1, name
        assert abs(wave.mean()) < 0.01, name
        assert max(abs(wave[0]), abs(wave[-1])) < 1e-3, name


def test_effects_begin_and_end_in_silence():
    for name in EFFECTS:
        wave = effect(name, np.random.default_rng(3))
        assert np.abs(wave).max() == pytest.approx(1)
        assert max(abs(wave[0]), np.abs(wave[-24:]).max()) < 0.01, name


def test_the_stored_voices_are_small_and_their_card_states_their_hashes():
    card = (ASSETS / "STIMULUS_CARD.md").read_text(encoding="utf-8")
    files = [*film_mix.voice_files().values(), ASSETS / "voices.json", ASSETS / "voices_script.txt"]
    assert sum(path.stat().st_size for path in files) < 6e6
    for path in files:
        assert gc.files.file_sha256(path) in card, path.name


def test_the_card_tells_when_each_scene_of_the_demo_begins(film):
    card = (ASSETS / "STIMULUS_CARD.md").read_text(encoding="utf-8")
    for scene in film.annotation.scenes:
        assert f"| {scene.start_s:.1f} | {scene.stop_s:.1f} | {scene.name} | {scene.kind} |" in card


def test_every_note_ends_without_a_click():
    for instrument in INSTRUMENTS:
        note = play(instrument, 52, RATE)
        assert np.abs(note).max() == pytest.approx(1, abs=0.05)
        assert np.abs(note[-24:]).max() < 0.002, instrument


@pytest.fixture
def make_voices():
    spec = importlib.util.spec_from_file_location("make_voices", ASSETS / "make_voices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_words_spoken_as_one_unit_are_parted_at_their_phonemes(make_voices, monkeypatch):
    monkeypatch.setattr(make_voices, "_n_phonemes", lambda word, voice: 2)
    rows = [
        (1, 0, 2, 100, ""),
        (7, 0, 0, 110, "0"),
        (7, 0, 0, 150, "n"),
        (7, 0, 0, 180, "D"),
        (7, 0, 0, 200, "@"),
    ]  # 1: word, 7: phoneme
    events = [
        *rows,
        (1, 7, 5, 250, ""),
        (7, 7, 0, 260, "s"),
        (7, 7, 0, 300, "t"),
        (7, 7, 0, 400, "_:"),
    ]
    timed = make_voices.time_words("On the steps.", "any", events, 900)
    assert timed == [("On", 110, 180), ("the", 180, 260), ("steps", 260, 400)]


def test_speaking_anew_without_espeak_says_what_to_install(make_voices, monkeypatch):
    def absent(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(make_voices.ctypes, "CDLL", absent)
    with pytest.raises(SystemExit, match="espeak-ng is absent"):
        make_voices.main()


def test_the_stored_index_is_the_screenplay(make_voices):
    index = json.loads((ASSETS / "voices.json").read_text(encoding="utf-8"))
    script = make_voices.read_script(ASSETS / "voices_script.txt")
    bare = [
        [
            {key: cue[key] for key in cue if key not in ("start", "stop", "words")}
            for cue in scene["cues"]
        ]
        for scene in index["scenes"]
    ]
    assert bare == [scene["cues"] for scene in script]
    assert {cue["effect"] for scene in script for cue in scene["cues"] if "effect" in cue} <= set(
        EFFECTS
    )
    assert {name for scene in script for name in scene["ambiences"]} <= set(AMBIENCES)
