"""The files behind a manifest: which holds whose run, what their headers say, the mask, the
regions, and the runs' clock.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, floor
from operator import attrgetter
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.files import read_json
from giblet_core.fmri.manifest import Manifest, Problems, Run
from giblet_core.fmri.readers import (
    IMAGES,
    bold_header,
    changing_voxels,
    find_one,
    load_image,
    read_table,
)
from giblet_core.sound import audio_info
from giblet_core.timing import TRGrid

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True)
class Span:
    """The part of a run that is analysed: `grid.n_trs` rows from `first` on, and their clock.

    `offset` rows of earlier runs lie before it in a joined file; `cropped` TRs lay off the sound.
    """

    run: Run
    first: int
    grid: TRGrid
    offset: int
    cropped: int

    @property
    def rows(self) -> slice:
        """Where the part lies in its file."""
        return slice(self.first + self.offset, self.first + self.offset + self.grid.n_trs)


def mask_array(mask_img: Any) -> np.ndarray | None:
    """Return the mask as (x, y, z) bool; None where there is none."""
    return None if mask_img is None else np.asarray(mask_img.dataobj) > 0


def bold_path(m: Manifest, subject: str, run: Run) -> Path:
    """Find the file of a subject and run."""
    pattern = m.bold["pattern"]
    if pattern is None:  # BIDS derivatives: the run's name is an entity such as run-1 or task-film
        pattern = (
            f"**/sub-{{subject}}_*{'{run}_*' if len(m.runs) > 1 else ''}desc-preproc_bold.nii.gz"
        )
    return find_one(
        m.folder,
        pattern.replace(
            "{subject}", subject.removeprefix("sub-") if m.bold["format"] == "bids" else subject
        ).replace("{run}", run.name),
    )


def nuisance_table(m: Manifest, subject: str, run: Run) -> np.ndarray:
    """Read the nuisance columns of a subject's run (of all runs, where one file holds them), NaN
    where the table has none.
    """
    pattern = m.nuisance["pattern"]
    if pattern is None:
        bold = bold_path(m, subject, run)
        path = find_one(
            bold.parent,
            bold.name.split("_space-")[0].split("_desc-")[0] + "_desc-confounds_timeseries.tsv",
        )
    else:
        path = find_one(m.folder, pattern.replace("{subject}", subject).replace("{run}", run.name))
    table = read_table(path)
    columns = m.nuisance["columns"] or (list(MOTION) if pattern is None else list(table.columns))
    missing = [c for c in columns if c not in table.columns]
    require(
        not missing,
        f"nuisance.columns={missing}: must be columns of {path.name}. Choose among {', '.join(map(str, table.columns))}.",
    )
    return table[columns].to_numpy()[m.nuisance["drop_first"] :]


def spans_of(m: Manifest) -> tuple[list[Span], Problems]:
    """Put runs on the stimulus's clock and leave out dummies, excluded TRs and TRs off the sound."""
    problems, spans, offset, duration = Problems(), [], 0, None
    ratio, t_r = Fraction(str(m.stimulus["clock_ratio"])), Fraction(str(m.t_r))
    if m.stimulus["file"]:
        duration = Fraction(str(audio_info(find_one(m.folder, m.stimulus["file"])).duration_s))
    for run in m.runs:
        rules = [
            e
            for e in m.exclude
            if (e["run"] is None or str(e["run"]) == run.name)
            and str(e["subject"]) not in m.rejected
        ]
        first = run.dummy_trs + max((e["first_trs"] for e in rules), default=0)
        n = run.n_trs - first - max((e["last_trs"] for e in rules), default=0)
        start = Fraction(str(run.stimulus_start_s))
        onset = start + (first + m.label_shift_trs) * t_r / ratio
        early = max(0, ceil(-onset * ratio / t_r))
        late = 0 if duration is None else max(0, n - floor((duration - onset) * ratio / t_r))
        problems.check(
            duration is None or start + (run.n_trs - 1) * t_r / ratio < duration,
            f"runs.{run.name}",
            f"ends at {float(start + run.n_trs * t_r / ratio):g} s",
            f"BOLD must not be longer than the sound ({float(duration or 0):g} s)",
            "Correct n_trs, stimulus_start_s or t_r, or name the right sound.",
        )
        whole = any(
            e["run"] is not None
            and e["subject"] is None
            and not e["first_trs"]
            and not e["last_trs"]
            for e in rules
        )
        if not whole and n - early - late >= 1:
            grid = TRGrid(float(t_r / ratio), n - early - late, float(onset + early * t_r / ratio))
            spans.append(Span(run, first + early, grid, offset if m.joined else 0, early + late))
        elif not whole:
            problems.add(
                f"runs.{run.name}",
                f"{n - early - late} TRs left",
                "must keep at least 1 TR",
                "Exclude fewer TRs, or the run.",
            )
        offset += run.n_trs
    problems.check(
        spans or problems, "runs", "none left", "must keep at least one run", "Exclude fewer runs."
    )
    return spans, problems


