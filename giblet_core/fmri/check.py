"""``giblet check``: every problem of a data set in one pass, each with value, rule and remedy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from giblet_core.errors import InputError
from giblet_core.fmri.atlas.labels import compare_names, read_atlas, read_names
from giblet_core.fmri.atlas.parcels import make_parcels
from giblet_core.fmri.atlas.regions import parcels_in_words
from giblet_core.fmri.checks.events import check_events
from giblet_core.fmri.checks.headers import header_problems
from giblet_core.fmri.checks.lag import Group, check_lag
from giblet_core.fmri.checks.nuisance import check_nuisance
from giblet_core.fmri.checks.preparation import check_design, check_slow_changes
from giblet_core.fmri.checks.sound import check_declarations, check_sound
from giblet_core.fmri.checks.values import Series, check_values, looks_zscored
from giblet_core.fmri.clock import Span, overlap_problems, spans_of
from giblet_core.fmri.drafting.remarks import open_questions
from giblet_core.fmri.files.inventory import (
    FoundFile,
    Inventory,
    columns_of,
    read_options,
    region_columns,
    selection_of,
    take_inventory,
)
from giblet_core.fmri.files.space import filled_voxels, mask_array, mask_of
from giblet_core.fmri.grayordinates.choice import grayordinates_of, surface_regions
from giblet_core.fmri.grayordinates.places import Grayordinates
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.reading import read_manifest
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS, read_rows
from giblet_core.fmri.selection import Selection
from giblet_core.fmri.series.designs import subject_design
from giblet_core.fmri.series.preparation import preparation_of
from giblet_core.fmri.series.regression import regress_out

MOST_VOXELS = 2000  # of each subject that are kept to compare BOLD with the sound


@dataclass(frozen=True, eq=False)
class Voxels:
    """What is read: the mask's voxels, regions, or grayordinates; None where it is wrong."""

    mask: np.ndarray | None
    regions: tuple[str, ...] | None
    grayordinates: Grayordinates | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """Some series of a subject.

    Attributes
    ----------
    name : str
        Of the subject.
    runs : list of arrays of shape (n_trs, n_some), float32
        As read.
    prepared : array of shape (n_trs of all runs, n_some), float32
        As the analysis uses them, standardised within runs.
    """

    name: str
    runs: list[np.ndarray]
    prepared: np.ndarray


def check_dataset(path: str | Path) -> Problems:
    """Return every problem of a data set, errors first.

    Errors forbid a run; warnings ask for a look; notes say what will be left out.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.

    Returns
    -------
    Problems

    Raises
    ------
    InputError
        There is no readable manifest.
    """
    manifest, problems = read_manifest(path)
    if manifest is None or not manifest.subjects:
        return problems.sorted()
    problems += open_questions(path)
    sound = check_sound(manifest, problems)
    spans, of_clock = spans_of(manifest, None if sound is None else sound.duration_s)
    problems += of_clock
    problems += overlap_problems(manifest)
    check_declarations(manifest, spans, sound, problems)
    inventory = take_inventory(manifest)
    problems += header_problems(manifest, inventory)
    voxels = _voxels(manifest, inventory, problems)
    series = _check_series(manifest, spans, inventory, voxels, problems)
    check_nuisance(manifest, problems)
    check_events(manifest, problems)
    if sound is not None and series and not problems.errors:
        group = Group(np.mean(series, axis=0), voxels.regions or ())
        check_lag(manifest, spans, sound.wave, group, problems)
    return problems.sorted()


def _voxels(manifest: Manifest, inventory: Inventory, problems: Problems) -> Voxels:
    """Read mask and regions; what is wrong with them becomes a problem."""
    if READERS[manifest.bold.format].has_surface:
        places = None
        with problems.caught("bold"):
            places = grayordinates_of(manifest, inventory)
        if places is not None:
            with problems.caught("regions"):
                surface_regions(manifest, places)
        return Voxels(None, None, places)
    if not READERS[manifest.bold.format].has_space:
        regions = None
        with problems.caught("regions"):
            regions = region_columns(manifest, inventory)
        return Voxels(None, regions)
    mask_img: Any = None
    with problems.caught("mask"):
        mask_img = mask_of(manifest, inventory)
    if manifest.has_atlas:
        with problems.caught("regions"):
            read_names(manifest)
        with problems.caught("regions"):
            compare_names(manifest)
        with problems.caught("regions"):
            read_atlas(manifest, inventory.grid)
    elif manifest.makes_parcels and mask_img is not None:
        parcels = make_parcels(mask_array(mask_img), mask_img.affine)
        count = f"{len(parcels.names)} parcels"
        made = parcels_in_words(parcels).removesuffix(".")
        problems.note("atlas", count, made, "Give an atlas where you have one.")
    return Voxels(mask_array(mask_img), None)


# --- the series ------------------------------------------------------------------------------


