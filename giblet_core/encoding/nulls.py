"""What chance looks like: circular shifts and multivariate phase randomisation.

Both nulls move the features against BOLD in time and keep each side's own autocorrelation. Moving a
feature space by an orthogonal T turns its kernel into ``T K T'``, so that no feature is touched.

References
----------
.. [1] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (phase
   randomisation of several series at once)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from tqdm import tqdm

from giblet_core.encoding.kernels import centre, check_matrix, kernel, ridge
from giblet_core.encoding.regression import EncodingResult, fit_banded
from giblet_core.encoding.statistics import (
    Hypothesis,
    Null,
    correlate,
    fisher_mean,
    make_null,
    signed_square,
)
from giblet_core.errors import InputError
from giblet_core.timing import check_runs, shift_within_runs

Transform = Callable[[np.ndarray], np.ndarray]  # acts on the rows of an array (n_trs, ...)
EVERYTHING = Hypothesis()
TARGETS_AT_ONCE = 20_000  # bounds the memory of shifted BOLD


def shift_sizes(n_trs: int, run_onsets: Sequence[int] = (0,), min_shift: int = 30) -> np.ndarray:
    """List the circular shifts that are long enough in every run.

    Parameters
    ----------
    n_trs : int
        Number of TRs over all runs.
    run_onsets : sequence of int
        Row at which each run begins.
    min_shift : int
        TRs, in either direction.

    Returns
    -------
    array of int
        From `min_shift` to the shortest run less `min_shift` (left out): 260 for 320 TRs.

    Raises
    ------
    InputError
        When a run is too short for any.
    """
    shortest = int(np.diff(check_runs(n_trs, run_onsets)).min())
    if shortest <= 2 * min_shift:
        raise InputError(
            f"min_shift={min_shift}: the shortest run has {shortest} TRs, more than "
            f"{2 * min_shift} are needed. Lower min_shift or leave the run out."
        )
    return np.arange(min_shift, shortest - min_shift)


def draw_shifts(
    n_trs: int,
    run_onsets: Sequence[int] = (0,),
    min_shift: int = 30,
    n_draws: int = 99,
    seed: int = 0,
) -> np.ndarray:
    """Draw circular shifts, each run by a number of TRs of its own: rows that move a series.

    Neighbouring shifts of one smooth series are nearly the same draw, so that one run has few
    different ones. Runs that move independently have their product.

    Parameters
    ----------
    n_trs : int
        Number of TRs over all runs.
    run_onsets : sequence of int
        Row at which each run begins.
    min_shift : int
        TRs that every run moves at least, in either direction.
    n_draws : int
        Draws. One run gives all its shifts, evenly spread, and no more than there are.
    seed : int

    Returns
    -------
    int array of shape (n_draws or fewer, n_trs)
        ``x[rows[i]]`` is the series x after draw i.

    Raises
    ------
    InputError
        When a run is too short for any shift.
    """
    edges = check_runs(n_trs, run_onsets)
    sizes = [shift_sizes(n_of_run, (0,), min_shift) for n_of_run in np.diff(edges)]
    if len(sizes) == 1:
        places = np.linspace(0, len(sizes[0]) - 1, min(n_draws, len(sizes[0]))).astype(int)
        drawn = sizes[0][places][:, None]
    else:
        rng = np.random.default_rng(seed)
        drawn = np.stack([rng.choice(of_run, n_draws) for of_run in sizes], axis=1)
    runs = list(zip(edges[:-1], edges[1:]))
    return np.array([_moved_rows(runs, shifts) for shifts in drawn])


def _moved_rows(runs: Sequence[tuple[int, int]], shifts: np.ndarray) -> np.ndarray:
    """Return rows (n_trs,) that delay each run, (start, stop), by its own shift."""
    return np.concatenate(
        [np.roll(np.arange(start, stop), shift) for (start, stop), shift in zip(runs, shifts)]
    )


@dataclass(frozen=True, eq=False)
class PhaseRotation:
    """Random phases for each run, added to every column alike: an orthogonal map [1]_.

    Spectra and the correlations between columns stay as they are.

    Attributes
    ----------
    edges : array of shape (n_runs + 1,)
        Rows at which runs begin, and the end of the last.
    factors : list of arrays of shape (n_frequencies,), complex
        One a run, of modulus 1; 1 at frequency 0 and at Nyquist.
    """

    edges: np.ndarray
    factors: list[np.ndarray]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Rotate the phases of x (n_trs, ...)."""
        rotated = np.empty_like(x)
        for start, stop, factor in zip(self.edges[:-1], self.edges[1:], self.factors):
            spectrum = np.fft.rfft(x[start:stop], axis=0)
            factor = factor.reshape(-1, *[1] * (x.ndim - 1))
            rotated[start:stop] = np.fft.irfft(spectrum * factor, n=stop - start, axis=0)
        return rotated


