"""Small data sets on disk, for the tests of the rooms that read them."""

import nibabel as nib
import numpy as np
import yaml

from giblet_core.fmri import check_dataset

SHAPE = (5, 6, 4)
T_R = 1.5
RUNS = (("scan1", 70), ("scan2", 80))


def write_image(path, data, t_r=T_R, unit="sec"):
    image = nib.Nifti1Image(np.asarray(data, np.float32), np.diag([3, 3, 3, 1]))
    if t_r is not None:
        image.header.set_zooms((3, 3, 3, t_r))
        image.header.set_xyzt_units("mm", unit)
    nib.save(image, path)


def manifest_of(place, **changes):
    manifest = {
        "name": "small",
        "t_r": T_R,
        "slice_time_ref": 0,
        "runs": [
            {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
            {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
        ],
        "bold": {"pattern": "s{subject}_{run}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"},
        "mask": "mask.nii.gz",
        "atlas": "none",
        **changes,
    }
    path = place / "dataset.yaml"
    path.write_text(
        yaml.safe_dump({k: v for k, v in manifest.items() if v is not None}, sort_keys=False)
    )
    return path


def problems_of(path):
    return [str(p) for p in check_dataset(path)]
