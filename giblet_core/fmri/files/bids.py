"""Names of BIDS: entities, matched whole, and the files below a folder.

``sub-01_task-film_run-1_space-T1w_desc-preproc_bold.nii.gz`` has the entities sub, task, run, space
and desc, the suffix bold and the extension .nii.gz.

References
----------
Gorgolewski et al. (2016), The brain imaging data structure. Scientific Data 3.
doi:10.1038/sdata.2016.44
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from giblet_core.errors import InputError

ENTITIES = (
    "sub", "ses", "sample", "task", "tracksys", "acq", "ce", "trc", "stain", "rec", "dir", "run",
    "mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording",
    "chunk", "atlas", "seg", "scale", "cohort", "res", "den", "label", "from", "to", "desc",
)  # fmt: skip
OF_SPACE = (
    "hemi",
    "space",
    "cohort",
    "res",
    "den",
    "desc",
)  # what tables beside a series do not have
NEAREST_LISTED = 3
ABSENT = "none"  # the value of an entity that a name must not hold


@dataclass(frozen=True)
class BidsFile:
    """A file and what its name says."""

    path: Path
    entities: dict[str, str]
    suffix: str
    extension: str


def n_entities(file: BidsFile) -> int:
    """Count the entities of a name: the fewer, the more files it speaks of."""
    return len(file.entities)


def entities_of(text: str) -> dict[str, str] | None:
    """Return the entities of a text such as ``task-film_run-1``; None where it is none."""
    entities = {}
    for part in text.split("_"):
        key, dash, value = part.partition("-")
        if not dash or key not in ENTITIES or not value or key in entities:
            return None
        entities[key] = value
    return entities


def parse_name(path: Path) -> BidsFile | None:
    """Return what a file's name says; None where it is no name of BIDS."""
    stem, dot, extension = path.name.partition(".")
    *parts, suffix = stem.split("_")
    if not dot or not parts or not suffix or "-" in suffix:
        return None
    entities = entities_of("_".join(parts))
    if entities is None:
        return None
    return BidsFile(path, entities, suffix, dot + extension)


def files_of_subject(folder: Path, subject: str) -> Iterator[BidsFile]:
    """Yield the files below a folder that belong to a subject, links followed.

    Hidden files are left out, those that macOS writes beside others (``._sub-01...``) among them,
    and so are folders of other subjects.
    """
    own_folder = f"sub-{subject}"
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (name == own_folder or not name.startswith("sub-"))
        )
        for name in sorted(names):
            file = None if name.startswith(".") else parse_name(Path(place, name))
            if file is not None and file.entities.get("sub") == subject:
                yield file


@dataclass(frozen=True)
class Wanted:
    """What the name of a file must hold.

    Attributes
    ----------
    entities : mapping of str to str
        Must be there, with these values.
    suffixes, extensions : sequence of str
        One of them.
    """

    entities: Mapping[str, str]
    suffixes: Sequence[str]
    extensions: Sequence[str]

    def is_kind_of(self, file: BidsFile) -> bool:
        """Tell whether suffix and extension fit."""
        return file.suffix in self.suffixes and file.extension in self.extensions

    def fits(self, file: BidsFile) -> bool:
        """Tell whether a file is one that is wanted; its name may hold other entities too."""
        return self.is_kind_of(file) and not self.differing(file)

    def differing(self, file: BidsFile) -> list[str]:
        """Return the entities that a file has not, or with another value."""
        return [
            key for key, value in self.entities.items() if file.entities.get(key, ABSENT) != value
        ]

    def __str__(self) -> str:
        entities = [f"{key}-{value}" for key, value in self.entities.items()]
        return "_".join([*entities, self.suffixes[0]]) + self.extensions[0]


def find_bids(folder: Path, subject: str, wanted: Wanted) -> BidsFile:
    """Return the one file below a folder that is wanted.

    Parameters
    ----------
    folder : Path
    subject : str
        Without ``sub-``.
    wanted : Wanted

    Returns
    -------
    BidsFile

    Raises
    ------
    InputError
        None, or several: the message names the entities in which they differ.
    """
    of_kind = [file for file in files_of_subject(folder, subject) if wanted.is_kind_of(file)]
    fitting = [file for file in of_kind if wanted.fits(file)]
    if not fitting:
        raise InputError(
            f"file={folder / '**' / str(wanted)}: does not exist{_nearest(folder, of_kind, wanted)}"
        )
    if len(fitting) > 1:
        values = _differing_values(fitting)
        listed = "; ".join(f"{key}: {', '.join(seen)}" for key, seen in values.items())
        remedy = "Say which by bold.entities, or as entities in the run's name."
        if not values:
            remedy = "Set folder so that it holds one of them."
        raise InputError(
            f"file={folder / '**' / str(wanted)}: {len(fitting)} files have such a name "
            f"({listed or ', '.join(str(file.path) for file in fitting)}); one must. {remedy}"
        )
    require_target(fitting[0].path)
    return fitting[0]


def require_target(path: Path) -> None:
    """Refuse a link whose file is not there, as where data are fetched on demand."""
    try:
        leads_nowhere = path.is_symlink() and not path.exists()
    except (OSError, ValueError):  # a name that can be no file
        return
    if leads_nowhere:
        raise InputError(
            f"file={path}: is a link to {os.readlink(path)}, which is not there. Fetch the file, "
            "or exclude the subject with its reason."
        )


def _nearest(folder: Path, of_kind: list[BidsFile], wanted: Wanted) -> str:
    """Say which files come near to what is wanted, or which subjects are there."""
    if of_kind:
        of_kind = sorted(of_kind, key=lambda file: (len(wanted.differing(file)), file.path.name))
        names = ", ".join(file.path.name for file in of_kind[:NEAREST_LISTED])
        return f" (there is {names}). Correct the run's name, bold.entities or the folder."
    subjects = sorted({path.name for path in folder.glob("sub-*") if path.is_dir()})
    there = f" (there is {', '.join(subjects[:NEAREST_LISTED])})" if subjects else ""
    return f"{there}. Correct folder or subjects, or exclude the subject with its reason."


def _differing_values(files: list[BidsFile]) -> dict[str, list[str]]:
    """Return the entities in which files differ, each with the values that occur."""
    keys = [key for key in ENTITIES if any(key in file.entities for file in files)]
    values = {key: sorted({file.entities.get(key, ABSENT) for file in files}) for key in keys}
    return {key: seen for key, seen in values.items() if len(seen) > 1}
