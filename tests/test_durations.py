"""The record of durations: what is renewed, kept and forgotten, and what a fast run leaves out."""

import json
import subprocess
import sys

import pytest
from durations import LONG_FIXTURES, RECORD, read_durations, update_durations

TESTS = """
import time
def test_long():
    time.sleep({long_s})
def test_short():
    pass
"""


FILM = """
import pytest
@pytest.fixture(scope="session")
def film():
    return 1
def test_needs_it(film):
    pass
def test_does_not():
    pass
"""


def test_measured_seconds_replace_recorded_ones():
    recorded = {"test_a.py::one": 3.0, "test_b.py::two": 2.0}
    durations = update_durations(recorded, {"test_a.py::one": 1.004}, {"test_a.py::one"})
    assert durations == {"test_a.py::one": 1.0, "test_b.py::two": 2.0}


def test_a_test_that_vanished_from_a_collected_file_is_forgotten():
    recorded = {"test_a.py::old": 3.0, "test_b.py::two": 2.0}
    durations = update_durations(recorded, {"test_a.py::new": 1.0}, {"test_a.py::new"})
    assert durations == {"test_a.py::new": 1.0, "test_b.py::two": 2.0}


def test_short_tests_are_not_recorded():
    measured = {"test_a.py::one": 0.01, "test_a.py::two": 0.5}
    assert update_durations({}, measured, set(measured)) == {"test_a.py::two": 0.5}


@pytest.mark.parametrize(("limit_s", "n_run"), [("0.05", 1), ("5", 2)])
def test_a_fast_run_leaves_out_what_is_recorded_as_longer(tmp_path, limit_s, n_run):
    plugin = tmp_path / "durations.py"
    plugin.write_text(_source_of_plugin())
    (tmp_path / "test_two.py").write_text(TESTS.format(long_s=0.15))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "durations", "-c", "/dev/null"]
    command += ["--rootdir", str(tmp_path), str(tmp_path / "test_two.py")]
    subprocess.run([*command, "--store-durations"], check=True, cwd=tmp_path, capture_output=True)
    recorded = json.loads((tmp_path / "durations.json").read_text())
    assert list(recorded) == ["test_two.py::test_long"]
    run = subprocess.run(
        [*command, "--faster-than", limit_s], check=True, cwd=tmp_path, capture_output=True
    )
    assert f"{n_run} passed" in run.stdout.decode()


def test_long_fixtures_are_those_of_their_folders():
    root = RECORD.parent.parent
    for folder, names in LONG_FIXTURES.items():
        texts = "".join(path.read_text() for path in (root / folder).glob("*.py"))
        assert [name for name in names if f"def {name}(" not in texts] == []


def test_a_fast_run_leaves_out_what_needs_a_long_fixture(tmp_path):
    plugin = _source_of_plugin().replace('"tests/demo/film/"', '"test_film"')
    (tmp_path / "durations.py").write_text(plugin)
    (tmp_path / "test_film.py").write_text(FILM)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "durations", "-c", "/dev/null"]
    command += ["--rootdir", str(tmp_path), "--faster-than", "5", str(tmp_path / "test_film.py")]
    run = subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    assert "1 passed, 1 deselected" in run.stdout.decode()


def test_no_record_is_an_empty_one(tmp_path):
    assert read_durations(tmp_path / "durations.json") == {}


def _source_of_plugin() -> str:
    import durations

    with open(durations.__file__, encoding="utf-8") as file:
        return file.read()
