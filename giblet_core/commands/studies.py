"""Commands on studies: new-dataset, check, region, maps, plan, study, listening."""

import argparse
import difflib
import re
from typing import TYPE_CHECKING

import giblet_core as gc
from giblet_core import commands
from giblet_core.commands.arguments import (
    CODEC_HELP,
    Command,
    add_force,
    check_output,
    note,
    path_text,
)
from giblet_core.errors import InputError

if TYPE_CHECKING:
    from giblet_core.fmri import Dataset
    from giblet_core.timing import Stimulus

EXAMPLES = """\
examples:
  giblet new-dataset derivatives/fmriprep                      writes dataset.yaml
  giblet new-dataset derivatives/fmriprep --sound film.m4v     where no events name the sound
  giblet new-dataset derivatives/fmriprep --space fsLR         the CIFTI series (.dtseries.nii)
  giblet new-dataset tables --t-r 1.5 --out regions.yaml       tables: a row a TR, a column a region

Then: giblet check dataset.yaml
"""
YAML_SUFFIXES = (".yaml", ".yml")
MOST_LISTED = 40  # regions in a message
DEMO_REGION = re.compile(r"R\d\d")


def _add_new_dataset(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=path_text,
        help="a BIDS derivative such as fMRIPrep's, or a folder of .nii.gz, .dtseries.nii, "
        ".func.gii, .npz or tables",
    )
    parser.add_argument(
        "--out",
        type=path_text,
        default="dataset.yaml",
        help="the manifest to write (default: dataset.yaml)",
    )
    parser.add_argument(
        "--sound", type=path_text, metavar="FILE", help="what the subjects heard: sound or video"
    )
    parser.add_argument(
        "--t-r", type=float, metavar="SECONDS", help="TR, where no file says it (tables)"
    )
    parser.add_argument("--task", metavar="NAME", help="of several tasks")
    parser.add_argument("--space", metavar="NAME", help="of several spaces")
    add_force(parser)


def new_dataset(args: argparse.Namespace) -> None:
    """Write a commented manifest of a folder, and say what it could not know."""
    check_output(args.out, YAML_SUFFIXES, args.force)
    commands.require_kind(args.sound, "sound", "sound")
    note(f"looking through {args.folder} ...")
    draft = gc.fmri.draft_dataset(
        args.folder,
        args.out,
        sound=args.sound,
        task=args.task,
        space=args.space,
        t_r=args.t_r,
    )
    print(f"{args.out}: {draft.summary}")
    for remark in sorted(draft.remarks, key=_level_of):
        print(remark)
    n_open = len(draft.remarks.open)
    if n_open:
        print(f"{n_open} to be answered by you: the lines with TODO in {args.out}.")
    else:
        print(f"Nothing was left open. Next: giblet check {args.out}")


def _level_of(remark: "gc.fmri.Remark") -> int:
    return list(gc.fmri.REMARK_LEVELS).index(remark.level)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=path_text, help="dataset.yaml")


def check(args: argparse.Namespace) -> int:
    """Check a data set and report every problem in one pass."""
    commands.require_kind(args.dataset, "data set", "dataset")
    problems = gc.check_dataset(args.dataset)
    n_errors = len(problems.errors)
    for problem in problems:
        print(problem)
    print(f"{args.dataset}: {n_errors} errors, {len(problems) - n_errors} warnings and notes")
    return 2 if n_errors else 0


def _add_sound(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audio", type=path_text, help="the sound, where the data set does not name it"
    )
    parser.add_argument("--codec", help=CODEC_HELP)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--smoke", action="store_true", help="a test run on the first two minutes")


