"""The `giblet` command. Exit status: 0 done; 1 a valid run failed; 2 the input is wrong (nothing written)."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from giblet_core.artifacts import ASSETS, InputError, read_yaml, require

COMMANDS = read_yaml(ASSETS / "commands.yaml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    from giblet_core.staging import RunFailed

    try:
        return arguments.command(arguments) or 0
    except (InputError, OSError) as error:  # OSError: no room, no permission, no such folder; nothing is half written
        status, message = 2, str(error)
    except RunFailed as error:
        status, message = 1, str(error)
    except KeyboardInterrupt:
        status, message = 1, "stopped from the keyboard"
    _note(f"giblet {arguments.name}: {message}")
    return status


def _parser() -> argparse.ArgumentParser:
    from giblet_core import __version__

    parser = argparse.ArgumentParser(prog="giblet", description="Sound as codes, codes and brains, and a book you can hear.")
    parser.add_argument("--version", action="version", version=f"giblet {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, declared in COMMANDS.items():
        text, *arguments = declared.items()
        sub = commands.add_parser(name, help=text[1], description=text[1], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        sub.set_defaults(command=globals()[name])
        for argument, options in arguments:
            typed = {"type": {"int": int, "float": float}[options["type"]]} if "type" in options else {}
            sub.add_argument(argument, **{**options, **typed})
    return parser


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check_output(path: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a wrong name before the work, not after it."""
    require(Path(path).suffix.lower() in suffixes, f"output={path}: must end in {' or '.join(suffixes)}. Rename it.")
    require(not Path(path).is_dir(), f"output={path}: is a folder; a file is needed. Add a file name.")


def encode(args: argparse.Namespace) -> None:
    from giblet_core.audio import load_audio
    from giblet_core.codecs import load_codec

    _check_output(args.output, (".npz",))
    codec = load_codec(args.codec)
    codec.codebooks_at(args.bandwidth)
    wave = load_audio(args.input, codec.sample_rate)
    _note(f"encoding {wave.size / codec.sample_rate:.1f} s with {codec.id} at {args.bandwidth:g} kbps ...")
    codes = codec.encode(wave, args.bandwidth)
    codes.save(args.output)
    print(f"{args.output}: {codes.num_codebooks} codebooks x {codes.n_frames} frames, {codes.duration_s:.3f} s")


def _codes_and_codec(args: argparse.Namespace):
    from giblet_core.codecs import load_codec
    from giblet_core.codes import Codes

    codes = Codes.load(args.codes)
    return codes, load_codec(args.codec or os.environ.get("GIBLET_CODEC") or codes.codec_id)


def decode(args: argparse.Namespace) -> None:
    _check_output(args.output, (".wav", ".flac", ".ogg", ".opus"))
    codes, codec = _codes_and_codec(args)
    if args.books:
        codes = codes.first(args.books)
    _note(f"decoding {codes.duration_s:.1f} s with {codec.id} ...")
    _write_sound(args.output, codec.decode(codes), codes.sample_rate)


def _write_sound(path: str, wave, sample_rate: int) -> None:
    from giblet_core.audio import save_audio

    over = int((abs(wave) > 1).sum())
    save_audio(path, wave, sample_rate, clip=True)
    print(f"{path}: {wave.size} samples at {sample_rate} Hz" + (f"; {over} samples beyond [-1, 1] were clipped" if over else ""))


