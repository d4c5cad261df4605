"""Staging: from executed notebooks to the sources of the static book.

The staged folder mirrors the repository's paths (``book/``, ``notebooks/``), so links back to the
sources are right. The book is built beside the old one and takes its place only when complete.
"""

import html
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from giblet_core.errors import RunFailed
from giblet_core.files import content_hash, read_json, write_text
from giblet_core.listening import inline_to_files, media
from giblet_core.reporting import (
    Material,
    fill_front_page,
    leave_out_the_demo,
    players_of,
    read_material,
    unlink_the_demo,
)
from giblet_core.strict_yaml import dump_yaml
from giblet_core.workflow import pages
from giblet_core.workflow.pages import build_pages, site_problems

RESULTS_PAGE = Path("derivatives/giblet/results.html")  # in the artifacts folder
FIRST_NOTEBOOK = "01_codec_round_trip.ipynb"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Unfinished:
    """Why a chapter is published without all its results.

    Attributes
    ----------
    mark : str
        Stands before its title, also in the contents.
    headline, reason : str
        Stand in a box at its top.
    """

    mark: str
    headline: str
    reason: str


def failed_chapter(reason: str) -> Unfinished:
    """Return the mark of a notebook that ended in an error."""
    message = _ANSI.sub("", reason).splitlines()[0]
    return Unfinished("⚠ failed: ", "This chapter could not be completed", message)


def chapter_not_run() -> Unfinished:
    """Return the mark of a notebook that was not run with these parameters."""
    reason = "It was not run with these parameters. Run it with `giblet run`."
    return Unfinished("not run: ", "This chapter was not run", reason)


def build_book(
    root: Path,
    out: Path,
    artifacts: Path,
    *,
    unfinished: Mapping[str, Unfinished] | None = None,
    say: Callable[..., None] = print,
) -> Path:
    """Stage and build the book; do nothing where neither sources nor outputs changed.

    Parameters
    ----------
    root : path
        The book's folder.
    out : path
        Holds ``executed`` and receives ``html``.
    artifacts : path
        What the notebooks wrote: sounds, views.
    unfinished : mapping, optional
        Stem -> why, of notebooks without all their results.
    say : callable
        Where progress goes.

    Returns
    -------
    Path
        ``out/html/index.html``.

    Raises
    ------
    RunFailed
        A notebook is missing or differs from its source, or there is no page: the former book is
        left as it was. Or the pages were made, with problems: a warning of the build, a page over
        its limit, something that would be fetched from the network (no page may load it).
    """
    out.mkdir(parents=True, exist_ok=True)
    site = out / "site_src"
    pages_folder = out / "html"
    stamp = out / "site.key"
    with tempfile.TemporaryDirectory(dir=out, prefix=".stage-") as folder:
        staged = Path(folder) / "site"
        stage(root, out / "executed", artifacts, staged, unfinished=unfinished or {})
        key = _site_key(staged)
        index = pages_folder / "index.html"
        if index.is_file() and stamp.is_file() and stamp.read_text() == _stamp(key, pages_folder):
            say("The pages are unchanged, not built again.")
            return index
        say("Building the pages ...", flush=True)
        _replace_folder(staged, site)
        log = out / "build.log"
        built = build_pages(site, Path(folder) / "built", log)
        problems = [*built.problems, *site_problems(built.pages)]
        stamp.unlink(missing_ok=True)
        _replace_folder(built.pages, pages_folder)
    if problems:
        reasons = "\n".join(problems)
        raise RunFailed(f"{index}: the pages were made, with problems:\n{reasons}\nThe log: {log}")
    write_text(stamp, _stamp(key, pages_folder))
    return index


def _stamp(key: str, pages_folder: Path) -> str:
    """Hash the key of the sources with the pages that were built from them."""
    return content_hash(key, _files_below(pages_folder))


