"""Training of the autoencoder: seeded to the bit, resumable, stopped early on held-out time.

Windows are drawn at random frames, not only at TR edges, so that a short film gives many samples.
Validation (for early stopping) and test (reported once) are contiguous stretches of time with an
embargo between them and training.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save
from torch import Tensor
from tqdm import tqdm

from giblet_core.autoencoder.config import (
    History,
    TimeSplit,
    TrainConfig,
    run_ingredients,
    split_time,
)
from giblet_core.autoencoder.model import AudioAutoencoder
from giblet_core.autoencoder.token_scores import unigram
from giblet_core.autoencoder.windows import UNITS, WindowData, evaluate, loss_of
from giblet_core.codecs import Codes
from giblet_core.devices import REFERENCE, choose_device
from giblet_core.errors import require
from giblet_core.files import (
    atomic_path,
    content_hash,
    file_sha256,
    read_sealed,
    write_json,
    write_sealed,
)


def overfit_batch(
    model: AudioAutoencoder,
    batch: Tensor,
    steps: int = 200,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> np.ndarray:
    """Train on one batch until it is known by heart: what a sound network must be able to do.

    Parameters
    ----------
    model : AudioAutoencoder
        With the classification head; trained in place.
    batch : integer tensor of shape (B, K, T)
    steps : int
    learning_rate : float
        AdamW's; falls to 0 along a cosine.
    seed : int
        Of dropout.

    Returns
    -------
    array of shape (ceil(steps / 10) + 1,)
        Share of codes predicted exactly, without dropout, every tenth step; the last entry is after
        the last step.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    accuracy = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(steps + 1):
            if step % 10 == 0 or step == steps:
                accuracy.append(_accuracy(model, batch))
            if step < steps:
                loss = loss_of(model.train()(batch).prediction, batch, "classification")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return np.array(accuracy)


@torch.no_grad()
def _accuracy(model: AudioAutoencoder, batch: Tensor) -> float:
    """Return the share of codes predicted exactly, without dropout."""
    most_likely = model.eval()(batch).prediction.argmax(-1)
    return (most_likely == batch).float().mean().item()


