"""Lesions of codebooks: what a sound becomes when a part of its code is removed, replaced or
disturbed.

A lesion acts on latents, slice by slice; the sum over slices is decoded as ever. Codebooks count
from 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from giblet_core.codecs import Codes, EncodecCodec, frame_at, nearest
from giblet_core.deprecation import renamed_keywords
from giblet_core.errors import require

BLOCK_S = 0.5  # length of the pieces that block_shuffle keeps whole: longer than a syllable, shorter than a phrase


@dataclass(frozen=True)
class _Context:
    """What a kind of lesion may look at: all slices, the frames of the window, the codebook, a
    seeded generator.
    """

    codec: EncodecCodec
    codes: Codes
    z: np.ndarray  # (K, D, T), intact
    window: slice
    rng: np.random.Generator
    donor: Codes | None

    def row(self, k: int) -> np.ndarray:
        return self.z[k][:, self.window]


def _omit(c: _Context, k: int) -> np.ndarray:
    """Leaves the codebook's vector out of the sum"""
    return np.zeros_like(c.row(k))


def _mean(c: _Context, k: int) -> np.ndarray:
    """Replaces it by the codebook's mean over the sound"""
    return np.broadcast_to(c.z[k].mean(1, keepdims=True), c.row(k).shape)


def _conditional_mean(c: _Context, k: int) -> np.ndarray:
    """Replaces it by its mean given the entry of the codebook below"""
    if k == 0:
        return _mean(c, k)
    below = c.codes.indices[k - 1]
    sums = np.zeros((c.codec.cardinality, c.z.shape[1]), np.float64)
    np.add.at(sums, below, c.z[k].T)
    means = sums / np.maximum(np.bincount(below, minlength=c.codec.cardinality), 1)[:, None]
    return means[below[c.window]].T.astype(np.float32)


def _resample(c: _Context, k: int) -> np.ndarray:
    """Draws entries from the codebook's own frequencies, independently in time"""
    return c.z[k][
        :, c.rng.integers(c.codes.n_frames, size=c.row(k).shape[1])
    ]  # frames, not labels: entries keep their frequency


def _time_shuffle(c: _Context, k: int) -> np.ndarray:
    """Permutes the codebook's frames"""
    return c.rng.permutation(c.row(k), axis=1)


