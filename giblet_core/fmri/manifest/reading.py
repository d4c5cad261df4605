"""Read a manifest strictly; say all that is wrong with it at once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from giblet_core.errors import explained, refuse_stream
from giblet_core.files import project_root
from giblet_core.fmri.manifest.fields import MAPPING, NAME
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.rules import check_rules
from giblet_core.fmri.problems import Problems
from giblet_core.strict_yaml import UnclearValue, parse_with_unclear

CORRECT = "Correct the manifest."
NOT_A_KEY = ("extra_forbidden", "invalid_key")


def read_manifest(path: str | Path) -> tuple[Manifest | None, Problems]:
    """Read a manifest and all that is wrong with its form.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.

    Returns
    -------
    manifest : Manifest or None
        Without the optional parts that are wrong, so that the files can be looked at in the same
        pass; None where what is needed to find them is wrong.
    problems : Problems

    Raises
    ------
    InputError
        There is no readable YAML file.
    """
    content, unclear = _read_yaml(Path(path))
    problems = Problems()
    for value in unclear:
        problems.error(
            _where(value.place), value.text, f"(line {value.line}) {value.fault}", value.remedy
        )
    details = _faults(content)
    places = [value.place for value in unclear]
    for detail in details:
        if detail["loc"] not in places and not _follows_from_others(detail, details):
            _explain(detail, problems)
    manifest = _valid_part(content, details)
    if manifest is not None:
        breaks = check_rules(manifest)
        problems += breaks.problems
        folder = _folder(manifest, Path(path))
        if breaks.files_can_be_found and not os.path.isdir(folder):
            problems.error(
                "dataset.folder", manifest.folder, f"there is no folder {folder}", "Correct it."
            )
        elif breaks.files_can_be_found:
            return manifest.model_copy(update={"folder": folder}), problems
    problems.note(
        "dataset", path, "its files were not looked at", "Correct these lines, then check again."
    )
    return None, problems


def _read_yaml(path: Path) -> tuple[Any, list[UnclearValue]]:
    """Read the text of a manifest."""
    refuse_stream(path)
    with explained(
        f"path={path}: must be a readable YAML file",
        "Correct it.",
        OSError,
        ValueError,
        yaml.YAMLError,
    ):
        return parse_with_unclear(path.read_bytes().decode("utf-8-sig"))


def _folder(manifest: Manifest, path: Path) -> Path:
    """Return the folder of the files; ``${GIBLET_SHARED}`` is the material beside the project."""
    shared = os.environ.get("GIBLET_SHARED", str(project_root().parent / "shared"))
    written = str(manifest.folder).replace("${GIBLET_SHARED}", shared)
    literal = path.parent / written
    if os.path.exists(literal):
        return literal
    return path.parent / os.path.expanduser(os.path.expandvars(written))


def _follows_from_others(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Tell whether a list counts as too short only because its entries are wrong."""
    place = detail["loc"]
    below = [other for other in details if other["loc"][: len(place)] == place]
    return detail["type"] == "too_short" and len(below) > 1


# --- what is right in spite of faults --------------------------------------------------------


def _faults(content: Any) -> list[ErrorDetails]:
    """Return all that pydantic finds wrong."""
    try:
        Manifest.model_validate(content)
    except ValidationError as failure:
        return failure.errors(include_url=False)
    return []


def _valid_part(content: Any, details: list[ErrorDetails]) -> Manifest | None:
    """Return the manifest without the optional parts that are wrong; None if others are."""
    parts = {_optional_part(detail) for detail in details}
    if None in parts:
        return None
    for part in sorted(parts, key=_last_first, reverse=True):
        content = _without(content, part)
    if _faults(content):
        return None
    return Manifest.model_validate(content)


def _optional_part(detail: ErrorDetails) -> tuple | None:
    """Return the smallest part around a fault that a manifest may lack."""
    place = detail["loc"]
    if detail["type"] in NOT_A_KEY:
        return place
    for n_steps in range(len(place), 0, -1):
        part = place[:n_steps]
        if isinstance(part[-1], int) and part[0] != "runs":
            return part  # an entry of a list; without a run the others would move
        field = _field_at(part)
        if field is not None and not field.is_required():
            return part
    return None


def _last_first(part: tuple) -> list[str]:
    """Order parts so that, reversed, an entry of a list comes before those ahead of it."""
    return [f"{step:09d}" if isinstance(step, int) else str(step) for step in part]


def _without(node: Any, place: tuple) -> Any:
    """Return the same tree without the part at `place`; an entry of a list becomes None."""
    step, *rest = place
    if isinstance(node, dict):
        if not rest:
            return {key: value for key, value in node.items() if key != step}
        return {
            key: _without(value, tuple(rest)) if key == step else value
            for key, value in node.items()
        }
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        changed = _without(node[step], tuple(rest)) if rest else None
        kept = [changed if i == step else item for i, item in enumerate(node)]
        return [item for item in kept if item is not None]
    return node


# --- faults of form, in words ----------------------------------------------------------------


def _explain(detail: ErrorDetails, problems: Problems) -> None:
    """Add a fault that pydantic found to the problems, in the project's form."""
    place = detail["loc"]
    value = detail["input"]
    kind = detail["type"]
    if kind in NOT_A_KEY:
        known = ", ".join(_section_at(place[:-1]).model_fields)
        problems.error(
            _where((*place[:-1], str(place[-1]))),
            repr(value),
            "unknown key",
            f"Known keys: {known}.",
        )
        return
    field = _field_at(place)
    words = field.json_schema_extra if field is not None else {}
    where = _where(place)
    must_be = f"must be {NAME if kind == 'name_type' else words.get('kind', MAPPING)}"
    if kind == "missing":
        problems.error(where, "missing", must_be, CORRECT)
    elif kind == "bad_name":
        problems.error(where, repr(value), "must not be empty and must not hold /", CORRECT)
    elif kind == "finite_number":
        problems.error(where, value, "must be a finite number", CORRECT)
    elif kind.endswith(("_type", "_parsing")):
        problems.error(where, repr(value), must_be, _remedy_of_type(value))
    else:
        problems.error(where, value, words["rule"] or must_be, words["remedy"] or CORRECT)


def _remedy_of_type(value: Any) -> str:
    """Say what a value of the wrong type was probably meant to be."""
    if isinstance(value, str) and value.lower() in ("no", "yes", "on", "off"):
        return "Write true or false."
    if isinstance(value, str) and ":" in value:
        return "Write seconds as a plain number."
    if isinstance(value, str) and "," in value:
        return "Write a decimal point."
    if isinstance(value, float | bool):
        return 'If it is a name, quote it ("...").'
    return CORRECT


def _where(place: tuple) -> str:
    """Name a place as the manifest's reader would: ``runs[0].n_trs``; ``dataset.`` at the top."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    in_section = len(place) > 1
    return text.removeprefix(".") if in_section else f"dataset{text}"


def _field_at(place: tuple) -> FieldInfo | None:
    """Return the last declared field on the way to a place."""
    section = Manifest
    field = None
    for step in place:
        if isinstance(step, str):
            section = _section_of(field) or section
            field = section.model_fields.get(step, field)
    return field


def _section_at(place: tuple) -> type[BaseModel]:
    """Return the section that stands at a place."""
    return _section_of(_field_at(place)) or Manifest


def _section_of(field: FieldInfo | None) -> type[BaseModel] | None:
    return None if field is None else next(_sections(field.annotation), None)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
