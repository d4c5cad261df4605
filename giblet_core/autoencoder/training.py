"""Training of the autoencoder on windows of codes: seeded to the bit, resumable, stopped early on
held-out time.

Windows are drawn at random frames, not only at TR edges, so that a short film gives many samples.
Validation (for early stopping) and test (reported once) are contiguous stretches of time with an
embargo between them and training.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from giblet_core.autoencoder.networks import AudioAutoencoder
from giblet_core.autoencoder.token_scores import unigram
from giblet_core.autoencoder.windows import UNITS, WindowData, evaluate, loss_of, split_time
from giblet_core.codecs import Codes
from giblet_core.errors import require
from giblet_core.files import atomic_path, content_hash, file_sha256, read_json, write_json

SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py") for name in ("networks", "windows", "training")
)  # what shapes a run


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes
    ----------
    See the comment beside each.
    """

    steps: int = 400  # optimizer steps at most
    batch_size: int = 16  # windows a step and process
    accumulate: int = 1  # batches whose gradients are summed for one step
    learning_rate: float = 4e-3  # AdamW's, after the warm-up; falls to 0 along a cosine
    weight_decay: float = 0.05  # AdamW's
    warmup: int = 20  # steps of linear rise
    clip_norm: float = 1.0  # largest norm of the gradient
    loss_frames: int = (
        28  # frames of each window, drawn anew every step, at which the loss is taken; 0: all
    )
    eval_every: int = 50  # steps between evaluations (and checkpoints)
    eval_windows: int = 64  # windows scored at most in each evaluation, spread evenly
    patience: int = 4  # evaluations without gain before stopping; 0: never stop early
    validation_fraction: float = 0.1  # of the frames, for early stopping
    test_fraction: float = 0.15  # of the frames, never seen by `fit`
    n_blocks: int = 4  # equal parts of the film, each ending in a validation and a test stretch
    embargo_s: float = 6.0  # seconds dropped on either side of validation and test
    unigram_start: bool = True  # start the logits' bias from the frequencies in training data
    cpu: bool = True  # False: whatever accelerate finds (GPUs, several processes)
    seed: int = 0  # of windows, frames and dropout

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "accumulate",
            "learning_rate",
            "eval_every",
            "eval_windows",
            "n_blocks",
            "clip_norm",
        ):
            require(
                getattr(self, name) > 0,
                f"{name}={getattr(self, name)}: must be positive. The defaults are a good start.",
            )
        held_out = self.validation_fraction + self.test_fraction
        require(
            min(self.validation_fraction, self.test_fraction, self.embargo_s) >= 0 and held_out < 1,
            f"validation_fraction={self.validation_fraction}, test_fraction={self.test_fraction}, embargo_s={self.embargo_s}: must be "
            "at least 0, and the fractions sum to less than 1. Hold out less.",
        )


@dataclass(frozen=True)
class History:
    """What happened in training.

    Attributes
    ----------
    unit : str
        Of the scores: bits/token, squared index error, or share of latent variance.
    steps : list of int, length n_evals
    train, validation : list of list of float, (n_evals, K)
        Score of each codebook in training and in validation time, without dropout; one column for
        the latent head.
    best_step : int
        The step whose weights the model holds at the end.
    stopped_early : bool
    """

    unit: str
    steps: list[int] = dataclasses.field(default_factory=list)
    train: list[list[float]] = dataclasses.field(default_factory=list)
    validation: list[list[float]] = dataclasses.field(default_factory=list)
    best_step: int = 0
    stopped_early: bool = False

    def mean(self, name: str) -> np.ndarray:
        """Return the mean over codebooks of ``'train'`` or ``'validation'``, (n_evals,)."""
        return np.asarray(getattr(self, name)).mean(1)


def run_folder(artifacts: Path, name: str, *parts: object) -> Path:
    """Return the folder of a run: other parts, or another version of the network's code, have
    another, so that none meets a stale one.
    """
    return artifacts / "autoencoder" / f"{name}-{content_hash(*parts, *SOURCES)[:12]}"


