"""Series of a BIDS derivative, such as fMRIPrep's: one space, one task, its runs and subjects."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from giblet_core.errors import InputError
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Series, natural
from giblet_core.fmri.files.bids import ABSENT, BidsFile, files_of_subject
from giblet_core.fmri.files.sidecars import sidecar_of
from giblet_core.fmri.readers import READERS, ReadOptions

SUBJECT = re.compile(r"sub-([A-Za-z0-9+]+)")
#: Extension -> the reader for it.
FORMATS = {
    ".nii.gz": "bids",
    ".nii": "bids",
    ".dtseries.nii": "cifti",
    ".func.gii": "gifti",
}
SPACE_KEYS = ("space", "cohort", "res", "den")
RUN_KEYS = ("ses", "task", "acq", "ce", "rec", "dir", "run", "chunk")  # what may tell runs apart
BEST_SPACE = "MNI152NLin2009cAsym"
OF_ONE_SUBJECT = ("T1w", "T2w", "anat", "fsnative", "func", "individual", ABSENT)
UNSAID = "rest"  # a task during which nothing is heard


@dataclass(frozen=True)
class Space:
    """A space in which series are there: its reader, and the entities that name it."""

    format: str
    entities: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Return the space as its files name it."""
        return dict(self.entities).get("space", ABSENT)

    def __str__(self) -> str:
        written = [value if key == "space" else f"{key}-{value}" for key, value in self.entities]
        words = {"bids": "volumes", "cifti": "CIFTI", "gifti": "GIFTI"}
        return f"{'_'.join(written) or 'no space in the name'} ({words[self.format]})"


def is_derivative(folder: Path) -> bool:
    """Tell whether series with names of BIDS lie below a folder."""
    return any(_series_files(folder, subject) for subject in _subjects(folder))


def layout_of_derivative(
    folder: Path, remarks: Remarks, *, task: str | None = None, space: str | None = None
) -> Layout:
    """Return the series of a derivative, in one space and of one task.

    Parameters
    ----------
    folder : Path
        Of the derivative.
    remarks : Remarks
        What was chosen is added here.
    task, space : str, optional
        The task and the space wanted, as the names hold them; chosen where left out.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        No such task or space.
    """
    files = [file for subject in _subjects(folder) for file in _series_files(folder, subject)]
    files = _of_task(files, task, remarks)
    chosen = _choose_space(files, space, remarks)
    files = [file for file in files if _space_of(file) == chosen and _is_left(file)]
    files = _of_desc(files, remarks)
    run_keys = _keys_of_runs(files)
    reader = READERS[chosen.format]
    series = tuple(
        Series(
            file.path,
            file.entities["sub"],
            _run_name(file, run_keys),
            reader.read_header(file.path, ReadOptions()),
            sidecar_of(file.path, folder),
            file.entities,
        )
        for file in files
    )
    _refuse_doubles(series)
    return Layout(folder, chosen.format, None, _entities(folder, files, chosen), series)


def _subjects(folder: Path) -> list[str]:
    matches = {SUBJECT.match(path.name) for path in folder.rglob("sub-*")}
    return sorted({match[1] for match in matches if match}, key=natural)


def _series_files(folder: Path, subject: str) -> list[BidsFile]:
    return [
        file
        for file in files_of_subject(folder, subject)
        if file.suffix == "bold" and file.extension in FORMATS
    ]


def _is_left(file: BidsFile) -> bool:
    """Tell whether a file is a volume, or the left half of a pair of surfaces."""
    return file.entities.get("hemi", "L") == "L"


def _values(files: list[BidsFile], key: str) -> list[str]:
    return sorted({file.entities.get(key, ABSENT) for file in files}, key=natural)


# --- task, space, kind -----------------------------------------------------------------------


def _of_task(files: list[BidsFile], task: str | None, remarks: Remarks) -> list[BidsFile]:
    tasks = _values(files, "task")
    if task is None:
        heard = [name for name in tasks if UNSAID not in name.lower()] or tasks
        task = heard[0]
        others = [name for name in tasks if name != task]
        if len(heard) > 1:
            remarks.todo(
                "bold",
                f"task {task} was chosen; there is {', '.join(others)} too. Choose with --task.",
            )
        elif others:
            remarks.note("bold", f"task {task}; left out: {', '.join(others)} (--task NAME).")
    if task not in tasks:
        raise InputError(f"task={task}: must be one of {', '.join(tasks)}. Choose one of them.")
    return [file for file in files if file.entities.get("task", ABSENT) == task]


def _space_of(file: BidsFile) -> Space:
    entities = tuple((key, file.entities[key]) for key in SPACE_KEYS if key in file.entities)
    return Space(FORMATS[file.extension], entities)


