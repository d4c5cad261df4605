"""The page that lists every file with its meaning: plain HTML that loads nothing."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd
from jinja2 import Template

from giblet_core.derivatives.output.provenance import Source
from giblet_core.derivatives.statistics import VoxelMaps
from giblet_core.files import ASSETS


def results_page(
    source: Source, found: VoxelMaps, files: Sequence, subjects: pd.DataFrame, regions: pd.DataFrame
) -> str:
    """Return ``results.html``.

    Parameters
    ----------
    source : Source
    found : VoxelMaps
    files : sequence of WrittenFile
        Names relative to the page, with meaning and units.
    subjects, regions : DataFrame
        Of `subjects_table`, and of `region_table` for the group.

    Returns
    -------
    str
        One page; scripts and everything from elsewhere are forbidden in its head.
    """
    folders: dict[str, list] = {}
    for file in files:
        folders.setdefault(str(PurePosixPath(file.name).parent), []).append(file)
    template = (ASSETS / "results.html").read_text(encoding="utf-8")
    return Template(template, autoescape=True).render(
        data=source.data,
        stimulus=source.stimulus,
        found=found,
        settings=found.model.settings,
        groups=list(found.model.groups),
        folders=folders,
        subjects=_html(subjects),
        regions=_html(regions[_main_columns(regions)]),
    )


def _main_columns(regions: pd.DataFrame) -> list[str]:
    wanted = (
        "region",
        "n_voxels",
        "full_r",
        "full_rlow",
        "full_rhigh",
        "full_rnorm",
        "full_q_n",
        "full_nsubj",
        "codebooks_unique",
        "codebooks_uniqueq_n",
        "codebooks_uniquensubj",
    )
    return [name for name in wanted if name in regions]


def _html(table: pd.DataFrame) -> str:
    return table.to_html(
        index=False, border=0, na_rep="n/a", float_format="{:.3f}".format, classes="numbers"
    )
