"""Parameters of a run: read from YAML and ``name=value``, checked before anything is written."""

import ast
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import papermill
import yaml

from giblet_core.devices import AUTO, choose_device
from giblet_core.errors import InputError, explained, require
from giblet_core.files import parse_yaml, project_root, read_yaml
from giblet_core.fmri import check_dataset, read_manifest
from giblet_core.sound import annotation_beside, load_audio

#: Parameters that may name a file: their text is taken as it is. "demo" and hub ids stay.
PATH_PARAMETERS = ("audio", "bold", "codec")
CHECK_RATE_HZ = 24_000  # at which a sound is read to see whether it can be read


def read_parameters(
    params: str | Path | None, settings: Sequence[str] = (), root: Path | None = None
) -> dict[str, Any]:
    """Join a YAML file of parameters and ``name=value`` settings, which win.

    Parameters
    ----------
    params : path or str, optional
        A YAML mapping, or the name of one in ``book/params``. Files in it are looked for beside it.
    settings : sequence of str
        ``name=value``. The value is read as YAML (``seed=3``, ``smoke=true``); the value of
        `PATH_PARAMETERS` is plain text. Files are relative to the current folder.
    root : path, optional
        The book's folder.

    Returns
    -------
    dict
        Name -> value; files that exist as absolute paths.

    Raises
    ------
    InputError
        No such file, not a mapping, or a setting without ``=``.
    """
    values: dict[str, Any] = {}
    if params is not None:
        path = _parameter_file(params, root or project_root())
        loaded = read_yaml(path) or {}
        if not isinstance(loaded, dict):
            raise InputError(
                f"params={params}: must be a mapping of parameter names to values, "
                "one `name: value` a line."
            )
        for name, value in loaded.items():
            values[name] = _absolute(name, value, path.parent)
    for setting in settings:
        name, value = _parse_setting(setting)
        values[name] = _absolute(name, value, Path.cwd())
    return values


def _parameter_file(params: str | Path, root: Path) -> Path:
    if Path(params).is_file():
        return Path(params)
    folder = root / "book" / "params"
    path = folder / f"{params}.yaml"
    if not path.is_file():
        raise InputError(f"params={params}: must be a YAML file or the name of one in {folder}.")
    return path


def _parse_setting(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"set={setting}: must be name=value, for example seed=3.")
    if name in PATH_PARAMETERS:
        return name, text
    with explained(
        f"set={setting}: must be name=value, with a value as in YAML", "Correct it.", yaml.YAMLError
    ):
        return name, parse_yaml(text, name)


def _absolute(name: str, value: Any, folder: Path) -> Any:
    """Make the name of an existing file absolute; leave everything else as it is."""
    if name not in PATH_PARAMETERS or not isinstance(value, str) or value == "demo":
        return value
    for text in (value, os.path.expanduser(value), os.path.expandvars(value)):
        if (folder / text).exists():
            return str((folder / text).resolve())
    return value


def notebook_parameters(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their default values (plain literals)."""
    inspected = papermill.inspect_notebook(str(notebook))
    with explained(
        f"{notebook.name}: the cell tagged `parameters` must hold plain literals only",
        "Mend it.",
        ValueError,
        SyntaxError,
    ):
        return {name: ast.literal_eval(entry["default"]) for name, entry in inspected.items()}


def validate_parameters(
    notebooks: Sequence[Path], given: Mapping[str, Any], chosen: Sequence[Path] | None = None
) -> dict[Path, dict[str, Any]]:
    """Give each notebook its share of the parameters, after checking their names and types.

    Parameters
    ----------
    notebooks : sequence of Path
        All notebooks of the book.
    given : mapping
        Name -> value.
    chosen : sequence of Path, optional
        The notebooks of this run; by default all.

    Returns
    -------
    dict
        Notebook -> its share of `given`.

    Raises
    ------
    InputError
        A name that none of the `chosen` notebooks has, or a value of another type than the default.
    """
    defaults = {path: notebook_parameters(path) for path in notebooks}
    chosen = notebooks if chosen is None else chosen
    known = sorted(set().union(*(defaults[path] for path in chosen)))
    for name, value in given.items():
        if name not in known:
            stems = ", ".join(path.stem for path in chosen)
            raise InputError(
                f"{name}={value}: no notebook of this run ({stems}) has such a parameter. "
                f"Choose from {', '.join(known)}."
            )
        for path, parameters in defaults.items():
            if name in parameters and not _same_type(parameters[name], value):
                default = parameters[name]
                raise InputError(
                    f"{name}={value!r}: {path.stem} needs a {type(default).__name__}, as its "
                    f"default {default!r} is. Write such a value."
                )
    return {
        path: {name: value for name, value in given.items() if name in parameters}
        for path, parameters in defaults.items()
    }


def _same_type(default: Any, value: Any) -> bool:
    """Say whether a value may stand for a default: an int for a float, but a bool for no number."""
    if default is None:
        return True
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default)


def complete_from_dataset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the TR and the sound of the user's data set to the parameters.

    So brains that heard one thing are never set beside another.

    Raises
    ------
    InputError
        Another TR than the data set's, or no sound where the data set names none.
    """
    path = given.get("bold", "demo")
    manifest = read_manifest(path)[0] if path != "demo" and Path(path).is_file() else None
    if manifest is None:
        return dict(given)  # `check_inputs` says why
    if given.get("t_r", manifest.t_r) != manifest.t_r:
        raise InputError(
            f"t_r={given['t_r']}: {path} says {manifest.t_r} s; they must agree. "
            "Leave t_r out, or correct the file."
        )
    sound = manifest.path(manifest.stimulus.file or "")
    if "audio" not in given and not sound.is_file():
        raise InputError(
            f"bold={path}: its sound ({manifest.stimulus.file}) is not there, and the demo "
            "film is not what these subjects heard. Name the sound with audio=FILE."
        )
    completed = {"t_r": manifest.t_r, "audio": str(sound), **given}
    if manifest.stimulus.is_part and Path(completed["audio"]).resolve() == sound.resolve():
        completed["audio"] = str(path)  # the manifest says which track or channel was heard
    return completed


def is_of_others(given: Mapping[str, Any]) -> bool:
    """Say whether a run has a sound or BOLD of its own."""
    return any(given.get(name, "demo") != "demo" for name in ("audio", "bold"))


def check_inputs(given: Mapping[str, Any]) -> None:
    """Read the user's own sound and data set once before anything runs, so that bad input stops."""
    choose_device(given.get("device", AUTO))
    for name in ("audio", "bold"):
        value = given.get(name, "demo")
        if value != "demo" and not Path(value).is_file():
            raise InputError(f"{name}={value}: must be `demo` or an existing file. Check the name.")
    audio = given.get("audio", "demo")
    if audio not in ("demo", given.get("bold")):
        wave = load_audio(audio, CHECK_RATE_HZ)
        require(
            np.ptp(wave) > 0,
            f"audio={audio}: is silent from beginning to end; a book needs something to hear. Give "
            "another file, or another track of it.",
        )
        annotation_beside(audio, len(wave) / CHECK_RATE_HZ)
    bold = given.get("bold", "demo")
    if bold != "demo":
        errors = check_dataset(bold).errors
        if errors:
            raise InputError("\n".join(map(str, errors)))
