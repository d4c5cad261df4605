"""Many runs of one notebook over a grid of parameters, on dask.distributed: resumable, failures
reported, nothing lost.

Every run has a folder named by its key, with the executed notebook, its parameters and its own
artifacts; a run whose folder is complete is kept, so a sweep that was stopped goes on where it
ended.
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm

from giblet_core.errors import require
from giblet_core.files import project_root, read_json, read_yaml, write_text
from giblet_core.workflow.parameters import check_inputs, validate_parameters
from giblet_core.workflow.runner import execute_recorded, find_notebooks, is_current, run_keys


@dataclass(frozen=True)
class SweepResult:
    """What a sweep did."""

    done: int  # runs executed now
    kept: int  # complete from before
    failed: tuple[str, ...]  # one text a failed run: its parameters and the reason
    table: Path  # CSV: parameters and scalar results of every complete run


def load_grid(path: str | Path) -> dict[str, Any]:
    """Read a grid file: ``notebook`` (how its name begins), ``grid`` (name: list of values), and
    what all runs share, ``parameters``.

    Raises
    ------
    InputError
        Missing file, unknown or missing keys, a varied value that is not a list.
    """
    content = read_yaml(path)
    require(
        isinstance(content, dict)
        and {"notebook", "grid"} <= set(content) <= {"notebook", "grid", "parameters"},
        f"grid={path}: must have the keys notebook and grid, and may have parameters; no others. Mend the file.",
    )
    for name, values in content["grid"].items():
        require(
            isinstance(values, list) and values,
            f"grid={path}: {name}={values!r} must be a list with at least one value. Write {name}: [{values}].",
        )
    return {"parameters": {}, **content}


def sweep(
    path: str | Path,
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    root: Path | None = None,
) -> SweepResult:
    """Run a grid on local processes or a running dask scheduler.

    Parameters
    ----------
    path : path
        See `load_grid`.
    workers : int, optional
        Local processes; as many as cores by default, one thread each.
    scheduler : str, optional
        Address of a running scheduler, e.g. ``tcp://host:8786``; its workers must see the same
        folders.
    out : path, optional
        ``build/sweeps`` by default.

    Returns
    -------
    SweepResult

    Raises
    ------
    InputError
        Wrong grid or parameters: nothing was written.
    """
    declared, root = load_grid(path), (root or project_root()).resolve()
    notebook, varied = find_notebooks(root, [str(declared["notebook"])])[0], declared["grid"]
    folder = (Path(out) if out else root / "build" / "sweeps").resolve() / Path(path).stem
    runs = {}
    for values in itertools.product(*varied.values()):
        point = {**declared["parameters"], **dict(zip(varied, values))}
        share = validate_parameters([notebook], point)
        check_inputs(point)
        runs[folder / run_keys(root, [notebook], share)[notebook][:16]] = share[notebook]
    todo = {place: values for place, values in runs.items() if not _is_complete(notebook, place)}
    failed = _run_all(notebook, todo, root, _client(workers, scheduler)) if todo else []
    complete = {place: values for place, values in runs.items() if _is_complete(notebook, place)}
    table = _write_table(folder, complete, list(varied))
    return SweepResult(len(todo) - len(failed), len(runs) - len(todo), tuple(failed), table)


def _is_complete(notebook: Path, place: Path) -> bool:
    return is_current(place / notebook.name, place.name, place / "artifacts")


def _client(workers: int | None, scheduler: str | None) -> Callable[[], Any]:
    """Return a maker of the dask client, so that nothing is started when nothing is left to do."""
    require(workers is None or workers >= 1, f"workers={workers}: must be at least 1.")
    if scheduler:
        return lambda: Client(scheduler, timeout="20s")
    return lambda: Client(
        LocalCluster(
            n_workers=workers or os.cpu_count(), threads_per_worker=1, dashboard_address=None
        )
    )


def _run_all(
    notebook: Path, todo: Mapping[Path, Mapping[str, Any]], root: Path, client: Callable[[], Any]
) -> list[str]:
    failed = []
    with client() as pool:
        futures = {
            pool.submit(run_one, notebook, place, values, root, pure=False): values
            for place, values in todo.items()
        }
        for future in tqdm(
            as_completed(list(futures)), total=len(futures), desc=notebook.stem, unit="run"
        ):
            reason = future.result() if future.status == "finished" else str(future.exception())
            if reason:
                failed.append(f"{json.dumps(futures[future], sort_keys=True)}: {reason}")
            future.release()
        if pool.cluster is not None:
            pool.cluster.close()
    return failed


def run_one(notebook: Path, place: Path, values: Mapping[str, Any], root: Path) -> str | None:
    """Execute one run in its folder; return the reason where it failed, None where it is complete."""
    _share_cache(root / "build" / "artifacts", place / "artifacts")
    try:
        execute_recorded(
            notebook, place / notebook.name, place.name, values, place / "artifacts", root
        )
    except (
        Exception
    ) as error:  # one failed run must not end the others; the reason is returned and reported
        return f"{type(error).__name__}: {error}"
    return None


def _share_cache(source: Path, target: Path) -> None:
    """Link what earlier runs cached into the run's own folder: cached files are replaced, never
    changed in place.
    """
    for path in source.rglob("*.npz") if source.is_dir() else ():
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            try:
                os.link(path, place)
            except OSError:  # another file system
                shutil.copy(path, place)


def _write_table(folder: Path, runs: Mapping[Path, Mapping[str, Any]], varied: list[str]) -> Path:
    """Write one line a complete run: the varied parameters and every scalar of its result files."""
    rows = []
    for place, values in runs.items():
        found = {
            path.stem: read_json(path)
            for path in sorted((place / "artifacts" / "results").glob("*.json"))
        }
        figures = pd.json_normalize(found).to_dict("records")[0] if found else {}
        scalars = {
            name: value
            for name, value in figures.items()
            if isinstance(value, int | float | str | bool)
        }
        rows.append({name: values[name] for name in varied} | scalars)
    table = pd.DataFrame(rows, columns=None if rows else varied, dtype=object)
    return write_text(folder / "results.csv", table.to_csv(index=False, lineterminator="\n"))
