"""What sounds when in a film: scenes, events and words, with exact times."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from giblet_core.errors import InputError, explained, require

KINDS = ("speech", "music", "ambience", "effect")
TYPES = ("scene", *KINDS, "word")  # of the rows of a table of events
NEEDED_COLUMNS = ("onset", "duration", "trial_type")
COLUMNS = (*NEEDED_COLUMNS, "label", "speaker")
LATE_S = 0.1  # a row may end so much after the sound: both are rounded


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
    """

    scenes: tuple[Scene, ...]
    events: tuple[Event, ...]
    words: tuple[Word, ...]

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
        )

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
            Of the sound: no row may lie beyond its end.

        Returns
        -------
        Annotation

        Raises
        ------
        InputError
            No such table, a column is missing, or a row has an unknown type or times outside the
            sound; the header is row 1.
        """
        table = _read_table(Path(path))
        rows = _rows_in_order(table, duration_s, path)
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
        return cls(scenes, events, words)


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


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table of text, its `COLUMNS` alone; what is n/a or missing is ""."""
    with explained(
        f"events={path}: must be a readable table",
        "Save it as UTF-8 text with tabs.",
        OSError,
        ValueError,
    ):
        table = pd.read_csv(
            path,
            sep="\t",
            dtype=str,
            na_values="n/a",
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
        ).fillna("")
    if not set(NEEDED_COLUMNS) <= set(table) or not len(table):
        raise InputError(
            f"events={path}: has the columns {', '.join(table)} and {len(table)} rows; must name "
            f"{', '.join(NEEDED_COLUMNS)} in its first line, with tabs between them, and have rows."
            " Complete or remove it."
        )
    return table.reindex(columns=COLUMNS, fill_value="")


def _rows_in_order(table: pd.DataFrame, duration_s: float, path: str | Path) -> list[_Row]:
    """Check every row of a table and return them in order of their start."""
    starts_s = pd.to_numeric(table["onset"], errors="coerce")
    lengths_s = pd.to_numeric(table["duration"], errors="coerce")
    inside = (starts_s >= 0) & (lengths_s > 0) & (starts_s + lengths_s <= duration_s + LATE_S)
    good = (inside & table["trial_type"].isin(TYPES)).to_numpy()
    if not good.all():
        first = int(good.argmin())
        given = ", ".join(f"{name}={table[name].iloc[first]!r}" for name in NEEDED_COLUMNS)
        raise InputError(
            f"events={path}, row {first + 2}: {given}: must begin at 0 s or later, last longer than"
            f" 0 s, end with the sound ({duration_s:g} s) or before, and be one of "
            f"{', '.join(TYPES)}. Correct the row."
        )
    columns = zip(
        starts_s, starts_s + lengths_s, table["trial_type"], table["label"], table["speaker"]
    )
    return sorted((_Row(*values) for values in columns), key=_start_of)


def _start_of(row: _Row) -> float:
    return row.start_s


def events_path(sound: str | Path) -> Path:
    """Name the table that annotates a sound: ``film_events.tsv`` beside ``film.m4v``."""
    return Path(sound).with_name(f"{Path(sound).stem}_events.tsv")


def annotation_beside(sound: str | Path, duration_s: float) -> Annotation | None:
    """Read the table beside a sound; None where there is none."""
    path = events_path(sound)
    if not path.is_file():
        return None
    return Annotation.from_events(path, duration_s)
