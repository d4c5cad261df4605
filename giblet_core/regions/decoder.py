"""The decoder of a region: ridge from voxels to latents, refitted many times, and its score.

It is the ridge of `giblet_core.encoding`, with penalties in the same unit, in the form that shows
which column says what: a region can then be held at its mean after the fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, solve

from giblet_core.decoding import Segments, accuracy_of_pairs, foil_pairs, pairwise_accuracy
from giblet_core.encoding import check_matrix, correlate, standardise
from giblet_core.timing import Fold, inner_folds, run_index

PENALTIES = tuple(np.logspace(-1, 2, 4))
N_INNER = 3  # folds in which a penalty is chosen


def standardised_columns(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardise all rows of x with the training rows' mean and SD, float32."""
    return standardise(x, train).astype(np.float32)


def ridge_weights(
    z: np.ndarray, y: np.ndarray, train: np.ndarray, alphas: Sequence[float]
) -> Iterator[np.ndarray]:
    """Yield the weights of ridge for each penalty, solved in the smaller of rows and columns.

    Parameters
    ----------
    z : array of shape (n_trs, n_columns)
        From `standardised_columns`.
    y : array of shape (n_trs, n_dims)
        Targets; centred here on the training rows.
    train : int array of shape (n_train,)
        Training rows.
    alphas : sequence of float
        Penalties, as shares of the number of columns.

    Yields
    ------
    array of shape (n_columns, n_dims), float32
    """
    columns = z[train]
    targets = (y[train] - y[train].mean(0)).astype(np.float32)
    n_columns = z.shape[1]
    dual = n_columns > len(train)
    gram = columns @ columns.T if dual else columns.T @ columns
    right_side = targets if dual else columns.T @ targets
    penalties = [alpha * n_columns for alpha in alphas]
    solutions = _one_solution if len(penalties) == 1 else _several_solutions
    for solution in solutions(gram, right_side, penalties):
        yield columns.T @ solution if dual else solution


def _one_solution(
    gram: np.ndarray, right_side: np.ndarray, penalties: Sequence[float]
) -> Iterator[np.ndarray]:
    """Solve ``(gram + penalty I) w = right_side`` by Cholesky."""
    (penalty,) = penalties
    ridge = np.float32(penalty) * np.eye(len(gram), dtype=np.float32)
    yield solve(gram + ridge, right_side, assume_a="pos")


def _several_solutions(
    gram: np.ndarray, right_side: np.ndarray, penalties: Sequence[float]
) -> Iterator[np.ndarray]:
    """Solve the same for several penalties by one decomposition."""
    values, vectors = eigh(
        gram.astype(np.float64), driver="evd", check_finite=False, overwrite_a=True
    )
    vectors = vectors.astype(np.float32)
    rotated = vectors.T @ right_side
    for penalty in penalties:
        shrunk = rotated / (np.maximum(values, 0) + penalty)[:, None].astype(np.float32)
        yield vectors @ shrunk


def choose_penalties(
    xs: Sequence[np.ndarray],
    y: np.ndarray,
    folds: list[Fold],
    run_onsets: Sequence[int],
    embargo: int,
) -> np.ndarray:
    """Choose one of `PENALTIES` for each fold, for several sets of voxels together.

    The choice is made in inner folds, by r averaged over the dimensions and summed over the sets:
    none of these has a penalty made for itself.

    Parameters
    ----------
    xs : sequence of arrays of shape (n_trs, n_voxels_i)
        Sets of voxels.
    y : array of shape (n_trs, n_dims)
        Latents.
    folds : list of (train, test)
        Only training rows are used.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs left out around each inner test fold.

    Returns
    -------
    array of shape (n_folds,)
    """
    run_of = run_index(len(y), run_onsets)
    chosen = []
    for train, _ in folds:
        scores = np.zeros(len(PENALTIES))
        for inner_train, inner_test in inner_folds(train, run_of, N_INNER, embargo):
            for x in xs:
                scores += _inner_scores(x, y, inner_train, inner_test)
        chosen.append(PENALTIES[int(scores.argmax())])
    return np.array(chosen)


