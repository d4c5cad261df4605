"""How well codes are predicted, in bits a token, against baselines that know nothing of the
network; and the linear bottleneck.

Bits are used because accuracy hides what a distribution knows: a uniform guess over 1024 entries
costs 10 bits, the right answer known for certain 0. Accuracy and squared index error are not
comparable between codebooks; bits are.
"""

import numpy as np
import torch
from torch.nn import functional as F

from giblet_core.codecs import residual_codes
from giblet_core.errors import InputError, require

SMOOTHINGS = tuple(
    2.0**p for p in range(-1, 13)
)  # weights of the unigram in previous_tr_bits; chosen on training data


def _indices(name: str, codes: np.ndarray) -> np.ndarray:
    codes = np.asarray(getattr(codes, "indices", codes))
    require(
        codes.ndim == 2 and codes.dtype.kind in "iu" and 0 not in codes.shape,
        f"{name}: must be integer codes (num_codebooks, "
        f"n_frames), got {codes.dtype} {codes.shape}. Pass Codes or their indices.",
    )
    return codes.astype(np.int64)


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
    nats = F.cross_entropy(
        logits.detach().flatten(0, 2), targets.long().flatten(), reduction="none"
    )
    return (nats.view(targets.shape).double().mean((0, 2)) / np.log(2)).cpu().numpy()


def unigram(train: np.ndarray, cardinality: int = 1024, smoothing: float = 1.0) -> np.ndarray:
    """Count entries of each codebook: ``(n + smoothing) / (N + smoothing * cardinality)``.

    Returns
    -------
    array of shape (K, cardinality), float64
        Sums to 1 in each codebook; never 0, so that an entry unseen in training costs finitely many
        bits.
    """
    train = _indices("train", train)
    require(
        smoothing > 0 and train.max() < cardinality,
        f"smoothing={smoothing}, cardinality={cardinality}: smoothing must be positive "
        "and every code below cardinality.",
    )
    counts = np.stack([np.bincount(codebook, minlength=cardinality) for codebook in train])
    return (counts + smoothing) / (train.shape[1] + smoothing * cardinality)


def unigram_bits(
    train: np.ndarray, test: np.ndarray, cardinality: int = 1024, smoothing: float = 1.0
) -> np.ndarray:
    """Score `test` by how often each entry occurred in `train`.

    Parameters
    ----------
    train, test : Codes or integer array of shape (K, n_frames)
    cardinality : int
    smoothing : float
        Added to every count.

    Returns
    -------
    array of shape (K,), float64
        Bits a token.
    """
    p, test = unigram(train, cardinality, smoothing), _indices("test", test)
    return np.array([-np.log2(row[codebook]).mean() for row, codebook in zip(p, test, strict=True)])


def previous_tr_bits(
    train: np.ndarray,
    test: np.ndarray,
    n_frames: int = 112,
    cardinality: int = 1024,
    smoothing: float = 1.0,
    starts: np.ndarray | None = None,
) -> np.ndarray:
    """Score TRs of `test` by the entries of the TR before each.

    ``p(c) = (n_previous(c) + a * unigram(c)) / (n_frames + a)``; the weight `a` of each codebook is
    the one of `SMOOTHINGS` that scores the training data best.

    Parameters
    ----------
    train, test : Codes or integer array of shape (K, n_frames)
        At least two TRs each.
    n_frames : int
        Frames a TR.
    cardinality, smoothing :
        As in `unigram_bits`.
    starts : integer array of shape (n_trs,), optional
        First frames of the TRs to score, each at least `n_frames`; by default all after the first.

    Returns
    -------
    array of shape (n_trs, K), float64
        Bits a token.
    """
    p, train, test = (
        unigram(train, cardinality, smoothing),
        _indices("train", train),
        _indices("test", test),
    )
    require(
        min(train.shape[1], test.shape[1]) >= 2 * n_frames,
        f"n_frames={n_frames}: train ({train.shape[1]}) and test ({test.shape[1]}) "
        "must hold two TRs each. Give longer codes.",
    )
    bits = []
    for k, row in enumerate(p):
        n, c = _previous_counts(train[k], n_frames, None)
        a = min(SMOOTHINGS, key=lambda a: -np.log2((n + a * row[c]) / (n_frames + a)).mean())
        n, c = _previous_counts(test[k], n_frames, starts)
        bits.append(-np.log2((n + a * row[c]) / (n_frames + a)).mean(1))
    return np.stack(bits, 1)


def _previous_counts(
    codebook: np.ndarray, n_frames: int, starts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return for every token of the TRs at `starts` how often its entry occurred in the TR before,
    and the token; (n_trs, n_frames).
    """
    starts = (
        np.arange(n_frames, len(codebook) - n_frames + 1, n_frames)
        if starts is None
        else np.asarray(starts)
    )
    now = codebook[starts[:, None] + np.arange(n_frames)]
    before = codebook[starts[:, None] + np.arange(-n_frames, 0)]
    return np.stack([(x[:, None] == y).sum(1) for x, y in zip(now, before)]), now


def sum_latents(indices: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Sum the codebooks' vectors: indices (K, T) and codebooks (>= K, cardinality, D) -> (D, T)
    float32, the decoder's input.
    """
    indices = _indices("indices", indices)
    return sum(
        np.asarray(rows, np.float32)[codebook] for rows, codebook in zip(codebooks, indices)
    ).T


def requantise(latents: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Quantise latents (D, T) by residual vector quantisation -> indices (K, T) int64.

    Each book takes the entry nearest to what the codebooks before it left.
    """
    return residual_codes(
        torch.from_numpy(np.array(latents, np.float32).T.copy()),
        torch.from_numpy(np.array(codebooks, np.float32)),
    )


def expected_latents(logits: torch.Tensor, codebooks: np.ndarray) -> np.ndarray:
    """Average the codebooks' vectors under the predicted probabilities: logits (K, T, cardinality)
    -> latents (D, T) float32.

    The mean makes the smallest squared error; the most likely entries, taken codebook by codebook,
    need not belong together.
    """
    rows = torch.from_numpy(np.array(codebooks[: len(logits)], np.float32))
    return torch.einsum("ktc,kcd->dt", logits.softmax(-1), rows).numpy()


def pca_reconstruction(
    train: np.ndarray, test: np.ndarray, n_components: int = 256, seed: int = 0
) -> np.ndarray:
    """Pass latent windows through the best linear bottleneck of training data.

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
    """
    from sklearn.decomposition import PCA  # slow to import, and needed here only

    if len(train) < n_components:
        raise InputError(
            f"n_components={n_components}: must be at most the number of training windows, {len(train)}. Give more windows."
        )
    pca = PCA(n_components, svd_solver="randomized", random_state=seed).fit(
        train.reshape(len(train), -1)
    )
    scores = pca.transform(test.reshape(len(test), -1))
    return pca.inverse_transform(scores).reshape(test.shape).astype(np.float32)
