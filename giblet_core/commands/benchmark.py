"""Benchmark: speed, memory and sizes on this machine, as a table and as ``build/bench.json``.

Speeds that are compared are measured side by side in one run; a ratio says more than a time.
"""

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
from torch import nn
from transformers import EncodecConfig, EncodecModel

import giblet_core as gc
from giblet_core.autoencoder import AudioEncoder
from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError
from giblet_core.files import project_root, write_json
from giblet_core.listening import MixerWidget

BATCH = 16  # windows a training step
N_MELS = 2048  # the seed's mel bands
MEL_FRAMES = 129  # and their frames in 1.5 s
PIPELINE_S = 20  # seconds of sound
MIXED_S = 5
STREAMED_S = 120
LONG_S = 1800  # half an hour, for the peak of memory
STREAM_RATE_HZ = 24_000


@dataclass(frozen=True)
class Row:
    """One measurement: what, how much, in which unit, and how it was taken."""

    name: str
    value: float
    unit: str
    how: str


class MelTrunk(AudioEncoder):
    """The encoder as it would be over mel bands, which it reads as they are."""

    def embed(self, bands: torch.Tensor) -> torch.Tensor:
        """Return the bands, (B, n_mels, n_frames): numbers need no embedding."""
        return bands


def seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of a few runs: what the machine can do when nothing disturbs it."""
    return min(timeit.repeat(function, number=1, repeat=repeats))


def n_parameters(network: nn.Module) -> int:
    """Count the parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def _sizes() -> Iterator[Row]:
    """Sizes of the seed's networks, over codes and over mel bands."""
    encoder = gc.AudioEncoder()
    values_a_tr = encoder.num_codebooks * encoder.n_frames
    yield Row("values a TR, mel", N_MELS, "", "the seed's 2048 bands, averaged")
    yield Row("values a TR, codes", values_a_tr, "", "8 codebooks x 112 frames")
    yield Row("parameters, embeddings", encoder.embedding_parameters, "", "8 x 1024 x 64")
    yield Row("parameters, encoder", n_parameters(encoder), "", "AudioEncoder()")
    yield Row("parameters, decoder", n_parameters(gc.AudioDecoder()), "", "AudioDecoder()")
    trunk = MelTrunk(1, 1, N_MELS, MEL_FRAMES)
    n_trunk = n_parameters(trunk) - trunk.embedding_parameters
    what = "the encoder's convolutions over 2048 bands, and the layer after them"
    yield Row("parameters, mel trunk", n_trunk, "", what)
    codes = torch.randint(encoder.cardinality, (BATCH, encoder.num_codebooks, encoder.n_frames))
    bands = torch.randn(BATCH, N_MELS, MEL_FRAMES)  # any values will do
    codes_s = seconds(lambda: encoder(codes).square().sum().backward())
    mel_s = seconds(lambda: trunk(bands).square().sum().backward())
    yield Row("training step, codes", 1000 * codes_s, "ms", f"AudioEncoder, {BATCH} windows")
    how = f"mel trunk, {BATCH} windows of {MEL_FRAMES} frames"
    yield Row("training step, mel", 1000 * mel_s, "ms", how)
    yield Row("training step, codes to mel", codes_s / mel_s, "", "below 1: codes are faster")
    ratio = n_parameters(encoder) / n_trunk
    yield Row("parameters, codes to mel", ratio, "", "below 1: codes need fewer")


def _pipeline() -> Iterator[Row]:
    """Speed of the pipeline's parts on the demo codec."""
    rng = np.random.default_rng(0)
    codec = gc.load_codec("demo")
    wave = (0.1 * rng.standard_normal(PIPELINE_S * codec.sample_rate)).astype(np.float32)
    codes = codec.encode(wave, 6.0)
    decoded = codec.decode(codes)
    sound = f"{PIPELINE_S} s at 6 kbps"
    encode_s = seconds(lambda: codec.encode(wave, 6.0), 1)
    yield Row("demo codec, encode", PIPELINE_S / encode_s, "x real time", sound)
    decode_s = seconds(lambda: codec.decode(codes), 1)
    yield Row("demo codec, decode", PIPELINE_S / decode_s, "x real time", sound)
    lesion_s = seconds(partial(_lesion_and_decode, codec, codes))
    how = f"{PIPELINE_S} s, 8 codebooks, omit"
    yield Row("lesion and decode", PIPELINE_S / lesion_s, "x real time", how)
    score = partial(gc.quality, wave, decoded, codec.sample_rate, pesq=False)
    yield Row("quality", seconds(score, 1), "s", "20 s: STOI, SI-SDR, log-mel, alignment")
    latents = rng.standard_normal((90_000, 128)).astype(np.float32)
    hrf_s = seconds(lambda: gc.hrf.convolve(latents, 75.0, 1.5), 1)
    yield Row("HRF", hrf_s, "s", "20 min of 128 latents at 75 Hz to 800 TRs")
    yield from _regressions(rng)
    yield _mixer_click(codec, codes)


