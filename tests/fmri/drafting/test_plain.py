"""Drafts of folders with names of any kind, and of surfaces: subject and run are found."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from data_sets import SHAPE, write_image
from fmriprep import write_table
from made_up_study import MOTION
from surface_files import N_LEFT, N_RIGHT, cifti_axis, write_cifti, write_gifti

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, draft_dataset, load_dataset
from giblet_core.sound import save_audio

N_TRS = 30
#: Names of files -> pattern, subjects and runs that a reader of the names would find.
NAMES = {
    "subject and run": (
        ["s1_run1", "s1_run2", "s10_run1", "s10_run2"],
        ("s{subject}_{run}", ("1", "10"), ("run1", "run2")),
    ),
    "in folders of subjects": (
        ["sub01/film", "sub02/film", "sub03/film"],
        ("sub{subject}/film", ("01", "02", "03"), ("run1",)),
    ),
    "in folder and name": (
        ["P01/P01-scan_1", "P01/P01-scan_2", "P02/P02-scan_1", "P02/P02-scan_2"],
        ("P{subject}/P{subject}-scan_{run}", ("01", "02"), ("1", "2")),
    ),
    "names of people": (
        ["anna.story", "bert.story", "cleo.story"],
        ("{subject}.story", ("anna", "bert", "cleo"), ("run1",)),
    ),
    "one subject, two runs": (
        ["sub-7_run-1", "sub-7_run-2"],
        ("sub-{subject}_run-{run}", ("7",), ("1", "2")),
    ),
    "one file": (["pilot3"], ("pilot{subject}", ("3",), ("run1",))),
    "without words": (
        ["01-1", "01-2", "02-1", "02-2", "03-1", "03-2"],
        ("{subject}-{run}", ("01", "02", "03"), ("1", "2")),
    ),
}


def volumes(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, 100 + 3 * rng.standard_normal((*SHAPE, N_TRS)), t_r=2.0)


def table(path, rng, head="A1\tSTG\tIFG\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = rng.standard_normal((N_TRS, 3)) * 3 + 100
    path.write_text(head + "".join("\t".join(f"{x:.4f}" for x in row) + "\n" for row in rows))


def arrays(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, bold=(100 + 3 * rng.standard_normal((N_TRS, 4))).astype(np.float32))


def grayordinates(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_cifti(path, (100 + 3 * rng.standard_normal((N_TRS, len(cifti_axis())))).astype("f4"))


def pair(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gifti(path, 100 + 3 * rng.standard_normal((N_TRS, N_LEFT + N_RIGHT)))


KINDS = {
    "nifti": (".nii.gz", volumes),
    "roi_table": (".tsv", table),
    "npz": (".npz", arrays),
    "cifti": (".dtseries.nii", grayordinates),
    "gifti": ("_hemi-L.func.gii", pair),
}


def answered(path):
    """Answer the questions of a draft: its values are right, so the lines with TODO go."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_subject_and_run_are_found_and_the_draft_reads_every_file(kind, case, tmp_path, rng):
    names, (pattern, subjects, runs) = NAMES[case]
    ending, write = KINDS[kind]
    for name in names:
        write(tmp_path / "data" / f"{name}{ending}", rng)
    hum = 0.1 * np.sin(np.arange(8000 * 130) / 9)
    save_audio(tmp_path / "story.wav", hum.astype(np.float32), 8000)
    path = tmp_path / "dataset.yaml"
    draft = draft_dataset(tmp_path / "data", path, sound=tmp_path / "story.wav", t_r=2.0)
    assert draft.content["bold"]["format"] == kind
    assert draft.content["bold"]["pattern"] == pattern + ending
    answered(path)
    assert [str(problem) for problem in check_dataset(path).errors] == []
    data = load_dataset(path)
    assert data.subjects == subjects
    assert tuple(run.name for run in data.runs) == runs
    assert data.n_trs == N_TRS * len(runs)


