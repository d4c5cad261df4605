"""Kinds of lesion: what stands in the place of a codebook's vectors.

A kind is one function and one entry of `LESIONS`, at the end of this file. The function returns the
vectors that replace the codebook's own in the window; the entry says the rest: what the kind does,
what it asks, and what it needs. Pages, figures, the mixer and the tests read the entries, so that a
new kind appears in all of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.codecs import Codec, Codes

BLOCK_S = 0.5  # seconds that block_shuffle keeps whole: more than a syllable, less than a phrase


@dataclass(frozen=True, eq=False)
class LesionContext:
    """What a kind of lesion may look at.

    Attributes
    ----------
    codec : Codec
    codes : Codes
    latents : array of shape (num_codebooks, latent_dim, n_frames), float32
        Intact, of the whole sound.
    window : slice
        Frames to replace.
    rng : numpy Generator
        Seeded; the only source of chance.
    donor : Codes, optional
        Another scene, of the same codec and at least as long as the window.
    """

    codec: Codec
    codes: Codes
    latents: np.ndarray
    window: slice
    rng: np.random.Generator
    donor: Codes | None

    @property
    def n_replaced(self) -> int:
        """Number of frames to replace."""
        return self.window.stop - self.window.start

    def vectors(self, codebook: int) -> np.ndarray:
        """Return the codebook's intact vectors in the window, (latent_dim, n_replaced)."""
        return self.latents[codebook][:, self.window]


@dataclass(frozen=True)
class LesionKind:
    """One kind of lesion.

    Attributes
    ----------
    definition : str
        What it does to the codebook, in one line.
    question : str
        What it asks, in one line.
    replace : callable
        ``replace(context, codebook)`` returns an array of shape (latent_dim, n_replaced). Where the
        kind acts on all codebooks, ``replace(context, codebooks)`` is given the lesioned ones and
        returns an array of shape (num_codebooks, latent_dim, n_replaced).
    acts_on_all : bool
        It changes other codebooks than those that are lesioned.
    needs_donor : bool
        It takes something from another scene.
    random : bool
        Another seed makes another lesion.
    is_evidence : bool
        Its damage says something about the codebook. References and known mistakes say nothing.
    """

    definition: str
    question: str
    replace: Callable[..., np.ndarray]
    acts_on_all: bool = False
    needs_donor: bool = False
    random: bool = False
    is_evidence: bool = True


def omit(context: LesionContext, codebook: int) -> np.ndarray:
    """Return zeros."""
    return np.zeros_like(context.vectors(codebook))


