"""Experiments with the autoencoder: what it knows of unheard time, how it sounds between floor and
ceiling, dated records.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

from giblet_core.autoencoder import token_scores as ts
from giblet_core.autoencoder.networks import AudioAutoencoder, AudioEncoder
from giblet_core.autoencoder.training import TrainConfig, fit
from giblet_core.autoencoder.windows import (
    WindowData,
    build_autoencoder,
    drawn,
    predict_indices,
    split_time,
)
from giblet_core.codecs import Codec, Codes
from giblet_core.encoding import bootstrap
from giblet_core.errors import InputError

SEED_BYTES = {
    "sound": 126e6,
    "codes": 3.3e6,
    "embedded": 211e6,
    "compressed": 0.9e6,
}  # as the seed wrote them, MB and MiB mixed
PCA_WINDOWS = 1200  # training windows the linear bottleneck is fitted on


def memory_table(
    encoder: AudioEncoder,
    wave: np.ndarray,
    windows: np.ndarray,
    n_trs: int = 920,
    n_samples: int = 36_000,
) -> pd.DataFrame:
    """Measure the arrays of the seed's dimension table at `n_trs` TRs; shorter material is repeated
    to that length.

    Parameters
    ----------
    encoder : AudioEncoder
    wave : array of shape (n,)
    windows : array of shape (n, K, T)
        Codes a TR.
    n_samples : int
        Samples a TR.

    Returns
    -------
    pandas.DataFrame
        For each stage: shape, dtype, bytes, the seed's figure, and the share of the sound's bytes
        it saves.
    """
    codes = np.resize(windows, (n_trs, *windows.shape[1:])).astype(np.int32)
    with torch.no_grad():
        encoder.eval()
        embedded = (
            encoder.embed(torch.from_numpy(codes))
            .unflatten(1, (encoder.num_codebooks, -1))
            .transpose(2, 3)
            .numpy()
        )
        compressed = np.concatenate(
            [encoder(torch.from_numpy(part)).numpy() for part in np.array_split(codes, 8)]
        )
    arrays = {
        "sound": np.resize(wave, n_trs * n_samples).astype(np.float32),
        "codes": codes,
        "codes as stored": codes.astype(np.uint16),
        "embedded": embedded,
        "compressed": compressed,
    }
    rows = [
        {
            "stage": name,
            "shape": str(a.shape),
            "dtype": str(a.dtype),
            "bytes": a.nbytes,
            "seed (bytes)": SEED_BYTES.get(name),
            "saved (%)": 100 * (1 - a.nbytes / arrays["sound"].nbytes),
        }
        for name, a in arrays.items()
    ]
    return pd.DataFrame(rows).set_index("stage")


def held_out_bits(
    model: AudioAutoencoder, codes: Codes, config: TrainConfig
) -> dict[str, np.ndarray]:
    """Score test time, TR by TR, by the autoencoder and by baselines that know training time only.

    The first TR of each test stretch is scored by none, as the previous-TR baseline cannot.

    Returns
    -------
    dict of str to array of shape (n_windows, K)
        Bits a token for ``'autoencoder'``, ``'unigram'`` and ``'previous TR'``; the same tokens in
        each.
    """
    split, data, n = (
        split_time(codes.n_frames, codes.frame_rate, config),
        WindowData(model, codes),
        model.encoder.n_frames,
    )
    train = np.concatenate([codes.indices[:, a:b] for a, b in split.train], 1)
    rows: dict[str, list] = {"autoencoder": [], "unigram": [], "previous TR": []}
    model.eval()
    for start in split.starts("test", n):
        if any(a <= start - n and start + n <= b for a, b in split.test):
            window, target = data.cut([start])
            with torch.no_grad():
                rows["autoencoder"].append(ts.bits_per_token(model(window).prediction, target))
            rows["unigram"].append(ts.unigram_bits(train, codes.indices[:, start : start + n]))
            rows["previous TR"].append(start)
    rows["previous TR"] = ts.previous_tr_bits(train, codes.indices, n, starts=rows["previous TR"])
    if not len(rows["unigram"]):
        raise InputError(
            f"codes: {codes.duration_s:.1f} s leave no two TRs in a row of test time. Give a longer sound or fewer blocks."
        )
    return {name: np.stack(list(values)) for name, values in rows.items()}


def bits_table(bits: dict[str, np.ndarray], block: int = 5) -> pd.DataFrame:
    """Average the scores of `held_out_bits` over TRs.

    Returns
    -------
    pandas.DataFrame
        A row a codebook: mean bits of each predictor; ``gain`` of the autoencoder over the unigram
        with a 95 % block bootstrap interval (``low``, ``high``; blocks of `block` TRs).
    """
    gain = bootstrap(bits["unigram"] - bits["autoencoder"], min(block, len(bits["unigram"])))
    columns = {name: value.mean(0) for name, value in bits.items()} | {
        "gain": gain.mean,
        "low": gain.low,
        "high": gain.high,
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(gain.mean), name="codebook"))


@torch.no_grad()
def believed_latents(
    model: AudioAutoencoder, codes: Codes, codebooks: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return the mean latents that a model predicts for windows, joined: (D, n_windows * n_frames).

    The classification head's probabilities average the codebooks' vectors; the latent head gives
    latents itself.
    """
    out = model.eval()(WindowData(model, codes, codebooks).cut(starts)[0]).prediction
    return np.concatenate(
        [
            x.numpy() if model.decoder.head == "latent" else ts.expected_latents(x, codebooks)
            for x in out
        ],
        1,
    )


