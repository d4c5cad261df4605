"""Training of the demo codec on a folder of sounds: resumable, on one core or a GPU, in stages that
must prove themselves.

    python -m giblet_core.codec_training SOUNDS WORK --steps 1500 python -m
    giblet_core.codec_training SOUNDS WORK2 --start WORK/net.pt --steps 900 --averaging 0.996
    --refit --install FOLDER

SOUNDS holds audio files in any tree; files are split by name, and held-out ones are never read
here. WORK keeps checkpoints and the log. A stage is accepted by hand, on held-out speech
(`giblet_core.bench_codec`), never on the loss.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm
from transformers import EncodecModel

from giblet_core.demo.codec.export import from_encodec, save_codec, to_encodec
from giblet_core.demo.codec.hybrid import hybrid_start, soften
from giblet_core.demo.codec.losses import MEL, SAMPLE_RATE, WEIGHTS, make_bands, perceptual_losses
from giblet_core.demo.codec.network import HOP_LENGTH, FrameCodec
from giblet_core.errors import InputError, require
from giblet_core.files import atomic_path
from giblet_core.sound import load_audio

SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus"}
LR_FACTORS = {
    "decoder_lstm": 0.15,
    "decoder_conv": 0.2,
    "synthesis": 0.1,
    "narrow": 0.3,
    "widen": 0.3,
}  # the encoder rests (see the card)


@dataclass(frozen=True)
class CodecTrainConfig:
    """One stage of training."""

    n_steps: int = 2500
    batch_size: int = 14
    n_frames: int = 96  # of 13.3 ms: the length of a crop
    learning_rate: float = 3e-4  # times LR_FACTORS
    averaging: float = 0.0  # a step; above 0 the rate stays flat and the moving average of the weights is what is kept
    n_codebooks: int = 16
    prefixes: tuple[int, ...] = (2, 4, 8, 16)  # every one of these must decode
    prefix_odds: tuple[float, ...] = (0.15, 0.2, 0.45, 0.2)
    checkpoint_every: int = 200  # steps
    seed: int = 0


def is_held_out(name: str) -> bool:
    """Decide by file name alone: the tail of a LibriSpeech chapter, FLEURS 8 and 9, the EnCodec
    test, a tenth of the rest.
    """
    stem = Path(name).stem
    number = stem.rsplit("-", 1)[-1]
    if stem.startswith("fleurs-"):
        return int(number) >= 8
    if stem.count("-") == 2 and stem.replace("-", "").isdigit():
        return int(number) >= 19
    return stem == "encodec_test_24k" or hashlib.sha256(stem.encode()).digest()[0] < 26


def kind_of(path: Path) -> str:
    """Tell speech, music, ambience or tts (synthetic voices) from the folders a file lies in;
    speech where they do not say.
    """
    return next(
        (
            kind
            for kind in ("tts", "music", "ambience")
            if kind in {part.lower() for part in path.parts}
        ),
        "speech",
    )


class Corpus:
    """Training sounds in memory, drawn as augmented crops; seeded."""

    SHARES = {"speech": 0.47, "tts": 0.33, "music": 0.17, "ambience": 0.03}

    def __init__(self, waves: dict[str, list[np.ndarray]], seed: int = 0):
        self.waves = {
            kind: kept
            for kind, sounds in waves.items()
            if (kept := [w for w in sounds if len(w) >= 8000])
        }
        require(
            self.waves,
            "waves: no training sound of a third of a second or more. Give a folder with sound files.",
        )
        self.rng = np.random.default_rng(seed)

    @classmethod
    def from_folder(cls, folder: str | Path, seed: int = 0) -> "Corpus":
        """Read every training file of a tree at 24 kHz (a sound kept in two formats counts once)."""
        files = {
            (p.parent, p.stem): p
            for p in sorted(Path(folder).rglob("*"))
            if p.suffix.lower() in SUFFIXES and not is_held_out(p.name)
        }
        waves: dict[str, list[np.ndarray]] = {}
        for path in tqdm(files.values(), desc="reading"):
            waves.setdefault(kind_of(path.relative_to(folder)), []).append(
                load_audio(path, SAMPLE_RATE)
            )
        return cls(waves, seed)

    def crop(self, kind: str, n_samples: int) -> np.ndarray:
        """Draw a crop of unit power: speed and pitch +-18 %, spectral tilt, sign."""
        rng, sounds = self.rng, self.waves.get(kind) or self.waves[next(iter(self.waves))]
        lengths = np.array([len(w) for w in sounds], float) ** (0.5 if kind == "music" else 1.0)
        wave = sounds[rng.choice(len(sounds), p=lengths / lengths.sum())]
        ratio = rng.uniform(0.85, 1.2) if rng.random() < 0.5 else 1.0
        wanted = int(n_samples * ratio) + 64
        start = int(rng.integers(0, max(1, len(wave) - wanted)))
        piece = wave[start : start + wanted]
        piece = (
            soxr.resample(piece, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="MQ")
            if ratio != 1.0
            else piece
        )
        piece = np.resize(piece, n_samples)  # cut, or repeated where it is too short
        if rng.random() < 0.4:
            piece = np.concatenate([piece[:1], piece[1:] + rng.uniform(-0.4, 0.4) * piece[:-1]])
        return piece / max(np.sqrt(np.mean(piece**2)), 1e-3) * rng.choice([-1, 1])

    def batch(self, batch_size: int, n_frames: int) -> torch.Tensor:
        """Draw (batch_size, n_frames * 320): one kind each, a quarter of the speech over music or
        ambience, levels -50 to -15 dBFS.
        """
        rng, n, sounds = self.rng, n_frames * HOP_LENGTH, []
        for _ in range(batch_size):
            kind = rng.choice(list(self.SHARES), p=list(self.SHARES.values()))
            wave = self.crop(kind, n)
            if rng.random() < (0.25 if kind in ("speech", "tts") else 0.1):
                wave = wave + self.crop("music" if rng.random() < 0.7 else "ambience", n) * 10 ** (
                    -rng.uniform(3, 25) / 20
                )
            level = rng.uniform(-32, -15) if rng.random() < 0.85 else rng.uniform(-50, -30)
            wave = wave * 10 ** (level / 20)
            sounds.append(wave / max(1.0, np.abs(wave).max() / 0.98))
        return torch.tensor(np.stack(sounds), dtype=torch.float32)


def start(
    corpus: Corpus,
    n_crops: int = 500,
    n_codebooks: int = 16,
    n_iter: int = 5,
    n_points: int = 150_000,
    seed: int = 0,
) -> FrameCodec:
    """Draw crops of 4 s from the corpus, clean and mixed, and return the network built on them."""
    return hybrid_start(
        list(corpus.batch(n_crops, 300).numpy()), n_codebooks, n_iter, n_points, seed
    )


def refit_codebooks(
    net: FrameCodec, corpus: Corpus, n_crops: int = 840, seed: int = 0
) -> FrameCodec:
    """Refit the codebooks of `net` in place to each other (`Codebooks.refine`), on the frames of
    new crops of 4 s; return `net`.
    """
    corpus.rng, _ = np.random.default_rng((seed, n_crops)), torch.manual_seed(seed)
    with torch.no_grad():
        crops = [
            net.encode(corpus.batch(1, 300).reshape(1, 300, HOP_LENGTH))[0]
            for _ in tqdm(range(n_crops), desc="frames for the codebooks")
        ]
    net.codebooks.refine(torch.cat(crops)[torch.randperm(300 * n_crops)])
    return net


def train_codec(
    net: FrameCodec,
    corpus: Corpus,
    config: CodecTrainConfig,
    folder: str | Path | None = None,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Train `net` in place; with a `folder`, go on from its checkpoint and keep one there. Averaged
    weights are written into it at the end.

    Returns
    -------
    list of dict
        A record of the losses each step, with ``step`` and ``n_books``; from a checkpoint on, those
        before it too.
    """
    net.to(device)
    groups = [
        {"params": list(getattr(net, name).parameters()), "factor": factor}
        for name, factor in LR_FACTORS.items()
    ]
    optimiser = torch.optim.Adam(groups, lr=config.learning_rate, betas=(0.9, 0.99))
    average = AveragedModel(
        net,
        avg_fn=lambda mean, now, n: mean.lerp(now, max(1 - config.averaging, 1 / (float(n) + 1))),
    )
    parts = {"net": net, "average": average, "optimiser": optimiser}
    path, history = Path(folder) / "checkpoint.pt" if folder else None, []
    if path and path.is_file():
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["config"] != json.dumps(asdict(config)):
            raise InputError(
                f"folder={folder}: holds a checkpoint of another configuration. Give another folder, or the same settings."
            )
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        history = saved["history"]
    bands = make_bands(device)
    for step in tqdm(
        range(len(history), config.n_steps),
        desc="training",
        initial=len(history),
        total=config.n_steps,
    ):
        fall = 1.0 if config.averaging else 0.5 + 0.5 * math.cos(math.pi * step / config.n_steps)
        rate = config.learning_rate * min(1, (step + 1) / 100) * fall + 1e-5
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        corpus.rng, _ = (
            np.random.default_rng((config.seed, step)),
            torch.manual_seed(config.seed + step),
        )  # a resumed run is the same run
        history.append(
            {"step": step}
            | _step(net, corpus, config, optimiser, bands, list(MEL)[step % 3], device)
        )
        average.update_parameters(net)
        if path and (len(history) % config.checkpoint_every == 0 or len(history) == config.n_steps):
            path.parent.mkdir(parents=True, exist_ok=True)
            state = {name: part.state_dict() for name, part in parts.items()}
            with atomic_path(path) as temporary:
                torch.save(
                    state | {"history": history, "config": json.dumps(asdict(config))}, temporary
                )
    if config.averaging:
        net.load_state_dict(average.module.state_dict())
    return history