def mean(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the codebook's mean over the whole sound, in every frame."""
    mean_vector = context.latents[codebook].mean(1, keepdims=True)
    return np.broadcast_to(mean_vector, context.vectors(codebook).shape)


def conditional_mean(context: LesionContext, codebook: int) -> np.ndarray:
    """Return in every frame the mean over all frames with the same entry of the codebook below.

    Codebook 0 has none below it: its plain mean is taken.
    """
    if codebook == 0:
        return mean(context, codebook)
    entries_below = context.codes.indices[codebook - 1]
    vectors = context.latents[codebook]
    cardinality = context.codec.cardinality
    sums = np.zeros((cardinality, len(vectors)), np.float64)
    np.add.at(sums, entries_below, vectors.T)
    counts = np.bincount(entries_below, minlength=cardinality)
    means = sums / np.maximum(counts, 1)[:, None]
    return means[entries_below[context.window]].T.astype(np.float32)


def resample(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the vectors of frames drawn with replacement from the whole sound.

    Frames are drawn, not labels, so that each entry keeps its frequency.
    """
    frames = context.rng.integers(context.codes.n_frames, size=context.n_replaced)
    return context.latents[codebook][:, frames]


def time_shuffle(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the window's frames in random order."""
    return context.rng.permutation(context.vectors(codebook), axis=1)


def block_shuffle(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the window's blocks of `BLOCK_S` seconds in random order.

    A short window is cut in two blocks at least. The order is never the true one, except for a
    window of one frame, which has no other.
    """
    vectors = context.vectors(codebook)
    wanted_length = round(BLOCK_S * context.codes.frame_rate)
    block_length = max(1, min(wanted_length, context.n_replaced // 2))
    starts = range(0, context.n_replaced, block_length)
    blocks = [vectors[:, start : start + block_length] for start in starts]
    order = context.rng.permutation(len(blocks))
    if np.array_equal(order, np.arange(len(blocks))):
        order = np.roll(order, 1)
    return np.concatenate([blocks[i] for i in order], axis=1)


def circular_shift(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the window shifted in a circle, by a quarter of its length at least either way.

    The quarter is rounded down to whole frames, but is one frame at least. A window of one frame
    has nowhere to go and stays as it is.
    """
    least = max(1, context.n_replaced // 4)
    most = max(context.n_replaced - least, least + 1)
    shift = int(context.rng.integers(least, most))
    return np.roll(context.vectors(codebook), shift, axis=1)


def uniform(context: LesionContext, codebook: int) -> np.ndarray:
    """Return vectors of entries that are drawn uniformly from the codebook.

    Entries are ranked by their vectors first, so that another labelling draws the same vectors.
    """
    entry_vectors = context.codec.codebooks[codebook]
    ranked = entry_vectors[np.lexsort(entry_vectors.T)]
    ranks = context.rng.integers(context.codec.cardinality, size=context.n_replaced)
    return ranked[ranks].T


def swap(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the codebook's vectors of the donor's first frames."""
    entries = context.donor.indices[codebook, : context.n_replaced]
    return context.codec.codebooks[codebook][entries].T


def reencode(context: LesionContext, codebooks: Sequence[int]) -> np.ndarray:
    """Return all slices after the codebooks are omitted and those above the lowest encode anew.

    Each of them takes the entry nearest to what is left of the intact latents.
    """
    latents = context.latents[:, :, context.window].copy()
    residual = latents.sum(0).T.astype(np.float32)  # (n_replaced, latent_dim)
    lowest = min(codebooks)
    for k in range(len(latents)):
        if k in codebooks:
            latents[k] = 0
        elif k > lowest:
            entries = context.codec.nearest(k, residual)
            latents[k] = context.codec.codebooks[k][entries].T
        residual = residual - latents[k].T
    return latents


def noise(context: LesionContext, codebook: int) -> np.ndarray:
    """Return Gaussian noise with the energy of the codebook's vector in every frame."""
    vectors = context.vectors(codebook)
    draw = context.rng.standard_normal(vectors.shape).astype(np.float32)
    gain = np.linalg.norm(vectors, axis=0) / np.linalg.norm(draw, axis=0)
    return draw * gain


def index_zero(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the vector of entry 0 in every frame."""
    vector = context.codec.codebooks[codebook][0]
    return np.broadcast_to(vector[:, None], context.vectors(codebook).shape)


#: Every kind of lesion by name, in the order of tables and figures
LESIONS: dict[str, LesionKind] = {
    "omit": LesionKind(
        definition="Leaves the codebook's vector out of the sum",
        question="Is it needed?",
        replace=omit,
    ),
    "mean": LesionKind(
        definition="Replaces it by the codebook's mean over the sound",
        question="Is what varies in it needed?",
        replace=mean,
    ),
    "conditional_mean": LesionKind(
        definition="Replaces it by its mean given the entry of the codebook below",
        question="Is what it adds to the codebook below needed?",
        replace=conditional_mean,
    ),
    "resample": LesionKind(
        definition="Draws entries from the codebook's own frequencies, independently in time",
        question="Is what it says at this time needed?",
        replace=resample,
        random=True,
    ),
    "time_shuffle": LesionKind(
        definition="Permutes the codebook's frames",
        question="Is its order in time needed?",
        replace=time_shuffle,
        random=True,
    ),
    "block_shuffle": LesionKind(
        definition="Permutes pieces of 0.5 s of the codebook",
        question="Is its order beyond half a second needed?",
        replace=block_shuffle,
        random=True,
    ),
    "circular_shift": LesionKind(
        definition="Shifts the codebook in time by at least a quarter of the window",
        question="Is its alignment with the other codebooks needed?",
        replace=circular_shift,
        random=True,
    ),
    "uniform": LesionKind(
        definition="Draws entries uniformly",
        question="Reference: how much does any vector of the codebook disturb?",
        replace=uniform,
        random=True,
        is_evidence=False,
    ),
    "swap": LesionKind(
        definition="Takes the codebook from another scene (donor)",
        question="Does it carry this scene, or what all sound has?",
        replace=swap,
        needs_donor=True,
    ),
    "reencode": LesionKind(
        definition="Omits the codebook and lets the higher ones encode what is then left over",
        question="How large is the total effect, when the higher codebooks may repair?",
        replace=reencode,
        acts_on_all=True,
    ),
    "noise": LesionKind(
        definition="Replaces it by noise of the same energy, frame by frame",
        question="Reference: how much does any vector of this energy disturb?",
        replace=noise,
        random=True,
        is_evidence=False,
    ),
    "index_zero": LesionKind(
        definition="Writes entry 0, as if it meant nothing",
        question="None: a mistake, kept to be shown",
        replace=index_zero,
        is_evidence=False,
    ),
}


def kinds_for(donor: Codes | None, kinds: Iterable[str] = LESIONS) -> list[str]:
    """Return those of `kinds` that can be made: without a donor, kinds that need one are left out.

    Examples
    --------
    >>> kinds_for(None, ["omit", "swap", "noise"])
    ['omit', 'noise']
    """
    needing_donor = [name for name, kind in LESIONS.items() if kind.needs_donor]
    return [name for name in kinds if donor is not None or name not in needing_donor]
