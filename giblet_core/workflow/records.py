"""TODO: workflow/records."""

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
    """Results of a long run, kept with the project: when, of what, on what, and the rows."""

    date: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]

    table = property(lambda self: pd.DataFrame(self.rows), doc="The rows as a table.")

    def __str__(self) -> str:
        return f"Recorded {self.date}: " + ", ".join(f"{k} {v}" for k, v in self.about.items())


def _record_path(name: str) -> Path:
    return project_root() / "book" / "records" / f"{name}.json"


def write_record(name: str, rows: list[dict], codec_sha256: str, **about: Any) -> Path:
    """Store the rows of a long run under ``book/records``, dated, with the codec's hash ("" where
    no codec had a part in it).
    """
    about = {
        **about,
        **({"codec_sha256": codec_sha256[:12]} if codec_sha256 else {}),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }
    return write_json(_record_path(name), Record(datetime.date.today().isoformat(), about, rows))


def read_record(name: str, codec_sha256: str) -> Record | None:
    """Read a record, saying so where it was made with other weights of the codec; None, with a
    line, where there is none.
    """
    if not _record_path(name).is_file():
        print(f"No record of {name} yet: run this notebook with full=True to make it.")
        return None
    record = Record(**read_json(_record_path(name)))
    if record.about.get("codec_sha256", "") != codec_sha256[:12]:
        print(
            f"The record of {name} ({record.date}) was made with other weights of the codec: renew it with full=True."
        )
    return record
