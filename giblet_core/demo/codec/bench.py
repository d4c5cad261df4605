"""`giblet bench codec`: how the demo codec sounds, in numbers, beside Griffin-Lim and Opus on the
same pieces.

STOI and PESQ-WB are means over 8-10 s pieces (PESQ in a child process); log-mel distance and SI-SDR
likewise.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import entropy

from giblet_core.codecs import Codec, Codes, load_codec, opus_round_trip
from giblet_core.demo.codec.training import SUFFIXES, is_held_out, kind_of
from giblet_core.listening import mel_round_trip
from giblet_core.metrics import quality
from giblet_core.sound import load_audio, resample

PIECE_S = 9.0
OPUS = {
    "Opus ~7 kbps": 1.0,
    "Opus ~9 kbps": 0.99,
    "Opus ~12 kbps": 0.98,
}  # soundfile's compression_level
METRICS = {
    "pesq_wb": "PESQ-WB",
    "stoi": "STOI",
    "si_sdr_db": "SI-SDR, dB",
    "log_mel_db": "log-mel, dB",
}


def pieces(wave: np.ndarray, sample_rate: int = 24_000, n: int | None = None) -> list[np.ndarray]:
    """Cut `wave` into consecutive pieces of 9 s; `n` of them, spread evenly, or all. A shorter
    sound is one piece.
    """
    length = int(PIECE_S * sample_rate)
    starts = np.arange(0, max(len(wave) - length, 0) + 1, length)
    kept = np.linspace(0, len(starts) - 1, min(len(starts), n or len(starts))).round().astype(int)
    return [wave[start : start + length] for start in starts[kept]]


def held_out_speech(folder: str | Path) -> dict[str, np.ndarray]:
    """Read the held-out speech of a folder: LibriSpeech pieces joined, the EnCodec test, one file
    of each FLEURS language.
    """
    sounds: dict[str, list[np.ndarray]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if (
            path.suffix.lower() in SUFFIXES
            and is_held_out(path.name)
            and kind_of(path.relative_to(folder)) == "speech"
        ):
            if path.stem.startswith("fleurs-") and not path.stem.endswith("8"):
                continue
            name = "LibriSpeech" if path.stem.replace("-", "").isdigit() else path.stem
            sounds.setdefault(name, []).append(load_audio(path, 24_000))
    return {name: np.concatenate(waves) for name, waves in sounds.items()}


def opus(wave: np.ndarray, sample_rate: int, compression_level: float) -> np.ndarray:
    """Code `wave` with Opus at one of `OPUS` and decode it at its own rate and length."""
    return resample(
        opus_round_trip(resample(wave, sample_rate, 48_000), 48_000, compression_level).wave,
        48_000,
        sample_rate,
    )[: len(wave)]


def coders(codec: Codec) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what is compared: name -> wave to wave."""
    top, rate = codec.bandwidths_kbps[-1], codec.sample_rate
    codebooks = {
        f"{codec.id} {kbps:g} kbps": codec.codebooks_at(kbps) for kbps in codec.bandwidths_kbps
    }
    rungs = {
        name: lambda wave, k=k: codec.decode(codec.encode(wave, top).first(k))
        for name, k in codebooks.items()
    }
    return {**rungs, "Griffin-Lim, full rate": lambda wave: mel_round_trip(wave, rate)} | {
        name: lambda wave, level=level: opus(wave, rate, level) for name, level in OPUS.items()
    }


def sound_table(
    codec: Codec,
    sounds: Mapping[str, np.ndarray],
    n_pieces: int | None = 2,
    pesq: bool = True,
) -> pd.DataFrame:
    """Score every coder on every sound: a row each, with its metrics averaged over pieces and the
    count of failures.
    """
    rows = []
    for sound, wave in sounds.items():
        cut = pieces(wave, codec.sample_rate, n_pieces)
        for name, coder in coders(codec).items():
            scored = [
                quality(
                    piece,
                    coder(piece),
                    codec.sample_rate,
                    [(0.0, len(piece) / codec.sample_rate)],
                    pesq,
                )
                for piece in cut
            ]
            scores = pd.DataFrame([quality.as_row() for quality in scored]).rename(columns=METRICS)[
                list(METRICS.values())
            ]
            failed = int(scores.drop(columns=[] if pesq else "PESQ-WB").isna().to_numpy().sum())
            rows.append(
                {
                    "sound": sound,
                    "coder": name,
                    **scores.mean(),
                    "pieces": len(cut),
                    "failed": failed,
                }
            )
    return pd.DataFrame(rows)


def perplexity(codes: Codes, cardinality: int = 1024) -> np.ndarray:
    """Return ``exp(entropy)`` of the usage of each codebook (K,): how many entries it uses, were
    they used equally.
    """
    return np.exp(
        [entropy(np.bincount(codebook, minlength=cardinality)) for codebook in codes.indices]
    )


def flaws(codec: Codec, wave: np.ndarray) -> dict[str, float]:
    """Look for what metrics miss.

    Returns
    -------
    dict
        ``silence_dbfs``: level of decoded digital silence; ``dc_dbfs``: mean of the decoded sound;
        ``frame_border_ratio``: power of the second difference at borders of frames over that
        elsewhere (1: no clicks); ``chunk_border_error``: largest difference between decoding whole
        and in the codec's chunks.
    """
    top, hop = codec.bandwidths_kbps[-1], codec.hop_length
    quiet = codec.decode(codec.encode(np.zeros(codec.sample_rate, np.float32), top))
    codes = codec.encode(wave, top)
    sound = codec.decode(codes)
    bend = np.square(np.diff(sound, 2))
    border = (np.arange(len(bend)) + 1) % hop == 0
    around = ((np.arange(len(bend)) + 1 - hop // 2) % hop) == 0
    first = codec.decode_latents(codec.latents(codes).sum(0)[:, :100], 100 * hop)
    return {
        "silence_dbfs": 20 * np.log10(np.sqrt(np.mean(quiet**2)) + 1e-9),
        "dc_dbfs": 20 * np.log10(abs(sound.mean()) + 1e-9),
        "frame_border_ratio": float(bend[border].mean() / bend[around].mean()),
        "chunk_border_error": float(np.abs(first - sound[: len(first)])[: len(sound)].max()),
    }


def bench_codec(
    film: np.ndarray, sounds: str | Path | None = None
) -> Iterator[tuple[str, float, str, str]]:
    """Yield (name, value, unit, how) for the benchmark's table.

    Parameters
    ----------
    film : array of shape (n_samples,)
        24 kHz; eight pieces are scored.
    sounds : path, optional
        A folder with held-out speech (`held_out_speech`).
    """
    codec = load_codec("demo")
    tables = {"speech": sound_table(codec, held_out_speech(sounds))} if sounds is not None else {}
    tables["film"] = sound_table(codec, {"film": film}, n_pieces=8)
    for label, table in tables.items():
        for coder, part in table.groupby("coder", sort=False):
            for metric in METRICS.values():
                how = f"mean of {len(part)} sounds, {part['pieces'].sum()} pieces, {part['failed'].sum()} failures"
                yield f"{label}, {coder}", float(part[metric].mean()), metric, how
    for codebook, value in enumerate(perplexity(codec.encode(film, codec.bandwidths_kbps[-1]))):
        yield (
            f"perplexity, codebook {codebook}",
            float(value),
            f"of {codec.cardinality}",
            "on the film; 200 is wanted",
        )
    for name, value in flaws(codec, film[: 60 * codec.sample_rate]).items():
        yield name, float(value), "", "first minute of the film"
