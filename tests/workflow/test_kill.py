"""Kill -9 at any moment: what stands under a final name is whole, and going on ends the same.

Three moments of each kind of work by default. ``GIBLET_KILL_MOMENTS=50`` tries fifty, also with
pages and on a cluster; ``GIBLET_KILL_SEED`` chooses others. A folder is killed into up to three
times in a row before its work may finish, so that kills while going on are among them.
"""

import csv
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
import work_to_kill
from killing import Nursery
from safetensors.numpy import load_file

from giblet_core.files import is_temporary, load_npz, read_sealed

FEW = 3
N_MOMENTS = int(os.environ.get("GIBLET_KILL_MOMENTS", str(FEW)))
SEED = int(os.environ.get("GIBLET_KILL_SEED", "0"))
IN_A_ROW = 3
ORPHANS_END_S = 3.0  # a kernel looks every second whether its parent still lives
OF_THE_CLOCK = ("seconds", "executed_sha256")  # times differ from run to run
COMMAND = "giblet_core.commands:main"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Work:
    """Something that may be killed.

    Attributes
    ----------
    prepare : function (folder)
        Puts the inputs into a new folder.
    function : str
        ``module:name`` of what is called in that folder.
    arguments : list
        What it is called with.
    has_orphans : bool
        Whether it starts processes that outlive it for a moment.
    """

    prepare: Callable[[Path], None]
    function: str
    arguments: list = field(default_factory=list)
    has_orphans: bool = False


def command(prepare, *words, has_orphans=False):
    """Return the work of a `giblet` command."""
    return Work(prepare, COMMAND, [list(words)], has_orphans)


WORK = {
    "write": Work(work_to_kill.prepare_nothing, "work_to_kill:write_often"),
    "encode": command(work_to_kill.prepare_sound, "encode", "noise.wav", "codes.npz", "--force"),
    "train": Work(work_to_kill.prepare_codes, "work_to_kill:train"),
    "run": command(work_to_kill.prepare_project, "run", "--no-build", has_orphans=True),
    "sweep": Work(
        work_to_kill.prepare_project, "work_to_kill:sweep_without_cluster", has_orphans=True
    ),
}
#: These take long, so only many moments try them.
LONG_WORK = {
    "run with pages": command(work_to_kill.prepare_project, "run", has_orphans=True),
    "sweep on a cluster": Work(
        work_to_kill.prepare_project, "work_to_kill:sweep_on_cluster", has_orphans=True
    ),
}
if N_MOMENTS > FEW:
    WORK |= LONG_WORK


@pytest.fixture(scope="module")
def nursery():
    with Nursery() as started:
        yield started


def results_in(folder):
    """Return every file below a folder that stands under a final name, by its name."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not is_unfinished(path.relative_to(folder))
    }


def is_unfinished(path):
    """Tell whether a name says that a file is no result: temporary, half a notebook, a lock."""
    in_passing = any(part.startswith((".stage-", ".old-")) for part in path.parts)
    return in_passing or is_temporary(path) or path.name.endswith((".running.ipynb", ".lock"))


def json_of(path):
    """Read JSON, without times and without the test's own folder."""
    content = json.loads(path.read_text())
    if "content_sha256" in content:
        content = read_sealed(path)
    content.get("parameters", {}).pop("artifacts_dir", None)
    return {name: value for name, value in content.items() if name not in OF_THE_CLOCK}


def content_of(path):
    """Read a file as what it is, without the times in it; one that is not whole raises."""
    if path.suffix == ".npz":
        arrays, meta = load_npz(path)
        return {**meta, **{name: array.tobytes() for name, array in arrays.items()}}
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, 4).cells
        return [(cell.source, cell.get("outputs")) for cell in cells]
    if path.suffix == ".safetensors":
        return {name: array.tobytes() for name, array in load_file(path).items()}
    if path.suffix == ".json":
        return json_of(path)
    if path.suffix == ".csv":
        return list(csv.reader(path.read_text().splitlines()))
    if path.suffix == ".flac":
        return soundfile.read(path)[0].tobytes()
    return path.read_bytes()


def contents_of(folder):
    """Read every result below a folder; the log and the stamp of a build tell times."""
    return {
        name: content_of(path)
        for name, path in results_in(folder).items()
        if path.name not in ("build.log", "site.key")
    }


@pytest.mark.parametrize("name", WORK)
def test_work_that_is_killed_leaves_nothing_half_and_ends_the_same(name, nursery, tmp_path):
    work = WORK[name]
    undisturbed = tmp_path / "undisturbed"
    work.prepare(undisturbed)
    given = set(results_in(undisturbed))
    duration_s = nursery.run(work.function, work.arguments, undisturbed)
    expected = contents_of(undisturbed)
    assert set(expected) > given
    moments = np.random.default_rng(SEED).uniform(0, duration_s, N_MOMENTS)
    n_at_work = 0
    for first in range(0, N_MOMENTS, IN_A_ROW):
        folder = tmp_path / f"killed{first}"
        work.prepare(folder)
        # The earliest first: what was finished before a later kill is not done again.
        for moment in np.sort(moments[first : first + IN_A_ROW]):
            n_at_work += nursery.kill_after(moment, work.function, work.arguments, folder)
            contents_of(folder)
        nursery.run(work.function, work.arguments, folder)
        if work.has_orphans:
            time.sleep(ORPHANS_END_S)
        assert contents_of(folder) == expected
        assert not list(folder.rglob("*.running.ipynb"))
    print(f"{name}: {n_at_work} of {N_MOMENTS} kills within {duration_s:.1f} s")
    assert n_at_work
