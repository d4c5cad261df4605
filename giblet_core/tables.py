"""Tables of text, read strictly: regions' series, nuisance series and events.

The separator is found out once, from the first line, and held for every line. A cell stays in its
column, whatever is empty beside it. What could be read in two ways is refused, with its line.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError, explained, refuse_stream, require

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "blanks"}
MISSING = frozenset(("", "n/a", "N/A", "NA", "nan", "NaN", "NAN", "-nan", "null", "NULL"))
EMPTY = ("", "n/a")  # of text: anything else is a word
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf", re.ASCII)
COMMA_NUMBER = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
FRACTION = re.compile(r"[+-]?\d*[.,]\d*([eE][+-]?\d+)?", re.ASCII)
INDEX_NAME = re.compile(r"(Unnamed: \d+|)")
NUMBERED = re.compile(r"(.+)\.\d+")  # what pandas makes of the second column of a name


@dataclass(frozen=True)
class Table:
    """A table as it stands in its file.

    Attributes
    ----------
    path : Path
    names : tuple of str or None
        Names of the columns, in order; None where the first line holds numbers.
    rows : tuple of tuples of str
        The cells, without blanks around them and without quotes.
    decimal : {".", ","}
    """

    path: Path
    names: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]
    decimal: str = "."

    @property
    def n_columns(self) -> int:
        """Columns, those without any value included."""
        if self.names is not None:
            return len(self.names)
        return len(self.rows[0])

    def line(self, row: int) -> int:
        """Return the line of the file in which a row stands."""
        return row + (1 if self.names is None else 2)

    def label(self, column: int) -> str:
        """Return what to call a column: its name, else its number, from 1."""
        return str(column + 1) if self.names is None else self.names[column]

    def texts(self, name: str) -> list[str]:
        """Return the cells of a column as text; ``n/a`` is empty."""
        column = self.names.index(name)
        return ["" if row[column] in EMPTY else row[column] for row in self.rows]

    def numbers(self, names: Sequence[str] | None = None) -> np.ndarray:
        """Return columns as numbers, NaN where a cell is empty or ``n/a``.

        Parameters
        ----------
        names : sequence of str, optional
            The columns wanted, in this order; all where left out.

        Returns
        -------
        array of shape (n_rows, n_columns), float64

        Raises
        ------
        InputError
            No such column, or a cell that is no number.
        """
        columns = range(self.n_columns) if names is None else self._places(names)
        cells = list(zip(*self.rows))
        numbers = np.empty((len(self.rows), len(columns)))
        if self.rows:
            for i, column in enumerate(columns):
                numbers[:, i] = self._column_numbers(column, cells[column])
        return numbers

    def _places(self, names: Sequence[str]) -> list[int]:
        known = self.names or ()
        wanted = [_plain_name(name) for name in names]
        missing = [name for name in wanted if name not in known]
        if missing:
            choice = f"Choose among {', '.join(known)}." if known else "It names no columns."
            raise InputError(f"columns={missing}: must be columns of {self.path.name}. {choice}")
        return [known.index(name) for name in wanted]

    def _column_numbers(self, column: int, cells: tuple[str, ...]) -> list[float]:
        together = "".join(cells)
        if self.decimal == "." and together.isascii() and "_" not in together:
            with suppress(ValueError):  # a missing value, or no number: looked at one by one
                return [float(cell) for cell in cells]
        numbers = []
        for i, cell in enumerate(cells):
            if cell in MISSING:
                numbers.append(np.nan)
            elif is_number(cell, self.decimal):
                numbers.append(float(cell.replace(self.decimal, ".")))
            else:
                raise InputError(_no_number(self, i, column, cell))
        return numbers

    def counting_columns(self) -> list[str]:
        """Return the columns whose whole numbers count the rows: an index is no series."""
        labels = []
        for column in range(self.n_columns):
            if len(self.rows) < 3 or not self.rows[0][column].isdigit():
                continue
            cells = [row[column] for row in self.rows]
            if not all(cell.isascii() and cell.isdigit() for cell in cells):
                continue
            values = [int(cell) for cell in cells]
            if values == list(range(values[0], values[0] + len(values))):
                labels.append(self.label(column))
        return labels


def is_number(cell: str, decimal: str = ".") -> bool:
    """Tell whether a cell is a number, with a decimal sign that is ``.`` or ``,``."""
    if decimal == ",":
        whole = "," not in cell and "." not in cell and NUMBER.fullmatch(cell)
        return bool(COMMA_NUMBER.fullmatch(cell) or whole)
    return bool(NUMBER.fullmatch(cell))


def _no_number(table: Table, row: int, column: int, cell: str) -> str:
    """Return the message for a cell that is no number."""
    if table.decimal == "." and COMMA_NUMBER.fullmatch(cell):
        remedy = 'Write decimal points, or declare decimal: ",".'
    elif table.decimal == "," and NUMBER.fullmatch(cell):
        remedy = "Write decimal commas, or leave out decimal."
    else:
        remedy = "Use one line a TR, one column a series, n/a for what is missing."
    return (
        f"file={table.path}: must be a table of numbers (line {table.line(row)}, column "
        f"{table.label(column)}: {cell!r}). {remedy}"
    )


def read_table(
    path: str | Path,
    *,
    separator: str | None = None,
    decimal: str = ".",
    short_rows: bool = False,
) -> Table:
    """Read a table, with or without a line of names.

    Parameters
    ----------
    path : path
        UTF-8 text, with or without a byte order mark; lines end as on any system.
    separator : str, optional
        One of `SEPARATORS`; found out from the first line where left out.
    decimal : {".", ","}
        The decimal sign.
    short_rows : bool
        Whether the last cells of a row may be left out (they are then empty).

    Returns
    -------
    Table

    Raises
    ------
    InputError
        Not a text, empty, with rows of different lengths, with an index column that has no name,
        or with names that repeat.
    """
    path = Path(path)
    lines = _lines(path)
    if separator is None:
        separator = _separator_of(lines, decimal)
    rows = _cells(lines, separator)
    names = None
    if not all(cell in MISSING or is_number(cell, decimal) for cell in rows[0]):
        names = _names(path, rows.pop(0), decimal)
    elif _counts_columns(rows):
        raise InputError(
            f"file={path}: line 1 counts the columns ({', '.join(rows[0][:3])}, ...) and may be a "
            "line of names. Write names that are no numbers, or remove the line."
        )
    if short_rows and names is not None:
        rows = [row + [""] * (len(names) - len(row)) for row in rows]
    table = Table(path, names, _equal_rows(path, names, rows), decimal)
    if separator == "," and names is None and _may_hold_decimal_commas(table):
        raise InputError(
            f"file={path}: whole numbers with commas between them may be decimal commas. "
            'Name the columns in the first line, or declare decimal: ",".'
        )
    return table


def _lines(path: Path) -> list[str]:
    """Return the lines of a text, without empty ones at its end."""
    refuse_stream(path)
    with explained(
        f"file={path}: must be a readable table",
        "Save it as UTF-8 text.",
        OSError,
        UnicodeDecodeError,
    ):
        text = path.read_bytes().decode("utf-8-sig")
    require(
        "\0" not in text, f"file={path}: must be a readable table, not binary. Save it as text."
    )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    while lines and not lines[-1].strip(" "):
        lines.pop()  # not a line of separators: that is a row without values
    require(lines, f"file={path}: must be a readable table, but is empty. Make it again.")
    for number, line in enumerate(lines, 1):
        if not line.strip(" \n"):
            raise InputError(
                f"file={path}: line {number} is empty; lines must not be left out. "
                "Write n/a for what is missing, or remove the line."
            )
        if line.startswith("#"):
            raise InputError(
                f"file={path}: line {number} begins with '#'; comments are not read. Remove the "
                "line, or the '#' before the names."
            )
    return lines


def _separator_of(lines: list[str], decimal: str) -> str:
    """Return the separator that cuts the first two lines into as many cells, else that of line 1.

    What it makes of the other lines is checked there.
    """
    first, second = (re.sub(r'"[^"]*"', "", line.strip(" ")) for line in (lines[0], lines[:2][-1]))
    candidates = [
        separator
        for separator in SEPARATORS
        if separator in first and not (separator == "," == decimal)
    ]
    for separator in candidates:
        if _n_cells(first, separator) == _n_cells(second, separator) > 1:
            return separator
    if not candidates or (candidates == [" "] and " " not in second):
        return "\t"  # one column: a separator in a later line then makes a wrong cell
    return candidates[0]


def _n_cells(line: str, separator: str) -> int:
    """Count the cells of a line, without empty ones at its end."""
    if separator == " ":
        return len(line.split())
    cells = line.split(separator)
    while cells and not cells[-1].strip():
        cells.pop()
    return len(cells)


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    """Cut lines into cells; where a quote does not close on its line, quotes are plain text."""
    if separator == " ":
        return [line.split() for line in lines]
    rows = None
    if any('"' in line for line in lines):
        rows = _unquoted(lines, separator)
    if rows is None:
        rows = [line.split(separator) for line in lines]
    return [[cell.strip() for cell in row] for row in rows]


def _unquoted(lines: list[str], separator: str) -> list[list[str]] | None:
    """Cut lines at separators outside quotes; None where quotes are not balanced."""
    rows = []
    for line in lines:
        try:
            rows.extend(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
        except csv.Error:
            return None
    return rows


def _plain_name(name: str) -> str:
    """Return a name in one Unicode form, so that equal names are equal."""
    return unicodedata.normalize("NFC", str(name).strip())


def _names(path: Path, cells: list[str], decimal: str) -> tuple[str, ...]:
    """Return the names of the columns; a separator at the end of the line names none."""
    while not cells[-1]:
        cells = cells[:-1]
    names = tuple(_plain_name(cell) for cell in cells)
    for column, name in enumerate(names, 1):
        if INDEX_NAME.fullmatch(name):
            raise InputError(
                f"file={path}: column {column} has no name ({name!r}); every column must have one. "
                "If it is an index, save the table without it."
            )
        if FRACTION.fullmatch(name) and is_number(name, decimal):
            raise InputError(
                f"file={path}: line 1 holds numbers ({name}) and text; it must hold names, or "
                "numbers alone. Correct the line."
            )
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise InputError(
            f"file={path}: columns {', '.join(repeated)} are named twice; names must differ. "
            "Rename one."
        )
    numbered = [match for match in map(NUMBERED.fullmatch, names) if match and match[1] in names]
    if numbered:
        name = numbered[0]
        raise InputError(
            f"file={path}: column {name[0]} stands beside {name[1]}, as pandas calls a second "
            "column of that name; names must differ. Rename one."
        )
    return names


def _equal_rows(
    path: Path, names: tuple[str, ...] | None, rows: list[list[str]]
) -> tuple[tuple[str, ...], ...]:
    """Check that every cell has its column; drop the separators at the ends of rows."""
    if not rows:
        return ()
    first_line = 1 if names is None else 2
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width:
            raise InputError(
                f"file={path}: line {first_line + i} has {len(row)} cells, line {first_line} has "
                f"{width}; rows must have the same columns. Write n/a for what is missing."
            )
    if names is None:
        n_columns = max((i + 1 for row in rows for i, cell in enumerate(row) if cell), default=1)
    else:
        n_columns = len(names)
    if width < n_columns:
        raise InputError(
            f"file={path}: line 1 names {n_columns} columns, but rows have {width} cells; each "
            "must have its own. Write n/a for what is missing."
        )
    for i, row in enumerate(rows):
        if any(row[n_columns:]):
            raise InputError(
                f"file={path}: line {first_line + i} has {width} cells, but line 1 names "
                f"{n_columns} columns; each cell must have its column. If there is an index, save "
                "the table without it."
            )
    return tuple(tuple(row[:n_columns]) for row in rows)


def _counts_columns(rows: list[list[str]]) -> bool:
    """Tell whether line 1 is 0, 1, 2, ... or 1, 2, 3, ... above numbers with fractions.

    So libraries name the columns of a table without names.
    """
    first = [cell for cell in rows[0] if cell]
    counts = [[str(start + i) for i in range(len(first))] for start in (0, 1)]
    if len(first) < 3 or first not in counts:
        return False
    return all(any(FRACTION.fullmatch(cell) for cell in row if cell) for row in rows[1:])


def _may_hold_decimal_commas(table: Table) -> bool:
    """Tell whether whole numbers, separated by commas, could be pairs around a decimal comma."""
    if table.n_columns % 2:
        return False
    for row in table.rows:
        if not all(re.fullmatch(r"[+-]?\d+", cell) for cell in row[0::2]):
            return False
        if not all(re.fullmatch(r"\d+", cell) for cell in row[1::2]):
            return False
    return True
