"""How a field of the manifest is declared: type, domain, meaning, unit, default and example."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

# What a value must be, in the words of a message.
NUMBER = "int or float"
WHOLE = "int"
TEXT = "str"
NAME = "int or str"
SWITCH = "bool"
LIST = "list"
MAPPING = "a mapping of names to values"
LIST_OR_FILE = "list or str"

REQUIRED = PydanticUndefined


class Section(BaseModel):
    """A part of the manifest: frozen, without unknown keys, without conversions between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


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


def _as_name(value: Any) -> str:
    """Return a name; a whole number stands for its digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise PydanticCustomError("name_type", "must be int or str")


def _as_tuple(value: Any) -> Any:
    """Return a YAML list as a tuple; what is no list is refused by the type."""
    return tuple(value) if isinstance(value, list) else value


def _as_names_or_file(value: Any) -> tuple[str, ...] | str:
    """Return a list of names, or the name of a file that holds them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return tuple(_as_name(item) for item in value)
    raise PydanticCustomError("names_type", "must be list or str")


def _as_folder(value: Any) -> Path:
    if not isinstance(value, str):
        raise PydanticCustomError("folder_type", "must be str")
    return Path(value)


AS_TUPLE = BeforeValidator(_as_tuple)
Name = Annotated[str, BeforeValidator(_as_name)]
Names = Annotated[tuple[Name, ...], AS_TUPLE]
Folder = Annotated[Path, PlainValidator(_as_folder)]
NamesOrFile = Annotated[tuple[str, ...] | str, PlainValidator(_as_names_or_file)]
