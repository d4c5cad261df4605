"""All subsets of the codebooks: what each codebook adds, frozen and refit, alone and beyond the
others, and its Shapley value.

Two estimands, which differ. *Refit*: ridge fitted anew on the codebooks of a subset. *Frozen*: the
weights of all codebooks are kept and the features of the missing ones held at their mean. Kernels
add over codebooks, so that 255 refits cost a few fits, and frozen predictions add over codebooks,
so that 255 sums cost one.

References
----------
[1] Shapley 1953, A value for n-person games. doi:10.1515/9781400881970-018
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import comb
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from giblet_core.codecs import Codec, Codes
from giblet_core.encoding.kernels import centre, check_matrix, correlate, fisher_mean, kernel, ridge
from giblet_core.encoding.regression import EncodingResult
from giblet_core.errors import InputError, require
from giblet_core.features import BASE_RATE_HZ, envelope, momentary_loudness, pooled
from giblet_core.sound import log_mel
from giblet_core.timing import Fold, TRGrid

ESTIMANDS = ("refit", "frozen")
ONE_THREAD = threadpool_limits.wrap(
    limits=1, user_api="blas"
)  # threads that meet at each small solve can be ten times slower than one
N_BANDS = 16  # of the log-mel spectrum that codebooks are freed of


def shapley(values: np.ndarray) -> np.ndarray:
    """Share what all players reach fairly: each one's mean gain over all orders in which they can
    join.

    Parameters
    ----------
    values : array of shape (2 ** n, ...)
        Of every subset in binary order, player 0 the highest bit.

    Returns
    -------
    array of shape (n, ...)
        Sums to ``values[-1] - values[0]``.
    """
    n, sets = int(np.log2(len(values))), np.arange(len(values))
    weights = 1 / (n * comb(n - 1, np.bitwise_count(sets[:-1])))
    without = [(bit, sets[sets & bit == 0]) for bit in 1 << np.arange(n)[::-1]]
    return np.stack(
        [np.tensordot(weights[rest], values[rest + bit] - values[rest], 1) for bit, rest in without]
    )


@dataclass(frozen=True)
class SubsetScores:
    """Accuracy of every subset of the codebooks.

    Attributes
    ----------
    kept : bool array of shape (2 ** n_books, n_books)
        Codebooks of each subset; the first row is the empty one, the last has all.
    r_folds : array of shape (2 ** n_books, n_folds, n_targets)
        The empty subset scores 0, or what the base alone scores.
    estimand : {"refit", "frozen"}
    """

    kept: np.ndarray
    r_folds: np.ndarray
    estimand: str

    @property
    def r(self) -> np.ndarray:
        """Fisher-averaged over folds, shape (2 ** n_books, n_targets)."""
        return fisher_mean(self.r_folds, axis=1)

    def row(self, codebooks: Sequence[int]) -> int:
        """Return the row of a subset."""
        return int(sum(1 << (self.kept.shape[1] - 1 - codebook) for codebook in set(codebooks)))

    @property
    def value_folds(self) -> np.ndarray:
        """Explained variance, signed r|r|, shape (2 ** n_books, n_folds, n_targets)."""
        return self.r_folds * np.abs(self.r_folds)

    def unique(self) -> np.ndarray:
        """What all codebooks explain less all but this one, per fold: shape (n_books, n_folds,
        n_targets).
        """
        without = len(self.kept) - 1 - (1 << np.arange(self.kept.shape[1])[::-1])
        return self.value_folds[-1] - self.value_folds[without]

    def shared(self) -> np.ndarray:
        """What all explain beyond the empty subset, less the unique parts, per fold: shape
        (n_folds, n_targets).
        """
        return self.value_folds[-1] - self.value_folds[0] - self.unique().sum(0)

    def shapley(self) -> np.ndarray:
        """Each book's mean contribution over all orders in which codebooks can join, per fold:
        shape (n_books, n_folds, n_targets).

        Sums over codebooks to what all explain beyond the empty subset.
        """
        return shapley(self.value_folds)


@ONE_THREAD
def subset_scores(
    codebooks: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    estimand: str = "refit",
    base: Sequence[np.ndarray] = (),
    thin: int = 3,
    alpha_factor: float = 1.0,
    progress: bool = False,
) -> SubsetScores:
    """Score every subset of the codebooks, with the penalties that the fit of all of them chose.

    The prior on the weights is therefore the same in every subset; only the features differ. Alphas
    are rounded to every `thin`-th of the grid (r is flat in alpha), which keeps 255 refits below
    the cost of 20 fits.

    Parameters
    ----------
    codebooks : sequence of arrays of shape (n_trs, n_features_k)
        At most 10.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of ``fit_banded([*codebooks, *base], Y, ...)``.
    estimand : {"refit", "frozen"}
    base : sequence of arrays
        Spaces that every subset includes (envelope, spectrum), so that only what codebooks add
        beyond them counts.
    thin : int
        1 keeps every alpha.
    alpha_factor : float
        Score at this multiple of the chosen penalties: ridge shares weight among redundant
        codebooks, the more the larger it is.
    progress : bool

    Returns
    -------
    SubsetScores
    """
    if estimand not in ESTIMANDS or not 1 <= len(codebooks) <= 10:
        raise InputError(
            f"estimand={estimand!r}, {len(codebooks)} codebooks: must be one of {', '.join(ESTIMANDS)}, with 1 to 10 codebooks."
        )
    require(
        fit.candidates.shape[1] == 1 + len(codebooks) + len(base),
        f"fit: made with {fit.candidates.shape[1] - 1} spaces, not "
        f"{len(codebooks) + len(base)}; must be the fit of the same spaces. Fit all codebooks and the base first.",
    )
    y = check_matrix("Y", Y)
    y = (y - y.mean(0)).astype(np.float32)
    kept = np.array(list(product([False, True], repeat=len(codebooks))))
    r = np.zeros((len(kept), len(fit.folds), y.shape[1]), np.float32)
    score = _refit if estimand == "refit" else _frozen
    candidates, choice = _thinned(fit, thin)
    for f, (train, test) in enumerate(
        tqdm(fit.folds, desc=f"{len(kept)} subsets, {estimand}", disable=not progress)
    ):
        blocks = [
            centre(kernel(x, train, fit.settings["n_components"]), train, test)
            for x in (*codebooks, *base)
        ]
        for c in np.unique(choice[f]):
            at = np.flatnonzero(choice[f] == c)
            weighted = [
                (gamma * block, gamma * k_test)
                for gamma, (block, k_test) in zip(candidates[c, 1:], blocks)
            ]
            for row, prediction in score(
                weighted, len(codebooks), y[np.ix_(train, at)], alpha_factor * candidates[c, 0]
            ):
                r[row, f, at] = correlate(prediction, y[np.ix_(test, at)])
    return SubsetScores(kept, r, estimand)


def _thinned(fit: EncodingResult, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Round the alphas of a fit to every `step`-th of its grid: (candidates, choice)."""
    alphas, place = np.unique(fit.candidates[:, 0], return_inverse=True)
    rounded = np.minimum(place // step * step + step // 2, len(alphas) - 1)
    candidates, renamed = np.unique(
        np.column_stack([alphas[rounded], fit.candidates[:, 1:]]), axis=0, return_inverse=True
    )
    return candidates, renamed.ravel()[fit.choice]


def _walk(parts: list[np.ndarray], n_codebooks: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (row, sum of the parts of that subset and of the base), each one codebook away from the
    one before (Gray code).
    """
    total, held = sum(parts[n_codebooks:], np.zeros_like(parts[0])), 0
    for i in range(1 << n_codebooks):
        row = i ^ (i >> 1)
        if row != held:
            codebook = n_codebooks - (row ^ held).bit_length()
            total = total + parts[codebook] if row > held else total - parts[codebook]
            held = row
        yield row, total


def _refit(
    weighted: list[tuple], n_codebooks: int, y: np.ndarray, alpha: float
) -> Iterator[tuple[int, np.ndarray]]:
    for (row, block), (_, k_test) in zip(
        _walk([a for a, _ in weighted], n_codebooks), _walk([b for _, b in weighted], n_codebooks)
    ):
        yield row, ridge(block, k_test, y, alpha)


def _frozen(
    weighted: list[tuple], n_codebooks: int, y: np.ndarray, alpha: float
) -> Iterator[tuple[int, np.ndarray]]:
    block = sum(a for a, _ in weighted)
    dual = np.linalg.solve(block + alpha * np.eye(len(block)), y - y.mean(0))
    yield from _walk([b @ dual for _, b in weighted], n_codebooks)


@ONE_THREAD
def residual_scores(
    codec: Codec,
    codes: Codes,
    wave: np.ndarray,
    grids: Sequence[TRGrid],
    Y: np.ndarray,
    folds: list[Fold],
    alpha: float,
) -> np.ndarray:
    """Score each codebook alone, as it is and freed of level and spectrum: the energy control of
    predicted fMRI.

    From a codebook's vectors is taken, frame by frame, what least squares over the frames of
    *training* TRs predicts of them from envelope, loudness and `N_BANDS` mel bands. TRs then hold
    means of what is left. Nothing is chosen on what is tested: one penalty for all.

    Parameters
    ----------
    codec, codes, wave, grids
        The stimulus.
    Y : array of shape (n_trs, n_targets)
    folds : list of (train, test)
    alpha : float
        As in `kernels.ridge`.

    Returns
    -------
    array of shape (2, num_codebooks, n_targets)
        r on held-out time, Fisher-averaged over folds: as it is, and freed.
    """
    rate_hz, rate, y = codec.sample_rate, codes.frame_rate, (Y - Y.mean(0)).astype(np.float32)
    rows = [
        *envelope(wave, rate_hz),
        *momentary_loudness(wave, rate_hz),
        *log_mel(wave, rate_hz, N_BANDS, rate_hz // BASE_RATE_HZ),
    ]
    at = (np.arange(codes.n_frames) + 0.5) / rate * BASE_RATE_HZ - 0.5
    low = np.stack([np.interp(at, np.arange(len(row)), row) for row in rows]).astype(np.float32)
    low_pooled = pooled(low, rate, grids, ("mean",))
    trs = [
        np.arange(*pair)
        for edges in (grid.frame_edges(rate) for grid in grids)
        for pair in zip(edges, edges[1:])
    ]
    r = np.empty((2, codes.num_codebooks, len(folds), y.shape[1]))
    for k in range(codes.num_codebooks):
        z = codec.codebooks[k][codes.indices[k]].T
        z_pooled = pooled(z, rate, grids, ("mean",))
        for f, (train, test) in enumerate(folds):
            heard = np.concatenate([trs[i] for i in train])
            x = low[:, heard] - low[:, heard].mean(1, keepdims=True)
            weights = np.linalg.lstsq(x @ x.T, x @ z[:, heard].T, rcond=None)[0]
            for i, part in enumerate(
                (z_pooled, z_pooled - low_pooled @ weights)
            ):  # means over TRs are linear: the same as frame by frame
                r[i, k, f] = correlate(
                    ridge(*centre(kernel(part, train), train, test), y[train], alpha), y[test]
                )
    return fisher_mean(r, axis=2)
