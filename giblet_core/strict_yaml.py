"""YAML with the rules of version 1.2: what version 1.1 would read as something else is refused.

PyYAML follows YAML 1.1, where an unquoted 010 is 8, no is false and 1:30 is 90. A subject named 010
or a contrast named no would silently become another one. Here such values are errors that say
"quote it"; 1e3 is a number and 2026-01-31 is a text, as in YAML 1.2.

References
----------
YAML 1.2.2, section 10.3, core schema.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from giblet_core.errors import InputError

DEEPEST = 50  # levels of lists and maps in each other

_TRUE_OR_FALSE = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_NULL = re.compile(r"^(?:null|Null|NULL|~|)$")

#: Plain values that mean different things to different readers: pattern, what is wrong with it.
_AMBIGUOUS = (
    (re.compile(r"^(?:yes|no|on|off)$", re.IGNORECASE), "is true or false in YAML 1.1"),
    (re.compile(r"^[-+]?0[0-9_]+$"), "has leading zeros, an octal number in YAML 1.1"),
    (
        re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$"),
        "is a base-60 number in YAML 1.1",
    ),
    (re.compile(r"^[-+]?[0-9]+,[0-9]+$"), "has a decimal comma"),
    (re.compile(r"^[-+]?[0-9]+(?:_[0-9]+)+(?:\.[0-9_]*)?$"), "has underscores between digits"),
    (re.compile(r"^[-+]?0[box][0-9a-fA-F_]+$"), "is not a decimal number"),
    (re.compile(r"^[-+]?\.(?:inf|nan)$", re.IGNORECASE), "is not a finite number"),
)


class _Loader(yaml.SafeLoader):
    """Safe loading with the core schema of YAML 1.2.

    There are no references (``*name``), with which a short text holds endless parts, and no depth
    beyond reason.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        """Refuse what PyYAML would compose without end."""
        mark = self.peek_event().start_mark
        if self.check_event(yaml.AliasEvent):
            problem = "references (& and *) are not read; write them out"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        if self.depth == DEEPEST:
            problem = f"lists and maps lie deeper than {DEEPEST} levels in each other"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _resolve(tag: str, pattern: re.Pattern, first_characters: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", pattern, list(first_characters))


_Loader.yaml_implicit_resolvers = {}
_resolve("bool", _TRUE_OR_FALSE, "tTfF")
_resolve("int", _INTEGER, "-+0123456789")
_resolve("float", _FLOAT, "-+.0123456789")
_resolve("null", _NULL, "~nN\0")
_resolve("null", _NULL, "")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", _NULL))


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    value = float(loader.construct_scalar(node))
    if not math.isfinite(value):
        raise InputError(f"value={node.value}: must be a finite number. Write a smaller one.")
    return value


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    """Refuse keys given twice: the last would silently win."""
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, str | int | float) and key in seen:
            line = key_node.start_mark.line + 1
            raise InputError(f"key={key}: stands twice (line {line}). Leave one of them out.")
        if isinstance(key, str | int | float):
            seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


@dataclass(frozen=True)
class UnclearValue:
    """A plain value that readers of YAML understand differently.

    Attributes
    ----------
    place : tuple of str and int
        The keys and indices that lead to it.
    text : str
    fault : str
        What is wrong with it.
    line : int
        Of the text, from 1.
    """

    place: tuple
    text: str
    fault: str
    line: int

    @property
    def remedy(self) -> str:
        """Say what to write instead."""
        return (
            f'Quote it if it is a text ("{self.text}"); write it plainly if it is a number, or '
            "true or false."
        )


def _unclear_values(node: yaml.Node | None, place: tuple) -> Iterator[UnclearValue]:
    """Yield the plain values with two meanings, in the order of the text."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            inside = (*place, str(key_node.value))
            yield from _unclear_values(key_node, inside)
            yield from _unclear_values(value_node, inside)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _unclear_values(item, (*place, i))
    elif isinstance(node, yaml.ScalarNode) and node.style is None:
        faults = [fault for pattern, fault in _AMBIGUOUS if pattern.match(node.value)]
        if faults:
            yield UnclearValue(place, node.value, faults[0], node.start_mark.line + 1)


def parse_yaml(text: str, name: str = "value") -> Any:
    """Read YAML with the rules of version 1.2.

    Parameters
    ----------
    text : str
        YAML.
    name : str
        What a message calls a value that has no key.

    Returns
    -------
    value

    Raises
    ------
    InputError
        A plain value that readers of YAML understand differently, a number that is not finite, or
        a key given twice.
    yaml.YAMLError
        No YAML, references, or more than `DEEPEST` levels.

    Examples
    --------
    >>> parse_yaml("{subjects: ['010'], t_r: 1e0, date: 2026-01-31}")
    {'subjects': ['010'], 't_r': 1.0, 'date': '2026-01-31'}
    """
    content, unclear = parse_with_unclear(text)
    for value in unclear:
        keys = [step for step in value.place if isinstance(step, str)]
        raise InputError(
            f"{keys[-1] if keys else name}={value.text}: (line {value.line}) {value.fault}. "
            f"{value.remedy}"
        )
    return content


def parse_with_unclear(text: str) -> tuple[Any, list[UnclearValue]]:
    """Read YAML as `parse_yaml`; return values with two meanings as text, and list them.

    Raises
    ------
    InputError
        A number that is not finite, or a key given twice.
    yaml.YAMLError
        No YAML.

    Examples
    --------
    >>> content, unclear = parse_with_unclear("subjects: [010, 11]")
    >>> content, unclear[0].place, unclear[0].text
    ({'subjects': ['010', 11]}, ('subjects', 0), '010')
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        unclear = list(_unclear_values(node, ()))
        return None if node is None else loader.construct_document(node), unclear
    finally:
        loader.dispose()


class _Dumper(yaml.SafeDumper):
    """Safe dumping: texts that `parse_yaml` would refuse or read as something else are quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what occurs twice in full: references are not read."""
        return True


_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    ambiguous = any(pattern.match(text) for pattern, _ in _AMBIGUOUS)
    style = "'" if ambiguous else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(value: Any) -> str:
    """Write YAML that `parse_yaml`, and any reader of YAML 1.1 or 1.2, reads back as it was.

    Examples
    --------
    >>> print(dump_yaml({"subjects": ["08", "no", "1"], "t_r": 1.5}), end="")
    subjects:
    - '08'
    - 'no'
    - '1'
    t_r: 1.5
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False)
