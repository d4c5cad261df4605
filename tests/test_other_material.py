"""Books on other material: every cell of the matrix builds or is refused, and none borrows.

The notebooks run in this process on made-up material, with a codec of a few lines.
"""

import itertools
import os
import shutil

import nbformat
import pytest
from foreign_pages import borrowed, demo_figures
from in_process import run_notebook
from lab_studies import write_mp3, write_slab_study
from matrix import BANDWIDTH_KBPS, BUILDS, FACTORS, TINY, write_build
from test_notebooks import NOTEBOOKS, ROOT

from giblet_core import reporting
from giblet_core.codecs import CODECS
from giblet_core.errors import InputError
from giblet_core.workflow.parameters import check_inputs, complete_from_dataset

CHAPTERS = [path for path in NOTEBOOKS if not reporting.is_about_the_demo(f"notebooks/{path.stem}")]
LONGEST_IN_CI = 111  # TRs; longer builds take minutes each
SOUND_ALONE = ("01", "03", "05", "07")  # chapters that BOLD has no part in
#: Sounds differ in fewer ways: the first build of each kind and of each length has these chapters.
WITH_SOUND = {
    next(build for build in BUILDS if build.sound != "silence" and getattr(build, factor) == level)
    for factor in ("sound", "n_trs")
    for level in FACTORS[factor]
    if level != "silence"
}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(CODECS, "tiny", TINY)


def chapters_of(build):
    has_sound = build in WITH_SOUND
    return [path for path in CHAPTERS if has_sound or not path.stem.startswith(SOUND_ALONE)]


def parameters_of(build, folder):
    given = complete_from_dataset({"bold": str(write_build(folder, build)), "codec": "tiny"})
    check_inputs(given)
    artifacts = str(folder / "artifacts")
    return {**given, "bandwidth_kbps": BANDWIDTH_KBPS, "smoke": True, "artifacts_dir": artifacts}


def test_the_builds_cover_every_pair_of_levels():
    for a, b in itertools.combinations(FACTORS, 2):
        pairs = {(getattr(build, a), getattr(build, b)) for build in BUILDS}
        assert pairs == set(itertools.product(FACTORS[a], FACTORS[b])), (a, b)
    assert 25 <= len(BUILDS) <= 35


def test_the_scan_for_borrowed_figures_finds_them_outside_boxes_alone():
    figure = max(demo_figures(), key=len)
    assert borrowed(f"<p>{figure}</p>") == [figure]
    box = reporting.demo_box(figure)
    assert borrowed(box._repr_html_() + repr(box)) == []
    assert "alice" in borrowed("as Alice said")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_source_of_a_chapter_does_not_speak_of_the_demo(path):
    cells = nbformat.read(path, 4).cells
    assert borrowed("\n".join(cell.source for cell in cells)) == []


def test_the_prose_of_a_book_on_other_material_does_not_speak_of_the_demo():
    contents = (ROOT / "book" / "_toc.yml").read_text()
    pages = [line.partition("file: ")[2] for line in contents.splitlines() if "file: book/" in line]
    kept = [page for page in pages if not reporting.is_about_the_demo(page)]
    found = {page: borrowed((ROOT / f"{page}.md").read_text()) for page in kept}
    assert {page: names for page, names in found.items() if names} == {}


@pytest.mark.parametrize("build", [b for b in BUILDS if b.sound == "silence"][:3], ids=str)
def test_silence_is_refused_before_a_run(build, tiny, tmp_path):
    with pytest.raises(InputError, match="silent from beginning to end"):
        parameters_of(build, tmp_path)


def has_too_few_volumes(build):
    """Tell whether confounds leave fewer than three dimensions of a run."""
    return build.has_confounds and build.n_trs // build.n_runs < 6


@pytest.mark.parametrize("build", [b for b in BUILDS if has_too_few_volumes(b)], ids=str)
def test_runs_that_confounds_use_up_are_refused_before_a_run(build, tiny, tmp_path):
    refusal = "silent" if build.sound == "silence" else "at least 3 dimensions must be left"
    with pytest.raises(InputError, match=refusal):
        parameters_of(build, tmp_path)


def builds_to_run():
    """Return short builds, or all of them where ALL_BUILDS=1 asks for it: that takes an hour."""
    sounding = [b for b in BUILDS if b.sound != "silence" and not has_too_few_volumes(b)]
    if os.environ.get("ALL_BUILDS"):
        return sounding
    return [build for build in sounding if build.n_trs <= LONGEST_IN_CI]


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("build", builds_to_run(), ids=str)
def test_a_build_of_the_matrix_builds_and_borrows_nothing(build, tiny, tmp_path):
    parameters = parameters_of(build, tmp_path)
    for path in chapters_of(build):
        ran = run_notebook(path, parameters)
        assert ran.error == "", ran.error
        assert borrowed("\n".join(ran.shown)) == [], path.stem
    material = reporting.read_material(tmp_path / "artifacts")
    assert not material.is_demo
    assert material.title == "The giblet book: heard, harbour study"
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def broken_up(tmp_path_factory):
    """A sound of 204 s with long digital silences."""
    folder = tmp_path_factory.mktemp("broken_up")
    write_mp3(folder / "harbour.mp3", 204, [(0, 25), (60, 100), (150, 160)])
    given = {"audio": str(folder / "harbour.mp3")}
    check_inputs(given)
    return {**given, "smoke": True, "artifacts_dir": str(folder / "artifacts")}


@pytest.fixture(scope="module")
def slab(tmp_path_factory):
    """A film of 300 s and two subjects of whom a slab was measured."""
    folder = tmp_path_factory.mktemp("slab")
    given = complete_from_dataset({"bold": str(write_slab_study(folder))})
    check_inputs(given)
    return {**given, "smoke": True, "artifacts_dir": str(folder / "artifacts")}


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_sound_with_long_digital_silences_builds(path, broken_up):
    ran = run_notebook(path, broken_up)
    assert ran.error == "", ran.error
    assert borrowed("\n".join(ran.shown)) == []


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_slab_of_two_subjects_builds(path, slab):
    ran = run_notebook(path, slab)
    assert ran.error == "", ran.error
    assert borrowed("\n".join(ran.shown)) == []