def _check_series(
    manifest: Manifest,
    spans: list[Span],
    inventory: Inventory,
    voxels: Voxels,
    problems: Problems,
) -> list[np.ndarray]:
    """Read every series once, and add what is wrong with its values to the problems.

    Returns
    -------
    list of arrays of shape (n_trs, n_some), float32
        Some voxels of each subject whose runs could all be read, as the analysis uses them,
        standardised within runs.
    """
    files = {(file.asked.subject, file.asked.run.name): file for file in inventory.files}
    kept = []
    unlike_declared = []
    for subject in tqdm(manifest.subjects, desc="checking subjects", leave=False):
        runs = []
        prepared = []
        for span in spans:
            run = manifest.runs[0] if manifest.joined else span.run
            file = files.get((subject, run.name))
            if file is None:
                continue
            where = f"subject {subject}, {span.run.name}"
            with problems.caught(where):
                selection = _selection(manifest, file, inventory, voxels)
                bold = _read(manifest, file, span, selection)
                columns = voxels.regions if selection.mask is None else None
                check_values(Series(where, subject, bold, columns), span, problems)
                if looks_zscored(bold) != manifest.preprocessing.zscored:
                    unlike_declared.append(where)
                some = bold[:, _some(bold.shape[1])]
                runs.append(some)
                prepared.append(_standardised(some))
                prepared[-1] = _standardised(_regressed(manifest, subject, span, some, problems))
        same_voxels = len({bold.shape[1] for bold in runs}) == 1
        if len(runs) == len(spans) and same_voxels:
            kept.append(Kept(subject, runs, np.concatenate(prepared)))
    if unlike_declared:
        _warn_of_zscores(manifest, unlike_declared, problems)
    _check_copies(kept, spans, problems)
    check_slow_changes(manifest, [subject.runs for subject in kept], problems)
    return [subject.prepared for subject in kept]


def _regressed(
    manifest: Manifest, subject: str, span: Span, bold: np.ndarray, problems: Problems
) -> np.ndarray:
    """Return series of a run (n_trs, n_some) freed of what the manifest regresses out.

    As they are where a table is wrong, which is reported with the nuisance.
    """
    preparation = preparation_of(manifest)
    if not preparation.regresses or len(bold) != span.grid.n_trs:
        return bold
    try:
        design = subject_design(manifest, preparation, subject, span)
    except InputError:
        return bold
    where = f"subject {subject}, {span.run.name}"
    check_design(where, design, problems)
    freed = bold.copy()
    regress_out(freed, design, where)
    return freed


def _check_copies(kept: list[Kept], spans: list[Span], problems: Problems) -> None:
    """Find subjects whose series are those of another, and single runs that are those of another.

    Constants were reported, and count as nobody's.
    """
    owners: dict[bytes, str] = {}
    owners_of_runs: dict[bytes, str] = {}
    for subject in kept:
        runs = [_standardised(run) for run in subject.runs]
        name = f"subject {subject.name}"
        is_copy = _owner(name, np.concatenate(runs), owners, problems)
        for span, run in zip(spans, runs):
            if not is_copy:
                _owner(f"{name}, {span.run.name}", run, owners_of_runs, problems)


def _owner(name: str, values: np.ndarray, owners: dict[bytes, str], problems: Problems) -> bool:
    """Tell whether values are those of another series, which is an error."""
    owner = owners.setdefault(values.tobytes(), name) if values.any() else name
    if owner != name:
        remedy = "Correct pattern, or copy the right file."
        problems.error(name, "every value", f"is that of {owner}", remedy)
    return owner != name


def _selection(
    manifest: Manifest, file: FoundFile, inventory: Inventory, voxels: Voxels
) -> Selection:
    """Return what to look at in a file: the mask's voxels, else all that hold something."""
    header = file.header
    places = voxels.grayordinates
    if places is not None and header.axis == places.axis:
        return Selection(columns=places.columns)
    if header.grid is None:
        try:
            columns = columns_of(manifest, header, voxels.regions or ())
        except InputError:  # was reported with the headers
            columns = np.arange(header.space[0])
        return Selection(columns=columns)
    fits = manifest.resample or header.grid.is_same(inventory.grid)
    if voxels.mask is not None and fits:
        return selection_of(manifest, header, voxels.mask, inventory.grid, ())
    return Selection(filled_voxels(file))


def _read(manifest: Manifest, file: FoundFile, span: Span, selection: Selection) -> np.ndarray:
    """Read the rows of a span that are there: (n_trs, n_voxels) float32."""
    asked = span.of(file.asked.subject).rows
    stop = min(asked.stop, file.header.n_trs)
    rows = slice(min(asked.start, stop), stop)
    bold = np.empty((rows.stop - rows.start, selection.size), np.float32)
    reader = READERS[manifest.bold.format]
    read_rows(reader, file.path, rows, selection, read_options(manifest), bold)
    return bold


def _some(n_voxels: int) -> np.ndarray:
    """Return up to `MOST_VOXELS` voxels, evenly spread: (n,) int."""
    return np.linspace(0, n_voxels - 1, min(n_voxels, MOST_VOXELS)).astype(int)


def _standardised(bold: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and SD 1; constant ones become 0."""
    sd = bold.std(0)
    return (bold - bold.mean(0)) / np.where(sd > 0, sd, np.inf)


def _warn_of_zscores(manifest: Manifest, series: list[str], problems: Problems) -> None:
    declared = manifest.preprocessing.zscored
    if declared:
        are_scored = "are not"
        remedy = "Correct preprocessing.zscored."
    else:
        are_scored = "are already"
        remedy = (
            "Declare preprocessing: {zscored: true}; mean and SD of the whole run, its test part "
            "included, are already in these data."
        )
    problems.warning(
        "preprocessing.zscored",
        str(declared).lower(),
        f"{len(series)} series {are_scored} z-scored over time ({series[0]})",
        remedy,
    )
