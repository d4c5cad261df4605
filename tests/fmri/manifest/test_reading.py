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
            "format=mat: must be one of nifti, bids, cifti, gifti, roi_table, npz",
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


TEXT = """\
name: small
t_r: 1.5
runs:
  [{name: scan1, n_trs: 70, stimulus_start_s: 0.0}, {name: scan2, n_trs: 80, stimulus_start_s: 105}]
bold: {pattern: "s{subject}_{run}.nii.gz", subjects: [1, 2, 3], format: nifti}
mask: mask.nii.gz
atlas: none
"""

SLIPS = [
    # what is written for what, and the message
    ("subjects: [1, 2, 3]", "subjects: [1, 2, 010]", "bold.subjects[2]=010: (line 5) has leading"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, no]", "bold.subjects[2]=no: (line 5) is true or f"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, 0x3]", "bold.subjects[2]=0x3"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, 1_0]", "bold.subjects[2]=1_0"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, 3.0]", "subjects[2]=3.0: must be int or str. If"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, true]", "subjects[2]=True: must be int or str"),
    ("subjects: [1, 2, 3]", "subjects: [1, 2, a/b]", "must not be empty and must not hold /"),
    ("subjects: [1, 2, 3]", "subjects: '1,2'", "bold.subjects='1,2': must be list"),
    ("t_r: 1.5", "t_r: 1,5", "dataset.t_r=1,5: (line 2) has a decimal comma"),
    ("t_r: 1.5", "t_r: '1.5'", "dataset.t_r='1.5': must be int or float"),
    ("t_r: 1.5", "t_r: .inf", "dataset.t_r=.inf: (line 2) is not a finite number"),
    ("t_r: 1.5", "t_r: .nan", "dataset.t_r=.nan"),
    ("t_r: 1.5", "t_r: 0", "dataset.t_r=0: must be positive seconds, at most 60"),
    ("t_r: 1.5", "t_r: 1500", "dataset.t_r=1500: must be positive seconds, at most 60"),
    ("t_r: 1.5", "t_r: yes", "dataset.t_r=yes"),
    ("stimulus_start_s: 0.0", "stimulus_start_s: 1:30", "runs[0].stimulus_start_s=1:30: (line 4)"),
    ("stimulus_start_s: 0.0", "stimulus_start_s: 1,5", "runs[0].5=5: unknown key"),
    ("stimulus_start_s: 0.0", "stimulus_start_s: 1e9", "must lie in -1000000 to 1000000 s"),
    ("n_trs: 70", "n_trs: 70.0", "runs[0].n_trs=70.0: must be int"),
    ("n_trs: 70", "n_trs: 0", "runs[0].n_trs=0: must be at least 1"),
    ("n_trs: 70", "n_trs: 1000000", "runs[0].n_trs=1000000: must be at least 1, at most 100000"),
    ("mask: mask.nii.gz", "label_shift_trs: 300", "label_shift_trs=300: must lie in -100 to 100"),
    ("mask: mask.nii.gz", "slice_time_ref: 1.5", "slice_time_ref=1.5: must lie in 0 to 1"),
    ("mask: mask.nii.gz", "stimulus: {clock_ratio: 0}", "clock_ratio=0: must be positive"),
    ("mask: mask.nii.gz", "stimulus: {track: -1}", "stimulus.track=-1: must lie in 0 to 99"),
    ("mask: mask.nii.gz", "preprocessing: {hrf: no}", "preprocessing.hrf=no: (line 6) is true or"),
    ("mask: mask.nii.gz", "preprocessing: {hrf: 1}", "preprocessing.hrf=1: must be bool"),
    ("mask: mask.nii.gz", "decimal: ;", 'dataset.decimal=;: must be "." or ","'),
    ("mask: mask.nii.gz", "msk:", "dataset.msk=None: unknown key"),
    ("mask: mask.nii.gz", "5: x", "dataset.5=5: unknown key"),
    ("mask: mask.nii.gz", "t_r: 2.0", "stands twice"),
    ("mask: mask.nii.gz", "mask: {file: m.nii, treshold: 1}", "mask.treshold=1: unknown key"),
    ("mask: mask.nii.gz", "mask: [m.nii]", "must be str or a mapping of names to values"),
    ("mask: mask.nii.gz", "folder: nowhere", "dataset.folder=nowhere: there is no folder"),
    ("mask: mask.nii.gz", "exclude: [{why: x}]", "exclude[0]={'why': 'x'}: must say what is left"),
    ("mask: mask.nii.gz", "label: &x a\nmask: *x", "references (& and *) are not read"),
    ("s{subject}_{run}", "s{subject}_{session}_{run}", "{session} is not known"),
    ("name: small", "name: ''", "dataset.name='': must not be empty and must not hold /"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), SLIPS, ids=[new for _, new, _ in SLIPS])
