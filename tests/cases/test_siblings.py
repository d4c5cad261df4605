"""Faults of the kinds that were handed, in other spellings: each is right or refused.

One data set is changed in one place at a time: its manifest, a JSON file, a table, a header. Where
the message is "", what is written means the same as before and has to be read so.
"""

import gzip
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import soundfile
from fmriprep import AFFINE, labels

from giblet_core.commands import main
from giblet_core.fmri import load_dataset

DONE = 0
WRONG_INPUT = 2
FUNC = Path("fmriprep/sub-01/func")
STEM = "sub-01_task-film_run-1"
SPACE = "space-MNI152NLin2009cAsym_res-2"
BOLD = FUNC / f"{STEM}_{SPACE}_desc-preproc_bold.nii.gz"
MASK = FUNC / f"{STEM}_{SPACE}_desc-brain_mask.nii.gz"
SIDECAR = FUNC / f"{STEM}_{SPACE}_desc-preproc_bold.json"
CONFOUNDS = FUNC / f"{STEM}_desc-confounds_timeseries.tsv"
EVENTS = FUNC / f"{STEM}_events.tsv"
NAMES = Path("atlas/atlas-Test_dseg.tsv")


def assert_right_or_refused(message, capsys):
    """Check the data set in the current folder; "" has to be accepted without a word, and read."""
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    told = said.out + said.err
    assert "error of the program" not in told
    if message:
        assert status == WRONG_INPUT, told
        assert message in told
        return
    assert status == DONE, told
    assert "0 errors, 0 warnings" in told
    data = load_dataset("dataset.yaml")
    assert (data.t_r, data.n_trs, data.n_voxels) == (1.5, 80, 64)
    assert data.region_names == ("A1 left", "A1 right", "V1")
    assert np.isfinite(data.bold(data.subjects[0])).all()


# --- the manifest --------------------------------------------------------------------------------

#: What stands in the manifest, what is written in its place -> what the message says.
SPELLINGS = {
    ("t_r: 1.5", "t_r: 15e-1"): "",
    ("t_r: 1.5", "t_r: +1.5"): "",
    ("t_r: 1.5", "t_r: 1.50 # seconds"): "",
    ("name: film", "name: 2026-11-28"): "",
    ("name: film", "name: 'no'"): "",
    ("name: film", "\ufeffname: film"): "",
    ('["01", "02"]', '["sub-01", "sub-02"]'): "",
    ("t_r: 1.5", "t_r: 1,5"): "t_r=1,5: (line 3) has a decimal comma",
    ("t_r: 1.5", "t_r: 1.5s"): "t_r='1.5s'",
    ("t_r: 1.5", "t_r: 1500"): "t_r=1500: must be positive seconds, at most 60",
    ("t_r: 1.5", "t_r: -1.5"): "t_r=-1.5: must be positive",
    ("t_r: 1.5", "t_r: 0"): "t_r=0: must be positive",
    ("t_r: 1.5", "t_r: true"): "t_r=True",
    ("t_r: 1.5", "t_r: 1.5d0"): "t_r='1.5d0'",
    ("t_r: 1.5", "t_r: 3/2"): "t_r='3/2'",
    ("t_r: 1.5", "t_r: '1.5'"): "t_r='1.5'",
    ("t_r: 1.5", "t_r: １.５"): "t_r='１.５'",
    ("t_r: 1.5", "t_r: [1.5]"): "t_r=[1.5]",
    ("t_r: 1.5", "t_r: 1_5"): "has underscores",
    ("t_r: 1.5", "t_r: 1e999"): "must be a finite number",
    ("t_r: 1.5", "t_r: !!python/float 1.5"): "could not determine a constructor",
    ("t_r: 1.5", "t_r = 1.5"): "must be a readable YAML file",
    ("t_r: 1.5", "t_r:\u00a01.5"): "must be a readable YAML file",
    ("t_r: 1.5", "t_r: 1.5\nt_r: 2.0"): "key=t_r: stands twice",
    ("t_r: 1.5", "T_R: 1.5"): "T_R=1.5: unknown key",
    ("slice_time_ref", "slice-time-ref"): "slice-time-ref=0.5: unknown key",
    ("slice_time_ref: 0.5", "slice_time_ref: middle"): "slice_time_ref='middle'",
    ("n_trs: 40, stimulus_start_s: 0}", "n_trs: 40.0, stimulus_start_s: 0}"): "n_trs=40.0",
    ("n_trs: 40, stimulus_start_s: 0}", "n_trs: 0x28, stimulus_start_s: 0}"): "n_trs=0x28",
    ("n_trs: 40, stimulus_start_s: 0}", "n_trs: 0o50, stimulus_start_s: 0}"): "n_trs=0o50",
    ("start_s: 0}", "start_s: −0.5}"): "stimulus_start_s='−0.5'",
    ("start_s: 60}", "start_s: 1:00.5}"): "is a base-60 number",
    ("start_s: 60}", "start_s: 60000}"): "the sound ends at 120 s",
    ("start_s: 60}", "start_s: 59.9}"): "runs must not overlap",
    ('["01", "02"]', "[01, 02]"): "has leading zeros",
    ('["01", "02"]', "[1, 2]"): "does not exist (there is sub-01",
    ('["01", "02"]', "['01', '01']"): "must not repeat a subject",
    ('["01", "02"]', "'01'"): "bold.subjects",
    ("name: film", "name: ~"): "name",
    ("name: film", "name: on"): "is true or false in YAML 1.1",
    ("name: film", "name: film\n---\na: 1"): "must be a readable YAML file",
    ("  {name: run-2", "\t{name: run-2"): "must be a readable YAML file",
    ("name: run-2", "name: run-02"): "does not exist",
    ("MNI152NLin2009cAsym", "MNI152NLin6Asym"): "does not exist",
    ("folder: fmriprep", "folder: " + "a" * 3000): "there is no folder",
    ("../film.wav", "../film.flac"): "does not exist",
}


