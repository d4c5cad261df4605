"""Configurations of the autoencoder: its shape, its training, the time it may train on.

And `History`, what happened in a training run, and what a run is known by on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from giblet_core.codecs import Codes
from giblet_core.devices import REFERENCE
from giblet_core.errors import require
from giblet_core.files import content_hash

#: The code that shapes a run: another version of it makes checkpoints and folders of its own
SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py")
    for name in ("config", "networks", "model", "token_scores", "windows", "training")
)
PURPOSES = ("train", "validation", "test")


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of an autoencoder.

    Attributes
    ----------
    See the comment beside each; more is said in `AudioEncoder` and `AudioDecoder`.
    """

    num_codebooks: int = 8
    n_frames: int = 112  # of one TR
    cardinality: int = 1024  # entries a codebook
    head: str = "classification"  # or "regression" or "latent": what the decoder answers in
    embed_dim: int = 64  # width of each codebook's embedding
    out_dim: int = 256  # width of the bottleneck
    latent_dim: int = 128  # width of the codec's vectors, for the latent head
    encoder_hidden: int = 64  # channels of each of the encoder's convolutions
    decoder_hidden: int = 128  # channels of the decoder's hidden sequence
    n_segments: int = 8  # parts of the TR that the encoder averages apart; at most one a frame
    dropout: float = 0.2
    norm: str = "batch"  # or "layer", for batches under 8 windows


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
    loss_frames: int = 28  # frames of a window, drawn anew each step, that are scored; 0: all
    eval_every: int = 50  # steps between evaluations (and checkpoints)
    eval_windows: int = 64  # windows scored at most in each evaluation, spread evenly
    patience: int = 4  # evaluations without gain before stopping; 0: never stop early
    validation_fraction: float = 0.1  # of the frames, for early stopping
    test_fraction: float = 0.15  # of the frames, never seen by `fit`
    n_blocks: int = 4  # equal parts of the film, each ending in a validation and a test stretch
    embargo_s: float = 6.0  # seconds dropped on either side of validation and test
    unigram_start: bool = True  # start the logits' bias from the frequencies in training data
    device: str = REFERENCE  # where to train, of `giblet_core.devices`
    seed: int = 0  # of windows, frames and dropout

    def __post_init__(self) -> None:
        positive = {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "learning_rate": self.learning_rate,
            "eval_every": self.eval_every,
            "eval_windows": self.eval_windows,
            "n_blocks": self.n_blocks,
            "clip_norm": self.clip_norm,
        }
        for name, value in positive.items():
            require(value > 0, f"{name}={value}: must be positive. The defaults are a good start.")
        least = min(self.validation_fraction, self.test_fraction, self.embargo_s)
        require(
            least >= 0 and self.validation_fraction + self.test_fraction < 1,
            f"validation_fraction={self.validation_fraction}, test_fraction={self.test_fraction}, "
            f"embargo_s={self.embargo_s}: must be at least 0, and the fractions sum to less than "
            "1. Hold out less.",
        )


def ten_trs_run(seed: int = 0, smoke: bool = False) -> TrainConfig:
    """Return the configuration in which notebook 3 over-fits ten TRs: six to train on, two watched.

    `smoke` makes it a test run of a few steps.
    """
    return TrainConfig(
        steps=4 if smoke else 60,
        batch_size=8,
        eval_every=2 if smoke else 10,
        patience=0,
        n_blocks=1,
        embargo_s=0.0,
        validation_fraction=0.2,
        test_fraction=0.2,
        seed=seed,
    )


