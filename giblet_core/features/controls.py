"""Spaces that ask whether it is the *code* that counts.

How surprising codes are, what the same encoder knows with random weights, and what a model would
know that only repeats the TR before.
"""

from collections.abc import Sequence

import numpy as np

from giblet_core.codecs import Codec, Codes, UntrainedEncoder, check_offers
from giblet_core.features.codebooks import check_codec, latent_features
from giblet_core.features.pooling import POOLS, Response, pooled
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.timing import TRGrid
from giblet_core.timing import hrf as haemodynamics

SURPRISAL_POOL = ("mean", "sd")


def code_surprisal(indices: np.ndarray, cardinality: int) -> np.ndarray:
    """Return the surprisal of each code given how often it came before, codebook by codebook.

    ``-log2((n_before + 1) / (t + cardinality))`` bits at frame t. Causal: counts come from earlier
    frames only, so that nothing needs fitting to a training set.

    Parameters
    ----------
    indices : array of shape (K, n_frames), integer
    cardinality : int
        Number of entries of a codebook.

    Returns
    -------
    array of shape (K, n_frames), float64
    """
    bits = np.empty(indices.shape)
    place = np.arange(indices.shape[1])
    for k, codes in enumerate(indices):
        frames = np.argsort(codes, kind="stable")  # code by code, each in order of time
        is_first = np.append(True, np.diff(codes[frames].astype(int)) != 0)
        place_of_first = np.maximum.accumulate(np.where(is_first, place, 0))
        n_before = place - place_of_first
        bits[k, frames] = -np.log2((n_before + 1) / (frames + cardinality))
    return bits


def surprisal_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    hrf: Response | str | None = "glover",
) -> FeatureSpace:
    """Pool the surprisal of the codes of all codebooks: mean and SD.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid, hrf
        As in `pooled`.

    Returns
    -------
    FeatureSpace
        "surprisal", ``values`` of shape (n_trs, 2 * num_codebooks).
    """
    check_codec(codec, codes)
    bits = code_surprisal(codes.indices, codec.cardinality)
    values = pooled(bits, codes.frame_rate, grid, SURPRISAL_POOL, hrf)
    names = column_names(len(bits), SURPRISAL_POOL, codes.frame_rate, "codebook")
    return FeatureSpace("surprisal", values, names)


def random_codec_features(
    codec: Codec,
    wave: np.ndarray,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: Response | str | None = "glover",
    seed: int = 0,
) -> FeatureSpace:
    """Pool the latents of the same encoder with random weights: its architecture, unlearned.

    Parameters
    ----------
    codec : Codec
        It has to be an `UntrainedEncoder`; its own weights stay as they are.
    wave : array of shape (n_samples,)
        At the codec's rate.
    grid, pool, hrf
        As in `pooled`.
    seed : int

    Returns
    -------
    FeatureSpace
        "random codec", ``values`` of shape (n_trs, D * n_statistics).

    Raises
    ------
    InputError
        The codec has no encoder that can be drawn anew.
    """
    check_offers(codec, UntrainedEncoder, "the control of random weights")
    z = codec.untrained_latents(wave, seed)
    return latent_features("random codec", z, codec.frame_rate, grid, pool, hrf)


def previous_tr(
    x: np.ndarray, run_onsets: Sequence[int] = (0,), name: str = "previous TR"
) -> FeatureSpace:
    """Delay features or BOLD by one TR within runs: what a model that only repeats would know.

    Parameters
    ----------
    x : array of shape (n_trs, n_columns)
    run_onsets : sequence of int
        Row at which each run begins; that row becomes 0.
    name : str
        Of the space.

    Returns
    -------
    FeatureSpace
        ``values`` of shape (n_trs, n_columns).
    """
    delayed = haemodynamics.fir(np.asarray(x, dtype=np.float32), (1,), run_onsets)
    return FeatureSpace(name, delayed, tuple(f"column {i}" for i in range(delayed.shape[1])))
