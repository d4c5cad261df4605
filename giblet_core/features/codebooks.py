"""From codes and sound to design matrices, and the baselines that any claim about codes has to
beat.

Code indices are labels: they are looked up or counted, never averaged. Columns that belong to codes
stand in the order of their vectors, so that renaming a codebook's entries changes no bit of any
result. Nothing here is fitted to data: scaling and reduction belong to the folds.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError
from giblet_core.features.pooling import PEAKS_S, POOLS, over_peaks, pooled, slow_directions
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.timing import TRGrid


def latent_features(
    name: str,
    z: np.ndarray,
    rate_hz: float,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: str | None = "glover",
    **timing: float,
) -> FeatureSpace:
    """Pool latents (D, n_frames), of one codebook, summed or lesioned; arguments as in `pooled`."""
    return FeatureSpace(
        name, pooled(z, rate_hz, grid, pool, hrf, **timing), column_names(len(z), pool)
    )


def check_codec(codec: Codec, codes: Codes) -> None:
    if codes.codec_sha256 != codec.sha256:
        raise InputError(
            f"codec={codec.id!r}: the codes were made by {codes.codec_id!r} with other weights. Use that codec."
        )


def codebook_latents(codec: Codec, codes: Codes) -> list[np.ndarray]:
    check_codec(codec, codes)
    return [rows[indices].T for rows, indices in zip(codec.codebooks, codes.indices)]


def codebook_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    codebooks: Sequence[int] | None = None,
    pool: Sequence[str] = POOLS,
    hrf: str | None = "glover",
    **timing: float,
) -> tuple[FeatureSpace, ...]:
    """Pool the latents of each codebook: one space a codebook, named "codebook k" (codebooks count
    from 0).

    Parameters
    ----------
    codebooks : sequence of int, optional
        All of `codes` by default.
    codec, codes, grid, pool, hrf, timing
        As in `pooled`.
    """
    return tuple(
        latent_features(f"codebook {k}", z, codes.frame_rate, grid, pool, hrf, **timing)
        for k, z in enumerate(codebook_latents(codec, codes))
        if codebooks is None or k in codebooks
    )


def codebook_means(
    codec: Codec, codes: Codes, grid: TRGrid | Sequence[TRGrid], **timing: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the mean of each codebook in every TR, without the response and with each of
    `PEAKS_S`: pairs (n_trs, D), (n_peaks, n_trs, D).
    """
    make = [
        partial(pooled, z, codes.frame_rate, grid, ("mean",))
        for z in codebook_latents(codec, codes)
    ]
    return [(one(None), np.stack([one(peak_s=peak, **timing) for peak in PEAKS_S])) for one in make]


def slow_codebooks(
    means: list[tuple[np.ndarray, np.ndarray]],
    train: np.ndarray | slice = slice(None),
    n: int = 8,
    peaks: Sequence[int] | slice = slice(None),
) -> list[np.ndarray]:
    """Return each codebook's `n` slowest directions of training time, from `codebook_means`: few
    columns (n_trs, n), which BOLD can follow.

    With the mean of all responses, or of those at some places of `PEAKS_S`.
    """
    return [
        (late[peaks].mean(0) @ slow_directions(bare[train], n).T).astype(np.float32)
        for bare, late in means
    ]


def energy_features(
    codec: Codec, codes: Codes, grid: TRGrid | Sequence[TRGrid], **timing: float
) -> FeatureSpace:
    """Pool how large latents are, `over_peaks`: the sum's norm, its logarithm, and the norm of each
    codebook's vector; mean and SD.
    """
    codebooks = codebook_latents(codec, codes)
    norms = np.stack([np.linalg.norm(z, axis=0) for z in (sum(codebooks), *codebooks)]).astype(
        np.float64
    )
    # the logarithm's floor is of the codec: one of the film would know held-out sound
    norms = np.concatenate(
        [np.log(norms[:1] + 1e-3 * np.linalg.norm(codec.codebooks[0], axis=1).max()), norms]
    )
    values = over_peaks(partial(pooled, norms, codes.frame_rate, grid, POOLS[:2], **timing))
    return FeatureSpace("energy", values, column_names(len(norms), POOLS[:2], "norm"))


def summed_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: str | None = "glover",
    **timing: float,
) -> FeatureSpace:
    """Pool the sum over codebooks, which is what the decoder hears."""
    return latent_features(
        "latents", sum(codebook_latents(codec, codes)), codes.frame_rate, grid, pool, hrf, **timing
    )


def histogram_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    codebooks: Sequence[int] | None = None,
    hrf: str | None = "glover",
    **timing: float,
) -> tuple[FeatureSpace, ...]:
    """Return the share of each code vector in each TR, one space a codebook, columns sorted by
    vector and not by label.
    """
    check_codec(codec, codes)
    spaces = []
    for k in range(codes.num_codebooks) if codebooks is None else codebooks:
        vectors, place = np.unique(codec.codebooks[k], axis=0, return_inverse=True)
        used, at = np.unique(place.ravel()[codes.indices[k]], return_inverse=True)
        one_hot = (at == np.arange(len(used))[:, None]).astype(np.float32)
        names = tuple(f"vector {v} of {len(vectors)}" for v in used)
        spaces.append(
            FeatureSpace(
                f"histogram {k}",
                pooled(one_hot, codes.frame_rate, grid, ("mean",), hrf, **timing),
                names,
            )
        )
    return tuple(spaces)
