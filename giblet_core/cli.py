"""The `giblet` command. Exit status: 0 done; 1 a valid run failed; 2 the input is wrong (nothing written)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from giblet_core.artifacts import InputError

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    from giblet_core.staging import RunFailed

    try:
        return arguments.command(arguments)
    except InputError as error:
        return _stop(2, f"giblet {arguments.name}: {error}")
    except RunFailed as error:
        return _stop(1, f"giblet {arguments.name}: {error}")
    except OSError as error:  # no room, no permission, no such folder: named by the system, and nothing half written
        return _stop(2, f"giblet {arguments.name}: {error}")
    except KeyboardInterrupt:
        return _stop(1, f"giblet {arguments.name}: stopped from the keyboard")


def _stop(status: int, message: str) -> int:
    print(message, file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    from giblet_core import __version__

    parser = argparse.ArgumentParser(prog="giblet", description="Sound as codes, codes and brains, and a book you can hear.")
    parser.add_argument("--version", action="version", version=f"giblet {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, (command, arguments, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        sub.set_defaults(command=command)
        for names, options in arguments:
            sub.add_argument(*names, **options)
    return parser


def _argument(*names: str, **options) -> tuple[tuple[str, ...], dict]:
    return names, options


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check_output(path: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a wrong name before the work, not after it."""
    if Path(path).suffix.lower() not in suffixes:
        raise InputError(f"output={path}: must end in {' or '.join(suffixes)}. Rename it.")
    if Path(path).is_dir():
        raise InputError(f"output={path}: is a folder; a file is needed. Add a file name.")


def encode(args: argparse.Namespace) -> int:
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
    return 0


def _codes_and_codec(args: argparse.Namespace):
    from giblet_core.codecs import load_codec
    from giblet_core.codes import Codes

    codes = Codes.load(args.codes)
    return codes, load_codec(args.codec or os.environ.get("GIBLET_CODEC") or codes.codec_id)


def decode(args: argparse.Namespace) -> int:
    _check_output(args.output, (".wav", ".flac", ".ogg", ".opus"))
    codes, codec = _codes_and_codec(args)
    if args.books:
        codes = codes.first(args.books)
    _note(f"decoding {codes.duration_s:.1f} s with {codec.id} ...")
    return _write_sound(args.output, codec.decode(codes), codes.sample_rate)


def _write_sound(path: str, wave, sample_rate: int) -> int:
    from giblet_core.audio import save_audio

    over = int((abs(wave) > 1).sum())
    save_audio(path, wave, sample_rate, clip=True)
    print(f"{path}: {wave.size} samples at {sample_rate} Hz" + (f"; {over} samples beyond [-1, 1] were clipped" if over else ""))
    return 0