def header_problems(m: Manifest, space: tuple[int, ...] | None) -> Problems:
    """Compare every file's header with the manifest and the mask; missing files count too."""
    problems = Problems()
    for subject, run in product(m.subjects, m.runs[:1] if m.joined else m.runs):
        where, header = f"subject {subject}" if m.joined else f"subject {subject}, {run.name}", None
        with problems.caught(where):
            header = bold_header(bold_path(m, subject, run), m.bold["format"])
        if header is None:
            continue
        wanted = sum(r.n_trs for r in m.runs) if m.joined else run.n_trs
        problems.check(
            header.n_trs == wanted,
            where,
            f"{header.n_trs} TRs",
            f"the manifest declares {wanted}",
            "Correct n_trs or file.",
        )
        problems.check(
            space in (None, header.space),
            where,
            f"shape {header.space}",
            f"must be {space}, as the mask's or the others'",
            "Resample one of them (nilearn.image.resample_to_img).",
        )
        t_r = header.t_r or m.t_r
        remedy = (
            ("Many programs write 1 for unknown; check it.", "warning")
            if t_r == 1.0
            else ("Correct t_r, or the header.", "error")
        )
        problems.check(
            abs(t_r - m.t_r) <= 1e-3,
            where,
            f"TR {t_r:g} s in the header",
            f"the manifest declares {m.t_r:g} s",
            *remedy,
        )
    return problems


def mask_of(m: Manifest) -> Any:
    """Load or compute the mask; None where the format has no space."""
    if m.bold["format"] not in IMAGES:
        return None
    if m.mask != "auto":
        return load_image(find_one(m.folder, m.mask))
    mask, affine = None, None
    for subject in m.subjects:
        path = bold_path(m, subject, min(m.runs, key=attrgetter("locked")))
        beside = path.with_name(path.name.replace("desc-preproc_bold", "desc-brain_mask"))
        image = load_image(beside if m.bold["format"] == "bids" and beside.is_file() else path)
        here = np.asarray(image.dataobj) > 0 if image.ndim == 3 else changing_voxels(path)
        mask = here if mask is None else mask
        require(
            here.shape == mask.shape,
            f"mask=auto: subject {subject} has shape {here.shape}, the others {mask.shape}; "
            "all must have one. Resample it to the others' space.",
        )
        mask, affine = mask & here, image.affine
    return nib.Nifti1Image(mask.astype(np.uint8), affine)


def atlas_of(m: Manifest, mask_img: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Load labels and names of regions; each column of a ROI table is a region."""
    if mask_img is None:
        header = bold_header(bold_path(m, m.subjects[0], m.runs[0]), m.bold["format"])
        names = m.bold["columns"] or [f"R{i + 1:02d}" for i in range(header.space[0])]
        if len(names) != header.space[0]:
            raise InputError(
                f"bold.columns={names}: must name the {header.space[0]} columns of the table. Correct the list."
            )
        return np.arange(1, len(names) + 1), tuple(map(str, names))
    mask = mask_array(mask_img)
    require(
        mask.any(), f"mask={m.mask}: holds no voxel; it must hold at least one. Give another mask."
    )
    if not m.atlas:
        return np.zeros(int(mask.sum()), int), ()
    labels = np.asarray(load_image(find_one(m.folder, m.atlas["file"])).dataobj)
    require(
        labels.shape == mask.shape,
        f"atlas.file={m.atlas['file']}: shape {labels.shape} must be that of the mask, {mask.shape}. "
        "Resample it (nearest).",
    )
    names = m.atlas["names"]
    if isinstance(names, str):
        path = find_one(m.folder, names)
        names = (
            read_json(path)
            if path.suffix == ".json"
            else path.read_text(encoding="utf-8").split("\n")
        )
    names = tuple(str(name).strip() for name in names if str(name).strip())
    if labels.max() > len(names):
        raise InputError(
            f"atlas.names: {len(names)} names, but labels go up to {labels.max()}. Name the labels 1, 2, ... in order."
        )
    return labels[mask].astype(int), names
