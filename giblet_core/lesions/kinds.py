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
from giblet_core.errors import require

BLOCK_S = 0.5  # seconds that block_shuffle keeps whole: more than a syllable, less than a phrase
NEAR_S = 1.0  # frames nearer than this to a frame do not tell its mean: they are too like it
LEAST_STRETCHES = 5  # of a sound that has to tell its own means


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
    reference : Codes, optional
        Other sound of the same codec that means and frequencies are taken from; by default the
        sound itself.
    """

    codec: Codec
    codes: Codes
    latents: np.ndarray
    window: slice
    rng: np.random.Generator
    donor: Codes | None
    reference: Codes | None = None

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
    uses_reference : bool
        It takes means or frequencies from the reference, where one is given.
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
    uses_reference: bool = False


def omit(context: LesionContext, codebook: int) -> np.ndarray:
    """Return zeros."""
    return np.zeros_like(context.vectors(codebook))


def mean(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the codebook's mean over the reference or the whole sound, in every frame."""
    mean_vector = _reference_vectors(context, codebook).mean(1, keepdims=True)
    return np.broadcast_to(mean_vector, context.vectors(codebook).shape)


def _reference_vectors(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the codebook's vectors of the reference, or of the whole sound, (latent_dim, n)."""
    if context.reference is None:
        return context.latents[codebook]
    return context.codec.codebooks[codebook][context.reference.indices[codebook]].T


def conditional_mean(context: LesionContext, codebook: int) -> np.ndarray:
    """Return in every frame the mean over other frames with the same entry of the codebook below.

    These frames are those of the reference; without one, those of the sound that lie at least a
    second away, so that no frame tells its own mean. An entry that is not among them gets their
    plain mean. Codebook 0 has none below it: its plain mean is taken.
    """
    if codebook == 0:
        return mean(context, codebook)
    if context.reference is None:
        return _mean_of_frames_away(context, codebook)
    reference = _reference_vectors(context, codebook)
    sums = _EntrySums.of(
        context.reference.indices[codebook - 1], reference, context.codec.cardinality
    )
    entries_below = context.codes.indices[codebook - 1][context.window]
    return sums.means(entries_below)


@dataclass(frozen=True, eq=False)
class _EntrySums:
    """Vectors summed over the frames that share an entry, and how many these are.

    Attributes
    ----------
    sums : array of shape (cardinality, latent_dim)
    counts : int array of shape (cardinality,)
    """

    sums: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, entries: np.ndarray, vectors: np.ndarray, cardinality: int) -> "_EntrySums":
        """Sum vectors (latent_dim, n_frames) by the entries (n_frames,)."""
        sums = np.zeros((cardinality, len(vectors)), np.float64)
        np.add.at(sums, entries, vectors.T)
        return cls(sums, np.bincount(entries, minlength=cardinality))

    def without(self, other: "_EntrySums") -> "_EntrySums":
        """Return the sums over the frames that the other does not hold."""
        return _EntrySums(self.sums - other.sums, self.counts - other.counts)

    def means(self, entries: np.ndarray) -> np.ndarray:
        """Return the mean of each entry, (latent_dim, n); the plain mean where it has no frame."""
        plain_mean = self.sums.sum(0) / self.counts.sum()
        counts = self.counts[entries][:, None]
        means = np.where(counts > 0, self.sums[entries] / np.maximum(counts, 1), plain_mean)
        return means.T.astype(np.float32)


def _mean_of_frames_away(context: LesionContext, codebook: int) -> np.ndarray:
    """Return conditional means of the window, each stretch's from frames away from it."""
    entries = context.codes.indices[codebook - 1]
    vectors = context.latents[codebook]
    n_frames = context.codes.n_frames
    length = max(1, min(round(NEAR_S * context.codes.frame_rate), n_frames // LEAST_STRETCHES))
    require(
        n_frames > 3 * length,
        f"codes: {n_frames} frames are too few to tell the mean of one from the others. Give "
        "reference=codes of other sound, or a longer sound.",
    )
    whole = _EntrySums.of(entries, vectors, context.codec.cardinality)
    replaced = np.empty((len(vectors), context.n_replaced), np.float32)
    for start in range(context.window.start, context.window.stop, length):
        stop = min(start + length, context.window.stop)
        near = slice(max(0, start - length), stop + length)
        near_sums = _EntrySums.of(entries[near], vectors[:, near], context.codec.cardinality)
        inside = slice(start - context.window.start, stop - context.window.start)
        replaced[:, inside] = whole.without(near_sums).means(entries[start:stop])
    return replaced


def resample(context: LesionContext, codebook: int) -> np.ndarray:
    """Return the vectors of frames drawn with replacement from the reference or the whole sound.

    Frames are drawn, not labels, so that each entry keeps its frequency.
    """
    vectors = _reference_vectors(context, codebook)
    frames = context.rng.integers(vectors.shape[1], size=context.n_replaced)
    return vectors[:, frames]


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
        uses_reference=True,
    ),
    "conditional_mean": LesionKind(
        definition="Replaces it by its mean, elsewhere, given the entry of the codebook below",
        question="Is what it adds to the codebook below needed?",
        replace=conditional_mean,
        uses_reference=True,
    ),
    "resample": LesionKind(
        definition="Draws entries from the codebook's own frequencies, independently in time",
        question="Is what it says at this time needed?",
        replace=resample,
        random=True,
        uses_reference=True,
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
