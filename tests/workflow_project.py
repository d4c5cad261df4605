"""A book of two small notebooks, on which the runner is tested."""

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from giblet_core.workflow import runner

ROOT = Path(__file__).resolve().parents[1]
SOUND = """import numpy as np
from IPython.display import Audio
Audio(np.sin(np.arange(2400) * 0.1) * 0.3, rate=24000, normalize=False)"""
WRITE = """from pathlib import Path
_ = Path(artifacts_dir).mkdir(parents=True, exist_ok=True)
_ = (Path(artifacts_dir) / "one.txt").write_text(str(seed))
print("seed", seed)"""


def write_notebook(folder, name, defaults, *sources):
    cells = [
        new_markdown_cell(f"# Notebook {name}\n\nSome prose.", id="title"),
        new_code_cell(defaults, id="parameters", metadata={"tags": ["parameters"]}),
        *(new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": kernel}),
        folder / "notebooks" / f"{name}.ipynb",
    )


def write_book(folder):
    """Put the prose of a small book of the notebooks 01_one and 02_two into a folder."""
    (folder / "book" / "_static").mkdir(parents=True)
    (folder / "book" / "index.md").write_text("# A small book\n\nA formula $x^2$.\n")
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        "  - file: notebooks/01_one\n  - file: notebooks/02_two\n"
    )
    (folder / "book" / "_static" / "player.js").write_text("// nothing\n")
    shutil.copy(ROOT / "_config.yml", folder)


def run(project, *settings, **options):
    said = []
    report = runner.run_book(
        settings=settings, root=project, say=lambda text, **_: said.append(text), **options
    )
    return report, "\n".join(said)
