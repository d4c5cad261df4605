"""`giblet bench codec`: how the demo codec sounds, in numbers, beside Griffin-Lim and Opus.

All coders code the same pieces of 9 s, and every metric is a mean over pieces.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import entropy

from giblet_core.codecs import Codec, Codes, load_codec, opus_round_trip
from giblet_core.demo.codec.corpus import SUFFIXES, is_held_out, is_librispeech, kind_of
from giblet_core.listening import mel_round_trip
from giblet_core.metrics import METRICS, quality
from giblet_core.sound import load_audio, resample

PIECE_S = 9.0
SAMPLE_RATE = 24_000
OPUS_RATE = 48_000
OPUS = {  # soundfile's compression_level
    "Opus ~7 kbps": 1.0,
    "Opus ~9 kbps": 0.99,
    "Opus ~12 kbps": 0.98,
}
WANTED_PERPLEXITY = 200
CHUNK_FRAMES = 100  # decoded alone, and compared with the whole

Coder = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class CodecFigure:
    """A figure of the benchmark: what, how much, in which unit, and how it was measured."""

    name: str
    value: float
    unit: str
    how: str


def pieces(
    wave: np.ndarray, sample_rate: int = SAMPLE_RATE, n: int | None = None
) -> list[np.ndarray]:
    """Cut a sound into consecutive pieces of 9 s; a shorter sound is one piece.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    n : int, optional
        How many pieces, spread evenly; by default all.

    Returns
    -------
    list of array of shape (9 * sample_rate,)
    """
    length = int(PIECE_S * sample_rate)
    starts = np.arange(0, max(len(wave) - length, 0) + 1, length)
    n_wanted = min(len(starts), n or len(starts))
    chosen = np.linspace(0, len(starts) - 1, n_wanted).round().astype(int)
    return [wave[start : start + length] for start in starts[chosen]]


def held_out_speech(folder: str | Path) -> dict[str, np.ndarray]:
    """Read the held-out speech of a folder, by name.

    LibriSpeech pieces are joined; of each FLEURS language there is one file.
    """
    sounds: dict[str, list[np.ndarray]] = {}
    for path in sorted(Path(folder).rglob("*")):
        is_sound = path.suffix.lower() in SUFFIXES
        if not is_sound or not is_held_out(path.name):
            continue
        if kind_of(path.relative_to(folder)) != "speech":
            continue
        if path.stem.startswith("fleurs-") and not path.stem.endswith("8"):
            continue
        name = "LibriSpeech" if is_librispeech(path.stem) else path.stem
        sounds.setdefault(name, []).append(load_audio(path, SAMPLE_RATE))
    return {name: np.concatenate(waves) for name, waves in sounds.items()}


def _opus(wave: np.ndarray, sample_rate: int, compression_level: float) -> np.ndarray:
    """Code a sound with Opus, and decode it at its own rate and length."""
    upsampled = resample(wave, sample_rate, OPUS_RATE)
    coded = opus_round_trip(upsampled, OPUS_RATE, compression_level)
    return resample(coded.wave, OPUS_RATE, sample_rate)[: len(wave)]


def _codec_round_trip(wave: np.ndarray, codec: Codec, n_codebooks: int) -> np.ndarray:
    codes = codec.encode(wave, codec.bandwidths_kbps[-1])
    return codec.decode(codes.first(n_codebooks))


def coders(codec: Codec) -> dict[str, Coder]:
    """Return what is compared: name -> wave to wave."""
    rate = codec.sample_rate
    compared: dict[str, Coder] = {}
    for kbps in codec.bandwidths_kbps:
        n_codebooks = codec.codebooks_at(kbps)
        coder = partial(_codec_round_trip, codec=codec, n_codebooks=n_codebooks)
        compared[f"{codec.id} {kbps:g} kbps"] = coder
    compared["Griffin-Lim, full rate"] = partial(mel_round_trip, sample_rate=rate)
    for name, level in OPUS.items():
        compared[name] = partial(_opus, sample_rate=rate, compression_level=level)
    return compared


def _score(waves: list[np.ndarray], coder: Coder, sample_rate: int, pesq: bool) -> pd.DataFrame:
    """Score a coder on each sound: a row each, a column for each of `METRICS`, by its heading."""
    rows = []
    for wave in waves:
        whole = [(0.0, len(wave) / sample_rate)]
        scores = quality(wave, coder(wave), sample_rate, whole, pesq).scores
        rows.append({metric.heading: scores[name] for name, metric in METRICS.items()})
    return pd.DataFrame(rows)


def sound_table(
    codec: Codec,
    sounds: Mapping[str, np.ndarray],
    n_pieces: int | None = 2,
    pesq: bool = True,
) -> pd.DataFrame:
    """Score every coder on every sound.

    Parameters
    ----------
    codec : Codec
    sounds : dict of str to array of shape (n_samples,)
        At the codec's rate.
    n_pieces : int, optional
        Of each sound; by default 2, None for all.
    pesq : bool
        Whether to compute PESQ, which takes longest.

    Returns
    -------
    DataFrame
        A row for each sound and coder: metrics averaged over pieces, and the count of failures.
    """
    expected = [metric.heading for name, metric in METRICS.items() if pesq or name != "pesq_wb"]
    rows = []
    for sound, wave in sounds.items():
        waves = pieces(wave, codec.sample_rate, n_pieces)
        for name, coder in coders(codec).items():
            scores = _score(waves, coder, codec.sample_rate, pesq)
            n_failed = int(scores[expected].isna().to_numpy().sum())
            row = {"sound": sound, "coder": name, **scores.mean()}
            rows.append({**row, "pieces": len(waves), "failed": n_failed})
    return pd.DataFrame(rows)


def perplexity(codes: Codes) -> np.ndarray:
    """Return ``exp(entropy)`` of the usage of each codebook: (K,).

    It says how many entries a codebook uses, were they used equally.
    """
    counts = [np.bincount(codebook, minlength=codes.cardinality) for codebook in codes.indices]
    return np.exp([entropy(of_codebook) for of_codebook in counts])


def _dbfs(amplitude: float) -> float:
    return 20 * np.log10(amplitude + 1e-9)


def flaws(codec: Codec, wave: np.ndarray) -> dict[str, float]:
    """Look for what metrics miss.

    Returns
    -------
    dict
        ``silence_dbfs``: level of decoded digital silence; ``dc_dbfs``: mean of the decoded sound;
        ``frame_border_ratio``: power of the second difference at borders of frames over that in
        their middle (1: no clicks); ``chunk_border_error``: largest difference between decoding
        whole and a first chunk alone.
    """
    highest_rate = codec.bandwidths_kbps[-1]
    hop = codec.hop_length
    silence = np.zeros(codec.sample_rate, np.float32)
    decoded_silence = codec.decode(codec.encode(silence, highest_rate))

    codes = codec.encode(wave, highest_rate)
    decoded = codec.decode(codes)
    bend = np.square(np.diff(decoded, 2))
    sample = np.arange(len(bend)) + 1
    at_border = sample % hop == 0
    in_middle = (sample - hop // 2) % hop == 0

    latents = codec.latents(codes).sum(0)
    chunk = codec.decode_latents(latents[:, :CHUNK_FRAMES], CHUNK_FRAMES * hop)
    error = np.abs(chunk - decoded[: len(chunk)])
    return {
        "silence_dbfs": _dbfs(np.sqrt(np.mean(decoded_silence**2))),
        "dc_dbfs": _dbfs(abs(decoded.mean())),
        "frame_border_ratio": float(bend[at_border].mean() / bend[in_middle].mean()),
        "chunk_border_error": float(error.max()),
    }


def _table_figures(label: str, table: pd.DataFrame) -> Iterator[CodecFigure]:
    """Average a `sound_table` over sounds: a figure for each coder and metric."""
    for coder, rows in table.groupby("coder", sort=False):
        how = (
            f"mean of {len(rows)} sounds, {rows['pieces'].sum()} pieces, "
            f"{rows['failed'].sum()} failures"
        )
        for metric in METRICS.values():
            name = f"{label}, {coder}, {metric.label}"
            yield CodecFigure(name, float(rows[metric.heading].mean()), metric.unit, how)


def bench_codec(film: np.ndarray, sounds: str | Path | None = None) -> Iterator[CodecFigure]:
    """Measure the demo codec for the benchmark's table.

    Parameters
    ----------
    film : array of shape (n_samples,)
        24 kHz; eight pieces are scored.
    sounds : path, optional
        A folder with held-out speech (`held_out_speech`).

    Yields
    ------
    CodecFigure
    """
    codec = load_codec("demo")
    if sounds is not None:
        yield from _table_figures("speech", sound_table(codec, held_out_speech(sounds)))
    yield from _table_figures("film", sound_table(codec, {"film": film}, n_pieces=8))
    codes = codec.encode(film, codec.bandwidths_kbps[-1])
    how = f"on the film; {WANTED_PERPLEXITY} is wanted"
    for codebook, used in enumerate(perplexity(codes)):
        name = f"perplexity, codebook {codebook}"
        yield CodecFigure(name, float(used), f"of {codec.cardinality}", how)
    for name, value in flaws(codec, film[: 60 * codec.sample_rate]).items():
        yield CodecFigure(name, float(value), "", "first minute of the film")
