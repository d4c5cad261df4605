"""Runner: check the parameters, run the notebooks that changed, stage and build the book.

Parameters are checked before anything is written. What is unchanged is skipped. A notebook that
fails is kept and published as failed; the others run all the same.
"""

import contextvars
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import filelock
from jupyter_core.utils import ensure_event_loop

from giblet_core.errors import InputError, RunFailed
from giblet_core.files import project_root, read_sealed, remove_leftovers, write_sealed
from giblet_core.reporting import is_about_the_demo
from giblet_core.workflow.execution import (
    Execution,
    artifact_hashes,
    execute_recorded,
    stop_kernels,
)
from giblet_core.workflow.keys import find_notebooks, is_current, run_keys
from giblet_core.workflow.parameters import (
    check_inputs,
    complete_from_dataset,
    is_of_others,
    read_parameters,
    validate_parameters,
)
from giblet_core.workflow.staging import (
    build_book,
    chapter_not_run,
    failed_chapter,
)

FREE_BYTES = 1_000_000_000  # what a run may write
MOST_NOTEBOOKS_AT_ONCE = 4


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    executed, skipped : tuple of str
        Stems of the notebooks that ran, in order, and of those unchanged since their last run.
    failed : dict
        Stem -> reason, of the notebooks that failed.
    index : Path or None
        The book's first page; None where it was not built.
    seconds : float
        Duration of the run.
    """

    executed: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]
    index: Path | None
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a run will do: the notebooks, their keys and parameters, and the folders.

    Attributes
    ----------
    root, out, artifacts : Path
        The book's folder, the folder of everything written, and that of artifacts.
    notebooks, chosen : list of Path
        All notebooks, and those of this run.
    jobs : dict
        Notebook -> its `Execution`.
    """

    root: Path
    out: Path
    artifacts: Path
    notebooks: list[Path]
    chosen: list[Path]
    jobs: dict[Path, Execution]

    def is_current(self, notebook: Path) -> bool:
        """Tell whether the executed copy of a notebook is up to date."""
        job = self.jobs[notebook]
        return is_current(job.target, job.key, job.artifacts)


def make_plan(
    params: str | Path | None,
    settings: Sequence[str],
    only: Sequence[str] | None,
    out: str | Path | None,
    root: Path,
) -> Plan:
    """Check what a run is given and plan it; arguments as in `run_book`.

    Parameters
    ----------
    params, settings, only, out, root
        As in `run_book`.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        Wrong parameters, sound or data set, or too little room.
    """
    out_folder = (Path(out) if out else root / "build").resolve()
    parameters = complete_from_dataset(read_parameters(params, settings, root))
    notebooks = find_notebooks(root)
    chosen = find_notebooks(root, only)
    if only is None and is_of_others(parameters):
        chosen = [path for path in chosen if not is_about_the_demo(f"notebooks/{path.stem}")]
    shares = validate_parameters(notebooks, parameters, chosen)
    check_inputs(parameters)
    _check_free_space(out_folder)
    artifacts = (root / parameters.get("artifacts_dir", out_folder / "artifacts")).resolve()
    keys = run_keys(root, notebooks, shares)
    jobs = {
        path: Execution(
            notebook=path,
            target=out_folder / "executed" / path.name,
            key=keys[path],
            parameters=shares[path],
            artifacts=artifacts,
            root=root,
        )
        for path in notebooks
    }
    return Plan(root, out_folder, artifacts, notebooks, chosen, jobs)


def run_book(  # noqa: PLR0913 - what the command line offers
    params: str | Path | None = None,
    settings: Sequence[str] = (),
    only: Sequence[str] | None = None,
    *,
    out: str | Path | None = None,
    root: Path | None = None,
    build: bool = True,
    say: Callable[..., None] = print,
) -> RunReport:
    """Check, run what changed, stage, and build the book.

    Parameters
    ----------
    params, settings
        See `read_parameters`.
    only : sequence of str, optional
        Beginnings of notebook names.
    out : path, optional
        Folder of everything written; ``build`` in the project by default.
    root : path, optional
        The book's folder; looked for by default.
    build : bool
        False leaves the pages as they are.
    say : callable
        Where progress goes.

    Returns
    -------
    RunReport

    Raises
    ------
    InputError
        Wrong parameters, sound or data set, or another run in the same folder: nothing was
        written.
    RunFailed
        There are no pages, so that the former ones stay; or there are, with problems.
    """
    started = time.monotonic()
    plan = make_plan(params, settings, only, out, (root or project_root()).resolve())
    plan.out.mkdir(parents=True, exist_ok=True)
    with alone_in(plan.out):
        _clear_leftovers(plan)
        skipped = [path for path in plan.chosen if plan.is_current(path)]
        waiting = [path for path in plan.chosen if path not in skipped]
        failed = run_notebooks(plan, waiting, say)
        if skipped:
            say(f"unchanged, not run again: {', '.join(path.stem for path in skipped)}")
        index = _build(plan, failed, say) if build else None
    executed = tuple(path.stem for path in waiting if path.stem not in failed)
    return RunReport(
        executed=executed,
        skipped=tuple(path.stem for path in skipped),
        failed=failed,
        index=index,
        seconds=time.monotonic() - started,
    )


