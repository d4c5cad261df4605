"""Staging: executed copies join their sources; sound and pictures leave the pages."""

import base64
import io
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
from caches import assert_known_by, edited_copy, flipped
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from workflow_project import run, write_notebook

from giblet_core.errors import RunFailed
from giblet_core.workflow import staging
from giblet_core.workflow.pages import Built
from giblet_core.workflow.staging import build_book, chapter_not_run, join_outputs, move_media


@pytest.mark.slow
def test_a_book_is_built_and_a_broken_source_loses_no_page(project):
    report, _ = run(project, "seed=4")
    page = (report.index.parent / "notebooks" / "01_one.html").read_text()
    assert report.index == project / "build" / "html" / "index.html"
    assert "Run with:" in page
    assert "seed=4" in page
    assert "base64" not in page
    assert "_static/player.js" in page
    assert str(project) not in page
    assert max(page.stat().st_size for page in report.index.parent.rglob("*.html")) < 200_000
    again, said = run(project, "seed=4")
    assert again.executed == ()
    assert "not built again" in said
    (project / "book" / "index.md").write_text("# A small book\n\n{doc}`nowhere`\n")
    for _ in range(2):  # the second run tells it again
        with pytest.raises(RunFailed, match=r"the pages were made, with problems:\n.*nowhere"):
            run(project, "seed=4")
    assert "nowhere" in (report.index.parent / "book" / "index.html").read_text()
    assert (report.index.parent / "notebooks" / "01_one.html").is_file()


class Pages:
    """The pages of a project whose notebooks were not run, from a quick stand-in for the build."""

    def __init__(self, project, monkeypatch):
        self.project = project
        self.made = []
        self.unfinished = {stem: chapter_not_run() for stem in ("01_one", "02_two")}
        (project / "artifacts" / "views").mkdir(parents=True)
        (project / "artifacts" / "views" / "brain.html").write_text("a brain")
        monkeypatch.setattr(staging, "build_pages", self.build)

    def build(self, site, target, log):
        self.made.append(1)
        pages = target / "pages"
        pages.mkdir(parents=True)
        (pages / "index.html").write_text(f"<p>built {len(self.made)} times</p>")
        return Built(pages)

    def __call__(self):
        out = self.project / "build"
        artifacts = self.project / "artifacts"
        index = build_book(
            self.project, out, artifacts, unfinished=self.unfinished, say=lambda *_, **__: None
        )
        return index.read_text()


@pytest.fixture
def pages(project, monkeypatch):
    return Pages(project, monkeypatch)


def append(path):
    path.write_text(path.read_text() + "\nmore\n")


def finish(pages):
    pages.unfinished["01_one"] = staging.failed_chapter("another reason")


def edit_prose_of_notebook(pages):
    path = pages.project / "notebooks" / "01_one.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[0].source += " More prose."
    nbformat.write(notebook, path)


#: Ingredient of the pages -> what changes it, and nothing else.
PAGE_CHANGES = {
    "prose": lambda pages: append(pages.project / "book" / "index.md"),
    "prose of a notebook": edit_prose_of_notebook,
    "contents": lambda pages: append(pages.project / "book" / "references.bib"),
    "configuration": lambda pages: append(pages.project / "_config.yml"),
    "style": lambda pages: append(pages.project / "book" / "_static" / "player.js"),
    "artifact": lambda pages: append(pages.project / "artifacts" / "views" / "brain.html"),
    "reason of a failure": finish,
}


@pytest.mark.parametrize("ingredient", PAGE_CHANGES)
def test_pages_are_known_by_each_ingredient(pages, ingredient):
    assert_known_by(pages, pages.made, lambda: PAGE_CHANGES[ingredient](pages))


@pytest.mark.parametrize("module", ["pages", "media"])
def test_pages_are_known_by_the_code_that_makes_them(pages, module, tmp_path, monkeypatch):
    code = getattr(staging, module)
    (copy,) = edited_copy([Path(code.__file__)], tmp_path)
    assert_known_by(pages, pages.made, lambda: monkeypatch.setattr(code, "__file__", str(copy)))


def test_damaged_pages_are_built_anew(pages):
    assert pages() == "<p>built 1 times</p>"
    with flipped(pages.project / "build" / "html" / "index.html", 3):
        assert pages() == "<p>built 2 times</p>"


def test_a_hidden_file_of_the_artifacts_is_not_published(pages):
    leftover = pages.project / "artifacts" / "views" / ".giblet-0123abcd.html"
    leftover.write_text("half a page")
    pages()
    published = pages.project / "build" / "site_src" / "_extra" / "views"
    assert [path.name for path in published.iterdir()] == ["brain.html"]


