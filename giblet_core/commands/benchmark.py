"""`giblet bench`: speed, memory and sizes on this machine, as a table and as ``build/bench.json``."""

import os
import platform
import re
import time
import timeit
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from transformers import EncodecConfig, EncodecModel

import giblet_core as gc
from giblet_core.errors import require
from giblet_core.files import project_root, write_json

BATCH, N_MELS, MEL_FRAMES = (
    16,
    2048,
    129,
)  # windows a step; the seed's mel bands and their frames in 1.5 s


@dataclass(frozen=True)
class Row:
    """One measurement: what, how much, in which unit, and how it was taken."""

    name: str
    value: float
    unit: str
    how: str


def seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of a few runs: what the machine can do when nothing else disturbs it."""
    return min(timeit.repeat(function, number=1, repeat=repeats))


def _sizes() -> Iterator[Row]:
    encoder, decoder = gc.AudioEncoder(), gc.AudioDecoder()
    yield Row("values a TR, mel", N_MELS, "", "the seed's 2048 bands, averaged")
    yield Row(
        "values a TR, codes",
        encoder.num_codebooks * encoder.n_frames,
        "",
        "8 codebooks x 112 frames",
    )
    yield Row("parameters, embeddings", encoder.embedding_parameters, "", "8 x 1024 x 64")
    yield Row(
        "parameters, encoder", sum(p.numel() for p in encoder.parameters()), "", "AudioEncoder()"
    )
    yield Row(
        "parameters, decoder", sum(p.numel() for p in decoder.parameters()), "", "AudioDecoder()"
    )
    trunk = gc.AudioEncoder(
        1, 1, N_MELS, MEL_FRAMES
    )  # the encoder as it would be over mel bands, which it reads as they are
    trunk.embed = lambda bands: bands
    mel = sum(p.numel() for p in trunk.parameters()) - trunk.embedding_parameters
    yield Row(
        "parameters, mel trunk",
        mel,
        "",
        "the encoder's convolutions over 2048 bands, and the layer after them",
    )
    codes, bands = (
        torch.randint(1024, (BATCH, 8, encoder.n_frames)),
        torch.randn(BATCH, N_MELS, MEL_FRAMES),
    )  # any values will do
    took = seconds(lambda: encoder(codes).square().sum().backward())
    yield Row("training step, codes", 1000 * took, "ms", f"AudioEncoder, {BATCH} windows")
    took_mel = seconds(lambda: trunk(bands).square().sum().backward())
    yield Row(
        "training step, mel",
        1000 * took_mel,
        "ms",
        f"mel trunk, {BATCH} windows of {MEL_FRAMES} frames",
    )
    yield Row("training step, codes to mel", took / took_mel, "", "below 1: codes are faster")
    yield Row(
        "parameters, codes to mel",
        sum(p.numel() for p in encoder.parameters()) / mel,
        "",
        "below 1: codes need fewer",
    )


def _pipeline() -> Iterator[Row]:
    rng, codec = np.random.default_rng(0), gc.load_codec("demo")
    wave = (0.1 * rng.standard_normal(20 * codec.sample_rate)).astype(np.float32)
    codes = codec.encode(wave, 6.0)
    yield Row(
        "demo codec, encode",
        20 / seconds(lambda: codec.encode(wave, 6.0), 1),
        "x real time",
        "20 s at 6 kbps",
    )
    yield Row(
        "demo codec, decode",
        20 / seconds(lambda: codec.decode(codes), 1),
        "x real time",
        "20 s at 6 kbps",
    )
    took = seconds(lambda: codec.decode_latents(gc.lesion(codec, codes, [0]).sum(0), len(wave)))
    yield Row("lesion and decode", 20 / took, "x real time", "20 s, 8 codebooks, omit")
    score = partial(gc.quality, wave, codec.decode(codes), codec.sample_rate, pesq=False)
    yield Row("quality", seconds(score, 1), "s", "20 s: STOI, SI-SDR, log-mel, alignment")
    z = rng.standard_normal((90_000, 128)).astype(np.float32)
    yield Row(
        "HRF",
        seconds(lambda: gc.hrf.convolve(z, 75.0, 1.5), 1),
        "s",
        "20 min of 128 latents at 75 Hz to 800 TRs",
    )
    x, y = rng.standard_normal((800, 256)), rng.standard_normal((800, 500))
    took = seconds(
        lambda: gc.fit_ridge(
            x, y, gc.contiguous_folds(800, run_onsets=(0, 400)), run_onsets=(0, 400)
        ),
        1,
    )
    yield Row("ridge", took, "s", "800 TRs x 256 features x 500 voxels, 5 folds, nested penalty")
    codebooks, target = np.split(x[:500, :160], 8, axis=1), y[:500, :100] + x[:500, :1]
    fit = partial(
        gc.fit_banded, codebooks, target, gc.contiguous_folds(500, 3), gammas=np.ones((1, 8))
    )
    many = seconds(partial(gc.encoding.subset_scores, codebooks, target, fit()), 1)
    yield Row(
        "255 subsets of codebooks to one fit",
        many / seconds(fit),
        "",
        "500 TRs, 100 voxels, 3 folds; at most 20 is wanted",
    )


def peak_of_encoding(seconds_of_sound: int) -> float:
    """Encode noise with a small model and return the peak memory of this process in MB; meant for a
    process of its own.
    """
    model = EncodecModel(EncodecConfig(num_filters=16, num_lstm_layers=1, target_bandwidths=[6.0]))
    gc.EncodecCodec(model, "bench").encode(
        np.random.default_rng(0).standard_normal(24_000 * seconds_of_sound, dtype=np.float32), 6.0
    )
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def _streaming() -> Iterator[Row]:
    model = EncodecModel(
        EncodecConfig()
    ).eval()  # the published size; speed does not depend on the weights
    wave = np.random.default_rng(0).standard_normal(120 * 24_000, dtype=np.float32)
    codec = gc.EncodecCodec(EncodecModel(EncodecConfig()), "bench")
    sounds = [
        (s, torch.from_numpy(s)[None, None]) for s in (wave[:48_000], wave, wave, wave)
    ]  # a warm-up, then by turns: pace drifts
    with torch.inference_mode():
        runs = [
            [
                seconds(partial(model.encode, x, bandwidth=6.0), 1),
                seconds(partial(codec.encode, s, 6.0), 1),
            ]
            for s, x in sounds
        ]
    whole, chunked = np.median(runs[1:], axis=0)
    yield Row(
        "encode, whole file",
        120 / whole,
        "x real time",
        "transformers, 120 s, full-size model, median of 3",
    )
    yield Row("encode, streamed", 120 / chunked, "x real time", "the same model and sound")
    yield Row("encode, streamed to whole", whole / chunked, "", "at least 2.5 is wanted")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        peak = pool.submit(peak_of_encoding, 1800).result()
    yield Row(
        "peak memory, 30 min", peak, "MB", "encode in a process of its own; below 1000 is wanted"
    )


def _codec() -> Iterator[Row]:
    from giblet_core.demo.codec import bench_codec

    sounds = (
        Path(os.environ.get("GIBLET_SHARED", project_root().parent / "shared")) / "audio"
    )  # real speech, where it is at hand
    film = gc.demo_film(folder=project_root() / "build" / "artifacts" / "film")
    for name, value, unit, how in bench_codec(film.wave, sounds if sounds.is_dir() else None):
        yield Row(f"{name}, {unit.split(',')[0]}" if unit else name, value, unit, how)


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "sizes": _sizes,
    "pipeline": _pipeline,
    "streaming": _streaming,
    "codec": _codec,
}


def bench(out: str | Path | None = None, part: str | None = None) -> list[Row]:
    """Measure, print a table and write it.

    Parameters
    ----------
    out : path, optional
        ``build/bench.json`` in the project by default.
    part : str, optional
        One of ``PARTS``; all by default.

    Raises
    ------
    InputError
        No such part.
    """
    require(
        part is None or part in PARTS,
        f"part={part}: must be one of {', '.join(PARTS)}. Leave it out for all.",
    )
    rows = []
    for name in [part] if part else PARTS:
        for row in PARTS[name]():
            value = f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.2f}"
            print(f"{row.name:<28} {value:>12} {row.unit:<12} {row.how}", flush=True)
            rows.append(row)
    machine = {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }
    path = Path(out) if out else project_root() / "build" / "bench.json"
    write_json(
        path,
        {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine,
            "rows": [asdict(row) for row in rows],
        },
    )
    print(path)
    return rows
