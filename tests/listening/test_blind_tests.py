"""Conditions from one declaration, the pages of the blind tests, and the analysis on planted
listeners.
"""

import base64
import io
import json
import re

import numpy as np
import pytest
import scipy.signal
import soundfile as sf
import torch
from fakes import coloured_noise

import giblet_core as gc
from giblet_core.autoencoder import build_autoencoder, reconstruct
from giblet_core.codecs import opus_round_trip
from giblet_core.errors import InputError
from giblet_core.files import write_json
from giblet_core.listening import (
    Condition,
    Conditions,
    analyse_results,
    build_listening_pages,
    load_conditions,
    low_pass_anchor,
    rate_kbps,
    render_conditions,
)
from giblet_core.metrics import log_mel_distance, loudness_lufs, si_sdr
from giblet_core.regions import trained_model

SR = 24_000


@pytest.fixture(scope="module")
def passage():
    t = np.arange(2 * SR) / SR
    rng = np.random.default_rng(0)
    chirp = 0.2 * scipy.signal.chirp(t, 100, t[-1], 6000) + 0.02 * rng.standard_normal(t.size)
    return (chirp * (1 + np.sin(2 * np.pi * 3 * t)) / 2).astype(np.float32)


def test_the_declared_conditions_are_rendered_from_any_sound_at_its_length(passage, demo_codec):
    declared, model = load_conditions(), build_autoencoder(8, 112, embed_dim=4)
    waves = render_conditions(declared, passage, demo_codec, model=model)
    assert [*waves] == declared.names()
    assert {w.shape for w in waves.values()} == {passage.shape}
    assert (waves["original"] == passage).all()
    codes = demo_codec.encode(passage, 6.0)
    assert (waves["codec 6 kbps"] == demo_codec.decode(codes)).all()
    assert (waves["codec 3 kbps"] == demo_codec.decode(codes.first(4))).all()
    assert np.abs(waves["without codebooks 4 to 7"] - waves["codec 3 kbps"]).max() < 1e-4
    flat, full = (
        log_mel_distance(passage, waves[n], SR) for n in ("mel, mean of each TR", "mel, full rate")
    )
    assert full < flat


def test_a_model_gives_back_the_sound_of_its_codes_or_is_left_out_aloud(
    passage, demo_codec, capsys
):
    model = build_autoencoder(4, 112, embed_dim=4)
    made = Condition("likeliest", "model", {"draw": False}), Condition("drawn", "model")
    declared = Conditions((Condition("original", "reference"), *made))
    waves = render_conditions(declared, passage, demo_codec, model=model)
    codes = demo_codec.encode(passage, 3.0)
    assert (waves["likeliest"] == demo_codec.decode(reconstruct(model, codes))).all()
    assert (waves["drawn"] != waves["likeliest"]).any()
    assert declared.able(model) == declared
    assert capsys.readouterr().out == ""
    assert declared.able(None).names() == ["original"]
    assert "Left out: likeliest, drawn. There is no trained model" in capsys.readouterr().out
    with pytest.raises(InputError, match="needs the trained network"):
        render_conditions(declared, passage, demo_codec)
    with pytest.raises(InputError, match="less than one window"):
        render_conditions(declared, passage[:SR], demo_codec, model=model)


@pytest.mark.slow
def test_a_user_s_own_sound_becomes_pages_with_the_model_of_that_sound(tmp_path):
    sound = coloured_noise(70 * SR, np.random.default_rng(0)) * np.repeat(
        np.linspace(0.3, 1, 70, dtype=np.float32), SR
    )
    stim = gc.ensure_stimulus(
        gc.save_audio(tmp_path / "mine.flac", sound, SR, clip=True),
        artifacts_dir=tmp_path,
        smoke=True,
    )
    model = trained_model(stim, smoke=True)
    declared = load_conditions().able(model)
    waves = {
        "passage": render_conditions(
            declared, stim.piece(*stim.excerpt(seconds=2.0)), stim.codec, model=model
        )
    }
    pages = build_listening_pages(declared, waves, SR, tmp_path / "listening")
    assert "model of notebook 3" in pages.pages["mushra"].read_text()
    assert {p.name for p in tmp_path.glob("autoencoder/mine-*/*")} >= {"model.safetensors"}
    again = trained_model(stim, smoke=True)  # found again, not trained anew
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values())
    )


