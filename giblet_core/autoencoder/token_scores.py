"""Token scores: how well codes are predicted, in bits, beside baselines that know no network.

Bits are used because accuracy hides what a distribution knows: a uniform guess over 1024 entries
costs 10 bits, the right answer known for certain 0. Accuracy and squared index error are not
comparable between codebooks; bits are. The second half of the file holds what codes mean in
latents, the linear bottleneck, and how codebooks are used.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from scipy.stats import entropy
from torch.nn import functional

from giblet_core.codecs import Codes, residual_codes
from giblet_core.errors import require

# weights of the unigram in previous_tr_bits; chosen on training data
UNIGRAM_WEIGHTS = tuple(2.0**power for power in range(-1, 13))


def _indices(name: str, codes: Codes | np.ndarray) -> np.ndarray:
    """Return the indices of `Codes`, or the array itself, as int64 of shape (K, n_frames)."""
    indices = np.asarray(codes.indices if isinstance(codes, Codes) else codes)
    require(
        indices.ndim == 2 and indices.dtype.kind in "iu" and 0 not in indices.shape,
        f"{name}: must be integer codes (num_codebooks, n_frames), got {indices.dtype} "
        f"{indices.shape}. Pass Codes or their indices.",
    )
    return indices.astype(np.int64)


# --- bits ----------------------------------------------------------------------------------------


def bits_per_token(logits: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    """Compute the mean cross-entropy of each codebook, ``-log2 p(code)``.

    Parameters
    ----------
    logits : tensor of shape (B, K, T, cardinality)
    targets : integer tensor of shape (B, K, T)

    Returns
    -------
    array of shape (K,), float64
    """
    flat_logits = logits.detach().flatten(0, 2)
    nats = functional.cross_entropy(flat_logits, targets.long().flatten(), reduction="none")
    mean_nats = nats.view(targets.shape).double().mean((0, 2))
    return (mean_nats / np.log(2)).cpu().numpy()


def unigram(train: Codes | np.ndarray, cardinality: int, smoothing: float = 1.0) -> np.ndarray:
    """Estimate how often each entry occurs: ``(n + smoothing) / (N + smoothing * cardinality)``.

    Parameters
    ----------
    train : Codes or integer array of shape (K, n_frames)
    cardinality : int
        Entries a codebook.
    smoothing : float
        Added to every count, > 0.

    Returns
    -------
    array of shape (K, cardinality), float64
        Sums to 1 in each codebook; never 0, so that an entry unseen in training costs finitely many
        bits.

    Raises
    ------
    InputError
        No smoothing, or a code beyond the cardinality.
    """
    train = _indices("train", train)
    require(
        smoothing > 0 and train.max() < cardinality,
        f"smoothing={smoothing}, cardinality={cardinality}: smoothing must be positive and every "
        "code below cardinality.",
    )
    counts = np.stack([np.bincount(entries, minlength=cardinality) for entries in train])
    n_frames = train.shape[1]
    return (counts + smoothing) / (n_frames + smoothing * cardinality)


def unigram_bits(
    train: Codes | np.ndarray,
    test: Codes | np.ndarray,
    cardinality: int,
    smoothing: float = 1.0,
) -> np.ndarray:
    """Score `test` by how often each entry occurred in `train`.

    Parameters
    ----------
    train, test : Codes or integer array of shape (K, n_frames)
    cardinality : int
        Entries a codebook.
    smoothing : float
        Added to every count.

    Returns
    -------
    array of shape (K,), float64
        Bits a token.
    """
    probabilities = unigram(train, cardinality, smoothing)
    test = _indices("test", test)
    bits = [-np.log2(p[entries]).mean() for p, entries in zip(probabilities, test, strict=True)]
    return np.array(bits)


def previous_tr_bits(
    train: Codes | np.ndarray,
    test: Codes | np.ndarray,
    n_frames: int,
    cardinality: int,
    smoothing: float = 1.0,
    starts: np.ndarray | None = None,
) -> np.ndarray:
    """Score TRs of `test` by the entries of the TR before each.

    ``p(c) = (n_previous(c) + a * unigram(c)) / (n_frames + a)``; the weight `a` of each codebook is
    the one of `UNIGRAM_WEIGHTS` that scores the training data best.

    Parameters
    ----------
    train, test : Codes or integer array of shape (K, n_frames)
        At least two TRs each.
    n_frames : int
        Frames a TR.
    cardinality : int
        Entries a codebook.
    smoothing : float
        Added to every count of the unigram.
    starts : integer array of shape (n_trs,), optional
        First frames of the TRs to score, each at least `n_frames`; by default all after the first.

    Returns
    -------
    array of shape (n_trs, K), float64
        Bits a token.

    Raises
    ------
    InputError
        Less than two TRs.
    """
    probabilities = unigram(train, cardinality, smoothing)
    train = _indices("train", train)
    test = _indices("test", test)
    require(
        min(train.shape[1], test.shape[1]) >= 2 * n_frames,
        f"n_frames={n_frames}: train ({train.shape[1]}) and test ({test.shape[1]}) must hold two "
        "TRs each. Give longer codes.",
    )
    train_starts = np.arange(n_frames, train.shape[1] - n_frames + 1, n_frames)
    test_starts = np.arange(n_frames, test.shape[1] - n_frames + 1, n_frames)
    if starts is not None:
        test_starts = np.asarray(starts)
    bits = []
    for p, train_entries, test_entries in zip(probabilities, train, test):
        train_tokens = _trs(train_entries, train_starts, n_frames)
        train_counts = _counts_before(train_entries, train_starts, n_frames)
        train_bits = [
            _blend_bits(train_counts, p[train_tokens], weight).mean() for weight in UNIGRAM_WEIGHTS
        ]
        weight = UNIGRAM_WEIGHTS[int(np.argmin(train_bits))]
        test_tokens = _trs(test_entries, test_starts, n_frames)
        test_counts = _counts_before(test_entries, test_starts, n_frames)
        bits.append(_blend_bits(test_counts, p[test_tokens], weight).mean(1))
    return np.stack(bits, 1)


def _trs(entries: np.ndarray, starts: np.ndarray, n_frames: int) -> np.ndarray:
    """Cut the TRs that begin at `starts` from one codebook's entries, (n_trs, n_frames)."""
    return entries[starts[:, None] + np.arange(n_frames)]


