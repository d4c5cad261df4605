"""Read a manifest strictly; say all that is wrong with it at once."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from giblet_core.files import project_root, read_yaml
from giblet_core.fmri.manifest.models import CORRECT, Manifest
from giblet_core.fmri.problems import Problems


def read_manifest(path: str | Path) -> tuple[Manifest | None, Problems]:
    """Read a manifest and all that is wrong with its form.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.

    Returns
    -------
    manifest : Manifest or None
        None where a problem forbids going on; unknown keys alone do not.
    problems : Problems

    Raises
    ------
    InputError
        There is no readable YAML file.
    """
    given = _without_empty(read_yaml(path))
    problems = Problems()
    unknown = []
    manifest = None
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as failure:
        details = failure.errors(include_url=False)
        for detail in details:
            _explain(detail, problems)
        unknown = [d["loc"] for d in details if d["type"] == "extra_forbidden"]
        if len(unknown) == len(details):
            manifest = Manifest.model_validate(_without_keys(given, unknown))
    if manifest is None:
        return None, problems
    of_values = _problems_of_values(manifest)
    problems += of_values
    if of_values.errors:
        return None, problems
    return manifest.model_copy(update={"folder": _folder(manifest, Path(path))}), problems


def _without_empty(node: Any) -> Any:
    """Leave out the names without a value: they count as not given."""
    if isinstance(node, dict):
        return {name: _without_empty(value) for name, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_without_empty(item) for item in node]
    return node


def _without_keys(given: Any, places: list[tuple]) -> Any:
    """Return the same tree without the keys at `places`."""
    firsts = {place[0] for place in places if len(place) == 1}
    if isinstance(given, dict):
        items = ((key, value) for key, value in given.items() if key not in firsts)
        return {key: _without_keys(value, _below(places, key)) for key, value in items}
    if isinstance(given, list):
        return [_without_keys(item, _below(places, i)) for i, item in enumerate(given)]
    return given


def _below(places: list[tuple], step: Any) -> list[tuple]:
    return [place[1:] for place in places if len(place) > 1 and place[0] == step]


def _folder(manifest: Manifest, path: Path) -> Path:
    """Return the folder of the files; ``${GIBLET_SHARED}`` is the material beside the project."""
    shared = os.environ.get("GIBLET_SHARED", str(project_root().parent / "shared"))
    written = str(manifest.folder).replace("${GIBLET_SHARED}", shared)
    return path.parent / os.path.expandvars(written)


# --- faults of form, in words ----------------------------------------------------------------


def _explain(detail: ErrorDetails, problems: Problems) -> None:
    """Add a fault that pydantic found to the problems, in the project's form."""
    place = detail["loc"]
    section, field = _declaration(place)
    words = field.json_schema_extra if field is not None else {}
    where = _where(place)
    must_be = f"must be {words.get('kind', 'a mapping of names to values')}"
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = f"Known keys: {', '.join(section.model_fields)}."
        problems.error(where, repr(detail["input"]), "unknown key", known)
    elif kind == "missing":
        problems.error(where, "missing", must_be, CORRECT)
    elif kind.endswith(("_type", "_parsing", "_number")):
        problems.error(where, repr(detail["input"]), must_be, CORRECT)
    else:
        problems.error(where, detail["input"], words["rule"], words["remedy"])


def _where(place: tuple) -> str:
    """Name a place as the manifest's reader would: ``runs[0].n_trs``; ``dataset.`` at the top."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    in_section = len(place) > 1
    return text.removeprefix(".") if in_section else f"dataset{text}"


def _declaration(place: tuple) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the section that a place lies in and the last declared field on the way to it."""
    section = Manifest
    field = None
    for step in place:
        below = next(_sections(field.annotation), None) if field is not None else None
        if isinstance(step, int):
            continue
        section = below or section
        field = section.model_fields.get(step, field)
    return section, field


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


# --- what several values must fulfil together ------------------------------------------------


def _problems_of_values(manifest: Manifest) -> Problems:
    problems = Problems()
    bold = manifest.bold
    names = [run.name for run in manifest.runs]
    if len(set(bold.subjects)) < len(bold.subjects):
        problems.error(
            "bold.subjects", list(bold.subjects), "must not repeat a subject", "Remove the copy."
        )
    if len(set(names)) < len(names):
        problems.error("runs", names, "names must differ", "Rename one.")
    if bold.pattern is None and bold.format != "bids":
        problems.error("bold.pattern", None, "may be left out for bids only", "Give it.")
    unset = [
        name
        for name in re.findall(r"\$\{(\w+)\}", str(manifest.folder))
        if name not in os.environ and name != "GIBLET_SHARED"
    ]
    if unset:
        problems.error(
            "folder",
            manifest.folder,
            f"the variable {', '.join(unset)} must be set",
            "Export it, or write the folder.",
        )
    for i, run in enumerate(manifest.runs):
        if not 0 <= run.dummy_trs < run.n_trs:
            problems.error(
                f"runs[{i}].dummy_trs",
                run.dummy_trs,
                "must lie in 0 to n_trs - 1",
                "Count the volumes of the file that are to be dropped.",
            )
    return Problems(problems + _problems_of_exclusions(manifest))


def _problems_of_exclusions(manifest: Manifest) -> Problems:
    problems = Problems()
    subjects = manifest.bold.subjects
    runs = [run.name for run in manifest.runs]
    for i, rule in enumerate(manifest.exclude):
        for name, value, known in (("subject", rule.subject, subjects), ("run", rule.run, runs)):
            if value is not None and value not in known:
                problems.error(
                    f"exclude[{i}].{name}",
                    value,
                    f"must be one of {', '.join(known)}",
                    "Correct it.",
                )
        if rule.is_whole and rule.subject is not None and rule.run is not None:
            problems.error(
                f"exclude[{i}]",
                rule.model_dump(exclude_defaults=True),
                "a subject cannot lack one run",
                "Exclude TRs, the subject, or the run for all.",
            )
    return problems
