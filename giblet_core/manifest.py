"""``dataset.yaml``: what it may say, read strictly. Unknown keys are errors; every problem is found in one pass."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giblet_core.artifacts import InputError, project_root, read_yaml
from giblet_core.bold_io import FORMATS

REQUIRED = object()
NUMBER, NAME = (int, float), (int, str)
TOP = {"name": (str, REQUIRED), "label": (str, ""), "folder": (str, "."), "t_r": (NUMBER, REQUIRED), "slice_time_ref": (NUMBER, 0.0),
       "stimulus": (dict, {}), "runs": (list, REQUIRED), "label_shift_trs": (int, 0), "bold": (dict, REQUIRED), "mask": (str, "auto"),
       "atlas": (dict, {}), "nuisance": (dict, {}), "preprocessing": (dict, {}), "exclude": (list, [])}
SECTIONS = {
    "stimulus": {"file": (str, None), "clock_ratio": (NUMBER, 1.0), "annotation": (str, None)},
    "runs": {"name": (NAME, REQUIRED), "n_trs": (int, REQUIRED), "stimulus_start_s": (NUMBER, REQUIRED), "dummy_trs": (int, 0)},
    "bold": {"pattern": (str, None), "subjects": (list, REQUIRED), "format": (str, REQUIRED), "columns": (list, None)},
    "atlas": {"file": (str, REQUIRED), "names": ((list, str), REQUIRED)},
    "nuisance": {"pattern": (str, None), "columns": (list, None), "drop_first": (int, 0)},
    "preprocessing": {"zscored": (bool, False), "hrf": (bool, False), "high_pass_s": (NUMBER, None)},
    "exclude": {"subject": (NAME, None), "run": (NAME, None), "first_trs": (int, 0), "last_trs": (int, 0), "why": (str, REQUIRED)},
}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a data set: severity (error, warning or note), where, value, rule, remedy."""

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

    def check(self, good: object, where: str, value: object, rule: str, remedy: str, severity: str = "error") -> None:
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
    """One run: volume 0 of its file was labelled with stimulus time `stimulus_start_s`; its first `dummy_trs` volumes are dropped."""

    name: str
    n_trs: int
    stimulus_start_s: float
    dummy_trs: int = 0


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
    exclude: tuple[dict[str, Any], ...] = field(default=())

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects as listed, those excluded altogether left out."""
        return tuple(s for s in map(str, self.bold["subjects"]) if s not in self.rejected)

    @property
    def rejected(self) -> dict[str, str]:
        """Subjects excluded altogether, with the reason."""
        return {str(e["subject"]): e["why"] for e in self.exclude
                if e["subject"] is not None and e["run"] is None and not e["first_trs"] and not e["last_trs"]}

    @property
    def joined(self) -> bool:
        """Whether one file of a subject holds all runs."""
        return "{run}" not in (self.bold["pattern"] or "{run}")

    def path(self, name: str) -> Path:
        """Return a path of the manifest, relative to its folder."""
        return self.folder / os.path.expandvars(name)


def _fields(where: str, given: Any, spec: dict, problems: Problems) -> dict[str, Any]:
    """Check one mapping against its keys and types and fill in the defaults."""
    if not isinstance(given, dict):
        problems.add(where, repr(given), "must be a mapping of names to values", f"Give {', '.join(spec)}.")
        given = {}
    for key in sorted(set(given) - set(spec), key=str):
        problems.add(f"{where}.{key}", repr(given[key]), "unknown key", f"Known keys: {', '.join(spec)}.")
    out = {}
    for key, (kind, default) in spec.items():
        value = given.get(key)
        wrong = value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool))
        if wrong or (value is None and default is REQUIRED):
            names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            problems.add(f"{where}.{key}", repr(value) if key in given else "missing", f"must be {names}", "Correct the manifest.")
        out[key] = default if value is None or wrong else value
    return out


def read_manifest(path: str | Path) -> tuple[Manifest | None, Problems]:
    """Read a manifest and all that is wrong with its form; the manifest is None where that forbids going on."""
    path = Path(path)
    given = read_yaml(path)
    problems = Problems()
    top = _fields("dataset", given, TOP, problems)
    for name in ("stimulus", "bold", "atlas", "nuisance", "preprocessing"):
        if (isinstance(given, dict) and given.get(name) is not None) or name in ("stimulus", "preprocessing"):
            top[name] = _fields(name, top[name] if isinstance(top[name], dict) else {}, SECTIONS[name], problems)
    for name in ("runs", "exclude"):
        items = top[name] if isinstance(top[name], list) else []
        top[name] = [_fields(f"{name}[{i}]", item, SECTIONS[name], problems) for i, item in enumerate(items)]
    if not problems.fatal:  # values are looked at only where all have the right type
        problems += _rules(top)
    if problems.fatal:
        return None, problems
    runs = tuple(Run(str(r["name"]), r["n_trs"], float(r["stimulus_start_s"]), r["dummy_trs"]) for r in top["runs"])
    return Manifest(**{**top, "folder": _folder(path, top["folder"]), "runs": runs, "exclude": tuple(top["exclude"])}), problems


def _folder(path: Path, folder: str) -> Path:
    """Return the folder that a manifest's paths are relative to; GIBLET_SHARED stands for the material beside the project."""
    shared = os.environ.get("GIBLET_SHARED", str(project_root().parent / "shared"))
    return path.parent / os.path.expandvars(folder.replace("${GIBLET_SHARED}", shared))


