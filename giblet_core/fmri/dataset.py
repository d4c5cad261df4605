"""The user's fMRI behind one manifest, read subject by subject on the stimulus's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import content_hash
from giblet_core.fmri.atlas.regions import regions_of
from giblet_core.fmri.checks.headers import header_problems
from giblet_core.fmri.clock import Span, overlap_problems, spans_of
from giblet_core.fmri.files.inventory import read_options, selection_of, take_inventory
from giblet_core.fmri.files.naming import bold_path, sound_path
from giblet_core.fmri.files.nuisance import aligned, has_nuisance, nuisance_run
from giblet_core.fmri.files.patterns import existing
from giblet_core.fmri.files.space import mask_array, mask_of
from giblet_core.fmri.grayordinates.choice import grayordinates_of, surface_regions
from giblet_core.fmri.grayordinates.places import Grayordinates
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.reading import read_manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS, read_rows
from giblet_core.fmri.selection import Selection, VoxelGrid
from giblet_core.fmri.series.caching import cached_series
from giblet_core.fmri.series.designs import require_rows, subject_design
from giblet_core.fmri.series.locks import open_once
from giblet_core.fmri.series.preparation import Preparation, preparation_of
from giblet_core.fmri.series.regression import RunDesign, regress_out
from giblet_core.fmri.series.standardising import standardise_runs
from giblet_core.sound import audio_info
from giblet_core.timing import TRGrid

#: The code that shapes a series: another version of it makes files of its own in the cache
SOURCES = tuple(
    Path(__file__).parent / name
    for name in (
        "dataset.py",
        "grayordinates/cifti.py",
        "grayordinates/gifti.py",
        "images.py",
        "readers.py",
        "selection.py",
        "series/preparation.py",
        "series/regression.py",
    )
)
PIECES = 16  # in which a series is looked through: masks of the whole would double the memory


@dataclass(frozen=True, eq=False)
class Dataset:
    """fMRI of several subjects who heard one stimulus.

    Attributes
    ----------
    manifest : Manifest
    spans : tuple of Span
        Runs without dummies and excluded TRs; rows excluded for one subject are left out for all,
        so that all have one clock.
    mask_img : Nifti1Image or None
        None for ROI tables and npz.
    atlas : (n_voxels,) int
        0 outside regions, else 1 + index into `region_names`.
    region_names : tuple of str
    cache : Path or None
        Where masked series are kept as memory maps.
    grayordinates : Grayordinates or None
        Where the columns lie on the surface; None for volumes and tables.
    regions_note : str
        A sentence for the pages where regions were made here; "" where they were given.
    """

    manifest: Manifest
    spans: tuple[Span, ...]
    mask_img: Any
    atlas: np.ndarray
    region_names: tuple[str, ...]
    cache: Path | None = None
    grayordinates: Grayordinates | None = None
    regions_note: str = ""

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.manifest.name

    @property
    def t_r(self) -> float:
        """Seconds a TR, on the scanner's clock."""
        return self.manifest.t_r

    @property
    def slice_time_ref(self) -> float:
        """Where in the TR the sample belongs."""
        return self.manifest.slice_time_ref

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects, those excluded altogether left out."""
        return self.manifest.subjects

    @property
    def label(self) -> str:
        """What to print with every figure."""
        label = self.manifest.label or self.name
        return f"{label}, resampled" if self.manifest.resample else label

    @property
    def runs(self) -> tuple[Run, ...]:
        """Runs as declared."""
        return tuple(span.run for span in self.spans)

    @property
    def grids(self) -> tuple[TRGrid, ...]:
        """One TRGrid a run, in seconds of the stimulus."""
        return tuple(span.grid for span in self.spans)

    @property
    def n_trs(self) -> int:
        """Rows of `bold`."""
        return sum(grid.n_trs for grid in self.grids)

    @property
    def n_voxels(self) -> int:
        """Columns of `bold`."""
        return len(self.atlas)

    @property
    def run_onsets(self) -> tuple[int, ...]:
        """First row of each run."""
        lengths = [grid.n_trs for grid in self.grids]
        return tuple(np.cumsum([0, *lengths[:-1]]).tolist())

    @property
    def stimulus(self) -> Path | None:
        """The sound's file."""
        file = self.manifest.stimulus.file
        if file is None:
            return None
        return existing(self.manifest.folder, file) or self.manifest.path(file)

    @property
    def preparation(self) -> Preparation:
        """What is done to the series before any analysis; as a text, a sentence for the pages."""
        return preparation_of(self.manifest)

    def bold(self, subject: str | int, train: np.ndarray | None = None) -> np.ndarray:
        """Return one subject as every analysis uses it: (n_trs, n_voxels) float32, run after run.

        What `preparation` names was done to it. A read-only memory map where there is a cache.

        Parameters
        ----------
        subject : str or int
        train : int array of shape (n_train,), optional
            Rows from which mean and SD are learned where the manifest asks to standardise; all by
            default.

        Returns
        -------
        array of shape (n_trs, n_voxels), float32

        Raises
        ------
        InputError
            Unknown subject, damaged file (of the cache too), NaN, nothing but constants, or
            confounds that leave nothing of a run.
        """
        series = self._series(self._known(subject), is_prepared=self.preparation.changes_series)
        if not self.preparation.standardise:
            return series
        return standardise_runs(series, self.run_onsets, train)

    def raw_bold(self, subject: str | int) -> np.ndarray:
        """Return one subject as it was read, nothing taken out: (n_trs, n_voxels) float32.

        Raises
        ------
        InputError
            As `bold`.
        """
        return self._series(self._known(subject), is_prepared=False)

    def _series(self, subject: str, is_prepared: bool) -> np.ndarray:
        """Read a subject's series, or take them from the cache."""
        shape = (self.n_trs, self.n_voxels)
        read = partial(self._read, subject, is_prepared)
        if self.cache is None:
            bold = np.empty(shape, np.float32)
            read(bold)
            return bold
        key = content_hash(self._ingredients(subject, is_prepared))
        path = self.cache / f"{self.name}_per_subject_{subject}-{key[:16]}.npy"
        return cached_series(path, key, shape, read)

    def _ingredients(self, subject: str, is_prepared: bool) -> dict[str, Any]:
        """Return all that shapes a subject's series, by name; files count by their content."""
        paths = [bold_path(self.manifest, subject, span.run) for span in self.spans]
        files = list(dict.fromkeys(paths))
        has_mask = self.mask_img is not None
        ingredients = {
            "files": files,
            "file of each run": [files.index(path) for path in paths],
            "rows of each run": [
                (span.of(subject).rows.start, span.grid.n_trs) for span in self.spans
            ],
            "format": self.manifest.bold.format,
            "decimal": self.manifest.decimal,
            "mask": mask_array(self.mask_img),
            "affine": np.asarray(self.mask_img.affine) if has_mask else None,
            "resample": self.manifest.resample,
            "columns": None if has_mask else self.region_names,
            "grayordinates": None if self.grayordinates is None else self.grayordinates.columns,
            "code": SOURCES,
        }
        if is_prepared:
            ingredients["preparation"] = self.preparation
            ingredients["designs"] = self.designs(subject)
        return ingredients

    def designs(self, subject: str | int) -> list[RunDesign]:
        """Return what is regressed out of each run of a subject.

        Raises
        ------
        InputError
            A nuisance table that is missing, wrong, or shorter than the run.
        """
        subject = self._known(subject)
        return [
            subject_design(self.manifest, self.preparation, subject, span) for span in self.spans
        ]

    def _known(self, subject: str | int) -> str:
        subject = str(subject)
        if subject not in self.subjects:
            why = self.manifest.rejected.get(subject)
            rule = f"was excluded ({why})" if why else f"must be one of {', '.join(self.subjects)}"
            raise InputError(f"subject={subject}: {rule}. Choose another.")
        return subject

    def _read(self, subject: str, is_prepared: bool, bold: np.ndarray) -> None:
        """Read a subject's series into an array (n_trs, n_voxels), look at them, prepare them."""
        reader = READERS[self.manifest.bold.format]
        options = read_options(self.manifest)
        smooth_mm = self.preparation.smooth_mm if is_prepared else None
        for span, row in zip(self.spans, self.run_onsets):
            path = bold_path(self.manifest, subject, span.run)
            selection = self._selection(path, smooth_mm)
            rows = bold[row : row + span.grid.n_trs]
            read_rows(reader, path, span.of(subject).rows, selection, options, rows)
        _check_series(subject, bold)
        if is_prepared and self.preparation.regresses:
            for span, row, design in zip(self.spans, self.run_onsets, self.designs(subject)):
                where = f"subject {subject}, {span.run.name}"
                regress_out(bold[row : row + span.grid.n_trs], design, where)

    def _selection(self, path: Path, smooth_mm: float | None) -> Selection:
        """Return what to read of a file."""
        if self.grayordinates is not None:
            return Selection(columns=self.grayordinates.columns)
        reader = READERS[self.manifest.bold.format]
        header = reader.read_header(path, read_options(self.manifest))
        mask = mask_array(self.mask_img)
        grid = None if mask is None else VoxelGrid(mask.shape, self.mask_img.affine)
        selection = selection_of(self.manifest, header, mask, grid, self.region_names)
        return replace(selection, smooth_mm=smooth_mm)

    def nuisance(self, subject: str | int) -> np.ndarray | None:
        """Read one subject's nuisance series: (n_trs, n_columns) float32 in the rows of `bold`.

        None where the manifest names none. Values that a table declares missing (``n/a``, the first
        row of derivatives) become 0; `check_dataset` counts them.
        """
        if not has_nuisance(self.manifest):
            return None
        subject = self._known(subject)
        runs = [nuisance_run(self.manifest, subject, span.run) for span in self.spans]
        tables = aligned(runs, fill_missing_columns=self.manifest.confounds is not None)
        parts = []
        for span, table in zip(self.spans, tables):
            rows = span.of(subject).rows
            require_rows(len(table), rows, f"subject {subject}, {span.run.name}")
            parts.append(table[rows])
        return np.nan_to_num(np.concatenate(parts), nan=0.0).astype(np.float32)


