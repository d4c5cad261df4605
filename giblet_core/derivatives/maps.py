"""Maps of a data set in one call: features, statistics of every voxel, files."""

from collections.abc import Sequence
from pathlib import Path

from giblet_core.derivatives.output import Source, write_derivatives
from giblet_core.derivatives.statistics import MapSettings, map_settings, voxel_maps, voxel_model
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
        Series too short for folds, or a folder that holds other files.
    """
    if settings is None:
        settings = map_settings(data.n_trs, len(data.grids), data.t_r)
    groups = make_groups(stimulus, data.grids)
    model = voxel_model(groups, data.run_onsets, settings)
    bold = {subject: data.bold(subject) for subject in subjects or data.subjects}
    found = voxel_maps(model, bold, progress)
    return write_derivatives(Source(stimulus, data, command), found, folder)
