"""The runner: what is unchanged is skipped; a failure stops nothing but its own chapter."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest
from workflow_project import run, write_notebook

from giblet_core.commands import main
from giblet_core.errors import InputError
from giblet_core.files import read_json
from giblet_core.workflow import runner

ENDS_WITHIN_S = 5  # after Ctrl-C; the issue of a user who waits


def test_a_run_is_skipped_until_what_shapes_it_changes(project):
    report, _ = run(project, build=False)
    assert report.executed == ("01_one", "02_two")
    assert run(project, build=False)[0].skipped == ("01_one", "02_two")
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "print(rate + seed)")
    assert run(project, build=False)[0].executed == ("02_two",)  # a later notebook alone
    (project / "build" / "artifacts" / "one.txt").unlink()
    assert run(project, build=False)[0].executed == ("01_one",)  # an artifact it wrote is gone
    assert run(project, "seed=1", build=False)[0].executed == ("01_one", "02_two")


def test_a_full_disk_is_told_before_the_run(project, monkeypatch):
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(runner.shutil, "disk_usage", lambda _: full)
    with pytest.raises(InputError, match=r"0 MB are free.*--out"):
        run(project)
    assert not (project / "build").exists()


def test_a_folder_that_cannot_be_written_is_told_before_the_run(project, monkeypatch):
    monkeypatch.setattr(runner.os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"cannot be written to.*--out"):
        run(project)


def test_two_runs_in_one_folder_are_refused(project):
    (project / "build").mkdir()
    with (
        filelock.FileLock(project / "build" / ".run.lock"),
        pytest.raises(InputError, match="another run is writing there"),
    ):
        run(project, build=False)
    assert run(project, build=False)[0].executed == ("01_one", "02_two")


def test_the_command_ends_with_1_when_a_notebook_failed(project, capsys):
    write_notebook(project, "01_one", "seed = 0", "1 / 0")
    assert main(["run", "--only", "01", "02", "--no-build"]) == 1
    captured = capsys.readouterr()
    assert "01_one.ipynb, cell 2" in captured.err
    assert "1 notebooks run, 0 unchanged, 1 failed" in captured.out
    assert main(["run", "--only", "01", "--set", "seed=a"]) == 2
    assert main(["run", "--only", "02", "--no-build"]) == 0


def test_the_first_two_run_alone_then_side_by_side_and_the_scorecard_last(monkeypatch):
    monkeypatch.setattr(runner.os, "cpu_count", lambda: 2)
    names = [Path(f"{n:02}.ipynb") for n in range(1, 8)] + [Path("08_scorecard.ipynb")]
    together = threading.Barrier(2, timeout=20)
    begun = []

    def run_one(path):
        begun.append(path.stem)
        if path.stem in ("03", "04"):
            together.wait()  # each waits for the other: alone they would never pass

    runner.in_parallel(run_one, names)
    assert begun[:2] == ["01", "02"]
    assert begun[-1] == "08_scorecard"
    assert sorted(begun) == [path.stem for path in names]


def test_a_passing_file_of_a_neighbour_does_not_make_a_run_stale(project, monkeypatch):
    run(project, build=False)
    sidecar = project / "build" / "executed" / "01_one.json"
    passing = project / "build" / "artifacts" / "passing.txt"
    execute_recorded = runner.execute_recorded

    def with_a_passing_file(job):
        passing.write_text(job.notebook.stem)
        seconds = execute_recorded(job)
        passing.write_text("changed meanwhile by a neighbour")
        return seconds

    in_parallel = runner.in_parallel

    def then_gone(run_one, waiting):
        in_parallel(run_one, waiting)
        passing.unlink()

    monkeypatch.setattr(runner, "execute_recorded", with_a_passing_file)
    monkeypatch.setattr(runner, "in_parallel", then_gone)
    assert run(project, "seed=1", build=False)[0].executed == ("01_one", "02_two")
    assert "passing.txt" not in read_json(sidecar)["wrote"]
    monkeypatch.undo()


@pytest.mark.slow
def test_the_keyboard_stops_a_run_within_seconds_and_says_what_is_kept(tmp_path, project):
    """The kernel computes for a minute; Ctrl-C ends it and the command."""
    begun = project / "begun.txt"
    busy = f"from pathlib import Path\n_ = Path({str(begun)!r}).write_text('x')\n"
    write_notebook(project, "01_one", "seed = 0", busy + "import time\ntime.sleep(60)")
    command = [sys.executable, "-m", "giblet_core", "run", "--only", "01", "--no-build"]
    process = subprocess.Popen(
        command, cwd=project, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert begun.exists()
    stopped = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - stopped < ENDS_WITHIN_S
    assert process.returncode == 1
    assert "stopped from the keyboard. What was complete is kept" in said
    assert "Traceback" not in said