def _choose_space(files: list[BidsFile], wanted: str | None, remarks: Remarks) -> Space:
    """Return the space that most subjects have; of several the best for comparing subjects."""
    n_files = Counter(_space_of(file) for file in files if _is_left(file))
    spaces = sorted(n_files, key=_rank)
    if wanted is not None:
        spaces = [space for space in spaces if wanted in (space.name, str(space).split(" ")[0])]
        if not spaces:
            known = ", ".join(str(space).split(" ")[0] for space in sorted(n_files, key=_rank))
            raise InputError(f"space={wanted}: must be one of {known}. Choose one of them.")
    most = max(n_files[space] for space in spaces)
    chosen = next(space for space in spaces if n_files[space] == most)
    others = [str(space) for space in sorted(n_files, key=_rank) if space != chosen]
    if others:
        remarks.note(
            "bold", f"space: {chosen} was chosen; there is too: {', '.join(others)} (--space NAME)."
        )
    if chosen.name in OF_ONE_SUBJECT and len(_values(files, "sub")) > 1:
        remarks.todo(
            "bold",
            f"{chosen} is a space of each subject's own; subjects cannot be compared voxel by "
            "voxel. Give series in a common space, or one subject.",
        )
    return chosen


def _rank(space: Space) -> tuple[int, str]:
    """Order spaces: volumes first, of them the best for comparing subjects."""
    kind = ("bids", "cifti", "gifti").index(space.format)
    if space.name == BEST_SPACE:
        place = 0
    elif space.name.startswith("MNI"):
        place = 1
    else:
        place = 3 if space.name in OF_ONE_SUBJECT else 2
    return 10 * kind + place, str(space)


def _of_desc(files: list[BidsFile], remarks: Remarks) -> list[BidsFile]:
    """Take series as fMRIPrep leaves them; where there is another kind alone, ask what it is."""
    kinds = _values(files, "desc")
    if "preproc" in kinds:
        return [file for file in files if file.entities.get("desc") == "preproc"]
    chosen = kinds[0]
    if _space_of(files[0]).format == "bids":
        words = "no desc- in their names" if chosen == ABSENT else f"desc-{chosen}"
        others = f" (there is {', '.join(kinds[1:])} too)" if kinds[1:] else ""
        remarks.todo(
            "preprocessing",
            f"the series have {words}{others}, not desc-preproc. If something was done beyond "
            "motion correction and normalising (z-scores, filters, regression), declare it here.",
        )
    return [file for file in files if file.entities.get("desc", ABSENT) == chosen]


# --- names -----------------------------------------------------------------------------------


def _keys_of_runs(files: list[BidsFile]) -> list[str]:
    """Return the entities in which the files of one subject differ."""
    by_subject: dict[str, list[BidsFile]] = {}
    for file in files:
        by_subject.setdefault(file.entities["sub"], []).append(file)
    return [
        key
        for key in RUN_KEYS
        if any(len(_values(of_subject, key)) > 1 for of_subject in by_subject.values())
    ]


def _run_name(file: BidsFile, run_keys: list[str]) -> str:
    """Return the run's name: the entities that tell it from others."""
    keys = run_keys or [key for key in ("run", "task", "ses") if key in file.entities][:1]
    return "_".join(f"{key}-{file.entities.get(key, ABSENT)}" for key in keys) or "run1"


def _entities(folder: Path, files: list[BidsFile], space: Space) -> dict[str, str]:
    """Return what names must hold, so that one file a subject and run is meant."""
    extensions = READERS[space.format].extensions
    everything = [
        file
        for subject in _subjects(folder)
        for file in _series_files(folder, subject)
        if file.extension in extensions
    ]
    entities = {} if space.name == ABSENT else {"space": space.name}
    for key in (*SPACE_KEYS, "task"):
        fitting = [file for file in everything if _holds(file, entities)]
        if len(_values(fitting, key)) > 1:
            entities[key] = files[0].entities.get(key, ABSENT)
    desc = files[0].entities.get("desc", ABSENT)
    if desc != READERS[space.format].usual_entities["desc"]:
        entities["desc"] = desc
    return entities


def _holds(file: BidsFile, entities: dict[str, str]) -> bool:
    return all(file.entities.get(key, ABSENT) == value for key, value in entities.items())


def _refuse_doubles(series: tuple[Series, ...]) -> None:
    """Refuse two files of one subject and run, naming the entities in which they differ."""
    first: dict[tuple[str, str], Series] = {}
    for run_series in series:
        other = first.setdefault((run_series.subject, run_series.run), run_series)
        if other is not run_series:
            raise InputError(
                f"folder={run_series.path.parent}: {other.path.name} and {run_series.path.name} "
                f"are series of subject {run_series.subject}, {run_series.run}; one must be. Move "
                "one away."
            )
