"""``dataset.yaml``: what it may say, read strictly. Unknown keys are errors; every problem is found
in one pass.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from giblet_core.errors import InputError
from giblet_core.files import ASSETS, project_root, read_yaml

SCHEMA = read_yaml(ASSETS / "dataset_schema.yaml")
# Python's own integers only: in JSON schema 5.0 is one as well
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
VALIDATOR = validators.extend(Draft202012Validator, type_checker=_TYPES)(SCHEMA)
KINDS = {
    "object": "a mapping of names to values",
    "array": "list",
    "string": "str",
    "integer": "int",
    "number": "int or float",
    "boolean": "bool",
}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a data set: severity (error, warning or note), where, value, rule,
    remedy.
    """

    severity: str
    where: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}={self.value}: {self.rule}. {self.remedy}"


class Problems(list[Problem]):
    """Problems as they are found."""

    def add(self, where: str, value: str, rule: str, remedy: str, severity: str = "error") -> None:
        """Note one more."""
        self.append(Problem(severity, where, value, rule, remedy))

    def check(
        self,
        good: object,
        where: str,
        value: object,
        rule: str,
        remedy: str,
        severity: str = "error",
    ) -> None:
        """Note one more unless `good`."""
        if not good:
            self.add(where, str(value), rule, remedy, severity)

    @contextmanager
    def caught(self, where: str) -> Iterator[None]:
        """Turn an InputError (``value: the rule. The remedy.``) of the block into a problem."""
        try:
            yield
        except InputError as error:
            value, _, rest = str(error).partition(": ")
            rule, _, remedy = rest.partition(". ")
            self.add(where, value, rule.rstrip("."), remedy)

    @property
    def errors(self) -> list[Problem]:
        """Those that forbid a run."""
        return [problem for problem in self if problem.severity == "error"]

    @property
    def fatal(self) -> bool:
        """Whether a manifest with these cannot be used."""
        return any(problem.rule != "unknown key" for problem in self.errors)


@dataclass(frozen=True)
class Run:
    """One run: volume 0 of its file was labelled with stimulus time `stimulus_start_s`; its first
    `dummy_trs` volumes are dropped.

    A `locked` one is kept for a last test.
    """

    name: str
    n_trs: int
    stimulus_start_s: float
    dummy_trs: int = 0
    locked: bool = False


