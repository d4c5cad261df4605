"""Experiments with the autoencoder.

What it knows of unheard time, how it sounds between floor and ceiling, and one row of a comparison
of networks.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from giblet_core.autoencoder.config import NetworkConfig, TimeSplit, TrainConfig, split_time
from giblet_core.autoencoder.model import AudioAutoencoder, build_autoencoder
from giblet_core.autoencoder.networks import AudioEncoder
from giblet_core.autoencoder.token_scores import (
    bits_per_token,
    pca_reconstruction,
    previous_tr_bits,
    sum_latents,
    unigram,
    unigram_bits,
)
from giblet_core.autoencoder.training import fit
from giblet_core.autoencoder.windows import WindowData, believed_latents, drawn, predict_indices
from giblet_core.codecs import Codec, Codes
from giblet_core.devices import device_in_use
from giblet_core.encoding import bootstrap
from giblet_core.errors import require

#: The seed's dimension table, in bytes, as it wrote them (MB and MiB mixed)
SEED_BYTES = {"sound": 126e6, "codes": 3.3e6, "embedded": 211e6, "compressed": 0.9e6}
PCA_WINDOWS = 1200  # training windows, about, that the linear bottleneck is fitted on


# --- sizes ---------------------------------------------------------------------------------------


def memory_table(
    encoder: AudioEncoder,
    wave: np.ndarray,
    windows: np.ndarray,
    n_trs: int = 920,
    n_samples: int = 36_000,
) -> pd.DataFrame:
    """Measure the arrays of the seed's dimension table.

    Material that is shorter than `n_trs` TRs is repeated to that length.

    Parameters
    ----------
    encoder : AudioEncoder
    wave : array of shape (n,)
    windows : integer array of shape (n, K, T)
        Codes a TR.
    n_trs : int
    n_samples : int
        Samples a TR.

    Returns
    -------
    pandas.DataFrame
        For each stage: shape, dtype, bytes, the seed's figure, and the share of the sound's bytes
        it saves.
    """
    codes = np.resize(windows, (n_trs, *windows.shape[1:])).astype(np.int32)
    encoder.eval()
    arrays = {
        "sound": np.resize(wave, n_trs * n_samples).astype(np.float32),
        "codes": codes,
        "codes as stored": codes.astype(np.uint16),
        "embedded": _embedded(encoder, codes),
        "compressed": _compressed(encoder, codes),
    }
    sound_bytes = arrays["sound"].nbytes
    rows = [
        {
            "stage": stage,
            "shape": str(array.shape),
            "dtype": str(array.dtype),
            "bytes": array.nbytes,
            "seed (bytes)": SEED_BYTES.get(stage),
            "saved (%)": 100 * (1 - array.nbytes / sound_bytes),
        }
        for stage, array in arrays.items()
    ]
    return pd.DataFrame(rows).set_index("stage")


@torch.no_grad()
def _embedded(encoder: AudioEncoder, codes: np.ndarray) -> np.ndarray:
    """Return the embeddings of codes, (n_trs, K, T, embed_dim)."""
    joined = encoder.embed(torch.from_numpy(codes))  # (n_trs, K * embed_dim, T)
    return joined.unflatten(1, (encoder.num_codebooks, -1)).transpose(2, 3).numpy()


@torch.no_grad()
def _compressed(encoder: AudioEncoder, codes: np.ndarray) -> np.ndarray:
    """Return the vectors of codes, (n_trs, out_dim), an eighth of them at a time."""
    parts = np.array_split(codes, 8)
    return np.concatenate([encoder(torch.from_numpy(part)).numpy() for part in parts])


# --- bits on unheard time ------------------------------------------------------------------------


def held_out_bits(
    model: AudioAutoencoder, codes: Codes, config: TrainConfig
) -> dict[str, np.ndarray]:
    """Score test time, TR by TR, by the autoencoder and by baselines that know training time only.

    The first TR of each test stretch is scored by none, as the previous-TR baseline cannot.

    Parameters
    ----------
    model : AudioAutoencoder
        With the classification head.
    codes : Codes
    config : TrainConfig
        Of the model's training, for what counts as test time.

    Returns
    -------
    dict of str to array of shape (n_windows, K)
        Bits a token for ``'autoencoder'``, ``'unigram'`` and ``'previous TR'``; the same tokens in
        each.

    Raises
    ------
    InputError
        No two TRs in a row in any stretch of test time.
    """
    split = split_time(codes.n_frames, codes.frame_rate, config)
    n_frames = model.encoder.n_frames
    cardinality = model.encoder.cardinality
    starts = [s for s in split.starts("test", n_frames) if _follows_a_tr(s, split, n_frames)]
    require(
        starts,
        f"codes: {codes.duration_s:.1f} s leave no two TRs in a row of test time. Give a longer "
        "sound or fewer blocks.",
    )
    train = split.take("train", codes.indices)
    tokens = [codes.indices[:, start : start + n_frames] for start in starts]
    return {
        "autoencoder": _model_bits(model, codes, starts),
        "unigram": np.stack([unigram_bits(train, window, cardinality) for window in tokens]),
        "previous TR": previous_tr_bits(
            train, codes.indices, n_frames, cardinality, starts=np.array(starts)
        ),
    }


def _follows_a_tr(start: int, split: TimeSplit, n_frames: int) -> bool:
    """Return whether a window and the TR before it lie in one stretch of test time."""
    return any(first <= start - n_frames and start + n_frames <= stop for first, stop in split.test)


@torch.no_grad()
def _model_bits(model: AudioAutoencoder, codes: Codes, starts: list[int]) -> np.ndarray:
    """Return the model's bits a token, window by window, (n_windows, K)."""
    data = WindowData(model, codes)
    model.eval()
    bits = []
    for start in starts:
        window, target = data.cut([start])
        bits.append(bits_per_token(model(window).prediction, target))
    return np.stack(bits)


