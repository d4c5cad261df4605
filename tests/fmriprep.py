"""A small but complete derivative of fMRIPrep, with atlas, sound and a manifest."""

import json

import nibabel as nib
import numpy as np
import pandas as pd

from giblet_core.sound import save_audio

T_R = 1.5
N_TRS = 40
SHAPE = (6, 6, 6)
AFFINE = np.array([[-3.0, 0, 0, 7.5], [0, 3, 0, -7.5], [0, 0, 3, -7.5], [0, 0, 0, 1]])
NATIVE = np.array([[2.0, 0, 0, -5], [0, 2, 0, -5], [0, 0, 2, -5], [0, 0, 0, 1]])
SPACES = {"MNI152NLin2009cAsym_res-2": AFFINE, "T1w": NATIVE}
SUBJECTS = ("01", "02")
RUNS = ("1", "2")
REGIONS = {3: "A1 left", 7: "A1 right", 12: "V1"}
MANIFEST = """\
name: film
folder: fmriprep
t_r: 1.5
slice_time_ref: 0.5
stimulus: {file: ../film.wav}
runs: [{name: run-1, n_trs: 40, stimulus_start_s: 0},
  {name: run-2, n_trs: 40, stimulus_start_s: 60}]
bold: {format: bids, subjects: ["01", "02"], entities: {space: MNI152NLin2009cAsym}}
atlas: {file: ../atlas/atlas-Test_dseg.nii.gz, names: ../atlas/atlas-Test_dseg.tsv}
confounds: {strategy: [motion, wm_csf, high_pass]}
"""


def stem(subject, run):
    return f"sub-{subject}_task-film_run-{run}"


def write_image(path, data, affine=AFFINE, t_r=T_R, unit="sec"):
    image = nib.Nifti1Image(data, affine)
    if data.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], t_r))
        image.header.set_xyzt_units("mm", unit)
    nib.save(image, path)


def write_json(path, content):
    path.write_text(json.dumps(content))


def series(rng):
    return (1000 + 10 * rng.standard_normal((*SHAPE, N_TRS))).astype(np.float32)


def brain():
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:5, 1:5, 1:5] = 1
    return mask


def labels():
    image = np.zeros(SHAPE, np.int16)
    image[1:3, 1:3, 1:3] = 3
    image[3:5, 1:3, 1:3] = 7
    image[1:5, 3:5, 3:5] = 12
    return image


def confounds(rng):
    """Motion and its expansions, tissue signals, slow cosines."""
    table = {}
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    for name in (*names, "csf", "white_matter", "global_signal"):
        table[name] = rng.standard_normal(N_TRS)
        table[f"{name}_derivative1"] = np.r_[np.nan, np.diff(table[name])]
        table[f"{name}_power2"] = table[name] ** 2
        table[f"{name}_derivative1_power2"] = table[f"{name}_derivative1"] ** 2
    table["framewise_displacement"] = np.r_[np.nan, rng.random(N_TRS - 1)]
    for i in range(2):
        table[f"cosine{i:02d}"] = np.cos(np.pi * (i + 1) * (np.arange(N_TRS) + 0.5) / N_TRS)
    return pd.DataFrame(table)


def write_table(path, frame):
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def write_func(func, subject, run, rng):
    name = stem(subject, run)
    for space, affine in SPACES.items():
        path = func / f"{name}_space-{space}"
        write_image(path.with_name(f"{path.name}_desc-preproc_bold.nii.gz"), series(rng), affine)
        write_json(
            path.with_name(f"{path.name}_desc-preproc_bold.json"),
            {"RepetitionTime": T_R, "SliceTimingCorrected": True, "StartTime": 0.7},
        )
        write_image(path.with_name(f"{path.name}_desc-brain_mask.nii.gz"), brain(), affine)
        write_image(path.with_name(f"{path.name}_boldref.nii.gz"), brain(), affine)
    write_table(func / f"{name}_desc-confounds_timeseries.tsv", confounds(rng))
    write_json(func / f"{name}_desc-confounds_timeseries.json", {"a_comp_cor_00": {}})
    events = pd.DataFrame({"onset": [0.0], "duration": ["n/a"], "stim_file": ["film.wav"]})
    write_table(func / f"{name}_events.tsv", events)


def write_derivative(place, seed=0):
    """Write everything below a folder and return the manifest's path."""
    rng = np.random.default_rng(seed)
    root = place / "fmriprep"
    for subject in SUBJECTS:
        func = root / f"sub-{subject}" / "func"
        func.mkdir(parents=True)
        for run in RUNS:
            write_func(func, subject, run, rng)
        (root / f"sub-{subject}.html").write_text("<html></html>")
    write_json(root / "dataset_description.json", {"Name": "fMRIPrep", "BIDSVersion": "1.8.0"})
    write_json(root / "task-film_bold.json", {"RepetitionTime": T_R, "TaskName": "film"})
    atlas = place / "atlas"
    atlas.mkdir()
    write_image(atlas / "atlas-Test_dseg.nii.gz", labels())
    rows = [(index, name, "#ff0000") for index, name in REGIONS.items()]
    table = pd.DataFrame([(0, "Background", "n/a"), *rows], columns=["index", "name", "color"])
    write_table(atlas / "atlas-Test_dseg.tsv", table)
    wave = 0.1 * rng.standard_normal(120 * 8000)
    save_audio(place / "film.wav", np.clip(wave, -1, 1).astype(np.float32), 8000)
    path = place / "dataset.yaml"
    path.write_text(MANIFEST)
    return path
