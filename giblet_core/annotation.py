"""What sounds when in a film: scenes, events, words and loudness, with exact times."""

from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from giblet_core.artifacts import explained, read_json, require, write_json

KINDS = ("speech", "music", "ambience", "effect")


@dataclass(frozen=True)
class Scene:
    """A stretch of the film: [start_s, stop_s), in seconds of the film."""

    start_s: float
    stop_s: float
    name: str
    kind: str


@dataclass(frozen=True)
class Event:
    """A sound: its kind (one of `KINDS`), what it is (a line's text, the name of a cue), and who speaks ("" if nobody)."""

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
    loudness : tuple of float
        K-weighted level in LUFS of each step of the film (not gated; 400 ms would be "momentary").
    loudness_step_s : float
        Length of that step, s.
    """

    scenes: tuple[Scene, ...]
    events: tuple[Event, ...]
    words: tuple[Word, ...]
    loudness: tuple[float, ...] = ()
    loudness_step_s: float = 0.5

    def _spans(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        require(kind in KINDS, f"kind={kind!r}: must be one of {', '.join(KINDS)}. Choose one of them.")
        spans = np.array([(e.start_s, e.stop_s) for e in self.events if e.kind == kind]).reshape(-1, 2)
        return np.sort(spans[:, 0]), np.sort(spans[:, 1])

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
        starts, stops = self._spans(kind)
        return np.searchsorted(starts, times_s, "right") > np.searchsorted(stops, times_s, "right")

    def fraction(self, kind: str, edges_s: np.ndarray) -> np.ndarray:
        """Return the part (0 to 1) of each interval between successive edges during which `kind` is on.

        Parameters
        ----------
        kind : {"speech", "music", "ambience", "effect"}
        edges_s : array of shape (n + 1,)
            Increasing seconds of the film, e.g. the borders of the TRs.

        Returns
        -------
        ndarray, shape (n,)
        """
        starts, stops = self._spans(kind)
        corners = np.unique(np.concatenate([starts, stops, edges_s]))
        covered = np.concatenate([[0.0], np.cumsum(np.diff(corners) * self.active(kind, corners[:-1]))])
        return np.diff(np.interp(edges_s, corners, covered)) / np.diff(edges_s)

    def save(self, path: str | Path) -> Path:
        """Write the annotation as JSON."""
        return write_json(path, {"kind": "annotation", **self.to_dict()})

    def to_dict(self) -> dict:
        """Return plain lists and numbers: rows of values in the order of the fields."""
        rows = {name: [list(astuple(row)) for row in getattr(self, name)] for name in ROWS}
        return {**rows, "loudness": list(self.loudness), "loudness_step_s": self.loudness_step_s}

    @classmethod
    def from_dict(cls, plain: dict) -> "Annotation":
        """Build an annotation from `to_dict`'s result."""
        rows = {name: tuple(row(*values) for values in plain[name]) for name, row in ROWS.items()}
        return cls(**rows, loudness=tuple(plain["loudness"]), loudness_step_s=plain["loudness_step_s"])

    @classmethod
    def load(cls, path: str | Path) -> "Annotation":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            The file is missing or is not an annotation.
        """
        with explained(f"path={path}: must be an annotation written by this project", "Make it anew.", KeyError, TypeError):
            return cls.from_dict(read_json(path))