def test_a_mask_and_motion_beside_plain_volumes_are_found(tmp_path, rng):
    for subject in (1, 2):
        volumes(tmp_path / f"s{subject}.nii.gz", rng)
        table(tmp_path / f"rp_s{subject}.txt", rng, head="")
    mask = np.zeros(SHAPE)
    mask[1:4, 1:5, 1:3] = 1
    write_image(tmp_path / "brain_mask.nii.gz", mask, None)
    path = tmp_path / "dataset.yaml"
    draft = draft_dataset(tmp_path, path)
    assert draft.content["mask"] == "brain_mask.nii.gz"
    assert draft.content["nuisance"] == {"pattern": "rp_s{subject}.txt"}
    answered(path)
    assert [str(problem) for problem in check_dataset(path).errors] == []
    assert load_dataset(path).nuisance(1).shape == (N_TRS, 3)


def test_tables_with_decimal_commas_are_read_so_and_a_table_asks_for_its_tr(tmp_path, rng):
    for subject in ("a", "b"):
        table(tmp_path / f"{subject}.csv", rng)
        text = (tmp_path / f"{subject}.csv").read_text()
        (tmp_path / f"{subject}.csv").write_text(text.replace(".", ",").replace("\t", ";"))
    path = tmp_path / "dataset.yaml"
    draft = draft_dataset(tmp_path, path)
    assert draft.content["decimal"] == ","
    assert "t_r" not in draft.content
    assert [remark.place for remark in draft.remarks.open] == ["t_r", "stimulus", "runs"]
    draft_dataset(tmp_path, path, t_r=1.5)
    answered(path)
    data = load_dataset(path)
    assert (data.t_r, data.region_names) == (1.5, ("A1", "STG", "IFG"))


def test_names_that_differ_in_more_than_subject_and_run_are_refused(tmp_path, rng):
    for name in ("s1_run1_a", "s1_run2_b", "s2_run1_b", "s2_run2_a"):
        volumes(tmp_path / f"{name}.nii.gz", rng)
    with pytest.raises(InputError, match=r"differ in 3 parts \(1, 1, a"):
        draft_dataset(tmp_path, tmp_path / "dataset.yaml")


def test_surfaces_of_fmriprep_are_found_by_their_names(tmp_path, rng):
    """Of CIFTI and GIFTI that lie beside each other, each can be chosen by its space."""
    func = tmp_path / "fmriprep" / "sub-01" / "func"
    func.mkdir(parents=True)
    stem = "sub-01_task-film"
    write_cifti(
        func / f"{stem}_space-fsLR_den-91k_bold.dtseries.nii",
        (100 + 3 * rng.standard_normal((N_TRS, len(cifti_axis())))).astype(np.float32),
    )
    pair(func / f"{stem}_hemi-L_space-fsaverage5_bold.func.gii", rng)
    motion = pd.DataFrame(rng.standard_normal((N_TRS, 6)), columns=MOTION)
    write_table(func / f"{stem}_desc-confounds_timeseries.tsv", motion)
    path = tmp_path / "dataset.yaml"
    for space, kind in (("fsLR", "cifti"), ("fsaverage5", "gifti")):
        draft = draft_dataset(tmp_path / "fmriprep", path, space=space)
        assert draft.content["bold"]["format"] == kind
        assert draft.content["confounds"] == {"strategy": ["motion"], "motion": "basic"}
        answered(path)
        assert [str(problem) for problem in check_dataset(path).errors] == []
        assert load_dataset(path).nuisance("01").shape == (N_TRS, 6)


def test_volumes_are_told_from_images_of_one_volume(tmp_path, rng):
    volumes(tmp_path / "s1.nii.gz", rng)
    nib.save(nib.Nifti1Image(np.ones(SHAPE), np.eye(4)), tmp_path / "s2.nii.gz")
    draft = draft_dataset(tmp_path, tmp_path / "dataset.yaml")
    assert draft.content["bold"]["subjects"] == ["1"]
