"""Two studies as labs bring them, made up: each once ended the book with an error."""

import nibabel as nib
import numpy as np
import soundfile
import yaml

RATE = 48_000
SHAPE = (24, 28, 24)
VOXEL_MM = 3.0
SLAB_ORIGIN_MM = (-36, -90, -60)
N_TRS = 150
T_R = 2.0


def broken_up_sound(seconds, silences, rng):
    """Return stereo with speech-like and musical stretches, and long stretches of digital silence.

    Shape (n_samples, 2), float32, at 48 kHz.
    """
    n_samples = int(seconds * RATE)
    time_s = np.arange(n_samples) / RATE
    carrier = np.cumsum(130 + 30 * np.sin(2 * np.pi * 0.3 * time_s)) / RATE
    buzz = np.sign(np.sin(2 * np.pi * carrier)) + 0.3 * rng.standard_normal(n_samples)
    voice = buzz * np.abs(np.sin(2 * np.pi * 2.1 * time_s))
    n_notes = n_samples // (RATE // 2) + 1
    notes_hz = 220 * 2 ** (np.repeat(rng.integers(0, 13, n_notes), RATE // 2)[:n_samples] / 12)
    music = 0.5 * np.sin(2 * np.pi * np.cumsum(notes_hz) / RATE)
    is_voice = np.repeat(rng.random(n_samples // (5 * RATE) + 1) > 0.5, 5 * RATE)[:n_samples]
    level = np.repeat(rng.uniform(0.2, 1, n_samples // RATE + 1), RATE)[:n_samples]
    wave = 0.08 * level * np.where(is_voice, voice, music)
    for start_s, stop_s in silences:
        wave[int(start_s * RATE) : int(stop_s * RATE)] = 0
    return np.stack([wave, 0.9 * wave], axis=1).astype(np.float32)


def write_mp3(path, seconds, silences, seed=0):
    wave = broken_up_sound(seconds, silences, np.random.default_rng(seed))
    soundfile.write(path, wave, RATE, format="MP3")
    return wave


def write_slab_study(folder, seed=1):
    """Write a film of 300 s and two subjects in a slab; return the manifest, of eight lines."""
    rng = np.random.default_rng(seed)
    wave = write_mp3(folder / "harbour.mp3", N_TRS * T_R, [(40, 70), (150, 185), (260, 275)])
    affine = np.diag([VOXEL_MM] * 3 + [1])
    affine[:3, 3] = SLAB_ORIGIN_MM
    inside = np.zeros(SHAPE, bool)
    inside[3:21, 3:25, 3:21] = True
    n_voxels = int(inside.sum())
    labels = np.zeros(SHAPE, np.int16)
    labels[inside] = 1 + np.arange(n_voxels) * 6 // n_voxels
    nib.save(nib.Nifti1Image(labels, affine), folder / "atlas.nii.gz")
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), affine), folder / "mask.nii.gz")
    power = np.square(wave[:, 0]).reshape(N_TRS, -1).mean(1)
    level = np.log10(power + 1e-7)
    late = np.roll((level - level.mean()) / level.std(), 2)
    for subject in (1, 2):
        gains = rng.uniform(0, 1, n_voxels)
        noise = 1.5 * rng.standard_normal((n_voxels, N_TRS))
        volumes = np.zeros((*SHAPE, N_TRS), np.float32)
        volumes[inside] = 1000 + 20 * (np.outer(gains, late) + noise)
        image = nib.Nifti1Image(volumes, affine)
        image.header.set_zooms((VOXEL_MM, VOXEL_MM, VOXEL_MM, T_R))
        image.header.set_xyzt_units("mm", "sec")
        nib.save(image, folder / f"s{subject}.nii.gz")
    manifest = {
        "name": "harbour",
        "t_r": T_R,
        "stimulus": {"file": "harbour.mp3"},
        "runs": [{"name": "run1", "n_trs": N_TRS, "stimulus_start_s": 0.0}],
        "bold": {"pattern": "s{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"},
        "mask": "mask.nii.gz",
        "atlas": {"file": "atlas.nii.gz", "names": [f"area {k}" for k in range(1, 7)]},
    }
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump(manifest, sort_keys=False))
    return path