def test_opus_gives_the_sound_back_without_delay_at_the_rate_it_says(passage):
    trip = opus_round_trip(passage, SR, 0.9)
    assert trip.wave.shape == passage.shape
    lag = scipy.signal.correlate(trip.wave, passage, method="fft").argmax() - (len(passage) - 1)
    assert abs(lag) <= 2
    least = opus_round_trip(passage, SR, 1.0)
    assert 5 < least.kbps < 11 < trip.kbps
    assert si_sdr(passage, least.wave) < si_sdr(passage, trip.wave)
    with pytest.raises(InputError, match="Opus knows"):
        opus_round_trip(passage, 22_050)


def test_rates_are_what_each_code_takes(passage):
    rates = {c.name: rate_kbps(c, passage, SR) for c in load_conditions().conditions}
    assert (rates["codec 6 kbps"], rates["without codebook 0"]) == (6, 6)
    assert rates["mel, full rate"] == pytest.approx(128 * 22_050 / 256 * 32 / 1000)
    assert rates["mel, mean of each TR"] == pytest.approx(128 / 1.5 * 32 / 1000)
    assert rates["Opus next rate"] == opus_round_trip(passage, SR, 0.98).kbps
    assert np.isnan(rates["original"])


@pytest.mark.parametrize(("text", "message"), [
    ("conditions: [{name: a, kind: reference}, {name: b, kind: codec}]", "needs bandwidth_kbps"),
    ("conditions: [{name: a, kind: reference}, {name: b, kind: nonsense}]", "kind of reference, codec"),
    ("conditions: [{name: a, kind: reference, tests: [x]}]", "must be of mushra, abx"),
    ("conditions: [{name: a, kind: reference, loud: 1}]", "no options"),
    ("conditions: [{name: a, kind: reference}, {name: a, kind: noise}]", "names must differ"),
    ("conditions: [{name: a, kind: noise}]", "exactly one must be of kind reference"),
    ("conditions: [{name: a, kind: reference}]\nabx_trials: 8", "at least 16"),
    ("conditions: [{name: a, kind: reference}]\ntrials: 8", "unknown keys trials"),
    ("[1, 2]", "list named conditions"),
    ("a: [", "readable YAML"),
])  # fmt: skip
def test_a_wrong_declaration_is_named(tmp_path, text, message):
    path = tmp_path / "listening.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_conditions(path)


@pytest.mark.parametrize("cutoff", [3_500, 7_000])
def test_the_anchors_pass_and_stop_as_the_recommendation_asks(cutoff):
    impulse = np.zeros(SR, np.float32)
    impulse[SR // 2] = 1
    response = low_pass_anchor(impulse, SR, cutoff)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(response)) + 1e-9)
    hz = np.fft.rfftfreq(SR, 1 / SR)
    assert np.abs(gain_db[hz <= cutoff]).max() <= 0.1
    assert gain_db[hz >= cutoff + 500].max() <= -25
    assert gain_db[hz >= cutoff + 1000].max() <= -50
    assert response.argmax() == SR // 2  # no delay


@pytest.fixture
def declared():
    return Conditions((Condition("original", "reference"), Condition("noisy", "file", tests=("abx", "mushra")),
                       Condition("half", "file", tests=("mushra",))))  # fmt: skip


@pytest.fixture
def waves(passage):
    noisy = passage + np.float32(0.03) * np.random.default_rng(1).standard_normal(
        len(passage)
    ).astype(np.float32)
    return {"chirp": {"original": passage, "noisy": noisy, "half": passage / 2}}


def sounds_of(folder):
    for path in (folder / "media").glob("*.js"):
        name, text = re.fullmatch(
            r'gibletSound\("(\w+)","([A-Za-z0-9+/=]+)"\);\n', path.read_text()
        ).groups()
        yield name, sf.read(io.BytesIO(base64.b64decode(text)), dtype="float32")[0]


def test_the_pages_hold_every_sound_at_one_loudness_under_names_that_tell_nothing(
    declared, waves, tmp_path
):
    pages = build_listening_pages(declared, waves, SR, tmp_path / "listening")
    sounds = dict(sounds_of(pages.folder))
    assert len(sounds) == 4  # original = half after matching; noisy; two anchors
    levels = [loudness_lufs(wave, SR) for wave in sounds.values()]
    assert np.ptp(levels) < 0.05
    config = json.loads(
        re.search(r'id="config">(.*?)</script>', pages.pages["mushra"].read_text()).group(1)
    )
    assert [s["role"] for s in config["items"][0]["sounds"]] == [
        "reference",
        "test",
        "test",
        "anchor35",
        "anchor70",
    ]
    assert {s["id"] for s in config["items"][0]["sounds"]} == set(sounds)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in sounds)


