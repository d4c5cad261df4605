"""Small series on the cortical surface: CIFTI with voxels below it, and pairs of GIFTI."""

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, LabelAxis, SeriesAxis

N_LEFT = 30
N_RIGHT = 32
MEDIAL_WALL = (4, 5, 6)  # vertices without series, in each hemisphere
NAMES = {0: "???", 3: "auditory", 8: "visual"}


def cifti_axis():
    """Both hemispheres without their medial walls, and eight voxels."""
    left = np.setdiff1d(np.arange(N_LEFT), MEDIAL_WALL)
    right = np.setdiff1d(np.arange(N_RIGHT), MEDIAL_WALL)
    voxels = np.ones((2, 2, 2), bool)
    return (
        BrainModelAxis.from_surface(left, N_LEFT, "CortexLeft")
        + BrainModelAxis.from_surface(right, N_RIGHT, "CortexRight")
        + BrainModelAxis.from_mask(voxels, name="thalamus_left", affine=np.diag([2, 2, 2, 1]))
    )


def write_cifti(path, series, t_r=2.0, axis=None):
    axis = cifti_axis() if axis is None else axis
    nib.save(nib.Cifti2Image(series, (SeriesAxis(0, t_r, len(series)), axis)), path)


def write_cifti_labels(path, values, axis, names=NAMES):
    table = {key: (name, (1, 0, 0, 1)) for key, name in names.items()}
    header = (LabelAxis(["areas"], [table]), axis)
    nib.save(nib.Cifti2Image(np.asarray(values, np.float32)[None], header), path)


def write_gifti(left, series, t_r=2.0):
    """Write a series (n_trs, N_LEFT + N_RIGHT) as two files; return the path of the left one."""
    for path, columns in ((left, series[:, :N_LEFT]), (_right(left), series[:, N_LEFT:])):
        meta = {} if t_r is None else {"TimeStep": f"{1000 * t_r:g}"}
        arrays = [
            nib.gifti.GiftiDataArray(
                row.astype(np.float32), "NIFTI_INTENT_TIME_SERIES", "NIFTI_TYPE_FLOAT32", meta=meta
            )
            for row in columns
        ]
        nib.save(nib.gifti.GiftiImage(darrays=arrays), path)
    return left


def write_gifti_labels(left, values, names=NAMES, names_right=None):
    """Write labels (N_LEFT + N_RIGHT) as two files, each with its table."""
    for path, part, table in (
        (left, values[:N_LEFT], names),
        (_right(left), values[N_LEFT:], names_right or names),
    ):
        label_table = nib.gifti.GiftiLabelTable()
        for key, name in table.items():
            label = nib.gifti.GiftiLabel(key, 1, 0, 0, 1)
            label.label = name
            label_table.labels.append(label)
        array = nib.gifti.GiftiDataArray(np.asarray(part, np.int32), "NIFTI_INTENT_LABEL")
        nib.save(nib.gifti.GiftiImage(darrays=[array], labeltable=label_table), path)
    return left


def _right(left):
    return left.with_name(left.name.replace("hemi-L", "hemi-R").replace("lh.", "rh."))
