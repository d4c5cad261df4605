"""TODO: features/controls."""

from collections.abc import Sequence

import numpy as np

from giblet_core.codecs import Codec, Codes, UntrainedEncoder, check_offers
from giblet_core.features.codebooks import check_codec, latent_features
from giblet_core.features.pooling import POOLS, pooled
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.timing import TRGrid
from giblet_core.timing import hrf as response


def code_surprisal(indices: np.ndarray, cardinality: int) -> np.ndarray:
    """Return the surprise of each code given how often it came before, ``-log2((seen + 1) / (t +
    cardinality))`` bits, codebook by codebook.

    Causal: counts come from earlier frames only, so that nothing needs fitting to a training set.

    Parameters
    ----------
    indices : array of shape (K, n_frames), integer

    Returns
    -------
    array of shape (K, n_frames), float64
    """
    out = np.empty(indices.shape)
    t = np.arange(indices.shape[1])
    for row, codes in zip(out, indices):
        order = np.argsort(codes, kind="stable")
        new = np.append(True, np.diff(codes[order].astype(int)) != 0)
        seen = t - np.maximum.accumulate(np.where(new, t, 0))
        row[order] = -np.log2((seen + 1) / (order + cardinality))
    return out


def surprisal_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    hrf: str | None = "glover",
    **timing: float,
) -> FeatureSpace:
    """Pool the surprisal of the codes of all codebooks: mean and SD."""
    check_codec(codec, codes)
    bits = code_surprisal(codes.indices, codec.cardinality)
    values = pooled(bits, codes.frame_rate, grid, POOLS[:2], hrf, **timing)
    return FeatureSpace("surprisal", values, column_names(len(bits), POOLS[:2], "codebook"))


def random_codec_features(
    codec: Codec,
    wave: np.ndarray,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: str | None = "glover",
    seed: int = 0,
    **timing: float,
) -> FeatureSpace:
    """Pool the latents of the same encoder with weights drawn at random : its architecture,
    unlearned. The codec has to be an `UntrainedEncoder`.
    """
    check_offers(codec, UntrainedEncoder, "the control of random weights")
    z = codec.untrained_latents(wave, seed)
    return latent_features("random codec", z, codec.frame_rate, grid, pool, hrf, **timing)


def previous_tr(
    x: np.ndarray, run_onsets: Sequence[int] = (0,), name: str = "previous TR"
) -> FeatureSpace:
    """Delay features or BOLD (n_trs, n_columns) by one TR within runs: what a model that only
    repeats would know.
    """
    delayed = response.fir(np.asarray(x, dtype=np.float32), (1,), run_onsets)
    return FeatureSpace(name, delayed, tuple(f"column {i}" for i in range(delayed.shape[1])))