def phase_rotation(
    n_trs: int, run_onsets: Sequence[int], rng: np.random.Generator
) -> PhaseRotation:
    """Draw random phases for each run.

    Parameters
    ----------
    n_trs : int
        Number of TRs over all runs.
    run_onsets : sequence of int
        Row at which each run begins.
    rng : Generator
        Drawn from once a run.

    Returns
    -------
    PhaseRotation
        A function of arrays of shape (n_trs, ...).
    """
    edges = check_runs(n_trs, run_onsets)
    factors = []
    for n in np.diff(edges):
        factor = np.exp(2j * np.pi * rng.random(n // 2 + 1))
        factor[0] = 1
        if n % 2 == 0:
            factor[-1] = 1  # Nyquist
        factors.append(factor)
    return PhaseRotation(edges, factors)


def null_circular_shift(
    spaces: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    min_shift: int = 30,
    reselect: bool = True,
    hypothesis: Hypothesis = EVERYTHING,
) -> Null:
    """Compare with all distinct circular shifts of the features within runs.

    Parameters
    ----------
    spaces : array of shape (n_trs, n_features), or a sequence of such
        As given to the fit.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of these spaces and Y; folds, runs and embargo are taken from it.
    min_shift : int
        TRs of the least shift, in either direction.
    reselect : bool
        Choose the penalties anew for every shift, which is exact and costs a fit a shift; without
        it, and where only some spaces are tested, those of `fit` are kept, which were chosen on the
        true alignment and make p slightly too small. A fit with a single candidate has no choice to
        make.
    hypothesis : Hypothesis
        What is tested; all spaces in one subject by default.

    Returns
    -------
    Null
    """
    model = _Model.checked(spaces, Y, fit)
    tested = model.tested(hypothesis)
    sizes = shift_sizes(len(Y), fit.settings.run_onsets, min_shift)
    statistic = _Statistic.of(model, tested, hypothesis.n_subjects)
    with_none = [0, *sizes]  # the data first, scored in the same way
    if len(tested) == len(model.spaces):
        r = _shifted(model, with_none, reselect)
    else:
        moves = [shift_within_runs(len(Y), size, fit.settings.run_onsets) for size in with_none]
        r = _randomised(model, tested, [partial(_take_rows, rows) for rows in moves])
    return _null_of(statistic, r, "circular shifts")


def null_phase(
    spaces: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    hypothesis: Hypothesis = EVERYTHING,
) -> Null:
    """Compare with multivariate phase randomisations of the features.

    The draw is the same for all voxels of a subject.

    Parameters
    ----------
    spaces : array of shape (n_trs, n_features), or a sequence of such
        As given to the fit.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of these spaces and Y; folds, runs and penalties are taken from it.
    n_draws : int
        1000 or more for a result to report.
    seed : int
    hypothesis : Hypothesis
        What is tested; all spaces in one subject by default.

    Returns
    -------
    Null
    """
    model = _Model.checked(spaces, Y, fit)
    tested = model.tested(hypothesis)
    n_groups = hypothesis.n_subjects if hypothesis.draws == "independent" else 1
    generators = np.random.default_rng(seed).spawn(n_groups)
    groups = np.split(np.arange(Y.shape[1]), n_groups)
    r = np.empty((1 + n_draws, Y.shape[1]), np.float32)  # the data first
    for columns, rng in zip(tqdm(groups, desc="phase draws", disable=n_groups == 1), generators):
        rotations = [
            phase_rotation(len(Y), fit.settings.run_onsets, child) for child in rng.spawn(n_draws)
        ]
        r[:, columns] = _randomised(model.some_targets(columns), tested, [AS_IT_IS, *rotations])
    statistic = _Statistic.of(model, tested, hypothesis.n_subjects)
    return _null_of(statistic, r, f"phase randomisation ({hypothesis.draws} draws)")


@dataclass(frozen=True, eq=False)
class _Model:
    """A fit with what it was fitted to, and each target's choice of penalties."""

    spaces: list[np.ndarray]
    Y: np.ndarray
    fit: EncodingResult
    choice: np.ndarray

    @classmethod
    def checked(
        cls, spaces: np.ndarray | Sequence[np.ndarray], Y: np.ndarray, fit: EncodingResult
    ) -> "_Model":
        spaces = [spaces] if isinstance(spaces, np.ndarray) else list(spaces)
        return cls(spaces, check_matrix("Y", Y, len(spaces[0])), fit, fit.choice)

    def tested(self, hypothesis: Hypothesis) -> list[int]:
        if hypothesis.tested is None:
            return list(range(len(self.spaces)))
        return list(hypothesis.tested)

    def some_targets(self, columns: np.ndarray) -> "_Model":
        return replace(self, Y=self.Y[:, columns], choice=self.choice[:, columns])


@dataclass(frozen=True, eq=False)
class _Statistic:
    """What is compared with chance: the mean r of subjects, or the gain over spaces not tested."""

    n_subjects: int
    r_rest: np.ndarray | None

    @classmethod
    def of(cls, model: _Model, tested: Sequence[int], n_subjects: int) -> "_Statistic":
        rest = [j for j in range(len(model.spaces)) if j not in tested]
        if not rest:
            return cls(n_subjects, None)
        # the rest keeps its own prior: nothing differs but the tested spaces
        gammas = np.unique(model.fit.candidates[:, 1:][:, rest], axis=0)
        fit_rest = fit_banded(
            [model.spaces[j] for j in rest],
            model.Y,
            model.fit.folds,
            model.fit.alphas_on_offer,
            gammas[gammas.any(1)],
            **model.fit.settings.keywords(),
        )
        return cls(n_subjects, _mean_of_subjects(fit_rest.r, n_subjects))

    def __call__(self, r: np.ndarray) -> np.ndarray:
        """Return the statistic of r (n_subjects * n_targets,), shape (n_targets,)."""
        r = _mean_of_subjects(r, self.n_subjects)
        if self.r_rest is None:
            return r
        return signed_square(r) - signed_square(self.r_rest)


def _null_of(statistic: _Statistic, r: np.ndarray, kind: str) -> Null:
    """Compare the data, scored first, with draws: r (1 + n_draws, n_subjects * n_targets)."""
    values = np.array([statistic(row) for row in r])
    return make_null(values[0], values[1:], kind)


def _mean_of_subjects(r: np.ndarray, n_subjects: int) -> np.ndarray:
    return fisher_mean(r.reshape(n_subjects, -1))  # columns are subject-major


def _take_rows(rows: np.ndarray | slice, x: np.ndarray) -> np.ndarray:
    return x[rows]


AS_IT_IS = partial(_take_rows, slice(None))  # the data, scored in the same way as draws


def _randomised(
    model: _Model, tested: Sequence[int], transforms: Sequence[Transform]
) -> np.ndarray:
    """Score with tested kernels transformed, each penalty kept: r (n_draws, n_targets)."""
    fit = model.fit
    y = (model.Y - model.Y.mean(0)).astype(np.float32)
    r = np.empty((len(transforms), len(fit.folds), y.shape[1]), np.float32)
    for f, (train, test) in enumerate(fit.folds):
        kernels = [kernel(x, train, fit.settings.n_components) for x in model.spaces]
        for d, transform in enumerate(transforms):
            moved = [transform(transform(k).T) if j in tested else k for j, k in enumerate(kernels)]
            for candidate in np.unique(model.choice[f]):
                alpha, *gamma = fit.candidates[candidate]
                targets = model.choice[f] == candidate
                k_train, k_test = centre(np.tensordot(gamma, moved, 1), train, test)
                prediction = ridge(k_train, k_test, y[np.ix_(train, targets)], alpha)
                r[d, f, targets] = correlate(prediction, y[np.ix_(test, targets)])
    return fisher_mean(r, axis=1)


def _shifted(model: _Model, sizes: Sequence[int], reselect: bool) -> np.ndarray:
    """Score where all spaces shift together: r (n_shifts, n_targets).

    BOLD shifts the other way instead, so that the matrices are made once.
    """
    fit = model.fit
    n_trs, n_targets = model.Y.shape
    moves = [shift_within_runs(n_trs, -size, fit.settings.run_onsets) for size in sizes]
    n_at_once = max(1, TARGETS_AT_ONCE // n_targets)
    r = []
    for start in range(0, len(moves), n_at_once):
        some_moves = moves[start : start + n_at_once]
        side_by_side = np.concatenate([model.Y[rows] for rows in some_moves], axis=1)
        same_choice = replace(fit, choice=np.tile(fit.choice, len(some_moves)))
        shifted = fit_banded(
            model.spaces,
            side_by_side,
            fit.folds,
            fit.alphas_on_offer,
            fit.gammas_on_offer,
            like=None if reselect else same_choice,
            **fit.settings.keywords(),
        )
        r.append(shifted.r.reshape(len(some_moves), n_targets))
    return np.concatenate(r)
