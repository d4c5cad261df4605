"""Voxels standardised, averaged to regions, and over subjects."""

from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri import Dataset


@dataclass(frozen=True, eq=False)
class GroupSeries:
    """What subjects who heard one sound have in common, inside regions.

    Attributes
    ----------
    mean_bold : array of shape (n_trs, n_inside), float32
        Mean over subjects of voxels that were standardised over all TRs, for voxels in a region.
    region_series : array of shape (n_subjects, n_trs, n_regions), float32
        Mean over each region's voxels, of each subject.
    inside : int array of shape (n_inside,)
        The voxels that are in a region.
    names : tuple of str
        Regions that have voxels, in the order of their labels.
    """

    mean_bold: np.ndarray
    region_series: np.ndarray
    inside: np.ndarray
    names: tuple[str, ...]


def group_series(data: Dataset) -> GroupSeries:
    """Average a data set's subjects, reading one at a time: a whole brain of many would not fit."""
    inside = np.flatnonzero(data.atlas > 0)
    atlas = data.atlas[inside]
    total = np.zeros((data.n_trs, len(inside)), np.float32)
    region_series = []
    for subject in data.subjects:
        voxels = standardise_voxels(data.bold(subject)[:, inside], slice(None))
        total += voxels
        region_series.append(region_means(voxels, atlas))
    return GroupSeries(
        mean_bold=total / len(data.subjects),
        region_series=np.stack(region_series),
        inside=inside,
        names=tuple(data.region_names[label - 1] for label in np.unique(atlas)),
    )


def standardise_voxels(bold: np.ndarray, train: np.ndarray | slice) -> np.ndarray:
    """Return bold (n_trs, n_voxels) less its training mean, over its training SD.

    Voxels that are constant in the training rows become 0.

    Examples
    --------
    >>> bold = np.array([[1.0, 5.0], [3.0, 5.0], [4.0, 9.0]])
    >>> standardise_voxels(bold, np.arange(2)).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    """
    mean = bold[train].mean(0)
    sd = bold[train].std(0)
    varies = sd > 0
    scale = np.where(varies, 1 / np.where(varies, sd, 1), 0)
    return (bold - mean) * scale


def region_means(
    bold: np.ndarray, atlas: np.ndarray, train: np.ndarray | None = None
) -> np.ndarray:
    """Average the voxels of each region.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        BOLD of one subject.
    atlas : int array of shape (n_voxels,)
        Region of each voxel, from 1; 0 belongs to none.
    train : int array of shape (n_train,), optional
        Rows whose mean and SD standardise the voxels first; by default they are averaged as given.

    Returns
    -------
    array of shape (n_trs, n_regions)
        In the order of the sorted labels.

    Raises
    ------
    InputError
        When the atlas has another number of voxels.
    """
    if atlas.shape != bold.shape[1:]:
        raise InputError(
            f"atlas: shape {atlas.shape}; must be one label for each of {bold.shape[1]} voxels."
        )
    voxels = bold if train is None else standardise_voxels(bold, train)
    labels = np.unique(atlas[atlas > 0])
    return np.column_stack([voxels[:, atlas == label].mean(1) for label in labels])
