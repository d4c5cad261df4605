"""Series in files of any name: which part of the names is the subject, and which the run.

All files of one kind whose names are cut alike by ``/ _ - .`` and blanks belong together. Where
the names differ, one part is the subject and, where there is another, one is the run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Series
from giblet_core.fmri.files.sidecars import sidecar_of
from giblet_core.fmri.grayordinates.gifti import is_left_half
from giblet_core.fmri.images import load_image
from giblet_core.fmri.readers import READERS, BoldHeader, ReadOptions

CUTS = re.compile(r"([/_\-. ])")
SUBJECT_WORDS = ("sub", "subj", "subject", "s", "p", "part", "participant", "vp", "id", "pilot")
RUN_WORDS = ("run", "r", "scan", "session", "ses", "block", "task", "movie", "film", "story")
NO_SERIES = re.compile(
    r"(?i)events|participants|confound|nuisance|motion|regressor|rp_|dseg|atlas|labels|mask|scans"
)
COMPOUND = (".gz", ".dtseries.nii", ".func.gii")  # endings of two parts
LEAST_TRS = 10  # a shorter table is no series
KINDS = ("nifti", "cifti", "gifti", "npz", "roi_table")  # looked for in this order


@dataclass(frozen=True)
class Named:
    """A file below the folder, and the parts that its name is cut into."""

    path: Path
    parts: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, str]:
        """Return what files of one kind have in common: how many parts, and how they are cut."""
        return len(self.parts), "".join(self.parts[1::2])


@dataclass(frozen=True)
class Spot:
    """A place among the parts of a name, and the letters before the value there."""

    place: int
    prefix: str


@dataclass(frozen=True)
class Column:
    """What varies from name to name, in one spot or, as in folder and file, in several."""

    spots: tuple[Spot, ...]

    def value(self, named: Named) -> str:
        """Return what it is in a name."""
        first = self.spots[0]
        return named.parts[first.place].removeprefix(first.prefix)


@dataclass(frozen=True)
class Scheme:
    """The pattern of the names, and what stands for ``{subject}`` and ``{run}`` in it."""

    pattern: str
    subject: Column
    run: Column | None


def layout_of_files(folder: Path, remarks: Remarks) -> Layout:
    """Return the series of a folder of files with names of any kind.

    Parameters
    ----------
    folder : Path
    remarks : Remarks
        What was assumed is added here.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        No series.
    """
    names = names_below(folder)
    for kind in KINDS:
        series = {
            named: header
            for named in names
            if _may_be(kind, named.path)
            for header in [_header_of(kind, named.path, remarks)]
            if header is not None
        }
        if series:
            return _layout(folder, kind, series, remarks)
    raise InputError(
        f"folder={folder}: must hold series of BOLD: volumes (.nii.gz with four dimensions), "
        ".dtseries.nii, .func.gii, .npz, or tables with a row a TR. Name the folder that does."
    )


def names_below(folder: Path) -> list[Named]:
    """Return the files below a folder, hidden ones left out, with their names cut into parts."""
    names = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden:
            names.append(Named(path, tuple(CUTS.split(relative.as_posix()))))
    return names


def _may_be(kind: str, path: Path) -> bool:
    name = path.name.lower()
    if kind == "nifti" and name.endswith((".dtseries.nii", ".dlabel.nii", ".dscalar.nii")):
        return False
    if not name.endswith(READERS[kind].suffixes) or NO_SERIES.search(name):
        return False
    return kind != "gifti" or is_left_half(path)


def _header_of(kind: str, path: Path, remarks: Remarks) -> BoldHeader | None:
    """Return the header of a file that is a series; None of another one."""
    if kind == "nifti" and len(load_image(path).shape) != 4:
        return None
    if kind == "roi_table":
        return _table_header(path, remarks)
    return READERS[kind].read_header(path, ReadOptions())


def _table_header(path: Path, remarks: Remarks) -> BoldHeader | None:
    faults = []
    for decimal in (".", ","):
        try:
            header = READERS["roi_table"].read_header(path, ReadOptions(decimal))
        except InputError as fault:
            faults.append(str(fault))
            continue
        return header if header.n_trs >= LEAST_TRS else None
    remarks.note("bold", f"left out: {faults[0]}")
    return None


def _layout(folder: Path, kind: str, headers: dict[Named, BoldHeader], remarks: Remarks) -> Layout:
    groups: dict[tuple[int, str], list[Named]] = {}
    for named in headers:
        groups.setdefault(named.shape, []).append(named)
    shape = max(groups, key=lambda key: len(groups[key]))
    names = groups[shape]
    left_out = [named.path.name for named in headers if named not in names]
    if left_out:
        listed = ", ".join(left_out[:4])
        remarks.note("bold", f"{len(left_out)} files are not named like the others: {listed}.")
    scheme = scheme_of(names, remarks)
    series = tuple(
        Series(
            named.path,
            scheme.subject.value(named),
            "run1" if scheme.run is None else scheme.run.value(named),
            headers[named],
            sidecar_of(named.path, folder) if kind != "roi_table" else None,
        )
        for named in names
    )
    return Layout(folder, kind, scheme.pattern, {}, series, _decimal_of(kind, names[0].path))


def _decimal_of(kind: str, path: Path) -> str:
    if kind != "roi_table":
        return "."
    try:
        READERS[kind].read_header(path, ReadOptions("."))
    except InputError:
        return ","
    return "."


# --- subject and run -------------------------------------------------------------------------


def scheme_of(names: list[Named], remarks: Remarks) -> Scheme:
    """Find the parts that are the subject and the run.

    Raises
    ------
    InputError
        Names differ in more than a subject and a run.
    """
    columns = _columns_of(names)
    if len(columns) > 2:
        differing = ", ".join(column.value(names[0]) for column in columns)
        raise InputError(
            f"folder={names[0].path.parent}: names differ in {len(columns)} parts ({differing}, "
            "...); they must differ in the subject and the run alone. Put other files elsewhere."
        )
    if not columns:
        return _scheme_of_one(names[0], None, remarks)
    subjects = [column for column in columns if _says(column, names[0], SUBJECT_WORDS)]
    runs = [column for column in columns if _says(column, names[0], RUN_WORDS)]
    if len(columns) == 1 and runs and not subjects:
        return _scheme_of_one(names[0], columns[0], remarks)
    if len(columns) == 1:
        return _made(names[0], columns[0], None)
    subject = _subject_among(columns, (subjects, runs), names, remarks)
    run = next(column for column in columns if column is not subject)
    return _made(names[0], subject, run)


def _subject_among(
    columns: list[Column],
    worded: tuple[list[Column], list[Column]],
    names: list[Named],
    remarks: Remarks,
) -> Column:
    """Return the column of the subject: by its word, else the one with most values."""
    subjects, runs = worded
    if len(subjects) == 1:
        return subjects[0]
    if len(runs) == 1:
        return next(column for column in columns if column is not runs[0])
    n_values = [len({column.value(named) for named in names}) for column in columns]
    subject = columns[int(np.argmax(n_values))]
    remarks.assumed(
        "bold",
        f"{subject.value(names[0])!r} in {names[0].path.name} is the subject, the other part that "
        "differs is the run.",
    )
    return subject


def _columns_of(names: list[Named]) -> list[Column]:
    """Return what varies; parts that change together are one column."""
    columns: dict[tuple[str, ...], Column] = {}
    for place in range(0, len(names[0].parts), 2):
        parts = [named.parts[place] for named in names]
        if len(set(parts)) == 1:
            continue
        prefix = _common_letters(parts)
        values = tuple(part.removeprefix(prefix) for part in parts)
        earlier = columns[values].spots if values in columns else ()
        columns[values] = Column((*earlier, Spot(place, prefix)))
    return list(columns.values())


def _common_letters(parts: list[str]) -> str:
    """Return the letters with which all parts begin, where something follows in each."""
    n_common = 0
    shortest = min(parts, key=len)
    while n_common < len(shortest) - 1:
        letters = {part[n_common] for part in parts}
        if len(letters) > 1 or not shortest[n_common].isalpha():
            break
        n_common += 1
    return shortest[:n_common] if all(p[n_common].isdigit() for p in parts) else ""


def _says(column: Column, named: Named, words: tuple[str, ...]) -> bool:
    """Tell whether the letters in or before one of the spots are one of those words."""
    for spot in column.spots:
        before = named.parts[spot.place - 2] if spot.place >= 2 else ""
        word = spot.prefix or before
        if word.lower() in words:
            return True
    return False


def _scheme_of_one(named: Named, run: Column | None, remarks: Remarks) -> Scheme:
    """Find the subject where all files are of one."""
    places = range(0, len(named.parts), 2)
    taken = set() if run is None else {spot.place for spot in run.spots}
    free = [place for place in places if place not in taken]
    for place in free:
        before = named.parts[place - 2] if place >= 2 else ""
        worded = re.fullmatch(r"([A-Za-z]+)(\d+)", named.parts[place])
        if worded and worded[1].lower() in SUBJECT_WORDS:
            return _made(named, Column((Spot(place, worded[1]),)), run)
        if before.lower() in SUBJECT_WORDS[:3]:
            return _made(named, Column((Spot(place, ""),)), run)
    n_endings = 2 if named.path.name.lower().endswith(COMPOUND) else 1
    names = [place for place in free if place < 2 * (len(places) - n_endings)] or free
    lengths = [len(named.parts[place]) for place in names]
    place = names[int(np.argmax(lengths))]
    remarks.assumed("bold", f"{named.parts[place]!r} is the name of the one subject.")
    return _made(named, Column((Spot(place, ""),)), run)


def _made(named: Named, subject: Column, run: Column | None) -> Scheme:
    parts = list(named.parts)
    for spot in subject.spots:
        parts[spot.place] = f"{spot.prefix}{{subject}}"
    if run is None:
        return Scheme("".join(parts), subject, None)
    if len({spot.prefix for spot in run.spots}) == 1:
        run = Column(tuple(Spot(spot.place, "") for spot in run.spots))  # with its word: run1
    for spot in run.spots:
        parts[spot.place] = f"{spot.prefix}{{run}}"
    return Scheme("".join(parts), subject, run)
