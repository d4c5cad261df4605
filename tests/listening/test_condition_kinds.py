"""Kinds of conditions: each makes what it says, at the length of the passage."""

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.autoencoder import NetworkConfig, build_autoencoder, reconstruct
from giblet_core.errors import InputError
from giblet_core.listening import (
    CONDITIONS,
    Condition,
    ConditionKind,
    Conditions,
    Option,
    mel_round_trip,
    rate_kbps,
    render_conditions,
)
from giblet_core.listening import condition_kinds as kinds
from giblet_core.metrics import log_mel_distance

SR = 24_000
REFERENCE = Condition("original", "reference")


@pytest.fixture(scope="module")
def model():
    return build_autoencoder(NetworkConfig(4, 112, embed_dim=4))


#: Options with which each kind can be made from any passage.
EXAMPLES = {
    "reference": {},
    "codec": {"bandwidth_kbps": 3.0},
    "mel": {},
    "opus": {},
    "noise": {},
    "lesion": {"bandwidth_kbps": 6.0, "codebooks": [0]},
    "model": {},
    "file": {"path": "version.wav"},
}


def test_every_kind_has_an_example_here():
    assert set(EXAMPLES) == set(CONDITIONS)


@pytest.mark.parametrize("kind", CONDITIONS)
def test_every_kind_makes_a_sound_of_the_passage_s_length(
    kind, passage, demo_codec, model, tmp_path
):
    gc.save_audio(tmp_path / "version.wav", passage / 2, SR)
    if kind == "reference":
        declared = Conditions((REFERENCE,))
    else:
        declared = Conditions((REFERENCE, Condition("made", kind, EXAMPLES[kind])))
    waves = render_conditions(declared, passage, demo_codec, folder=tmp_path, model=model)
    made = waves[declared.names()[-1]]
    assert made.shape == passage.shape
    assert made.dtype == np.float32
    assert (kind == "reference") == np.array_equal(made, passage)


@pytest.mark.parametrize("kind", CONDITIONS)
def test_every_need_is_one_of_the_list_and_every_option_has_a_type_that_is_checked(kind):
    assert set(CONDITIONS[kind].needs) <= set(kinds.NEEDS)
    for option in CONDITIONS[kind].options:
        assert option.is_required or option.accepts(option.default)
        assert not option.accepts(object())


def test_one_function_and_one_entry_add_a_kind(passage, demo_codec, monkeypatch):
    def reversed_in_time(passage, seconds):
        n = round(seconds * passage.sample_rate)
        return np.concatenate([passage.wave[:n][::-1], passage.wave[n:]])

    entry = ConditionKind(reversed_in_time, options=(Option("seconds", float, default=1.0),))
    monkeypatch.setitem(CONDITIONS, "reversed", entry)
    declared = Conditions((REFERENCE, Condition("backwards", "reversed")))
    waves = render_conditions(declared, passage, demo_codec)
    assert np.array_equal(waves["backwards"][:SR], passage[:SR][::-1])
    assert np.array_equal(waves["backwards"][SR:], passage[SR:])
    assert np.isnan(rate_kbps(declared.conditions[1], passage, SR))


def test_a_passage_is_not_encoded_where_no_kind_needs_the_codec(passage, demo_codec, monkeypatch):
    def refuse(*_arguments):
        raise AssertionError("encoded")

    monkeypatch.setattr(type(demo_codec), "encode", refuse)
    declared = Conditions((REFERENCE, Condition("noise", "noise")))
    assert [*render_conditions(declared, passage, demo_codec)] == ["original", "noise"]


def test_a_model_gives_back_the_sound_of_its_codes(passage, demo_codec, model):
    likeliest = Condition("likeliest", "model", {"draw": False})
    declared = Conditions((REFERENCE, likeliest, Condition("drawn", "model")))
    waves = render_conditions(declared, passage, demo_codec, model=model)
    codes = demo_codec.encode(passage, 3.0)
    assert (waves["likeliest"] == demo_codec.decode(reconstruct(model, codes))).all()
    assert (waves["drawn"] != waves["likeliest"]).any()
    with pytest.raises(InputError, match="less than one window"):
        render_conditions(declared, passage[:SR], demo_codec, model=model)


def test_the_mean_of_each_tr_loses_what_the_full_rate_keeps(passage):
    full = mel_round_trip(passage, SR)
    flat = mel_round_trip(passage, SR, per_tr_s=1.5)
    assert log_mel_distance(passage, full, SR) < log_mel_distance(passage, flat, SR)


def test_a_file_of_another_length_or_none_at_all_is_an_input_error(passage, demo_codec, tmp_path):
    gc.save_audio(tmp_path / "short.wav", passage[:SR], SR)
    for path, message in (("short.wav", "the same passage"), ("absent.wav", "no such file")):
        declared = Conditions((REFERENCE, Condition("other", "file", {"path": path})))
        with pytest.raises(InputError, match=message):
            render_conditions(declared, passage, demo_codec, folder=tmp_path)