def test_each_page_weighs_less_than_300_kb_without_sounds_and_names_no_server(
    declared, waves, tmp_path
):
    pages = build_listening_pages(declared, waves, SR, tmp_path)
    assert 5_000 < max(pages.n_bytes.values()) < 300_000
    for path in [*tmp_path.glob("*.html"), *tmp_path.glob("*.js"), *tmp_path.glob("*.css")]:
        assert "http" not in path.read_text()


def test_links_lead_from_the_chapter_to_the_pages_and_back(declared, waves, tmp_path):
    pages = build_listening_pages(
        declared, waves, SR, tmp_path / "listening" / "guess", title="Guess"
    )
    assert 'href="../listening/guess/abx.html">Guess: Can you hear' in pages._repr_html_()
    assert 'href="../../index.html"' in pages.pages["abx"].read_text()
    plain = build_listening_pages(declared, waves, SR, tmp_path / "listening")
    assert 'href="../listening/abx.html">Can you hear' in plain._repr_html_()
    assert 'href="../index.html"' in plain.pages["abx"].read_text()


def test_levels_can_be_left_as_they_are(declared, waves, tmp_path):
    build_listening_pages(declared, waves, SR, tmp_path, level_match=False)
    assert len(dict(sounds_of(tmp_path))) == 5


def test_a_new_build_removes_only_its_own_old_sounds(declared, waves, tmp_path):
    build_listening_pages(declared, waves, SR, tmp_path)
    (tmp_path / "media" / "mine.js").write_text("kept")
    other = {"chirp": {name: wave[::-1].copy() for name, wave in waves["chirp"].items()}}
    build_listening_pages(declared, other, SR, tmp_path)
    assert len([*(tmp_path / "media").glob("*.js")]) == 5


@pytest.mark.parametrize(("change", "message"), [
    (lambda w: w.pop("half"), "no sound for half"),
    (lambda w: w.update(half=w["half"][:-1]), "same passage"),
])  # fmt: skip
def test_missing_or_unequal_sounds_are_input_errors(declared, waves, tmp_path, change, message):
    change(waves["chirp"])
    with pytest.raises(InputError, match=message):
        build_listening_pages(declared, waves, SR, tmp_path)


# --- analysis: planted listeners live in these tests only
# ---------------------------------------------------------------------


def rating_session(listener, ratings, items=("a", "b", "c", "d"), test="t1"):
    roles = {"original": "reference", "anchor, 7 kHz": "anchor70", "anchor, 3.5 kHz": "anchor35"}
    return {"format": "giblet-mushra", "version": 1, "test": test, "listener": listener, "started": listener, "items": [
        {"item": item, "ratings": [{"condition": c, "role": roles.get(c, "test"), "rating": r[i] if isinstance(r, list) else r}
                                   for c, r in ratings.items()]} for i, item in enumerate(items)]}  # fmt: skip


def abx_session(listener, n_right, n=16, condition="codec"):
    trials = [
        {"x": "AB"[i % 2], "answer": "AB"[(i + (i >= n_right)) % 2], "correct": True}
        for i in range(n)
    ]
    return {"format": "giblet-abx", "version": 1, "test": "t1", "listener": listener, "started": listener,
            "pairs": [{"item": "a", "reference": "original", "condition": condition, "trials": trials}]}  # fmt: skip


def write_all(folder, sessions):
    return [write_json(folder / f"{i}.json", session) for i, session in enumerate(sessions)]


def test_with_no_results_it_says_that_nobody_has_listened(tmp_path):
    results = analyse_results(tmp_path)
    assert (results.n_files, results.n_listeners) == (0, 0)
    assert "Nobody has listened yet" in str(results)
    assert "Nobody has listened yet" in results._repr_html_()
    assert results.ratings.empty
    assert results.abx.empty