def fit(  # noqa: PLR0913 - public interface
    model: AudioAutoencoder,
    codes: Codes,
    config: TrainConfig | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    *,
    codebooks: np.ndarray | None = None,
    stop_at: int | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place; it ends with the weights that scored best in validation time.

    Every draw (windows, frames, dropout) depends on the seed and the step alone, so a run that was
    interrupted and resumed is the run that was not, to the bit, on the same CPU and number of
    threads.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
        The whole film; split by `split_time`. Test time is not touched.
    config : TrainConfig, optional
    folder : path, optional
        For ``checkpoint.json`` with its ``checkpoint-STEP.safetensors``, ``model.safetensors`` and
        ``history.json``.
    resume : bool
        Go on from the folder's checkpoint, if there is one; it must be of the same config and
        codes.
    codebooks : array of shape (>= K, cardinality, latent_dim), optional
        For the latent head.
    stop_at : int, optional
        Pause after this step, with a checkpoint.
    progress : bool
        Show a bar.

    Returns
    -------
    History

    Raises
    ------
    InputError
        Codes too short, a checkpoint of another run, or no folder to resume from.
    """
    config = config or TrainConfig()
    require(
        folder is not None or not (resume or stop_at),
        "folder=None: resume and stop_at need a folder for checkpoints.",
    )
    run = _Run(model, codes, config, codebooks, Path(folder) if folder else None)
    if resume and (run.folder / "checkpoint.json").exists():
        run.load()
    elif config.unigram_start and model.decoder.head == "classification":
        start_from_unigram(model, run.split.take("train", codes.indices))
    last_step = min(stop_at or config.steps, config.steps)
    with torch.random.fork_rng(devices=[]):
        run.train_until(last_step, progress)
    if run.step == config.steps or run.history.stopped_early:
        model.load_state_dict(run.best)
        run.finish()
    model.to(REFERENCE)  # what is scored is scored on the reference
    return run.history


@torch.no_grad()
def start_from_unigram(model: AudioAutoencoder, train: np.ndarray) -> None:
    """Set each logit's bias to the log frequency of its entry, so as to begin at unigram bits.

    `train` holds training codes, (K, n_frames).
    """
    probabilities = unigram(train, model.decoder.cardinality)
    for head, p in zip(model.decoder.heads, probabilities):
        head.bias.copy_(torch.from_numpy(np.log(p)))


@dataclass(frozen=True, eq=False)
class _Batch:
    """A random batch of windows.

    Attributes
    ----------
    codes : tensor of shape (B, K, T)
    target : tensor of shape (B, K, n_scored) or (B, latent_dim, n_scored)
    frames : integer tensor of shape (n_scored,), or None
        The frames of a window that are scored; None: all of them.
    """

    codes: Tensor
    target: Tensor
    frames: Tensor | None


class _Run:
    """State of one training run: what a checkpoint must hold, and what it is scored on."""

    def __init__(
        self,
        model: AudioAutoencoder,
        codes: Codes,
        config: TrainConfig,
        codebooks: np.ndarray | None,
        folder: Path | None,
    ) -> None:
        self.model = model
        self.config = config
        self.folder = folder
        self.data = WindowData(model, codes, codebooks)
        self.split = split_time(codes.n_frames, codes.frame_rate, config)
        self.train_starts = self.split.starts("train", self.data.n_frames, 1)
        self.watched_starts = {
            purpose: self.split.spread_starts(purpose, self.data.n_frames, config.eval_windows)
            for purpose in ("train", "validation")
        }
        require(
            all(map(len, self.watched_starts.values())),
            f"codes: {codes.duration_s:.1f} s leave no window of {self.data.n_frames} frames for "
            "training and validation. Give a longer sound, fewer blocks, a shorter embargo or "
            "larger fractions.",
        )
        self.latent_variance = _latent_variance(self.data, self.split)
        self.key = content_hash(run_ingredients(model.architecture(), codes, config, codebooks))
        self.accelerator = Accelerator(
            cpu=choose_device(config.device) == REFERENCE,
            gradient_accumulation_steps=config.accumulate,
        )
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.step = 0
        self.best: dict[str, Tensor] = {}  # the weights that scored best so far
        self.history = History(UNITS[self.data.head])

    def train_until(self, last_step: int, progress: bool) -> None:
        """Train to step `last_step`, evaluating and saving on the way."""
        bar = tqdm(
            total=last_step,
            initial=self.step,
            unit="step",
            disable=not (progress and self.accelerator.is_main_process),
            leave=False,
        )
        if not self.history.steps:
            self.score()
        while self.step < last_step and not self.history.stopped_early:
            self.update()
            self.step += 1
            bar.update()
            if self.step % self.config.eval_every == 0 or self.step == self.config.steps:
                self.score()
                latest = self.history.mean("validation")[-1]
                bar.set_postfix({"validation": f"{latest:.3f} {self.history.unit}"})
                self.save()
        bar.close()
        if self.step % self.config.eval_every:
            self.save()

    def update(self) -> None:
        """Make one optimizer step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.wrapped.train()
        for i in range(self.config.accumulate):
            batch = self.draw(i)
            with self.accelerator.accumulate(self.wrapped):
                prediction = self.wrapped(batch.codes, batch.frames).prediction
                loss = loss_of(prediction, batch.target, self.data.head, self.loss_scale())
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(
                        self.wrapped.parameters(), self.config.clip_norm
                    )
                self.optimizer.step()
                self.optimizer.zero_grad()

    def learning_rate(self) -> float:
        """Return the rate of this step: a linear rise, then a cosine to 0."""
        rise = min(1.0, (self.step + 1) / max(self.config.warmup, 1))
        fall = 0.5 * (1 + np.cos(np.pi * self.step / self.config.steps))
        return self.config.learning_rate * rise * fall

    def loss_scale(self) -> float:
        """Return what the loss divides a squared error by."""
        if self.data.head == "regression":
            return float((self.model.decoder.cardinality - 1) ** 2)
        return self.latent_variance

    def draw(self, i: int) -> _Batch:
        """Draw the i-th batch of this step, and seed its dropout."""
        config = self.config
        entropy = [config.seed, self.step, i, self.accelerator.process_index]
        seed = np.random.SeedSequence(entropy)
        rng = np.random.default_rng(seed)
        torch.manual_seed(int(seed.generate_state(1)[0]))
        device = self.accelerator.device
        codes, target = self.data.cut(rng.choice(self.train_starts, config.batch_size))
        if not 0 < config.loss_frames < self.data.n_frames:
            return _Batch(codes.to(device), target.to(device), None)
        scored = np.sort(rng.choice(self.data.n_frames, config.loss_frames, replace=False))
        frames = torch.from_numpy(scored)
        return _Batch(codes.to(device), target[..., frames].to(device), frames)

    def score(self) -> None:
        """Evaluate, keep the best weights, and decide whether to stop."""
        scores = {
            purpose: evaluate(self.model, self.data, starts, self.latent_variance).tolist()
            for purpose, starts in self.watched_starts.items()
        }
        history = replace(
            self.history,
            steps=[*self.history.steps, self.step],
            train=[*self.history.train, scores["train"]],
            validation=[*self.history.validation, scores["validation"]],
        )
        best = int(history.mean("validation").argmin())
        n_without_gain = len(history.steps) - 1 - best
        if n_without_gain == 0:
            weights = self.model.state_dict()
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        self.history = replace(
            history,
            best_step=history.steps[best],
            stopped_early=0 < self.config.patience <= n_without_gain,
        )

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for it.

        Tensors come first, then the JSON that names them, so that a crash leaves the checkpoint
        before it whole.
        """
        if self.folder is None or not self.accelerator.is_main_process:
            return
        path = self.folder / f"checkpoint-{self.step:06d}.safetensors"
        _save_tensors(path, self.tensors())
        meta = {
            "file": path.name,
            "sha256": file_sha256(path),
            "step": self.step,
            "key": self.key,
            "history": self.history,
            "config": self.config,
        }
        write_sealed(self.folder / "checkpoint.json", meta)
        for other in self.folder.glob("checkpoint-*.safetensors"):
            if other != path:
                other.unlink()

    def tensors(self) -> dict[str, Tensor]:
        """Return weights, best weights and the optimizer's state under one name each."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer.{i}.{name}"] = torch.as_tensor(value)
        return tensors

    def load(self) -> None:
        """Take up the folder's checkpoint."""
        meta = read_sealed(self.folder / "checkpoint.json")
        path = self.folder / meta["file"]
        require(
            meta["key"] == self.key,
            f"folder={self.folder}: its checkpoint is of another config, head or codes. Choose "
            "another folder, or resume=False.",
        )
        require(
            path.is_file() and file_sha256(path) == meta["sha256"],
            f"folder={self.folder}: {meta['file']} is missing or damaged. Start again with "
            "resume=False.",
        )
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for full_name, value in load_file(path).items():
            part, name = full_name.split(".", 1)
            parts[part][name] = value
        self.model.load_state_dict(parts["model"])
        self.best = parts["best"]
        self.step = meta["step"]
        self.history = History(**meta["history"])
        optimizer_state = self.optimizer.state_dict()
        for full_name, value in parts["optimizer"].items():
            i, name = full_name.split(".")
            optimizer_state["state"].setdefault(int(i), {})[name] = value
        self.optimizer.load_state_dict(optimizer_state)

    def finish(self) -> None:
        """Write the best weights and the history, if there is a folder for them."""
        if self.folder is not None and self.accelerator.is_main_process:
            _save_tensors(self.folder / "model.safetensors", self.best)
            write_json(self.folder / "history.json", self.history)


def _latent_variance(data: WindowData, split: TimeSplit) -> float:
    """Return the variance of the latents in training time; 1 for heads without latents."""
    if data.latents is None:
        return 1.0
    train = torch.cat([data.latents[:, start:stop] for start, stop in split.train], 1)
    return (train - train.mean(1, keepdim=True)).square().mean().item()


def _save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        # The library's own way to a file would leave one of its own where the process is killed.
        temporary.write_bytes(save(plain))
