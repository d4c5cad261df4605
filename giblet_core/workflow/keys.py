"""Keys: a hash of all that shapes the result of a notebook.

The key holds the code cells, the sources and assets of giblet_core, the parameters, the input
files, the lock, and the keys of the notebooks before it. Prose is not in the key: the staging takes
it from the source, so mending a sentence needs no new run.
"""

import glob
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

import giblet_core
from giblet_core.errors import InputError
from giblet_core.files import content_hash, file_sha256, read_sealed
from giblet_core.fmri import Manifest, read_manifest
from giblet_core.sound import events_path
from giblet_core.workflow.parameters import notebook_parameters

#: Files of the package that no notebook can feel: beginnings of their paths in it.
NOT_IN_NOTEBOOKS = (
    "workflow/execution.py",
    "workflow/keys.py",
    "workflow/pages.py",
    "workflow/parameters.py",
    "workflow/runner.py",
    "workflow/staging.py",
    "workflow/sweeps.py",
    "commands/",
    "__main__.py",
    "assets/region_card.html",
)


def find_notebooks(root: Path, only: Sequence[str] | None = None) -> list[Path]:
    """List the notebooks by name, the scorecard last, as it reads what all wrote.

    Parameters
    ----------
    root : path
        The book's folder.
    only : sequence of str, optional
        Keep those whose names begin with one of these.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        No notebooks, or no notebook that begins so.
    """
    paths = (root / "notebooks").glob("*.ipynb")
    notebooks = sorted(paths, key=lambda path: (path.stem.endswith("scorecard"), path.name))
    if not notebooks:
        raise InputError(f"{root / 'notebooks'}: holds no notebooks. Run from the book's folder.")
    for prefix in only or ():
        if not any(path.stem.startswith(prefix) for path in notebooks):
            names = ", ".join(path.stem for path in notebooks)
            raise InputError(f"only={prefix}: no notebook begins so. Choose from {names}.")
    return [path for path in notebooks if not only or path.stem.startswith(tuple(only))]


def core_hash() -> str:
    """Hash the sources and assets that notebooks can import."""
    package = Path(giblet_core.__file__).parent
    shaping = []
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        compiled = "__pycache__" in path.parts
        if path.is_file() and not compiled and not name.startswith(NOT_IN_NOTEBOOKS):
            shaping.append((name, path))
    return content_hash(shaping)


def input_stamp(value: Any, root: Path) -> Any:
    """Return what a parameter's value adds to the key.

    For the name of a file (relative to `root`) this is the file's content, and that of its table of
    events where there is one. For a folder it is the name, size and time of change of every file in
    it, not their content, which may take minutes to read: a file that is copied anew counts as
    changed. Of a ``dataset.yaml`` the content counts, and all files that it names, with the
    table of events beside its sound, as in a folder.
    Every other value, "demo" and names of nothing that exists among them, counts as it is.
    """
    path = root / value if isinstance(value, str) and value not in ("", "demo") else None
    if path is None or not path.exists():
        return value
    if path.is_dir():
        return [_size_and_time(p, path) for p in sorted(path.rglob("*")) if p.is_file()]
    if path.suffix not in (".yaml", ".yml"):
        return [p for p in (path, events_path(path)) if p.is_file()]
    manifest, _ = read_manifest(path)
    if manifest is None:
        return path
    files = [Path(name) for name in sorted(_files_of(manifest))]
    return [path, *(_size_and_time(file, path.parent) for file in files if file.is_file())]


def _files_of(manifest: Manifest) -> set[str]:
    """Return the names of all files that a manifest may mean, wild where it has placeholders."""
    named = [manifest.stimulus.file, manifest.bold.pattern or "**/*_desc-*", manifest.mask.file]
    if manifest.atlas:
        named += [manifest.atlas.file, manifest.atlas.names]
    if manifest.nuisance:
        named.append(manifest.nuisance.pattern)
    if manifest.confounds:
        named.append("**/*_desc-confounds_*")
    if manifest.stimulus.file:
        named.append(str(events_path(Path(manifest.stimulus.file))))
    names = set()
    for text in named:
        if isinstance(text, str):
            literal = glob.escape(str(manifest.folder))
            pattern = re.sub(r"\{[^}]*\}", "*", text)
            names |= set(glob.glob(os.path.join(literal, pattern), recursive=True))
            names.add(str(manifest.path(text)))
    return names


def _size_and_time(path: Path, base: Path) -> dict[str, Any]:
    """Stand for the content of data that may take minutes to hash."""
    status = path.stat()
    name = os.path.relpath(path, base)
    return {"name": name, "bytes": status.st_size, "changed_ns": status.st_mtime_ns}


def run_keys(
    root: Path, notebooks: Sequence[Path], shares: Mapping[Path, Mapping[str, Any]]
) -> dict[Path, str]:
    """Return the key of every notebook, each chained to those before it.

    Parameters
    ----------
    root : path
        The book's folder.
    notebooks : sequence of Path
        In the order in which they run.
    shares : mapping
        Notebook -> the parameters it is given.

    Returns
    -------
    dict
        Notebook -> 64 hexadecimal digits.
    """
    lock = root / "requirements.lock"
    python_version = list(sys.version_info[:2])
    chain = content_hash(core_hash(), lock if lock.is_file() else None, python_version)
    keys = {}
    for path in notebooks:
        cells = nbformat.read(path, 4).cells
        code = [(c.source, c.metadata.get("tags", [])) for c in cells if c.cell_type == "code"]
        values = {**notebook_parameters(path), **shares[path]}
        stamps = {
            name: input_stamp(value, root)
            for name, value in values.items()
            if name != "artifacts_dir"
        }
        chain = content_hash(chain, path.stem, code, stamps)
        keys[path] = chain
    return keys


def is_current(executed: Path, key: str, artifacts: Path) -> bool:
    """Tell whether an executed copy has this key and all that it wrote is still as it was.

    A run with other parameters that was stopped or failed may have replaced some of it.

    Parameters
    ----------
    executed : path
        The executed copy of a notebook.
    key : str
        Of `run_keys`.
    artifacts : path
        The folder of artifacts.

    Returns
    -------
    bool
    """
    sidecar = executed.with_suffix(".json")
    if not executed.is_file() or not sidecar.is_file():
        return False
    try:
        record = read_sealed(sidecar)
    except InputError:  # damaged, or written by an earlier version
        return False
    if record["key"] != key or record["executed_sha256"] != file_sha256(executed):
        return False
    return all(
        (artifacts / name).is_file() and file_sha256(artifacts / name) == written
        for name, written in record["wrote"].items()
    )
