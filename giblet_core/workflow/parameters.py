"""Parameters of a run: read from YAML and `name=value`, checked against the notebooks before
anything is written.
"""

import ast
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from giblet_core.errors import InputError, explained, require
from giblet_core.files import project_root, read_yaml
from giblet_core.fmri import read_manifest

PATH_PARAMETERS = (
    "audio",
    "bold",
    "codec",
)  # values that may name files; "demo" and hub ids are left as they are


def read_parameters(
    params: str | Path | None, settings: Sequence[str] = (), root: Path | None = None
) -> dict[str, Any]:
    """Join a YAML file of parameters and ``name=value`` settings (these win); relative files become
    absolute.

    Parameters
    ----------
    params : path or str, optional
        A YAML mapping, or the name of one in ``book/params``. Files in it are looked for beside it.
    settings : sequence of str
        ``name=value``; the value is read as YAML (``seed=3``, ``smoke=true``). Files are relative
        to the current folder.

    Raises
    ------
    InputError
        No such file, not a mapping, or a setting without ``=``.
    """
    values = {}
    if params is not None:
        named = (root or project_root()) / "book" / "params" / f"{params}.yaml"
        path = Path(params) if Path(params).is_file() else named
        require(
            path.is_file(),
            f"params={params}: must be a YAML file or the name of one in {named.parent}.",
        )
        loaded = read_yaml(path) or {}
        require(
            isinstance(loaded, dict),
            f"params={params}: must be a mapping of parameter names to values, one `name: value` a line.",
        )
        values.update({name: _absolute(name, value, path.parent) for name, value in loaded.items()})
    for setting in settings:
        name, equals, text = setting.partition("=")
        require(equals and name, f"set={setting}: must be name=value, for example seed=3.")
        values[name] = _absolute(name, yaml.safe_load(text), Path.cwd())
    return values


def _absolute(name: str, value: Any, folder: Path) -> Any:
    if name in PATH_PARAMETERS and isinstance(value, str) and value != "demo":
        value = os.path.expandvars(value)
        if (folder / value).exists():
            return str((folder / value).resolve())
    return value


def notebook_parameters(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their default values (plain literals)."""
    import papermill

    with explained(
        f"{notebook.name}: the cell tagged `parameters` must hold plain literals only",
        "Mend it.",
        ValueError,
        SyntaxError,
    ):
        return {
            name: ast.literal_eval(entry["default"])
            for name, entry in papermill.inspect_notebook(str(notebook)).items()
        }


def validate_parameters(
    notebooks: Sequence[Path], given: Mapping[str, Any], chosen: Sequence[Path] | None = None
) -> dict[Path, dict[str, Any]]:
    """Give each notebook its share of the parameters, after checking names and types against the
    defaults.

    Raises
    ------
    InputError
        A name that none of the `chosen` notebooks (by default all) has, or a value of another type
        than the default.
    """
    defaults = {path: notebook_parameters(path) for path in notebooks}
    chosen = notebooks if chosen is None else chosen
    known = sorted(set().union(*(defaults[path] for path in chosen)))
    for name, value in given.items():
        require(
            name in known,
            f"{name}={value}: no notebook of this run ({', '.join(p.stem for p in chosen)}) has such a parameter. "
            f"Choose from {', '.join(known)}.",
        )
        for path, own in defaults.items():
            default = own.get(name)
            require(
                name not in own or _same_type(default, value),
                f"{name}={value!r}: {path.stem} needs a {type(default).__name__}, as "
                f"its default {default!r} is. Write such a value.",
            )
    return {
        path: {name: value for name, value in given.items() if name in own}
        for path, own in defaults.items()
    }


def _same_type(default: Any, value: Any) -> bool:
    """An int may stand for a float; a bool is no number."""
    return default is None or type(value) in (
        {int, float} if isinstance(default, float) else {type(default)}
    )


def complete_from_dataset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the TR and the sound of the user's data set: brains that heard one thing are never set
    beside another.

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
            f"t_r={given['t_r']}: {path} says {manifest.t_r} s; they must agree. Leave t_r out, or correct the file."
        )
    sound = manifest.folder / (manifest.stimulus.file or "")
    require(
        "audio" in given or sound.is_file(),
        f"bold={path}: its sound ({manifest.stimulus.file}) is not there, and the demo "
        "film is not what these subjects heard. Name the sound with audio=FILE.",
    )
    return {"t_r": manifest.t_r, "audio": str(sound), **given}


def check_inputs(given: Mapping[str, Any]) -> None:
    """Read the user's own sound and data set once before anything runs, so that bad input stops
    here.
    """
    for name in ("audio", "bold"):
        value = given.get(name, "demo")
        require(
            value == "demo" or Path(value).is_file(),
            f"{name}={value}: must be `demo` or an existing file. Check the name.",
        )
    if given.get("audio", "demo") != "demo":
        from giblet_core.sound import annotation_beside, load_audio

        annotation_beside(given["audio"], len(load_audio(given["audio"], rate := 24_000)) / rate)
    if given.get("bold", "demo") != "demo":
        from giblet_core.fmri import check_dataset

        errors = check_dataset(given["bold"]).errors
        require(not errors, "\n".join(map(str, errors)))