def _books(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InputError(f"books={text}: must be numbers from 0 with commas between them, for example 0,3.") from error


def lesion(args: argparse.Namespace) -> None:
    from giblet_core.lesions import lesion as apply_lesion

    _check_output(args.output, (".wav", ".flac", ".ogg", ".opus"))
    codes, codec = _codes_and_codec(args)
    books = _books(args.books)
    _note(f"lesion {args.mode} of books {books} of {codes.num_codebooks}, decoding {codes.duration_s:.1f} s ...")
    window = None if args.window is None else tuple(args.window)
    latents = apply_lesion(codec, codes, books=books, mode=args.mode, dose=args.dose, window_s=window, seed=args.seed)
    _write_sound(args.output, codec.decode_latents(latents.sum(0), n_samples=codes.n_samples), codes.sample_rate)


def compare(args: argparse.Namespace) -> None:
    from giblet_core.audio import load_audio
    from giblet_core.metrics import noise_floor, quality

    rate = args.sample_rate
    reference = load_audio(args.reference, rate)
    sounds = {path: load_audio(path, rate) for path in args.sounds}
    rows = {}
    for path, wave in sounds.items():
        _note(f"comparing {path} ...")
        rows[path] = quality(reference, wave, rate)
    rows["(noise floor)"] = noise_floor(reference, rate)
    width = max(len(Path(path).name) for path in rows)
    print(f"{'sound':<{width}}  PESQ-WB   STOI  SI-SDR dB  log-mel dB  lag")
    for path, q in rows.items():
        scores = f"{q.pesq_wb:7.2f}  {q.stoi:5.2f}  {q.si_sdr_db:9.2f}  {q.log_mel_db:10.2f}  {q.lag_samples} samples"
        print(f"{Path(path).name:<{width}}  {scores}")
    for path, q in rows.items():
        for metric, reason in q.reasons.items():
            print(f"{Path(path).name}: {metric} is absent: {reason}")


def check(args: argparse.Namespace) -> int:
    from giblet_core.dataset_check import check_dataset

    problems = check_dataset(args.dataset)
    for p in problems:
        print(p)
    errors = sum(p.severity == "error" for p in problems)
    print(f"{args.dataset}: {errors} errors, {len(problems) - errors} warnings and notes")
    return 2 if errors else 0


def run(args: argparse.Namespace) -> None:
    from giblet_core.runner import run as run_book

    only = [part for text in args.only for part in text.split(",")] if args.only else None
    report = run_book(args.params, args.set, only, args.out, build=not args.no_build)
    print(f"{len(report.executed)} notebooks run, {len(report.skipped)} unchanged, {report.seconds:.0f} s")
    if report.index:
        print(report.index)


def sweep(args: argparse.Namespace) -> int:
    from giblet_core.sweep import sweep as run_sweep

    result = run_sweep(args.grid, workers=args.workers, scheduler=args.scheduler, out=args.out)
    print(f"{result.done} done, {result.kept} kept from before, {len(result.failed)} failed; {result.table}")
    for text in result.failed:
        print(f"failed: {text}", file=sys.stderr)
    return 1 if result.failed else 0


def info(args: argparse.Namespace) -> None:
    from giblet_core.inspection import describe

    print(json.dumps(describe(args.file), indent=1, default=str) if args.json else
          "\n".join(f"{name}: {value}" for name, value in describe(args.file).items()))


def region(args: argparse.Namespace) -> None:
    from giblet_core.artifacts import project_root
    from giblet_core.parameters import complete_from_dataset
    from giblet_core.region_cards import region_card
    from giblet_core.region_page import default_folder, write_region_page
    from giblet_core.region_sound import trained_generator
    from giblet_core.session import ensure_bold, ensure_stimulus

    given = complete_from_dataset({"bold": args.dataset, **({"audio": args.audio} if args.audio else {})})
    stim = ensure_stimulus(given.get("audio", "demo"), args.codec, t_r=given.get("t_r", 1.5), smoke=args.smoke)
    data = ensure_bold(args.dataset, stim, args.seed)
    require(data is not None, "audio: too short for listeners. Give a longer sound.")
    _note(f"{data.label} BOLD, {len(data.subjects)} subjects: measuring {args.region} against {args.random} random regions ...")
    card = region_card(args.region, stim, data, n_random=args.random, seed=args.seed)
    generator = None if args.no_generation else trained_generator(stim, data.grids, seed=args.seed, smoke=args.smoke)
    print("\n".join(card.verdict))
    print(write_region_page(card, args.out or default_folder(project_root(), args.region), generator, args.seed))


def plan(args: argparse.Namespace) -> None:
    from giblet_core.codecs import load_codec
    from giblet_core.experiments import read_record
    from giblet_core.planning import plan as make_plan

    record = read_record("recovery_demo", load_codec("demo").sha256)
    print(record, make_plan(record.rows if record else (), args.trs, args.subjects, args.isc, args.power), sep="\n")


def listening(args: argparse.Namespace) -> None:
    from giblet_core.listening_results import analyse_results

    print(analyse_results(args.results, seed=args.seed))


def bench(args: argparse.Namespace) -> None:
    from giblet_core.bench import bench as run_bench

    run_bench(args.out, only=args.only)


if __name__ == "__main__":
    sys.exit(main())
