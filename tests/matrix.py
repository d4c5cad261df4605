"""The matrix of builds: what a lab may bring, a covering design over it, and made-up material.

`BUILDS` holds every pair of levels of any two factors at least once (pairwise covering). Material
is made up and small: a codec of a few lines at 25 frames a second, and BOLD that follows the
sound's level a little.
"""

import itertools
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import soundfile
import yaml
from fakes import LinearCodec

from giblet_core.codecs import CodecEntry, CodecShape

RATE = 16_000
TINY_SHAPE = CodecShape(
    sample_rate=RATE,
    hop_length=640,
    cardinality=128,
    latent_dim=64,
    bandwidths_kbps=(0.175, 0.35, 0.7),
)
BANDWIDTH_KBPS = 0.7
VOXEL_MM = 10
EVENT_KINDS = {"speech": "speech", "music": "music"}


@lru_cache
def tiny_codec():
    """25 frames a second, 4 codebooks of 128 entries; it hears up to 800 Hz."""
    return LinearCodec("tiny", TINY_SHAPE, num_codebooks=4)


TINY = CodecEntry("tiny", tiny_codec, "25 Hz x 128 entries")

FACTORS = {
    "n_trs": (13, 60, 111, 150, 400, 920),
    "t_r": (0.72, 1.0, 1.5, 2.0),
    "sound": ("silence", "music", "speech", "tone"),
    "n_subjects": (1, 2, 8),
    "n_runs": (1, 3),
    "bold": ("whole brain", "slab", "roi table", "3 regions"),
    "has_atlas": (True, False),
    "has_mask": (True, False),
    "has_confounds": (True, False),
}


@dataclass(frozen=True)
class Build:
    """One cell of the matrix."""

    n_trs: int
    t_r: float
    sound: str
    n_subjects: int
    n_runs: int
    bold: str
    has_atlas: bool
    has_mask: bool
    has_confounds: bool

    def __str__(self):
        return "-".join(str(getattr(self, field.name)) for field in fields(self)).replace(" ", "_")


def covering_builds(factors=FACTORS, seed=0):
    """Return builds in which every pair of levels of two factors occurs, chosen greedily."""
    rng = np.random.default_rng(seed)
    names = list(factors)
    missing = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x in factors[a]
        for y in factors[b]
    }
    builds = []
    while missing:
        candidates = [_candidate(names, factors, missing, rng) for _ in range(20)]
        best = max(candidates, key=lambda levels: len(_pairs(names, levels) & missing))
        missing -= _pairs(names, best)
        builds.append(Build(**best))
    return builds


def _pairs(names, levels):
    return {((a, levels[a]), (b, levels[b])) for a, b in itertools.combinations(names, 2)}


def _candidate(names, factors, missing, rng):
    """Begin with a pair that is missing, then give each factor the level that covers most."""
    pair = sorted(missing, key=str)[rng.integers(len(missing))]
    levels = dict(pair)
    for name in rng.permutation([name for name in names if name not in levels]):
        gains = []
        for level in factors[name]:
            new = {
                tuple(sorted([(name, level), other], key=lambda item: names.index(item[0])))
                for other in levels.items()
            }
            gains.append(len(new & missing))
        best = np.flatnonzero(np.array(gains) == max(gains))
        levels[str(name)] = factors[name][rng.choice(best)]
    return levels


BUILDS = covering_builds()


def run_lengths(build):
    """Split the TRs into runs, the first a little longer."""
    shortest = build.n_trs // build.n_runs
    rest = build.n_trs - shortest * build.n_runs
    return [shortest + rest, *[shortest] * (build.n_runs - 1)]


