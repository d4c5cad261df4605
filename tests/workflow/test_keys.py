"""A key follows all that shapes a result, and nothing else."""

from pathlib import Path

import nbformat
import pytest
from workflow_project import run

from giblet_core.errors import InputError
from giblet_core.workflow.keys import find_notebooks, input_stamp, run_keys


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