def load_dataset(
    path: str | Path, cache: str | Path | None = None, open_locked: Mapping[str, Any] | None = None
) -> Dataset:
    """Load a data set: manifest, headers, mask and atlas now, series on demand.

    Runs that the manifest calls locked are left out, unless they are opened on purpose, with one
    configuration only.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.
    cache : path, optional
        Folder for masked series as memory maps, keyed by the content of their files.
    open_locked : mapping, optional
        Open the locked runs too: the parameters with which they are evaluated. The hash of manifest
        and parameters is printed and kept in ``NAME.opened.json`` beside the manifest.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        Whatever forbids reading it; `check_dataset` lists all problems. Locked runs that were
        opened with another configuration.
    """
    manifest, problems = read_manifest(path)
    _refuse(path, problems)
    spans, problems = spans_of(manifest, _duration_s(manifest))
    problems += overlap_problems(manifest)
    inventory = take_inventory(manifest)
    problems += header_problems(manifest, inventory)
    _refuse(path, problems)
    mask_img = mask_of(manifest, inventory)
    grayordinates = grayordinates_of(manifest, inventory)
    if grayordinates is None:
        regions = regions_of(manifest, mask_img, inventory)
    else:
        regions = surface_regions(manifest, grayordinates)
    if open_locked is None:
        spans = [span for span in spans if not span.run.locked]
        require(
            spans,
            f"dataset={path}: every run is locked; one must be open. Unlock one, or open them with "
            "open_locked.",
        )
    elif any(span.run.locked for span in spans):
        open_once(Path(path), open_locked)
    return Dataset(
        manifest,
        tuple(spans),
        mask_img,
        regions.labels,
        regions.names,
        Path(cache) if cache else None,
        grayordinates,
        regions.origin,
    )


def _check_series(subject: str, bold: np.ndarray) -> None:
    """Refuse series (n_trs, n_voxels) that hold NaN, or nothing but constants."""
    n_bad = sum(np.count_nonzero(~np.isfinite(rows)) for rows in np.array_split(bold, PIECES))
    require(
        not n_bad,
        f"subject={subject}: {n_bad} of {bold.size} values are NaN or infinite; all must be "
        "finite. Give a mask without them.",
    )
    changes = (bold[0] != bold[-1]).any() or np.ptp(bold, axis=0).max() > 0
    require(
        changes,
        f"subject={subject}: every voxel is constant; a series must change. Exclude the "
        "subject, saying why.",
    )


def _refuse(path: str | Path, problems: Problems) -> None:
    if problems.errors:
        texts = [str(problem).removeprefix("error: ") for problem in problems.errors]
        raise InputError(f"dataset={path}: " + "; ".join(texts))


def _duration_s(manifest: Manifest) -> float | None:
    path = sound_path(manifest)
    if path is None:
        return None
    stimulus = manifest.stimulus
    return audio_info(path, stimulus.track, stimulus.channel).duration_s