def _read_study(
    dataset: str, args: argparse.Namespace, steps: tuple[str, str] = ("", "")
) -> "tuple[Stimulus, Dataset]":
    """Read the sound and the BOLD that a command names, saying so; `steps` stand before."""
    commands.require_kind(args.audio, "sound", "audio")
    parameters = {"bold": dataset}
    if args.audio:
        parameters["audio"] = args.audio
    parameters = gc.workflow.complete_from_dataset(parameters)
    note(f"{steps[0]}reading and encoding the sound ...")
    stimulus = gc.ensure_stimulus(
        parameters.get("audio", "demo"),
        args.codec,
        t_r=parameters.get("t_r", 1.5),
        smoke=args.smoke,
    )
    note(f"{steps[1]}reading BOLD ...")
    data = gc.ensure_bold(dataset, stimulus, args.seed)
    if data is None:
        raise InputError("audio: too short for subjects. Give a longer sound.")
    return stimulus, data


def _add_region(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "region", metavar="NAME", help="a region of the atlas, or a column of the ROI table"
    )
    parser.add_argument("--dataset", type=path_text, default="demo", help="dataset.yaml, or demo")
    _add_sound(parser)
    parser.add_argument(
        "--random", type=int, default=200, help="random regions matched for size and ISC"
    )
    _add_run(parser)
    parser.add_argument("--no-generation", action="store_true", help="without generated sound")
    parser.add_argument("--out", type=path_text, help="folder; build/regions/NAME by default")


def region(args: argparse.Namespace) -> None:
    """Write the card of one region: what it hears, with its sound."""
    _check_region_name(args.region, args.dataset)
    stimulus, data = _read_study(args.dataset, args, ("1/4 ", "2/4 "))
    note(
        f"3/4 {data.label} BOLD, {len(data.subjects)} subjects: measuring {args.region} against "
        f"{args.random} random regions ..."
    )
    card = gc.region_card(args.region, stimulus, data, n_random=args.random, seed=args.seed)
    generator = None
    if not args.no_generation:
        note("4/4 training the generator of sound ...")
        generator = gc.regions.trained_generator(
            stimulus, data.grids, seed=args.seed, smoke=args.smoke
        )
    page = gc.regions.write_region_page(card, args.out, generator, args.seed)
    for sentence in card.verdict:
        print(sentence)
    print(page)


def _check_region_name(name: str, dataset: str) -> None:
    """Refuse an unknown region before anything heavy: headers and names are read, no series."""
    if dataset == "demo":
        if not DEMO_REGION.fullmatch(name):
            raise InputError(
                f"region={name}: the demo's regions are called R01, R02, ... Choose one, or give "
                "--dataset."
            )
        return
    commands.require_kind(dataset, "data set", "dataset")
    known = gc.load_dataset(dataset).region_names
    if not known:
        raise InputError(
            f"region={name}: {dataset} names no regions. Give it an atlas: file and names."
        )
    if name not in known:
        listed = ", ".join(known[:MOST_LISTED])
        more = f", ... ({len(known)} in all)" if len(known) > MOST_LISTED else ""
        near = difflib.get_close_matches(name, known, 3)
        hint = f" Did you mean {' or '.join(near)}?" if near else " Choose one of them."
        raise InputError(f"region={name}: must be one of {listed}{more}.{hint}")


def _add_maps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bold",
        "--dataset",
        dest="bold",
        type=path_text,
        default="demo",
        help="dataset.yaml, or demo",
    )
    _add_sound(parser)
    parser.add_argument(
        "--draws", type=int, default=1000, help="random phases; no p is below 1 / (draws + 1)"
    )
    parser.add_argument(
        "--regions-only",
        action="store_true",
        help="voxels of regions alone: less to correct for, and sooner done",
    )
    _add_run(parser)
    parser.add_argument("--out", type=path_text, help="folder; build/derivatives/giblet by default")


