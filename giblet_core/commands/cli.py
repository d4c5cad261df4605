"""The `giblet` command: its list of commands, and what happens to errors.

Nobody sees a traceback, except with ``--debug``.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

import giblet_core as gc  # its names load what they need on first use, so help answers at once
from giblet_core.commands.arguments import note
from giblet_core.commands.book import BOOK_COMMANDS
from giblet_core.commands.records import RECORD_COMMANDS
from giblet_core.commands.sounds import SOUND_COMMANDS
from giblet_core.commands.studies import STUDY_COMMANDS
from giblet_core.errors import InputError, RunFailed

DONE = 0
FAILED = 1
WRONG_INPUT = 2

#: All commands, in the order of ``giblet --help``.
COMMANDS = {
    command.name: command
    for command in (*SOUND_COMMANDS, *STUDY_COMMANDS, *RECORD_COMMANDS, *BOOK_COMMANDS)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = sys.argv[1:] if argv is None else argv
    arguments = make_parser().parse_args([_plain_file(text) for text in words])
    try:
        status = arguments.run(arguments) or DONE
        if sys.stdout is not None:  # None where the caller closed it
            sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of our output has gone, as with `giblet info x | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        note(f"giblet {arguments.name}: stopped from the keyboard. What was complete is kept.")
        return FAILED
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        status, message = _explain(error)
        note(f"giblet {arguments.name}: {message}")
        return status


def _plain_file(text: str) -> str:
    """Return a word of the command line; the name of a file that begins with a dash is no option.

    Options begin with two dashes.
    """
    is_name = text.startswith("-") and not text.startswith("--") and os.path.isfile(text)
    return os.path.join(os.curdir, text) if is_name else text


def _explain(error: Exception) -> tuple[int, str]:
    """Return the exit status and the message of an error."""
    if isinstance(error, InputError):
        return WRONG_INPUT, str(error)
    if isinstance(error, OSError):  # no room, no permission, a name too long; nothing half written
        if error.filename is None:
            return WRONG_INPUT, f"output: {error}. Make room, or write elsewhere."
        return WRONG_INPUT, f"path={error.filename}: {error.strerror}. Choose another, or mend it."
    if isinstance(error, RunFailed):
        return FAILED, str(error)
    kind = type(error).__name__
    return FAILED, (
        f"an error of the program itself ({kind}: {error}). "
        "Run it again with `giblet --debug ...` and report what it prints."
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="giblet", description="Sound as codes, codes and brains, and a book you can hear."
    )
    parser.add_argument("--version", action="version", version=f"giblet {gc.__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=command.help,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
