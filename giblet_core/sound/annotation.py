"""What sounds when in a film: scenes, events and words, with exact times."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.errors import InputError, explained, require
from giblet_core.tables import is_number, read_table

KINDS = ("speech", "music", "ambience", "effect")
TYPES = ("scene", *KINDS, "word")  # of the rows of a table of events
NEEDED_COLUMNS = ("onset", "duration", "trial_type")
COLUMNS = (*NEEDED_COLUMNS, "label", "speaker")
LATE_S = 0.5  # a row that ends so much after the sound, or less, is cut; a later one is refused
ROUNDING_S = 1e-6  # less is no excess


@dataclass(frozen=True)
class Scene:
    """A stretch of the film: [start_s, stop_s), in seconds of the film."""

    start_s: float
    stop_s: float
    name: str
    kind: str


@dataclass(frozen=True)
class Event:
    """A sound: from when to when, of which kind, what it is, and who speaks.

    ``kind`` is one of `KINDS`; ``label`` is a line's text or the name of a cue; ``speaker`` is ""
    if nobody speaks.
    """

    start_s: float
    stop_s: float
    kind: str
    label: str
    speaker: str = ""


@dataclass(frozen=True)
class Word:
    """A spoken word, from its first phoneme to the end of its last."""

    start_s: float
    stop_s: float
    word: str
    speaker: str


@dataclass(frozen=True)
class Annotation:
    """The truth about a film's sound.

    Attributes
    ----------
    scenes, events, words : tuple
        In order of their start.
    n_cut : int
        Rows of a table that lasted a little longer than the sound and were cut at its end.
    """

    scenes: tuple[Scene, ...]
    events: tuple[Event, ...]
    words: tuple[Word, ...]
    n_cut: int = field(default=0, compare=False)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each of `TYPES` that has any.

        A type without rows is left out: nothing is known of it, which is not to say that it is
        never on.
        """
        n_rows = dict.fromkeys(TYPES, 0)
        n_rows["scene"] = len(self.scenes)
        n_rows["word"] = len(self.words)
        for event in self.events:
            n_rows[event.kind] += 1
        return {name: n for name, n in n_rows.items() if n}

    def scene_at(self, time_s: float) -> str:
        """Return the name of the scene at a time, of several the last to begin; "" outside."""
        for scene in reversed(self.scenes):
            if scene.start_s <= time_s < scene.stop_s:
                return scene.name
        return ""

    def until(self, stop_s: float) -> "Annotation":
        """Return the annotation of the sound up to `stop_s`.

        What begins later is left out, what lasts longer is cut.
        """
        return Annotation(
            scenes=_cut(self.scenes, stop_s),
            events=_cut(self.events, stop_s),
            words=_cut(self.words, stop_s),
        )

    def active(self, kind: str, times_s: np.ndarray) -> np.ndarray:
        """Tell whether a sound of `kind` is on at each time.

        Parameters
        ----------
        kind : {"speech", "music", "ambience", "effect"}
        times_s : array
            Seconds of the film.

        Returns
        -------
        ndarray of bool, shape of `times_s`
        """
        require(
            kind in KINDS, f"kind={kind!r}: must be one of {', '.join(KINDS)}. Choose one of them."
        )
        starts_s = np.sort([event.start_s for event in self.events if event.kind == kind])
        stops_s = np.sort([event.stop_s for event in self.events if event.kind == kind])
        n_begun = np.searchsorted(starts_s, times_s, "right")
        n_ended = np.searchsorted(stops_s, times_s, "right")
        return n_begun > n_ended

    @classmethod
    def from_dict(cls, plain: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Annotation":
        """Build an annotation from what `dataclasses.asdict` makes of one."""
        return cls(
            scenes=tuple(Scene(**values) for values in plain["scenes"]),
            events=tuple(Event(**values) for values in plain["events"]),
            words=tuple(Word(**values) for values in plain["words"]),
            n_cut=plain.get("n_cut", 0),
        )

    @classmethod
    def from_words(cls, intervals: Sequence[tuple[float, float, str]]) -> "Annotation":
        """Build an annotation from words (start_s, stop_s, word); speech is where they are.

        Examples
        --------
        >>> Annotation.from_words([(0.5, 0.9, "down"), (1.0, 1.2, "the")]).counts
        {'speech': 2, 'word': 2}
        """
        events = tuple(Event(start, stop, "speech", text) for start, stop, text in intervals)
        words = tuple(Word(start, stop, text, "") for start, stop, text in intervals)
        return cls((), events, words)

    @classmethod
    def from_events(cls, path: str | Path, duration_s: float) -> "Annotation":
        """Read a table of events in BIDS style, such as ``film_events.tsv`` beside ``film.m4v``.

        Columns, with tabs between them: ``onset`` and ``duration`` (seconds of the sound),
        ``trial_type`` (one of `TYPES`), and, where wanted, ``label`` (a scene's name, a word, a
        line's text) and ``speaker``; ``n/a`` is empty. Where words are listed but no speech, speech
        is where they are.

        Parameters
        ----------
        path : path
        duration_s : float
            Of the sound. A row that lasts at most `LATE_S` longer is cut there and counted; none
            may lie beyond.

        Returns
        -------
        Annotation

        Raises
        ------
        InputError
            No such table, a column is missing, or a row has an unknown type or times outside the
            sound; the header is row 1.
        """
        rows = _rows_in_order(Path(path), duration_s)
        n_cut = sum(row.stop_s > duration_s + ROUNDING_S for row in rows)
        rows = [replace(row, stop_s=min(row.stop_s, duration_s)) for row in rows]
        scene_rows = [row for row in rows if row.type == "scene"]
        scenes = tuple(
            Scene(row.start_s, row.stop_s, row.label or f"scene {number}", "scene")
            for number, row in enumerate(scene_rows, 1)
        )
        words = tuple(
            Word(row.start_s, row.stop_s, row.label, row.speaker)
            for row in rows
            if row.type == "word"
        )
        events = tuple(
            Event(row.start_s, row.stop_s, row.type, row.label, row.speaker)
            for row in rows
            if row.type in KINDS
        )
        if not any(event.kind == "speech" for event in events):
            events += tuple(
                Event(word.start_s, word.stop_s, "speech", word.word, word.speaker)
                for word in words
            )
        return cls(scenes, events, words, n_cut)


def _cut(rows: tuple, stop_s: float) -> tuple:
    """Return the scenes, events or words that begin before `stop_s`, ending there at the latest."""
    return tuple(
        replace(row, stop_s=min(row.stop_s, stop_s)) for row in rows if row.start_s < stop_s
    )


@dataclass(frozen=True)
class _Row:
    """A row of a table of events; `type` is one of `TYPES`."""

    start_s: float
    stop_s: float
    type: str
    label: str
    speaker: str


def _rows_in_order(path: Path, duration_s: float) -> list[_Row]:
    """Read a table and check every row; return them in order of their start."""
    with explained(f"events={path}: must be a readable table", "Correct it.", InputError):
        table = read_table(path, separator="\t", short_rows=True)
    names = table.names or ()
    if not set(NEEDED_COLUMNS) <= set(names) or not table.rows:
        raise InputError(
            f"events={path}: has the columns {', '.join(names)} and {len(table.rows)} rows; must "
            f"name {', '.join(NEEDED_COLUMNS)} in its first line, with tabs between them, and have "
            "rows. Complete or remove it."
        )
    texts = {name: table.texts(name) for name in COLUMNS if name in names}
    rows = []
    for i in range(len(table.rows)):
        cells = {name: column[i] for name, column in texts.items()}
        rows.append(_row(cells, duration_s, f"events={path}, row {table.line(i)}"))
    return sorted(rows, key=_start_of)


def _row(cells: Mapping[str, str], duration_s: float, place: str) -> _Row:
    """Return a row of a table, its kind and times checked."""
    onset = cells["onset"]
    duration = cells["duration"]
    start_s = float(onset) if is_number(onset) else math.nan
    stop_s = start_s + (float(duration) if is_number(duration) else math.nan)
    is_inside = 0 <= start_s < duration_s and start_s < stop_s <= duration_s + LATE_S
    if not is_inside or cells["trial_type"] not in TYPES:
        given = ", ".join(f"{name}={cells[name]!r}" for name in NEEDED_COLUMNS)
        raise InputError(
            f"{place}: {given}: must begin at 0 s or later, last longer than 0 s, end with the "
            f"sound ({duration_s:g} s) or before, and be one of {', '.join(TYPES)}. Correct the "
            "row."
        )
    label = cells.get("label", "")
    speaker = cells.get("speaker", "")
    return _Row(start_s, stop_s, cells["trial_type"], label, speaker)


def _start_of(row: _Row) -> float:
    return row.start_s


def events_path(sound: str | Path) -> Path:
    """Name the table that annotates a sound: ``film_events.tsv`` beside ``film.m4v``."""
    return Path(sound).with_name(f"{Path(sound).stem}_events.tsv")


def annotation_beside(sound: str | Path, duration_s: float) -> Annotation | None:
    """Read the table beside a sound; None where there is none."""
    path = events_path(sound)
    if not os.path.isfile(path):  # also where the name is too long for a file
        return None
    return Annotation.from_events(path, duration_s)
