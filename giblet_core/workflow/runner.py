"""Run the notebooks with papermill: parameters checked first, unchanged notebooks skipped, a
failure kept and named.

The key of a run hashes all that shapes its result: the code cells, the sources and assets of
giblet_core, the parameters, the input files, the lock, and the keys of the notebooks before it.
Prose is not in the key: the staging takes it from the source, so mending a sentence needs no new
run.
"""

import glob
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError, RunFailed, require
from giblet_core.files import content_hash, project_root, read_json, write_json
from giblet_core.fmri import read_manifest
from giblet_core.sound import events_path
from giblet_core.workflow.parameters import (
    check_inputs,
    complete_from_dataset,
    notebook_parameters,
    read_parameters,
    validate_parameters,
)
from giblet_core.workflow.staging import build_book

NOT_IN_NOTEBOOKS = (
    "workflow/staging.py",
    "workflow/parameters.py",
    "workflow/runner.py",
    "workflow/sweeps.py",
    "commands/",
    "assets/commands.yaml",
    "assets/region_card.html",
)
ROOM_BYTES = 1_000_000_000


@dataclass(frozen=True)
class RunReport:
    """What a run did."""

    executed: tuple[str, ...]  # stems, in order
    skipped: tuple[str, ...]  # unchanged since their last run
    index: Path | None  # the book's first page, None where it was not built
    seconds: float


def find_notebooks(root: Path, only: Sequence[str] | None = None) -> list[Path]:
    """List the notebooks by name, the scorecard last, as it reads what all wrote; `only` keeps
    those that begin with one of its strings.
    """
    every = sorted(
        (root / "notebooks").glob("*.ipynb"),
        key=lambda path: (path.stem.endswith("scorecard"), path.name),
    )
    require(every, f"{root / 'notebooks'}: holds no notebooks. Run from the book's folder.")
    for prefix in only or ():
        require(
            any(path.stem.startswith(prefix) for path in every),
            f"only={prefix}: no notebook begins so. Choose from "
            f"{', '.join(p.stem for p in every)}.",
        )
    return [path for path in every if not only or path.stem.startswith(tuple(only))]


