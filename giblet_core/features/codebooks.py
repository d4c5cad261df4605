"""From codes to design matrices.

Code indices are labels: they are looked up or counted, never averaged. Columns that belong to codes
stand in the order of their vectors, so that renaming a codebook's entries changes no bit of any
result. Nothing here is fitted to brain data: scaling and reduction belong to the folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError
from giblet_core.features.pooling import (
    POOLS,
    RESPONSES,
    Response,
    mean_over_responses,
    pooled,
    slow_directions,
)
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.timing import TRGrid

ENERGY_POOL = ("mean", "sd")


def latent_features(
    name: str,
    z: np.ndarray,
    rate_hz: float,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: Response | str | None = "glover",
) -> FeatureSpace:
    """Pool latents: of one codebook, summed, or lesioned.

    Parameters
    ----------
    name : str
        Of the space.
    z : array of shape (D, n_frames)
        Latents, from second 0 of the stimulus.
    rate_hz : float
        Frames a second.
    grid, pool, hrf
        As in `pooled`.

    Returns
    -------
    FeatureSpace
        ``values`` of shape (n_trs, D * n_statistics).
    """
    values = pooled(z, rate_hz, grid, pool, hrf)
    return FeatureSpace(name, values, column_names(len(z), pool, rate_hz))


def check_codec(codec: Codec, codes: Codes) -> None:
    """Raise InputError unless the codes were made by this codec."""
    if codes.codec_sha256 != codec.sha256:
        raise InputError(
            f"codec={codec.id!r}: the codes were made by {codes.codec_id!r} with other weights. "
            "Use that codec."
        )


def codebook_latents(codec: Codec, codes: Codes, codebook: int) -> np.ndarray:
    """Look up the vectors of one codebook.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    codebook : int
        Counted from 0.

    Returns
    -------
    array of shape (D, n_frames), float32
    """
    check_codec(codec, codes)
    if not 0 <= codebook < codes.num_codebooks:
        raise InputError(
            f"codebook={codebook}: must be one of the {codes.num_codebooks} of the codes, counted "
            "from 0. Choose one of them."
        )
    return codec.codebooks[codebook][codes.indices[codebook]].T


def codebook_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    codebooks: Sequence[int] | None = None,
    pool: Sequence[str] = POOLS,
    hrf: Response | str | None = "glover",
) -> tuple[FeatureSpace, ...]:
    """Pool the latents of each codebook: one space a codebook.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid, pool, hrf
        As in `pooled`.
    codebooks : sequence of int, optional
        Which codebooks, counted from 0; all of `codes` by default.

    Returns
    -------
    tuple of FeatureSpace
        "codebook k" in the order of k, ``values`` of shape (n_trs, D * n_statistics).

    Raises
    ------
    InputError
        When another codec made the codes.
    """
    wanted = range(codes.num_codebooks) if codebooks is None else sorted(set(codebooks))
    spaces = []
    for k in wanted:
        z = codebook_latents(codec, codes, k)
        spaces.append(latent_features(f"codebook {k}", z, codes.frame_rate, grid, pool, hrf))
    return tuple(spaces)


def summed_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: Response | str | None = "glover",
) -> FeatureSpace:
    """Pool the sum over codebooks, which is what the decoder hears.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid, pool, hrf
        As in `pooled`.

    Returns
    -------
    FeatureSpace
        "latents", ``values`` of shape (n_trs, D * n_statistics).
    """
    z = sum(codebook_latents(codec, codes, k) for k in range(codes.num_codebooks))
    return latent_features("latents", z, codes.frame_rate, grid, pool, hrf)


def histogram_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    codebooks: Sequence[int] | None = None,
    hrf: Response | str | None = "glover",
) -> tuple[FeatureSpace, ...]:
    """Count how often each code vector occurs in each TR: one space a codebook.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid, hrf
        As in `pooled`.
    codebooks : sequence of int, optional
        Which codebooks, counted from 0; all of `codes` by default.

    Returns
    -------
    tuple of FeatureSpace
        "histogram k", ``values`` of shape (n_trs, n_vectors that occur): shares that sum to 1 where
        no response is applied. Columns are sorted by vector and not by label.
    """
    check_codec(codec, codes)
    wanted = range(codes.num_codebooks) if codebooks is None else codebooks
    spaces = []
    for k in wanted:
        # entries of a codebook that hold the same vector count as one
        vectors, vector_of_entry = np.unique(codec.codebooks[k], axis=0, return_inverse=True)
        vector_of_frame = vector_of_entry.ravel()[codes.indices[k]]
        occurring, column_of_frame = np.unique(vector_of_frame, return_inverse=True)
        one_hot = (column_of_frame == np.arange(len(occurring))[:, None]).astype(np.float32)
        values = pooled(one_hot, codes.frame_rate, grid, ("mean",), hrf)
        names = tuple(f"vector {vector} of {len(vectors)}" for vector in occurring)
        spaces.append(FeatureSpace(f"histogram {k}", values, names))
    return tuple(spaces)


def energy_features(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    responses: Sequence[Response] = RESPONSES,
) -> FeatureSpace:
    """Pool how large latents are: mean and SD of their norms in each TR.

    The norms are those of the sum over codebooks, in logarithm and as it is, and of each codebook's
    vector.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid : TRGrid or sequence of TRGrid
        One a run.
    responses : sequence of Response
        Averaged over.

    Returns
    -------
    FeatureSpace
        "energy", ``values`` of shape (n_trs, 2 * (2 + num_codebooks)).
    """
    latents = [codebook_latents(codec, codes, k) for k in range(codes.num_codebooks)]
    summed = sum(latents)
    norms = [np.linalg.norm(z, axis=0) for z in (summed, *latents)]
    norms = np.stack(norms).astype(np.float64)
    # the logarithm's floor is of the codec: one of the film would know held-out sound
    floor = 1e-3 * np.linalg.norm(codec.codebooks[0], axis=1).max()
    rows = np.concatenate([np.log(norms[:1] + floor), norms])

    pool_rows = partial(pooled, rows, codes.frame_rate, grid, ENERGY_POOL)
    values = mean_over_responses(pool_rows, responses)
    names = column_names(len(rows), ENERGY_POOL, codes.frame_rate, "norm")
    return FeatureSpace("energy", values, names)


@dataclass(frozen=True, eq=False)
class CodebookMeans:
    """Mean of one codebook's vectors in every TR.

    Attributes
    ----------
    plain : array of shape (n_trs, D)
        Without the response.
    responded : array of shape (n_responses, n_trs, D)
        With each of several responses.
    """

    plain: np.ndarray
    responded: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "CodebookMeans":
        """Return the means of other rows: of some TRs, or of all in another order."""
        return CodebookMeans(self.plain[rows], self.responded[:, rows])


def codebook_means(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    responses: Sequence[Response] = RESPONSES,
) -> list[CodebookMeans]:
    """Pool the mean of each codebook in every TR, without the response and with several.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid : TRGrid or sequence of TRGrid
        One a run.
    responses : sequence of Response

    Returns
    -------
    list of num_codebooks CodebookMeans
    """
    means = []
    for k in range(codes.num_codebooks):
        z = codebook_latents(codec, codes, k)
        plain = pooled(z, codes.frame_rate, grid, ("mean",), None)
        responded = [pooled(z, codes.frame_rate, grid, ("mean",), hrf) for hrf in responses]
        means.append(CodebookMeans(plain, np.stack(responded)))
    return means


def slow_codebooks(
    means: Sequence[CodebookMeans],
    train: np.ndarray | slice = slice(None),
    n: int = 8,
    peaks: Sequence[int] | slice = slice(None),
) -> list[np.ndarray]:
    """Reduce each codebook to the directions in which it moves most from TR to TR.

    Few columns, which BOLD can follow.

    Parameters
    ----------
    means : sequence of CodebookMeans
        From `codebook_means`.
    train : array of int or slice
        Rows of training time, which alone tell the directions.
    n : int
        Directions of each codebook.
    peaks : sequence of int or slice
        Which of the responses to average over; all by default.

    Returns
    -------
    list of arrays of shape (n_trs, n), float32
        One a codebook.
    """
    columns = []
    for mean in means:
        directions = slow_directions(mean.plain[train], n)
        responded = mean.responded[peaks].mean(0)
        columns.append((responded @ directions.T).astype(np.float32))
    return columns
