"""Tables of regions and of subjects, and what each column means."""

import re
from typing import Any

import numpy as np
import pandas as pd

from giblet_core.derivatives.statistics import STATISTICS, MapKey, VoxelMaps
from giblet_core.fmri import Dataset

EVERYWHERE = "all voxels"
MODELS = {
    "full": "codebooks beside all baselines",
    "baselines": "all groups of features but the codebooks",
    "shared": "no model: what subjects have in common",
}


def model_meaning(desc: str) -> str:
    """Say what a model is, by its label."""
    return MODELS.get(desc, f"the features of group '{desc}' alone")


def statistic_meaning(key: MapKey, is_group: bool) -> str:
    """Say what a map or column holds."""
    statistic = STATISTICS[key.stat]
    meaning = statistic.of_group if is_group and statistic.of_group else statistic.meaning
    if key.stat.startswith("unique"):
        return meaning
    return f"{meaning} Model: {model_meaning(key.desc)}."


def column_of(key: MapKey) -> str:
    """Return the column of a map: model and statistic."""
    return f"{key.desc}_{key.stat}"


def members_of(data: Dataset) -> dict[str, np.ndarray]:
    """Return the voxels of each region; all voxels as one where there is no region."""
    labels = np.unique(data.atlas[data.atlas > 0])
    if not len(labels):
        return {EVERYWHERE: np.arange(data.n_voxels)}
    return {data.region_names[label - 1]: np.flatnonzero(data.atlas == label) for label in labels}


def region_table(data: Dataset, maps: dict[MapKey, np.ndarray], level: float) -> pd.DataFrame:
    """Summarise maps by region: a row a region, the median of its voxels in each column.

    Parameters
    ----------
    data : Dataset
        Its atlas says which voxels are whose; columns of a table of regions are regions of one.
    maps : dict of MapKey to array of shape (n_voxels,)
    level : float
        Rate of false discoveries up to which a voxel counts as found.

    Returns
    -------
    DataFrame
        Columns as `column_descriptions` explains them.
    """
    rows = []
    for name, members in members_of(data).items():
        row: dict[str, Any] = {"region": name, "n_voxels": len(members)}
        for key, values in maps.items():
            defined = values[members][np.isfinite(values[members])]
            row[column_of(key)] = float(np.median(defined)) if len(defined) else np.nan
            if is_q(key):
                row[f"{column_of(key)}_n"] = int((defined <= level).sum())
        rows.append(row)
    return pd.DataFrame(rows)


def is_q(key: MapKey) -> bool:
    """Tell whether a map holds p adjusted over voxels."""
    return re.fullmatch("q|uniqueq", key.stat) is not None


def column_descriptions(
    maps: dict[MapKey, np.ndarray], is_group: bool, level: float
) -> dict[str, dict[str, str]]:
    """Explain the columns of `region_table`, as sidecars of BIDS do.

    Parameters
    ----------
    maps : dict of MapKey to array
        Those of the table.
    is_group : bool
        Whether they are over subjects.
    level : float
        As given to the table.

    Returns
    -------
    dict
        Column -> ``Description`` and ``Units``.
    """
    columns = {
        "region": {"Description": "Name of the region, as in the atlas.", "Units": "n/a"},
        "n_voxels": {"Description": "Voxels of the region in the mask.", "Units": "voxels"},
    }
    for key in maps:
        meaning = statistic_meaning(key, is_group)
        columns[column_of(key)] = {
            "Description": f"Median over the region's voxels where it is defined. {meaning}",
            "Units": STATISTICS[key.stat].units,
        }
        if is_q(key):
            columns[f"{column_of(key)}_n"] = {
                "Description": f"Voxels of the region with {column_of(key)} <= {level:g}.",
                "Units": "voxels",
            }
    return columns


def subjects_table(found: VoxelMaps, labels: dict[str, str]) -> pd.DataFrame:
    """Summarise each subject in a row: voxels found, and medians (BIDS ``participants.tsv``)."""
    level = found.model.settings.level
    rows = []
    for subject, maps in found.subjects.items():
        r = maps[MapKey("full", "r")]
        row = {
            "participant_id": f"sub-{labels[subject]}",
            "name": subject,
            "n_voxels": int(np.isfinite(r).sum()),
            "n_undefined": found.n_analysed - int(np.isfinite(r).sum()),
            "median_r": float(np.nanmedian(r)) if np.isfinite(r).any() else np.nan,
            "n_followed": int((maps[MapKey("full", "q")] <= level).sum()),
            "n_unique": int((maps[MapKey("codebooks", "uniqueq")] <= level).sum()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def subjects_columns(level: float) -> dict[str, dict[str, str]]:
    """Explain the columns of `subjects_table`."""
    meanings = {
        "participant_id": ("Name of the subject's folder.", "n/a"),
        "name": ("The subject's name in the manifest.", "n/a"),
        "n_voxels": ("Voxels with a defined r.", "voxels"),
        "n_undefined": ("Voxels that are constant in a test fold.", "voxels"),
        "median_r": ("Median over voxels of r of the full model.", "correlation, -1 to 1"),
        "n_followed": (f"Voxels whose r of the full model has q <= {level:g}.", "voxels"),
        "n_unique": (f"Voxels where the codebooks' unique part has q <= {level:g}.", "voxels"),
    }
    return {
        name: {"Description": meaning, "Units": units}
        for name, (meaning, units) in meanings.items()
    }


def tsv_text(table: pd.DataFrame) -> str:
    """Return a table as BIDS writes it: tabs, ``n/a`` where there is no value."""
    return table.to_csv(
        sep="\t", index=False, na_rep="n/a", float_format="%.6g", lineterminator="\n"
    )