def pca_latents(
    codes: Codes,
    codebooks: np.ndarray,
    config: TrainConfig,
    starts: np.ndarray,
    n_frames: int = 112,
    n_components: int = 256,
) -> np.ndarray:
    """Pass the summed latents of the windows at `starts` through a PCA of training windows -> (D,
    n_windows * n_frames).
    """
    split, z = (
        split_time(codes.n_frames, codes.frame_rate, config),
        ts.sum_latents(codes.indices, codebooks),
    )
    stride = max(1, len(split.starts("train", n_frames, 1)) // PCA_WINDOWS)
    train, test = (
        np.stack([z[:, s : s + n_frames] for s in s0])
        for s0 in (split.starts("train", n_frames, stride), starts)
    )
    return np.concatenate(list(ts.pca_reconstruction(train, test, n_components)), 1)


def reconstructions(
    model: AudioAutoencoder,
    codes: Codes,
    codec: Codec,
    config: TrainConfig,
    start: int,
    n_windows: int = 5,
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
    start : int
        First frame; choose it in test time.
    n_windows : int
        Length, in windows of the model.
    seed : int
        Of the random codes.

    Returns
    -------
    dict of str to array of shape (n_samples,)
    """
    n, codebooks, rng = (
        model.encoder.n_frames,
        codec.codebooks[: codes.num_codebooks],
        np.random.default_rng(seed),
    )
    starts = start + n * np.arange(n_windows)
    piece = codes.crop_frames(start, start + n * n_windows)
    with torch.no_grad():
        logits = model.eval()(WindowData(model, codes).cut(starts)[0]).prediction
    believed, draws = (
        np.concatenate(list(x.numpy()), 1) for x in (logits.argmax(-1), drawn(logits, rng))
    )
    train = np.concatenate(
        [
            codes.indices[:, a:b]
            for a, b in split_time(codes.n_frames, codes.frame_rate, config).train
        ],
        1,
    )
    unigrams = np.stack([rng.choice(len(p), piece.n_frames, p=p) for p in ts.unigram(train)])
    return {
        "ceiling: codec alone": codec.decode(piece),
        "autoencoder, most likely codes": codec.decode(piece.with_indices(believed)),
        "autoencoder, codes drawn as it believes": codec.decode(piece.with_indices(draws)),
        "autoencoder, mean latents": codec.decode_latents(
            believed_latents(model, codes, codebooks, starts), piece.n_samples
        ),
        "linear: PCA-256 of latents": codec.decode_latents(
            pca_latents(codes, codebooks, config, starts, n), piece.n_samples
        ),
        "floor: unigram codes": codec.decode(piece.with_indices(unigrams)),
    }


def demo_run(n_trs: int, steps: int = 250, seed: int = 0, smoke: bool = False) -> TrainConfig:
    """Return the configuration in which notebook 3 trains on the whole stimulus, and in which
    others find that run again.
    """
    n_blocks = 4 if n_trs >= 400 else 1
    return TrainConfig(
        steps=8 if smoke else steps,
        eval_every=4 if smoke else 50,
        n_blocks=n_blocks,
        seed=seed,
        eval_windows=16 if smoke else 48,
        embargo_s=6.0 if n_blocks > 1 else 3.0,
    )


def train_one(
    codes: Codes,
    codebooks: np.ndarray,
    config: TrainConfig,
    head: str = "classification",
    embed_dim: int = 64,
    start_from: str = "codec",
    n_frames: int = 112,
    **sizes: dict,
) -> AudioAutoencoder:
    """Train one autoencoder of an experiment.

    Parameters
    ----------
    codes : Codes
    codebooks : array of shape (>= K, cardinality, latent_dim)
    config : TrainConfig
        Its seed also draws the first weights.
    head, embed_dim, n_frames :
        See `build_autoencoder`.
    start_from : str
        ``'codec'``: first embeddings from the codec's vectors; ``'random'``.
    **sizes : dict
        ``encoder`` and ``decoder``: further arguments.
    """
    first = codebooks if start_from == "codec" else None
    model = build_autoencoder(
        codes.num_codebooks, n_frames, head, embed_dim, config.seed, first, **sizes
    )
    fit(model, codes, config, codebooks=codebooks[: codes.num_codebooks], progress=False)
    return model


def score_one(
    model: AudioAutoencoder, codes: Codes, codebooks: np.ndarray, config: TrainConfig, **labels: Any
) -> dict[str, Any]:
    """Score a model on test time: one row of an experiment.

    Returns
    -------
    dict
        The labels and the seed; ``accuracy`` of codes; ``latent_error`` of the latents that the
        predicted codes mean, as a share of their variance; for the classification head ``bits`` and
        ``gain`` over the unigram, and ``gain_2`` over the first two codebooks.
    """
    rows, n = codebooks[: codes.num_codebooks], model.encoder.n_frames
    starts = split_time(codes.n_frames, codes.frame_rate, config).starts("test", n)
    predicted = predict_indices(model, codes, starts, rows)
    true = codes.indices[:, starts[:, None] + np.arange(n)].transpose(1, 0, 2)
    z, z_true = (ts.sum_latents(np.concatenate(list(x), 1), rows) for x in (predicted, true))
    error = float(np.square(z - z_true).mean() / z_true.var(1).mean())
    row = {
        **labels,
        "seed": config.seed,
        "accuracy": float((predicted == true).mean()),
        "latent_error": error,
    }
    if model.decoder.head == "classification":
        bits = held_out_bits(model, codes, config)
        gain = bits["unigram"] - bits["autoencoder"]
        row |= {
            "bits": float(bits["autoencoder"].mean()),
            "gain": float(gain.mean()),
            "gain_2": float(gain[:, :2].mean()),
        }
    return row
