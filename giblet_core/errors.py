"""Errors: what is raised when an input is wrong, a run fails or a metric has no value.

Messages have the form ``argument=value: the rule. The remedy.``
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What reading an archive of arrays raises where it is damaged or something else. RuntimeError is
#: of a flipped bit that says that a part is encrypted.
ARCHIVE_DAMAGE = (
    OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError,
)  # fmt: skip


class InputError(ValueError):
    """What the user gave is wrong: the message names the value, the rule and the remedy."""


class RunFailed(RuntimeError):  # noqa: N818 - public name
    """A valid run failed: the message names the place, the reason and the file kept."""


class MetricError(ValueError):
    """A metric has no value for these sounds: the message is the reason."""


def require(good: object, message: str) -> None:
    """Raise InputError with `message` unless `good`.

    The message is made also where the condition holds: use ``if ...: raise InputError(...)`` where
    making it costs more than a few names.
    """
    if not good:
        raise InputError(message)


@contextmanager
def explained(rule: str, remedy: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of a reader into an InputError: ``rule (its words). remedy``.

    Parameters
    ----------
    rule : str
        ``argument=value: the rule``, without a full stop.
    remedy : str
        What to do about it.
    *errors : exception types
        Those to turn.

    Yields
    ------
    None
    """
    try:
        yield
    except errors as error:
        words = " ".join(str(error).split())
        raise InputError(f"{rule} ({words}). {remedy}") from error


def refuse_stream(path: str | Path) -> None:
    """Refuse a named pipe or a device: reading it may wait, or go on, without an end.

    Raises
    ------
    InputError
        The path leads to something that is there, but is neither a file nor a folder.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # not there, or a name that can be no file: the reader tells
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"path={path}: must be a file, not a pipe or a device. Save it as a file.")
