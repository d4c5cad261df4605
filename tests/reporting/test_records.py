"""Records of long runs say when and of what they were made."""

import pandas as pd

from giblet_core.reporting import read_record, records, write_record


def test_a_record_says_when_and_of_what_it_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    assert read_record("long_run", "a" * 64) is None
    assert "full=True" in capsys.readouterr().out
    write_record("long_run", [{"seed": 0, "bits": 8.5}], "a" * 64, sound="a film", n_trs=920)
    record = read_record("long_run", "a" * 64)
    assert capsys.readouterr().out == ""
    pd.testing.assert_frame_equal(
        record.table[["seed", "bits"]], pd.DataFrame([{"seed": 0, "bits": 8.5}])
    )
    assert record.about["n_trs"] == 920
    assert str(record).startswith("Recorded 20")
    read_record("long_run", "b" * 64)
    assert "other weights of the codec" in capsys.readouterr().out
