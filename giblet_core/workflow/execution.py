"""Execution: run one notebook with papermill, keep what it wrote and why it failed."""

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import psutil
from traitlets.config import Config

from giblet_core.errors import RunFailed
from giblet_core.files import file_sha256, is_temporary, write_sealed
from giblet_core.workflow.parameters import notebook_parameters

SYSTEM_PREFIXES = ("/usr", "/usr/local")  # folders of Python that tell nothing of a person
LONGEST_SOCKET = 90  # bytes in the name of a socket; systems allow 103 or more
KERNEL_GRACE_S = 2.0  # a kernel that was interrupted has so long to end by itself


@dataclass(frozen=True)
class Execution:
    """One notebook to run.

    Attributes
    ----------
    notebook : Path
        The source.
    target : Path
        The executed copy; its sidecar is ``target`` with the ending ``.json``.
    key : str
        Of `run_keys`.
    parameters : mapping
        What the notebook is given.
    artifacts : Path
        The folder that the notebook writes to.
    root : Path
        The book's folder: the working directory of the kernel.
    """

    notebook: Path
    target: Path
    key: str
    parameters: Mapping[str, Any]
    artifacts: Path
    root: Path


@contextlib.contextmanager
def kernel_config() -> Iterator[Config]:
    """Say how a kernel is spoken to: by sockets in the file system where they are known.

    So the book needs no network at all, not even the loopback, and no port is open to others. Each
    kernel has a folder of its own, since kernels of one folder would take each other's sockets.
    Windows has none, and a socket in a folder of a long name cannot be made: TCP is used there.
    """
    with tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True) as folder:
        sockets = Path(folder) / "socket"  # five of them: socket-1, socket-2 ...
        if os.name != "posix" or len(os.fsencode(sockets)) > LONGEST_SOCKET:
            yield Config()
        else:
            yield Config({"KernelManager": {"transport": "ipc", "ip": str(sockets)}})


def execute(notebook: Path, target: Path, parameters: Mapping[str, Any], root: Path) -> None:
    """Run one notebook; on failure keep the copy with its error as ``NAME.failed.ipynb``.

    Parameters
    ----------
    notebook, target : path
        The source and the executed copy.
    parameters : mapping
        What the notebook is given.
    root : path
        The working directory of the kernel.

    Raises
    ------
    RunFailed
        A cell ended in an exception, or the kernel died.
    """
    # Many small solves: threads that meet at each of them are up to 15 times slower than one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".running.ipynb")
    failed = target.with_suffix(".failed.ipynb")
    try:
        with kernel_config() as config:
            papermill.execute_notebook(
                str(notebook),
                str(partial),
                dict(parameters),
                kernel_name="python3",
                cwd=str(root),
                progress_bar=sys.stderr.isatty(),
                # a kernel that is told to end logs the interrupt as an error of its own
                extra_arguments=["--log-level=CRITICAL"],
                config=config,
            )
        hide_places(partial, parameters, root)
        os.replace(partial, target)
        failed.unlink(missing_ok=True)
    except papermill.PapermillExecutionError as error:
        hide_places(partial, parameters, root)
        os.replace(partial, failed)
        place = f"{notebook.name}, cell {error.cell_index} (In [{error.exec_count}])"
        # The message of an InputError is made for the user; other errors are named by their type.
        message = error.evalue if error.ename == "InputError" else f"{error.ename}: {error.evalue}"
        raise RunFailed(f"{place}: {message}\nThe executed copy with the error: {failed}") from None
    except RuntimeError as error:  # the kernel died: there is no cell with an error
        if partial.is_file():
            hide_places(partial, parameters, root)
            os.replace(partial, failed)
        raise RunFailed(
            f"{notebook.name}: the kernel died ({error}); more memory may be needed.\n"
            f"The copy so far: {failed}"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def hide_places(notebook: Path, parameters: Mapping[str, Any], root: Path) -> None:
    """Take folders of this machine out of an executed notebook: only names of files stay.

    Parameters
    ----------
    notebook : path
        The executed copy; changed in place.
    parameters : mapping
        What it was given: of files, only the name stays.
    root : path
        The book's folder, which becomes ``.``; the home folder becomes ``~``. The folder of Python
        and that of temporary files lose their places.
    """
    shown_as = {}
    for value in parameters.values():
        if isinstance(value, str) and os.path.isabs(value):
            shown_as[os.path.dirname(value) + os.sep] = ""
    shown_as[str(root) + os.sep] = ""
    shown_as[str(root)] = "."
    shown_as[str(Path.home())] = "~"
    shown_as[tempfile.gettempdir() + os.sep] = ""
    if sys.prefix not in SYSTEM_PREFIXES:
        shown_as[sys.prefix] = "python"
    text = notebook.read_text(encoding="utf-8")
    for place in sorted(shown_as, key=len, reverse=True):
        if len(place) > len(os.sep):
            text = text.replace(_in_json(place), _in_json(shown_as[place]))
    notebook.write_text(text, encoding="utf-8")


def _in_json(text: str) -> str:
    """Return a text as it stands inside a string of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def execute_recorded(job: Execution) -> float:
    """Execute a notebook and write its sidecar: key, parameters, and the artifacts it wrote.

    The hashes of the executed copy and of the artifacts stand in the sidecar too, so that what was
    changed by anything else is found and made anew.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    RunFailed
        See `execute`.
    """
    defaults = notebook_parameters(job.notebook)
    parameters = dict(job.parameters)
    own_artifacts = defaults.get("artifacts_dir")
    if own_artifacts is not None and (job.root / own_artifacts).resolve() != job.artifacts:
        parameters["artifacts_dir"] = str(job.artifacts)
    before = _stamps(job.artifacts)
    started = time.monotonic()
    execute(job.notebook, job.target, parameters, job.root)
    seconds = time.monotonic() - started
    after = _stamps(job.artifacts)
    wrote = [name for name, stamp in after.items() if before.get(name) != stamp]
    sidecar = {
        "key": job.key,
        "parameters": {**defaults, **parameters},
        "seconds": round(seconds, 1),
        "executed_sha256": file_sha256(job.target),
        "wrote": artifact_hashes(job.artifacts, wrote),
    }
    write_sealed(job.target.with_suffix(".json"), sidecar)
    return seconds


def artifact_hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the hash of each file in a folder, those that are gone left out."""
    hashes = {}
    for name in sorted(names):
        with contextlib.suppress(FileNotFoundError):  # a neighbour removed it meanwhile
            hashes[name] = file_sha256(folder / name)
    return hashes


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file in a folder."""
    stamps: dict[str, tuple[int, int]] = {}
    if not folder.is_dir():
        return stamps
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:  # a neighbour replaced it meanwhile
            continue
        if path.is_file() and not is_temporary(path):
            stamps[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns)
    return stamps


def stop_kernels() -> None:
    """Interrupt the kernels that this process started, and end those that go on."""
    kernels = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended by itself meanwhile
            if any("ipykernel" in part for part in child.cmdline()):
                child.send_signal(signal.SIGINT)
                kernels.append(child)
    _, alive = psutil.wait_procs(kernels, timeout=KERNEL_GRACE_S)
    for kernel in alive:
        kernel.kill()