def bits_table(bits: dict[str, np.ndarray], block: int = 5) -> pd.DataFrame:
    """Average the scores of `held_out_bits` over TRs.

    Returns
    -------
    pandas.DataFrame
        A row a codebook: mean bits of each predictor; ``gain`` of the autoencoder over the unigram
        with a 95 % block bootstrap interval (``low``, ``high``; blocks of `block` TRs).
    """
    gains = bits["unigram"] - bits["autoencoder"]
    gain = bootstrap(gains, min(block, len(gains)))
    columns = {name: value.mean(0) for name, value in bits.items()}
    columns |= {"gain": gain.mean, "low": gain.low, "high": gain.high}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(gain.mean), name="codebook"))


# --- latents and sound ---------------------------------------------------------------------------


def pca_latents(
    codes: Codes,
    codebooks: np.ndarray,
    config: TrainConfig,
    starts: np.ndarray,
    n_frames: int,
    n_components: int = 256,
) -> np.ndarray:
    """Pass the summed latents of windows through the principal components of training windows.

    Parameters
    ----------
    codes : Codes
    codebooks : array of shape (>= K, cardinality, D)
    config : TrainConfig
        For what counts as training time.
    starts : integer array of shape (n_windows,)
        First frames of the windows.
    n_frames : int
        Of a window.
    n_components : int
        Width of the bottleneck.

    Returns
    -------
    array of shape (D, n_windows * n_frames), float32
        Joined along time.
    """
    split = split_time(codes.n_frames, codes.frame_rate, config)
    latents = sum_latents(codes.indices, codebooks)
    n_possible = len(split.starts("train", n_frames, 1))
    stride = max(1, n_possible // PCA_WINDOWS)
    train_starts = split.starts("train", n_frames, stride)
    train = np.stack([latents[:, s : s + n_frames] for s in train_starts])
    windows = np.stack([latents[:, s : s + n_frames] for s in starts])
    return np.concatenate(list(pca_reconstruction(train, windows, n_components)), 1)


def reconstructions(
    model: AudioAutoencoder,
    codes: Codes,
    codec: Codec,
    config: TrainConfig,
    stretch: tuple[int, int],
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Decode a stretch to sound in every way between floor and ceiling.

    Parameters
    ----------
    model : AudioAutoencoder
        With the classification head.
    codes : Codes
    codec : Codec
    config : TrainConfig
        Of the model's training, for what counts as training time.
    stretch : (start, stop)
        Frames, a whole number of the model's windows; choose them in test time.
    seed : int
        Of the random codes.

    Returns
    -------
    dict of str to array of shape (n_samples,)
    """
    n_frames = model.encoder.n_frames
    codebooks = codec.codebooks[: codes.num_codebooks]
    starts = np.arange(*stretch, n_frames)
    piece = codes.crop_frames(*stretch)
    windows, _ = WindowData(model, codes).cut(starts)
    with torch.no_grad():
        logits = model.eval()(windows).prediction
    rng = np.random.default_rng(seed)
    most_likely = np.concatenate(list(logits.argmax(-1).numpy()), 1)
    random = np.concatenate(list(drawn(logits, rng).numpy()), 1)
    typical = _unigram_codes(codes, config, codec.cardinality, piece.n_frames, rng)
    mean_latents = believed_latents(model, codes, codebooks, starts)
    linear_latents = pca_latents(codes, codebooks, config, starts, n_frames)
    return {
        "ceiling: codec alone": codec.decode(piece),
        "autoencoder, most likely codes": codec.decode(piece.with_indices(most_likely)),
        "autoencoder, codes drawn as it believes": codec.decode(piece.with_indices(random)),
        "autoencoder, mean latents": codec.decode_latents(mean_latents, piece.n_samples),
        "linear: PCA-256 of latents": codec.decode_latents(linear_latents, piece.n_samples),
        "floor: unigram codes": codec.decode(piece.with_indices(typical)),
    }


def _unigram_codes(
    codes: Codes, config: TrainConfig, cardinality: int, n_frames: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw codes as often as they occur in training time, independently, (K, n_frames)."""
    split = split_time(codes.n_frames, codes.frame_rate, config)
    probabilities = unigram(split.take("train", codes.indices), cardinality)
    return np.stack([rng.choice(cardinality, n_frames, p=p) for p in probabilities])


# --- comparisons of networks ---------------------------------------------------------------------


def demo_run(n_trs: int, steps: int = 250, seed: int = 0, smoke: bool = False) -> TrainConfig:
    """Return the configuration in which notebook 3 trains on the whole stimulus.

    Others find that run again by it.

    Parameters
    ----------
    n_trs : int
        Length of the stimulus; a short one is not cut into blocks.
    steps : int
    seed : int
    smoke : bool
        A test run of a few steps.

    Returns
    -------
    TrainConfig
    """
    n_blocks = 4 if n_trs >= 400 else 1
    return TrainConfig(
        steps=8 if smoke else steps,
        eval_every=4 if smoke else 50,
        n_blocks=n_blocks,
        seed=seed,
        eval_windows=16 if smoke else 48,
        embargo_s=6.0 if n_blocks > 1 else 3.0,
        device=device_in_use(),
    )


def train_one(
    codes: Codes,
    codebooks: np.ndarray,
    config: TrainConfig,
    network: NetworkConfig | None = None,
    start_from: str = "codec",
) -> AudioAutoencoder:
    """Train one autoencoder of an experiment.

    Parameters
    ----------
    codes : Codes
    codebooks : array of shape (>= K, cardinality, latent_dim)
    config : TrainConfig
        Its seed also draws the first weights.
    network : NetworkConfig, optional
        Number, cardinality and width of the codebooks are taken from `codes` and `codebooks`.
    start_from : str
        ``'codec'``: first embeddings from the codec's vectors; ``'random'``.

    Returns
    -------
    AudioAutoencoder
    """
    _, cardinality, latent_dim = codebooks.shape
    network = replace(
        network or NetworkConfig(),
        num_codebooks=codes.num_codebooks,
        cardinality=cardinality,
        latent_dim=latent_dim,
    )
    first_vectors = codebooks if start_from == "codec" else None
    model = build_autoencoder(network, config.seed, first_vectors)
    fit(model, codes, config, codebooks=codebooks[: codes.num_codebooks], progress=False)
    return model


def score_one(
    model: AudioAutoencoder, codes: Codes, codebooks: np.ndarray, config: TrainConfig, **labels: Any
) -> dict[str, Any]:
    """Score a model on test time: one row of an experiment.

    Parameters
    ----------
    model : AudioAutoencoder
    codes : Codes
    codebooks : array of shape (>= K, cardinality, latent_dim)
    config : TrainConfig
        Of the model's training.
    **labels : object
        What the row says of itself.

    Returns
    -------
    dict
        The labels and the seed; ``accuracy`` of codes; ``latent_error`` of the latents that the
        predicted codes mean, as a share of their variance; for the classification head ``bits`` and
        ``gain`` over the unigram, and ``gain_2`` over the first two codebooks.
    """
    vectors = codebooks[: codes.num_codebooks]
    n_frames = model.encoder.n_frames
    starts = split_time(codes.n_frames, codes.frame_rate, config).starts("test", n_frames)
    predicted = predict_indices(model, codes, starts, vectors)
    true = np.stack([codes.indices[:, start : start + n_frames] for start in starts])
    predicted_latents = sum_latents(np.concatenate(list(predicted), 1), vectors)
    true_latents = sum_latents(np.concatenate(list(true), 1), vectors)
    squared_error = np.square(predicted_latents - true_latents).mean()
    row = {
        **labels,
        "seed": config.seed,
        "accuracy": float((predicted == true).mean()),
        "latent_error": float(squared_error / true_latents.var(1).mean()),
    }
    if model.decoder.head == "classification":
        bits = held_out_bits(model, codes, config)
        gain = bits["unigram"] - bits["autoencoder"]
        row["bits"] = float(bits["autoencoder"].mean())
        row["gain"] = float(gain.mean())
        row["gain_2"] = float(gain[:, :2].mean())
    return row
