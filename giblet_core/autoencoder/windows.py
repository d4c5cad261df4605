"""Windows of codes through the autoencoder.

What goes in, what each head is trained to give, its score, and the codes that come out.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from giblet_core.autoencoder.model import AudioAutoencoder
from giblet_core.autoencoder.token_scores import (
    Nearest,
    bits_per_token,
    expected_latents,
    requantise,
    sum_latents,
)
from giblet_core.codecs import Codes
from giblet_core.errors import require

UNITS = {
    "classification": "bits/token",
    "regression": "squared index error",
    "latent": "share of latent variance",
}


class WindowData:
    """Windows of codes, cut on demand, beside what the model's head is trained to give for them.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
    codebooks : array of shape (>= K, cardinality, latent_dim), optional
        Required by the latent head: the target is then the codebooks' summed vectors.

    Attributes
    ----------
    indices : tensor of shape (K, n_frames of the sound), int64
    latents : tensor of shape (latent_dim, n_frames of the sound), float32, or None
        For the latent head alone.
    head : str
        Of the model.
    n_frames : int
        Of a window.

    Raises
    ------
    InputError
        Codes of another number of codebooks, or no vectors for the latent head.
    """

    def __init__(
        self, model: AudioAutoencoder, codes: Codes, codebooks: np.ndarray | None = None
    ) -> None:
        self.indices = torch.from_numpy(np.asarray(codes.indices, np.int64))
        self.n_frames = model.encoder.n_frames
        self.head = model.decoder.head
        self.latents = None
        require(
            len(self.indices) == model.encoder.num_codebooks,
            f"codes: hold {len(self.indices)} codebooks, the model {model.encoder.num_codebooks}. "
            "Use codes.first(k).",
        )
        if self.head == "latent":
            require(
                codebooks is not None,
                "codebooks=None: the latent head needs the codec's vectors. Pass "
                "codebooks=codec.codebooks.",
            )
            self.latents = torch.from_numpy(sum_latents(codes.indices, codebooks))

    def cut(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """Cut the windows that begin at `starts`.

        Returns
        -------
        codes : tensor of shape (B, K, T), int64
        targets : the same codes, or latents of shape (B, latent_dim, T) for the latent head
        """
        frames = torch.as_tensor(np.asarray(starts))[:, None] + torch.arange(self.n_frames)
        codes = self.indices[:, frames].transpose(0, 1)
        if self.latents is None:
            return codes, codes
        return codes, self.latents[:, frames].transpose(0, 1)


def loss_of(prediction: Tensor, target: Tensor, head: str, scale: float = 1.0) -> Tensor:
    """Compute the training loss of a head.

    Parameters
    ----------
    prediction, target : tensors
        Logits (B, K, T, C) and codes (B, K, T): mean cross-entropy over codebooks, in bits. Values
        and codes (B, K, T): the seed's squared index error. Latents (B, D, T) twice: squared error.
    head : str
        Of the model.
    scale : float
        What a squared error is divided by: the squared range of the indices, the variance of the
        latents.

    Returns
    -------
    tensor
        A scalar.
    """
    if head == "classification":
        return functional.cross_entropy(prediction.flatten(0, 2), target.flatten()) / np.log(2)
    return functional.mse_loss(prediction, target.float()) / scale


@torch.no_grad()
def evaluate(
    model: AudioAutoencoder,
    data: WindowData,
    starts: np.ndarray,
    latent_variance: float = 1.0,
    batch_size: int = 32,
) -> np.ndarray:
    """Score windows without dropout, in the head's unit (`UNITS`).

    Parameters
    ----------
    model : AudioAutoencoder
    data : WindowData
    starts : integer array of shape (n_windows,)
        First frames of the windows.
    latent_variance : float
        For the latent head: what its squared error is divided by.
    batch_size : int
        Windows at a time.

    Returns
    -------
    array of shape (K,), or (1,) for the latent head
        Bits a token; mean squared index error; squared error as a share of the latents' variance.
    """
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()
    total = 0.0
    for batch in np.split(starts, range(batch_size, len(starts), batch_size)):
        codes, target = data.cut(batch)
        prediction = model(codes.to(device)).prediction.cpu()
        score = _score_of(prediction, target, data.head, latent_variance)
        total = total + score.astype(np.float64) * len(batch)
    model.train(was_training)
    return total / len(starts)


def _score_of(prediction: Tensor, target: Tensor, head: str, latent_variance: float) -> np.ndarray:
    """Score a batch, (K,) or (1,); see `evaluate`."""
    if head == "classification":
        return bits_per_token(prediction, target)
    squared_error = (prediction - target).square()
    if head == "regression":
        return squared_error.mean((0, 2)).numpy()
    return np.array([squared_error.mean().item() / latent_variance])


def drawn(logits: Tensor, rng: np.random.Generator) -> Tensor:
    """Draw entries from the softmax of the last axis, by the Gumbel-max trick.

    The largest of logit plus Gumbel noise is such a draw.
    """
    noise = rng.gumbel(size=logits.shape).astype(np.float32)
    return (logits + torch.from_numpy(noise)).argmax(-1)


@torch.no_grad()
def predict_indices(
    model: AudioAutoencoder,
    codes: Codes,
    starts: np.ndarray,
    codebooks: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    nearest: Nearest | None = None,
) -> np.ndarray:
    """Predict the codes of windows.

    The classification head's most likely entry, or one `drawn` with `rng`; the regression head's
    rounded value; the latent head's latents, quantised anew.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
    starts : integer array of shape (n_windows,)
        First frames of the windows.
    codebooks : array of shape (>= K, cardinality, latent_dim), optional
        Required by the latent head.
    rng : numpy Generator, optional
        Draw entries with it, in place of the most likely ones. The classification head alone does;
        the two others have no probabilities to draw from, and give the same with and without it.
    nearest : callable, optional
        For the latent head: ``codec.nearest``, as in `requantise`.

    Returns
    -------
    array of shape (n_windows, K, T), int64
    """
    data = WindowData(model, codes, codebooks)
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()
    predicted = []
    for start in starts:
        window, _ = data.cut([start])
        prediction = model(window.to(device)).prediction[0].cpu()
        if data.head == "latent":
            vectors = codebooks[: len(data.indices)]
            predicted.append(requantise(prediction.numpy(), vectors, nearest))
        elif data.head == "regression":
            predicted.append(prediction.round().long().numpy())
        elif rng is None:
            predicted.append(prediction.argmax(-1).numpy())
        else:
            predicted.append(drawn(prediction, rng).numpy())
    model.train(was_training)
    return np.stack(predicted)


@torch.no_grad()
def believed_latents(
    model: AudioAutoencoder, codes: Codes, codebooks: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return the mean latents that a model predicts for windows, joined along time.

    The classification head's probabilities average the codebooks' vectors; the latent head gives
    latents itself.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
    codebooks : array of shape (>= K, cardinality, D)
    starts : integer array of shape (n_windows,)
        First frames of the windows.

    Returns
    -------
    array of shape (D, n_windows * T), float32

    Raises
    ------
    InputError
        A model with the regression head, or codes of another number of codebooks.
    """
    require(
        model.decoder.head != "regression",
        "model: the regression head predicts indices, which have no mean latents. Use a model with "
        "the classification or the latent head.",
    )
    windows, _ = WindowData(model, codes, codebooks).cut(starts)
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()
    predictions = model(windows.to(device)).prediction.cpu()
    model.train(was_training)
    if model.decoder.head == "latent":
        return np.concatenate(list(predictions.numpy()), 1)
    return np.concatenate([expected_latents(logits, codebooks) for logits in predictions], 1)


def reconstruct(
    model: AudioAutoencoder,
    codes: Codes,
    codebooks: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    nearest: Nearest | None = None,
) -> Codes:
    """Pass codes through the autoencoder, window by window, to codes that a codec can decode.

    The last window is moved back to end where the codes end, so that no frame is left out and none
    is invented.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
        At least one window long.
    codebooks, rng, nearest :
        As in `predict_indices`.

    Returns
    -------
    Codes
        With the same header.

    Raises
    ------
    InputError
        Less than one window.
    """
    n = model.encoder.n_frames
    total = codes.n_frames
    require(
        total >= n, f"codes: {total} frames are less than one window of {n}. Give a longer stretch."
    )
    last_start = total - n
    starts = np.unique([*range(0, last_start + 1, n), last_start])
    indices = np.empty((codes.num_codebooks, total), np.int64)
    windows = predict_indices(model, codes, starts, codebooks, rng, nearest)
    for start, window in zip(starts, windows):
        indices[:, start : start + n] = window
    return codes.with_indices(indices)
