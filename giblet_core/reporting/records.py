"""Records: results of long runs, dated, kept in ``book/records``."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from giblet_core.files import project_root, read_json, write_json


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
    """Read a record, and say so where it was made with other weights of the codec.

    Returns
    -------
    Record or None
        None, with a printed line, where there is no such record.
    """
    if not record_path(name).is_file():
        print(f"No record of {name} yet: run this notebook with full=True to make it.")
        return None
    record = Record(**read_json(record_path(name)))
    if record.about.get("codec_sha256", "") != codec_sha256[:12]:
        print(
            f"The record of {name} ({record.date}) was made with other weights of the codec: "
            "renew it with full=True."
        )
    return record
