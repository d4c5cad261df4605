"""Many runs of one notebook over a grid of parameters, on dask.distributed: resumable, failures reported, nothing lost.

Every run has a folder named by its key, with the executed notebook, its parameters and its own artifacts; a run whose
folder is complete is kept, so a sweep that was stopped goes on where it ended.
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet_core.artifacts import InputError, project_root, read_json, require, write_json, write_text
from giblet_core.parameters import check_inputs, notebook_parameters, validate_parameters
from giblet_core.runner import execute, find_notebooks, run_keys

GRID_KEYS = {"notebook", "parameters", "grid"}


@dataclass(frozen=True)
class SweepResult:
    """What a sweep did."""

    done: int  # runs executed now
    kept: int  # complete from before
    failed: tuple[str, ...]  # one text a failed run: its parameters and the reason
    table: Path  # CSV: parameters and scalar results of every complete run


@dataclass(frozen=True)
class Grid:
    """A notebook, the parameters all runs share, and the values that are varied."""

    notebook: str  # beginning of its name
    parameters: Mapping[str, Any]
    grid: Mapping[str, list[Any]]

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of every run: the product of the varied values over the shared ones."""
        for values in itertools.product(*self.grid.values()):
            yield {**self.parameters, **dict(zip(self.grid, values))}


def load_grid(path: str | Path) -> Grid:
    """Read a grid file (YAML): ``notebook``, ``grid`` (name: list of values) and, if wanted, ``parameters``.

    Raises
    ------
    InputError
        Missing file, unknown or missing keys, a varied value that is not a list.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"grid={path}: must be a readable YAML file ({error}).") from error
    if not isinstance(content, dict) or set(content) - GRID_KEYS or not {"notebook", "grid"} <= set(content):
        raise InputError(f"grid={path}: must have the keys notebook and grid, and may have parameters; no others. Mend the file.")
    for name, values in content["grid"].items():
        if not isinstance(values, list) or not values:
            raise InputError(f"grid={path}: {name}={values!r} must be a list with at least one value. Write {name}: [{values}].")
    return Grid(str(content["notebook"]), content.get("parameters") or {}, content["grid"])


def sweep(path: str | Path, workers: int | None = None, scheduler: str | None = None, out: str | Path | None = None,
          root: Path | None = None) -> SweepResult:
    """Run a grid on local processes or a running dask scheduler.

    Parameters
    ----------
    path : path
        See `load_grid`.
    workers : int, optional
        Local processes; as many as cores by default, one thread each.
    scheduler : str, optional
        Address of a running scheduler, e.g. ``tcp://host:8786``; its workers must see the same folders.
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
    grid, root = load_grid(path), (root or project_root()).resolve()
    notebook = find_notebooks(root, [grid.notebook])[0]
    folder = (Path(out) if out else root / "build" / "sweeps").resolve() / Path(path).stem
    runs = {}
    for point in grid.points():
        share = validate_parameters([notebook], point)
        check_inputs(point)
        runs[folder / run_keys(root, [notebook], share)[notebook][:16]] = share[notebook]
    todo = {place: values for place, values in runs.items() if not (place / "done.json").is_file()}
    failed = _run_all(notebook, todo, root, _client(workers, scheduler)) if todo else []
    table = _write_table(folder, runs, grid)
    return SweepResult(len(todo) - len(failed), len(runs) - len(todo), tuple(failed), table)


def _client(workers: int | None, scheduler: str | None) -> Callable[[], Any]:
    """Return a maker of the dask client, so that nothing is started when nothing is left to do."""
    from distributed import Client, LocalCluster

    require(workers is None or workers >= 1, f"workers={workers}: must be at least 1.")
    if scheduler:
        return lambda: Client(scheduler, timeout="20s")
    return lambda: Client(LocalCluster(n_workers=workers or os.cpu_count(), threads_per_worker=1, dashboard_address=None))


def _run_all(notebook: Path, todo: Mapping[Path, Mapping[str, Any]], root: Path, client: Callable[[], Any]) -> list[str]:
    from distributed import as_completed
    from tqdm import tqdm

    failed = []
    with client() as pool:
        futures = {pool.submit(run_one, notebook, place, values, root, pure=False): values for place, values in todo.items()}
        for future in tqdm(as_completed(list(futures)), total=len(futures), desc=notebook.stem, unit="run"):
            reason = future.result() if future.status == "finished" else str(future.exception())
            if reason:
                failed.append(f"{json.dumps(futures[future], sort_keys=True)}: {reason}")
            future.release()
        if pool.cluster is not None:
            pool.cluster.close()
    return failed


def run_one(notebook: Path, place: Path, values: Mapping[str, Any], root: Path) -> str | None:
    """Execute one run in its folder; return the reason where it failed, None where it is complete."""
    artifacts = place / "artifacts"
    _share_cache(root / "build" / "artifacts", artifacts)
    defaults = notebook_parameters(notebook)
    given = {**values, **({"artifacts_dir": str(artifacts)} if "artifacts_dir" in defaults else {})}
    try:
        execute(notebook, place / notebook.name, given, root)
    except Exception as error:  # one failed run must not end the others; the reason is returned and reported
        return f"{type(error).__name__}: {error}"
    write_json(place / "done.json", {"parameters": {**defaults, **values}})
    return None


def _share_cache(source: Path, target: Path) -> None:
    """Link what earlier runs cached into the run's own folder: cached files are replaced, never changed in place."""
    for path in source.rglob("*.npz") if source.is_dir() else ():
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            try:
                os.link(path, place)
            except OSError:  # another file system
                shutil.copy(path, place)


def _write_table(folder: Path, runs: Mapping[Path, Mapping[str, Any]], grid: Grid) -> Path:
    """Write one line a complete run: the varied parameters and every scalar of its result files."""
    import csv
    import io

    rows = []
    for place, values in runs.items():
        if (place / "done.json").is_file():
            row = {name: values[name] for name in grid.grid}
            for path in sorted((place / "artifacts" / "results").glob("*.json")):
                row.update(_scalars(read_json(path), path.stem))
            rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(grid.grid)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(folder / "results.csv", text.getvalue())


def _scalars(node: Any, prefix: str) -> dict[str, Any]:
    if isinstance(node, Mapping):
        return {k: v for name, item in node.items() for k, v in _scalars(item, f"{prefix}.{name}").items()}
    return {prefix: node} if isinstance(node, int | float | str | bool) else {}
