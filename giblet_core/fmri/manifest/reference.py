"""The reference of ``dataset.yaml`` as a page, made from the models.

``python -m giblet_core.fmri.manifest.reference`` prints it; a test holds the page of the book
against it.
"""

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from giblet_core.fmri.manifest.models import Manifest

HEAD = """# Manifest reference

A data set is described by a file `dataset.yaml`. This page lists all that it may say. It is made
from the code that reads the file, so the two agree. `giblet check dataset.yaml` reports every
problem in one pass, each with the value found, the rule, and what to do.

Values follow YAML 1.2. A value that readers of YAML understand differently (`010`, `no`, `1:30`,
`1,5`) is refused: quote it if it is a text.
"""


#: Kinds of values in plain words, longest first.
KINDS_IN_WORDS = {
    "int or float": "number",
    "int or str": "text or whole number",
    "int": "whole number",
    "str": "text",
    "bool": "true or false",
}


def manifest_reference() -> str:
    """Return the page, in Markdown: one table for the file, and one for each section in it."""
    parts = [HEAD, _table("The file", Manifest, "What stands at the left margin of the file.")]
    parts += _tables_of_sections(Manifest, "")
    return "\n".join(parts)


def _tables_of_sections(model: type[BaseModel], place: str) -> list[str]:
    """Return a table for each section in a section, and in those."""
    tables = []
    for key, field in model.model_fields.items():
        for section in _models_in(field.annotation):
            tables.append(_table(f"`{place}{key}`", section, field.description))
            tables += _tables_of_sections(section, f"{place}{key}.")
    return tables


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _table(title: str, model: type[BaseModel], about: str) -> str:
    """Return one table: a row a key."""
    rows = [_row(key, field) for key, field in model.model_fields.items()]
    head = "| key | what it means | value | default | example |\n|---|---|---|---|---|"
    return f"## {title}\n\n{about}\n\n{head}\n" + "\n".join(rows) + "\n"


def _row(key: str, field: FieldInfo) -> str:
    words = field.json_schema_extra or {}
    kind = words.get("kind", "")
    value = KINDS_IN_WORDS.get(kind, kind.replace("str", "text"))
    if words.get("unit"):
        value += f", {words['unit']}"
    if words.get("rule"):
        value += f"; {words['rule']}"
    default = "**required**" if field.is_required() else _code(field.default)
    example = _code(field.examples[0]) if field.examples else ""
    description = (field.description or "").replace("``", "`")
    cells = (f"`{key}`", description, value, default, example)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(value: Any) -> str:
    """Return a value as it stands in YAML on one line; "–" where it is left out."""
    if isinstance(value, BaseModel):
        return "–"
    if value is None or value in ("", (), {}, Path()):
        return "–"
    plain = list(value) if isinstance(value, tuple) else value
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    return f"`{text}`"


if __name__ == "__main__":
    print(manifest_reference(), end="")
