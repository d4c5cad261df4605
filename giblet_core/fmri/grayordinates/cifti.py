"""CIFTI: one file with both hemispheres and, as a rule, voxels below the cortex.

References
----------
Glasser et al. (2013), The minimal preprocessing pipelines for the Human Connectome Project.
NeuroImage 80. doi:10.1016/j.neuroimage.2013.04.127
"""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, LabelAxis, SeriesAxis

from giblet_core.errors import InputError, explained
from giblet_core.fmri.grayordinates.places import LabelColumns, SurfaceFacts
from giblet_core.fmri.images import DAMAGE


def _load(path: Path, kind: str) -> Cifti2Image:
    with explained(f"file={path}: must be a readable CIFTI image", "Copy it again.", *DAMAGE):
        image = nib.load(path)
        is_cifti = isinstance(image, Cifti2Image)
        axes = [image.header.get_axis(i) for i in range(2)] if is_cifti else []
    if len(axes) != 2 or not isinstance(axes[1], BrainModelAxis):
        raise InputError(
            f"file={path}: must hold {kind} on grayordinates ({kind} x brain models). Give a file "
            "that does, such as .dtseries.nii for series."
        )
    return image


def cifti_facts(path: Path) -> SurfaceFacts:
    """Return what a ``dtseries.nii`` says of itself.

    Raises
    ------
    InputError
        No CIFTI, or no series in it.
    """
    image = _load(path, "series")
    series, axis = (image.header.get_axis(i) for i in range(2))
    if not isinstance(series, SeriesAxis):
        raise InputError(
            f"file={path}: holds {type(series).__name__}, no series. Give a .dtseries.nii."
        )
    t_r = round(float(series.step), 6) if series.unit == "SECOND" else None
    return SurfaceFacts(len(series), t_r or None, axis)


def cifti_rows(path: Path, rows: slice, columns: np.ndarray) -> np.ndarray:
    """Read TRs of some columns.

    Parameters
    ----------
    path : Path
    rows : slice
        TRs.
    columns : array of shape (n_columns,), int

    Returns
    -------
    array of shape (n_trs, n_columns)
    """
    image = _load(path, "series")
    with explained(f"file={path}: TRs {rows.start} to {rows.stop} cannot be read",
                   "The file is damaged; copy it again.", *DAMAGE):  # fmt: skip
        return np.asarray(image.dataobj[rows])[:, columns]


def cifti_labels(path: Path) -> LabelColumns:
    """Return the labels of a ``dlabel.nii``: those of its first map.

    Raises
    ------
    InputError
        No CIFTI, or no labels in it.
    """
    image = _load(path, "labels")
    labels, axis = (image.header.get_axis(i) for i in range(2))
    if not isinstance(labels, LabelAxis):
        raise InputError(
            f"atlas.file={path.name}: holds {type(labels).__name__}, no labels. Give a .dlabel.nii."
        )
    names = {int(key): name for key, (name, _) in labels.label[0].items()}
    values = np.rint(np.asarray(image.dataobj[0])).astype(int)
    return LabelColumns(axis, values, names)
