"""From executed notebooks to the static book: outputs joined to the sources, sound moved to files,
pages built offline.

The staged folder mirrors the repository's paths (``book/``, ``notebooks/``), so links back to the
sources are right. The book is built beside the old one and takes its place only when it is
complete.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from giblet_core.errors import RunFailed
from giblet_core.files import content_hash, read_json, write_text
from giblet_core.listening import inline_to_files, media

PAGE_BYTES = 1_000_000
LINKED_BYTES = 8_000_000  # a page of its own that holds its data: a brain view, a listening test
BOOK_BYTES = 80_000_000
LINKED_FOLDERS = (
    "listening",
    "views",
    "live",
)  # in the artifacts folder; copied to the site as they are
_THEBE = re.compile(
    r"""<script\b[^>]*>[^<]*THEBE_JS_URL[^<]*</script>|<script\b[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>"""
)
_REMOTE = re.compile(
    r"""<(?:script|img|source|audio|video|iframe|embed)\b[^>]*?\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|modulepreload|icon|preconnect))[^>]*?\bhref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"'\s);]+|url\(["']?(?:https?:)?//[^"')]+""",
    re.IGNORECASE,
)


def build_book(root: Path, out: Path, artifacts: Path, say=print) -> Path:
    """Stage and build the book into ``out/html``; do nothing where neither sources nor outputs
    changed.

    Returns
    -------
    Path
        ``out/html/index.html``.

    Raises
    ------
    RunFailed
        A notebook is missing, has an error or differs from its source; a warning of the build; a
        page over its limit; something that would be fetched from the network. The former book is
        left as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    site, html = out / "site_src", out / "html"
    with tempfile.TemporaryDirectory(dir=out, prefix=".stage-") as folder:
        staged = Path(folder) / "site"
        stage(root, out / "executed", artifacts, staged)
        key = content_hash(
            Path(__file__),
            Path(media.__file__),
            [
                (p.relative_to(staged).as_posix(), p)
                for p in sorted(staged.rglob("*"))
                if p.is_file()
            ],
        )
        index, stamp = html / "index.html", out / "site.key"
        if index.is_file() and stamp.is_file() and stamp.read_text() == key:
            say("The pages are unchanged, not built again.")
            return index
        say("Building the pages ...", flush=True)
        _replace_folder(staged, site)
        built = _build(site, Path(folder) / "built", out / "build.log")
        check_site(built)
        stamp.unlink(missing_ok=True)
        _replace_folder(built, html)
    write_text(stamp, key)
    return index


def _replace_folder(new: Path, old: Path) -> None:
    grave = old.with_name(f".old-{old.name}")
    shutil.rmtree(grave, ignore_errors=True)
    if old.exists():
        os.replace(old, grave)
    os.replace(new, old)
    shutil.rmtree(grave, ignore_errors=True)


def stage(root: Path, executed: Path, artifacts: Path, site: Path) -> None:
    """Write the sources of the site: prose, notebooks with their outputs, sound files, linked
    pages.
    """
    shutil.copytree(
        root / "book",
        site / "book",
        ignore=shutil.ignore_patterns("params", "_static", ".*", "__pycache__"),
    )
    if (
        root / "book" / "_static"
    ).is_dir():  # where Jupyter Book looks for styles and scripts of every page
        shutil.copytree(root / "book" / "_static", site / "_static")
    shutil.copy(root / "_config.yml", site / "_config.yml")
    shutil.copy(root / "book" / "_toc.yml", site / "_toc.yml")
    extra = site / "_extra"
    extra.mkdir()
    for name in LINKED_FOLDERS:
        if (artifacts / name).is_dir():
            shutil.copytree(artifacts / name, extra / name)
    (site / "notebooks").mkdir()
    for source in sorted((root / "notebooks").glob("*.ipynb")):
        if f"notebooks/{source.stem}" in (site / "_toc.yml").read_text(encoding="utf-8"):
            notebook = join_outputs(nbformat.read(source, 4), executed / source.name)
            move_media(notebook, extra / "media", "../media")
            nbformat.write(notebook, site / "notebooks" / source.name)


