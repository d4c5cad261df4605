"""Scorecard: every expectation beside what was found.

Expectations stand in one file; figures are read from the results that the notebooks wrote.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from giblet_core.errors import InputError
from giblet_core.files import read_json, read_yaml

#: How a figure is compared with the bound of its expectation.
RULES = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
VERDICTS = ("met", "not met", "reported", "absent", "not run")
NEEDED_KEYS = {"section", "item", "expected", "notebook", "figure"}


@dataclass(frozen=True)
class Row:
    """One expectation: what was expected, what was found, and the verdict.

    Attributes
    ----------
    section, item, expected, note : str
        As in the file of expectations.
    source : str
        ``notebook: figure``, where the figure was read.
    found : float, str, bool or None
        The figure; None where there is none.
    verdict : str
        One of ``VERDICTS``. ``reported``: nothing to compare with. ``absent``: the notebook ran and
        gave no such figure.
    label : str
        On which material, e.g. that the subjects were simulated.
    """

    section: str
    item: str
    expected: str
    source: str
    found: float | str | bool | None
    verdict: str
    label: str
    note: str


def read_figures(folder: str | Path, bench: str | Path | None = None) -> dict[str, dict]:
    """Read all results of a folder, and the benchmark's table as if it were one of them.

    Returns
    -------
    dict
        Name of the notebook (or ``bench``) -> ``label`` and ``figures``.
    """
    results = {}
    for path in sorted(Path(folder).glob("[!.]*.json")):
        content = read_json(path)
        if isinstance(content, dict) and isinstance(content.get("figures"), dict):
            name = content.get("notebook", path.stem)
            results[name] = {"label": content.get("label", ""), "figures": content["figures"]}
    if bench is not None and Path(bench).is_file():
        content = read_json(bench)
        results["bench"] = {
            "label": f"{content['machine']['cores']} cores, {content['date']}",
            "figures": {row["name"]: row["value"] for row in content["rows"]},
        }
    return results


def score_expectations(expectations: str | Path, figures: dict[str, dict]) -> list[Row]:
    """Put what was found beside what was expected.

    Parameters
    ----------
    expectations : path
        YAML: a list of ``section``, ``item``, ``expected`` (text), ``notebook`` and ``figure``
        (where to look), and, where there is something to compare, ``rule`` and ``bound``; a
        ``note`` if wanted.
    figures : dict
        Of `read_figures`.

    Returns
    -------
    list of Row
        One for each entry, in the order of the file.

    Raises
    ------
    InputError
        An entry without the needed keys, or with an unknown rule.
    """
    rows = []
    for entry in read_yaml(expectations):
        _check_entry(entry, expectations)
        source = figures.get(entry["notebook"])
        found = source["figures"].get(entry["figure"]) if source else None
        row = Row(
            section=entry["section"],
            item=entry["item"],
            expected=entry["expected"],
            source=f"{entry['notebook']}: {entry['figure']}",
            found=found,
            verdict=_verdict(entry, source is not None, found),
            label=source["label"] if source else "",
            note=entry.get("note", ""),
        )
        rows.append(row)
    return rows


def _check_entry(entry: dict[str, Any], expectations: str | Path) -> None:
    complete = set(entry) >= NEEDED_KEYS
    known_rule = entry.get("rule", ">") in RULES
    comparable = ("rule" in entry) == ("bound" in entry)
    if not (complete and known_rule and comparable):
        raise InputError(
            f"{expectations}: {entry.get('item', entry)} must have section, item, expected, "
            f"notebook, figure, and both or neither of rule ({', '.join(RULES)}) and bound. "
            "Mend the entry."
        )


def _verdict(entry: dict[str, Any], ran: bool, found: object) -> str:
    if found is None:
        return "absent" if ran else "not run"
    if "rule" not in entry:
        return "reported"
    holds = RULES[entry["rule"]](found, entry["bound"])
    return "met" if holds else "not met"


def scorecard_table(rows: Sequence[Row], section: str | None = None) -> pd.DataFrame:
    """Return the rows, or those of one section, as a table to show."""
    shown = [row for row in rows if section in (None, row.section)]
    return pd.DataFrame(
        [
            {
                "item": row.item,
                "expected": row.expected,
                "found": _as_text(row.found),
                "verdict": row.verdict,
                "on": row.label,
                "note": row.note,
                "read from": row.source,
            }
            for row in shown
        ]
    )


def _as_text(value: object) -> str:
    """Write a number with three digits; from 1000 on whole, with separators.

    Examples
    --------
    >>> [_as_text(value) for value in (0.12345, 999.4, 999.6, 12345.6, 98765)]
    ['0.123', '999', '1,000', '12,346', '98,765']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    has_four_digits = abs(value) >= 999.5  # when rounded to whole numbers
    return f"{value:,.0f}" if has_four_digits else f"{value:.3g}"
