"""What programs are told of a map: its meaning, of whom it is, and how small its p can be."""

from typing import Any

import numpy as np

from giblet_core.derivatives.output.tables import model_meaning, statistic_meaning
from giblet_core.derivatives.statistics import (
    FLIPS,
    PHASES,
    STATISTICS,
    MapKey,
    VoxelMaps,
    n_sign_flips,
)


def sidecar_of(
    key: MapKey, values: np.ndarray, found: VoxelMaps, subject: str | None, label: str
) -> dict[str, Any]:
    """Return the content of a map's sidecar, ready for JSON.

    Parameters
    ----------
    key : MapKey
        Which map.
    values : array of shape (n_voxels,)
        What it holds.
    found : VoxelMaps
        Of which it is one.
    subject : str or None
        Whose it is, as in the manifest; None for the group.
    label : str
        Of the data, such as whether they are simulated.

    Returns
    -------
    dict
        ``Description``, ``Units``, ``Statistic``, ``Model``, ``Subjects``, ``NVoxels``,
        ``NUndefined``, ``Label``; of a p also what it was counted over and corrected for.
    """
    statistic = STATISTICS[key.stat]
    subjects = list(found.subjects) if subject is None else [subject]
    return {
        "Description": statistic_meaning(key, is_group=subject is None),
        "Units": statistic.units,
        "Statistic": key.stat,
        "Model": model_meaning(key.desc),
        "Subjects": subjects,
        "NVoxels": found.n_analysed,
        "NUndefined": found.n_analysed - int(np.isfinite(values).sum()),
        "Label": label,
        **_of_chance(key, found),
    }


def _of_chance(key: MapKey, found: VoxelMaps) -> dict[str, Any]:
    """Return what p was counted over and corrected for; nothing for other statistics."""
    statistic = STATISTICS[key.stat]
    if not statistic.draws:
        return {}
    n_draws = {
        PHASES: found.model.settings.n_draws,
        FLIPS: n_sign_flips(len(found.subjects)) - 1,  # beside the signs as they are
    }[statistic.draws]
    return {
        "Null": statistic.draws,
        "NDraws": n_draws,
        "Seed": found.model.settings.seed,
        "SmallestP": 1 / (n_draws + 1),
        "CorrectedFor": statistic.corrected_for or "nothing: each voxel is tested alone",
    }
