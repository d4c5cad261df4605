"""A decoder that is refitted on BOLD moved along time, nothing being decomposed anew.

What chance gives must be found by the whole analysis: BOLD is moved against the sound, penalties
are chosen again, the decoder is fitted again, and the same segments are identified among the same
foils. Moving finished predictions along time instead calls chance significant three times too
often, since the folds of one fit share their training data and so their errors.

With the kernel K of BOLD over all rows and P = (K + alpha I)^-1 less its part along the constant,
ridge fitted without the rows B predicts ``y_B - P_BB^-1 (P y)_B`` there [1]_. Moved BOLD has the
same P with rows and columns moved. So P is made once a penalty and serves every fold, every inner
fold and every shift.

References
----------
.. [1] Dubrule 1983, Math Geol 15, 687. doi:10.1007/BF01033232 (leaving out a block)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from giblet_core.decoding.regression import DecodingResult, targets_of_folds
from giblet_core.decoding.segments import fold_numbers
from giblet_core.encoding import ALPHAS, check_matrix, correlate, decompose, fisher_mean, kernel
from giblet_core.timing import Fold, inner_folds, run_index

N_INNER = 5  # folds in which a penalty is chosen, as in `fit_banded`
MOST_UNEVEN = 1e4  # of the kernel's largest eigenvalue and the penalty, for single precision


@dataclass(frozen=True, eq=False)
class _InnerFold:
    """Rows that an inner fold leaves out beside those of its outer fold, and tests.

    Attributes
    ----------
    left_out : int array
        Sorted.
    of_test : int array
        Where among these the tested rows are.
    """

    left_out: np.ndarray
    of_test: np.ndarray


@dataclass(frozen=True, eq=False)
class _FoldPlan:
    """What is left out of one fold and, to choose the penalty, of its inner folds.

    Attributes
    ----------
    left_out : int array
        Rows that are not trained on, sorted.
    of_test : int array
        Where among these the tested rows are.
    inner : tuple of _InnerFold
    """

    left_out: np.ndarray
    of_test: np.ndarray
    inner: tuple[_InnerFold, ...]


@dataclass(frozen=True, eq=False)
class MovableDecoder:
    """Ridge from BOLD to targets, ready to be refitted on BOLD whose rows are moved.

    Attributes
    ----------
    precisions : array of shape (n_alphas, n_trs, n_trs)
        P of each penalty.
    targets : array of shape (n_folds, n_trs, n_dims)
        True values as training time of each fold defines them.
    folds : list of (train, test)
    plans : tuple of _FoldPlan
        One a fold.
    """

    precisions: np.ndarray
    targets: np.ndarray
    folds: list[Fold]
    plans: tuple[_FoldPlan, ...]

    def decode(self, rows: np.ndarray | None = None) -> DecodingResult:
        """Fit and predict with BOLD taken in the order of rows (n_trs,); as it is by default.

        Targets and folds stay where they are. The penalty of each dimension is chosen in the inner
        folds of this BOLD.
        """
        moved = self.precisions
        if rows is not None:
            moved = moved[:, rows[:, None], rows]
        n_trs, n_dims = self.targets.shape[1:]
        predictions = np.zeros((n_trs, n_dims))
        r_folds = []
        r_inner = []
        for plan, (_, test), y in zip(self.plans, self.folds, self.targets):
            fits = [_fit(precision, y, plan) for precision in moved]
            scores = np.array([fit.r_inner for fit in fits])
            candidates = np.array([fit.prediction for fit in fits])
            choice = scores.argmax(0)
            predictions[test] = candidates[choice, :, np.arange(n_dims)].T
            r_inner.append(scores.max(0))
            r_folds.append(correlate(predictions[test], y[test]))
        return DecodingResult(
            predictions=predictions,
            targets=self.targets,
            fold_of=fold_numbers(n_trs, self.folds),
            r=fisher_mean(np.array(r_folds)),
            r_folds=np.array(r_folds),
            r_inner=np.array(r_inner),
        )


def movable_decoder(
    bold: np.ndarray,
    targets: np.ndarray,
    folds: list[Fold],
    alphas: Sequence[float] = ALPHAS,
    *,
    run_onsets: Sequence[int] = (0,),
    embargo: int = 20,
) -> MovableDecoder:
    """Prepare a decoder that can be refitted on moved BOLD at little cost.

    It is the ridge of `fit_decoder`, but that voxels are scaled by their SD over all time: a
    scale does not know what was heard, and moves with the BOLD. Means are those of training time.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        One subject's voxels, region means, or a shared response.
    targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        As in `fit_decoder`.
    folds : list of (train, test)
        From `contiguous_folds`.
    alphas : sequence of float
        Penalties on offer, in units of the kernel, > 0.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs left out around each inner test fold.

    Returns
    -------
    MovableDecoder

    Raises
    ------
    InputError
        For integer, empty or non-finite input, and unequal numbers of TRs.
    """
    n_trs = np.shape(targets)[-2]
    bold = check_matrix("bold", bold, n_trs)
    per_fold = targets_of_folds(targets, len(folds))
    for fold_targets in per_fold:
        check_matrix("targets", fold_targets, n_trs)
    run_of = run_index(n_trs, run_onsets)
    centred = per_fold - per_fold.mean(1, keepdims=True)
    precisions = _precisions(bold, alphas)
    return MovableDecoder(
        precisions=precisions,
        targets=centred.astype(precisions.dtype),
        folds=folds,
        plans=tuple(_plan(fold, n_trs, run_of, embargo) for fold in folds),
    )


def _plan(fold: Fold, n_trs: int, run_of: np.ndarray, embargo: int) -> _FoldPlan:
    train, test = fold
    left_out = np.setdiff1d(np.arange(n_trs), train)
    inner = []
    for inner_train, inner_test in inner_folds(train, run_of, N_INNER, embargo):
        also_left_out = np.setdiff1d(train, inner_train)
        inner.append(_InnerFold(also_left_out, np.searchsorted(also_left_out, inner_test)))
    return _FoldPlan(left_out, np.searchsorted(left_out, test), tuple(inner))


def _precisions(bold: np.ndarray, alphas: Sequence[float]) -> np.ndarray:
    """Return P = (K + alpha I)^-1 less its part along the constant, (n_alphas, n_trs, n_trs).

    In single precision where its eigenvalues do not lie too far apart for that.
    """
    rows = np.arange(len(bold))
    spectrum = decompose(kernel(bold, rows), rows)
    is_tame = spectrum.values[-1] < MOST_UNEVEN * min(alphas)
    precisions = []
    for alpha in alphas:
        # K is centred, so that the constant is an eigenvector of (K + alpha I)^-1, of 1 / alpha
        precision = (spectrum.vectors / (spectrum.values + alpha)) @ spectrum.vectors.T
        precision -= 1 / (alpha * len(bold))
        precisions.append(precision.astype(np.float32 if is_tame else np.float64))
    return np.array(precisions)


@dataclass(frozen=True, eq=False)
class _Fit:
    """Predictions of a test fold (n_test, n_dims), and what the inner folds scored (n_dims,)."""

    prediction: np.ndarray
    r_inner: np.ndarray


def _fit(precision: np.ndarray, y: np.ndarray, plan: _FoldPlan) -> _Fit:
    """Predict the test rows of a fold, and score its inner folds, with one penalty.

    Inner folds leave out the rows of the fold and some more. With L the Cholesky factor of P_BB,
    what is left of P on the further rows C is ``P_CC - (L^-1 P_BC)' (L^-1 P_BC)``.
    """
    weighted = precision @ y
    block = plan.left_out
    factor = cholesky(precision[np.ix_(block, block)], lower=True, check_finite=False)
    half = solve_triangular(factor, weighted[block], lower=True, check_finite=False)
    residual = solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
    scores = []
    for inner in plan.inner:
        rows = inner.left_out
        cross = solve_triangular(
            factor, precision[np.ix_(block, rows)], lower=True, check_finite=False
        )
        rest = precision[np.ix_(rows, rows)] - cross.T @ cross
        inner_factor = cho_factor(rest, overwrite_a=True, check_finite=False)
        inner_residual = cho_solve(
            inner_factor, weighted[rows] - cross.T @ half, check_finite=False
        )
        truth = y[rows[inner.of_test]]
        r = correlate(truth - inner_residual[inner.of_test], truth)
        scores.append(np.nan_to_num(r, nan=0.0))
    truth = y[block[plan.of_test]]
    return _Fit(truth - residual[plan.of_test], np.mean(scores, axis=0))
