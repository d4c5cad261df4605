"""How a field of the manifest is declared: type, domain, meaning, unit, default and example."""

import unicodedata
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

# What a value must be, in the words of a message.
NUMBER = "int or float"
WHOLE = "int"
TEXT = "str"
CHOICE = "str"
NAME = "int or str"
SWITCH = "bool"
LIST = "list"
MAPPING = "a mapping of names to values"
LIST_OR_FILE = "list or str"
MAPPING_OR_FILE = "str or a mapping of names to values"

REQUIRED = PydanticUndefined


class Section(BaseModel):
    """A part of the manifest: frozen, without unknown keys, without conversions between types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        regex_engine="python-re",
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        """Leave out known names without a value: they count as not given."""
        if not isinstance(given, dict):
            return given
        return {
            name: value
            for name, value in given.items()
            if value is not None or name not in cls.model_fields
        }


def declared(
    kind: str,
    description: str,
    *,
    example: Any,
    default: Any = REQUIRED,
    unit: str | None = None,
    rule: tuple[str, str] = ("", ""),
    **limits: Any,
) -> FieldInfo:
    """Declare a field of the manifest.

    Parameters
    ----------
    kind : str
        What a value must be, in words: `NUMBER`, `TEXT`, ...
    description : str
        One sentence that says what the field means.
    example : any
        A value that may stand in a manifest.
    default : any
        The value where the manifest gives none; `REQUIRED` where it has to.
    unit : str, optional
        Of a number.
    rule : (str, str)
        Rule and remedy, said where a value of the right kind lies outside the domain.
    **limits
        The domain, as pydantic's `Field` takes it: ``gt``, ``ge``, ``lt``, ``le``, ``min_length``.

    Returns
    -------
    FieldInfo
    """
    words = {"kind": kind, "unit": unit, "rule": rule[0], "remedy": rule[1]}
    return Field(
        default,
        description=description,
        examples=[example],
        json_schema_extra=words,
        validate_default=False,
        **limits,
    )


# --- types -----------------------------------------------------------------------------------


def _as_text(value: Any) -> str:
    """Return a text in one Unicode form, so that equal names are equal."""
    if not isinstance(value, str):
        raise PydanticCustomError("text_type", "must be str")
    return unicodedata.normalize("NFC", value)


def _as_name(value: Any) -> str:
    """Return a name; a whole number stands for its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("name_type", "must be int or str")
    name = unicodedata.normalize("NFC", value.strip())
    if not name or "/" in name or "\0" in name:
        raise PydanticCustomError("bad_name", "must not be empty and must not hold /")
    return name


def _as_tuple(value: Any) -> Any:
    """Return a YAML list as a tuple; what is no list is refused by the type."""
    return tuple(value) if isinstance(value, list) else value


def _as_names_or_file(value: Any) -> tuple[str, ...] | str:
    """Return a list of names, or the name of a file that holds them."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return tuple(_as_region_name(item) for item in value)
    raise PydanticCustomError("names_type", "must be list or str")


def _as_region_name(value: Any) -> str:
    """Return the name of a region, which may hold any character."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise PydanticCustomError("names_type", "must be list or str")
    return unicodedata.normalize("NFC", str(value).strip())


def _as_channel(value: Any) -> int | str:
    """Return a channel: its number from 0, or its place."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise PydanticCustomError("channel_type", "must be int or str")
    return value


def _as_folder(value: Any) -> Path:
    if not isinstance(value, str):
        raise PydanticCustomError("folder_type", "must be str")
    return Path(value)


def _as_it_is(value: Any) -> Any:
    """Return a value that needs no other form when a manifest is written."""
    return value


AS_TUPLE = BeforeValidator(_as_tuple)
Text = Annotated[str, BeforeValidator(_as_text)]
Name = Annotated[str, BeforeValidator(_as_name)]
Names = Annotated[tuple[Name, ...], AS_TUPLE]
ColumnNames = Annotated[tuple[Annotated[str, BeforeValidator(_as_region_name)], ...], AS_TUPLE]
Folder = Annotated[Path, PlainValidator(_as_folder), WithJsonSchema({"type": "string"})]
Channel = Annotated[
    int | str, PlainValidator(_as_channel), WithJsonSchema({"type": ["integer", "string"]})
]
NamesOrFile = Annotated[
    tuple[str, ...] | str,
    PlainValidator(_as_names_or_file),
    PlainSerializer(_as_it_is),
    WithJsonSchema({"type": ["array", "string"]}),
]
