"""Find the one file that a name or pattern means.

A name that exists as it is written is that file, whatever characters it holds; only then is it a
pattern. Where a wildcard touches a subject's or run's name, the name is matched whole: subject 1 is
not subject 10.
"""

import glob
import os
import re
import unicodedata
from pathlib import Path

from giblet_core.errors import InputError
from giblet_core.fmri.files.bids import require_target

WILDCARD = re.compile(r"[*?\[]")


def find_one(folder: Path, pattern: str) -> Path:
    """Return the one file that a name or pattern (with ``*`` and ``**``) means.

    Raises
    ------
    InputError
        None or several.
    """
    return find_filled(folder, pattern, {})


def find_filled(folder: Path, pattern: str, values: dict[str, str]) -> Path:
    """Return the one file that a pattern means, ``{name}`` standing for the value of a name.

    Parameters
    ----------
    folder : Path
    pattern : str
    values : dict of str to str
        What stands for ``{subject}`` and ``{run}``.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        None or several.
    """
    name = _filled(pattern, values)
    literal = existing(folder, name)
    if literal is not None:
        return literal
    paths = [] if not WILDCARD.search(pattern) else _matches(folder, pattern, values)
    if not paths:
        require_target(folder / name)
        raise InputError(
            f"file={folder / name}: does not exist. Correct pattern or subjects, or exclude the "
            "subject with its reason."
        )
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths[:2])
        raise InputError(
            f"pattern={name}: names {len(paths)} files ({names}, ...), but must name one. "
            "Write more of the name."
        )
    return paths[0]


def _filled(pattern: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        pattern = pattern.replace(f"{{{key}}}", value)
    return pattern


def existing(folder: Path, name: str) -> Path | None:
    """Return the file of this name, in any Unicode form; None where there is none."""
    for written in (name, os.path.expanduser(os.path.expandvars(name))):
        path = folder / written
        if _is_file(path):
            return path
        other = _in_other_form(folder, written)
        if other is not None and _is_file(other):
            return other
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for a file, or with a NUL
        return False


def _in_other_form(folder: Path, name: str) -> Path | None:
    """Return the path whose parts are the same characters, composed in another way."""
    if name.isascii():
        return None
    path = folder
    for part in Path(name).parts:
        if not os.path.exists(path / part):
            same = [other for other in _listing(path) if _plain(other) == _plain(part)]
            if not same:
                return None
            part = same[0]
        path = path / part
    return path


def _listing(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# --- patterns --------------------------------------------------------------------------------


def _matches(folder: Path, pattern: str, values: dict[str, str]) -> list[Path]:
    """Return the files that fit a pattern, hidden ones left out, links followed."""
    escaped = {key: glob.escape(value) for key, value in values.items()}
    expression = re.compile(_expression(pattern, values))
    paths = []
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, _filled(pattern, escaped))
        for name in glob.glob(written, root_dir=folder, recursive=True):
            is_whole = expression.fullmatch(_plain(Path(name).as_posix()))
            if is_whole and _is_file(folder / name) and folder / name not in paths:
                paths.append(folder / name)
    return sorted(paths)


def _expression(pattern: str, values: dict[str, str]) -> str:
    """Return a pattern as a regular expression in which the values are matched whole.

    Where a wildcard is beside a value, the text that it stands for must not go on with a digit
    after a digit, nor with a letter after a letter.
    """
    tokens = re.split(r"(\*\*/?|\*|\?|\[[^\]]*\]|\{\w+\})", _plain(Path(pattern).as_posix()))
    tokens = [token for token in tokens if token]
    parts = []
    for i, token in enumerate(tokens):
        value = values.get(token[1:-1]) if token.startswith("{") else None
        if value is not None:
            before = i > 0 and WILDCARD.match(tokens[i - 1])
            after = i + 1 < len(tokens) and WILDCARD.match(tokens[i + 1])
            start = f"(?<!{_same_kind(value[0])})" if before else ""
            end = f"(?!{_same_kind(value[-1])})" if after else ""
            parts.append(start + re.escape(_plain(value)) + end)
        elif token.startswith("**"):
            parts.append("(.*/)?" if token.endswith("/") else ".*")
        elif token == "*":
            parts.append("[^/]*")
        elif token == "?":
            parts.append("[^/]")
        elif token.startswith("[") and token.endswith("]") and len(token) > 2:
            parts.append(_one_of(token[1:-1]))
        else:
            parts.append(re.escape(token))
    return "".join(parts)


def _one_of(characters: str) -> str:
    """Return ``[abc]``, ``[a-c]`` or ``[!abc]`` as a regular expression."""
    sign = "^" if characters.startswith("!") else ""
    return f"[{sign}{re.escape(characters.lstrip('!'))}]".replace(r"\-", "-")


def _same_kind(character: str) -> str:
    """Return the class of characters with which a name would go on."""
    if character.isdigit():
        return r"\d"
    if character.isalpha():
        return r"[^\W\d_]"
    return r"(?!)"