@pytest.mark.parametrize(("before", "after"), SPELLINGS)
def test_a_manifest_in_another_spelling(place, capsys, before, after):
    manifest = place / "dataset.yaml"
    text = manifest.read_text()
    assert before in text
    manifest.write_text(text.replace(before, after))
    assert_right_or_refused(SPELLINGS[before, after], capsys)


# --- JSON and tables -----------------------------------------------------------------------------

EVENT = "onset\tduration\tstim_file\n0\tn/a\tfilm.wav\n"
INDEXED = "index\tname\n3\tA1 left\n7\tA1 right\n12\tV1\n"
#: Name of the case -> file, its text, what the message says.
TEXTS = {
    "TR as text": (SIDECAR, '{"RepetitionTime": "1.5"}', "must be a number of seconds"),
    "TR in ms": (SIDECAR, '{"RepetitionTime": 1500}', "(milliseconds?)"),
    "TR of 0": (SIDECAR, '{"RepetitionTime": 0}', "RepetitionTime 0 s"),
    "TR of NaN": (SIDECAR, '{"RepetitionTime": NaN}', "must be a number of seconds"),
    "TR in a list": (SIDECAR, '{"RepetitionTime": [1.5]}', "must be a number of seconds"),
    "TR twice": (SIDECAR, '{"RepetitionTime": 2.0, "RepetitionTime": 1.5}', "stands twice"),
    "TR in small letters": (SIDECAR, '{"repetitiontime": 2.0}', "must be written RepetitionTime"),
    "times of volumes": (SIDECAR, '{"VolumeTiming": [0, 2, 5]}', "VolumeTiming"),
    "true as text": (SIDECAR, '{"SliceTimingCorrected": "true"}', "must be true or false"),
    "comma at the end": (SIDECAR, '{"RepetitionTime": 1.5,}', "must be a readable JSON file"),
    "JSON with a mark": (SIDECAR, '\ufeff{"RepetitionTime": 1.5}', ""),
    "onset with a comma": (EVENTS, EVENT.replace("0\tn", "0,0\tn"), "onset='0,0'"),
    "events with commas": (EVENTS, EVENT.replace("\t", ","), "must hold onset, duration"),
    "a duration below 0": (EVENTS, EVENT.replace("n/a", "-2"), "duration='-2'"),
    "no onset": (EVENTS, EVENT.replace("0\tn", "n/a\tn"), "onset=''"),
    "no events": (EVENTS, "", "is empty"),
    "events of another task": (FUNC / "sub-01_task-rest_events.tsv", "nothing", ""),
    "volumes thrown away": (
        SIDECAR,
        '{"NumberOfVolumesDiscardedByUser": "4"}',
        "number of volumes",
    ),
    "events of Windows": (EVENTS, "\ufeff" + EVENT.replace("\n", "\r\n"), ""),
    "names in another order": (NAMES, "name\tindex\nV1\t12\nA1 right\t7\nA1 left\t3\n", ""),
    "names in capitals": (NAMES, INDEXED.replace("index\tname", "Index\tName"), ""),
    "names with commas": (NAMES, INDEXED.replace("\t", ","), ""),
    "names of FreeSurfer": (
        NAMES,
        "#x\n3 A1 left 1 2 3 0\n7 A1 right 1 2 3 0\n12 V1 1 2 3 0\n",
        "",
    ),
    "names behind numbers": (NAMES, "3 A1 left\n7 A1 right\n12 V1\n", ""),
    "index with a fraction": (NAMES, INDEXED.replace("3\t", "3.0\t"), "must be a whole number"),
    "names in order": (NAMES, "A1 left\nA1 right\nV1\n", "3 names, but labels go up to 12"),
    "a name that is n/a": (NAMES, INDEXED.replace("A1 left", "n/a"), "label 3 has no name"),
    "a name with a blank": (NAMES, INDEXED.replace("A1 left", "V1 "), "is the name of two labels"),
    "a label too few": (NAMES, INDEXED.replace("3\tA1 left\n", ""), "label 3 has no name"),
    "an index twice": (NAMES, INDEXED + "12\tV2\n", "index 12 occurs twice"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_another_spelling(place, capsys, name):
    path, text, message = TEXTS[name]
    (place / path).write_text(text)
    assert_right_or_refused(message, capsys)


def test_events_of_all_subjects_hold_where_a_subject_has_none(place, capsys):
    common = place / "fmriprep" / "task-film_events.tsv"
    common.write_text("nothing")
    assert_right_or_refused("", capsys)  # the subjects' own tables are nearer
    for table in (place / "fmriprep").glob("sub-*/func/*_events.tsv"):
        table.unlink()
    assert_right_or_refused("task-film_events.tsv of subject 01, run-1=", capsys)
    common.rename(common.with_name("task-rest_events.tsv"))
    assert_right_or_refused("", capsys)


def test_volumes_that_were_thrown_away_are_said(place, capsys):
    (place / SIDECAR).write_text(
        '{"RepetitionTime": 1.5, "NumberOfVolumesDiscardedByScanner": 2, '
        '"NumberOfVolumesDiscardedByUser": 4}'
    )
    assert main(["check", "dataset.yaml"]) == DONE
    said = capsys.readouterr().out
    assert "subject 01, run-1=6 volumes were discarded before volume 0" in said
    assert "give history_s (up to 9)" in said


@pytest.mark.parametrize("path", [SIDECAR, CONFOUNDS, EVENTS, NAMES, Path("dataset.yaml")])
def test_a_text_in_another_encoding_is_refused(place, capsys, path):
    text = (place / path).read_text()
    (place / path).write_bytes(text.encode("utf-16"))
    assert_right_or_refused("utf-8", capsys)
    (place / path).write_bytes(text.encode() + b"\xe9")
    assert_right_or_refused("utf-8", capsys)


def shuffled(frame):
    return frame[frame.columns[::-1]]


def infinite(frame):
    return frame.assign(csf=np.where(frame.index == 5, np.inf, frame.csf))


def one_row_more(frame):
    return pd.concat([frame, frame.iloc[-1:]])


def without_motion(frame):
    return frame.drop(columns="trans_x")


#: What is done to the confounds, how they are saved -> what the message says.
FRAMES = {
    (shuffled, ()): "",
    (infinite, ()): "1 infinite values; all must be finite",
    (one_row_more, ()): "41 rows: BOLD has 40",
    (without_motion, ()): "does not hold the confounds",
    (shuffled, (("index", True),)): "column 1 has no name",
    (shuffled, (("decimal", ","),)): "must be a table of numbers",
    (shuffled, (("sep", ","),)): "must be a table of numbers",
}


@pytest.mark.parametrize(("change", "options"), FRAMES)
def test_confounds_in_another_form(place, capsys, change, options):
    frame = pd.read_csv(place / CONFOUNDS, sep="\t")
    saving = {"sep": "\t", "na_rep": "n/a", "index": False, **dict(options)}
    change(frame).to_csv(place / CONFOUNDS, **saving)
    assert_right_or_refused(FRAMES[change, options], capsys)


# --- images --------------------------------------------------------------------------------------


def save_changed(path, change=None, qform=None, image_type=nib.Nifti1Image):
    """Save an image again, with other values, another qform or as another type."""
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    changed = image_type(values if change is None else change(values), image.affine)
    if changed.ndim == 4:
        changed.header.set_zooms((3, 3, 3, 1.5))
        changed.header.set_xyzt_units("mm", "sec")
    if qform is not None:
        changed.set_qform(qform, 1)
    nib.save(changed, path)


def as_complex(values):
    return values.astype(np.complex64)


def with_axis(values):
    return values[..., None, :]


def times_255(values):
    return (255 * values).astype(np.uint8)


def inverted(values):
    return (1 - values).astype(np.uint8)


def maps(values):
    return np.stack([labels() == 3, labels() == 7], -1).astype(np.float32)


MIRRORED = AFFINE * [[-1], [1], [1], [1]]
MOVED = AFFINE + [[0, 0, 0, 2.0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
ATLAS = Path("atlas/atlas-Test_dseg.nii.gz")
#: Name of the case -> image, what is done to it, what the message says.
IMAGES = {
    "NIfTI-2": (BOLD, {"image_type": nib.Nifti2Image}, ""),
    "a qform of the scanner": (BOLD, {"qform": MOVED}, ""),
    "a mirrored qform": (BOLD, {"qform": MIRRORED}, "mirrors its sform"),
    "a mirrored qform of the atlas": (ATLAS, {"qform": MIRRORED}, "mirrors its sform"),
    "complex numbers": (BOLD, {"change": as_complex}, "values must be real numbers"),
    "five dimensions": (BOLD, {"change": with_axis}, "must have four dimensions"),
    "a mask of 255": (MASK, {"change": times_255}, ""),
    "a mask of what is outside": (MASK, {"change": inverted}, "holds no voxel"),
    "maps for labels": (ATLAS, {"change": maps}, "must be one volume"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_in_another_form(place, capsys, name):
    path, options, message = IMAGES[name]
    save_changed(place / path, **options)
    assert_right_or_refused(message, capsys)


def unpacked(path):
    path.write_bytes(gzip.decompress(path.read_bytes()))


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def beside_itself(path):
    nib.save(nib.load(path), str(path).removesuffix(".gz"))


#: What is done to BOLD's file -> what the message says.
FILES = {unpacked: "must be a readable NIfTI", cut: "cannot be read", beside_itself: "2 files have"}


@pytest.mark.parametrize("change", FILES)
def test_a_file_in_another_form(place, capsys, change):
    change(place / BOLD)
    assert_right_or_refused(FILES[change], capsys)


#: Name of a copy of BOLD's file in place of parts of its own -> what the message says.
COPIES = {
    ("run-1", "run-1_echo-2"): "2 files have such a name",
    ("run-1", "run-1_part-phase"): "2 files have such a name",
    ("run-1", "run-1_acq-fast"): "2 files have such a name",
    ("run-1", "run-1_dir-PA"): "2 files have such a name",
    ("res-2", "res-1"): "2 files have such a name",
    ("sub-01", "sub-011"): "",
    ("run-1", "run-10"): "",
    ("sub-01", "._sub-01"): "",
    ("desc-preproc", "desc-smoothed"): "",
    ("space-MNI152NLin2009cAsym", "space-MNI152NLin2009cAsymX"): "",
    ("run-1", "run-2"): "subject 01, run-2=every value: is that of subject 01, run-1",
}


@pytest.mark.parametrize(("part", "other"), COPIES)
def test_another_file_beside(place, capsys, part, other):
    shutil.copy(place / BOLD, place / FUNC / BOLD.name.replace(part, other))
    assert_right_or_refused(COPIES[part, other], capsys)


def test_all_subjects_excluded(place, capsys):
    rules = "exclude: [{subject: '01', why: asleep}, {subject: '02', why: away}]\n"
    (place / "dataset.yaml").write_text((place / "dataset.yaml").read_text() + rules)
    assert_right_or_refused("exclude=every subject: must keep at least one", capsys)


def test_a_run_of_another_subject(place, capsys):
    target = str(place / BOLD).replace("sub-01", "sub-02")
    shutil.copy(place / BOLD, target)
    assert_right_or_refused("subject 02, run-1=every value: is that of subject 01, run-1", capsys)


@pytest.mark.parametrize("level", [0.0, 0.3, 1e-7])
def test_a_sound_that_does_not_sound(place, capsys, level):
    wave = np.full(120 * 8000, level)
    wave[::2] *= 0.5 if level < 0.1 else 1.0
    soundfile.write(place / "film.wav", wave, 8000, subtype="FLOAT")
    assert_right_or_refused("is silent, or holds one value", capsys)