@dataclass(frozen=True)
class Manifest:
    """A manifest whose form is right; sections as in the file, with defaults filled in."""

    folder: Path
    name: str
    label: str
    t_r: float
    slice_time_ref: float
    stimulus: dict[str, Any]
    runs: tuple[Run, ...]
    label_shift_trs: int
    bold: dict[str, Any]
    mask: str
    atlas: dict[str, Any]
    nuisance: dict[str, Any]
    preprocessing: dict[str, Any]
    exclude: tuple[dict[str, Any], ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects as listed, those excluded altogether left out."""
        return tuple(s for s in map(str, self.bold["subjects"]) if s not in self.rejected)

    @property
    def rejected(self) -> dict[str, str]:
        """Subjects excluded altogether, with the reason."""
        return {
            str(e["subject"]): e["why"]
            for e in self.exclude
            if e["subject"] is not None
            and e["run"] is None
            and not e["first_trs"]
            and not e["last_trs"]
        }

    joined = property(
        lambda self: "{run}" not in (self.bold["pattern"] or "{run}"),
        doc="Whether one file of a subject holds all runs.",
    )

    def path(self, name: str) -> Path:
        """Return a path of the manifest, relative to its folder."""
        return self.folder / os.path.expandvars(name)


def _given(node: Any) -> Any:
    """Leave out the names without a value."""
    if isinstance(node, dict):
        return {name: _given(value) for name, value in node.items() if value is not None}
    return [_given(item) for item in node] if isinstance(node, list) else node


def _filled(schema: dict[str, Any], given: Any) -> Any:
    """Fill in the defaults of a mapping and of what is in it; what is left out and has no default
    is None.
    """
    given = schema.get("default") if given is None else given
    if isinstance(given, dict):
        return {name: _filled(part, given.get(name)) for name, part in schema["properties"].items()}
    return tuple(_filled(schema["items"], item) for item in given) if "items" in schema else given


def _slips(error: ValidationError) -> Iterator[tuple[str, Any, str, str]]:
    """Say what one fault of form is about: (name below the fault's place, value, rule, remedy)."""
    schema, value, remedy = error.schema, error.instance, "Correct the manifest."
    if error.validator == "additionalProperties":
        for key in sorted(set(value) - set(schema["properties"]), key=str):
            yield (
                f".{key}",
                repr(value[key]),
                "unknown key",
                f"Known keys: {', '.join(schema['properties'])}.",
            )
    elif error.validator == "required":
        key = error.message.split("'")[1]
        yield f".{key}", "missing", _kinds(schema["properties"][key]), remedy
    elif error.validator == "type":
        yield "", repr(value), _kinds(schema), remedy
    else:
        yield "", str(value), schema["rule"], schema["remedy"]


def _kinds(schema: dict[str, Any]) -> str:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return f"must be {' or '.join(KINDS[kind] for kind in kinds)}"


def read_manifest(path: str | Path) -> tuple[Manifest | None, Problems]:
    """Read a manifest and all that is wrong with its form; the manifest is None where that forbids
    going on.
    """
    given, problems = _given(read_yaml(path)), Problems()
    for error in VALIDATOR.iter_errors(given):
        for below, value, rule, remedy in _slips(error):
            where = error.json_path.replace("$", "dataset", 1) + below
            problems.add(
                re.sub(r"^dataset\.(?=\w+[.\[])", "", where), value, rule, remedy
            )  # what lies in a section is named by it
    if not problems.fatal:
        problems += _rules(top := _filled(SCHEMA, given))
    if problems.fatal:
        return None, problems
    runs = tuple(Run(**{**run, "name": str(run["name"])}) for run in top["runs"])
    shared = os.environ.get(
        "GIBLET_SHARED", str(project_root().parent / "shared")
    )  # the material beside the project
    folder = Path(path).parent / os.path.expandvars(
        top["folder"].replace("${GIBLET_SHARED}", shared)
    )
    return Manifest(**{**top, "folder": folder, "runs": runs}), problems


def _rules(top: dict[str, Any]) -> Problems:
    """Check what values of the right form must fulfil together."""
    bold, subjects, names = (
        top["bold"],
        [str(s) for s in top["bold"]["subjects"]],
        [str(run["name"]) for run in top["runs"]],
    )
    found = Problems()
    found.check(
        len(set(subjects)) == len(subjects),
        "bold.subjects",
        subjects,
        "must not repeat a subject",
        "Remove the copy.",
    )
    found.check(len(set(names)) == len(names), "runs", names, "names must differ", "Rename one.")
    found.check(
        bold["pattern"] is not None or bold["format"] == "bids",
        "bold.pattern",
        None,
        "may be left out for bids only",
        "Give it.",
    )
    unset = [
        name
        for name in re.findall(r"\$\{(\w+)\}", top["folder"])
        if name not in os.environ and name != "GIBLET_SHARED"
    ]
    found.check(
        not unset,
        "folder",
        top["folder"],
        f"the variable {', '.join(unset)} must be set",
        "Export it, or write the folder.",
    )
    for i, run in enumerate(top["runs"]):
        found.check(
            0 <= run["dummy_trs"] < run["n_trs"],
            f"runs[{i}].dummy_trs",
            run["dummy_trs"],
            "must lie in 0 to n_trs - 1",
            "Count the volumes of the file that are to be dropped.",
        )
    for i, rule in enumerate(top["exclude"]):
        for name, known in (("subject", subjects), ("run", names)):
            found.check(
                rule[name] is None or str(rule[name]) in known,
                f"exclude[{i}].{name}",
                rule[name],
                f"must be one of {', '.join(known)}",
                "Correct it.",
            )
        part = (
            rule["first_trs"] or rule["last_trs"] or rule["subject"] is None or rule["run"] is None
        )
        found.check(
            part,
            f"exclude[{i}]",
            rule,
            "a subject cannot lack one run",
            "Exclude TRs, the subject, or the run for all.",
        )
    return found