@dataclass(frozen=True)
class TimeSplit:
    """Frames for each purpose, disjoint, and apart by the embargo.

    Attributes
    ----------
    train, validation, test : tuple of (start, stop)
        Stretches in order of time.
    """

    train: tuple[tuple[int, int], ...]
    validation: tuple[tuple[int, int], ...]
    test: tuple[tuple[int, int], ...]

    def stretches(self, purpose: str) -> tuple[tuple[int, int], ...]:
        """Return the stretches (start, stop) of ``'train'``, ``'validation'`` or ``'test'``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[purpose]

    def share(self, purpose: str, first: int, last: int) -> float:
        """Return which share of the frames from `first` to before `last` is of a purpose.

        Parameters
        ----------
        purpose : str
            ``'train'``, ``'validation'`` or ``'test'``.
        first, last : int
            Frames.

        Returns
        -------
        float
            In [0, 1].
        """
        overlaps = [
            max(0, min(stop, last) - max(start, first)) for start, stop in self.stretches(purpose)
        ]
        return sum(overlaps) / (last - first)

    def starts(self, purpose: str, n_frames: int, stride: int = 0) -> np.ndarray:
        """Return the first frames of the windows that fit into the stretches of a purpose.

        Parameters
        ----------
        purpose : str
            ``'train'``, ``'validation'`` or ``'test'``.
        n_frames : int
            Length of a window.
        stride : int
            Frames from window to window; 0: windows do not overlap.

        Returns
        -------
        array of shape (n_windows,), int
        """
        step = stride or n_frames
        starts = [
            np.arange(start, stop - n_frames + 1, step) for start, stop in self.stretches(purpose)
        ]
        return np.concatenate([np.zeros(0, int), *starts])

    def spread_starts(self, purpose: str, n_frames: int, n_most: int) -> np.ndarray:
        """Choose of the windows that do not overlap at most `n_most`, spread evenly over time.

        Parameters
        ----------
        purpose : str
            ``'train'``, ``'validation'`` or ``'test'``.
        n_frames : int
            Length of a window.
        n_most : int

        Returns
        -------
        array of shape (<= n_most,), int
            First frames of the windows.
        """
        starts = self.starts(purpose, n_frames)
        places = np.linspace(0, len(starts) - 1, min(len(starts), n_most))
        return starts[places.round().astype(int)]

    def take(self, purpose: str, frames: np.ndarray) -> np.ndarray:
        """Join what an array (n, n_frames) holds in the stretches of a purpose, along time."""
        return np.concatenate([frames[:, a:b] for a, b in self.stretches(purpose)], 1)


def split_time(n_frames: int, frame_rate: float, config: TrainConfig) -> TimeSplit:
    """Split a code stream into training, validation and test time.

    Each of `config.n_blocks` equal parts reads: train, embargo, validation, embargo, test, embargo.
    The last part needs no embargo at its end.

    Parameters
    ----------
    n_frames : int
        Length of the stream.
    frame_rate : float
        Frames a second.
    config : TrainConfig
        Says the fractions, the blocks and the embargo.

    Returns
    -------
    TimeSplit

    Raises
    ------
    InputError
        No training time is left in one of the parts.
    """
    embargo = round(config.embargo_s * frame_rate)
    stretches: dict[str, list[tuple[int, int]]] = {purpose: [] for purpose in PURPOSES}
    edges = np.linspace(0, n_frames, config.n_blocks + 1).astype(int).tolist()
    for start, stop in zip(edges, edges[1:]):
        end = stop - embargo if stop < n_frames else stop
        # from the end of the part to its beginning
        for purpose, fraction in (
            ("test", config.test_fraction),
            ("validation", config.validation_fraction),
        ):
            length = round(fraction * (stop - start))
            if length:
                stretches[purpose].append((end - length, end))
                end -= length + embargo
        stretches["train"].append((start, end))
    require(
        all(start < end for start, end in stretches["train"]),
        f"n_frames={n_frames}: {n_frames / frame_rate:.1f} s leave no training time in "
        f"n_blocks={config.n_blocks} with embargo_s={config.embargo_s}. Give a longer sound, fewer "
        "blocks or a shorter embargo.",
    )
    return TimeSplit(*(tuple(stretches[purpose]) for purpose in PURPOSES))


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
    steps: list[int] = field(default_factory=list)
    train: list[list[float]] = field(default_factory=list)
    validation: list[list[float]] = field(default_factory=list)
    best_step: int = 0
    stopped_early: bool = False

    def mean(self, purpose: str) -> np.ndarray:
        """Return the mean over codebooks of ``'train'`` or ``'validation'``, (n_evals,)."""
        scores = {"train": self.train, "validation": self.validation}[purpose]
        return np.asarray(scores).mean(1)


def run_folder(artifacts: Path, name: str, *parts: object) -> Path:
    """Return the folder of a run.

    Other `parts` (configuration, sound), or another version of the code in `SOURCES`, have another
    folder, so that no run meets a stale one.
    """
    return artifacts / "autoencoder" / f"{name}-{content_hash(*parts, *SOURCES)[:12]}"


def run_ingredients(
    architecture: Mapping[str, object],
    codes: Codes,
    config: TrainConfig,
    codebooks: np.ndarray | None = None,
) -> dict[str, object]:
    """Return all that shapes a run, by name: a checkpoint of anything else is refused.

    The first weights are not among them: those of a checkpoint take their place.

    Parameters
    ----------
    architecture : mapping
        Of `AudioAutoencoder.architecture`.
    codes, config, codebooks
        As in `fit`.

    Returns
    -------
    dict
        For `content_hash`.
    """
    return {
        **architecture,
        "config": config,
        "codes": np.asarray(codes.indices),
        "frame rate": codes.frame_rate,
        "codebooks": codebooks if architecture["head"] == "latent" else None,
        "code": SOURCES,
    }
