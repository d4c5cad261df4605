"""Draft a manifest from a folder: what the files say, and what they do not."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError
from giblet_core.files import atomic_path
from giblet_core.fmri.atlas.labels import read_atlas
from giblet_core.fmri.drafting.clock import (
    Clock,
    draft_runs,
    draft_slice_time_ref,
    draft_t_r,
)
from giblet_core.fmri.drafting.companions import (
    Surroundings,
    atlases,
    find_mask,
    find_sound,
    surroundings_of,
)
from giblet_core.fmri.drafting.confounds import draft_confounds
from giblet_core.fmri.drafting.events import Played, played_in_runs
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.derivative import is_derivative, layout_of_derivative
from giblet_core.fmri.drafting.series.layout import Layout, Roster, roster_of
from giblet_core.fmri.drafting.series.plain import layout_of_files
from giblet_core.fmri.drafting.writing import manifest_text
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import MADE_PARCELS
from giblet_core.fmri.readers import READERS
from giblet_core.sound import audio_info

NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
NO_STUDY = ("fmriprep", "derivatives", "derivative", "data", "func", "bold")


@dataclass(frozen=True)
class Draft:
    """A manifest in the making.

    Attributes
    ----------
    content : dict
        Key -> value.
    text : str
        As it is written.
    remarks : Remarks
        What could not be known, what was assumed, where values come from.
    summary : str
        What was found, in one line.
    """

    content: dict[str, Any]
    text: str
    remarks: Remarks
    summary: str


@dataclass(frozen=True)
class Given:
    """What the user said beforehand: the sound, and the TR in seconds; None where nothing."""

    sound: Path | None
    t_r: float | None


def draft_dataset(
    folder: str | Path,
    out: str | Path = "dataset.yaml",
    *,
    sound: str | Path | None = None,
    task: str | None = None,
    space: str | None = None,
    t_r: float | None = None,
) -> Draft:
    """Write a commented manifest of the series in a folder.

    Parameters
    ----------
    folder : path
        A BIDS derivative such as fMRIPrep's (or the data set around it); or a folder of volumes,
        ``.dtseries.nii``, ``.func.gii``, ``.npz`` or tables of regions.
    out : path
        The manifest to write; paths in it are relative to it.
    sound : path, optional
        What the subjects heard, where no table of events names it.
    task, space : str, optional
        Of a derivative; chosen where left out.
    t_r : float, optional
        Seconds, where the files do not say it, as tables never do.

    Returns
    -------
    Draft

    Raises
    ------
    InputError
        No series, names that cannot be told apart, or a damaged file.
    """
    out = Path(out)
    remarks = Remarks()
    folder = _folder_of_series(Path(folder))
    if is_derivative(folder):
        layout = layout_of_derivative(folder, remarks, task=task, space=space)
    else:
        layout = layout_of_files(folder, remarks)
    around = surroundings_of(folder)
    roster = roster_of(layout, remarks)
    given = Given(None if sound is None else Path(sound), t_r)
    content = _content(layout, roster, around, given, remarks)
    content["folder"] = Path(os.path.relpath(folder.resolve(), out.absolute().parent)).as_posix()
    text = manifest_text(content, remarks)
    with atomic_path(out) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return Draft(content, text, remarks, _summary(layout, roster, content))


def _folder_of_series(folder: Path) -> Path:
    """Return the folder itself, or the one derivative inside a BIDS data set."""
    if not folder.is_dir():
        raise InputError(f"folder={folder}: is no folder. Name the folder of the series.")
    inside = [path for path in sorted(folder.glob("derivatives/*")) if path.is_dir()]
    derivatives = [path for path in inside if is_derivative(path)]
    if len(derivatives) > 1:
        listed = ", ".join(str(path) for path in derivatives)
        raise InputError(f"folder={folder}: holds several derivatives ({listed}). Name one.")
    return derivatives[0] if derivatives else folder


def _content(
    layout: Layout, roster: Roster, around: Surroundings, given: Given, remarks: Remarks
) -> dict[str, Any]:
    """Return the keys of the manifest, but for its folder."""
    t_r = draft_t_r(layout, given.t_r, remarks)
    played = played_in_runs(layout, list(roster.n_trs), list(around.places), remarks)
    sound = find_sound(around, played, given.sound, remarks)
    confounds = draft_confounds(layout, roster.excluded, remarks)
    clock = Clock(t_r, _length_s(sound, remarks), confounds.n_unsteady)
    runs = draft_runs(roster, played, clock, remarks)
    content: dict[str, Any] = {"name": _study_name(played, around.folder)}
    if t_r is not None:
        content["t_r"] = t_r
    content["slice_time_ref"] = draft_slice_time_ref(layout, t_r, remarks)
    if sound is not None:
        content["stimulus"] = {"file": around.written(sound)}
    content["runs"] = [_run_section(asdict(run)) for run in runs]
    content["bold"] = _bold_section(layout, roster)
    mask = find_mask(around, layout, remarks)
    if mask is not None:
        content["mask"] = mask
    if layout.decimal != ".":
        content["decimal"] = layout.decimal
    content |= confounds.section
    excluded = [{"subject": subject, "why": why} for subject, why in roster.excluded.items()]
    for run in runs:
        if run.n_after > 0:
            why = "acquired after the sound had ended"
            excluded.append({"run": run.name, "last_trs": run.n_after, "why": why})
    if excluded:
        content["exclude"] = excluded
    content |= _atlas_section(layout, around, content, remarks)
    return content


def _length_s(sound: Path | None, remarks: Remarks) -> float | None:
    if sound is None:
        return None
    try:
        return audio_info(sound).duration_s
    except InputError as fault:
        remarks.todo("stimulus", f"the sound cannot be read: {fault}")
        return None


def _study_name(played: dict[str, Played], folder: Path) -> str:
    """Return a name for the data set: that of the sound, else that of the folder."""
    stems = sorted({Path(heard.stim_file).stem for heard in played.values()})
    names = [*stems[:1], *(place.name for place in (folder, *folder.parents))]
    known = [name for name in names if name and name.lower() not in NO_STUDY]
    return NOT_IN_A_NAME.sub("_", known[0]).strip("_") if known else "study"


def _run_section(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run without what needs no line."""
    optional = ("dummy_trs", "subjects")
    shown = {key: value for key, value in run.items() if key != "n_after"}
    return {key: value for key, value in shown.items() if key not in optional or value}


