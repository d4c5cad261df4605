"""Records of long runs say when and of what they were made."""

from types import SimpleNamespace

import pandas as pd

from giblet_core.reporting import (
    own_record,
    own_record_name,
    read_record,
    records,
    write_record,
)


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