def _step(
    net: FrameCodec,
    corpus: Corpus,
    config: CodecTrainConfig,
    optimiser,
    bands,
    window: int,
    device: str,
) -> dict[str, float]:
    wave = corpus.batch(config.batch_size, config.n_frames).to(device)
    n_codebooks = min(
        int(corpus.rng.choice(config.prefixes, p=config.prefix_odds)), config.n_codebooks
    )
    losses = perceptual_losses(wave, net(wave, n_codebooks, update=True), bands, window)
    optimiser.zero_grad()
    sum(WEIGHTS[name] * value for name, value in losses.items()).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    net.pin()
    return {"n_books": n_codebooks} | {
        name: float(value.detach()) for name, value in losses.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; run again with the same arguments to go on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sounds", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument(
        "--start",
        type=Path,
        help="net.pt or a folder of published weights; by default what codec_hybrid builds",
    )
    parser.add_argument(
        "--averaging",
        type=float,
        default=0.0,
        help="a flat rate, and the moving average of the weights is kept (0.996)",
    )
    parser.add_argument(
        "--refit", action="store_true", help="refit the codebooks to each other at the end"
    )
    parser.add_argument(
        "--noise-db",
        type=float,
        default=-5.0,
        help="change of the noise in what is installed, not in net.pt",
    )
    parser.add_argument(
        "--install", type=Path, help="write config.json and model.safetensors there at the end"
    )
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="of the steps"
    )
    args = parser.parse_args(arguments)
    corpus, first = Corpus.from_folder(args.sounds), args.start or args.work / "start.pt"
    args.work.mkdir(parents=True, exist_ok=True)
    if not args.start and not first.is_file():
        torch.save(start(corpus).state_dict(), first)
    if first.is_dir():
        net = from_encodec(EncodecModel.from_pretrained(first, dtype=torch.float32))
    else:
        net = FrameCodec()
        net.load_state_dict(torch.load(first, weights_only=True))
    train_codec(
        net,
        corpus,
        CodecTrainConfig(n_steps=args.steps, averaging=args.averaging),
        args.work,
        args.device,
    )
    torch.save(
        (refit_codebooks(net.cpu(), corpus) if args.refit else net.cpu()).state_dict(),
        args.work / "net.pt",
    )
    if args.install:
        print(save_codec(to_encodec(soften(net, args.noise_db)), args.install))


if __name__ == "__main__":
    main()