def maps(args: argparse.Namespace) -> None:
    """Write maps, tables and their page, subject by subject and over subjects."""
    if args.bold != "demo":
        commands.require_kind(args.bold, "data set", "bold")
    stimulus, data = _read_study(args.bold, args)
    settings = gc.derivatives.map_settings(
        data.n_trs, len(data.grids), data.t_r, args.draws, args.seed
    )
    note(
        f"{data.label} BOLD, {len(data.subjects)} subjects, {data.n_voxels:,} voxels, "
        f"{settings.n_draws} draws ..."
    )
    page = gc.write_maps(
        stimulus,
        data,
        args.out or gc.project_root() / "build" / "derivatives" / "giblet",
        settings=settings,
        regions_only=args.regions_only,
        command=_typed(args),
        progress=True,
    )
    print(page)


def _typed(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the command with all its values, those by default among them."""
    words = ["giblet", args.name]
    for name, value in sorted(vars(args).items()):
        if name in ("name", "run", "debug") or value is None or value is False:
            continue
        words.append(f"--{name}" if value is True else f"--{name}={value}")
    return tuple(words)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subjects", type=int, required=True, help="number of subjects")
    parser.add_argument("--trs", type=int, required=True, help="TRs of all runs")
    parser.add_argument(
        "--isc",
        type=float,
        required=True,
        help="leave-one-out ISC of a voxel with these subjects",
    )
    parser.add_argument("--power", type=float, default=0.8, help="share of studies that find it")


def plan(args: argparse.Namespace) -> None:
    """Say how small an effect of codebooks a study would find."""
    record = gc.reporting.read_record("recovery_demo", gc.load_codec("demo").sha256)
    rows = record.rows if record else ()
    print(record)
    print(gc.validation.plan(rows, args.trs, args.subjects, args.isc, args.power))


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=path_text,
        nargs="*",
        help="JSON files that the test pages handed over",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap over raters")


def listening(args: argparse.Namespace) -> None:
    """Analyse the answers of listening tests."""
    for path in args.results:
        commands.require_kind(path, "result", "results")
    print(gc.analyse_results(args.results, seed=args.seed))


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("design", help="name of a design in book/designs, or its file")
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--lock", action="store_true", help="write its hash, before any seed")
    steps.add_argument(
        "--simulate", action="store_true", help="make its series ahead; nothing is evaluated"
    )
    steps.add_argument("--draw", action="store_true", help="draw its seeds and keep all rows")
    steps.add_argument(
        "--rehearse",
        type=int,
        metavar="N",
        help="N simulations of each film with seeds of development; nothing is kept",
    )


def study(args: argparse.Namespace) -> None:
    """Lock, rehearse or draw a simulation study, or show what was drawn."""
    design = gc.studies.find_design(args.design)
    if args.lock:
        entry = gc.studies.lock(design)
        print(f"{design.name}: locked {entry.time} UTC as {design.sha256[:12]}")
        return
    if args.simulate:
        gc.studies.simulate_ahead(design, note)
        return
    if args.rehearse is not None:
        rows = gc.studies.rehearse(design, args.rehearse, note)
    elif args.draw:
        rows = gc.studies.draw(design, note)
    else:
        rows = gc.studies.read_study(design.name).rows
    for line in gc.studies.report(design, rows):
        print(line)


STUDY_COMMANDS = (
    Command(
        "new-dataset",
        "Write a commented manifest from a folder of fMRI, and say what it could not know.",
        _add_new_dataset,
        new_dataset,
    ),
    Command("check", "Check a data set and report every problem in one pass.", _add_check, check),
    Command(
        "region",
        "Write the card of one region: what it hears, with its sound.",
        _add_region,
        region,
    ),
    Command(
        "maps",
        "Write maps of every voxel, tables and their page: each subject and the group.",
        _add_maps,
        maps,
    ),
    Command(
        "plan",
        "Say how small an effect of codebooks a study would find, from the record of simulations.",
        _add_plan,
        plan,
    ),
    Command(
        "study",
        "Lock, rehearse or draw a simulation study, or show what was drawn.",
        _add_study,
        study,
    ),
    Command("listening", "Analyse the answers of listening tests.", _add_listening, listening),
)
