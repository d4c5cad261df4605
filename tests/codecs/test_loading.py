"""Codecs by name: one list, never a fallback."""

import json

import pytest
from fakes import FAKE_CODECS, conditioned_model

import giblet_core as gc
from giblet_core.codecs import CODECS, EncodecCodec
from giblet_core.errors import InputError

RATE = 24_000


def test_entries_bear_the_name_under_which_they_are_listed():
    assert {name: entry.name for name, entry in CODECS.items()} == {name: name for name in CODECS}
    assert all(entry.summary for entry in CODECS.values())


def test_a_codec_that_is_added_is_loaded_by_its_name(monkeypatch):
    monkeypatch.setitem(CODECS, "slow", FAKE_CODECS["slow"])
    assert gc.load_codec("slow").frame_rate == 12.5
    assert gc.load_codec("slow") is gc.load_codec("slow")
    monkeypatch.setitem(CODECS, "slow", FAKE_CODECS["projected"])
    assert gc.load_codec("slow").frame_rate == 50


def test_a_local_folder_is_a_codec(model, wave, tmp_path):
    folder = tmp_path / "mine"
    fresh = conditioned_model()
    fresh.save_pretrained(folder)
    loaded = gc.load_codec(folder)
    assert loaded.id == "mine"
    assert (
        loaded.encode(wave[:RATE]).indices.tolist()
        == EncodecCodec(fresh, "fresh").encode(wave[:RATE]).indices.tolist()
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": "many"},
        {"codebook_size": None},
        {"target_bandwidths": "wide"},
        {"upsampling_ratios": 8},
        {"sampling_rate": [24_000]},
        {"compress": 10_000},
    ],
    ids=str,
)
def test_a_configuration_with_a_wrong_value_is_refused_with_a_reason(tmp_path, wrong):
    folder = tmp_path / "mine"
    conditioned_model().save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | wrong
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"codec=.*could not be loaded"):
        gc.load_codec(folder)


def test_unknown_and_unpinned_names_are_errors_never_a_fallback(tmp_path):
    with pytest.raises(InputError, match="must be 'demo'"):
        gc.load_codec("no such codec")
    with pytest.raises(InputError, match="owner/name@revision"):
        gc.load_codec("somebody/encodec")
    with pytest.raises(InputError, match="could not be loaded"):
        gc.load_codec(tmp_path)


def test_giblet_codec_names_the_default(model, monkeypatch, tmp_path):
    conditioned_model(seconds=1.0).save_pretrained(tmp_path / "named")
    monkeypatch.setenv("GIBLET_CODEC", str(tmp_path / "named"))
    assert gc.load_codec().id == "named"
