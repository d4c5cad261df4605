"""Windows of codes through the autoencoder: what goes in, what each head is trained to give, its
score, and the codes that come out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from giblet_core.autoencoder.networks import AudioAutoencoder, AudioDecoder, AudioEncoder
from giblet_core.autoencoder.token_scores import bits_per_token, requantise, sum_latents
from giblet_core.codecs import Codes
from giblet_core.errors import InputError, require

UNITS = {
    "classification": "bits/token",
    "regression": "squared index error",
    "latent": "share of latent variance",
}


@dataclass(frozen=True)
class TimeSplit:
    """Frames for each purpose, as (start, stop) pairs in order of time; disjoint, and apart by the
    embargo.
    """

    train: tuple[tuple[int, int], ...]
    validation: tuple[tuple[int, int], ...]
    test: tuple[tuple[int, int], ...]

    def share(self, name: str, first: int, last: int) -> float:
        """Return which share of the frames from `first` to before `last` is of this purpose."""
        return sum(max(0, min(b, last) - max(a, first)) for a, b in getattr(self, name)) / (
            last - first
        )

    def starts(self, name: str, n_frames: int, stride: int = 0) -> np.ndarray:
        """Return first frames of the windows of `n_frames` that fit, every `stride` frames (0:
        without overlap).
        """
        return np.concatenate(
            [np.arange(a, b - n_frames + 1, stride or n_frames) for a, b in getattr(self, name)]
            or [np.zeros(0, int)]
        )


def split_time(n_frames: int, frame_rate: float, config: Any) -> TimeSplit:
    """Split a code stream into training, validation and test time.

    Each of `config.n_blocks` equal parts reads: train, embargo, validation, embargo, test, embargo.
    `config` is a `TrainConfig`.

    Returns
    -------
    TimeSplit
    """
    gap = round(config.embargo_s * frame_rate)
    parts: dict[str, list] = {"train": [], "validation": [], "test": []}
    edges = np.linspace(0, n_frames, config.n_blocks + 1).astype(int).tolist()
    for start, stop in zip(edges, edges[1:]):
        end = stop - (gap if stop < n_frames else 0)
        for name, fraction in (
            ("test", config.test_fraction),
            ("validation", config.validation_fraction),
        ):
            length = round(fraction * (stop - start))
            if length:
                parts[name].append((end - length, end))
                end -= length + gap
        parts["train"].append((start, end))
    require(
        not any(a >= b for a, b in parts["train"]),
        f"n_frames={n_frames}: {n_frames / frame_rate:.1f} s leave no training time in "
        f"n_blocks={config.n_blocks} with embargo_s={config.embargo_s}. Give a longer sound, fewer blocks or a shorter embargo.",
    )
    return TimeSplit(*(tuple(parts[name]) for name in ("train", "validation", "test")))


def build_autoencoder(
    num_codebooks: int = 8,
    n_frames: int = 112,
    head: str = "classification",
    embed_dim: int = 64,
    seed: int = 0,
    codebooks: np.ndarray | None = None,
    encoder: dict | None = None,
    decoder: dict | None = None,
) -> AudioAutoencoder:
    """Build an autoencoder whose first weights depend on `seed` alone.

    Parameters
    ----------
    num_codebooks, n_frames, head, embed_dim :
        See `AudioEncoder` and `AudioDecoder`.
    seed : int
    codebooks : array of shape (>= num_codebooks, cardinality, latent_dim), optional
        Start the embeddings from the codec's own vectors.
    encoder, decoder : dict, optional
        Further arguments of either.
    """
    if codebooks is not None:
        codebooks = codebooks[:num_codebooks]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        enc = AudioEncoder(
            num_codebooks,
            embed_dim=embed_dim,
            n_frames=n_frames,
            codebooks=codebooks,
            **(encoder or {}),
        )
        return AudioAutoencoder(
            enc, AudioDecoder(enc.out_dim, num_codebooks, n_frames, head, **(decoder or {}))
        )


class WindowData:
    """Windows of codes, cut on demand, beside what the model's head is trained to give for them.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
    codebooks : array of shape (>= K, cardinality, latent_dim), optional
        Required by the latent head: the target is then the codebooks' summed vectors.
    """

    def __init__(
        self, model: AudioAutoencoder, codes: Any, codebooks: np.ndarray | None = None
    ) -> None:
        self.indices = torch.from_numpy(np.asarray(codes.indices, np.int64))
        self.n_frames, self.head, self.latents, self.scale = (
            model.encoder.n_frames,
            model.decoder.head,
            None,
            1.0,
        )
        if len(self.indices) != model.encoder.num_codebooks:
            raise InputError(
                f"codes: hold {len(self.indices)} codebooks, the model {model.encoder.num_codebooks}. Use codes.first(k)."
            )
        if self.head == "latent":
            require(
                codebooks is not None,
                "codebooks=None: the latent head needs the codec's vectors. Pass codebooks=codec.codebooks.",
            )
            self.latents = torch.from_numpy(sum_latents(codes.indices, codebooks))  # (D, n_frames)

    def cut(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return codes (B, K, T) and targets (B, K, T) or (B, D, T) of the windows beginning at
        `starts`.
        """
        index = torch.as_tensor(np.asarray(starts))[:, None] + torch.arange(self.n_frames)
        codes = self.indices[:, index].transpose(0, 1)
        return codes, codes if self.latents is None else self.latents[:, index].transpose(0, 1)


