"""Words and their times from Praat TextGrids."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from giblet_core.errors import InputError, explained, require
from giblet_core.fmri.files.patterns import find_one
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.sound import Annotation

SILENCE = ("", "sp", "sil")  # labels that are no words
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # Praat writes so what is not ASCII
HEADER = re.compile(r'\s*File type = "ooTextFile"\s+Object class = "TextGrid"\s')
TIER = re.compile(r"^\s*item \[\d+\]:", re.MULTILINE)
TIER_CLASS = re.compile(r'class = "(.*?)"')
TIER_NAME = re.compile(r'name = "((?:[^"]|"")*)"')
TIER_SIZE = re.compile(r"intervals: size = (\d{1,9})\b", re.ASCII)
NUMBER = r"(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
INTERVAL = re.compile(rf'xmin = {NUMBER}\s+xmax = {NUMBER}\s+text = "((?:[^"]|"")*)"', re.ASCII)
REMEDY = "Save it in Praat's long format ('Save as text file')."

Interval = tuple[float, float, str]


def read_textgrid(path: str | Path, tier: str = "word") -> list[Interval]:
    """Read an interval tier of a Praat TextGrid (long format, UTF-8 or UTF-16).

    Parameters
    ----------
    path : path
    tier : str

    Returns
    -------
    list of (start_s, stop_s, text)

    Raises
    ------
    InputError
        Not readable, without such a tier, or a tier that is not whole.
    """
    text = _text_of(Path(path))
    require(HEADER.match(text), f"path={path}: must be a TextGrid in the long format. {REMEDY}")
    tiers = {}
    for part in TIER.split(text)[1:]:
        name = TIER_NAME.search(part)
        require(name, f"path={path}: holds a tier without a name; each must have one. {REMEDY}")
        label = name[1].replace('""', '"')
        require(
            label not in tiers,
            f"path={path}: two tiers are called {label!r}; names must differ. Rename one.",
        )
        tiers[label] = part
    require(
        tier in tiers,
        f"tier={tier!r}: must be one of {sorted(tiers)}. Choose one, or save the TextGrid in "
        "Praat's long format.",
    )
    where = f"path={path}, tier {tier!r}"
    return [interval for interval in _intervals(tiers[tier], where) if _is_word(interval)]


def _text_of(path: Path) -> str:
    with explained(
        f"path={path}: must be a readable TextGrid",
        "Save it as UTF-8.",
        OSError,
        UnicodeDecodeError,
    ):
        content = path.read_bytes()
        encoding = "utf-16" if content.startswith(UTF16_MARKS) else "utf-8-sig"
        return content.decode(encoding)


def _intervals(part: str, where: str) -> Iterator[Interval]:
    """Yield the intervals of a tier; there are as many as declared, one after the other."""
    kind = TIER_CLASS.search(part)
    size = TIER_SIZE.search(part)
    if kind is None or kind[1] != "IntervalTier" or size is None:
        raise InputError(f"{where}: must be a tier of intervals. Choose another.")
    intervals = INTERVAL.findall(part)
    if len(intervals) != int(size[1]):
        raise InputError(
            f"{where}: declares {size[1]} intervals but {len(intervals)} are there; a tier must be "
            "whole. It was truncated or edited: save it again."
        )
    last_s = 0.0
    for start, stop, label in intervals:
        start_s = float(start)
        stop_s = float(stop)
        if not last_s <= start_s < stop_s:
            raise InputError(
                f"{where}: the interval from {start} to {stop} s must begin where the one before "
                "ends, or later, and end after it begins. Correct it."
            )
        last_s = stop_s
        yield start_s, stop_s, label.replace('""', '"').strip()


def _is_word(interval: Interval) -> bool:
    return interval[2] not in SILENCE


def spoken_words(manifest: Manifest) -> Annotation | None:
    """Read the words that a manifest names (``stimulus.annotation``); None where it names none.

    Raises
    ------
    InputError
        The file is not there, or is no TextGrid with a tier of words.
    """
    if manifest.stimulus.annotation is None:
        return None
    path = find_one(manifest.folder, manifest.stimulus.annotation)
    return Annotation.from_words(read_textgrid(path))