def _files_below(folder: Path) -> list[tuple[str, Path]]:
    """List all files below a folder with their names in it, for `content_hash`."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path.relative_to(folder).as_posix(), path) for path in files]


def _site_key(staged: Path) -> str:
    """Hash the staged sources and the code that makes pages of them."""
    code = [Path(__file__), Path(pages.__file__), Path(media.__file__)]
    return content_hash(*code, _files_below(staged))


def _replace_folder(new: Path, old: Path) -> None:
    """Put a complete folder in the place of another, which is removed last."""
    grave = old.with_name(f".old-{old.name}")
    shutil.rmtree(grave, ignore_errors=True)
    if old.exists():
        os.replace(old, grave)
    os.replace(new, old)
    shutil.rmtree(grave, ignore_errors=True)


def stage(
    root: Path, executed: Path, artifacts: Path, site: Path, *, unfinished: Mapping[str, Unfinished]
) -> None:
    """Write the sources of the site: prose, notebooks with their outputs, sounds, linked pages.

    Parameters
    ----------
    root : path
        The book's folder.
    executed : path
        Folder of executed copies.
    artifacts : path
        What the notebooks wrote.
    site : path
        The folder to write; must not exist.
    unfinished : mapping
        Stem -> why, of notebooks without all their results.
    """
    not_prose = shutil.ignore_patterns("params", "_static", ".*", "__pycache__")
    shutil.copytree(root / "book", site / "book", ignore=not_prose)
    static = root / "book" / "_static"
    if static.is_dir():  # Jupyter Book looks here for styles and scripts of every page
        shutil.copytree(static, site / "_static")
    shutil.copy(root / "_config.yml", site / "_config.yml")
    shutil.copy(root / "book" / "_toc.yml", site / "_toc.yml")
    extra = site / "_extra"
    extra.mkdir()
    for name in pages.LINKED_FOLDERS:
        if (artifacts / name).is_dir():
            shutil.copytree(artifacts / name, extra / name, ignore=shutil.ignore_patterns(".*"))
    material = read_material(artifacts)
    is_foreign = material is not None and not material.is_demo
    if is_foreign:
        leave_out_the_demo(site / "_toc.yml")
    _stage_notebooks(root, executed, site, unfinished)
    if is_foreign:
        unlink_the_demo(site)
    _fill_front_page(site, material, link_to_results(executed.parent, artifacts))


def _stage_notebooks(
    root: Path, executed: Path, site: Path, unfinished: Mapping[str, Unfinished]
) -> None:
    """Write every notebook of the table of contents with the outputs of its executed copy."""
    (site / "notebooks").mkdir()
    contents = (site / "_toc.yml").read_text(encoding="utf-8")
    for source_path in sorted((root / "notebooks").glob("*.ipynb")):
        if f"notebooks/{source_path.stem}" not in contents:
            continue
        source = nbformat.read(source_path, 4)
        target = executed / source_path.name
        if source_path.stem in unfinished:
            notebook = join_unfinished(source, target, unfinished[source_path.stem])
        else:
            notebook = join_outputs(source, target)
        move_media(notebook, site / "_extra" / "media", "../media")
        nbformat.write(notebook, site / "notebooks" / source_path.name)


def link_to_results(out: Path, artifacts: Path) -> str:
    """Return how the front page reaches the page of results to take away; "" without results."""
    results = artifacts / RESULTS_PAGE
    return os.path.relpath(results, out / "html" / "book") if results.is_file() else ""


def _fill_front_page(site: Path, material: Material | None, results: str) -> None:
    """Put the first sounds and the facts of this build into the front page, and name the book."""
    index = site / "book" / "index.md"
    text = index.read_text(encoding="utf-8")
    first = site / "notebooks" / FIRST_NOTEBOOK
    players = players_of(nbformat.read(first, 4)) if first.is_file() else ""
    write_text(index, fill_front_page(text, players, material, results))
    if material is not None:
        config = site / "_config.yml"
        lines = config.read_text(encoding="utf-8").splitlines()
        title = dump_yaml({"title": material.title}).rstrip()
        named = [title if line.startswith("title:") else line for line in lines]
        write_text(config, "\n".join(named) + "\n")


def join_outputs(source: Any, executed: Path) -> Any:
    """Return the source notebook with the outputs of its executed copy.

    A line after the parameters says what it was run with.

    Raises
    ------
    RunFailed
        No executed copy, an exception in it, or other code cells than the source has.
    """
    if not executed.is_file():
        raise RunFailed(
            f"{executed}: this notebook of the table of contents was not executed. "
            "Run `giblet run`."
        )
    done = nbformat.read(executed, 4)
    for cell in done.cells:
        outputs = cell.get("outputs", [])
        if any(output.output_type == "error" for output in outputs):
            raise RunFailed(f"{executed}: a cell ended in an exception. Run `giblet run` again.")
    _take_outputs(source, done, executed)
    return _cleaned(source, executed.with_suffix(".json"), _injected_cells(done))


def join_unfinished(source: Any, executed: Path, why: Unfinished) -> Any:
    """Return the source of a notebook with what it had shown before it failed, and the reason.

    Parameters
    ----------
    source : notebook
    executed : path
        Where the executed copy would lie; the copy with the error is ``NAME.failed.ipynb`` beside.
    why : Unfinished
        What its reader is told.

    Returns
    -------
    notebook
    """
    failed_copy = executed.with_suffix(".failed.ipynb")
    if failed_copy.is_file():
        done = nbformat.read(failed_copy, 4)
        done.cells = [cell for cell in done.cells if not _is_papermill_banner(cell)]
        for cell in done.cells:
            outputs = cell.get("outputs", [])
            cell.outputs = [o for o in outputs if o.output_type != "error"] if outputs else outputs
        _take_outputs(source, done, failed_copy)
    title = source.cells[0]
    title.source = re.sub(r"^# ", f"# {why.mark}", title.source, count=1)
    box = (
        f"```{{error}} {why.headline}\n{html.escape(why.reason)}\n\n"
        "What it had shown before is kept below; the rest is empty.\n```"
    )
    source.cells.insert(1, nbformat.v4.new_markdown_cell(box, id="unfinished"))
    return _cleaned(source, executed.with_suffix(".failed.json"), [])


def _is_papermill_banner(cell: Any) -> bool:
    """Papermill puts cells of its own before the failing one and at the top."""
    return any(tag.startswith("papermill-error") for tag in cell.metadata.get("tags", []))


def _injected_cells(notebook: Any) -> list[Any]:
    return [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]


def _take_outputs(source: Any, done: Any, executed: Path) -> None:
    """Copy the outputs of the code cells of `done` into `source`, which must hold the same code."""
    injected = _injected_cells(done)
    ran = [c for c in done.cells if c.cell_type == "code" and c not in injected]
    code = [c for c in source.cells if c.cell_type == "code"]
    if [c.source for c in ran] != [c.source for c in code]:
        raise RunFailed(
            f"{executed}: was made from another version of the notebook. Run `giblet run` again."
        )
    for cell, result in zip(code, ran):
        # progress bars and warnings (with folders of this machine) stay in the executed copy
        cell.outputs = [output for output in result.outputs if output.get("name") != "stderr"]
        cell.execution_count = result.execution_count


def _cleaned(notebook: Any, sidecar: Path, injected: list[Any]) -> Any:
    """Add the line of parameters and drop all metadata but kernel and language."""
    _insert_run_line(notebook, injected, sidecar)
    kept = ("kernelspec", "language_info")
    notebook.metadata = {k: v for k, v in notebook.metadata.items() if k in kept}
    return notebook


def _insert_run_line(notebook: Any, injected: list[Any], sidecar: Path) -> None:
    """Put the injected cell (its input hidden) and a visible line after the parameters cell.

    Of files only the name is shown, not the folder.
    """
    values = read_json(sidecar)["parameters"] if sidecar.is_file() else {}
    shown = {
        name: Path(value).name if isinstance(value, str) and os.path.isabs(value) else value
        for name, value in values.items()
        if name != "artifacts_dir"
    }
    tagged = [
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if not tagged or not shown:
        return
    texts = [html.escape(f"{name}={value}") for name, value in shown.items()]
    facts = ", ".join(f"<code>{text}</code>" for text in texts)
    cells = [nbformat.v4.new_markdown_cell(f"Run with: {facts}.", id="run-with")]
    if injected:
        lines = [f"{name} = {value!r}" for name, value in shown.items()]
        cells.append(
            nbformat.v4.new_code_cell(
                "\n".join(["# Parameters", *lines]),
                id="run-parameters",
                metadata={"tags": ["injected-parameters", "remove-input"]},
            )
        )
    parameters = notebook.cells[tagged[0]]
    parameters.source = _with_values(parameters.source, shown)
    after = tagged[0] + 1
    notebook.cells[after:after] = cells


def _with_values(source: str, values: Mapping[str, Any]) -> str:
    """Return the parameters cell with the values that the notebook was run with."""
    lines = []
    for line in source.splitlines():
        name, equals, rest = line.partition(" = ")
        if equals and name in values:
            _, hash_sign, comment = rest.partition("  # ")
            line = f"{name} = {values[name]!r}{hash_sign}{comment}"
        lines.append(line)
    return "\n".join(lines)


def move_media(notebook: Any, folder: Path, url: str) -> None:
    """Move every WAV and PNG inside HTML outputs to a file named by its content.

    WAV becomes FLAC: the samples are kept bit for bit, equal sounds share one file, and a page
    loads no sound before its player is started.

    Parameters
    ----------
    notebook : notebook
        Changed in place.
    folder : path
        Where the files are written.
    url : str
        How the page knows that folder.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("data") or {}
            for kind in ("text/html", "text/markdown"):
                text = "".join(shown.get(kind, ""))
                if ";base64," in text:
                    shown[kind] = inline_to_files(text, folder, url)
