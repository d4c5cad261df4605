"""Fixtures of the workflow's tests."""

import shutil
from pathlib import Path

import pytest
from workflow_project import SOUND, WRITE, write_notebook

from giblet_core.workflow import keys

ROOT = Path(__file__).resolve().parents[2]


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
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.md").write_text("# A small book\n\nA formula $x^2$.\n")
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        "  - file: notebooks/01_one\n  - file: notebooks/02_two\n"
    )
    (tmp_path / "book" / "_static").mkdir()
    (tmp_path / "book" / "_static" / "player.js").write_text("// nothing\n")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    return tmp_path
