"""Every notebook, run as a reader would run it but short (smoke=True).

No cell fails, the checked cells print what is stored.

One execution serves both: papermill writes the parameters into a copy, nbval runs the copy and
compares the outputs of the cells tagged `nbval-check-output` with the stored ones. The copies share
one artifacts folder, in the order of the book.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).resolve().parents[1]
LONGEST_CELL = 20  # lines
LONGEST_MEDIAN = 8  # code lines
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STANDARD = {
    "audio": "demo",
    "bold": "demo",
    "codec": "demo",
    "bandwidth_kbps": 6.0,
    "t_r": 1.5,
    "smoke": False,
    "device": "auto",
    "seed": 0,
    "artifacts_dir": "build/artifacts",
}
pytestmark = [pytest.mark.xdist_group("notebooks"), pytest.mark.notebook]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


def defaults_of(path):
    return {name: entry["default"] for name, entry in papermill.inspect_notebook(str(path)).items()}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_has_the_standard_parameters_with_the_standard_defaults(path):
    defaults = defaults_of(path)
    assert {"smoke", "artifacts_dir"} <= set(defaults)
    for name in set(defaults) & set(STANDARD):
        assert eval(defaults[name]) == STANDARD[name], name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_opens_with_a_title_and_names_the_common_kernel(path):
    notebook = nbformat.read(path, 4)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.metadata.kernelspec.name == "python3"
    assert not [
        c
        for c in notebook.cells
        if "parameters" in c.metadata.get("tags", []) and c.cell_type != "code"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_no_cell_is_longer_than_a_reader_can_hold(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    lengths = {cell.id: len(cell.source.splitlines()) for cell in cells}
    assert {cell: n for cell, n in lengths.items() if n > LONGEST_CELL} == {}


def code_lines(source):
    """Return the lines of a cell that hold code: neither blank nor a comment alone."""
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_half_of_the_cells_are_of_eight_lines_or_fewer(path):
    """Lines as the formatter sets them, which `make lint` checks; no cell hides from it."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert not [source for source in cells if "# fmt:" in source]
    lengths = [len(code_lines(source)) for source in cells]
    assert statistics.median(lengths) <= LONGEST_MEDIAN, sorted(lengths)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_and_its_checked_cells_print_what_is_stored(path, folder):
    notebook = parameterize_notebook(
        load_notebook_node(str(path)), {"smoke": True, "artifacts_dir": str(folder / "artifacts")}
    )
    for cell in notebook.cells:
        if cell.get("outputs"):
            cell.execution_count = 1  # without a count nbval takes a cell for one that never ran
    nbformat.write(notebook, folder / path.name)
    (folder / "pytest.ini").write_text("[pytest]\n")
    report = folder / f"{path.stem}.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-current-env",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "-q",
        "--tb=short",
        f"--junitxml={report}",
        "-c",
        str(folder / "pytest.ini"),
        "--rootdir",
        str(folder),
        str(folder / path.name),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTEST_ADDOPTS": "", "PYTEST_XDIST_WORKER": ""},
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    n_code = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert f'tests="{n_code}"' in report.read_text()


def test_every_chapter_of_the_book_exists():
    toc = (ROOT / "book" / "_toc.yml").read_text()
    files = [line.split("file:")[1].strip() for line in toc.splitlines() if "file:" in line] + [
        "book/index"
    ]
    assert [
        name
        for name in files
        if not any((ROOT / f"{name}{suffix}").is_file() for suffix in (".md", ".ipynb"))
    ] == []
    assert {f"notebooks/{p.stem}" for p in NOTEBOOKS} <= set(files)


def test_every_citation_is_in_the_bibliography():
    import re

    known = set(re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text()))
    texts = {p.name: p.read_text() for p in (ROOT / "book").glob("*.md")}
    for path in NOTEBOOKS:
        texts[path.name] = "\n".join(
            "".join(c["source"])
            for c in json.loads(path.read_text())["cells"]
            if c["cell_type"] == "markdown"
        )
    for name, text in texts.items():
        cited = {
            key.strip()
            for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
            for key in keys.split(",")
        }
        assert cited <= known, name