def test_a_slip_is_found_and_never_read_as_something_else(folder, old, new, message):
    path = folder / "dataset.yaml"
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    try:
        found = problems_of(path)
    except InputError as error:
        found = [str(error)]
    assert any(message in problem for problem in found), found
    with pytest.raises(InputError):
        load_dataset(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("t_r: 1.5", "t_r: 15e-1"),
        ("subjects: [1, 2, 3]", 'subjects: ["1", 2, "3"]'),
        ("mask: mask.nii.gz", "mask: mask.nii.gz\nstimulus:\nlabel: ~"),
        ("mask: mask.nii.gz", "mask: {file: mask.nii.gz}\r\n"),
        ("name: small", "\ufeffname: small"),
        ("name: small", "name: 'no'"),
    ],
)
def test_what_is_written_plainly_is_accepted(folder, old, new):
    path = folder / "dataset.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8", newline="")
    assert problems_of(path) == []
    assert load_dataset(path).subjects == ("1", "2", "3")


def test_files_are_looked_at_in_spite_of_slips_in_optional_parts(folder):
    (folder / "s2_scan1.nii.gz").unlink()
    text = TEXT + "resample: 1\nexclude: [{subject: 9, why: x}, {subject: 3}]\nlabl: x\n"
    (folder / "dataset.yaml").write_text(text.replace("3]", "3, no]"))
    found = "\n".join(problems_of(folder / "dataset.yaml"))
    for expected in (
        "bold.subjects[3]=no",
        "dataset.resample=1: must be bool",
        "exclude[0].subject=9: must be one of",
        "exclude[1].why=missing: must be str",
        "dataset.labl='x': unknown key",
        "subject 2, scan1=file=",
    ):
        assert expected in found


def test_files_are_not_looked_at_where_they_cannot_be_found(folder):
    (folder / "dataset.yaml").write_text(TEXT.replace("n_trs: 70", "n_trs: many"))
    (error, note) = problems_of(folder / "dataset.yaml")
    assert error.startswith("error: runs[0].n_trs='many': must be int")
    assert note.endswith("its files were not looked at. Correct these lines, then check again.")


PLACES = [
    "plain",
    "with blank",
    "[1]",
    "é",
    "it's",
    '"q"',
    "#1",
    "-dash",
    "100%",
    "{x}",
    "$HOME",
    "*",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_data_set_may_lie_in_a_folder_of_any_name(folder, place):
    inside = folder / place
    inside.mkdir()
    for name in os.listdir(folder):
        if name != place:
            os.rename(folder / name, inside / name)
    (inside / "dataset.yaml").write_text(TEXT)
    assert problems_of(inside / "dataset.yaml") == []
    quoted = place.replace("'", "''")
    (folder / "dataset.yaml").write_text(f"folder: '{quoted}'\n" + TEXT)
    assert problems_of(folder / "dataset.yaml") == []
    assert load_dataset(folder / "dataset.yaml").n_voxels == 24
