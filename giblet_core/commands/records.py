"""The command `giblet record`: make one of the book's records anew."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import giblet_core as gc
from giblet_core.commands.arguments import Command, note

if TYPE_CHECKING:  # they take seconds to load, which no other command needs
    from giblet_core.timing import Stimulus
    from giblet_core.validation import StudyRows


@dataclass(frozen=True)
class RecordMaker:
    """A record of ``book/records`` that a command makes.

    Attributes
    ----------
    made_of : str
        What it is computed from.
    make : callable
        ``make(stimulus)`` returns a StudyRows; the stimulus is the demo film, or None.
    needs_film : bool
        Whether it is made on the demo film.
    """

    made_of: str
    make: "Callable[[Stimulus | None], StudyRows]"
    needs_film: bool


def _calibration(stimulus: "Stimulus | None") -> "StudyRows":
    return gc.validation.calibration_study()


def _identification_null(stimulus: "Stimulus | None") -> "StudyRows":
    return gc.validation.identification_null_study()


def _decoding(stimulus: "Stimulus | None") -> "StudyRows":
    return gc.validation.decoding_study(stimulus)


def _recovery(stimulus: "Stimulus | None") -> "StudyRows":
    return gc.validation.recovery_study(stimulus)


def _regions(stimulus: "Stimulus | None") -> "StudyRows":
    return gc.regions.lesion_study(stimulus, gc.ensure_bold("demo", stimulus))


#: Name of the record -> how it is made.
RECORDS = {
    "calibration_demo": RecordMaker(
        "pairs of unrelated smooth noise; no sound and no subject", _calibration, needs_film=False
    ),
    "identification_null": RecordMaker(
        "smooth series and voxels that follow them by a known share, or not at all",
        _identification_null,
        needs_film=False,
    ),
    "decoding_demo": RecordMaker(
        "simulated subjects who hear the demo film", _decoding, needs_film=True
    ),
    "recovery_demo": RecordMaker(
        "simulated subjects who hear the demo film", _recovery, needs_film=True
    ),
    "regions_demo": RecordMaker(
        "simulated subjects of the demo, one study", _regions, needs_film=True
    ),
}


def _add_record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", choices=list(RECORDS), help="name of the record")


def record(args: argparse.Namespace) -> None:
    """Make a record anew, with a row of every simulation, and store it in book/records."""
    maker = RECORDS[args.record]
    stimulus = gc.ensure_stimulus("demo", "demo") if maker.needs_film else None
    note(f"making {args.record}: minutes to hours ...")
    study = maker.make(stimulus)
    path = gc.reporting.write_record(
        args.record,
        study.figures,
        stimulus.codec.sha256 if stimulus else "",
        simulations=study.simulations,
        command=f"giblet record {args.record}",
        made_of=maker.made_of,
        **study.settings,
    )
    print(path)


RECORD_COMMANDS = (
    Command("record", "Make one of the book's records of long runs anew.", _add_record, record),
)
