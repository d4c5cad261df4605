"""Training of the demo codec on a folder of sounds: resumable, in stages.

    python -m giblet_core.demo.codec.training SOUNDS WORK --steps 1500
    python -m giblet_core.demo.codec.training SOUNDS WORK2 --start WORK/net.npz --steps 900
        --averaging 0.996 --refit --install FOLDER

SOUNDS holds audio files in any tree; files are split by name, and held-out ones are never read
here. WORK keeps checkpoints and the log. It runs on one core or a GPU. A stage must
prove itself: it is accepted by hand, on held-out speech (`giblet_core.demo.codec.bench`), never on
the loss.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
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
from giblet_core.files import cached_npz, content_hash, load_npz, save_npz

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
WEIGHTS_KIND = "codec weights"
LOG_MEL_WINDOWS = tuple(MEL)  # a step looks at one of them, in turn
#: The code that shapes a stage: a checkpoint of another version of it is refused
SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py")
    for name in ("codebooks", "corpus", "losses", "network", "training")
)


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


def stage_ingredients(
    net: FrameCodec, corpus: Corpus, config: CodecTrainConfig
) -> dict[str, object]:
    """Return all that shapes a stage of training, by name.

    Parameters
    ----------
    net, corpus, config
        As in `train_codec`.

    Returns
    -------
    dict
        For `content_hash`.
    """
    return {
        "config": asdict(config),
        "sounds": corpus.waves,
        "start": _as_arrays(net.state_dict()),
        "code": SOURCES,
    }


def _as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def save_weights(net: FrameCodec, path: Path) -> Path:
    """Write the weights of a network to ``.npz``."""
    return save_npz(path, _as_arrays(net.state_dict()), {"kind": WEIGHTS_KIND})


def load_weights(path: Path) -> FrameCodec:
    """Read a network from a file of `save_weights`."""
    arrays, _ = load_npz(path, kind=WEIGHTS_KIND)
    return _network_of(arrays)


def _network_of(arrays: Mapping[str, np.ndarray]) -> FrameCodec:
    net = FrameCodec()
    net.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
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
        self.key = content_hash(stage_ingredients(net, corpus, config))

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        arrays, meta = load_npz(path, kind="codec checkpoint")
        if meta["key"] != self.key:
            raise InputError(
                f"folder={path.parent}: holds a checkpoint of another configuration, start or "
                "sounds. Give another folder, or the same settings."
            )
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}, "optimiser": {}}
        for full_name, array in arrays.items():
            part, name = full_name.split(".", 1)
            parts[part][name] = torch.from_numpy(array)
        self.net.load_state_dict(parts["net"])
        self.average.load_state_dict(parts["average"])
        optimiser_state = self.optimiser.state_dict()
        for full_name, value in parts["optimiser"].items():
            index, name = full_name.split(".")
            optimiser_state["state"].setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict(optimiser_state)
        self.history = meta["history"]

    def save(self, path: Path) -> None:
        """Write a checkpoint: one file with weights, average, the optimiser's state and history."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        for name, value in self.average.state_dict().items():
            tensors[f"average.{name}"] = value
        for index, state in self.optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimiser.{index}.{name}"] = value
        meta = {"kind": "codec checkpoint", "key": self.key, "history": self.history}
        save_npz(path, _as_arrays(tensors), meta)

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
        The checkpoint is of another configuration, start or sounds, or damaged.
    """
    stage = _Stage(net, corpus, config, device)
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
    return _network_of(arrays)


def _built_start(corpus: Corpus) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    return _as_arrays(start(corpus).state_dict()), {"kind": WEIGHTS_KIND}


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
