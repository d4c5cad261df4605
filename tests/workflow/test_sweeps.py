"""Sweeps go on where they ended and report what failed."""

import pytest
from workflow_project import WRITE, write_notebook

from giblet_core.errors import InputError
from giblet_core.workflow import sweeps
from giblet_core.workflow.sweeps import run_sweep

SCORE = (
    '_ = write_json(f"{artifacts_dir}/results/01.json", '
    '{"score": 10 / seed, "label": {"x": "demo"}})'
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("notebook: '01'\n", "keys notebook and grid"),
        ("notebook: '01'\ngrid: {seed: 3}\n", "must be a list"),
        ("notebook: '01'\ngrid: {speed: [1]}\n", "no notebook of this run"),
        ("notebook: '09'\ngrid: {seed: [1]}\n", "only=09"),
        ("notebook: 01\ngrid: {seed: [1]}\n", "notebook=01: .*Quote it"),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_runs(project, text, rule):
    (project / "grid.yaml").write_text(text)
    with pytest.raises(InputError, match=rule):
        run_sweep(project / "grid.yaml", root=project)
    assert not (project / "build").exists()


def run_in_this_process(waiting, make_client):
    """Run one after another: the cluster is dask's own affair."""
    failed = []
    for job in waiting:
        reason = sweeps.run_one(job)
        if reason:
            failed.append(f"{job.parameters}: {reason}")
    return failed


def test_a_sweep_reports_failures_keeps_what_is_done_and_goes_on(project, monkeypatch):
    monkeypatch.setattr(sweeps, "_client_maker", lambda *_: None)
    monkeypatch.setattr(sweeps, "_run_all", run_in_this_process)
    write_notebook(
        project,
        "01_one",
        'seed = 0\nartifacts_dir = "build/artifacts"',
        "from giblet_core.files import write_json",
        SCORE,
    )
    (project / "grid.yaml").write_text("notebook: '01'\ngrid: {seed: [0, 5]}\n")
    first = run_sweep(project / "grid.yaml", root=project)
    assert (first.done, first.kept, len(first.failed)) == (1, 0, 1)
    assert "ZeroDivisionError" in first.failed[0]
    assert first.table.read_text().splitlines() == ["seed,01.label.x,01.score", "5,demo,2.0"]
    second = run_sweep(project / "grid.yaml", root=project)
    assert (second.done, second.kept, len(second.failed)) == (0, 1, 1)


@pytest.mark.slow
def test_a_sweep_runs_on_a_local_cluster_and_a_second_one_starts_none(project):
    write_notebook(project, "01_one", 'seed = 0\nartifacts_dir = "build/artifacts"', WRITE)
    (project / "grid.yaml").write_text("notebook: '01'\ngrid: {seed: [1, 2]}\n")
    first = run_sweep(project / "grid.yaml", workers=1, root=project)
    assert (first.done, first.kept, first.failed) == (2, 0, ())
    nobody = "tcp://127.0.0.1:1"
    second = run_sweep(project / "grid.yaml", scheduler=nobody, root=project)
    assert (second.done, second.kept) == (0, 2)