def _counts_before(entries: np.ndarray, starts: np.ndarray, n_frames: int) -> np.ndarray:
    """Count for each token of the TRs at `starts` how often its entry occurs in the TR before.

    Returns an array of shape (n_trs, n_frames).
    """
    trs = _trs(entries, starts, n_frames)
    trs_before = _trs(entries, starts - n_frames, n_frames)
    return np.stack([(tr[:, None] == before).sum(1) for tr, before in zip(trs, trs_before)])


def _blend_bits(counts: np.ndarray, unigram_p: np.ndarray, weight: float) -> np.ndarray:
    """Return the bits of tokens, given their counts in the TR before, (n_trs, n_frames)."""
    n_frames = counts.shape[1]
    return -np.log2((counts + weight * unigram_p) / (n_frames + weight))


# --- what codes mean in latents ------------------------------------------------------------------


def sum_latents(indices: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Sum the vectors of codes over codebooks: the decoder's input.

    Parameters
    ----------
    indices : integer array of shape (K, T)
    codebooks : array of shape (>= K, cardinality, D)

    Returns
    -------
    array of shape (D, T), float32
    """
    indices = _indices("indices", indices)
    vectors = [
        np.asarray(codebook, np.float32)[entries] for codebook, entries in zip(codebooks, indices)
    ]
    return sum(vectors).T


#: Which entry of codebook k is nearest to each of (n, D) points: (n,) int, as ``Codec.nearest``.
Nearest = Callable[[int, np.ndarray], np.ndarray]


def requantise(
    latents: np.ndarray, codebooks: np.ndarray, nearest: Nearest | None = None
) -> np.ndarray:
    """Quantise latents by residual vector quantisation.

    Each codebook takes the entry nearest to what the codebooks before it left.

    Parameters
    ----------
    latents : array of shape (D, T)
    codebooks : array of shape (K, cardinality, D)
    nearest : callable, optional
        ``codec.nearest``, for a codec that projects or normalises; by Euclidean distance by
        default.

    Returns
    -------
    array of shape (K, T), int64
    """
    codebooks = np.array(codebooks, np.float32)
    residual = np.array(latents, np.float32).T.copy()  # (T, D)
    if nearest is None:
        return residual_codes(torch.from_numpy(residual), torch.from_numpy(codebooks))
    indices = []
    for k, vectors in enumerate(codebooks):
        entries = nearest(k, residual)
        indices.append(entries)
        residual = residual - vectors[entries]
    return np.stack(indices).astype(np.int64)


def expected_latents(logits: torch.Tensor, codebooks: np.ndarray) -> np.ndarray:
    """Average the codebooks' vectors under the predicted probabilities, and sum over codebooks.

    The mean makes the smallest squared error; the most likely entries, taken codebook by codebook,
    need not belong together.

    Parameters
    ----------
    logits : tensor of shape (K, T, cardinality)
    codebooks : array of shape (>= K, cardinality, D)

    Returns
    -------
    array of shape (D, T), float32
    """
    vectors = torch.from_numpy(np.array(codebooks[: len(logits)], np.float32))
    return torch.einsum("ktc,kcd->dt", logits.softmax(-1), vectors).numpy()


def pca_reconstruction(
    train: np.ndarray, test: np.ndarray, n_components: int = 256, seed: int = 0
) -> np.ndarray:
    """Pass latent windows through principal components: the best linear bottleneck of `train`.

    Parameters
    ----------
    train : array of shape (n_train, D, T)
        Latent windows; at least `n_components` of them.
    test : array of shape (n_test, D, T)
    n_components : int
        Width of the bottleneck.
    seed : int
        Of the randomised decomposition.

    Returns
    -------
    array of shape (n_test, D, T), float32

    Raises
    ------
    InputError
        Fewer training windows than components.
    """
    from sklearn.decomposition import PCA  # slow to import, and needed here only

    require(
        len(train) >= n_components,
        f"n_components={n_components}: must be at most the number of training windows, "
        f"{len(train)}. Give more windows.",
    )
    pca = PCA(n_components, svd_solver="randomized", random_state=seed)
    pca.fit(train.reshape(len(train), -1))
    scores = pca.transform(test.reshape(len(test), -1))
    return pca.inverse_transform(scores).reshape(test.shape).astype(np.float32)


# --- how codebooks are used ----------------------------------------------------------------------


def codebook_table(codes: Codes, codebooks: np.ndarray) -> pd.DataFrame:
    """Describe how each codebook is used.

    Parameters
    ----------
    codes : Codes
    codebooks : array of shape (>= K, cardinality, D)

    Returns
    -------
    pandas.DataFrame
        A row a codebook: entries ``used``, ``entropy_bits`` of their frequencies, ``repeats``
        (share of frames with the entry of the frame before), and ``left_over``: the energy of the
        full sum that codebooks up to this one leave unexplained, as a share.
    """
    whole = sum_latents(codes.indices, codebooks)
    whole_energy = np.square(whole).sum()
    so_far = 0.0
    rows = []
    for entries, vectors in zip(codes.indices.astype(int), codebooks):
        counts = np.bincount(entries, minlength=len(vectors))
        so_far = so_far + vectors[entries].T
        rows.append(
            {
                "used": int((counts > 0).sum()),
                "entropy_bits": float(entropy(counts, base=2)),
                "repeats": float((entries[1:] == entries[:-1]).mean()),
                "left_over": float(np.square(whole - so_far).sum() / whole_energy),
            }
        )
    return pd.DataFrame(rows).rename_axis("codebook")
