"""Sweeps: many runs of one notebook over a grid of parameters, on dask.distributed.

Every run has a folder named by its key, with the executed notebook, its parameters and its own
artifacts. A run whose folder is complete is kept, so a sweep that was stopped goes on where it
ended. Failures are reported and lose nothing.
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm

from giblet_core.errors import InputError
from giblet_core.files import (
    atomic_path,
    is_temporary,
    project_root,
    read_json,
    read_yaml,
    remove_leftovers,
    write_text,
)
from giblet_core.workflow.execution import Execution, execute_recorded
from giblet_core.workflow.keys import find_notebooks, is_current, run_keys
from giblet_core.workflow.parameters import check_inputs, validate_parameters
from giblet_core.workflow.runner import alone_in

NEEDED_KEYS = {"notebook", "grid"}
KNOWN_KEYS = NEEDED_KEYS | {"parameters"}
SCHEDULER_TIMEOUT = "20s"


@dataclass(frozen=True)
class SweepResult:
    """What a sweep did.

    Attributes
    ----------
    done, kept : int
        Runs executed now, and complete from before.
    failed : tuple of str
        One text a failed run: its parameters and the reason.
    table : Path
        CSV: parameters and scalar results of every complete run.
    """

    done: int
    kept: int
    failed: tuple[str, ...]
    table: Path


def load_grid(path: str | Path) -> dict[str, Any]:
    """Read a grid file.

    It has the keys ``notebook`` (how its name begins), ``grid`` (name: list of values), and, for
    what all runs share, ``parameters``.

    Raises
    ------
    InputError
        Missing file, unknown or missing keys, a varied value that is not a list.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not NEEDED_KEYS <= set(content) <= KNOWN_KEYS:
        raise InputError(
            f"grid={path}: must have the keys notebook and grid, and may have parameters; "
            "no others. Mend the file."
        )
    for name, values in content["grid"].items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"grid={path}: {name}={values!r} must be a list with at least one value. "
                f"Write {name}: [{values}]."
            )
    return {"parameters": {}, **content}


def run_sweep(
    path: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    root: Path | None = None,
) -> SweepResult:
    """Run a grid on local processes or on a running dask scheduler.

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
    root : path, optional
        The book's folder; looked for by default.

    Returns
    -------
    SweepResult

    Raises
    ------
    InputError
        Wrong grid or parameters, or another sweep in the same folder: nothing was written.
    """
    declared = load_grid(path)
    root = (root or project_root()).resolve()
    notebook = find_notebooks(root, [str(declared["notebook"])])[0]
    base = Path(out) if out else root / "build" / "sweeps"
    folder = base.resolve() / Path(path).stem
    runs = _plan_runs(declared, notebook, folder, root)
    make_client = _client_maker(workers, scheduler)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        remove_leftovers(folder)
        waiting = [run for run in runs if not _is_complete(run)]
        failed = _run_all(waiting, make_client) if waiting else []
        complete = [run for run in runs if _is_complete(run)]
        table = _write_table(folder, complete, list(declared["grid"]))
    return SweepResult(
        done=len(waiting) - len(failed),
        kept=len(runs) - len(waiting),
        failed=tuple(failed),
        table=table,
    )


def _plan_runs(
    declared: Mapping[str, Any], notebook: Path, folder: Path, root: Path
) -> list[Execution]:
    """Check every point of the grid and give it a folder."""
    varied = declared["grid"]
    runs = []
    for values in itertools.product(*varied.values()):
        point = {**declared["parameters"], **dict(zip(varied, values))}
        share = validate_parameters([notebook], point)
        check_inputs(point)
        key = run_keys(root, [notebook], share)[notebook][:16]
        run = Execution(
            notebook=notebook,
            target=folder / key / notebook.name,
            key=key,
            parameters=share[notebook],
            artifacts=folder / key / "artifacts",
            root=root,
        )
        runs.append(run)
    return runs


def _is_complete(run: Execution) -> bool:
    return is_current(run.target, run.key, run.artifacts)


def _client_maker(workers: int | None, scheduler: str | None) -> Callable[[], Client]:
    """Return a maker of the dask client, so that nothing is started when nothing is left to do."""
    if workers is not None and workers < 1:
        raise InputError(f"workers={workers}: must be at least 1. Leave it out for all cores.")
    return partial(_make_client, workers or os.cpu_count(), scheduler)


def _make_client(n_workers: int, scheduler: str | None) -> Client:
    """Connect to a scheduler that runs, or start a cluster of this machine's cores."""
    if scheduler:
        return Client(scheduler, timeout=SCHEDULER_TIMEOUT)
    cluster = LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
    return Client(cluster)


def _run_all(waiting: list[Execution], make_client: Callable[[], Client]) -> list[str]:
    """Run all on the cluster; return one text a failed run."""
    failed = []
    with make_client() as client:
        futures = {client.submit(run_one, run, pure=False): run for run in waiting}
        finished = as_completed(list(futures))
        for future in tqdm(finished, total=len(futures), desc="sweep", unit="run"):
            run = futures[future]
            done = future.status == "finished"
            reason = future.result() if done else str(future.exception())
            if reason:
                failed.append(f"{json.dumps(dict(run.parameters), sort_keys=True)}: {reason}")
            future.release()
        if client.cluster is not None:
            client.cluster.close()
    return failed


def run_one(run: Execution) -> str | None:
    """Execute one run in its folder; return the reason where it failed."""
    _share_cache(run.root / "build" / "artifacts", run.artifacts)
    try:
        execute_recorded(run)
    except Exception as error:  # one failed run must not end the others; the reason is reported
        return f"{type(error).__name__}: {error}"
    return None


def _share_cache(source: Path, target: Path) -> None:
    """Link what earlier runs cached into the run's own folder.

    Cached files are replaced, never changed in place, so a link is as good as a copy.
    """
    if not source.is_dir():
        return
    for path in source.rglob("*.npz"):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() or is_temporary(path):
            continue
        try:
            os.link(path, place)
        except OSError:  # another file system
            with atomic_path(place) as temporary:
                shutil.copy(path, temporary)


def _write_table(folder: Path, complete: list[Execution], varied: list[str]) -> Path:
    """Write one line a complete run: the varied parameters and every scalar of its results."""
    rows = []
    for run in complete:
        paths = sorted((run.artifacts / "results").glob("[!.]*.json"))
        results = {path.stem: read_json(path) for path in paths}
        figures = pd.json_normalize(results).to_dict("records")[0] if results else {}
        row = {name: run.parameters[name] for name in varied}
        for name, value in figures.items():
            if isinstance(value, int | float | str | bool):
                row[name] = value
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else varied, dtype=object)
    return write_text(folder / "results.csv", table.to_csv(index=False, lineterminator="\n"))
