"""The register of locked designs: which were locked, and how often each was drawn.

A design is locked before its seeds are drawn, and a locked design is never changed. Every draw is
counted when it begins, so that one that was broken off counts too. Nothing is taken out: each entry
holds the hash of the one before.
"""

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path

from giblet_core.errors import InputError, require
from giblet_core.files import content_hash, project_root, read_json, write_json
from giblet_core.studies.designs import StudyDesign

LOCKED = "locked"
SIMULATED = "series made"
BEGUN = "drawing begun"
DRAWN = "drawn"
FIRST = "0" * 64  # the hash before the first entry


@dataclass(frozen=True)
class Entry:
    """One line of the register.

    Attributes
    ----------
    event : {"locked", "series made", "drawing begun", "drawn"}
    design : str
        Name.
    design_sha256 : str
    first_seed, last_seed : int
    time : str
        UTC, to the minute.
    record_sha256 : str
        Of the series that were made, or of the rows that were drawn; "" before.
    before_sha256 : str
        Hash of the entry before.
    """

    event: str
    design: str
    design_sha256: str
    first_seed: int
    last_seed: int
    time: str
    record_sha256: str
    before_sha256: str


def register_path() -> Path:
    """Return where the register lies."""
    return project_root() / "book" / "designs" / "locked.json"


def read_register(path: str | Path | None = None) -> tuple[Entry, ...]:
    """Read the register; empty where there is none yet.

    Raises
    ------
    InputError
        An entry was taken out, added or changed by hand.
    """
    path = Path(path or register_path())
    if not path.is_file():
        return ()
    entries = tuple(Entry(**row) for row in read_json(path))
    before = FIRST
    for number, entry in enumerate(entries, start=1):
        require(
            entry.before_sha256 == before,
            f"path={path}: entry {number} does not follow the one before it; entries are never "
            "taken out or changed. Restore the file.",
        )
        before = content_hash(asdict(entry))
    return entries


def lock(design: StudyDesign, path: str | Path | None = None) -> Entry:
    """Lock a design before its seeds are drawn.

    Raises
    ------
    InputError
        Another design of this name was locked, or another design has some of its seeds.
    """
    entries = read_register(path)
    for entry in entries:
        if entry.design == design.name:
            raise InputError(
                f"design={design.name}: was locked already ({entry.time}). A design is locked once."
                " Give a changed one another name and seeds that nobody used."
            )
        overlaps = entry.first_seed <= design.seeds[-1] and design.seeds[0] <= entry.last_seed
        if overlaps:
            raise InputError(
                f"first_seed={design.first_seed}: seeds {entry.first_seed} to {entry.last_seed} "
                f"belong to {entry.design}. Choose seeds that nobody used."
            )
    return _append(design, LOCKED, "", entries, path)


def check_locked(design: StudyDesign, path: str | Path | None = None) -> tuple[Entry, ...]:
    """Return the register, where a design is in it as it is.

    Raises
    ------
    InputError
        The design was not locked, or was changed since.
    """
    entries = read_register(path)
    locked = [entry for entry in entries if entry.design == design.name and entry.event == LOCKED]
    require(
        locked,
        f"design={design.name}: must be locked before its seeds are drawn. Lock it: "
        f"giblet study {design.name} --lock.",
    )
    require(
        locked[0].design_sha256 == design.sha256,
        f"design={design.name}: was changed after it was locked ({locked[0].time}). Restore it, or "
        "give the changed one another name and other seeds.",
    )
    return entries


def note_series(design: StudyDesign, series_sha256: str, path: str | Path | None = None) -> None:
    """Note that series were made of a design's seeds, before the analysis saw them.

    Parameters
    ----------
    design : StudyDesign
    series_sha256 : str
        Hash of the series.
    path : path, optional
        Of the register; that of the project by default.
    """
    _append(design, SIMULATED, series_sha256, check_locked(design, path), path)


def begin_draw(design: StudyDesign, path: str | Path | None = None) -> int:
    """Count a draw that begins now, and return its number, 1 the first.

    Raises
    ------
    InputError
        The design was not locked, or was changed since.
    """
    entries = check_locked(design, path)
    number = n_draws(entries, design.name) + 1
    _append(design, BEGUN, "", entries, path)
    return number


def end_draw(design: StudyDesign, record_sha256: str, path: str | Path | None = None) -> None:
    """Note the rows that were drawn.

    Parameters
    ----------
    design : StudyDesign
    record_sha256 : str
        Hash of the rows.
    path : path, optional
        Of the register; that of the project by default.
    """
    _append(design, DRAWN, record_sha256, read_register(path), path)


def n_draws(entries: tuple[Entry, ...], name: str) -> int:
    """Count how often a design was drawn, broken off or not."""
    return sum(entry.design == name and entry.event == BEGUN for entry in entries)


def _append(
    design: StudyDesign,
    event: str,
    record_sha256: str,
    entries: tuple[Entry, ...],
    path: str | Path | None,
) -> Entry:
    entry = Entry(
        event=event,
        design=design.name,
        design_sha256=design.sha256,
        first_seed=design.seeds[0],
        last_seed=design.seeds[-1],
        time=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"),
        record_sha256=record_sha256,
        before_sha256=content_hash(asdict(entries[-1])) if entries else FIRST,
    )
    write_json(path or register_path(), [asdict(entry) for entry in (*entries, entry)])
    return entry
