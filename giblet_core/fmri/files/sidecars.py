"""What JSON files beside an image say of it, inherited as in BIDS.

A JSON file holds for every image below its folder whose name has all its entities and its suffix;
of several, the nearer and the more special one wins.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError
from giblet_core.files import read_json
from giblet_core.fmri.files.bids import BidsFile, n_entities, parse_name

DISCARDED = ("NumberOfVolumesDiscardedByScanner", "NumberOfVolumesDiscardedByUser")
KEYS = ("RepetitionTime", "StartTime", "SliceTimingCorrected", "VolumeTiming", *DISCARDED)
KEYS_BY_LETTERS = {key.lower(): key for key in KEYS}


@dataclass(frozen=True)
class Sidecar:
    """What is said of a series.

    Attributes
    ----------
    names : tuple of str
        The JSON files that say it, the last one winning.
    t_r : float or None
        ``RepetitionTime``, in seconds.
    start_time_s : float or None
        ``StartTime``: to which moment of the TR the slices were moved.
    slice_timing_corrected : bool or None
        ``SliceTimingCorrected``.
    n_discarded : int
        Volumes that were measured before the first one of the file.
    """

    names: tuple[str, ...]
    t_r: float | None
    start_time_s: float | None
    slice_timing_corrected: bool | None
    n_discarded: int = 0


def sidecar_of(image: Path, root: Path) -> Sidecar | None:
    """Read what the JSON files of an image say; None where there are none.

    Parameters
    ----------
    image : Path
    root : Path
        The folder of the data set; JSON files above it do not count.

    Raises
    ------
    InputError
        A file that is no JSON, or a value of the wrong kind.
    """
    content = {}
    names = []
    for path in _json_files(image, root):
        part = read_json(path)
        if not isinstance(part, dict):
            raise InputError(f"file={path}: must be a JSON object. Correct it.")
        content.update(part)
        names.append(path.name)
    if not names:
        return None
    where = f"file={names[-1]}"
    for key in content:
        if key not in KEYS and key.lower() in KEYS_BY_LETTERS:
            raise InputError(
                f"{where}, {key}: must be written {KEYS_BY_LETTERS[key.lower()]}. Correct it."
            )
    corrected = content.get("SliceTimingCorrected")
    if not isinstance(corrected, bool | None):
        raise InputError(
            f"{where}, SliceTimingCorrected={corrected!r}: must be true or false. Correct it."
        )
    if content.get("VolumeTiming") is not None:
        raise InputError(
            f"{where}, VolumeTiming: volumes that are not one TR apart are not read; every run "
            "must have one RepetitionTime. Remove it if they are, else leave the run out."
        )
    return Sidecar(
        tuple(names),
        _number(content, "RepetitionTime", where),
        _number(content, "StartTime", where),
        corrected,
        sum(_count(content, key, where) for key in DISCARDED),
    )


def _count(content: dict[str, Any], key: str, where: str) -> int:
    value = content.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"{where}, {key}={value!r}: must be a number of volumes. Correct it.")
    return value


def _number(content: dict[str, Any], key: str, where: str) -> float | None:
    value = content.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}, {key}={value!r}: must be a number of seconds. Correct it.")
    return float(value)


def _json_files(image: Path, root: Path) -> Iterator[Path]:
    """Yield the JSON files that hold for an image, the most general first."""
    name = parse_name(image)
    if name is None:
        beside = image.with_name(image.name.split(".nii")[0] + ".json")
        if beside.is_file():
            yield beside
        return
    for folder in _folders(image, root):
        files = [parse_name(path) for path in sorted(folder.glob("*.json"))]
        fitting = [file for file in files if file is not None and _holds_for(file, name)]
        yield from (file.path for file in sorted(fitting, key=n_entities))
        plain = folder / f"{name.suffix}.json"
        if plain.is_file():
            yield plain


def _folders(image: Path, root: Path) -> list[Path]:
    """Return the folders from `root` to that of an image; the last alone if it lies elsewhere."""
    folders = [image.parent]
    if root in image.parents:
        while folders[0] != root:
            folders.insert(0, folders[0].parent)
    return folders


def _holds_for(file: BidsFile, image: BidsFile) -> bool:
    if file.suffix != image.suffix or file.path.name.startswith("."):
        return False
    return all(image.entities.get(key) == value for key, value in file.entities.items())
