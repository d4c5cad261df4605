"""Staging: executed copies join their sources; sound and pictures leave the pages."""

import base64
import io
import json

import nbformat
import numpy as np
import pytest
import soundfile
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from workflow_project import run, write_notebook

from giblet_core.errors import RunFailed
from giblet_core.workflow.staging import join_outputs, move_media


@pytest.mark.slow
def test_a_book_is_built_and_a_broken_source_leaves_it_as_it_was(project):
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
    with pytest.raises(RunFailed, match=r"nowhere"):
        run(project, "seed=4")
    assert (report.index.parent / "notebooks" / "01_one.html").read_text() == page


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