def wav_uri(samples):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 24_000, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_sound_leaves_the_page_bit_for_bit_and_once(tmp_path, rng):
    samples = (rng.standard_normal(2_400) * 3_000).astype(np.int16)
    picture = base64.b64encode(b"a picture").decode()
    tag = (
        f'<audio controls preload="auto"><source src="{wav_uri(samples)}" '
        'type="audio/wav"/></audio>'
        f'<img alt="a" src="data:image/png;base64,{picture}">'
    )
    outputs = [
        new_output("display_data", {"text/html": tag}),
        new_output("display_data", {"text/html": tag}),
    ]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    move_media(notebook, tmp_path / "media", "../media")
    sound, image = sorted((tmp_path / "media").iterdir(), key=lambda path: path.suffix)
    html = notebook.cells[0].outputs[0].data["text/html"]
    assert html == (
        f'<audio preload="none" controls><source src="../media/{sound.name}" '
        'type="audio/flac"/></audio>'
        f'<img alt="a" src="../media/{image.name}">'
    )
    np.testing.assert_array_equal(soundfile.read(sound, dtype="int16")[0], samples)
    assert image.read_bytes() == b"a picture"


def executed(source, tmp_path, change=lambda cells: None):
    copy = nbformat.from_dict(json.loads(nbformat.writes(source)))
    change(copy.cells)
    nbformat.write(copy, tmp_path / "x.ipynb")
    return tmp_path / "x.ipynb"


def test_staging_refuses_missing_failed_or_outdated_copies(tmp_path):
    source = new_notebook(cells=[new_code_cell("1 + 1", id="a")])
    with pytest.raises(RunFailed, match="not executed"):
        join_outputs(source, tmp_path / "absent.ipynb")
    error = new_output("error", ename="E", evalue="", traceback=[])
    with pytest.raises(RunFailed, match="exception"):
        join_outputs(
            source, executed(source, tmp_path, lambda cells: cells[0].update(outputs=[error]))
        )
    with pytest.raises(RunFailed, match="another version"):
        join_outputs(
            source, executed(source, tmp_path, lambda cells: cells[0].update(source="2 + 2"))
        )


def test_mended_prose_is_published_without_a_new_run_and_progress_bars_are_not(tmp_path):
    source = new_notebook(cells=[new_markdown_cell("Old", id="m"), new_code_cell("1 + 1", id="a")])
    streams = [
        new_output("stream", name=name, text=text)
        for name, text in (("stderr", "50 %|####"), ("stdout", "2"))
    ]
    path = executed(source, tmp_path, lambda cells: cells[1].update(outputs=streams))
    source.cells[0].source = "New"
    joined = join_outputs(source, path)
    assert joined.cells[0].source == "New"
    assert [output.text for output in joined.cells[1].outputs] == ["2"]


@pytest.mark.slow
def test_a_failed_chapter_is_published_as_failed_and_the_others_as_they_are(project):
    write_notebook(
        project,
        "02_two",
        "rate = 1.5\nseed = 0",
        "print('shown before')",
        "from giblet_core.errors import InputError\nraise InputError('x=1: must be <2>. Mend it.')",
    )
    report, _ = run(project)
    pages = report.index.parent / "notebooks"
    failed = (pages / "02_two.html").read_text()
    assert list(report.failed) == ["02_two"]
    assert "x=1: must be &lt;2&gt;. Mend it." in failed
    assert "shown before" in failed
    assert "Traceback" not in failed
    assert str(project) not in failed
    other = (pages / "01_one.html").read_text()
    assert "⚠ failed: Notebook 02_two" in other  # the contents beside every page
    assert "seed 0" in other


@pytest.mark.slow
def test_a_chapter_that_was_not_run_says_so_and_the_book_is_built_all_the_same(project):
    report, _ = run(project, only=["01"])
    assert report.index is not None
    page = (report.index.parent / "notebooks" / "02_two.html").read_text()
    assert "This chapter was not run" in page
    assert "not run: Notebook 02_two" in page


def test_the_parameters_are_shown_with_the_values_of_the_run():
    source = 'audio = "demo"  # or a sound or video file\nt_r = 1.5  # s\nsmoke = False'
    shown = staging._with_values(source, {"audio": "harbour.wav", "t_r": 2.0})
    assert (
        shown == "audio = 'harbour.wav'  # or a sound or video file\nt_r = 2.0  # s\nsmoke = False"
    )


def test_the_link_to_the_results_is_relative_to_the_front_page(tmp_path):
    artifacts = tmp_path / "artifacts"
    assert staging.link_to_results(tmp_path, artifacts) == ""
    page = artifacts / staging.RESULTS_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("")
    link = staging.link_to_results(tmp_path, artifacts)
    assert (tmp_path / "html" / "book" / link).resolve() == page.resolve()
