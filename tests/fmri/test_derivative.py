"""A whole derivative of fMRIPrep: accepted by a short manifest, and every single fault is found."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from fmriprep import (
    AFFINE,
    MANIFEST,
    REGIONS,
    T_R,
    brain,
    labels,
    stem,
    write_derivative,
    write_image,
    write_table,
)

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset
from giblet_core.sound import load_audio, save_audio

SPACE = "space-MNI152NLin2009cAsym_res-2"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    place = tmp_path_factory.mktemp("derivative")
    write_derivative(place)
    return place


@pytest.fixture
def place(original, tmp_path):
    shutil.copytree(original, tmp_path / "data", symlinks=True)
    return tmp_path / "data"


def found(place):
    return [str(problem) for problem in check_dataset(place / "dataset.yaml")]


def test_a_whole_derivative_is_accepted_by_ten_lines(place):
    assert len(MANIFEST.splitlines()) <= 10
    assert found(place) == []
    data = load_dataset(place / "dataset.yaml")
    assert data.subjects == ("01", "02")
    assert (data.n_trs, data.n_voxels, data.run_onsets) == (80, 64, (0, 40))
    assert data.region_names == tuple(REGIONS.values())
    source = np.asarray(nib.load(bold_file(place, "02", "2")).dataobj)
    assert np.array_equal(data.raw_bold("02")[40:], source[brain() > 0].T)
    inside = labels()[brain() > 0]
    assert np.array_equal(np.array([0, *REGIONS])[data.atlas], inside)
    confounds = data.nuisance("01")
    assert confounds.shape == (80, 24 + 2 + 2)
    table = pd.read_csv(func(place) / f"{stem('01', '2')}_desc-confounds_timeseries.tsv", sep="\t")
    columns = [row for row in confounds[40:].T if np.allclose(row, table["csf"], atol=1e-5)]
    assert len(columns) == 1


# --- faults: each breaks one thing and says what must be found -------------------------------


def func(place, subject="01"):
    return place / "fmriprep" / f"sub-{subject}" / "func"


def bold_file(place, subject="01", run="1"):
    return func(place, subject) / f"{stem(subject, run)}_{SPACE}_desc-preproc_bold.nii.gz"


def beside(place, ending, subject="01", run="1"):
    return func(place, subject) / f"{stem(subject, run)}_{ending}"


def bold_with(change, **header):
    """Return what changes the values of a series, or its header."""

    def apply(place):
        path = bold_file(place)
        data = np.asarray(nib.load(path).dataobj).copy()
        path.unlink()
        write_image(path, change(data), **header)

    return apply


def same(data):
    return data


def flat_tail(data):
    data[..., -9:] = data[..., -9, None]
    return data


def one_nan(data):
    data[2, 2, 2, 5] = np.nan
    return data


def zscored(data):
    return (data - data.mean(-1, keepdims=True)) / data.std(-1, keepdims=True)


def change_table(path, change):
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    frame = change(frame)
    write_table(path, frame)


def change_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def sidecar_with(**values):
    """Return what changes values of a sidecar; None removes one."""

    def apply(place):
        path = beside(place, f"{SPACE}_desc-preproc_bold.json", "02", "2")
        content = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return apply


def confounds_with(change):
    """Return what changes a table of confounds."""

    def apply(place):
        change_table(beside(place, "desc-confounds_timeseries.tsv"), change)

    return apply


def cell(column, row, value):
    """Return what writes a cell of a table, or many."""

    def change(frame):
        frame.loc[row, column] = value
        return frame

    return change


def first_39(frame):
    return frame[:39]


def without_rot_z(frame):
    return frame.drop(columns="rot_z")


def first_39_volumes(data):
    return data[..., :39]


def five_slices(data):
    return data[:5]


def ones(data):
    return np.ones_like(data)


def halves(image):
    return (image * 0.5).astype(np.float32)


def manifest_line(old, new):
    def change(place):
        change_text(place / "dataset.yaml", old, new)

    return change


def no_bold(place):
    bold_file(place).unlink()


def truncated_bold(place):
    path = bold_file(place)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_tr(place):
    bold_with(same, t_r=0.0)(place)
    beside(place, f"{SPACE}_desc-preproc_bold.json").unlink()
    (place / "fmriprep" / "task-film_bold.json").unlink()


def broken_sidecar(place):
    path = beside(place, f"{SPACE}_desc-preproc_bold.json", "02", "2")
    path.write_text('{"RepetitionTime": 1.5')


def inherited_sidecar(place):
    path = place / "fmriprep" / "task-film_bold.json"
    path.write_text('{"RepetitionTime": 2.2}')
    for sidecar in place.glob("fmriprep/*/func/*_bold.json"):
        sidecar.unlink()


def two_bolds(place):
    path = bold_file(place)
    shutil.copy(path, path.with_name(path.name.replace("res-2", "res-1")))


def only_run_10(place):
    for path in func(place).glob("*_run-1_*_bold.nii.gz"):
        path.rename(path.with_name(path.name.replace("_run-1_", "_run-10_")))


def broken_link(place):
    path = bold_file(place)
    path.unlink()
    path.symlink_to("../../.git/annex/objects/x.nii.gz")


def apple_double(place):
    """Leave only what macOS writes beside a file."""
    path = bold_file(place)
    path.rename(path.with_name("._" + path.name))


def no_confounds(place):
    beside(place, "desc-confounds_timeseries.tsv").unlink()


def mask_grid(place):
    path = beside(place, f"{SPACE}_desc-brain_mask.nii.gz", "02", "1")
    path.unlink()
    write_image(path, brain(), affine=AFFINE + np.diag([0, 0, 0.5, 0]))


def empty_mask(place):
    path = beside(place, f"{SPACE}_desc-brain_mask.nii.gz", "02", "1")
    path.unlink()
    write_image(path, 0 * brain())


def change_atlas(change, affine=AFFINE):
    def apply(place):
        path = place / "atlas" / "atlas-Test_dseg.nii.gz"
        path.unlink()
        write_image(path, change(labels()), affine=affine)

    return apply


def negative(image):
    return np.where(image == 3, -1, image).astype(np.int16)


def change_names(old, new):
    def apply(place):
        change_text(place / "atlas" / "atlas-Test_dseg.tsv", old, new)

    return apply


def change_events(old, new):
    def apply(place):
        change_text(beside(place, "events.tsv"), old, new)

    return apply


def no_sound(place):
    (place / "film.wav").unlink()


def short_sound(place):
    wave = load_audio(place / "film.wav", 8000)
    save_audio(place / "film.wav", wave[: 100 * 8000], 8000)


MIRRORED = np.diag([-1, 1, 1, 1.0]) @ AFFINE
BOLD = "subject 01, run-1"
SIDECAR = "subject 02, run-2"
CONFOUNDS = "nuisance of subject 01, run-1"
TABLE = "sub-01_task-film_run-1_events.tsv of subject 01, run-1"


CHECK_ONLY = ("padding", "constants", "an onset that is no number")  # loading does not look there


def ragged(place):
    path = beside(place, "desc-confounds_timeseries.tsv")
    lines = path.read_text().split("\n")
    lines[3] = lines[3].rpartition("\t")[0]
    path.write_text("\n".join(lines))


@dataclass(frozen=True)
class Fault:
    """The kind of file concerned, what breaks it, and what must then be found (a pattern)."""

    kind: str
    break_it: Callable[[Path], None]
    message: str


FAULTS = {
    "no BOLD": Fault("bold", no_bold, f"error: {BOLD}=file=.*does not exist"),
    "truncated BOLD": Fault("bold", truncated_bold, f"error: {BOLD}=.*cannot be read"),
    "a TR less": Fault(
        "bold", bold_with(first_39_volumes), f"error: {BOLD}=39 TRs: the manifest declares 40"
    ),
    "mirrored BOLD": Fault(
        "bold", bold_with(same, affine=MIRRORED), f"error: {BOLD}=RAS, .*must be LAS, affine"
    ),
    "another shape": Fault(
        "bold", bold_with(five_slices), rf"error: {BOLD}=shape \(5, 6, 6\): must be"
    ),
    "another TR": Fault(
        "bold", bold_with(same, t_r=2.0), f"error: {BOLD}=TR 2 s in the header: the manifest"
    ),
    "no TR": Fault("bold", no_tr, f"warning: {BOLD}=TR 0 s in the header: says nothing"),
    "a TR with a wrong unit": Fault(
        "bold", bold_with(same, unit="msec"), f"{BOLD}=TR 0.0015 s .* has a wrong unit"
    ),
    "a TR in ms": Fault(
        "bold", bold_with(same, t_r=1000 * T_R), f"{BOLD}=TR 1500 s .* has a wrong unit"
    ),
    "padding": Fault("bold", bold_with(flat_tail), f"error: {BOLD}=the last 9 TRs are constant"),
    "NaN": Fault("bold", bold_with(one_nan), rf"error: {BOLD}=1 of \d+ voxels hold NaN"),
    "constants": Fault("bold", bold_with(ones), f"error: {BOLD}=every voxel is constant"),
    "z-scores": Fault(
        "bold",
        bold_with(zscored),
        rf"warning: preprocessing.zscored=false: 1 series are already .*\({BOLD}\)",
    ),
    "two resolutions": Fault("bold", two_bolds, f"error: {BOLD}=.*2 files have .*res: 1, 2"),
    "run-10 for run-1": Fault("bold", only_run_10, f"error: {BOLD}=.*does not exist .*run-10"),
    "a link to nothing": Fault("bold", broken_link, f"error: {BOLD}=.*link.*not there"),
    "AppleDouble alone": Fault("bold", apple_double, f"error: {BOLD}=.*does not exist"),
    "sidecar of another TR": Fault(
        "sidecar",
        sidecar_with(RepetitionTime=2.0),
        f"error: {SIDECAR}=RepetitionTime 2 s in sub-02.*: the manifest declares 1.[45] s",
    ),
    "sidecar in ms": Fault(
        "sidecar",
        sidecar_with(RepetitionTime=1500),
        f"error: {SIDECAR}=RepetitionTime 1500 s .*milliseconds",
    ),
    "slices at the begin": Fault(
        "sidecar",
        sidecar_with(StartTime=0.0),
        f"error: {SIDECAR}=StartTime 0 s .*slice_time_ref: 0.5",
    ),
    "a broken sidecar": Fault("sidecar", broken_sidecar, f"error: {SIDECAR}=.*readable JSON"),
    "an inherited sidecar": Fault(
        "sidecar",
        inherited_sidecar,
        "error: subject 02, run-2=RepetitionTime 2.2 s in task-film_bold.json",
    ),
    "no confounds": Fault("confounds", no_confounds, f"error: {CONFOUNDS}=file=.*does not exist"),
    "short confounds": Fault(
        "confounds", confounds_with(first_39), f"error: {CONFOUNDS}=39 rows: BOLD has 40"
    ),
    "a ragged row": Fault("confounds", ragged, f"error: {CONFOUNDS}=.*line 4 has"),
    "a confound less": Fault(
        "confounds",
        confounds_with(without_rot_z),
        f"error: {CONFOUNDS}=.*does not hold the confounds.*rot_z",
    ),
    "an empty confound": Fault(
        "confounds",
        confounds_with(cell("csf", slice(None), "n/a")),
        f"warning: {CONFOUNDS}=40 of 40 values of csf are n/a: the column holds no value",
    ),
    "a hole in a confound": Fault(
        "confounds",
        confounds_with(cell("trans_x", 7, "n/a")),
        f"warning: {CONFOUNDS}=1 of 40 values of trans_x are n/a",
    ),
    "decimal commas": Fault(
        "confounds",
        confounds_with(cell("trans_x", 7, "0,5")),
        f"error: {CONFOUNDS}=.*line 9, column trans_x: '0,5'",
    ),
    "a mask on another grid": Fault("mask", mask_grid, "error: mask=auto, subject 02, LAS, affine"),
    "an empty mask": Fault("mask", empty_mask, "error: mask=auto: holds no voxel"),
    "an atlas elsewhere": Fault(
        "atlas",
        change_atlas(same, AFFINE + np.eye(4, k=3)),
        "error: regions=atlas.file=.*must be LAS, affine",
    ),
    "probabilities for labels": Fault(
        "atlas", change_atlas(halves), r"error: regions=atlas.file=.*holds the label [13].5"
    ),
    "a negative label": Fault(
        "atlas", change_atlas(negative), "error: regions=.*holds the label -1"
    ),
    "a label without a name": Fault(
        "names",
        change_names("12\tV1", "13\tV1"),
        "error: regions=atlas.names: label 12 has no name",
    ),
    "a name twice": Fault(
        "names",
        change_names("A1 left", "A1 right"),
        "error: regions=atlas.names: A1 right is the name of two labels",
    ),
    "an index twice": Fault(
        "names",
        change_names("7\tA1", "3\tA1"),
        "error: regions=atlas.names=.*index 3 occurs twice",
    ),
    "an onset that is no number": Fault(
        "events",
        change_events("\n0.0", "\nsoon"),
        f"error: {TABLE}, line 2=onset='soon'",
    ),
    "another sound played": Fault(
        "events",
        change_events("film.wav", "other.wav"),
        f"warning: {TABLE}, line 2=stim_file other.wav",
    ),
    "a later begin": Fault(
        "events",
        change_events("\n0.0", "\n4.5"),
        f"warning: {TABLE}, line 2=film.wav begins 4.5 s after volume 0",
    ),
    "no sound": Fault("sound", no_sound, "error: stimulus.file=file=.*film.wav: does not exist"),
    "a short sound": Fault(
        "sound", short_sound, r"error: runs.run-2=ends at 1\d\d s: BOLD must not"
    ),
    "an unknown key": Fault(
        "manifest",
        manifest_line("confounds:", "confuonds: {}\nconfounds:"),
        "error: dataset.confuonds={}: unknown key",
    ),
    "a wrong TR": Fault(
        "manifest",
        manifest_line("t_r: 1.5", "t_r: 1.4"),
        "error: subject 02, run-1=TR 1.5 s in the header: the manifest declares 1.4 s",
    ),
    "a subject too many": Fault(
        "manifest",
        manifest_line('"02"]', '"02", "03"]'),
        r"error: subject 03, run-1=.*does not exist .there is sub-01, sub-02",
    ),
    "a number with a zero": Fault(
        "manifest",
        manifest_line('"02"]', "02]"),
        r"error: bold.subjects\[1\]=02: .*octal.*Quote it",
    ),
    "overlapping runs": Fault(
        "manifest",
        manifest_line("stimulus_start_s: 60", "stimulus_start_s: 50"),
        "error: runs.run-2.stimulus_start_s=50 s: run-1 lasts until 60 s",
    ),
    "a run off the sound": Fault(
        "manifest",
        manifest_line("stimulus_start_s: 60", "stimulus_start_s: 600"),
        "error: runs.run-2=begins at 600 s: the sound ends at 1[02]0 s",
    ),
    "a wrong type": Fault(
        "manifest",
        manifest_line("confounds:", "resample: 1\nconfounds:"),
        "error: dataset.resample=1: must be bool",
    ),
    "no file of names": Fault(
        "names",
        manifest_line("dseg.tsv", "dseg.txt"),
        "error: regions=file=.*dseg.txt: does not exist",
    ),
    "an unknown strategy": Fault(
        "manifest",
        manifest_line("wm_csf", "wmcsf"),
        r"error: confounds.strategy\[1\]=wmcsf: must list some of motion",
    ),
}


def is_found(message, problems):
    return any(re.search(message, problem) for problem in problems)


@pytest.mark.parametrize("name", FAULTS)
def test_a_single_fault_is_found(place, name):
    fault = FAULTS[name]
    fault.break_it(place)
    problems = found(place)
    assert is_found(fault.message, problems), problems
    is_error = any(problem.startswith("error") for problem in problems)
    if is_error and name not in CHECK_ONLY:
        with pytest.raises(InputError):
            read_all(place)


def read_all(place):
    data = load_dataset(place / "dataset.yaml")
    for subject in data.subjects:
        data.bold(subject)
        data.nuisance(subject)


def test_each_kind_of_file_has_a_fault_and_there_are_thirty():
    assert len(FAULTS) >= 30
    kinds = {
        "bold",
        "sidecar",
        "confounds",
        "mask",
        "atlas",
        "names",
        "events",
        "sound",
        "manifest",
    }
    assert {fault.kind for fault in FAULTS.values()} == kinds


ONE_UNDOES_THE_OTHER = [
    {"no TR", "an inherited sidecar"},
    {"an empty confound", "an unknown strategy"},
    {"probabilities for labels", "a label without a name"},
    {"probabilities for labels", "a name twice"},
    {"a negative label", "a name twice"},
    {"no sound", "a run off the sound"},
    {"a short sound", "a run off the sound"},
]


def pairs():
    """Each fault with two others, in files of another kind."""
    names = list(FAULTS)
    steps = range(1, len(names)) if os.environ.get("ALL_PAIRS") else (11, 17)
    for i, first in enumerate(names):
        for step in steps:
            second = names[(i + step) % len(names)]
            apart = FAULTS[first].kind != FAULTS[second].kind
            if apart and {first, second} not in ONE_UNDOES_THE_OTHER:
                yield first, second


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), list(pairs()))
def test_no_fault_hides_another(place, first, second):
    for name in (first, second):
        FAULTS[name].break_it(place)
    problems = found(place)
    for name in (first, second):
        assert is_found(FAULTS[name].message, problems), (name, problems)
