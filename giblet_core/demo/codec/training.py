"""Training of the demo codec on a folder of sounds: resumable, in stages.

    python -m giblet_core.demo.codec.training SOUNDS WORK --steps 1500
    python -m giblet_core.demo.codec.training SOUNDS WORK2 --start WORK/net.pt --steps 900
        --averaging 0.996 --refit --install FOLDER

SOUNDS holds audio files in any tree; files are split by name, and held-out ones are never read
here. WORK keeps checkpoints and the log. It runs on one core or a GPU. A stage must
prove itself: it is accepted by hand, on held-out speech (`giblet_core.demo.codec.bench`), never on
the loss.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm
from transformers import EncodecModel

from giblet_core.demo.codec.corpus import Corpus
from giblet_core.demo.codec.export import from_encodec, save_codec, to_encodec
from giblet_core.demo.codec.hybrid import hybrid_start, soften
from giblet_core.demo.codec.losses import MEL, WEIGHTS, Bands, make_bands, perceptual_losses
from giblet_core.demo.codec.network import HOP_LENGTH, FrameCodec
from giblet_core.errors import InputError
from giblet_core.files import atomic_path

LR_FACTORS = {  # the encoder rests (see the card)
    "decoder_lstm": 0.15,
    "decoder_conv": 0.2,
    "synthesis": 0.1,
    "narrow": 0.3,
    "widen": 0.3,
}
WARM_UP = 100  # steps
LOWEST_RATE = 1e-5
CROP_FRAMES = 300  # of the crops of 4 s on which codebooks are fitted
LOG_MEL_WINDOWS = tuple(MEL)  # a step looks at one of them, in turn


@dataclass(frozen=True)
class CodecTrainConfig:
    """One stage of training."""

    n_steps: int = 2500
    batch_size: int = 14
    n_frames: int = 96  # of 13.3 ms: the length of a crop
    learning_rate: float = 3e-4  # times LR_FACTORS
    # Of the weights, a step. Above 0 the rate stays flat and their moving average is what is kept.
    averaging: float = 0.0
    n_codebooks: int = 16
    prefixes: tuple[int, ...] = (2, 4, 8, 16)  # every one of these must decode
    prefix_odds: tuple[float, ...] = (0.15, 0.2, 0.45, 0.2)
    checkpoint_every: int = 200  # steps
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, before `LR_FACTORS`."""
        fall = 1.0
        if not self.averaging:
            fall = 0.5 + 0.5 * math.cos(math.pi * step / self.n_steps)
        warm = min(1, (step + 1) / WARM_UP)
        return self.learning_rate * warm * fall + LOWEST_RATE

    def average_weights(self, mean: Tensor, now: Tensor, n_averaged: Tensor) -> Tensor:
        """Move the average towards the weights: a plain mean first, then a moving one.

        Parameters
        ----------
        mean, now : Tensor
            A weight's average and its value.
        n_averaged : Tensor of one int
            Steps in the average.

        Returns
        -------
        Tensor
        """
        return mean.lerp(now, max(1 - self.averaging, 1 / (float(n_averaged) + 1)))


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


class _Stage:
    """A stage of training as it goes on: network, average, optimiser and the losses so far."""

    def __init__(self, net: FrameCodec, corpus: Corpus, config: CodecTrainConfig, device: str):
        self.net = net.to(device)
        self.corpus = corpus
        self.config = config
        self.device = device
        self.bands: Bands = make_bands(device)
        groups = [
            {"params": list(getattr(net, name).parameters()), "factor": factor}
            for name, factor in LR_FACTORS.items()
        ]
        self.optimiser = torch.optim.Adam(groups, lr=config.learning_rate, betas=(0.9, 0.99))
        self.average = AveragedModel(net, avg_fn=config.average_weights)
        self.history: list[dict[str, float]] = []

    def _parts(self) -> dict:
        return {"net": self.net, "average": self.average, "optimiser": self.optimiser}

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        saved = torch.load(path, map_location=self.device, weights_only=True)
        if saved["config"] != json.dumps(asdict(self.config)):
            raise InputError(
                f"folder={path.parent}: holds a checkpoint of another configuration. "
                "Give another folder, or the same settings."
            )
        for name, part in self._parts().items():
            part.load_state_dict(saved[name])
        self.history = saved["history"]

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        state["history"] = self.history
        state["config"] = json.dumps(asdict(self.config))
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def is_due(self) -> bool:
        """Say whether a checkpoint is to be written now."""
        n_done = len(self.history)
        return n_done % self.config.checkpoint_every == 0 or n_done == self.config.n_steps

    def step(self) -> None:
        """Take one step, seeded by its number: a resumed run is the same run."""
        step = len(self.history)
        self.corpus.reseed(self.config.seed, step)
        torch.manual_seed(self.config.seed + step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate(step) * group["factor"]
        losses = self._descend(LOG_MEL_WINDOWS[step % len(LOG_MEL_WINDOWS)])
        self.history.append({"step": step} | losses)
        self.average.update_parameters(self.net)

    def _descend(self, window: int) -> dict[str, float]:
        """Draw a batch, change the weights, and return the losses."""
        config = self.config
        wave = self.corpus.batch(config.batch_size, config.n_frames).to(self.device)
        prefix = int(self.corpus.rng.choice(config.prefixes, p=config.prefix_odds))
        n_codebooks = min(prefix, config.n_codebooks)
        decoded = self.net(wave, n_codebooks, update=True)
        losses = perceptual_losses(wave, decoded, self.bands, window)
        self.optimiser.zero_grad()
        sum(WEIGHTS[name] * loss for name, loss in losses.items()).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.net.pin()
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        return {"n_codebooks": n_codebooks} | values


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
        The checkpoint is of another configuration.
    """
    stage = _Stage(net, corpus, config, device)
    path = Path(folder) / "checkpoint.pt" if folder else None
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
        help="net.pt or a folder of published weights; by default what hybrid_start builds",
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
    return parser


def _first_network(given: Path | None, work: Path, corpus: Corpus) -> FrameCodec:
    """Return the network that training starts from: a given one, or one built and kept in WORK."""
    path = given or work / "start.pt"
    if given is None and not path.is_file():
        torch.save(start(corpus).state_dict(), path)
    if path.is_dir():
        return from_encodec(EncodecModel.from_pretrained(path, dtype=torch.float32))
    net = FrameCodec()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net


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
    torch.save(net.state_dict(), args.work / "net.pt")
    if args.install:
        print(save_codec(to_encodec(soften(net, args.noise_db)), args.install))


if __name__ == "__main__":
    main()
