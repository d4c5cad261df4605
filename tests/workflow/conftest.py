"""Fixtures of the workflow's tests."""

import pytest
from workflow_project import SOUND, WRITE, write_book, write_notebook

from giblet_core.workflow import keys


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A book of two small notebooks; the sources of giblet_core count as constant."""
    monkeypatch.setattr(keys, "core_hash", lambda: "constant")
    monkeypatch.chdir(tmp_path)
    write_notebook(
        tmp_path,
        "01_one",
        'audio = "demo"\nseed = 0\nartifacts_dir = "build/artifacts"',
        SOUND,
        WRITE,
    )
    write_notebook(tmp_path, "02_two", "rate = 1.5\nseed = 0", "print(rate * seed)")
    write_book(tmp_path)
    return tmp_path
