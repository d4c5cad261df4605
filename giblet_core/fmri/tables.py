"""Tables of numbers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from giblet_core.errors import explained

MISSING = ("n/a", "nan")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of numbers, with or without a line of names; ``n/a`` is NaN.

    Columns are separated by blanks, tabs or commas.

    Raises
    ------
    InputError
        Not a table of numbers.
    """
    with explained(
        f"file={path}: must be a table of numbers",
        "Use one line a TR, one column a series.",
        OSError,
        ValueError,
        pd.errors.ParserError,
    ):
        with path.open(encoding="utf-8") as handle:
            first_line = handle.readline().strip()
        table = pd.read_csv(
            path,
            sep=r"\s*,\s*|\s+",
            engine="python",
            header=0 if _holds_names(first_line) else None,
            na_values=["n/a"],
            skipinitialspace=True,
        )
        table = table.dropna(axis=1, how="all")  # blanks at the ends of lines make empty columns
        return table.astype(np.float64)


def _holds_names(line: str) -> bool:
    for word in re.split(r"[\s,]+", line):
        if re.fullmatch(r"[A-Za-z_].*", word) and word.lower() not in MISSING:
            return True
    return False
