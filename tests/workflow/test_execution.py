"""One notebook: a failure is kept with its error and named."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jupyter_client import KernelManager
from workflow_project import ROOT, run, write_notebook

from giblet_core.workflow.execution import kernel_config

WRONG_INPUT = (
    "from giblet_core.errors import InputError\nraise InputError('x=1: must be 2. Mend it.')"
)


def test_a_failing_notebook_is_kept_and_named_and_the_former_copy_stays(project):
    run(project, build=False)
    good = (project / "build" / "executed" / "02_two.ipynb").read_bytes()
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "print('before')", "1 / 0")
    report, said = run(project, build=False)
    failed = project / "build" / "executed" / "02_two.failed.ipynb"
    assert "02_two.ipynb, cell 3 (In [3]): ZeroDivisionError" in report.failed["02_two"]
    assert str(failed) in report.failed["02_two"]
    assert "FAILED" in said
    assert "ZeroDivisionError" in failed.read_text()
    assert (project / "build" / "executed" / "02_two.ipynb").read_bytes() == good
    assert not list((project / "build" / "executed").glob("*.running*"))


def test_a_dead_kernel_is_reported_with_the_copy_so_far(project):
    write_notebook(project, "01_one", "seed = 0", "print('before')", "import os\nos._exit(9)")
    report, _ = run(project, only=["01"], build=False)
    assert "01_one.ipynb: the kernel died" in report.failed["01_one"]
    assert "before" in (project / "build" / "executed" / "01_one.failed.ipynb").read_text()


def test_wrong_input_found_by_a_notebook_is_told_in_its_own_words(project):
    write_notebook(project, "01_one", "seed = 0", WRONG_INPUT)
    report, _ = run(project, only=["01"], build=False)
    assert "cell 2 (In [2]): x=1: must be 2. Mend it." in report.failed["01_one"]


def test_a_notebook_that_fails_once_is_run_again_and_its_failure_is_forgotten(project):
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "1 / 0")
    assert list(run(project, build=False)[0].failed) == ["02_two"]
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "1 / 1")
    report, _ = run(project, build=False)
    assert report.executed == ("02_two",)
    assert not (project / "build" / "executed" / "02_two.failed.ipynb").exists()


def test_an_executed_notebook_holds_no_folder_of_this_machine(project, tmp_path):
    sound = tmp_path / "private folder" / "my.wav"
    sound.parent.mkdir()
    samples = 0.1 * np.random.default_rng(0).standard_normal(24_000)
    soundfile.write(sound, samples, 24_000)
    show = "import sys, pathlib\nprint(audio, pathlib.Path.cwd(), pathlib.Path.home())"
    write_notebook(project, "01_one", 'audio = "demo"', show)
    run(project, f"audio={sound}", only=["01"], build=False)
    text = (project / "build" / "executed" / "01_one.ipynb").read_text()
    assert "my.wav . ~" in text
    for place in (sound.parent, project, Path.home()):
        assert str(place) not in text


ISOLATED = """
import socket, sys
from pathlib import Path
from giblet_core.workflow import runner

try:
    socket.create_connection(("127.0.0.1", 9), timeout=2)
except ConnectionRefusedError:
    sys.exit("there is a loopback")
except OSError:
    pass
report = runner.run_book(root=Path(sys.argv[1]), only=["01"])
assert report.executed == ("01_one",), report.failed
"""


def test_the_book_runs_and_builds_where_there_is_no_network_at_all(project):
    namespace = ["unshare", "--net", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"]).returncode:
        pytest.skip("no network namespace can be made here")
    command = [*namespace, sys.executable, "-c", ISOLATED, str(project)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "build" / "html" / "index.html").is_file()


@pytest.mark.parametrize(("n_letters", "is_a_file"), [(10, True), (100, False)])
def test_kernels_are_spoken_to_by_sockets_where_their_names_are_short(
    monkeypatch, n_letters, is_a_file
):
    with tempfile.TemporaryDirectory() as short:
        place = Path(short, "x" * n_letters)
        place.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(place))
        with kernel_config() as config:
            assert bool(config) is is_a_file
        assert not list(place.iterdir())


def test_kernels_that_run_at_once_share_no_socket():
    with kernel_config() as first, kernel_config() as second:
        sockets = [KernelManager(config=config).ip for config in (first, second)]
    assert len(set(sockets)) == 2
    assert all(Path(name).parent.name.startswith("kernel-") for name in sockets)
