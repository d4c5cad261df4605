"""A made-up study on disk: a sound, and subjects whose slab of brain follows its loudness.

It looks like a lab's: a BIDS data set whose derivative is fMRIPrep's, with two spaces, brain
masks, confounds, sidecars, tables of events that name the sound, and an atlas with its names.
"""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pandas as pd
from fmriprep import write_json, write_table

from giblet_core.sound import save_audio
from giblet_core.timing import hrf

RATE = 16_000
ENVELOPE_HZ = 50
REGIONS = {1: "auditory", 2: "visual", 5: "motor"}
TISSUES = ("csf", "white_matter", "global_signal")
MOTION = tuple(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz")


@dataclass(frozen=True)
class StudyPlan:
    """What is varied: the clock, the slab, who and how often.

    Runs follow each other in the sound, which begins `onset_s` after volume 0 of each.
    """

    t_r: float = 2.0
    n_trs: int = 150
    shape: tuple = (24, 28, 12)
    voxel_mm: float = 3.0
    subjects: tuple = ("01", "02")
    n_runs: int = 1
    onset_s: float = 0.0
    start_s: float | None = 1.0
    n_unsteady: int = 0
    sound: str = "film.wav"
    seed: int = 0

    @property
    def run_s(self):
        return self.n_trs * self.t_r - self.onset_s

    @property
    def affine(self):
        affine = np.diag([-self.voxel_mm, self.voxel_mm, self.voxel_mm, 1])
        affine[:3, 3] = (
            self.voxel_mm * self.shape[0] / 2,
            -self.voxel_mm * self.shape[1] / 2 - 20,
            -10,
        )
        return affine


def write_study(place, plan=StudyPlan()):
    """Write the study below a folder; return the folder of the derivative."""
    rng = np.random.default_rng(plan.seed)
    wave, envelope = speechlike(plan.run_s * plan.n_runs, rng)
    (place / "stimuli").mkdir(parents=True)
    save_audio(place / "stimuli" / plan.sound, wave, RATE)
    write_json(place / "dataset_description.json", {"Name": "made up", "BIDSVersion": "1.8.0"})
    root = place / "derivatives" / "fmriprep"
    for subject in plan.subjects:
        func = root / f"sub-{subject}" / "func"
        func.mkdir(parents=True)
        for run in range(plan.n_runs):
            heard = envelope[int(run * plan.run_s * ENVELOPE_HZ) :]
            _write_run(place, func, (subject, run), heard, plan, rng)
    write_json(root / "dataset_description.json", {"Name": "fMRIPrep", "BIDSVersion": "1.8.0"})
    _write_atlas(place / "derivatives" / "atlas", plan)
    return root


def speechlike(duration_s, rng):
    """Noise whose level goes up and down as in speech; its level at `ENVELOPE_HZ`."""
    n_steps = int(duration_s * ENVELOPE_HZ)
    syllables = np.abs(np.convolve(rng.standard_normal(n_steps), np.hanning(12), "same"))
    phrases = np.repeat(rng.uniform(0.05, 1, n_steps // 150 + 1), 150)[:n_steps]
    envelope = syllables / syllables.max() * phrases
    level = np.repeat(envelope, RATE // ENVELOPE_HZ)
    wave = 0.3 * level * rng.standard_normal(level.size)
    return np.clip(wave, -1, 1).astype(np.float32), envelope


def labels(shape):
    """Three regions, one behind the other; the edge of the slab lies outside."""
    image = np.zeros(shape, np.int16)
    third = shape[1] // 3
    for i, label in enumerate(REGIONS):
        image[2:-2, i * third + 1 : (i + 1) * third, 1:-1] = label
    return image


def brain(shape):
    mask = np.zeros(shape, np.uint8)
    mask[1:-1, 1:-1, 1:-1] = 1
    return mask


def series(heard, plan, rng):
    """Baseline, drifting noise and, in one region, the response to what was heard from volume 0."""
    response = hrf.convolve(
        heard[:, None].astype(np.float32),
        ENVELOPE_HZ,
        plan.t_r,
        n_trs=plan.n_trs,
        slice_time_ref=0.5,
    )[:, 0]
    response = (response - response.mean()) / response.std()
    noise = rng.standard_normal((*plan.shape, plan.n_trs))
    drift = np.linspace(-1, 1, plan.n_trs) * rng.standard_normal((*plan.shape, 1))
    follows = (labels(plan.shape) == 1)[..., None]
    data = 1000 + 10 * (noise + drift + 0.7 * follows * response)
    return (data * brain(plan.shape)[..., None]).astype(np.float32)


def _write_run(place, func, whose, heard, plan, rng):
    subject, run = whose
    entities = f"sub-{subject}_task-film" + (f"_run-{run + 1}" if plan.n_runs > 1 else "")
    n_steps = int((plan.n_trs * plan.t_r + 1) * ENVELOPE_HZ)
    padded = np.r_[np.zeros(int(plan.onset_s * ENVELOPE_HZ)), heard, np.zeros(n_steps)][:n_steps]
    sidecar = {"RepetitionTime": plan.t_r, "SliceTimingCorrected": plan.start_s is not None}
    if plan.start_s is not None:
        sidecar["StartTime"] = plan.start_s
    for space in ("MNI152NLin2009cAsym", "T1w"):
        stem = func / f"{entities}_space-{space}"
        image = nib.Nifti1Image(series(padded, plan, rng), plan.affine)
        image.header.set_zooms((*image.header.get_zooms()[:3], plan.t_r))
        image.header.set_xyzt_units("mm", "sec")
        nib.save(image, f"{stem}_desc-preproc_bold.nii.gz")
        nib.save(nib.Nifti1Image(brain(plan.shape), plan.affine), f"{stem}_desc-brain_mask.nii.gz")
        write_json(stem.with_name(f"{stem.name}_desc-preproc_bold.json"), sidecar)
    write_table(func / f"{entities}_desc-confounds_timeseries.tsv", confounds(plan, rng))
    write_json(func / f"{entities}_desc-confounds_timeseries.json", {})
    raw = place / f"sub-{subject}" / "func"
    raw.mkdir(parents=True, exist_ok=True)
    events = {"onset": [plan.onset_s], "duration": [plan.run_s], "stim_file": [plan.sound]}
    write_table(raw / f"{entities}_events.tsv", pd.DataFrame(events))


def confounds(plan, rng):
    """Motion with its expansions, tissues, slow cosines, and volumes that are not steady."""
    table = {}
    for name in (*MOTION, *TISSUES):
        table[name] = rng.standard_normal(plan.n_trs)
        table[f"{name}_derivative1"] = np.r_[np.nan, np.diff(table[name])]
        table[f"{name}_power2"] = table[name] ** 2
        table[f"{name}_derivative1_power2"] = table[f"{name}_derivative1"] ** 2
    steps = (np.arange(plan.n_trs) + 0.5) / plan.n_trs
    for i in range(2):
        table[f"cosine{i:02d}"] = np.cos(np.pi * (i + 1) * steps)
    for i in range(plan.n_unsteady):
        table[f"non_steady_state_outlier{i:02d}"] = (np.arange(plan.n_trs) == i) * 1.0
    return pd.DataFrame(table)


def _write_atlas(folder, plan):
    folder.mkdir()
    nib.save(nib.Nifti1Image(labels(plan.shape), plan.affine), folder / "atlas-Slab_dseg.nii.gz")
    rows = [(0, "Background"), *REGIONS.items()]
    write_table(folder / "atlas-Slab_dseg.tsv", pd.DataFrame(rows, columns=["index", "name"]))
