"""What sounds when in a film: scenes, events and words, with exact times."""

import csv
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from giblet_core.errors import explained, require

KINDS = ("speech", "music", "ambience", "effect")
TYPES = ("scene", *KINDS, "word")  # of the rows of a table of events
COLUMNS = ("onset", "duration", "trial_type", "label", "speaker")
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
    """A sound: its kind (one of `KINDS`), what it is (a line's text, the name of a cue), and who
    speaks ("" if nobody).
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


ROWS = {"scenes": Scene, "events": Event, "words": Word}


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
        """Rows of each of `TYPES`; a type without any is left out: nothing is known of it, which is
        not to say that it is never on.
        """
        types = (
            ["scene"] * len(self.scenes)
            + [event.kind for event in self.events]
            + ["word"] * len(self.words)
        )
        return {name: types.count(name) for name in TYPES if name in types}

    def scene_at(self, time_s: float) -> str:
        """Return the name of the scene that a time lies in (of several, the one that began last);
        "" outside all.
        """
        return next((s.name for s in reversed(self.scenes) if s.start_s <= time_s < s.stop_s), "")

    def until(self, stop_s: float) -> "Annotation":
        """Return the annotation of the sound up to `stop_s`: what begins later is left out, what
        lasts longer is cut.
        """
        return Annotation(
            *(
                tuple(
                    replace(row, stop_s=min(row.stop_s, stop_s))
                    for row in rows
                    if row.start_s < stop_s
                )
                for rows in (self.scenes, self.events, self.words)
            )
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
        starts, stops = (
            np.sort([(e.start_s, e.stop_s) for e in self.events if e.kind == kind], axis=0)
            .reshape(-1, 2)
            .T
        )
        return np.searchsorted(starts, times_s, "right") > np.searchsorted(stops, times_s, "right")

    @classmethod
    def from_dict(cls, plain: dict) -> "Annotation":
        """Build an annotation from what `dataclasses.asdict` makes of one."""
        return cls(*(tuple(row(**values) for values in plain[name]) for name, row in ROWS.items()))

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
        require(
            set(COLUMNS[:3]) <= set(table) and len(table),
            f"events={path}: has the columns {', '.join(table)} and {len(table)} rows; "
            f"must name {', '.join(COLUMNS[:3])} in its first line, with tabs between them, and have rows. Complete or remove it.",
        )
        table = table.reindex(columns=COLUMNS, fill_value="")
        start, length = (pd.to_numeric(table[name], errors="coerce") for name in COLUMNS[:2])
        good = (
            table.trial_type.isin(TYPES)
            & (start >= 0)
            & (length > 0)
            & (start + length <= duration_s + LATE_S)
        ).to_numpy()
        given = ", ".join(f"{name}={table[name].iloc[good.argmin()]!r}" for name in COLUMNS[:3])
        require(
            good.all(),
            f"events={path}, row {good.argmin() + 2}: {given}: must begin at 0 s or later, last longer than 0 s, end with "
            f"the sound ({duration_s:g} s) or before, and be one of {', '.join(TYPES)}. Correct the row.",
        )
        rows = sorted(
            zip(start, start + length, *(table[name] for name in COLUMNS[2:])), key=itemgetter(0)
        )
        named = [(a, b, label) for a, b, kind, label, _ in rows if kind == "scene"]
        words = tuple(Word(a, b, label, who) for a, b, kind, label, who in rows if kind == "word")
        events = tuple(Event(*row) for row in rows if row[2] in KINDS)
        if not any(event.kind == "speech" for event in events):
            events += tuple(Event(w.start_s, w.stop_s, "speech", w.word, w.speaker) for w in words)
        return cls(
            tuple(
                Scene(a, b, label or f"scene {i}", "scene")
                for i, (a, b, label) in enumerate(named, 1)
            ),
            events,
            words,
        )


def events_path(sound: str | Path) -> Path:
    """Name the table that annotates a sound: ``film_events.tsv`` beside ``film.m4v``."""
    return Path(sound).with_name(f"{Path(sound).stem}_events.tsv")


def annotation_beside(sound: str | Path, duration_s: float) -> Annotation | None:
    """Read the table beside a sound; None where there is none."""
    path = events_path(sound)
    return Annotation.from_events(path, duration_s) if path.is_file() else None
