"""Commands on sounds and codes: encode, decode, lesion, compare, info."""

import argparse
import json
import os
from pathlib import Path

import numpy as np

import giblet_core as gc
from giblet_core import commands  # loads what it needs on first use, so help answers at once
from giblet_core.commands.arguments import (
    CODEC_HELP,
    Command,
    add_force,
    add_track_and_channel,
    check_output,
    note,
    path_text,
)
from giblet_core.errors import InputError

CODES_SUFFIXES = (".npz",)
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".opus")


def _add_encode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=path_text, help="sound or video")
    parser.add_argument("output", type=path_text, help="codes, .npz")
    parser.add_argument("--codec", help=CODEC_HELP)
    parser.add_argument("--bandwidth", type=float, default=6.0, help="kbps")
    add_track_and_channel(parser)
    add_force(parser)


def encode(args: argparse.Namespace) -> None:
    """Encode a sound into codes."""
    check_output(args.output, CODES_SUFFIXES, args.force)
    commands.require_kind(args.input, "sound", "input")
    codec = gc.load_codec(args.codec)
    codec.codebooks_at(args.bandwidth)
    wave = gc.load_audio(args.input, codec.sample_rate, track=args.track, channel=args.channel)
    duration_s = wave.size / codec.sample_rate
    note(f"encoding {duration_s:.1f} s with {codec.id} at {args.bandwidth:g} kbps ...")
    codes = codec.encode(wave, args.bandwidth)
    codes.save(args.output)
    print(
        f"{args.output}: {codes.num_codebooks} codebooks x {codes.n_frames} frames, "
        f"{codes.duration_s:.3f} s"
    )


def _add_codes_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("codes", type=path_text, help="codes, .npz")
    parser.add_argument("output", type=path_text, help="sound, .wav or .flac")
    parser.add_argument("--codec", help="by default the codec that the codes name")


def _load_codes(path: str) -> "gc.Codes":
    """Read codes; say what the file is where it is something else."""
    commands.require_kind(path, "codes", "codes")
    return gc.Codes.load(path)


def _codec_of(args: argparse.Namespace, codes: "gc.Codes") -> "gc.Codec":
    return gc.load_codec(args.codec or os.environ.get("GIBLET_CODEC") or codes.codec_id)


def _write_sound(path: str, wave: np.ndarray, sample_rate: int) -> None:
    n_clipped = int((np.abs(wave) > 1).sum())
    gc.save_audio(path, wave, sample_rate, clip=True)
    clipping = f"; {n_clipped} samples beyond [-1, 1] were clipped" if n_clipped else ""
    print(f"{path}: {wave.size} samples at {sample_rate} Hz{clipping}")


def _add_decode(parser: argparse.ArgumentParser) -> None:
    _add_codes_input(parser)
    parser.add_argument("--codebooks", "--books", type=int, help="decode only the first codebooks")
    add_force(parser)


def decode(args: argparse.Namespace) -> None:
    """Decode codes into sound."""
    check_output(args.output, SOUND_SUFFIXES, args.force)
    codes = _load_codes(args.codes)
    codec = _codec_of(args, codes)
    if args.codebooks is not None:
        codes = codes.first(args.codebooks)
    note(f"decoding {codes.duration_s:.1f} s with {codec.id} ...")
    _write_sound(args.output, codec.decode(codes), codes.sample_rate)


def _add_lesion(parser: argparse.ArgumentParser) -> None:
    _add_codes_input(parser)
    parser.add_argument(
        "--codebooks",
        "--books",
        default="0",
        help="codebooks to lesion, from 0, for example 0,3",
    )
    parser.add_argument("--mode", default="omit", help="kind of lesion; an unknown one lists all")
    parser.add_argument("--strength", "--dose", type=float, default=1.0, help="0 to 1")
    parser.add_argument(
        "--donor", type=path_text, help="codes of another scene, .npz, for the kind swap"
    )
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("START", "STOP"),
        help="seconds; all by default",
    )
    parser.add_argument("--seed", type=int, default=0, help="for the kinds that draw")
    add_force(parser)


def _numbers(text: str) -> list[int]:
    """Return the codebooks of a text; none of an empty one, which is the decoded sound."""
    if not text.strip():
        return []
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"codebooks={text}: must be numbers from 0 with commas between them. "
            "Write for example 0,3."
        ) from None


def lesion(args: argparse.Namespace) -> None:
    """Lesion codebooks and decode."""
    check_output(args.output, SOUND_SUFFIXES, args.force)
    codes = _load_codes(args.codes)
    codec = _codec_of(args, codes)
    codebooks = _numbers(args.codebooks)
    note(
        f"lesion {args.mode} of codebooks {codebooks} of {codes.num_codebooks}, "
        f"decoding {codes.duration_s:.1f} s ..."
    )
    latents = gc.lesion(
        codec,
        codes,
        codebooks,
        args.mode,
        strength=args.strength,
        window_s=args.window,
        donor=_load_codes(args.donor) if args.donor else None,
        seed=args.seed,
    )
    wave = codec.decode_latents(latents.sum(0), n_samples=codes.n_samples)
    _write_sound(args.output, wave, codes.sample_rate)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", type=path_text, help="the sound to compare with")
    parser.add_argument("sounds", type=path_text, nargs="+", help="sounds of the same length")
    parser.add_argument("--sample-rate", type=int, default=24_000, help="Hz")


def compare(args: argparse.Namespace) -> None:
    """Print quality metrics of sounds against a reference."""
    for path in (args.reference, *args.sounds):
        commands.require_kind(path, "sound", "sound")
    reference = gc.load_audio(args.reference, args.sample_rate)
    sounds = {path: gc.load_audio(path, args.sample_rate) for path in args.sounds}
    note(f"comparing {len(sounds)} sounds with {args.reference} ...")
    table = gc.quality_table(reference, sounds, args.sample_rate)
    headings = gc.metrics.metric_headings()
    shown = table[list(headings)].rename(columns=headings)
    shown.index = [Path(sound).name for sound in shown.index]
    print(shown.to_string(float_format="{:.2f}".format))
    for sound, reasons in table["reasons"].items():
        for metric, reason in reasons.items():
            print(f"{sound}: {metric} is absent: {reason}")


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=path_text, help="a file of any kind that the book reads")
    add_track_and_channel(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def info(args: argparse.Namespace) -> None:
    """Say what a file holds."""
    facts = commands.describe(args.file, args.track, args.channel)
    if args.json:
        print(json.dumps(facts, indent=1, default=str))
    else:
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))


SOUND_COMMANDS = (
    Command("encode", "Encode a sound into codes.", _add_encode, encode),
    Command("decode", "Decode codes into sound.", _add_decode, decode),
    Command("lesion", "Lesion codebooks and decode.", _add_lesion, lesion),
    Command(
        "compare",
        "Print quality metrics of sounds against a reference, with lag and noise floor.",
        _add_compare,
        compare,
    ),
    Command("info", "Say what a file holds.", _add_info, info),
)
