"""Every expectation beside what was found: expectations from one file, figures from the results
that the notebooks wrote, none typed.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from giblet_core.errors import InputError
from giblet_core.files import read_json, read_yaml

RULES = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
VERDICTS = ("met", "not met", "reported", "absent", "not run")


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
    verdict : str
        One of ``VERDICTS``; ``reported``: nothing to compare with; ``absent``: the notebook ran and
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
    """Read all results of a folder, and the benchmark's table as if it were one: name -> label and
    figures.
    """
    found = {}
    for path in sorted(Path(folder).glob("*.json")):
        content = read_json(path)
        if isinstance(content, dict) and isinstance(content.get("figures"), dict):
            found[content.get("notebook", path.stem)] = {
                "label": content.get("label", ""),
                "figures": content["figures"],
            }
    if bench is not None and Path(bench).is_file():
        content = read_json(bench)
        figures = {row["name"]: row["value"] for row in content["rows"]}
        found["bench"] = {
            "label": f"{content['machine']['cores']} cores, {content['date']}",
            "figures": figures,
        }
    return found


def score(expectations: str | Path, figures: dict[str, dict]) -> list[Row]:
    """Put what was found beside what was expected.

    Parameters
    ----------
    expectations : path
        YAML: a list of ``section``, ``item``, ``expected`` (text), ``notebook`` and ``figure``
        (where to look), and, where there is something to compare, ``rule`` and ``bound``; a
        ``note`` if wanted.
    figures : dict
        Of `read_figures`.

    Raises
    ------
    InputError
        An entry without the needed keys, or with an unknown rule.
    """
    rows = []
    for entry in read_yaml(expectations):
        missing = {"section", "item", "expected", "notebook", "figure"} - set(entry)
        if (
            missing
            or entry.get("rule", ">") not in RULES
            or ("rule" in entry) != ("bound" in entry)
        ):
            raise InputError(
                f"{expectations}: {entry.get('item', entry)} must have section, item, expected, notebook, figure, and both or "
                f"neither of rule ({', '.join(RULES)}) and bound. Mend the entry."
            )
        source = figures.get(entry["notebook"])
        found = source["figures"].get(entry["figure"]) if source else None
        rows.append(
            Row(
                entry["section"],
                entry["item"],
                entry["expected"],
                f"{entry['notebook']}: {entry['figure']}",
                found,
                _verdict(entry, source is not None, found),
                source["label"] if source else "",
                entry.get("note", ""),
            )
        )
    return rows


def _verdict(entry: dict, ran: bool, found: object) -> str:
    if found is None:
        return "absent" if ran else "not run"
    if "rule" not in entry:
        return "reported"
    return "met" if RULES[entry["rule"]](found, entry["bound"]) else "not met"


def table(rows: Sequence[Row], section: str | None = None) -> pd.DataFrame:
    """Return the rows (of one section) as a table to show."""
    shown = [row for row in rows if section in (None, row.section)]
    return pd.DataFrame(
        [
            {
                "item": r.item,
                "expected": r.expected,
                "found": _plain(r.found),
                "verdict": r.verdict,
                "on": r.label,
                "note": r.note,
                "read from": r.source,
            }
            for r in shown
        ]
    )


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int) or (
        isinstance(value, float) and value.is_integer() and abs(value) >= 1000
    ):
        return f"{int(value):,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