def _inner_scores(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> list[float]:
    """Return r of each of `PENALTIES`, averaged over the dimensions."""
    z = standardised_columns(x, train)
    return [
        np.nanmean(correlate(z[test] @ weights, y[test]))
        for weights in ridge_weights(z, y, train, PENALTIES)
    ]


@dataclass(frozen=True, eq=False)
class ReadOut:
    """Held-out predictions of a decoder; NaN in rows of no test fold.

    Attributes
    ----------
    intact : array of shape (n_trs, n_dims), float32
    frozen : array of shape (n_sets, n_trs, n_dims), float32
        With each set of columns held at its training mean after the fit.
    """

    intact: np.ndarray
    frozen: np.ndarray


def read_out(
    x: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    penalties: Sequence[float],
    frozen: Sequence[np.ndarray] = (),
) -> ReadOut:
    """Predict y from x in every test fold.

    Parameters
    ----------
    x : array of shape (n_trs, n_voxels)
        BOLD.
    y : array of shape (n_trs, n_dims)
        Latents.
    folds : list of (train, test)
        Each test fold is predicted by a fit to its training rows.
    penalties : sequence of float
        One a fold, from `choose_penalties`.
    frozen : sequence of int arrays
        Sets of columns of x to hold at their training mean after the fit, each set on its own.

    Returns
    -------
    ReadOut

    Raises
    ------
    InputError
        For integer, empty or non-finite input, and unequal numbers of TRs.
    """
    x = check_matrix("x", x)
    y = check_matrix("y", y, len(x))
    intact = np.full(y.shape, np.nan, np.float32)
    without = np.full((len(frozen), *y.shape), np.nan, np.float32)
    for (train, test), penalty in zip(folds, penalties):
        z = standardised_columns(x, train)
        (weights,) = ridge_weights(z, y, train, [penalty])
        intact[test] = z[test] @ weights + y[train].mean(0)
        for i, columns in enumerate(frozen):
            contribution = z[np.ix_(test, columns)] @ weights[columns]
            without[i, test] = intact[test] - contribution
    return ReadOut(intact, without)


@dataclass(frozen=True, eq=False)
class SegmentScorer:
    """Identifies segments by predictions: `decoding.identify` with the true side prepared once.

    Attributes
    ----------
    covered : int array of shape (n_covered,)
        TRs that lie in any segment.
    places : int array of shape (n_segments, length)
        Where among these each segment's TRs are.
    fold_places : tuple of int arrays
        Where among these each test fold's TRs are.
    patterns : array of shape (length * n_dims, n_segments), float32
        True segments, standardised, centred and of norm 1.
    foils : bool array of shape (n_segments, n_segments)
    pairs : int array of shape (n_pairs, 2)
        Segments that are foils of each other, each pair once: the units.
    """

    covered: np.ndarray
    places: np.ndarray
    fold_places: tuple[np.ndarray, ...]
    patterns: np.ndarray
    foils: np.ndarray
    pairs: np.ndarray

    def accuracy(self, predictions: np.ndarray) -> np.ndarray:
        """Return the share of each pair's two comparisons that are won, (n_pairs,).

        Predictions are (n_trs, n_dims).
        """
        return accuracy_of_pairs(self._similarity(predictions), self.pairs)

    def accuracy_of_segments(self, predictions: np.ndarray) -> np.ndarray:
        """Return the share of foils that each segment beats, (n_segments,); NaN without a foil.

        Predictions are (n_trs, n_dims).
        """
        accuracy = pairwise_accuracy(self._similarity(predictions), self.foils)
        return np.where(self.foils.any(1), accuracy, np.nan)

    def _similarity(self, predictions: np.ndarray) -> np.ndarray:
        """Compare predicted segments (rows) with true ones, (n_segments, n_segments)."""
        covered = predictions[self.covered]
        # a constant says nothing, whatever its rounding
        smallest_sd = 1e-5 * np.abs(covered).max(0)
        for places in self.fold_places:
            covered[places] -= covered[places].mean(0)
        sd = covered.std(0)
        varies = sd > smallest_sd
        scale = np.where(varies, 1 / np.where(varies, sd, 1), 0)
        predicted = (covered * scale)[self.places].reshape(len(self.places), -1)
        return predicted @ self.patterns


def make_scorer(latents: np.ndarray, segments: Segments, embargo: int) -> SegmentScorer:
    """Prepare the true side of identification.

    Parameters
    ----------
    latents : array of shape (n_trs, n_dims)
        True values.
    segments : Segments
        Segments to identify.
    embargo : int
        TRs between a segment and its foils.

    Returns
    -------
    SegmentScorer
        Its `accuracy` is ``identify(predictions, latents, segments).per_pair``.

    Raises
    ------
    InputError
        When no segment has a foil.
    """
    covered = segments.covered
    mean = latents[covered].astype(np.float64).mean(0)
    sd = latents[covered].astype(np.float64).std(0)
    standardised = (latents - mean) / np.where(sd > 0, sd, np.inf)
    patterns = standardised[segments.rows].reshape(len(segments.rows), -1)
    patterns -= patterns.mean(1, keepdims=True)
    norm = np.linalg.norm(patterns, axis=1, keepdims=True)
    patterns = patterns / np.where(norm > 0, norm, np.inf)
    places = np.searchsorted(covered, segments.rows)
    folds = np.unique(segments.fold_of)
    foils = segments.some_foils(embargo)
    return SegmentScorer(
        covered=covered,
        places=places,
        fold_places=tuple(np.unique(places[segments.fold_of == fold]) for fold in folds),
        patterns=patterns.astype(np.float32).T,
        foils=foils,
        pairs=foil_pairs(foils),
    )