def _books(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InputError(f"books={text}: must be numbers from 0 with commas between them, for example 0,3.") from error


def lesion(args: argparse.Namespace) -> int:
    from giblet_core.lesions import lesion as apply_lesion

    _check_output(args.output, (".wav", ".flac", ".ogg", ".opus"))
    codes, codec = _codes_and_codec(args)
    books = _books(args.books)
    _note(f"lesion {args.mode} of books {books} of {codes.num_codebooks}, decoding {codes.duration_s:.1f} s ...")
    window = None if args.window is None else tuple(args.window)
    latents = apply_lesion(codec, codes, books=books, mode=args.mode, dose=args.dose, window_s=window, seed=args.seed)
    return _write_sound(args.output, codec.decode_latents(latents.sum(0), n_samples=codes.n_samples), codes.sample_rate)


def compare(args: argparse.Namespace) -> int:
    from giblet_core.audio import load_audio
    from giblet_core.metrics import noise_floor, quality

    rate = args.sample_rate
    reference = load_audio(args.reference, rate)
    sounds = {path: load_audio(path, rate) for path in args.sounds}
    rows = {}
    for name, wave in sounds.items():
        _note(f"comparing {name} ...")
        rows[name] = quality(reference, wave, rate)
    rows["(noise floor)"] = noise_floor(reference, rate)
    width = max(len(Path(name).name) for name in rows)
    print(f"{'sound':<{width}}  PESQ-WB   STOI  SI-SDR dB  log-mel dB  lag")
    for name, q in rows.items():
        print(f"{Path(name).name:<{width}}  {q.pesq_wb:7.2f}  {q.stoi:5.2f}  {q.si_sdr_db:9.2f}  {q.log_mel_db:10.2f}  "
              f"{q.lag_samples} samples")
    for name, q in rows.items():
        for metric, reason in dict(q.reasons).items():
            print(f"{Path(name).name}: {metric} is absent: {reason}")
    return 0


def check(args: argparse.Namespace) -> int:
    from giblet_core.dataset_check import check_dataset

    problems = check_dataset(args.dataset)
    for p in problems:
        print(p)
    errors = sum(p.severity == "error" for p in problems)
    print(f"{args.dataset}: {errors} errors, {len(problems) - errors} warnings and notes")
    return 2 if errors else 0


def run(args: argparse.Namespace) -> int:
    from giblet_core.runner import run as run_book

    only = [part for text in args.only for part in text.split(",")] if args.only else None
    report = run_book(args.params, args.set, only, args.out, build=not args.no_build)
    print(f"{len(report.executed)} notebooks run, {len(report.skipped)} unchanged, {report.seconds:.0f} s")
    if report.index:
        print(report.index)
    return 0


def sweep(args: argparse.Namespace) -> int:
    from giblet_core.sweep import sweep as run_sweep

    result = run_sweep(args.grid, workers=args.workers, scheduler=args.scheduler, out=args.out)
    print(f"{result.done} done, {result.kept} kept from before, {len(result.failed)} failed; {result.table}")
    for text in result.failed:
        print(f"failed: {text}", file=sys.stderr)
    return 1 if result.failed else 0


def info(args: argparse.Namespace) -> int:
    from giblet_core.inspection import describe

    print(json.dumps(describe(args.file), indent=1, default=str) if args.json else
          "\n".join(f"{name}: {value}" for name, value in describe(args.file).items()))
    return 0


def region(args: argparse.Namespace) -> int:
    from giblet_core.artifacts import project_root
    from giblet_core.parameters import complete_from_dataset
    from giblet_core.region_cards import region_card
    from giblet_core.region_page import default_folder, write_region_page
    from giblet_core.region_sound import trained_generator
    from giblet_core.session import ensure_bold, ensure_stimulus

    given = complete_from_dataset({"bold": args.dataset, **({"audio": args.audio} if args.audio else {})})
    stim = ensure_stimulus(given.get("audio", "demo"), args.codec, t_r=given.get("t_r", 1.5), smoke=args.smoke)
    data = ensure_bold(args.dataset, stim, args.seed)
    if data is None:
        raise InputError("audio: too short for listeners. Give a longer sound.")
    _note(f"{data.label} BOLD, {len(data.subjects)} subjects: measuring {args.region} against {args.random} random regions ...")
    card = region_card(args.region, stim, data, n_random=args.random, seed=args.seed)
    generator = None if args.no_generation else trained_generator(stim, data.grids, seed=args.seed, smoke=args.smoke)
    print("\n".join(card.verdict))
    print(write_region_page(card, args.out or default_folder(project_root(), args.region), generator, args.seed))
    return 0


def listening(args: argparse.Namespace) -> int:
    from giblet_core.listening_results import analyse_results

    print(analyse_results(args.results, seed=args.seed))
    return 0


def bench(args: argparse.Namespace) -> int:
    from giblet_core.bench import bench as run_bench

    run_bench(args.out, only=args.only)
    return 0


_CODEC = _argument("--codec", help="demo, facebook/encodec_24khz, or a local folder; by default GIBLET_CODEC, else demo")
_CODEC_OF_CODES = _argument("--codec", help="by default the codec that the codes name")
COMMANDS: dict[str, tuple[Command, list, str]] = {
    "encode": (encode, [_argument("input", help="sound or video"), _argument("output", help="codes, .npz"), _CODEC,
                        _argument("--bandwidth", type=float, default=6.0, help="kbps")], "Encode a sound into codes."),
    "decode": (decode, [_argument("codes", help="codes, .npz"), _argument("output", help="sound, .wav or .flac"), _CODEC_OF_CODES,
                        _argument("--books", type=int, help="decode only the first books")], "Decode codes into sound."),
    "lesion": (lesion, [_argument("codes", help="codes, .npz"), _argument("output", help="sound, .wav or .flac"), _CODEC_OF_CODES,
                        _argument("--books", required=True, help="codebooks to lesion, from 0, for example 0,3"),
                        _argument("--mode", default="omit", help="kind of lesion (see the book's chapter 4)"),
                        _argument("--dose", type=float, default=1.0, help="0 to 1"),
                        _argument("--window", type=float, nargs=2, metavar=("START", "STOP"), help="seconds; all by default"),
                        _argument("--seed", type=int, default=0, help="for the kinds that draw")], "Lesion codebooks and decode."),
    "compare": (compare, [_argument("reference"), _argument("sounds", nargs="+"),
                          _argument("--sample-rate", type=int, default=24_000, help="Hz")],
                "Print quality metrics of sounds against a reference, with lag and noise floor."),
    "check": (check, [_argument("dataset", help="dataset.yaml")], "Check a data set and report every problem in one pass."),
    "run": (run, [_argument("--params", help="YAML file of parameters, or the name of one in book/params"),
                  _argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter; may be repeated"),
                  _argument("--only", action="append", metavar="03", help="only notebooks whose names begin so; may be repeated"),
                  _argument("--out", help="folder of everything written; build by default"),
                  _argument("--no-build", action="store_true", help="run the notebooks but do not build the pages")],
            "Run the notebooks that changed and build the book."),
    "sweep": (sweep, [_argument("grid", help="YAML: notebook, parameters, grid"),
                      _argument("--workers", type=int, help="local processes"),
                      _argument("--scheduler", help="address of a running dask scheduler"),
                      _argument("--out", help="build/sweeps by default")],
              "Run a notebook over a grid of parameters, resumable."),
    "info": (info, [_argument("file"), _argument("--json", action="store_true", help="print JSON")], "Say what a file holds."),
    "region": (region, [_argument("region", metavar="NAME", help="a region of the atlas, or a column of the ROI table"),
                        _argument("--dataset", default="demo", help="dataset.yaml, or demo"),
                        _argument("--audio", help="the sound, where the data set does not name it"), _CODEC,
                        _argument("--random", type=int, default=200, help="random regions matched for size and ISC"),
                        _argument("--seed", type=int, default=0, help="of all that is drawn"),
                        _argument("--smoke", action="store_true", help="a test run on the first two minutes"),
                        _argument("--no-generation", action="store_true", help="without generated sound"),
                        _argument("--out", help="folder; build/regions/NAME by default")],
               "Write the card of one region: what it hears, with its sound."),
    "listening": (listening, [_argument("results", nargs="*", help="JSON files that the test pages handed over"),
                              _argument("--seed", type=int, default=0, help="of the bootstrap over listeners")],
                  "Analyse the answers of listening tests."),
    "bench": (bench, [_argument("--out", help="build/bench.json by default"),
                      _argument("--only", help="one part: sizes, pipeline, streaming, codec or quality")],
              "Measure speed, memory and sizes, and print the table."),
}

if __name__ == "__main__":
    sys.exit(main())
