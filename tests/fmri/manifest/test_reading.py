"""Manifests: every slip is explained, in one pass."""

import os

import pytest
from data_sets import manifest_of, problems_of

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset, read_manifest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subjcts": [1]}, "dataset.subjcts=[1]: unknown key"),
        ({"t_r": "1.5 s"}, "dataset.t_r='1.5 s': must be int or float"),
        ({"t_r": -1}, "t_r=-1: must be positive seconds"),
        (
            {"runs": [{"name": "a", "n_trs": 5}]},
            "runs[0].stimulus_start_s=missing: must be int or float",
        ),
        (
            {"runs": [{"name": "a", "n_trs": 5, "stimulus_start_s": 0, "dummy_trs": 5}]},
            "runs[0].dummy_trs=5: must lie in 0 to n_trs - 1",
        ),
        (
            {"bold": {"pattern": "x.nii", "subjects": [1], "format": "nifti"}},
            "bold.pattern=x.nii: must hold {subject}",
        ),
        (
            {"bold": {"pattern": "{subject}", "subjects": [1, 1], "format": "mat"}},
            "format=mat: must be one of nifti, bids, roi_table, npz",
        ),
        ({"exclude": [{"subject": 9, "why": "x"}]}, "exclude[0].subject=9: must be one of 1, 2, 3"),
        ({"exclude": [{"subject": 1, "run": "scan1", "why": "x"}]}, "cannot lack one run"),
        ({"exclude": [{"subject": 1}]}, "exclude[0].why=missing: must be str"),
        ({"folder": "${GIBLET_NOWHERE_X}"}, "the variable GIBLET_NOWHERE_X must be set"),
        ({"stimulus": {"file": "none.wav"}}, "none.wav: does not exist"),
        ({"mask": "none.nii"}, "none.nii: does not exist"),
        ({"nuisance": {"pattern": "{subject}.tsv"}}, "1.tsv: does not exist"),
    ],
)
def test_a_wrong_manifest_is_explained(folder, changes, message):
    found = problems_of(manifest_of(folder, **changes))
    assert any(message in p for p in found), found
    if "nuisance" not in changes:
        with pytest.raises(InputError) as error:
            load_dataset(folder / "dataset.yaml")
        assert message in str(error.value)


def test_two_slips_of_the_manifest_are_reported_together(folder):
    bold = {"pattern": "{subject}", "subjects": 3, "format": "nifti"}
    manifest, problems = read_manifest(manifest_of(folder, t_r=None, maks="x", bold=bold))
    assert manifest is None
    assert {p.where for p in problems.errors} == {"dataset.t_r", "dataset.maks", "bold.subjects"}


def test_a_manifest_that_is_not_one_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("- just\n- a list\n")
    assert any("must be a mapping" in p for p in problems_of(tmp_path / "a.yaml"))
    with pytest.raises(InputError, match="must be a readable YAML file"):
        check_dataset(tmp_path / "missing.yaml")


def test_the_folder_of_a_manifest_may_come_from_the_environment(folder, monkeypatch):
    path = manifest_of(folder)
    elsewhere = folder / "sub"
    elsewhere.mkdir()
    os.rename(path, elsewhere / "dataset.yaml")
    text = (elsewhere / "dataset.yaml").read_text()
    (elsewhere / "dataset.yaml").write_text("folder: ${GIBLET_SHARED}\n" + text)
    monkeypatch.setenv("GIBLET_SHARED", str(folder))
    assert load_dataset(elsewhere / "dataset.yaml").n_trs == 150
