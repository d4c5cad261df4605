"""What the commands share: their description, notes on standard error, checks of file names."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from giblet_core.errors import InputError

CODEC_HELP = "demo, facebook/encodec_24khz, or a local folder; by default GIBLET_CODEC, else demo"


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    Attributes
    ----------
    name, help : str
        As shown by ``giblet --help``.
    add_arguments : callable
        Adds its arguments to a parser.
    run : callable
        Does the work; returns the exit status, None for 0.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]


def note(text: str) -> None:
    """Say on standard error what is going on; standard output holds results alone."""
    print(text, file=sys.stderr, flush=True)


def path_text(text: str) -> str:
    """Return a path as it was typed; ``~`` is a folder only where no file has that very name."""
    if text.startswith("~") and not os.path.lexists(text):
        return os.path.expanduser(text)
    return text


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add ``--force``."""
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def add_track_and_channel(parser: argparse.ArgumentParser) -> None:
    """Add ``--track`` and ``--channel``: what to read of a sound that has several."""
    parser.add_argument("--track", type=int, help="number of the sound track, as info lists them")
    parser.add_argument("--channel", help="one channel alone: left, right, centre, or a number")


def check_output(path: str, suffixes: tuple[str, ...], force: bool) -> None:
    """Refuse a wrong or taken name before the work, not after it.

    Parameters
    ----------
    path : str
        The file to write.
    suffixes : tuple of str
        Endings that it may have.
    force : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        Another ending, a folder, or an existing file without `force`.
    """
    if Path(path).suffix.lower() not in suffixes:
        raise InputError(f"output={path}: must end in {' or '.join(suffixes)}. Rename it.")
    if Path(path).is_dir():
        raise InputError(f"output={path}: is a folder; a file is needed. Add a file name.")
    if Path(path).exists() and not force:
        raise InputError(
            f"output={path}: exists already, and is kept. Choose another name, or add --force."
        )