def _rules(top: dict[str, Any]) -> Problems:
    """Check values that have the right type."""
    bold, runs = top["bold"], top["runs"]
    subjects, names = [str(s) for s in bold["subjects"]], [str(run["name"]) for run in runs]
    found = Problems()
    found.check(top["t_r"] > 0, "t_r", top["t_r"], "must be positive seconds", "Take it from the scanner's protocol.")
    found.check(0 <= top["slice_time_ref"] <= 1, "slice_time_ref", top["slice_time_ref"], "must lie in 0 to 1", "fMRIPrep uses 0.5.")
    found.check(top["stimulus"]["clock_ratio"] > 0, "stimulus.clock_ratio", top["stimulus"]["clock_ratio"], "must be positive",
                "Scanner seconds per stimulus second; 1.0 as a rule.")
    found.check(bool(runs), "runs", runs, "must list at least one run", "Give name, n_trs, stimulus_start_s.")
    found.check(bool(subjects), "bold.subjects", subjects, "must list at least one subject", "Name them.")
    found.check(len(set(subjects)) == len(subjects), "bold.subjects", subjects, "must not repeat a subject", "Remove the copy.")
    found.check(len(set(names)) == len(names), "runs", names, "names must differ", "Rename one.")
    found.check(bold["format"] in FORMATS, "bold.format", bold["format"], f"must be one of {', '.join(FORMATS)}", "Choose one.")
    found.check(bold["pattern"] is None or "{subject}" in bold["pattern"], "bold.pattern", bold["pattern"], "must hold {subject}",
                "Write {subject} where the name of the subject stands, and {run} where each run has its own file.")
    found.check(bold["pattern"] is not None or bold["format"] == "bids", "bold.pattern", None, "may be left out for bids only", "Give it.")
    unset = [name for name in re.findall(r"\$\{(\w+)\}", top["folder"]) if name not in os.environ and name != "GIBLET_SHARED"]
    found.check(not unset, "folder", top["folder"], f"the variable {', '.join(unset)} must be set", "Export it, or write the folder.")
    for i, run in enumerate(runs):
        found.check(run["n_trs"] >= 1, f"runs[{i}].n_trs", run["n_trs"], "must be at least 1", "Count the volumes of the file.")
        found.check(0 <= run["dummy_trs"] < max(run["n_trs"], 1), f"runs[{i}].dummy_trs", run["dummy_trs"],
                    "must lie in 0 to n_trs - 1", "Count the volumes of the file that are to be dropped.")
    for i, rule in enumerate(top["exclude"]):
        known_subject = rule["subject"] is None or str(rule["subject"]) in subjects
        found.check(known_subject, f"exclude[{i}].subject", rule["subject"], f"must be one of {', '.join(subjects)}", "Correct it.")
        found.check(rule["run"] is None or str(rule["run"]) in names, f"exclude[{i}].run", rule["run"],
                    f"must be one of {', '.join(names)}", "Correct it.")
        part = rule["first_trs"] or rule["last_trs"] or rule["subject"] is None or rule["run"] is None
        found.check(part, f"exclude[{i}]", rule, "a subject cannot lack one run", "Exclude TRs, the subject, or the run for all.")
        found.check(min(rule["first_trs"], rule["last_trs"]) >= 0, f"exclude[{i}]", rule, "must not count TRs below 0", "Correct it.")
    return found
