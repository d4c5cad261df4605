"""The `giblet` command.

Exit status: 0 done; 1 a valid run failed; 2 the input is wrong (nothing written).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import giblet_core as gc
from giblet_core import commands
from giblet_core.errors import InputError, explained, require
from giblet_core.files import ASSETS, read_yaml

COMMANDS = read_yaml(ASSETS / "commands.yaml")
SOUNDS = (".wav", ".flac", ".ogg", ".opus")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except (
        InputError,
        OSError,
    ) as error:  # OSError: no room, no permission, no such folder; nothing is half written
        status, message = 2, str(error)
    except gc.RunFailed as error:
        status, message = 1, str(error)
    except KeyboardInterrupt:
        status, message = 1, "stopped from the keyboard"
    _note(f"giblet {arguments.name}: {message}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="giblet", description="Sound as codes, codes and brains, and a book you can hear."
    )
    parser.add_argument("--version", action="version", version=f"giblet {gc.__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, declared in COMMANDS.items():
        text, *arguments = declared.items()
        sub = commands.add_parser(
            name,
            help=text[1],
            description=text[1],
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        sub.set_defaults(command=globals()[name])
        for argument, options in arguments:
            typed = (
                {"type": {"int": int, "float": float}[options["type"]]} if "type" in options else {}
            )
            sub.add_argument(argument, **{**options, **typed})
    return parser


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check_output(path: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a wrong name before the work, not after it."""
    require(
        Path(path).suffix.lower() in suffixes,
        f"output={path}: must end in {' or '.join(suffixes)}. Rename it.",
    )
    require(
        not Path(path).is_dir(), f"output={path}: is a folder; a file is needed. Add a file name."
    )


def encode(args: argparse.Namespace) -> None:
    _check_output(args.output, (".npz",))
    codec = gc.load_codec(args.codec)
    codec.codebooks_at(args.bandwidth)
    wave = gc.load_audio(args.input, codec.sample_rate)
    _note(
        f"encoding {wave.size / codec.sample_rate:.1f} s with {codec.id} at {args.bandwidth:g} kbps ..."
    )
    codes = codec.encode(wave, args.bandwidth)
    codes.save(args.output)
    print(
        f"{args.output}: {codes.num_codebooks} codebooks x {codes.n_frames} frames, {codes.duration_s:.3f} s"
    )


def _codes_and_codec(args: argparse.Namespace):
    _check_output(args.output, SOUNDS)
    codes = gc.Codes.load(args.codes)
    return codes, gc.load_codec(args.codec or os.environ.get("GIBLET_CODEC") or codes.codec_id)


def decode(args: argparse.Namespace) -> None:
    codes, codec = _codes_and_codec(args)
    codes = codes.first(args.codebooks) if args.codebooks else codes
    _note(f"decoding {codes.duration_s:.1f} s with {codec.id} ...")
    _write_sound(args.output, codec.decode(codes), codes.sample_rate)


def _write_sound(path: str, wave, sample_rate: int) -> None:
    over = int((abs(wave) > 1).sum())
    gc.save_audio(path, wave, sample_rate, clip=True)
    print(
        f"{path}: {wave.size} samples at {sample_rate} Hz"
        + (f"; {over} samples beyond [-1, 1] were clipped" if over else "")
    )


def lesion(args: argparse.Namespace) -> None:
    codes, codec = _codes_and_codec(args)
    with explained(
        f"codebooks={args.codebooks}: must be numbers from 0 with commas between them",
        "Write for example 0,3.",
        ValueError,
    ):
        codebooks = [int(part) for part in args.codebooks.split(",") if part.strip()]
    _note(
        f"lesion {args.mode} of codebooks {codebooks} of {codes.num_codebooks}, decoding {codes.duration_s:.1f} s ..."
    )
    donor = args.donor and gc.Codes.load(args.donor)
    latents = gc.lesion(
        codec,
        codes,
        codebooks,
        args.mode,
        strength=args.strength,
        window_s=args.window,
        donor=donor,
        seed=args.seed,
    )
    _write_sound(
        args.output,
        codec.decode_latents(latents.sum(0), n_samples=codes.n_samples),
        codes.sample_rate,
    )


