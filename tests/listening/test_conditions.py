"""Conditions: one declaration, read and refused, rendered from any sound."""

import re

import numpy as np
import pytest
import torch
from fakes import coloured_noise, slow_codec

import giblet_core as gc
from giblet_core.autoencoder import NetworkConfig, build_autoencoder
from giblet_core.codecs import opus_round_trip
from giblet_core.errors import InputError
from giblet_core.listening import (
    Condition,
    Conditions,
    build_listening_pages,
    load_conditions,
    rate_kbps,
    render_conditions,
)
from giblet_core.metrics import log_mel_distance
from giblet_core.regions import trained_model

SR = 24_000


def test_the_declared_conditions_are_rendered_from_any_sound_at_its_length(passage, demo_codec):
    declared = load_conditions()
    model = build_autoencoder(NetworkConfig(8, 112, embed_dim=4))
    waves = render_conditions(declared, passage, demo_codec, model=model)
    assert [*waves] == declared.names()
    assert {wave.shape for wave in waves.values()} == {passage.shape}
    assert (waves["original"] == passage).all()
    codes = demo_codec.encode(passage, 6.0)
    assert (waves["codec 6 kbps"] == demo_codec.decode(codes)).all()
    assert (waves["codec 3 kbps"] == demo_codec.decode(codes.first(4))).all()
    assert np.abs(waves["without codebooks 4 to 7"] - waves["codec 3 kbps"]).max() < 1e-4
    flat = log_mel_distance(passage, waves["mel, mean of each TR"], SR)
    full = log_mel_distance(passage, waves["mel, full rate"], SR)
    assert full < flat


def test_the_table_names_each_condition_with_its_rate_and_tests(passage):
    declared = Conditions(
        (
            Condition("original", "reference"),
            Condition("low", "codec", {"bandwidth_kbps": 1.5}, tests=("mushra", "abx")),
            Condition("mel", "mel"),
        )
    )
    table = declared.table(passage, SR)
    assert list(table.index) == declared.names()
    assert np.isnan(table["kbit/s"]["original"])
    assert table["kbit/s"]["low"] == 1.5
    assert table["kbit/s"]["mel"] == rate_kbps(declared.conditions[2], passage, SR)
    assert table.loc["low", ["kind", "options", "blind tests"]].to_list() == [
        "codec",
        "bandwidth_kbps 1.5",
        "mushra, abx",
    ]


def test_without_a_model_its_conditions_are_left_out_aloud(passage, demo_codec, capsys):
    model = build_autoencoder(NetworkConfig(4, 112, embed_dim=4))
    likeliest = Condition("likeliest", "model", {"draw": False})
    drawn = Condition("drawn", "model")
    declared = Conditions((Condition("original", "reference"), likeliest, drawn))
    assert declared.able(model) == declared
    assert capsys.readouterr().out == ""
    assert declared.able(None).names() == ["original"]
    assert "Left out: likeliest, drawn. There is no trained model" in capsys.readouterr().out
    with pytest.raises(InputError, match="needs the trained network"):
        render_conditions(declared, passage, demo_codec)


def test_what_the_codec_cannot_do_is_left_out_aloud(capsys):
    original = Condition("original", "reference")
    known = Condition("known", "codec", {"bandwidth_kbps": 0.55})
    without = Condition("without", "lesion", {"bandwidth_kbps": 0.55, "codebooks": [3]})
    unknown = Condition("unknown", "codec", {"bandwidth_kbps": 6.0})
    beyond = Condition("beyond", "lesion", {"bandwidth_kbps": 0.55, "codebooks": [4]})
    declared = Conditions((original, known, without, unknown, beyond))
    model = build_autoencoder(NetworkConfig(4, 112, embed_dim=4))
    assert declared.able(model, slow_codec()).names() == ["original", "known", "without"]
    printed = capsys.readouterr().out
    assert "Left out: unknown. The rates of codec 'slow' are 0.275, 0.55 kbit/s." in printed
    assert "Left out: beyond. Codec 'slow' holds 4 codebooks at 0.55 kbit/s." in printed


@pytest.mark.slow
def test_a_user_s_own_sound_becomes_pages_with_the_model_of_that_sound(tmp_path):
    swell = np.repeat(np.linspace(0.3, 1, 70, dtype=np.float32), SR)
    sound = coloured_noise(70 * SR, np.random.default_rng(0)) * swell
    path = gc.save_audio(tmp_path / "mine.flac", sound, SR, clip=True)
    stim = gc.ensure_stimulus(path, artifacts_dir=tmp_path, smoke=True)
    model = trained_model(stim, smoke=True)
    declared = load_conditions().able(model)
    piece = stim.piece(*stim.excerpt(seconds=2.0))
    waves = {"passage": render_conditions(declared, piece, stim.codec, model=model)}
    pages = build_listening_pages(declared, waves, SR, tmp_path / "listening")
    assert "model of notebook 3" in pages.pages["mushra"].read_text()
    written = {file.name for file in tmp_path.glob("autoencoder/mine-*/*")}
    assert "model.safetensors" in written
    again = trained_model(stim, smoke=True)  # found again, not trained anew
    for weights, same in zip(model.state_dict().values(), again.state_dict().values()):
        assert torch.equal(weights, same)


