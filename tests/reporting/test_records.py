"""Records of long runs say when and of what they were made."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from giblet_core.files import read_json
from giblet_core.reporting import (
    own_record,
    own_record_name,
    read_record,
    records,
    write_record,
)

ROOT = Path(__file__).resolve().parents[2]


def stem_of(path):
    return path.stem


def test_a_record_says_when_and_of_what_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    assert read_record("long_run", "a" * 64) is None
    write_record("long_run", [{"seed": 0, "bits": 8.5}], "a" * 64, sound="a film", n_trs=920)
    record = read_record("long_run", "a" * 64)
    pd.testing.assert_frame_equal(
        record.table[["seed", "bits"]], pd.DataFrame([{"seed": 0, "bits": 8.5}])
    )
    assert record.about["n_trs"] == 920
    assert str(record).startswith("Recorded 20")
    assert read_record("long_run", "b" * 64) is None


def test_an_undefined_number_is_kept_as_undefined(tmp_path, monkeypatch):
    """A mean over few units has no interval; the record of a long run must not be lost for it."""
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    rows = [{"value": 0.5, "low": float("nan")}, {"value": 0.7, "low": 0.6}]
    write_record("long_run", rows, "", simulations=[{"seed": 0, "p": float("nan")}])
    record = read_record("long_run", "")
    assert record.rows[0] == {"value": 0.5, "low": None}
    assert record.table.low.isna().tolist() == [True, False]
    assert record.simulations == [{"seed": 0, "p": None}]


def test_a_record_is_found_by_the_content_of_sound_and_codec_and_not_by_names(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    codec = SimpleNamespace(sha256="a" * 64)
    mine = SimpleNamespace(name="demo", key="1" * 64, codec=codec, is_demo=False)
    other = SimpleNamespace(name="demo", key="2" * 64, codec=codec, is_demo=False)
    write_record("recovery_demo", [{"bits": 1.0}], "a" * 64)
    assert own_record("recovery", mine) is None
    write_record(own_record_name("recovery", mine), [{"bits": 2.0}], "a" * 64)
    assert own_record("recovery", mine).rows == [{"bits": 2.0}]
    assert own_record("recovery", other) is None


def test_a_record_says_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    summary = [{"figure": "r", "value": 0.5, "n": 2}]
    write_record("old", summary, "")
    assert read_record("old", "").gaps == (
        "the command that makes it",
        "what it was made of",
        "a row of every simulation",
    )
    assert "An older record; it lacks the command that makes it" in str(read_record("old", ""))
    rows = [{"seed": 1, "r": 0.4}, {"seed": 2, "r": 0.6}]
    write_record("new", summary, "", simulations=rows, command="giblet record new", made_of="noise")
    new = read_record("new", "")
    assert new.gaps == ()
    assert new.simulations == rows
    assert "older" not in str(new)


def test_single_runs_are_rows_themselves_and_lack_no_simulations(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    origin = {"command": "notebook 07 with full=True", "made_of": "the demo film"}
    write_record("runs", [{"seed": 0, "bits": 8.5}], "", **origin)
    assert read_record("runs", "").gaps == ()


def test_a_record_without_a_codec_is_read_with_any(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    write_record("noise", [{"r": 0.0}], "")
    assert read_record("noise", "a" * 64) is not None


@pytest.mark.parametrize("path", sorted((ROOT / "book" / "records").glob("*.json")), ids=stem_of)
def test_no_record_of_noise_claims_simulated_subjects(path):
    about = read_json(path).get("about", {})
    assert "simulations" not in about, "say what it was made of: made_of"
    if "noise" in about.get("made_of", ""):
        assert "simulated subjects" not in about["made_of"]