def _bold_section(layout: Layout, roster: Roster) -> dict[str, Any]:
    section: dict[str, Any] = {"format": layout.format, "subjects": list(roster.subjects)}
    if layout.pattern is not None:
        section["pattern"] = layout.pattern
    if layout.entities:
        section["entities"] = layout.entities
    return section


def _atlas_section(
    layout: Layout, around: Surroundings, content: dict[str, Any], remarks: Remarks
) -> dict[str, Any]:
    """Return the first atlas that can be read, with ``resample`` where its grid needs it."""
    candidates = atlases(around, layout)
    for i, entry in enumerate(candidates):
        atlas = {key: entry[key] for key in ("file", "names")}
        fault = _fault_of_atlas(layout, around, content, entry)
        if fault is not None:
            remarks.note("atlas", f"{entry['file']} is not used: {fault}")
            continue
        others = [other["file"] for other in candidates[i + 1 :]]
        if others:
            remarks.note("atlas", f"there is too: {', '.join(others)}.")
        if not entry.get("resample"):
            return {"atlas": atlas}
        remarks.note(
            "resample", "the atlas lies on another grid; its labels are moved to that of BOLD."
        )
        return {"atlas": atlas, "resample": True}
    reader = READERS[layout.format]
    lacking = "no atlas with names of its labels was found beside the series"
    if reader.has_space:
        remarks.note(
            "atlas",
            f"{lacking}; regions are parcels of neighbouring voxels, made from their places alone.",
        )
        return {"atlas": MADE_PARCELS}
    if reader.has_surface:
        remarks.note("atlas", f"{lacking}; region cards need one.")
    return {}


def _fault_of_atlas(
    layout: Layout, around: Surroundings, content: dict[str, Any], entry: dict[str, Any]
) -> str | None:
    """Return what is wrong with an atlas of volumes; None where it can be read."""
    if READERS[layout.format].has_surface:
        return None
    atlas = {key: entry[key] for key in ("file", "names")}
    trial = {"t_r": 1.0, **content, "atlas": atlas, "resample": bool(entry.get("resample"))}
    try:
        manifest = Manifest.model_validate(trial).model_copy(update={"folder": around.folder})
        read_atlas(manifest, layout.series[0].header.grid)
    except InputError as fault:
        return str(fault)
    return None


def _summary(layout: Layout, roster: Roster, content: dict[str, Any]) -> str:
    """Say in one line what was found."""
    n_subjects = len(roster.subjects) - len(roster.excluded)
    n_trs = sum(roster.n_trs.values())
    t_r = f" of {content['t_r']:g} s" if "t_r" in content else ""
    counted = f"{_counted(n_subjects, 'subject')}, {_counted(len(roster.n_trs), 'run')}"
    return f"{counted}, {_counted(n_trs, 'TR')}{t_r}, {READERS[layout.format].what}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