def run_notebooks(plan: Plan, waiting: Sequence[Path], say: Callable[..., None]) -> dict[str, str]:
    """Run notebooks, as many side by side as there are cores.

    Parameters
    ----------
    plan : Plan
    waiting : sequence of Path
        The notebooks to run.
    say : callable
        Where progress goes.

    Returns
    -------
    dict
        Stem -> reason, of those that failed.
    """
    runs = _Runs(plan, say)
    in_parallel(runs.run_one, waiting)
    for path in waiting:
        if path.stem not in runs.failed:
            _renew_hashes(plan.jobs[path])
    return runs.failed


@dataclass(frozen=True, eq=False)
class _Runs:
    """Runs of notebooks, where their progress goes, and the reasons of those that failed."""

    plan: Plan
    say: Callable[..., None]
    failed: dict[str, str] = field(default_factory=dict)

    def run_one(self, path: Path) -> None:
        """Run a notebook; note why, where it fails."""
        number = self.plan.chosen.index(path) + 1
        place = f"[{number}/{len(self.plan.chosen)}] {path.stem}"
        self.say(f"{place} ...", flush=True)
        try:
            seconds = execute_recorded(self.plan.jobs[path])
        except RunFailed as error:
            self.failed[path.stem] = str(error)
            self.say(f"{place} FAILED: {error}", flush=True)
        else:
            self.say(f"{place} done in {seconds:.0f} s", flush=True)


def _in_own_loop(run_one: Callable[[Path], None], path: Path) -> None:
    """Run a notebook with an event loop of its own, which is closed afterwards."""
    contextvars.copy_context().run(_run_and_close_loop, run_one, path)


def _run_and_close_loop(run_one: Callable[[Path], None], path: Path) -> None:
    try:
        run_one(path)
    finally:
        ensure_event_loop().close()


def in_parallel(run_one: Callable[[Path], None], waiting: Sequence[Path]) -> None:
    """Run the first two notebooks, then the others side by side, then the scorecard.

    The first two make the codes and the BOLD that all others read.
    """
    first = list(waiting[:2])
    last = [path for path in waiting[2:] if path.stem.endswith("scorecard")]
    beside = [path for path in waiting[2:] if path not in last]
    pool = ThreadPoolExecutor(min(MOST_NOTEBOOKS_AT_ONCE, os.cpu_count() or 1))
    # None runs in the main thread: there the notebook client would take Ctrl-C for itself.
    try:
        for path in first:
            pool.submit(_in_own_loop, run_one, path).result()
        jobs = [pool.submit(_in_own_loop, run_one, path) for path in beside]
        for job in jobs:
            job.result()
        for path in last:
            pool.submit(_in_own_loop, run_one, path).result()
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_kernels()
        raise
    finally:
        pool.shutdown()


def _renew_hashes(job: Execution) -> None:
    """Drop from a sidecar what a neighbour wrote in passing, such as an old checkpoint.

    What a neighbour replaced since then counts as it is now.
    """
    sidecar = job.target.with_suffix(".json")
    record = read_sealed(sidecar)
    lasting = artifact_hashes(job.artifacts, record["wrote"])
    write_sealed(sidecar, {**record, "wrote": lasting})


def _clear_leftovers(plan: Plan) -> None:
    """Remove what a run that was killed left: staged pages, half a notebook, temporary files."""
    for folder in plan.out.glob(".stage-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (plan.out / "executed").glob("*.running.ipynb"):
        path.unlink()
    for folder in (plan.out / "executed", plan.artifacts):
        remove_leftovers(folder)


def _build(plan: Plan, failed: dict[str, str], say: Callable[..., None]) -> Path:
    """Build the pages; chapters that failed or were not run are marked as such."""
    unfinished = {stem: failed_chapter(reason) for stem, reason in failed.items()}
    for path in plan.notebooks:
        if path.stem not in failed and not plan.is_current(path):
            unfinished[path.stem] = chapter_not_run()
    return build_book(plan.root, plan.out, plan.artifacts, unfinished=unfinished, say=say)


def alone_in(out: Path) -> filelock.BaseFileLock:
    """Lock a folder for this run; two runs in one folder would mix their files.

    The system releases the lock when the process ends, however it ends: a lock file that is still
    there blocks nobody.
    """
    lock = filelock.FileLock(out / ".run.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError(
            f"out={out}: another run is writing there; a folder belongs to one run at a time. "
            "Wait for it, or choose another folder with --out."
        ) from None
    return lock


def _check_free_space(out: Path) -> None:
    folder = next(parent for parent in (out, *out.parents) if parent.exists())
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"out={out}: {folder} cannot be written to. Choose another folder with --out."
        )
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise InputError(
            f"out={out}: {free / 1e6:.0f} MB are free there and a run needs "
            f"{FREE_BYTES / 1e6:.0f} MB. Free some room or choose another folder with --out."
        )
