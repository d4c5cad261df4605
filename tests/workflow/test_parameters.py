"""Parameters are checked by name and type before anything is written."""

import pytest
from workflow_project import run

from giblet_core.errors import InputError
from giblet_core.workflow.keys import find_notebooks
from giblet_core.workflow.parameters import (
    complete_from_dataset,
    read_parameters,
    validate_parameters,
)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("speed=3", ["speed=3", "no notebook", "audio", "rate", "seed"]),
        ("seed=much", ["seed='much'", "int"]),
        ("seed=true", ["seed=True", "int"]),
        ("rate=fast", ["rate='fast'", "float"]),
        ("seed", ["name=value"]),
        ("seed=[1", ["name=value", "as in YAML"]),
        ("audio=absent.wav", ["audio=absent.wav", "existing file"]),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_written(project, setting, words):
    with pytest.raises(InputError) as caught:
        run(project, setting)
    assert all(word in str(caught.value) for word in words)
    assert not (project / "build").exists()


def test_a_parameter_goes_to_the_notebooks_that_have_it(project):
    notebooks = find_notebooks(project)
    shares = validate_parameters(notebooks, {"seed": 3, "rate": 2})
    assert list(shares.values()) == [{"seed": 3}, {"seed": 3, "rate": 2}]


def test_settings_win_over_the_file_and_files_are_found_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sound.wav").write_bytes(b"x")
    (folder / "p.yaml").write_text("audio: sound.wav\nseed: 1\ncodec: facebook/encodec_24khz\n")
    values = read_parameters(folder / "p.yaml", ["seed=2"])
    assert values == {
        "audio": str(folder / "sound.wav"),
        "seed": 2,
        "codec": "facebook/encodec_24khz",
    }
    with pytest.raises(InputError, match="params=absent"):
        read_parameters("absent")


def test_tr_and_sound_of_a_data_set_are_taken_from_it_and_may_not_contradict_it(tmp_path):
    manifest = tmp_path / "dataset.yaml"
    manifest.write_text(
        "name: a\nt_r: 2.0\nruns: [{name: r, n_trs: 9, stimulus_start_s: 0.0}]\n"
        "bold: {pattern: 'sub{subject}.nii.gz', subjects: [1], format: nifti}\n"
    )
    with pytest.raises(InputError, match=r"its sound .* is not there"):
        complete_from_dataset({"bold": str(manifest)})
    manifest.write_text(manifest.read_text() + "stimulus: {file: film.wav}\n")
    (tmp_path / "film.wav").write_bytes(b"x")
    completed = complete_from_dataset({"bold": str(manifest)})
    assert completed == {"bold": str(manifest), "t_r": 2.0, "audio": str(tmp_path / "film.wav")}
    assert complete_from_dataset({"bold": "demo"}) == {"bold": "demo"}
    with pytest.raises(InputError, match=r"t_r=1.5.*2.0 s"):
        complete_from_dataset({"bold": str(manifest), "t_r": 1.5})
