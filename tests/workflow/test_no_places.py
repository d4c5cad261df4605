"""Neither executed notebooks nor pages tell on which machine, where and by whom they were made."""

import sys
import tempfile
from pathlib import Path

import pytest
from workflow_project import run, write_notebook

TEXTS = (".html", ".ipynb", ".js", ".json", ".txt", ".css", ".svg", ".md")
SHOW = """import pathlib, sys, tempfile, warnings
import numpy
warnings.warn("a warning of a cell")
print(pathlib.Path.cwd(), pathlib.Path.home(), sys.prefix, numpy.__file__)
print(tempfile.gettempdir() + "/a.npz", [artifacts_dir])"""


@pytest.mark.slow
def test_no_page_and_no_executed_notebook_holds_a_place_or_a_person(project, monkeypatch):
    home = project / "home" / "zebedee"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "zebedee")
    write_notebook(project, "01_one", 'artifacts_dir = "build/artifacts"', SHOW)
    report, _ = run(project)
    folders = (report.index.parent, project / "build" / "executed")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]
    assert {path.suffix for path in files} >= {".html", ".ipynb", ".js"}
    places = (project, home, Path(sys.prefix), tempfile.gettempdir() + "/")
    told = [
        (path.name, str(place))
        for path in files
        for place in (*places, "zebedee")
        if str(place) in path.read_text(encoding="utf-8")
    ]
    assert told == []
