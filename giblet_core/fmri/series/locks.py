"""Locked runs: opened with one configuration, which is written down."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giblet_core.errors import require
from giblet_core.files import content_hash, read_json, read_yaml, write_json


def open_once(path: Path, parameters: Mapping[str, Any]) -> None:
    """Print the hash of a configuration and keep it; refuse another one.

    What was looked at once is no test of what is changed then.
    """
    record = path.with_suffix(".opened.json")
    key = content_hash(read_yaml(path), parameters)
    kept = read_json(record)["configuration"] if record.is_file() else key
    require(
        kept == key,
        f"open_locked: configuration {key[:16]}, but {record} says that {kept[:16]} was evaluated; "
        "locked runs are evaluated once. Go back to that manifest and its parameters.",
    )
    print(f"Locked runs of {path.name} are open: configuration {key}.")
    write_json(record, {"configuration": key, "parameters": dict(parameters)})
