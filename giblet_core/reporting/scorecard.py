"""Scorecard: every expectation beside what was found.

Expectations stand in one file; figures are read from the results that the notebooks wrote on the
material at hand, and from no other.
"""

import operator
from collections.abc import Collection, Mapping, Sequence
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
MET = "met"
MISSED = "missed"
REPORTED = "reported"
NOT_MEASURED = "not measured on this material"
NOT_APPLICABLE = "not applicable"
STATES = (MET, MISSED, REPORTED, NOT_MEASURED, NOT_APPLICABLE)
#: What the plan "expected" of things it had not thought of: never counted as met.
NOBODY_EXPECTED = "not considered"
DEMO = "demo"  # what an expectation applies to that no other material can answer
NEEDED_KEYS = {"section", "item", "expected", "notebook", "figure"}
KNOWN_KEYS = {*NEEDED_KEYS, "rule", "bound", "note", "applies_to"}


@dataclass(frozen=True)
class Row:
    """One expectation: what was expected, what was found on this material, and its state.

    Attributes
    ----------
    section, item, expected, note : str
        As in the file of expectations.
    source : str
        ``notebook: figure``, where the figure was read.
    found : float, str, bool or None
        The figure; None where there is none.
    state : str
        One of `STATES`. ``reported``: measured, and nothing to compare with.
    reason : str
        Why it was not measured, or is not applicable; else "".
    label : str
        On which material, e.g. that the subjects were simulated.
    bound : str
        The bound that it is compared with, in figures; else "".
    """

    section: str
    item: str
    expected: str
    source: str
    found: float | str | bool | None
    state: str
    reason: str
    label: str
    bound: str
    note: str

    @property
    def is_expected(self) -> bool:
        """Whether the plan had this expectation at all."""
        return self.expected != NOBODY_EXPECTED

    @property
    def was_compared(self) -> bool:
        """Whether it counts: expected, measured on this material, and held against a bound."""
        return self.is_expected and self.state in (MET, MISSED)


def read_figures(
    folder: str | Path,
    bench: str | Path | None = None,
    materials: Collection[str] | None = None,
) -> dict[str, dict]:
    """Read all results of a folder, and the benchmark's table as if it were one of them.

    Parameters
    ----------
    folder : path
        Of the results, a file a notebook.
    bench : path, optional
        The benchmark of this machine.
    materials : collection of str, optional
        Keys of the material at hand (`material_key`): results of other material are left out. None
        takes all.

    Returns
    -------
    dict
        Name of the notebook (or ``bench``) -> ``label`` and ``figures``.
    """
    results = {}
    for path in sorted(Path(folder).glob("[!.]*.json")):
        content = read_json(path)
        if not (isinstance(content, dict) and isinstance(content.get("figures"), dict)):
            continue
        found_on = [key for key in content.get("material", []) if key is not None]
        if materials is not None and not (found_on and set(found_on) <= set(materials)):
            continue
        name = content.get("notebook", path.stem)
        results[name] = {"label": content.get("label", ""), "figures": content["figures"]}
    if bench is not None and Path(bench).is_file():
        content = read_json(bench)
        results["bench"] = {
            "label": f"{content['machine']['cores']} cores, {content['date']}",
            "figures": {row["name"]: row["value"] for row in content["rows"]},
        }
    return results


def score_expectations(
    expectations: str | Path, figures: Mapping[str, dict], is_demo: bool = True
) -> list[Row]:
    """Put what was found beside what was expected.

    Parameters
    ----------
    expectations : path
        YAML: a list of ``section``, ``item``, ``expected`` (text), ``notebook`` and ``figure``
        (where to look), and, where there is something to compare, ``rule`` and ``bound``;
        ``applies_to: demo`` where only the demo can answer; a ``note`` if wanted.
    figures : mapping
        Of `read_figures`.
    is_demo : bool
        Whether the material is the demo.

    Returns
    -------
    list of Row
        One for each entry, in the order of the file.

    Raises
    ------
    InputError
        An entry without the needed keys, with unknown ones, or with an unknown rule.
    """
    rows = []
    for entry in read_yaml(expectations):
        _check_entry(entry, expectations)
        rows.append(_row_of(entry, figures.get(entry["notebook"]), is_demo))
    return rows


def _row_of(entry: dict[str, Any], source: dict | None, is_demo: bool) -> Row:
    is_applicable = is_demo or entry.get("applies_to") != DEMO
    found = source["figures"].get(entry["figure"]) if source and is_applicable else None
    state = NOT_MEASURED
    reason = ""
    if not is_applicable:
        state = NOT_APPLICABLE
        reason = "only the demo, whose truth is known, can answer"
    elif source is None:
        reason = "its notebook was not run on this material"
    elif found is None:
        reason = "its section was left out, or has no value here"
    else:
        state = _state_of(entry, found)
    return Row(
        section=entry["section"],
        item=entry["item"],
        expected=entry["expected"],
        source=f"{entry['notebook']}: {entry['figure']}",
        found=found,
        state=state,
        reason=reason,
        label=source["label"] if source and is_applicable else "",
        bound=f"{entry['rule']} {entry['bound']}" if "rule" in entry else "",
        note=entry.get("note", ""),
    )


def _check_entry(entry: dict[str, Any], expectations: str | Path) -> None:
    complete = NEEDED_KEYS <= set(entry) <= KNOWN_KEYS
    known_rule = entry.get("rule", ">") in RULES
    comparable = ("rule" in entry) == ("bound" in entry)
    known_material = entry.get("applies_to", DEMO) == DEMO
    if not (complete and known_rule and comparable and known_material):
        raise InputError(
            f"{expectations}: {entry.get('item', entry)} must have section, item, expected, "
            f"notebook, figure, and both or neither of rule ({', '.join(RULES)}) and bound; it may "
            f"have a note and applies_to: {DEMO}. Mend the entry."
        )


def _state_of(entry: dict[str, Any], found: object) -> str:
    if "rule" not in entry:
        return REPORTED
    holds = RULES[entry["rule"]](found, entry["bound"])
    return MET if holds else MISSED


def count_states(rows: Sequence[Row]) -> pd.Series:
    """Count the states of the expectations that the plan had, in the order of `STATES`."""
    states = [row.state for row in rows if row.is_expected]
    return pd.Series(states, dtype=str).value_counts().reindex(STATES, fill_value=0)


def scorecard_table(rows: Sequence[Row], section: str | None = None) -> pd.DataFrame:
    """Return the expected rows that are applicable, or those of one section, as a table to show."""
    shown = [
        row
        for row in rows
        if row.is_expected and row.state != NOT_APPLICABLE and section in (None, row.section)
    ]
    return pd.DataFrame(
        [
            {
                "item": row.item,
                "expected": row.expected,
                "found": _as_text(row.found),
                "state": row.state,
                "on": row.label,
                "note": row.reason or row.note,
                "read from": row.source,
            }
            for row in shown
        ]
    )


def unexpected_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return what nobody had expected: found, this book's own bound, and whether it holds.

    What is not applicable is left out, as in `scorecard_table`; `count_states` counts it.
    """
    holds = {MET: "holds", MISSED: "does not hold"}
    return pd.DataFrame(
        [
            {
                "item": row.item,
                "found": _as_text(row.found),
                "own bound": row.bound or "–",
                "bound": holds.get(row.state, row.state),
                "on": row.label,
                "note": row.reason or row.note,
                "read from": row.source,
            }
            for row in rows
            if not row.is_expected and row.state != NOT_APPLICABLE
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