def test_rates_are_what_each_code_takes(passage):
    rates = {c.name: rate_kbps(c, passage, SR) for c in load_conditions().conditions}
    assert (rates["codec 6 kbps"], rates["without codebook 0"]) == (6, 6)
    assert rates["mel, full rate"] == pytest.approx(128 * 22_050 / 256 * 32 / 1000)
    assert rates["mel, mean of each TR"] == pytest.approx(128 / 1.5 * 32 / 1000)
    assert rates["Opus next rate"] == opus_round_trip(passage, SR, 0.98).kbps
    assert np.isnan(rates["original"])


REFERENCE = "{name: a, kind: reference}"
WRONG = [
    (f"conditions: [{REFERENCE}, {{name: b, kind: codec}}]", "needs bandwidth_kbps"),
    (f"conditions: [{REFERENCE}, {{name: b, kind: nonsense}}]", "kind of reference, codec"),
    ("conditions: [{name: a, kind: reference, tests: [x]}]", "must be of mushra, abx"),
    ("conditions: [{name: a, kind: reference, loud: 1}]", "no options"),
    (
        f"conditions: [{REFERENCE}, {{name: b, kind: mel, bands: 2}}]",
        "takes per_tr_s, n_mels and needs none; given: bands",
    ),
    (
        f"conditions: [{REFERENCE}, {{name: b, kind: codec, bandwidth_kbps: six}}]",
        "bandwidth_kbps='six': must be of type float",
    ),
    (
        f"conditions: [{REFERENCE}, {{name: b, kind: lesion, bandwidth_kbps: 6, codebooks: 0}}]",
        "codebooks=0: must be of type list of int",
    ),
    (f"conditions: [{REFERENCE}, {{name: a, kind: noise}}]", "names must differ"),
    ("conditions: [{name: a, kind: noise}]", "exactly one must be of kind reference"),
    (f"conditions: [{REFERENCE}]\nabx_trials: 8", "at least 16"),
    (f"conditions: [{REFERENCE}]\nseconds: 0.5", "at least 1"),
    (f"conditions: [{REFERENCE}]\ntrials: 8", "unknown keys trials"),
    ("conditions: [a]", "each condition must be a mapping"),
    ("[1, 2]", "list named conditions"),
    ("a: [", "readable YAML"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_declaration_is_named(tmp_path, text, message):
    path = tmp_path / "listening.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_conditions(path)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("b", "nonsense"), "kind of reference, codec"),
        (Condition("b", "opus", {"level": 1}), "takes compression_level"),
    ],
)
def test_a_wrong_condition_made_by_hand_is_named_likewise(passage, demo_codec, condition, message):
    declared = Conditions((Condition("a", "reference"), condition))
    with pytest.raises(InputError, match=message):
        render_conditions(declared, passage, demo_codec)


def test_old_names_of_options_are_read_with_a_warning_that_names_this_line(tmp_path):
    lesion = "{name: b, kind: lesion, bandwidth_kbps: 6.0, books: [0, 2], dose: 0.5}"
    path = tmp_path / "listening.yaml"
    path.write_text(f"conditions: [{REFERENCE}, {lesion}]")
    with pytest.warns(DeprecationWarning, match="has been renamed") as warnings:
        declared = load_conditions(path)
    assert declared.conditions[1].options == {
        "bandwidth_kbps": 6.0,
        "codebooks": [0, 2],
        "strength": 0.5,
    }
    said = [str(warning.message) for warning in warnings]
    assert re.search("name='b': books has been renamed codebooks", said[0])
    assert re.search("name='b': dose has been renamed strength", said[1])
    assert {warning.filename for warning in warnings} == {__file__}


def test_an_old_name_beside_the_new_one_is_an_input_error(tmp_path):
    lesion = "{name: b, kind: lesion, bandwidth_kbps: 6.0, books: [0], codebooks: [0]}"
    path = tmp_path / "listening.yaml"
    path.write_text(f"conditions: [{REFERENCE}, {lesion}]")
    with pytest.raises(InputError, match="books is the old name of codebooks"):
        load_conditions(path)
