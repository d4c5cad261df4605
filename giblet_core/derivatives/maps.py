"""Maps of a data set in one call: features, statistics of every voxel, files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from giblet_core.derivatives.output import Source, write_derivatives
from giblet_core.derivatives.statistics import (
    MapSettings,
    map_settings,
    spread_maps,
    voxel_maps,
    voxel_model,
)
from giblet_core.errors import require
from giblet_core.features import make_groups
from giblet_core.fmri import Dataset
from giblet_core.timing import Stimulus


def write_maps(  # noqa: PLR0913 - public interface
    stimulus: Stimulus,
    data: Dataset,
    folder: str | Path,
    *,
    settings: MapSettings | None = None,
    subjects: Sequence[str] | None = None,
    regions_only: bool = False,
    command: tuple[str, ...] = (),
    progress: bool = False,
) -> Path:
    """Compute all maps of a data set and write them, with tables, page and provenance.

    Parameters
    ----------
    stimulus : Stimulus
        What the subjects heard, from `ensure_stimulus`.
    data : Dataset
        From `ensure_bold`.
    folder : path
        Where to write, e.g. ``derivatives/giblet``.
    settings : MapSettings, optional
        Folds, draws and seed; chosen by the length of the series by default.
    subjects : sequence of str, optional
        Some of the data set's; all by default.
    regions_only : bool
        Analyse the voxels of regions alone. All others are NaN in the maps, and corrections for
        many tests count those of regions.
    command : tuple of str
        What was typed, for the provenance.
    progress : bool
        Show bars.

    Returns
    -------
    Path
        ``results.html``, which lists every file.

    Raises
    ------
    InputError
        Series too short for folds, no region to restrict the maps to, or a folder that holds other
        files.
    """
    if settings is None:
        settings = map_settings(data.n_trs, len(data.grids), data.t_r)
    groups = make_groups(stimulus, data.grids)
    model = voxel_model(groups, data.run_onsets, settings)
    series = {subject: data.bold(subject) for subject in subjects or data.subjects}
    if regions_only:
        members = _voxels_of_regions(data)
        inside = {subject: bold[:, members] for subject, bold in series.items()}
        found = spread_maps(voxel_maps(model, inside, progress), members, data.n_voxels)
    else:
        found = voxel_maps(model, series, progress)
    return write_derivatives(Source(stimulus, data, command), found, folder)


def _voxels_of_regions(data: Dataset) -> np.ndarray:
    members = np.flatnonzero(data.atlas > 0)
    require(
        len(members) > 0,
        "regions_only=True: the data set has no regions. Name an atlas in its manifest, or take "
        "all voxels.",
    )
    return members