def test_planted_ratings_are_recovered_with_an_interval_that_covers_them(tmp_path):
    rng = np.random.default_rng(0)
    people = rng.normal(0, 6, 20)
    heard = [list(np.clip(60 + p + rng.normal(0, 4, 4), 0, 100)) for p in people]
    sessions = [
        rating_session(f"L{i}", {"original": 100, "codec": h, "anchor, 7 kHz": 50})
        for i, h in enumerate(heard)
    ]
    ratings = analyse_results(write_all(tmp_path, sessions)).ratings.set_index("condition")
    assert [*ratings.index] == ["original", "codec", "anchor, 7 kHz"]
    codec = ratings.loc["codec"]
    assert codec["mean"] == pytest.approx(60 + people.mean(), abs=1.5)
    assert codec.low < 60 < codec.high
    # the spread over listeners, not over ratings: about 1.96 * 6.3 / sqrt(20) each way
    assert codec.high - codec.low == pytest.approx(
        2 * 1.96 * np.hypot(6, 2) / np.sqrt(20), rel=0.35
    )
    assert (ratings.n_listeners == 20).all()


def test_the_post_screening_rule_leaves_out_whom_it_says_and_why(tmp_path):
    good = {"original": 100, "codec": 60, "anchor, 7 kHz": 50}
    sessions = [rating_session("good", good), rating_session("also-good", good | {"original": 90, "codec": 70}),
                rating_session("deaf", good | {"original": [100, 40, 50, 100], "codec": 0}),
                rating_session("generous", good | {"anchor, 7 kHz": 95, "codec": 100}),
                rating_session("border", good | {"original": [80, *[100] * 6], "codec": 65}, items="abcdefg")]  # fmt: skip
    results = analyse_results(write_all(tmp_path, sessions))
    why = dict(zip(results.excluded.who, results.excluded.reason))
    assert set(why) == {"deaf", "generous"}
    assert "hidden reference below 90 in 50%" in why["deaf"]
    assert "7 kHz anchor above 90 in 100%" in why["generous"]
    assert results.ratings.set_index("condition")["mean"]["codec"] == pytest.approx(65)
    assert "deaf" in str(results)


def test_one_listener_has_a_mean_but_no_interval(tmp_path):
    ratings = analyse_results(
        write_all(tmp_path, [rating_session("one", {"original": 100, "codec": 40})])
    ).ratings
    row = ratings.set_index("condition").loc["codec"]
    assert row["mean"] == 40
    assert np.isnan([row.low, row.high]).all()


def test_abx_counts_again_from_the_answers_and_gives_the_binomial_p(tmp_path):
    sessions = [
        abx_session("a", 12),
        abx_session("b", 8, condition="easy"),
        abx_session("c", 16, condition="easy"),
    ]
    abx = analyse_results(write_all(tmp_path, sessions)).abx.set_index("condition")
    assert (abx.correct["codec"], abx.n["codec"]) == (
        12,
        16,
    )  # although the file calls every answer right
    assert abx.p["codec"] == pytest.approx(2517 / 65536)  # sum of C(16, k), k = 12..16, by hand
    assert (abx.correct["easy"], abx.n["easy"], abx.n_listeners["easy"]) == (24, 32, 2)
    assert abx.p_holm["easy"] == pytest.approx(2 * abx.p["easy"])
    assert abx.p_holm["codec"] == pytest.approx(abx.p["codec"])


def test_the_command_prints_the_analysis_of_the_files(tmp_path, capsys):
    from giblet_core.commands import main

    paths = write_all(
        tmp_path, [abx_session("a", 12), rating_session("b", {"original": 100, "codec": 40})]
    )
    assert main(["listening", *map(str, paths)]) == 0
    out = capsys.readouterr().out
    assert "2 result files, 2 listeners." in out
    assert re.search(r"codec +1 +16 +12 +0.75 +NaN +NaN +0.038", out)


def test_alien_damaged_and_repeated_files_are_reported_not_averaged(tmp_path):
    session = rating_session("one", {"original": 100, "codec": 40})
    paths = write_all(
        tmp_path,
        [
            session,
            session,
            {"format": "else"},
            rating_session("two", {"original": 100, "codec": 400}),
        ],
    )
    (tmp_path / "broken.json").write_text("{")
    results = analyse_results([*paths, tmp_path / "broken.json"])
    assert [*results.excluded.who] == ["1.json", "2.json", "3.json", "broken.json"]
    assert "same session as 0.json" in results.excluded.reason[0]
    assert results.n_listeners == 1
    with pytest.raises(InputError, match="no such file"):
        analyse_results([tmp_path / "absent.json"])


def test_the_door_of_the_module_leads_to_all_of_it():
    for name in (
        "listen",
        "build_listening_pages",
        "analyse_results",
        "load_conditions",
        "render_conditions",
    ):
        assert callable(getattr(gc, name))
