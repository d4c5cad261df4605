"""The handed cases: scripts beside the project that make inputs after public bug reports."""

import os
import runpy
import shutil
import sys
import warnings
from types import SimpleNamespace

import pytest
from fmriprep import write_derivative


@pytest.fixture(scope="session")
def cases(shared, tmp_path_factory):
    """A copy of the scripts; what they make is made on first use."""
    if not (shared / "cases").is_dir():
        pytest.skip("the handed cases are absent: set GIBLET_SHARED to the folder that holds them")
    folder = tmp_path_factory.mktemp("handed")
    shutil.copytree(shared / "cases", folder / "cases", copy_function=shutil.copyfile)
    for path in (folder / "cases", *(folder / "cases").iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder / "cases"


@pytest.fixture(scope="session")
def common(cases):
    """What the scripts share: the truth about what they make."""
    return SimpleNamespace(**runpy.run_path(str(cases / "common.py")))


@pytest.fixture(scope="session")
def made(cases):
    """Return a function: the folder of a case, with what its script makes."""
    done = set()

    def folder_of(case):
        folder = cases / case
        if case not in done:
            run_script(folder)
            done.add(case)
        return folder

    return folder_of


def run_script(folder):
    """Run the script of a case in its folder, as ``python make.py`` does."""
    before = os.getcwd()
    paths = list(sys.path)
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries: the scripts are not ours
            runpy.run_path("make.py", run_name="__main__")
    finally:
        os.chdir(before)
        sys.path[:] = paths
        for name in ("common", "m7"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A derivative as fMRIPrep leaves it, with sound, atlas and manifest; never changed."""
    folder = tmp_path_factory.mktemp("original")
    write_derivative(folder)
    return folder


@pytest.fixture
def place(original, tmp_path, monkeypatch):
    """A copy of it to change, which is the current folder."""
    shutil.copytree(original, tmp_path / "data")
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path / "data"