def loss_of(prediction: Tensor, target: Tensor, head: str, scale: float = 1.0) -> Tensor:
    """Compute the training loss of a head.

    Parameters
    ----------
    prediction, target : tensors
        Logits (B, K, T, C) and codes (B, K, T): mean cross-entropy over codebooks, in bits. Values
        and codes (B, K, T): the seed's squared index error. Latents (B, D, T) twice: squared error.
    head : str
    scale : float
        What a squared error is divided by: the squared range of the indices, the variance of the
        latents.
    """
    if head == "classification":
        return F.cross_entropy(prediction.flatten(0, 2), target.flatten()) / np.log(2)
    return F.mse_loss(prediction, target.float()) / scale


@torch.no_grad()
def evaluate(
    model: AudioAutoencoder, data: WindowData, starts: np.ndarray, batch_size: int = 32
) -> np.ndarray:
    """Score windows without dropout, in the head's unit (`UNITS`).

    Returns
    -------
    array of shape (K,), or (1,) for the latent head
        Bits a token; mean squared index error; squared error as a share of the latents' variance.
    """
    training, total = model.training, 0.0
    model.eval()
    for batch in np.split(starts, range(batch_size, len(starts), batch_size)):
        codes, target = data.cut(batch)
        prediction = model(codes.to(next(model.parameters()).device)).prediction.cpu()
        if data.head == "classification":
            score = bits_per_token(prediction, target)
        else:
            square = (prediction - target).square()
            score = (
                square.mean((0, 2)).numpy()
                if data.head == "regression"
                else np.array([square.mean().item() / data.scale])
            )
        total = total + score.astype(np.float64) * len(batch)
    model.train(training)
    return total / len(starts)


def drawn(logits: Tensor, rng: np.random.Generator) -> Tensor:
    """Draw codes as a network believes: the largest of logit and Gumbel noise is a draw from the
    softmax of the last axis.
    """
    return (logits + torch.from_numpy(rng.gumbel(size=logits.shape).astype(np.float32))).argmax(-1)


@torch.no_grad()
def predict_indices(
    model: AudioAutoencoder,
    codes: Any,
    starts: np.ndarray,
    codebooks: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Predict the codes of windows: the most likely entry (or one `drawn` with `rng`), the rounded
    value, or the requantised latents.

    Returns
    -------
    array of shape (n_windows, K, T), int64
    """
    data, training, out = WindowData(model, codes, codebooks), model.training, []
    model.eval()
    for start in starts:
        prediction = model(data.cut([start])[0]).prediction[0]
        if data.head == "latent":
            out.append(requantise(prediction.numpy(), codebooks[: len(data.indices)]))
        else:
            best = (
                prediction.round().long()
                if data.head == "regression"
                else drawn(prediction, rng)
                if rng
                else prediction.argmax(-1)
            )
            out.append(best.numpy())
    model.train(training)
    return np.stack(out)


def reconstruct(
    model: AudioAutoencoder,
    codes: Codes,
    codebooks: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> Codes:
    """Pass codes through the autoencoder, window by window, to codes that a codec can decode.

    The last window is moved back to end where the codes end, so that no frame is left out and none
    is invented.
    """
    n, total = model.encoder.n_frames, codes.n_frames
    require(
        total >= n, f"codes: {total} frames are less than one window of {n}. Give a longer stretch."
    )
    starts = np.unique(np.append(np.arange(0, total - n + 1, n), total - n))
    indices = np.empty((codes.num_codebooks, total), np.int64)
    for start, window in zip(starts, predict_indices(model, codes, starts, codebooks, rng)):
        indices[:, start : start + n] = window
    return codes.with_indices(indices)
