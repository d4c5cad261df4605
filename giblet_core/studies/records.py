"""What a study drew: all rows, a line a region of each simulation, and where they came from."""

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import giblet_core
from giblet_core.errors import require
from giblet_core.files import (
    atomic_path,
    content_hash,
    file_sha256,
    project_root,
    read_json,
    write_json,
)
from giblet_core.studies.register import DRAWN, read_register

PACKAGE = Path(giblet_core.__file__).parent


@dataclass(frozen=True, eq=False)
class StudyRecord:
    """The rows of a study.

    Attributes
    ----------
    about : dict
        Design and its hash, number of the draw, seeds, hash of the code, of the codec.
    rows : DataFrame
        A line a region of each simulation.
    """

    about: dict[str, Any]
    rows: pd.DataFrame


def rows_path(name: str) -> Path:
    """Return where the rows of a study lie."""
    return project_root() / "book" / "records" / "studies" / f"{name}.tsv.gz"


def about_path(name: str) -> Path:
    """Return where the origin of a study's rows is written."""
    return rows_path(name).with_name(f"{name}.json")


def is_drawn(name: str) -> bool:
    """Tell whether a study has rows."""
    return rows_path(name).is_file()


def code_sha256() -> str:
    """Return the hash of all code of the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    hashes = {path.relative_to(PACKAGE).as_posix(): file_sha256(path) for path in paths}
    return content_hash(hashes)


def write_study(name: str, rows: Sequence[dict], about: dict[str, Any]) -> str:
    """Write the rows and their origin, and return the hash of the rows.

    Parameters
    ----------
    name : str
        Of the study.
    rows : sequence of dict
        A line a region of each simulation.
    about : dict
        JSON values.

    Returns
    -------
    str
    """
    text = pd.DataFrame(list(rows)).to_csv(sep="\t", index=False)
    rows_sha256 = content_hash(text)
    packed = gzip.compress(text.encode(), mtime=0)  # the same rows are the same file
    with atomic_path(rows_path(name)) as temporary:
        temporary.write_bytes(packed)
    write_json(about_path(name), {**about, "rows_sha256": rows_sha256})
    return rows_sha256


def read_study(name: str) -> StudyRecord:
    """Read what a study drew.

    Raises
    ------
    InputError
        It was not drawn, or its rows are not those that the register knows.
    """
    path = rows_path(name)
    require(
        is_drawn(name),
        f"study={name}: was not drawn yet. Draw it: giblet study {name} --draw.",
    )
    about = read_json(about_path(name))
    text = gzip.decompress(path.read_bytes()).decode()
    drawn = [
        entry.record_sha256
        for entry in read_register()
        if entry.design == name and entry.event == DRAWN
    ]
    require(
        content_hash(text) == about["rows_sha256"] and about["rows_sha256"] in drawn,
        f"path={path}: its rows are not those that were drawn. Restore the file.",
    )
    rows = pd.read_csv(io.StringIO(text), sep="\t", dtype={"codebooks": str, "told": str})
    return StudyRecord(about, rows)
