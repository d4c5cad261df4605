"""Training of the demo codec on a folder of sounds: resumable, in stages.

    python -m giblet_core.demo.codec.training SOUNDS WORK --steps 1500
    python -m giblet_core.demo.codec.training SOUNDS WORK2 --start WORK/net.npz --steps 900
        --averaging 0.996 --refit --install FOLDER

SOUNDS holds audio files in any tree; files are split by name, and held-out ones are never read
here. WORK keeps checkpoints and the log. It runs on one core or a GPU. A stage must prove itself:
it is accepted by hand, on held-out speech (`giblet_core.demo.codec.bench`), never on the loss.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import EncodecModel

from giblet_core.demo.codec.corpus import Corpus
from giblet_core.demo.codec.export import from_encodec, save_codec, to_encodec
from giblet_core.demo.codec.hybrid import hybrid_start, soften
from giblet_core.demo.codec.network import HOP_LENGTH, FrameCodec
from giblet_core.demo.codec.stage import (
    WEIGHTS_KIND,
    CodecTrainConfig,
    Stage,
    as_arrays,
    load_weights,
    network_of,
    save_weights,
)
from giblet_core.files import cached_npz

CROP_FRAMES = 300  # of the crops of 4 s on which codebooks are fitted


def start(
    corpus: Corpus,
    n_crops: int = 500,
    n_codebooks: int = 16,
    n_iter: int = 5,
    n_points: int = 150_000,
    seed: int = 0,
) -> FrameCodec:
    """Draw crops of 4 s from the corpus, clean and mixed, and return the network built on them.

    Parameters
    ----------
    corpus : Corpus
    n_crops : int
    n_codebooks, n_iter, n_points : int
        Residual k-means: number of codebooks, iterations, frames drawn at random.
    seed : int

    Returns
    -------
    FrameCodec
    """
    crops = list(corpus.batch(n_crops, CROP_FRAMES).numpy())
    return hybrid_start(crops, n_codebooks, n_iter, n_points, seed)


def refit_codebooks(
    net: FrameCodec, corpus: Corpus, n_crops: int = 840, seed: int = 0
) -> FrameCodec:
    """Refit the codebooks of a network in place to each other (`Codebooks.refine`).

    Parameters
    ----------
    net : FrameCodec
    corpus : Corpus
        From which new crops of 4 s are drawn.
    n_crops : int
    seed : int

    Returns
    -------
    FrameCodec
        The same network.
    """
    corpus.reseed(seed, n_crops)
    torch.manual_seed(seed)
    latents = []
    with torch.no_grad():
        for _ in tqdm(range(n_crops), desc="frames for the codebooks"):
            crop = corpus.batch(1, CROP_FRAMES).reshape(1, CROP_FRAMES, HOP_LENGTH)
            latents.append(net.encode(crop)[0])
    shuffled = torch.randperm(CROP_FRAMES * n_crops)
    net.codebooks.refine(torch.cat(latents)[shuffled])
    return net


def train_codec(
    net: FrameCodec,
    corpus: Corpus,
    config: CodecTrainConfig,
    folder: str | Path | None = None,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Train a network in place.

    Averaged weights, where there are any, are written into it at the end.

    Parameters
    ----------
    net : FrameCodec
    corpus : Corpus
    config : CodecTrainConfig
    folder : path, optional
        Training goes on from its checkpoint, and keeps one there.
    device : str
        Of the steps.

    Returns
    -------
    list of dict
        A record of the losses each step, with ``step`` and ``n_codebooks``; from a checkpoint on,
        those before it too.

    Raises
    ------
    InputError
        The checkpoint is of another configuration, start or sounds, or damaged.
    """
    stage = Stage(net, corpus, config, device)
    path = Path(folder) / "checkpoint.npz" if folder else None
    if path is not None and path.is_file():
        stage.resume(path)
    done = len(stage.history)
    for _ in tqdm(range(done, config.n_steps), desc="training", initial=done, total=config.n_steps):
        stage.step()
        if path is not None and stage.is_due():
            stage.save(path)
    if config.averaging:
        net.load_state_dict(stage.average.module.state_dict())
    return stage.history


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the demo codec, a stage at a time.")
    parser.add_argument("sounds", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument(
        "--start",
        type=Path,
        help="net.npz or a folder of published weights; by default what hybrid_start builds",
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
        help="change of the noise in what is installed, not in net.npz",
    )
    parser.add_argument(
        "--install", type=Path, help="write config.json and model.safetensors there at the end"
    )
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="of the steps"
    )
    return parser


def _first_network(given: Path | None, work: Path, corpus: Corpus) -> FrameCodec:
    """Return the network that training starts from: a given one, or one built and kept in WORK."""
    if given is not None and given.is_dir():
        model = EncodecModel.from_pretrained(given, dtype=torch.float32, use_safetensors=True)
        return from_encodec(model)
    if given is not None:
        return load_weights(given)
    ingredients = {"sounds": corpus.waves, "code": sorted(Path(__file__).parent.rglob("*.py"))}
    arrays, _ = cached_npz(work, "start", ingredients, partial(_built_start, corpus))
    return network_of(arrays)


def _built_start(corpus: Corpus) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    return as_arrays(start(corpus).state_dict()), {"kind": WEIGHTS_KIND}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; run again with the same arguments to go on."""
    args = _make_parser().parse_args(arguments)
    corpus = Corpus.from_folder(args.sounds)
    args.work.mkdir(parents=True, exist_ok=True)
    net = _first_network(args.start, args.work, corpus)
    config = CodecTrainConfig(n_steps=args.steps, averaging=args.averaging)
    train_codec(net, corpus, config, args.work, args.device)
    net.cpu()
    if args.refit:
        refit_codebooks(net, corpus)
    save_weights(net, args.work / "net.npz")
    if args.install:
        print(save_codec(to_encodec(soften(net, args.noise_db)), args.install))


if __name__ == "__main__":
    main()
