"""The user's fMRI behind one manifest: NIfTI, BIDS derivatives, ROI tables or npz, read subject by
subject on the stimulus's clock.

Row i of a run was acquired at ``stimulus_start_s + (i + label_shift_trs) * t_r / clock_ratio``
seconds of the stimulus. A release that relabelled its rows is thereby put back on the true clock
before any response model; one on shifted labels counts the delay twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import atomic_path, content_hash, read_json, read_yaml, write_json
from giblet_core.fmri.files import (
    Span,
    atlas_of,
    bold_path,
    header_problems,
    mask_array,
    mask_of,
    nuisance_table,
    spans_of,
)
from giblet_core.fmri.manifest import Manifest, read_manifest
from giblet_core.fmri.readers import read_rows


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
    """

    manifest: Manifest
    spans: tuple[Span, ...]
    mask_img: Any
    atlas: np.ndarray
    region_names: tuple[str, ...]
    cache: Path | None = None

    name = property(attrgetter("manifest.name"), doc="Name of the data set.")
    t_r = property(attrgetter("manifest.t_r"), doc="Seconds a TR, on the scanner's clock.")
    slice_time_ref = property(
        attrgetter("manifest.slice_time_ref"), doc="Where in the TR the sample belongs."
    )
    subjects = property(
        attrgetter("manifest.subjects"), doc="Subjects, those excluded altogether left out."
    )
    label = property(
        lambda self: self.manifest.label or self.name, doc="What to print with every figure."
    )
    runs = property(lambda self: tuple(span.run for span in self.spans), doc="Runs as declared.")
    grids = property(
        lambda self: tuple(span.grid for span in self.spans),
        doc="One TRGrid a run, in seconds of the stimulus.",
    )
    n_trs = property(lambda self: sum(grid.n_trs for grid in self.grids), doc="Rows of `bold`.")
    n_voxels = property(lambda self: len(self.atlas), doc="Columns of `bold`.")
    run_onsets = property(
        lambda self: tuple(np.cumsum([0, *(g.n_trs for g in self.grids)])[:-1].tolist()),
        doc="First row of each run.",
    )

    @property
    def stimulus(self) -> Path | None:
        """The sound's file."""
        return (
            self.manifest.path(self.manifest.stimulus["file"])
            if self.manifest.stimulus["file"]
            else None
        )

    def bold(self, subject: str | int) -> np.ndarray:
        """Read one subject: (n_trs, n_voxels) float32, runs one after the other; a read-only memory
        map where there is a cache.

        Raises
        ------
        InputError
            Unknown subject, damaged file, NaN, or nothing but constants.
        """
        subject = self._known(subject)
        if self.cache is None:
            return self._read(subject, np.empty((self.n_trs, self.n_voxels), np.float32))
        files = [bold_path(self.manifest, subject, span.run) for span in self.spans]
        mask = mask_array(self.mask_img)
        places = [(span.rows.start, span.grid.n_trs) for span in self.spans]
        path = (
            self.cache
            / f"{self.name}_per_subject_{subject}-{content_hash(sorted(set(files)), mask, places)[:16]}.npy"
        )
        if not path.is_file():
            with atomic_path(path) as temporary:
                self._read(
                    subject,
                    np.lib.format.open_memmap(
                        temporary, "w+", np.float32, (self.n_trs, self.n_voxels)
                    ),
                ).flush()
        return np.load(path, mmap_mode="r")

    def _known(self, subject: str | int) -> str:
        why = self.manifest.rejected.get(str(subject))
        rule = f"was excluded ({why})" if why else f"must be one of {', '.join(self.subjects)}"
        require(str(subject) in self.subjects, f"subject={subject}: {rule}. Choose another.")
        return str(subject)

    def _read(self, subject: str, out: np.ndarray) -> np.ndarray:
        mask = mask_array(self.mask_img)
        for span, row in zip(self.spans, self.run_onsets):
            read_rows(
                bold_path(self.manifest, subject, span.run),
                self.manifest.bold["format"],
                span.rows.start,
                span.rows.stop,
                mask,
                out[row : row + span.grid.n_trs],
            )
        bad = sum(int(np.count_nonzero(~np.isfinite(rows))) for rows in np.array_split(out, 16))
        require(
            not bad,
            f"subject={subject}: {bad} of {out.size} values are NaN or infinite; all must be finite. Give a mask without "
            "them.",
        )
        changes = (out[0] != out[-1]).any() or np.ptp(out, axis=0).max() > 0
        require(
            changes,
            f"subject={subject}: every voxel is constant; a series must change. Exclude the subject, saying why.",
        )
        return out

    def nuisance(self, subject: str | int) -> np.ndarray | None:
        """Read one subject's nuisance table: (n_trs, n_columns) float32 in the rows of `bold`; None
        where the manifest names none.

        Values that a table declares missing (``n/a``, the first row of derivatives) become 0.
        """
        if not self.manifest.nuisance:
            return None
        subject = self._known(subject)
        rows = np.concatenate(
            [nuisance_table(self.manifest, subject, span.run)[span.rows] for span in self.spans]
        )
        return np.nan_to_num(rows, nan=0.0).astype(np.float32)


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
    if manifest is not None and not problems:
        spans, problems = spans_of(manifest)
    if not problems:
        mask_img = mask_of(manifest)
        atlas, names = atlas_of(manifest, mask_img)
        space = mask_img.shape if mask_img is not None else (len(atlas),)
        problems = header_problems(manifest, space).errors
    if problems:
        raise InputError(
            f"dataset={path}: " + "; ".join(str(p).removeprefix("error: ") for p in problems)
        )
    if open_locked is None:
        spans = [span for span in spans if not span.run.locked]
        require(
            spans,
            f"dataset={path}: every run is locked; one must be open. Unlock one, or open them with open_locked.",
        )
    elif any(span.run.locked for span in spans):
        _open_once(Path(path), open_locked)
    return Dataset(manifest, tuple(spans), mask_img, atlas, names, Path(cache) if cache else None)


def _open_once(path: Path, parameters: Mapping[str, Any]) -> None:
    """Print the hash of a configuration and keep it; refuse another one: what was looked at once is
    no test of what is changed then.
    """
    record, key = path.with_suffix(".opened.json"), content_hash(read_yaml(path), parameters)
    kept = read_json(record)["configuration"] if record.is_file() else key
    require(
        kept == key,
        f"open_locked: configuration {key[:16]}, but {record} says that {kept[:16]} was evaluated; locked runs are "
        "evaluated once. Go back to that manifest and its parameters.",
    )
    print(f"Locked runs of {path.name} are open: configuration {key}.")
    write_json(record, {"configuration": key, "parameters": dict(parameters)})
