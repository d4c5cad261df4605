"""Records: results of long runs, dated, kept in ``book/records``.

A record holds the figures, a row of every simulation they were computed from, the command that
makes it, and what it was made of. Records of before that was kept say what they lack.
"""

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from giblet_core.files import project_root, read_json, write_json
from giblet_core.timing import Stimulus


@dataclass(frozen=True)
class Record:
    """Results of a long run.

    Attributes
    ----------
    date : str
        Day of the run, ISO format.
    about : dict
        What was run, on what, with which versions; ``command`` makes it anew, ``made_of`` says what
        it was made of.
    rows : list of dict
        The results.
    simulations : list of dict
        A row of every simulation, with its seed; empty where none was kept, or where `rows` are
        single runs themselves.
    """

    date: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]
    simulations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What a reader would need to check the record and does not find in it.

        Rows that summarise ``n`` units need the rows of these units.
        """
        summarises = any(row.get("n", 1) > 1 for row in self.rows)
        is_kept = {
            "the command that makes it": "command" in self.about,
            "what it was made of": "made_of" in self.about,
            "a row of every simulation": bool(self.simulations) or not summarises,
        }
        return tuple(name for name, is_there in is_kept.items() if not is_there)

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.about.items())
        text = f"Recorded {self.date}: {facts}"
        if self.gaps:
            text += f". An older record; it lacks {', '.join(self.gaps)}"
        return text


def record_path(name: str) -> Path:
    """Return where the record of this name lies."""
    return project_root() / "book" / "records" / f"{name}.json"


def write_record(
    name: str,
    rows: list[dict],
    codec_sha256: str,
    *,
    simulations: Sequence[dict] = (),
    **about: Any,
) -> Path:
    """Store the rows of a long run under ``book/records``, dated.

    Parameters
    ----------
    name : str
        Name of the file, without its ending.
    rows : list of dict
        The results: JSON values.
    codec_sha256 : str
        Hash of the codec's weights; ``""`` where no codec had a part in it.
    simulations : sequence of dict
        A row of every simulation that the results summarise, with its seed.
    **about
        Facts to keep beside the rows: ``command``, ``made_of``, and what else there is.

    Returns
    -------
    Path
        The file written.
    """
    facts = dict(about)
    if codec_sha256:
        facts["codec_sha256"] = codec_sha256[:12]
    facts["torch"] = torch.__version__
    facts["cores"] = os.cpu_count()
    rows, simulations = ([_json_row(row) for row in some] for some in (rows, simulations))
    record = Record(datetime.date.today().isoformat(), facts, rows, simulations)
    return write_json(record_path(name), record)


def _json_row(row: dict) -> dict:
    """Return a row whose undefined numbers are None: JSON knows no NaN."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }


def read_record(name: str, codec_sha256: str) -> Record | None:
    """Read a record; None where there is none that was made with these weights of the codec.

    A record that no codec had a part in is read with any.
    """
    if not record_path(name).is_file():
        return None
    record = Record(**read_json(record_path(name)))
    made_with = record.about.get("codec_sha256", "")
    return record if made_with in ("", codec_sha256[:12]) else None


def demo_record(kind: str, codec_sha256: str) -> Record | None:
    """Read a record of the demo. On a page of other material it belongs into a `DemoBox`."""
    return read_record(f"{kind}_demo", codec_sha256)


def own_record_name(kind: str, stimulus: Stimulus) -> str:
    """Return how a record of this sound and codec is named: by their content, not by file names."""
    if stimulus.is_demo:
        return f"{kind}_demo"
    return f"{kind}_{stimulus.name}-{stimulus.key[:8]}"


def own_record(kind: str, stimulus: Stimulus) -> Record | None:
    """Read the record of this sound and codec; of the demo None, as that is shown in its box."""
    if stimulus.is_demo:
        return None
    return read_record(own_record_name(kind, stimulus), stimulus.codec.sha256)