def compare(args: argparse.Namespace) -> None:
    reference, *sounds = (
        gc.load_audio(path, args.sample_rate) for path in (args.reference, *args.sounds)
    )
    _note(f"comparing {len(sounds)} sounds with {args.reference} ...")
    table = gc.quality_table(reference, dict(zip(args.sounds, sounds)), args.sample_rate)
    headings = gc.metrics.metric_headings()
    print(
        table[list(headings)]
        .rename(lambda sound: Path(sound).name)
        .rename(columns=headings)
        .to_string(float_format="{:.2f}".format)
    )
    for sound, reasons in table["reasons"].items():
        for metric, reason in reasons.items():
            print(f"{sound}: {metric} is absent: {reason}")


def check(args: argparse.Namespace) -> int:
    problems = gc.check_dataset(args.dataset)
    n_errors = len(problems.errors)
    print(
        *problems,
        f"{args.dataset}: {n_errors} errors, {len(problems) - n_errors} warnings and notes",
        sep="\n",
    )
    return 2 if n_errors else 0


def run(args: argparse.Namespace) -> None:
    only = [part for text in args.only for part in text.split(",")] if args.only else None
    report = gc.workflow.run(args.params, args.set, only, args.out, build=not args.no_build)
    print(
        f"{len(report.executed)} notebooks run, {len(report.skipped)} unchanged, {report.seconds:.0f} s"
    )
    if report.index:
        print(report.index)


def sweep(args: argparse.Namespace) -> int:
    result = gc.workflow.sweep(
        args.grid, workers=args.workers, scheduler=args.scheduler, out=args.out
    )
    print(
        f"{result.done} done, {result.kept} kept from before, {len(result.failed)} failed; {result.table}"
    )
    for text in result.failed:
        print(f"failed: {text}", file=sys.stderr)
    return 1 if result.failed else 0


def info(args: argparse.Namespace) -> None:
    found = commands.describe(args.file)
    print(
        json.dumps(found, indent=1, default=str)
        if args.json
        else "\n".join(f"{name}: {value}" for name, value in found.items())
    )


def region(args: argparse.Namespace) -> None:
    given = gc.workflow.complete_from_dataset(
        {"bold": args.dataset, **({"audio": args.audio} if args.audio else {})}
    )
    stim = gc.ensure_stimulus(
        given.get("audio", "demo"), args.codec, t_r=given.get("t_r", 1.5), smoke=args.smoke
    )
    data = gc.ensure_bold(args.dataset, stim, args.seed)
    require(data is not None, "audio: too short for subjects. Give a longer sound.")
    _note(
        f"{data.label} BOLD, {len(data.subjects)} subjects: measuring {args.region} against {args.random} random regions ..."
    )
    card = gc.region_card(args.region, stim, data, n_random=args.random, seed=args.seed)
    generator = (
        None
        if args.no_generation
        else gc.regions.trained_generator(stim, data.grids, seed=args.seed, smoke=args.smoke)
    )
    print(
        *card.verdict,
        gc.regions.write_region_page(card, args.out, generator, args.seed),
        sep="\n",
    )


def plan(args: argparse.Namespace) -> None:
    record = gc.workflow.read_record("recovery_demo", gc.load_codec("demo").sha256)
    print(
        record,
        gc.validation.plan(
            record.rows if record else (), args.trs, args.subjects, args.isc, args.power
        ),
        sep="\n",
    )


def listening(args: argparse.Namespace) -> None:
    print(gc.analyse_results(args.results, seed=args.seed))


def bench(args: argparse.Namespace) -> None:
    commands.bench(args.out, args.part)


if __name__ == "__main__":
    sys.exit(main())