def join_outputs(source: Any, executed: Path) -> Any:
    """Return the source notebook with the outputs of its executed copy and a line that says what it
    was run with.

    Raises
    ------
    RunFailed
        No executed copy, an exception in it, or other code cells than the source has.
    """
    if not executed.is_file():
        raise RunFailed(
            f"{executed}: this notebook of the table of contents was not executed. Run `giblet run`."
        )
    done = nbformat.read(executed, 4)
    injected = [c for c in done.cells if "injected-parameters" in c.metadata.get("tags", [])]
    ran = [c for c in done.cells if c.cell_type == "code" and c not in injected]
    for cell in done.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise RunFailed(f"{executed}: a cell ended in an exception. Run `giblet run` again.")
    if [c.source for c in ran] != [c.source for c in source.cells if c.cell_type == "code"]:
        raise RunFailed(
            f"{executed}: was made from another version of the notebook. Run `giblet run` again."
        )
    for cell, result in zip((c for c in source.cells if c.cell_type == "code"), ran):
        # progress bars and warnings (with folders of this machine) stay in the executed copy
        cell.outputs = [output for output in result.outputs if output.get("name") != "stderr"]
        cell.execution_count = result.execution_count
    _insert_run_line(source, injected, executed.with_suffix(".json"))
    source.metadata = {
        key: value
        for key, value in source.metadata.items()
        if key in ("kernelspec", "language_info")
    }
    return source


def _insert_run_line(notebook: Any, injected: list[Any], sidecar: Path) -> None:
    """Put the injected cell (input hidden, folders cut off) and the visible line after the
    parameters cell.
    """
    values = read_json(sidecar)["parameters"] if sidecar.is_file() else {}
    short = {
        k: Path(v).name if isinstance(v, str) and os.path.isabs(v) else v
        for k, v in values.items()
        if k != "artifacts_dir"
    }
    line = "Run with: " + ", ".join(f"`{name}={value}`" for name, value in short.items()) + "."
    where = next(
        (i + 1 for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", [])),
        None,
    )
    if where is None or not short:
        return
    cells = [nbformat.v4.new_markdown_cell(line, id="run-with")]
    if injected:
        text = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in short.items())
        cells.append(
            nbformat.v4.new_code_cell(
                text,
                id="run-parameters",
                metadata={"tags": ["injected-parameters", "remove-input"]},
            )
        )
    notebook.cells[where:where] = cells


def move_media(notebook: Any, media: Path, url: str) -> None:
    """Move every WAV and PNG inside HTML outputs to a file named by its content.

    WAV becomes FLAC: the samples are kept bit for bit, equal sounds share one file, and a page
    loads no sound before its player is started.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind, text in (output.get("data") or {}).items():
                if kind in ("text/html", "text/markdown") and ";base64," in (text := "".join(text)):
                    output["data"][kind] = inline_to_files(text, media, url)


def _build(site: Path, target: Path, log: Path) -> Path:
    """Run Jupyter Book with warnings as errors; return the folder of pages."""
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(site),
        "--config",
        str(site / "_config.yml"),
        "--toc",
        str(site / "_toc.yml"),
        "--path-output",
        str(target),
        "--warningiserror",
        "--keep-going",
        "--quiet",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    write_text(log, text)
    pages = target / "_build" / "html"
    if done.returncode or not (pages / "index.html").is_file():
        found = [
            line for line in text.splitlines() if "WARNING" in line or "ERROR" in line
        ] or text.splitlines()[-15:]
        raise RunFailed(
            "The book could not be built:\n" + "\n".join(found[:20]) + f"\nThe whole log: {log}"
        )
    mathjax = (
        pages / "_static" / "mathjax"
    )  # what pages load stays, and what it may load later; the rest is 20 MB
    for path in [*mathjax.glob("*.js"), *mathjax.rglob("*.map")]:
        if path.name not in ("tex-chtml.js", "core.js", "loader.js", "startup.js"):
            path.unlink(missing_ok=True)
    for page in pages.rglob("*.html"):
        write_text(page, _THEBE.sub("", page.read_text(encoding="utf-8")))
    return pages


def check_site(pages: Path) -> None:
    """Check sizes, and that nothing is fetched from the network.

    Raises
    ------
    RunFailed
        Every problem found, a line each.
    """
    problems = []
    for page in sorted(p for p in pages.rglob("*") if p.suffix in (".html", ".css")):
        name, size = page.relative_to(pages).as_posix(), page.stat().st_size
        limit = LINKED_BYTES if name.split("/")[0] in LINKED_FOLDERS else PAGE_BYTES
        if page.suffix == ".html" and size > limit:
            problems.append(
                f"{name}: {size:,} bytes, the limit is {limit:,}. Move data or pictures out of the page."
            )
        problems += [
            f"{name}: fetches from the network: {text[:150]}"
            for text in find_remote(page.read_text(encoding="utf-8"))
        ]
    total = sum(p.stat().st_size for p in pages.rglob("*") if p.is_file())
    if total > BOOK_BYTES:
        problems.append(f"the book: {total:,} bytes, the limit is {BOOK_BYTES:,}.")
    if problems:
        raise RunFailed("The book was built but is not fit to publish:\n" + "\n".join(problems))


def find_remote(text: str) -> list[str]:
    """List the scripts, style sheets, pictures, sounds and frames of a page that a browser would
    fetch from elsewhere.
    """
    return [match.group(0) for match in _REMOTE.finditer(text)]