def _block_shuffle(c: _Context, k: int) -> np.ndarray:
    """Permutes pieces of 0.5 s of the codebook"""
    n = c.row(k).shape[1]
    block = max(1, min(round(BLOCK_S * c.codes.frame_rate), n // 2))
    pieces = [c.row(k)[:, i : i + block] for i in range(0, n, block)]
    order = c.rng.permutation(len(pieces))
    if np.array_equal(order, np.arange(len(pieces))):  # few pieces: the draw may leave all in place
        order = np.roll(order, 1)
    return np.concatenate([pieces[i] for i in order], axis=1)


def _circular_shift(c: _Context, k: int) -> np.ndarray:
    """Shifts the codebook in time by at least a quarter of the window"""
    n = c.row(k).shape[1]
    return np.roll(
        c.row(k), int(c.rng.integers(n // 4, max(n - n // 4, n // 4 + 1))), axis=1
    )  # at least a quarter away


def _uniform(c: _Context, k: int) -> np.ndarray:
    """Draws entries uniformly"""
    codebook = c.codec.codebooks[k]
    ranked = codebook[
        np.lexsort(codebook.T)
    ]  # drawn by content, not by label: relabelling a codebook changes nothing
    return ranked[c.rng.integers(c.codec.cardinality, size=c.row(k).shape[1])].T


def _swap(c: _Context, k: int) -> np.ndarray:
    """Takes the codebook from another scene (donor)"""
    donor, n = c.donor, c.row(k).shape[1]
    require(
        donor is not None,
        "donor=None: kind 'swap' needs the codes of another scene. Pass donor=codes.",
    )
    require(
        donor.codec_sha256 == c.codes.codec_sha256
        and donor.num_codebooks > k
        and donor.n_frames >= n,
        f"donor: {donor.num_codebooks} codebooks x {donor.n_frames} frames of codec {donor.codec_id!r} must be of the same codec and hold "
        f"codebook {k} for {n} frames. Choose a longer scene, or a shorter window.",
    )
    return c.codec.codebooks[k][donor.indices[k, :n]].T


def _noise(c: _Context, k: int) -> np.ndarray:
    """Replaces it by noise of the same energy, frame by frame"""
    draw = c.rng.standard_normal(c.row(k).shape).astype(np.float32)
    return draw * (
        np.linalg.norm(c.row(k), axis=0) / np.linalg.norm(draw, axis=0)
    )  # the slice's energy, frame by frame


def _index_zero(c: _Context, k: int) -> np.ndarray:
    """Writes entry 0, as if it meant nothing: the wrong way, kept to be shown"""
    return np.broadcast_to(c.codec.codebooks[k][0][:, None], c.row(k).shape)


def _reencode(c: _Context, codebooks: Sequence[int]) -> np.ndarray:
    """Omits the codebook and lets the higher codebooks encode what is then left of the intact
    latents (total effect)
    """
    z, residual = c.z[:, :, c.window].copy(), c.z[:, :, c.window].sum(0).T.astype(np.float32)
    for k in range(len(z)):
        if k in codebooks:
            z[k] = 0
        elif k > min(codebooks):
            z[k] = c.codec.codebooks[k][
                nearest(torch.from_numpy(residual), torch.tensor(c.codec.codebooks[k]))
            ].T
        residual = residual - z[k].T
    return z


_KINDS = (
    _omit,
    _mean,
    _conditional_mean,
    _resample,
    _time_shuffle,
    _block_shuffle,
    _circular_shift,
    _uniform,
    _swap,
    _reencode,
    _noise,
    _index_zero,
)
#: kind -> what it does, in one line
DEFINITIONS = {kind.__name__.lstrip("_"): kind.__doc__ for kind in _KINDS}
LESIONS = tuple(DEFINITIONS)
_MAKERS = dict(zip(LESIONS, _KINDS))


@renamed_keywords(books="codebooks", dose="strength")
def lesion(
    codec: EncodecCodec,
    codes: Codes,
    codebooks: Sequence[int] = (0,),
    mode: str = "omit",
    *,
    strength: float = 1.0,
    window_s: tuple[float, float] | None = None,
    donor: Codes | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Lesion codebooks and return latents.

    ``z'_k = z_k + strength * (replacement_k - z_k)`` for each lesioned codebook k inside the
    window.

    Parameters
    ----------
    codec : EncodecCodec
    codes : Codes
    codebooks : sequence of int
        Which codebooks, counted from 0. None of them (``[]``) is the identity for every kind.
    mode : str
        One of `LESIONS`; `DEFINITIONS` says what each does.
    strength : float
        0 (nothing) to 1 (whole).
    window_s : (start, stop), optional
        Seconds of the sound in which the lesion acts; all of it by default.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int

    Returns
    -------
    array of shape (num_codebooks, latent_dim, n_frames), float32
        Decode with ``codec.decode_latents(z.sum(0), codes.n_samples)``. Codebook k changes slice k
        alone (but ``reencode``).

    Raises
    ------
    InputError
        Unknown kind, a codebook the codes do not hold, a strength outside [0, 1], a window outside
        the sound, a missing donor.
    """
    require(
        mode in LESIONS, f"mode={mode!r}: must be one of {', '.join(LESIONS)}. Choose one of them."
    )
    codebooks = sorted(set(map(int, codebooks)))
    require(
        not codebooks or 0 <= codebooks[0] <= codebooks[-1] < codes.num_codebooks,
        f"codebooks={codebooks}: must lie in [0, {codes.num_codebooks - 1}]; "
        f"codebooks count from 0 and these codes hold {codes.num_codebooks}.",
    )
    require(
        0 <= strength <= 1,
        f"strength={strength}: must lie in [0, 1]. 0 changes nothing, 1 is the whole lesion.",
    )
    window = _window(codes, window_s)
    z = codec.latents(codes)
    if not codebooks or strength == 0:
        return z
    intact = z.copy()
    if mode == "reencode":
        z[:, :, window] = _reencode(
            _Context(codec, codes, intact, window, np.random.default_rng(seed), donor), codebooks
        )
        codebooks = range(codes.num_codebooks)
    else:
        for k in codebooks:
            # one stream of random numbers a codebook: adding a codebook to the set does not change
            # the others
            own = _Context(codec, codes, intact, window, np.random.default_rng([seed, k]), donor)
            z[k][:, window] = _MAKERS[mode](own, k)
    if strength < 1:
        z[:, :, window] = intact[:, :, window] + np.float32(strength) * (
            z[:, :, window] - intact[:, :, window]
        )
    return z


def _window(codes: Codes, window_s: tuple[float, float] | None) -> slice:
    if window_s is None:
        return slice(0, codes.n_frames)
    first, last = (frame_at(t, codes.frame_rate) for t in window_s)
    require(
        0 <= first < last <= codes.n_frames,
        f"window_s={window_s}: must hold at least one frame inside the sound of "
        f"{codes.duration_s:.2f} s. Give (start, stop) in seconds.",
    )
    return slice(first, last)


def book_set(kind: str, k: int, K: int) -> tuple[int, ...]:
    """Return which codebooks to lesion; the kind names what is kept.

    Parameters
    ----------
    kind : {"prefix", "suffix", "solo", "all_but"}
        prefix keeps codebooks 0..k-1, the only case a codec is trained for; suffix keeps k..K-1;
        solo keeps codebook k alone; all_but keeps all but codebook k.
    k, K : int
        The book (or count), and the number of codebooks.

    Returns
    -------
    tuple of int
        Codebooks for the argument `codebooks` of `lesion`.

    Examples
    --------
    >>> book_set("prefix", 2, 4), book_set("suffix", 2, 4), book_set("solo", 2, 4), book_set("all_but", 2, 4)
    ((2, 3), (0, 1), (0, 1, 3), (2,))
    """
    sets = {
        "prefix": range(k, K),
        "suffix": range(k),
        "solo": [b for b in range(K) if b != k],
        "all_but": (k,),
    }
    require(kind in sets, f"kind={kind!r}: must be one of {', '.join(sets)}. Choose one of them.")
    most = K if kind in ("prefix", "suffix") else K - 1
    require(
        0 <= k <= most,
        f"k={k}: must lie in [0, {most}] for {kind!r} of {K} codebooks. Codebooks count from 0.",
    )
    return tuple(sets[kind])
