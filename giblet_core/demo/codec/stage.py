"""A stage of training the demo codec: what shapes it, its steps, and its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from giblet_core.demo.codec.corpus import Corpus
from giblet_core.demo.codec.losses import MEL, WEIGHTS, Bands, make_bands, perceptual_losses
from giblet_core.demo.codec.network import FrameCodec
from giblet_core.errors import InputError
from giblet_core.files import content_hash, load_npz, save_npz

LR_FACTORS = {  # the encoder rests (see the card)
    "decoder_lstm": 0.15,
    "decoder_conv": 0.2,
    "synthesis": 0.1,
    "narrow": 0.3,
    "widen": 0.3,
}
WARM_UP = 100  # steps
LOWEST_RATE = 1e-5
WEIGHTS_KIND = "codec weights"
LOG_MEL_WINDOWS = tuple(MEL)  # a step looks at one of them, in turn
#: The code that shapes a stage: a checkpoint of another version of it is refused
SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py")
    for name in ("codebooks", "corpus", "losses", "network", "stage")
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
        "start": as_arrays(net.state_dict()),
        "code": SOURCES,
    }


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return tensors as arrays, by name."""
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def save_weights(net: FrameCodec, path: Path) -> Path:
    """Write the weights of a network to ``.npz``."""
    return save_npz(path, as_arrays(net.state_dict()), {"kind": WEIGHTS_KIND})


def load_weights(path: Path) -> FrameCodec:
    """Read a network from a file of `save_weights`."""
    arrays, _ = load_npz(path, kind=WEIGHTS_KIND)
    return network_of(arrays)


def network_of(arrays: Mapping[str, np.ndarray]) -> FrameCodec:
    """Return the network of a state dict."""
    net = FrameCodec()
    net.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return net


class Stage:
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
        save_npz(path, as_arrays(tensors), meta)

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
