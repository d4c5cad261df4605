"""A key follows all that shapes a result, and nothing else."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from caches import flipped
from workflow_project import run

from giblet_core.errors import InputError
from giblet_core.files import content_hash, file_sha256, read_sealed, write_sealed
from giblet_core.workflow import keys as keys_module
from giblet_core.workflow.keys import core_hash, find_notebooks, input_stamp, is_current, run_keys


def test_the_scorecard_comes_last_as_it_reads_what_all_wrote():
    assert [path.stem for path in find_notebooks(Path(__file__).parents[2])][-1] == "08_scorecard"


def test_only_refuses_a_name_that_no_notebook_has(project):
    with pytest.raises(InputError, match="only=07.*01_one, 02_two"):
        run(project, only=["07"])


def test_keys_follow_code_parameters_inputs_and_earlier_notebooks_but_not_prose(project):
    notebooks = find_notebooks(project)
    sound = project / "a.wav"
    sound.write_bytes(b"one")
    shares = {notebooks[0]: {"audio": str(sound)}, notebooks[1]: {}}
    keys = run_keys(project, notebooks, shares)
    notebook = nbformat.read(notebooks[0], 4)
    notebook.cells[0].source = "# Another title"
    nbformat.write(notebook, notebooks[0])
    assert run_keys(project, notebooks, shares) == keys
    (project / "seconds.yaml").write_text("seconds: 3")
    notebook.cells[1].source = notebook.cells[1].source + '\nconditions = "seconds.yaml"'
    nbformat.write(notebook, notebooks[0])
    keys = run_keys(project, notebooks, shares)
    (project / "seconds.yaml").write_text("seconds: 4")
    assert (
        run_keys(project, notebooks, shares)[notebooks[0]] != keys[notebooks[0]]
    )  # a file named by a default
    sound.write_bytes(b"two")
    changed = run_keys(project, notebooks, shares)
    assert changed[notebooks[0]] != keys[notebooks[0]]
    assert changed[notebooks[1]] != keys[notebooks[1]]


@pytest.mark.parametrize(
    ("bold", "name"),
    [
        ("{pattern: 'sub{subject}.nii.gz', subjects: [1], format: nifti}", "sub1.nii.gz"),
        ("{subjects: ['1'], format: bids}", "sub-1/func/sub-1_task-film_desc-preproc_bold.nii.gz"),
    ],
)
def test_a_changed_file_of_a_dataset_changes_the_key(tmp_path, bold, name):
    manifest, file = tmp_path / "dataset.yaml", tmp_path / name
    manifest.write_text(
        f"name: a\nt_r: 1.5\nruns: [{{name: r, n_trs: 9, stimulus_start_s: 0.0}}]\nbold: {bold}\n"
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"one")
    before = input_stamp(str(manifest), tmp_path)
    file.write_bytes(b"longer")
    assert input_stamp(str(manifest), tmp_path) != before


# --- each ingredient of a key --------------------------------------------------------------------


class Keyed:
    """The first notebook of a project with a sound, and all that its key is made from."""

    def __init__(self, project):
        self.root = project
        self.path = project / "notebooks" / "01_one.ipynb"
        self.given = {"seed": 0, "audio": "film.wav", "bold": ""}
        (project / "film.wav").write_bytes(b"a sound")
        (project / "requirements.lock").write_text("numpy==2.0")

    def edit(self, change):
        notebook = nbformat.read(self.path, 4)
        change(notebook.cells)
        nbformat.write(notebook, self.path)

    def key(self, number=0):
        notebooks = find_notebooks(self.root)
        shares = {path: {} for path in notebooks} | {self.path: self.given}
        return run_keys(self.root, notebooks, shares)[notebooks[number]]


@pytest.fixture
def keyed(project):
    return Keyed(project)


def write(keyed, name, text):
    (keyed.root / name).write_text(text)


#: Ingredient of a key -> what changes it, and nothing else.
CHANGES = {
    "code": lambda keyed: keyed.edit(lambda cells: cells[2].update(source="1 + 1")),
    "tags": lambda keyed: keyed.edit(lambda cells: cells[2].metadata.update(tags=["hide-input"])),
    "default": lambda keyed: keyed.edit(
        lambda cells: cells[1].update(source=cells[1].source + "\nspeed = 1")
    ),
    "parameter": lambda keyed: keyed.given.update(seed=1),
    "sound": lambda keyed: write(keyed, "film.wav", "another"),
    "events": lambda keyed: write(keyed, "film_events.tsv", "onset\tduration\n"),
    "lock": lambda keyed: write(keyed, "requirements.lock", "numpy==2.1"),
}
#: What is in no key.
NO_CHANGES = {
    "prose": lambda keyed: keyed.edit(lambda cells: cells[0].update(source="# Another title")),
    "outputs": lambda keyed: keyed.edit(lambda cells: cells[2].update(execution_count=3)),
    "folder of artifacts": lambda keyed: keyed.given.update(artifacts_dir="elsewhere"),
    "page of a region": lambda keyed: write(keyed, "README.md", "another"),
}


@pytest.mark.parametrize("ingredient", CHANGES)
def test_a_key_follows_each_ingredient(keyed, ingredient):
    before = keyed.key()
    assert keyed.key() == before
    CHANGES[ingredient](keyed)
    assert keyed.key() != before


@pytest.mark.parametrize("ingredient", CHANGES)
def test_a_later_notebook_follows_the_ingredients_of_an_earlier_one(keyed, ingredient):
    before = keyed.key(1)
    CHANGES[ingredient](keyed)
    assert keyed.key(1) != before


@pytest.mark.parametrize("ingredient", NO_CHANGES)
def test_a_key_does_not_follow_what_shapes_no_result(keyed, ingredient):
    before = keyed.key()
    NO_CHANGES[ingredient](keyed)
    assert keyed.key() == before


def test_a_key_follows_the_package(keyed, monkeypatch):
    before = keyed.key()
    monkeypatch.setattr(keys_module, "core_hash", lambda: "another")
    assert keyed.key() != before


def test_the_hash_of_the_package_follows_every_file_that_a_notebook_can_feel(tmp_path, monkeypatch):
    package = tmp_path / "giblet_core"
    shaping = ["files.py", "codecs/encodec.py", "assets/film.yaml", "workflow/session.py"]
    left_out = keys_module.NOT_IN_NOTEBOOKS
    others = [f"{name}any.py" if name.endswith("/") else name for name in left_out]
    others.append("__pycache__/files.pyc")
    for name in (*shaping, *others):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("one")
    monkeypatch.setattr(keys_module.giblet_core, "__file__", str(package / "__init__.py"))
    before = core_hash()
    for name in others:
        (package / name).write_text("two")
        assert core_hash() == before
    for name in shaping:
        (package / name).write_text("two")
        assert core_hash() != before
        (package / name).write_text("one")
        assert core_hash() == before


MANIFEST = """name: a
t_r: 1.5
stimulus: {file: film.wav}
runs: [{name: r, n_trs: 9, stimulus_start_s: 0.0}]
bold: {pattern: 'sub{subject}.nii.gz', subjects: [1], format: nifti}
mask: mask.nii.gz
atlas: {file: atlas.nii.gz, names: names.tsv}
"""
WITH_TABLES = "nuisance: {pattern: 'motion{subject}.tsv'}\n"
WITH_CONFOUNDS = "confounds: {strategy: [motion]}\n"

#: File of a data set -> the manifest that means it.
DATASET_FILES = {
    "dataset.yaml": MANIFEST,
    "sub1.nii.gz": MANIFEST,
    "film.wav": MANIFEST,
    "film_events.tsv": MANIFEST,
    "mask.nii.gz": MANIFEST,
    "atlas.nii.gz": MANIFEST,
    "names.tsv": MANIFEST,
    "motion1.tsv": MANIFEST + WITH_TABLES,
    "func/sub-1_desc-confounds_timeseries.tsv": MANIFEST + WITH_CONFOUNDS,
}


@pytest.mark.parametrize("name", DATASET_FILES)
def test_a_key_follows_every_file_of_a_data_set(tmp_path, name):
    for file in DATASET_FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("one")
    manifest = tmp_path / "dataset.yaml"
    manifest.write_text(DATASET_FILES[name])
    before = content_hash(input_stamp(str(manifest), tmp_path))
    assert content_hash(input_stamp(str(manifest), tmp_path)) == before
    (tmp_path / name).write_text(f"{DATASET_FILES[name]}label: another\n")
    assert content_hash(input_stamp(str(manifest), tmp_path)) != before


# --- what was executed ---------------------------------------------------------------------------


@pytest.fixture
def executed(tmp_path):
    """An executed copy with its sidecar and one artifact; ``executed()`` says if it is current."""
    copy = tmp_path / "executed" / "01_one.ipynb"
    artifacts = tmp_path / "artifacts"
    (artifacts / "results").mkdir(parents=True)
    (artifacts / "results" / "01.json").write_text('{"r": 0.25}')
    copy.parent.mkdir()
    copy.write_text('{"cells": []}')
    record = {
        "key": "k",
        "parameters": {"seed": 0},
        "seconds": 1.0,
        "executed_sha256": file_sha256(copy),
        "wrote": {"results/01.json": file_sha256(artifacts / "results" / "01.json")},
    }
    write_sealed(copy.with_suffix(".json"), record)

    def current(key="k"):
        return is_current(copy, key, artifacts)

    current.files = {"copy": copy, "artifact": artifacts / "results" / "01.json"}
    current.sidecar = copy.with_suffix(".json")
    return current


def test_an_executed_copy_is_current_for_its_key_alone(executed):
    assert executed()
    assert not executed("another")


@pytest.mark.parametrize("kind", ["copy", "artifact"])
def test_an_executed_copy_with_a_flipped_byte_anywhere_is_not_current(executed, kind):
    path = executed.files[kind]
    for position in range(path.stat().st_size):
        with flipped(path, position):
            assert not executed()
    assert executed()
    path.unlink()
    assert not executed()


def test_a_damaged_sidecar_is_not_current(executed):
    record = read_sealed(executed.sidecar)
    for position in np.arange(executed.sidecar.stat().st_size):
        with flipped(executed.sidecar, position):
            assert not executed() or read_sealed(executed.sidecar) == record
    executed.sidecar.write_text('{"key": "k", "wrote": ["results/01.json"]}')  # as it was once
    assert not executed()


def test_what_a_run_with_other_parameters_left_is_not_taken_for_ours(executed):
    """It was stopped, or failed, after it had replaced an artifact."""
    executed.files["artifact"].write_text('{"r": 0.75}')
    assert not executed()