def core_hash() -> str:
    """Hash the sources and assets that notebooks can import."""
    package = Path(__file__).parents[1]
    files = {
        p.relative_to(package).as_posix(): p
        for p in sorted(package.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts
    }
    return content_hash(
        [(name, path) for name, path in files.items() if not name.startswith(NOT_IN_NOTEBOOKS)]
    )


def input_stamp(value: Any, root: Path) -> Any:
    """Return what a parameter's value contributes to the key: the content behind a file name
    (relative to `root`), else the value.
    """
    path = root / value if isinstance(value, str) and value not in ("", "demo") else None
    if path is None or not path.exists():
        return value
    if path.is_dir():
        return [_stat(p, path) for p in sorted(path.rglob("*")) if p.is_file()]
    if path.suffix not in (".yaml", ".yml"):
        return [p for p in (path, events_path(path)) if p.is_file()]
    m, _ = read_manifest(path)
    if m is None:
        return path
    named = (
        m.stimulus.file,
        m.bold.pattern or "**/*_desc-*",
        m.mask,
        *((m.atlas.file, m.atlas.names) if m.atlas else ()),
        m.nuisance.pattern if m.nuisance else None,
    )
    patterns = [m.path(re.sub(r"\{[^}]*\}", "*", text)) for text in named if isinstance(text, str)]
    names = {name for pattern in patterns for name in glob.glob(str(pattern), recursive=True)}
    return [
        path,
        *(_stat(Path(name), path.parent) for name in sorted(names) if Path(name).is_file()),
    ]


def _stat(path: Path, base: Path) -> tuple[str, int, int]:
    """Size and time stand for the content of data that may take minutes to hash."""
    return os.path.relpath(path, base), path.stat().st_size, path.stat().st_mtime_ns


def run_keys(
    root: Path, notebooks: Sequence[Path], shares: Mapping[Path, Mapping[str, Any]]
) -> dict[Path, str]:
    """Return the key of every notebook, each chained to those before it."""
    import nbformat

    lock = root / "requirements.lock"
    chain = content_hash(core_hash(), lock if lock.is_file() else None, list(sys.version_info[:2]))
    keys = {}
    for path in notebooks:
        cells = [
            (c.source, c.metadata.get("tags", []))
            for c in nbformat.read(path, 4).cells
            if c.cell_type == "code"
        ]
        values = {**notebook_parameters(path), **shares[path]}
        chain = content_hash(
            chain,
            path.stem,
            cells,
            {k: input_stamp(v, root) for k, v in values.items() if k != "artifacts_dir"},
        )
        keys[path] = chain
    return keys


def is_current(executed: Path, key: str, artifacts: Path) -> bool:
    """Tell whether an executed copy has this key and all that it wrote is still there."""
    sidecar = executed.with_suffix(".json")
    if not (executed.is_file() and sidecar.is_file()):
        return False
    record = read_json(sidecar)
    return record.get("key") == key and all(
        (artifacts / name).is_file() for name in record.get("wrote", [])
    )


def execute(notebook: Path, target: Path, parameters: Mapping[str, Any], root: Path) -> None:
    """Run one notebook into `target`; on failure keep the copy with its error as
    ``NAME.failed.ipynb``.

    Raises
    ------
    InputError
        A cell raised InputError: what the user gave is wrong.
    RunFailed
        Any other exception in a cell.
    """
    import papermill

    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # many small solves: threads that meet at each are up to 15 times slower than one
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, failed = target.with_suffix(".running.ipynb"), target.with_suffix(".failed.ipynb")
    try:
        papermill.execute_notebook(
            str(notebook),
            str(partial),
            dict(parameters),
            kernel_name="python3",
            cwd=str(root),
            progress_bar=sys.stderr.isatty(),
            extra_arguments=["--log-level=ERROR"],
        )
        os.replace(partial, target)
        failed.unlink(missing_ok=True)
    except papermill.PapermillExecutionError as error:
        os.replace(partial, failed)
        place = f"{notebook.name}, cell {error.cell_index} (In [{error.exec_count}])"
        if error.ename == "InputError":
            raise InputError(
                f"{error.evalue}\nRaised by {place}; the executed copy with the error: {failed}"
            ) from None
        raise RunFailed(
            f"{place}: {error.ename}: {error.evalue}\nThe executed copy with the error: {failed}"
        ) from None
    except (
        RuntimeError
    ) as error:  # the kernel died, mostly for want of memory: there is no error cell to show
        os.replace(partial, failed)
        raise RunFailed(
            f"{notebook.name}: the kernel died ({error}); more memory may be needed.\nThe copy so far: {failed}"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def run(
    params: str | Path | None = None,
    settings: Sequence[str] = (),
    only: Sequence[str] | None = None,
    out: str | Path | None = None,
    root: Path | None = None,
    build: bool = True,
    say=print,
) -> RunReport:
    """Check, run what changed, stage, and build the book.

    Parameters
    ----------
    params, settings
        See `read_parameters`.
    only : sequence of str, optional
        Beginnings of notebook names; the book is then built only where the other notebooks are
        up to date.
    out : path, optional
        Folder of everything written; ``build`` in the project by default.

    Returns
    -------
    RunReport

    Raises
    ------
    InputError
        Wrong parameters, sound or data set: nothing was written.
    RunFailed
        A notebook or the book's build failed; what was built before is untouched.
    """
    started, root = time.monotonic(), (root or project_root()).resolve()
    out = (Path(out) if out else root / "build").resolve()
    given = complete_from_dataset(read_parameters(params, settings, root))
    every, chosen = find_notebooks(root), find_notebooks(root, only)
    shares = validate_parameters(every, given, chosen)
    check_inputs(given)
    _check_room(out)
    artifacts = (root / given.get("artifacts_dir", out / "artifacts")).resolve()
    keys = run_keys(root, every, shares)
    skipped = [
        path.stem
        for path in chosen
        if is_current(out / "executed" / path.name, keys[path], artifacts)
    ]
    waiting = [path for path in chosen if path.stem not in skipped]

    def one(path: Path) -> str:
        place = f"[{chosen.index(path) + 1}/{len(chosen)}] {path.stem}"
        say(f"{place} ...", flush=True)
        seconds = execute_recorded(
            path, out / "executed" / path.name, keys[path], shares[path], artifacts, root
        )
        say(f"{place} done in {seconds:.0f} s", flush=True)
        return path.stem

    executed = in_parallel(one, waiting)
    for path in waiting:  # a neighbour's passing files, such as a checkpoint that a later one replaced, are nothing to wait for
        record = read_json(sidecar := (out / "executed" / path.name).with_suffix(".json"))
        write_json(
            sidecar,
            {**record, "wrote": [name for name in record["wrote"] if (artifacts / name).is_file()]},
        )
    if skipped:
        say(f"unchanged, not run again: {', '.join(skipped)}")
    stale = [
        path.stem
        for path in every
        if not is_current(out / "executed" / path.name, keys[path], artifacts)
    ]
    if stale:
        say(
            f"The book was not built: {', '.join(stale)} must be run first (giblet run without --only)."
        )
    index = build_book(root, out, artifacts, say) if build and not stale else None
    return RunReport(tuple(executed), tuple(skipped), index, time.monotonic() - started)


def in_parallel(one: Callable[[Path], str], waiting: Sequence[Path]) -> list[str]:
    """Run the first two notebooks, which make the codes and the BOLD that all read, the others side
    by side, then the scorecard.

    Nothing begins after a failure; what runs beside it comes to its end.
    """
    first, last = waiting[:2], [path for path in waiting[2:] if path.stem.endswith("scorecard")]
    done = [one(path) for path in first]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(one, path) for path in waiting[2:] if path not in last]
        try:
            done += [job.result() for job in jobs]
        finally:
            pool.shutdown(cancel_futures=True)
    return done + [one(path) for path in last]


def execute_recorded(
    path: Path, target: Path, key: str, share: Mapping[str, Any], artifacts: Path, root: Path
) -> float:
    """Execute and write the sidecar: the key, the parameters, and which artifacts were written
    meanwhile.
    """
    defaults = notebook_parameters(path)
    if "artifacts_dir" in defaults and (root / defaults["artifacts_dir"]).resolve() != artifacts:
        share = {**share, "artifacts_dir": str(artifacts)}
    started, before = time.monotonic(), _snapshot(artifacts)
    execute(path, target, share, root)
    seconds = time.monotonic() - started
    wrote = [name for name, stamp in _snapshot(artifacts).items() if before.get(name) != stamp]
    write_json(
        target.with_suffix(".json"),
        {
            "key": key,
            "parameters": {**defaults, **share},
            "seconds": round(seconds, 1),
            "wrote": sorted(wrote),
        },
    )
    return seconds


def _snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    stats = ((p, p.stat()) for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else ()
    return {p.relative_to(folder).as_posix(): (s.st_size, s.st_mtime_ns) for p, s in stats}


def _check_room(out: Path) -> None:
    folder = next(parent for parent in (out, *out.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    require(
        free >= ROOM_BYTES,
        f"out={out}: {free / 1e6:.0f} MB are free there and a run needs {ROOM_BYTES / 1e6:.0f} MB. Free some room "
        "or choose another folder with --out.",
    )