def sound_of(build, rng):
    n_samples = int((build.n_trs * build.t_r + 4) * RATE)
    seconds = np.arange(n_samples) / RATE
    if build.sound == "silence":
        return np.zeros(n_samples, np.float32)
    if build.sound == "tone":
        return (0.1 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    slow = np.repeat(rng.uniform(0.2, 1, n_samples // (2 * RATE) + 1), 2 * RATE)[:n_samples]
    if build.sound == "music":
        notes = 110 * 2 ** (np.repeat(rng.integers(0, 24, n_samples // 4000 + 1), 4000) / 12)
        phase = np.cumsum(notes[:n_samples]) / RATE
        wave = np.sin(2 * np.pi * phase) + 0.5 * np.sin(4 * np.pi * phase)
        wave += 0.2 * rng.standard_normal(n_samples)
    else:
        carrier = np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.3 * seconds)) / RATE
        voice = np.sign(np.sin(2 * np.pi * carrier)) + 0.3 * rng.standard_normal(n_samples)
        wave = voice * np.abs(np.sin(2 * np.pi * 2 * seconds))
    return (0.1 * slow * wave).astype(np.float32)


def write_sound(folder, build, rng):
    path = folder / "heard.wav"
    wave = sound_of(build, rng)
    soundfile.write(path, wave, RATE, subtype="PCM_16")
    kind = EVENT_KINDS.get(build.sound)
    if kind:
        rows = [
            f"{start}\t{9}\t{kind}\ttake {start}"
            for start in range(1, int(len(wave) / RATE) - 10, 12)
        ]
        text = "\n".join(["onset\tduration\ttrial_type\tlabel", *rows])
        (folder / "heard_events.tsv").write_text(text + "\n")
    return wave


def level_a_tr(wave, build):
    """Return the level of each TR, late by five seconds, (n_trs,)."""
    edges = (np.arange(build.n_trs + 1) * build.t_r * RATE).astype(int)
    power = [np.square(wave[a:b]).mean() for a, b in zip(edges, edges[1:])]
    level = np.log10(np.array(power) + 1e-6)
    return np.roll(level, round(5 / build.t_r))


@lru_cache
def brain_mask():
    from nilearn.datasets import load_mni152_brain_mask

    return load_mni152_brain_mask(resolution=VOXEL_MM)


def write_volumes(folder, build, series, rng):
    """Write NIfTI of each subject and run; return what the manifest says of them."""
    image = brain_mask()
    inside = image.get_fdata() > 0
    affine = image.affine
    if build.bold == "slab":  # four slices through the cerebellum: far from the template's surface
        inside = inside[:, :, :4]
        inside[:, inside.shape[1] // 2 :] = False
    n_voxels = int(inside.sum())
    n_regions = 3 if build.bold == "3 regions" else 8
    labels = np.zeros(inside.shape, np.int16)
    labels[inside] = 1 + (np.arange(n_voxels) * n_regions) // n_voxels
    gains = rng.uniform(0, 1, n_voxels)
    starts = np.cumsum([0, *run_lengths(build)])
    for subject in range(1, build.n_subjects + 1):
        for run, (first, last) in enumerate(zip(starts, starts[1:]), start=1):
            data = np.zeros((*inside.shape, last - first), np.float32)
            noise = rng.standard_normal((n_voxels, last - first))
            data[inside] = 100 + np.outer(gains, series[first:last]) + noise
            bold = nib.Nifti1Image(data, affine)
            bold.header.set_zooms((*bold.header.get_zooms()[:3], build.t_r))
            bold.header.set_xyzt_units("mm", "sec")
            nib.save(bold, folder / f"s{subject}_run{run}.nii.gz")
    said = {"bold": {"pattern": "s{subject}_{run}.nii.gz", "format": "nifti"}}
    if build.has_mask:
        nib.save(nib.Nifti1Image(inside.astype(np.uint8), affine), folder / "mask.nii.gz")
        said["mask"] = "mask.nii.gz"
    if build.has_atlas:
        nib.save(nib.Nifti1Image(labels, affine), folder / "atlas.nii.gz")
        names = [f"area {k}" for k in range(1, n_regions + 1)]
        said["atlas"] = {"file": "atlas.nii.gz", "names": names}
    return said


def write_tables(folder, build, series, rng):
    """Write a table of ten regions for each subject and run."""
    starts = np.cumsum([0, *run_lengths(build)])
    header = "\t".join(f"region_{k}" for k in range(10))
    for subject in range(1, build.n_subjects + 1):
        for run, (first, last) in enumerate(zip(starts, starts[1:]), start=1):
            noise = rng.standard_normal((last - first, 10))
            table = np.outer(series[first:last], np.linspace(0, 1, 10)) + noise
            path = folder / f"s{subject}_run{run}.tsv"
            np.savetxt(path, table, "%.5f", "\t", header=header, comments="")
    return {"bold": {"pattern": "s{subject}_{run}.tsv", "format": "roi_table"}}


def write_confounds(folder, build, rng):
    """Write two columns of motion for each subject and run."""
    for subject in range(1, build.n_subjects + 1):
        for run, length in enumerate(run_lengths(build), start=1):
            walk = np.cumsum(rng.standard_normal((length, 2)), axis=0)
            path = folder / f"s{subject}_run{run}_motion.tsv"
            np.savetxt(path, walk, "%.5f", "\t", header="trans_x\trot_x", comments="")
    return {"nuisance": {"pattern": "s{subject}_{run}_motion.tsv"}}


def write_build(folder: Path, build: Build, seed=0) -> Path:
    """Write sound, BOLD and manifest of a build; return the manifest."""
    rng = np.random.default_rng(seed)
    wave = write_sound(folder, build, rng)
    series = level_a_tr(wave, build)
    write = write_tables if build.bold == "roi table" else write_volumes
    said = write(folder, build, series, rng)
    if build.has_confounds:
        said |= write_confounds(folder, build, rng)
    said["bold"]["subjects"] = list(range(1, build.n_subjects + 1))
    starts_s = np.cumsum([0, *run_lengths(build)]) * build.t_r
    runs = [
        {"name": f"run{i}", "n_trs": n, "stimulus_start_s": round(float(start_s), 6)}
        for i, (n, start_s) in enumerate(zip(run_lengths(build), starts_s), start=1)
    ]
    manifest = {"name": "harbour study", "t_r": build.t_r, "stimulus": {"file": "heard.wav"}}
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump({**manifest, "runs": runs, **said}, sort_keys=False))
    return path
