"""Records: results of long runs, dated, kept in ``book/records``."""

import datetime
import os
from dataclasses import dataclass
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
        What was run, on what, with which versions.
    rows : list of dict
        The results.
    """

    date: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows)

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.about.items())
        return f"Recorded {self.date}: {facts}"


def record_path(name: str) -> Path:
    """Return where the record of this name lies."""
    return project_root() / "book" / "records" / f"{name}.json"


def write_record(name: str, rows: list[dict], codec_sha256: str, **about: Any) -> Path:
    """Store the rows of a long run under ``book/records``, dated.

    Parameters
    ----------
    name : str
        Name of the file, without its ending.
    rows : list of dict
        The results: JSON values.
    codec_sha256 : str
        Hash of the codec's weights; ``""`` where no codec had a part in it.
    **about
        Facts to keep beside the rows.

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
    record = Record(datetime.date.today().isoformat(), facts, rows)
    return write_json(record_path(name), record)


def read_record(name: str, codec_sha256: str) -> Record | None:
    """Read a record; None where there is none that was made with these weights of the codec."""
    if not record_path(name).is_file():
        return None
    record = Record(**read_json(record_path(name)))
    made_with = record.about.get("codec_sha256", "")
    return record if made_with == codec_sha256[:12] else None


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
