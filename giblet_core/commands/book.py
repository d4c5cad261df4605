"""Commands on the book: run, sweep, bench."""

import argparse
import time
from pathlib import Path

import giblet_core as gc
from giblet_core import commands  # loads the benchmark, and torch, on first use
from giblet_core.commands.arguments import Command, note, path_text
from giblet_core.errors import InputError, RunFailed


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--params",
        type=path_text,
        help="YAML file of parameters, or the name of one in book/params",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one parameter; may be repeated",
    )
    parser.add_argument(
        "--only",
        action="append",
        nargs="+",
        metavar="03",
        help="only notebooks whose names begin so; several may be given",
    )
    parser.add_argument(
        "--out", type=path_text, help="folder of everything written; build by default"
    )
    parser.add_argument(
        "--no-build", action="store_true", help="run the notebooks but do not build the pages"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a first picture alone, in minutes: one subject, no statistics; needs --set bold=FILE",
    )


def run(args: argparse.Namespace) -> None:
    """Run the notebooks that changed and build the book; with --quick, write one page instead."""
    if args.quick:
        _quick_look(args)
        return
    _check_kinds(args)
    report = gc.workflow.run_book(
        args.params,
        args.set,
        _prefixes(args.only),
        out=args.out,
        build=not args.no_build,
    )
    print(
        f"{len(report.executed)} notebooks run, {len(report.skipped)} unchanged, "
        f"{len(report.failed)} failed, {report.seconds:.0f} s"
    )
    if report.index:
        print(report.index)
    if report.failed:
        reasons = "\n".join(f"{name}: {reason}" for name, reason in report.failed.items())
        raise RunFailed(f"{len(report.failed)} notebooks failed.\n{reasons}")


def _check_kinds(args: argparse.Namespace) -> None:
    """Refuse codes in place of the sound, or a sound in place of the data set."""
    parameters = gc.workflow.read_parameters(args.params, args.set)
    for name, wanted in (("audio", "sound"), ("bold", "data set")):
        value = parameters.get(name, "demo")
        if value != "demo" and isinstance(value, str):
            commands.require_kind(value, wanted, name)


def _quick_look(args: argparse.Namespace) -> None:
    """Write the page of a quick look at the data set that --set or --params names."""
    started = time.monotonic()
    _check_kinds(args)
    if args.only:
        raise InputError("only: chooses notebooks, and --quick runs none. Leave one of them out.")
    look = _take_look(args)
    folder = Path(args.out) if args.out else gc.project_root() / "build"
    page = gc.reporting.write_quick_look(look, folder)
    for text in (*look.left_out, *gc.reporting.quick_look_sentences(look)):
        print(text)
    print(f"quick look: one subject, no statistics, {time.monotonic() - started:.0f} s")
    print(page)


def _take_look(args: argparse.Namespace) -> "gc.reporting.QuickLook":
    """Measure one subject of the data set that the parameters name."""
    settings = gc.workflow.read_parameters(args.params, args.set)
    parameters = gc.workflow.complete_from_dataset(settings)
    path = parameters.get("bold", "demo")
    if path == "demo" or not Path(path).is_file():
        raise InputError(
            f"bold={path}: a quick look needs a data set of your own. Give --set bold=dataset.yaml."
        )
    note(f"reading {path} ...")
    data = gc.load_dataset(path)
    sound = parameters.get("audio", path)
    if Path(sound).suffix in (".yaml", ".yml"):  # the manifest says which track was heard
        sound = gc.fmri.sound_path(data.manifest)
    n_series = f"{data.n_trs} TRs x {data.n_voxels} series"
    note(f"subject {data.subjects[0]}: {n_series}, predicted from the level of the sound ...")
    return gc.reporting.take_quick_look(data, sound)


def _prefixes(only: list[list[str]] | None) -> list[str] | None:
    """Join ``--only 03 04 --only 05,06`` into one list."""
    if not only:
        return None
    texts = [text for group in only for text in group]
    return [prefix for text in texts for prefix in text.split(",") if prefix]


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("grid", type=path_text, help="YAML: notebook, parameters, grid")
    parser.add_argument("--workers", type=int, help="local processes")
    parser.add_argument("--scheduler", help="address of a running dask scheduler")
    parser.add_argument("--out", type=path_text, help="build/sweeps by default")


def sweep(args: argparse.Namespace) -> int:
    """Run a notebook over a grid of parameters."""
    result = gc.workflow.run_sweep(
        args.grid, workers=args.workers, scheduler=args.scheduler, out=args.out
    )
    print(
        f"{result.done} done, {result.kept} kept from before, {len(result.failed)} failed; "
        f"{result.table}"
    )
    for text in result.failed:
        note(f"failed: {text}")
    return 1 if result.failed else 0


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "part", nargs="?", help="sizes, pipeline, streaming or codec; all by default"
    )
    parser.add_argument("--out", type=path_text, help="build/bench.json by default")


def bench(args: argparse.Namespace) -> None:
    """Measure sizes, speed, memory and the demo codec."""
    commands.bench(args.out, args.part)


BOOK_COMMANDS = (
    Command("run", "Run the notebooks that changed and build the book.", _add_run, run),
    Command("sweep", "Run a notebook over a grid of parameters, resumable.", _add_sweep, sweep),
    Command(
        "bench",
        "Measure sizes, speed, memory and the demo codec, and print the table.",
        _add_bench,
        bench,
    ),
)
