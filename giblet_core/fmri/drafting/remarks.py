"""Remarks: what a draft of a manifest could not know, what it assumed, and what it left out.

A ``TODO`` stands in the file as a comment. As long as it stands there, `check_dataset` reports it
as an error: a value that nobody looked at is not passed off as known.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from giblet_core.fmri.problems import Problems

#: Level -> what it asks of the reader.
REMARK_LEVELS = {
    "TODO": "must be answered; giblet check refuses the file until the line is gone",
    "assumed": "was not said by the files; correct it if it is wrong",
    "note": "for your information",
}
OPEN_LINE = re.compile(r"\s*#\s*TODO\b:?\s*(.*)")


@dataclass(frozen=True)
class Remark:
    """One remark.

    Attributes
    ----------
    level : str
        A key of `REMARK_LEVELS`.
    place : str
        The key of the manifest that it is about.
    text : str
        One sentence or two.
    """

    level: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.place}: {self.text}"


class Remarks(list[Remark]):
    """Remarks in the order in which they arose."""

    def todo(self, place: str, text: str) -> None:
        """Add what the files do not say and nobody may guess."""
        self.append(Remark("TODO", place, text))

    def assumed(self, place: str, text: str) -> None:
        """Add what was taken as usual."""
        self.append(Remark("assumed", place, text))

    def note(self, place: str, text: str) -> None:
        """Add where a value comes from, or what was left out."""
        self.append(Remark("note", place, text))

    def at(self, place: str) -> list[Remark]:
        """Return the remarks about a key, what must be answered first."""
        order = list(REMARK_LEVELS)
        return sorted(
            (remark for remark in self if remark.place == place),
            key=lambda remark: order.index(remark.level),
        )

    @property
    def open(self) -> list[Remark]:
        """Those that must be answered."""
        return [remark for remark in self if remark.level == "TODO"]


def open_questions(path: str | Path) -> Problems:
    """Return an error for each ``# TODO`` that stands in a manifest."""
    problems = Problems()
    lines = Path(path).read_bytes().decode("utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        open_line = OPEN_LINE.fullmatch(line)
        if open_line:
            problems.error(
                f"line {number}",
                f"TODO {open_line[1]}".strip(),
                "must be answered by you",
                "Put the right value in, and remove the TODO lines.",
            )
    return problems
