"""Lesions of codebooks: a sound's latents after a part of its code was replaced.

A lesion acts on latents, one slice a codebook; the sum over slices is decoded as ever. Codebooks
count from 0. The kinds of lesion are in `kinds`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from giblet_core.codecs import Codec, Codes, frame_at
from giblet_core.deprecation import renamed_keywords
from giblet_core.errors import InputError, require
from giblet_core.lesions.kinds import LESIONS, LesionContext, LesionKind


@renamed_keywords(books="codebooks", dose="strength")
def lesion(  # noqa: PLR0913 - public interface
    codec: Codec,
    codes: Codes,
    codebooks: Sequence[int] = (0,),
    mode: str = "omit",
    *,
    strength: float = 1.0,
    window_s: tuple[float, float] | None = None,
    donor: Codes | None = None,
    reference: Codes | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Lesion codebooks and return latents.

    ``z'_k = z_k + strength * (replacement_k - z_k)`` for each lesioned codebook k, inside the
    window. Every codebook has its own stream of random numbers: to lesion one codebook more does
    not change the draws of the others.

    Parameters
    ----------
    codec : Codec
    codes : Codes
    codebooks : sequence of int
        Which codebooks, counted from 0. None of them (``[]``) is the identity for every kind.
    mode : str
        The kind of lesion, a key of `LESIONS`.
    strength : float
        0 (nothing) to 1 (whole).
    window_s : (start, stop), optional
        Seconds of the sound in which the lesion acts; all of it by default.
    donor : Codes, optional
        Another scene, for kinds that need one (``swap``).
    reference : Codes, optional
        Other sound of the same codec, such as the rest of the film, from which means and
        frequencies of codebooks are taken (``mean, conditional_mean, resample``). By default the
        sound itself tells them.
    seed : int
        Of the random kinds.

    Returns
    -------
    array of shape (num_codebooks, latent_dim, n_frames), float32
        Decode with ``codec.decode_latents(z.sum(0), codes.n_samples)``. Only the slices of lesioned
        codebooks change, but for kinds that act on all codebooks (``reencode``).

    Raises
    ------
    InputError
        Unknown kind, a codebook the codes do not hold, a strength outside [0, 1], a window outside
        the sound, a missing donor, or one that is too short or of another codec, a reference of
        another codec or with fewer codebooks, and a sound too short to tell its own means.
    """
    require(
        mode in LESIONS, f"mode={mode!r}: must be one of {', '.join(LESIONS)}. Choose one of them."
    )
    lesioned = sorted({int(k) for k in codebooks})
    require(
        not lesioned or 0 <= lesioned[0] <= lesioned[-1] < codes.num_codebooks,
        f"codebooks={lesioned}: must lie in [0, {codes.num_codebooks - 1}]; "
        f"codebooks count from 0 and these codes hold {codes.num_codebooks}.",
    )
    require(
        0 <= strength <= 1,
        f"strength={strength}: must lie in [0, 1]. 0 changes nothing, 1 is the whole lesion.",
    )
    window = _frames_of(window_s, codes)
    intact = np.ascontiguousarray(codec.latents(codes))
    if not lesioned or strength == 0:
        return intact
    kind = LESIONS[mode]
    if kind.needs_donor:
        _check_donor(mode, donor, codes, lesioned[-1], window.stop - window.start)
    if reference is not None:
        _check_reference(reference, codes, lesioned[-1])
    rng = np.random.default_rng(seed)
    context = LesionContext(codec, codes, intact, window, rng, donor, reference)
    latents = _whole_lesion(kind, context, lesioned, seed)
    if strength < 1:
        before = intact[:, :, window]
        change = latents[:, :, window] - before
        latents[:, :, window] = before + np.float32(strength) * change
    return latents


def _whole_lesion(
    kind: LesionKind, context: LesionContext, lesioned: list[int], seed: int
) -> np.ndarray:
    """Return the latents after a lesion of strength 1, (num_codebooks, latent_dim, n_frames)."""
    latents = context.latents.copy()
    if kind.acts_on_all:
        latents[:, :, context.window] = kind.replace(context, lesioned)
        return latents
    for k in lesioned:
        own_context = replace(context, rng=np.random.default_rng([seed, k]))
        latents[k][:, context.window] = kind.replace(own_context, k)
    return latents


def _frames_of(window_s: tuple[float, float] | None, codes: Codes) -> slice:
    """Return the frames of a window in seconds; None is the whole sound."""
    if window_s is None:
        return slice(0, codes.n_frames)
    start_s, stop_s = window_s
    first = frame_at(start_s, codes.frame_rate)
    last = frame_at(stop_s, codes.frame_rate)
    require(
        0 <= first < last <= codes.n_frames,
        f"window_s={window_s}: must hold at least one frame inside the sound of "
        f"{codes.duration_s:.2f} s. Give (start, stop) in seconds.",
    )
    return slice(first, last)


def _check_donor(mode: str, donor: Codes | None, codes: Codes, highest: int, n_frames: int) -> None:
    """Refuse a donor that cannot give `n_frames` frames of all codebooks up to `highest`."""
    if donor is None:
        raise InputError(
            f"donor=None: kind {mode!r} needs the codes of another scene. Pass donor=codes."
        )
    require(
        donor.codec_sha256 == codes.codec_sha256
        and donor.num_codebooks > highest
        and donor.n_frames >= n_frames,
        f"donor: {donor.num_codebooks} codebooks x {donor.n_frames} frames of codec "
        f"{donor.codec_id!r} must be of the same codec and hold codebook {highest} for {n_frames} "
        "frames. Choose a longer scene, or a shorter window.",
    )


def _check_reference(reference: Codes, codes: Codes, highest: int) -> None:
    """Refuse a reference of another codec, or without the codebooks up to `highest`."""
    require(
        reference.codec_sha256 == codes.codec_sha256 and reference.num_codebooks > highest,
        f"reference: {reference.num_codebooks} codebooks of codec {reference.codec_id!r}; must be "
        f"of the same codec and hold codebook {highest}. Encode other sound as this one was.",
    )


def book_set(kind: str, k: int, K: int) -> tuple[int, ...]:
    """Return which codebooks to lesion; the kind names what is kept.

    Parameters
    ----------
    kind : {"prefix", "suffix", "solo", "all_but"}
        prefix keeps codebooks 0..k-1, the only case a codec is trained for; suffix keeps k..K-1;
        solo keeps codebook k alone; all_but keeps all but codebook k.
    k : int
        The codebook; for prefix, how many are kept.
    K : int
        The number of codebooks.

    Returns
    -------
    tuple of int
        Codebooks for the argument `codebooks` of `lesion`.

    Raises
    ------
    InputError
        Unknown kind, or `k` out of range.

    Examples
    --------
    >>> book_set("prefix", 2, 4)
    (2, 3)
    >>> book_set("suffix", 2, 4)
    (0, 1)
    >>> book_set("solo", 2, 4)
    (0, 1, 3)
    >>> book_set("all_but", 2, 4)
    (2,)
    """
    lesioned = {
        "prefix": range(k, K),
        "suffix": range(k),
        "solo": [other for other in range(K) if other != k],
        "all_but": [k],
    }
    require(
        kind in lesioned,
        f"kind={kind!r}: must be one of {', '.join(lesioned)}. Choose one of them.",
    )
    most = K if kind in ("prefix", "suffix") else K - 1
    require(
        0 <= k <= most,
        f"k={k}: must lie in [0, {most}] for {kind!r} of {K} codebooks. Codebooks count from 0.",
    )
    return tuple(lesioned[kind])