def overfit_batch(
    model: AudioAutoencoder,
    batch: Tensor,
    steps: int = 200,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> np.ndarray:
    """Train on one batch of codes (B, K, T) until it is known by heart: what a sound network must
    be able to do.

    Returns
    -------
    array of shape (steps // 10 + 1,)
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
                with torch.no_grad():
                    accuracy.append(
                        (model.eval()(batch).prediction.argmax(-1) == batch).float().mean().item()
                    )
            if step < steps:
                loss = loss_of(model.train()(batch).prediction, batch, "classification")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return np.array(accuracy)


def fit(
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
        not resume and not stop_at or folder is not None,
        "folder=None: resume and stop_at need a folder for checkpoints.",
    )
    run = _Run(model, codes, config, codebooks, Path(folder) if folder else None)
    if resume and (run.folder / "checkpoint.json").exists():
        run.load()
    elif config.unigram_start and model.decoder.head == "classification":
        start_from_unigram(
            model, np.concatenate([codes.indices[:, a:b] for a, b in run.split.train], 1)
        )
    with torch.random.fork_rng(devices=[]):
        run.go(min(stop_at or config.steps, config.steps), progress)
    if run.step == config.steps or run.history.stopped_early:
        model.load_state_dict(run.best)
        run.finish()
    return run.history


@torch.no_grad()
def start_from_unigram(model: AudioAutoencoder, train: np.ndarray) -> None:
    """Set the logits' bias to the log frequency of each entry in training codes (K, n_frames), so
    as to begin at unigram bits.
    """
    for head, p in zip(model.decoder.heads, unigram(train, model.decoder.cardinality)):
        head.bias.copy_(torch.from_numpy(np.log(p)))


class _Run:
    """State of one training run: what a checkpoint must hold."""

    def __init__(
        self,
        model: AudioAutoencoder,
        codes: Codes,
        config: TrainConfig,
        codebooks: np.ndarray | None,
        folder: Path | None,
    ):
        self.config, self.folder, self.model = config, folder, model
        self.data, self.split = (
            WindowData(model, codes, codebooks),
            split_time(codes.n_frames, codes.frame_rate, config),
        )
        self.starts = self.split.starts("train", self.data.n_frames, 1)
        spread = {
            name: self.split.starts(name, self.data.n_frames) for name in ("train", "validation")
        }
        require(
            all(map(len, spread.values())),
            f"codes: {codes.duration_s:.1f} s leave no window of {self.data.n_frames} frames for "
            "training and validation. Give a longer sound, fewer blocks, a shorter embargo or larger fractions.",
        )
        even = {
            name: np.linspace(0, len(s) - 1, min(len(s), config.eval_windows)).round().astype(int)
            for name, s in spread.items()
        }
        self.spread = {name: s[even[name]] for name, s in spread.items()}
        if self.data.latents is not None:
            train = torch.cat([self.data.latents[:, a:b] for a, b in self.split.train], 1)
            self.data.scale = (train - train.mean(1, keepdim=True)).square().mean().item()
        shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        self.key = content_hash(
            config,
            shapes,
            *SOURCES,
            np.asarray(codes.indices),
            codebooks if self.data.head == "latent" else None,
        )
        self.accelerator = Accelerator(
            cpu=config.cpu, gradient_accumulation_steps=config.accumulate
        )
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.step, self.best = 0, {}
        self.history = History(UNITS[self.data.head])

    def go(self, last: int, progress: bool) -> None:
        """Train to step `last`, evaluating (and saving) on the way."""
        bar = tqdm(
            total=last,
            initial=self.step,
            unit="step",
            disable=not (progress and self.accelerator.is_main_process),
            leave=False,
        )
        if not self.history.steps:
            self.score()
        while self.step < last and not self.history.stopped_early:
            self.update()
            self.step += 1
            bar.update()
            if self.step % self.config.eval_every == 0 or self.step == self.config.steps:
                self.score()
                bar.set_postfix(
                    {"validation": f"{self.history.mean('validation')[-1]:.3f} {self.history.unit}"}
                )
                self.save()
        bar.close()
        if self.folder and self.step % self.config.eval_every:
            self.save()

    def update(self) -> None:
        """Make one optimizer step."""
        c = self.config
        rise, fall = (
            min(1.0, (self.step + 1) / max(c.warmup, 1)),
            0.5 * (1 + np.cos(np.pi * self.step / c.steps)),
        )
        for group in self.optimizer.param_groups:
            group["lr"] = c.learning_rate * rise * fall
        self.wrapped.train()
        for i in range(c.accumulate):
            seed = np.random.SeedSequence([c.seed, self.step, i, self.accelerator.process_index])
            rng = np.random.default_rng(seed)
            torch.manual_seed(int(seed.generate_state(1)[0]))
            codes, target = self.data.cut(rng.choice(self.starts, c.batch_size))
            frames = (
                torch.from_numpy(
                    np.sort(rng.choice(self.data.n_frames, c.loss_frames, replace=False))
                )
                if c.loss_frames
                else None
            )
            with self.accelerator.accumulate(self.wrapped):
                prediction = self.wrapped(codes.to(self.accelerator.device), frames).prediction
                target = (target if frames is None else target[..., frames]).to(
                    self.accelerator.device
                )
                self.accelerator.backward(loss_of(prediction, target, self.data.head, self.scale))
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.wrapped.parameters(), c.clip_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()

    @property
    def scale(self) -> float:
        """What the loss divides a squared error by."""
        return (
            float((self.model.decoder.cardinality - 1) ** 2)
            if self.data.head == "regression"
            else self.data.scale
        )

    def score(self) -> None:
        """Evaluate on training and validation windows; keep the best weights; decide whether to
        stop.
        """
        h = self.history
        scores = {
            name: [*getattr(h, name), evaluate(self.model, self.data, starts).tolist()]
            for name, starts in self.spread.items()
        }
        h = dataclasses.replace(h, steps=[*h.steps, self.step], **scores)
        best = int(h.mean("validation").argmin())
        waited = len(h.steps) - 1 - best
        if not waited:
            self.best = {
                name: value.detach().cpu().clone()
                for name, value in self.model.state_dict().items()
            }
        self.history = dataclasses.replace(
            h, best_step=h.steps[best], stopped_early=0 < self.config.patience <= waited
        )

    def save(self) -> None:
        """Write a checkpoint: tensors first, then the JSON that names them, so that a crash leaves
        the one before whole.
        """
        if not self.folder or not self.accelerator.is_main_process:
            return
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()} | {
            f"best.{k}": v for k, v in self.best.items()
        }
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer.{i}.{name}": torch.as_tensor(value) for name, value in state.items()
            }
        path = _save_tensors(self.folder / f"checkpoint-{self.step:06d}.safetensors", tensors)
        meta = {
            "file": path.name,
            "sha256": file_sha256(path),
            "step": self.step,
            "key": self.key,
            "history": self.history,
        }
        write_json(self.folder / "checkpoint.json", {**meta, "config": self.config})
        for old in {*self.folder.glob("checkpoint-*.safetensors")} - {path}:
            old.unlink()

    def load(self) -> None:
        """Take up the folder's checkpoint."""
        meta = read_json(self.folder / "checkpoint.json")
        path = self.folder / meta["file"]
        require(
            meta["key"] == self.key,
            f"folder={self.folder}: its checkpoint is of another config, head or codes. Choose another "
            "folder, or resume=False.",
        )
        require(
            path.is_file() and file_sha256(path) == meta["sha256"],
            f"folder={self.folder}: {meta['file']} is missing or damaged. "
            "Start again with resume=False.",
        )
        parts: dict[str, dict] = {"model": {}, "best": {}, "optimizer": {}}
        for name, value in load_file(path).items():
            part, rest = name.split(".", 1)
            parts[part][rest] = value
        self.model.load_state_dict(parts["model"])
        self.best, self.step, self.history = parts["best"], meta["step"], History(**meta["history"])
        state = self.optimizer.state_dict()
        for name, value in parts["optimizer"].items():
            i, key = name.split(".")
            state["state"].setdefault(int(i), {})[key] = value
        self.optimizer.load_state_dict(state)

    def finish(self) -> None:
        """Write the best weights and the history."""
        if self.folder and self.accelerator.is_main_process:
            _save_tensors(self.folder / "model.safetensors", self.best)
            write_json(self.folder / "history.json", self.history)


def _save_tensors(path: Path, tensors: dict[str, Tensor]) -> Path:
    with atomic_path(path) as temporary:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary
        )
    return path
