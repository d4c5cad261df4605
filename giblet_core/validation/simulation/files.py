"""A simulation as files that look like any other dataset: NIfTI, mask, atlas, motion tables and a
manifest.
"""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import yaml

from giblet_core.files import atomic_path, write_text

MOTION_COLUMNS = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def save_simulation(simulation: Any, folder: Path, stimulus: str | Path | None) -> Path:
    """Write a simulation's data (not its truth) and return the manifest's path."""
    mask = simulation.mask_img.get_fdata() > 0
    save_image(folder / "mask.nii.gz", mask.astype(np.uint8), simulation.mask_img.affine)
    labels = np.zeros(mask.shape, np.int16)
    labels[mask] = simulation.atlas
    save_image(folder / "atlas.nii.gz", labels, simulation.mask_img.affine)
    runs = [
        {
            "name": f"run{i + 1}",
            "n_trs": g.n_trs,
            "stimulus_start_s": float(g.onset_s),
            "dummy_trs": 0,
        }
        for i, g in enumerate(simulation.grids)
    ]
    for s in range(len(simulation.bold)):
        for run, onset in zip(runs, simulation.run_onsets):
            rows = slice(onset, onset + run["n_trs"])
            stem = f"sub-{s + 1:02d}_{run['name']}"
            volumes = np.zeros((*mask.shape, run["n_trs"]), np.float32)
            volumes[mask] = simulation.bold[s, rows].T
            save_image(
                folder / f"{stem}_bold.nii.gz", volumes, simulation.mask_img.affine, simulation.t_r
            )
            motion = pd.DataFrame(simulation.motion[s, rows], columns=MOTION_COLUMNS)
            write_text(
                folder / f"{stem}_motion.tsv",
                motion.to_csv(sep="\t", index=False, float_format="%.5f", lineterminator="\n"),
            )
    manifest = {
        "name": f"simulated-{simulation.seed}",
        "label": simulation.label,
        "t_r": simulation.t_r,
        "slice_time_ref": 0.0,
        "runs": runs,
        "bold": {
            "pattern": "sub-{subject}_{run}_bold.nii.gz",
            "format": "nifti",
            "subjects": [f"{s + 1:02d}" for s in range(len(simulation.bold))],
        },
        "mask": "mask.nii.gz",
        "atlas": {"file": "atlas.nii.gz", "names": list(simulation.region_names)},
        "nuisance": {"pattern": "sub-{subject}_{run}_motion.tsv"},
    }
    if stimulus is not None:
        manifest["stimulus"] = {"file": str(stimulus), "clock_ratio": 1.0}
    return write_text(folder / "dataset.yaml", yaml.safe_dump(manifest, sort_keys=False))


def save_image(path: Path, data: np.ndarray, affine: np.ndarray, t_r: float | None = None) -> None:
    """Write NIfTI atomically; float series are stored as 16-bit integers with a scale, as scanners
    do.
    """
    image = nib.Nifti1Image(data, affine)
    if t_r is not None:
        image.set_data_dtype(np.int16)
        image.header.set_zooms((*image.header.get_zooms()[:3], t_r))
        image.header.set_xyzt_units("mm", "sec")
    with (
        atomic_path(path) as temporary,
        nib.openers.Opener(temporary, "wb", compresslevel=1) as stream,
    ):
        image.to_stream(stream)