def _lesion_and_decode(codec: Codec, codes: Codes) -> None:
    latents = gc.lesion(codec, codes, [0])
    codec.decode_latents(latents.sum(0), codes.n_samples)


def _mixer_click(codec: Codec, codes: Codes) -> Row:
    """Time from a click in the live mixer to its new sound and pictures."""
    mixer = gc.mixer_widget(codec, codes.crop_frames(0, round(MIXED_S * codec.frame_rate)))
    click_s = seconds(lambda: _click(mixer))
    how = f"{MIXED_S} s at 6 kbps: lesion, decode, draw; below 1 is wanted"
    return Row("a click in the mixer", click_s, "s", how)


def _click(mixer: MixerWidget) -> None:
    """Switch the first codebook off, or on again."""
    mixer.toggles[0].value = not mixer.toggles[0].value


def _regressions(rng: np.random.Generator) -> Iterator[Row]:
    """Time of one ridge, and of all subsets of codebooks beside one fit."""
    X = rng.standard_normal((800, 256))
    Y = rng.standard_normal((800, 500))
    folds = gc.contiguous_folds(800, run_onsets=(0, 400))
    ridge_s = seconds(lambda: gc.fit_ridge(X, Y, folds, run_onsets=(0, 400)), 1)
    how = "800 TRs x 256 features x 500 voxels, 5 folds, nested penalty"
    yield Row("ridge", ridge_s, "s", how)
    spaces = np.split(X[:500, :160], 8, axis=1)
    target = Y[:500, :100] + X[:500, :1]
    folds = gc.contiguous_folds(500, 3)
    fit = partial(gc.fit_banded, spaces, target, folds, gammas=np.ones((1, 8)))
    fitted = fit()
    subsets_s = seconds(lambda: gc.encoding.subset_scores(spaces, target, fitted), 1)
    how = "500 TRs, 100 voxels, 3 folds; at most 20 is wanted"
    yield Row("255 subsets of codebooks to one fit", subsets_s / seconds(fit), "", how)


def peak_of_encoding(duration_s: int) -> float:
    """Encode noise with a small model and return the peak memory of this process in MB.

    Meant for a process of its own.
    """
    config = EncodecConfig(num_filters=16, num_lstm_layers=1, target_bandwidths=[6.0])
    codec = gc.EncodecCodec(EncodecModel(config), "bench")
    n_samples = STREAM_RATE_HZ * duration_s
    wave = np.random.default_rng(0).standard_normal(n_samples, dtype=np.float32)
    codec.encode(wave, 6.0)
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def _streaming() -> Iterator[Row]:
    """Exact streaming against whole-file encoding by transformers, in turns, as the pace drifts.

    The model has the published size; speed does not depend on the weights.
    """
    model = EncodecModel(EncodecConfig()).eval()
    codec = gc.EncodecCodec(EncodecModel(EncodecConfig()), "bench")
    n_samples = STREAMED_S * STREAM_RATE_HZ
    wave = np.random.default_rng(0).standard_normal(n_samples, dtype=np.float32)
    whole_s = []
    streamed_s = []
    with torch.inference_mode():
        for sound in (wave[: 2 * STREAM_RATE_HZ], wave, wave, wave):  # the first is a warm-up
            batch = torch.from_numpy(sound)[None, None]
            whole_s.append(seconds(partial(model.encode, batch, bandwidth=6.0), 1))
            streamed_s.append(seconds(partial(codec.encode, sound, 6.0), 1))
    whole = np.median(whole_s[1:])
    streamed = np.median(streamed_s[1:])
    how = f"transformers, {STREAMED_S} s, full-size model, median of 3"
    yield Row("encode, whole file", STREAMED_S / whole, "x real time", how)
    yield Row("encode, streamed", STREAMED_S / streamed, "x real time", "the same model and sound")
    yield Row("encode, streamed to whole", whole / streamed, "", "at least 2.5 is wanted")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        peak_mb = pool.submit(peak_of_encoding, LONG_S).result()
    how = "encode in a process of its own; below 1000 is wanted"
    yield Row("peak memory, 30 min", peak_mb, "MB", how)


def _codec() -> Iterator[Row]:
    """Quality of the demo codec on its film, and on real speech where it is at hand."""
    from giblet_core.demo.codec import bench_codec

    shared = Path(os.environ.get("GIBLET_SHARED", project_root().parent / "shared"))
    sounds = shared / "audio"
    film = gc.demo_film(folder=project_root() / "build" / "artifacts" / "film")
    for figure in bench_codec(film.wave, sounds if sounds.is_dir() else None):
        yield Row(figure.name, figure.value, figure.unit, figure.how)


#: Parts of the benchmark, in order.
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

    Returns
    -------
    list of Row

    Raises
    ------
    InputError
        No such part.
    """
    if part is not None and part not in PARTS:
        raise InputError(f"part={part}: must be one of {', '.join(PARTS)}. Leave it out for all.")
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
    table = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine,
        "rows": [asdict(row) for row in rows],
    }
    path = write_json(Path(out) if out else project_root() / "build" / "bench.json", table)
    print(path)
    return rows
