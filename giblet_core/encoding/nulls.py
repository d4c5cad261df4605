"""What chance looks like: circular shifts and multivariate phase randomisation.

Both nulls move the features against BOLD in time and keep each side's own autocorrelation. Moving a
feature space by an orthogonal T turns its kernel into ``T K T'``, so that no feature is touched.
Where only some spaces are tested, what the others predict of held-out BOLD stays, and what they
leave of it moves [2]_.

References
----------
.. [1] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (phase
   randomisation of several series at once)
.. [2] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what the rest leaves is
   randomised)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from tqdm import tqdm

from giblet_core.encoding.kernels import centre, check_matrix, kernel, ridge
from giblet_core.encoding.randomisation import phase_rotation, shift_sizes
from giblet_core.encoding.regression import EncodingResult, fit_banded
from giblet_core.encoding.statistics import (
    Hypothesis,
    Null,
    correlate,
    fisher_mean,
    make_null,
    signed_square,
)
from giblet_core.timing import shift_within_runs

Transform = Callable[[np.ndarray], np.ndarray]  # acts on the rows of an array (n_trs, ...)
EVERYTHING = Hypothesis()
LEFT = "what the spaces that are not tested leave of BOLD"
TARGETS_AT_ONCE = 20_000  # bounds the memory of shifted BOLD


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
    rest = model.rest(hypothesis)
    sizes = [0, *shift_sizes(len(Y), fit.settings.run_onsets, min_shift)]  # the data first
    if rest is None:
        r = _shifted(model, sizes, reselect)
        return _null_of(_Scores(r, None), hypothesis.n_subjects, "circular shifts")
    moves = [shift_within_runs(len(Y), -size, fit.settings.run_onsets) for size in sizes]
    scores = _beside_rest(model, rest, [partial(_take_rows, rows) for rows in moves])
    return _null_of(scores, hypothesis.n_subjects, f"circular shifts of {LEFT}")


def null_phase(
    spaces: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    hypothesis: Hypothesis = EVERYTHING,
) -> Null:
    """Compare with multivariate phase randomisations of the features [1]_.

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
    rest = model.rest(hypothesis)
    n_groups = hypothesis.n_subjects if hypothesis.draws == "independent" else 1
    generators = np.random.default_rng(seed).spawn(n_groups)
    groups = np.split(np.arange(Y.shape[1]), n_groups)
    of_groups = []
    for columns, rng in zip(tqdm(groups, desc="phase draws", disable=n_groups == 1), generators):
        rotations = [
            phase_rotation(len(Y), fit.settings.run_onsets, child) for child in rng.spawn(n_draws)
        ]
        members = model.some_targets(columns)
        of_groups.append(_turned(members, rest, [AS_IT_IS, *rotations]))  # the data first
    kind = f"phase randomisation ({hypothesis.draws} draws)"
    kind = kind if rest is None else f"{kind} of {LEFT}"
    return _null_of(_Scores.side_by_side(of_groups), hypothesis.n_subjects, kind)


@dataclass(frozen=True, eq=False)
class _Model:
    """A fit with what it was fitted to."""

    spaces: list[np.ndarray]
    Y: np.ndarray
    fit: EncodingResult

    @classmethod
    def checked(
        cls, spaces: np.ndarray | Sequence[np.ndarray], Y: np.ndarray, fit: EncodingResult
    ) -> "_Model":
        spaces = [spaces] if isinstance(spaces, np.ndarray) else list(spaces)
        return cls(spaces, check_matrix("Y", Y, len(spaces[0])), fit)

    def rest(self, hypothesis: Hypothesis) -> list[int] | None:
        """Return which spaces are not tested; None where all are."""
        if hypothesis.tested is None:
            return None
        return [j for j in range(len(self.spaces)) if j not in hypothesis.tested] or None

    def some_targets(self, columns: np.ndarray) -> "_Model":
        choice = self.fit.choice[:, columns]
        return replace(self, Y=self.Y[:, columns], fit=replace(self.fit, choice=choice))

    def of_rest(self, rest: Sequence[int]) -> "_Model":
        """Fit the spaces that are not tested, which keep their own prior, with predictions."""
        spaces = [self.spaces[j] for j in rest]
        gammas = np.unique(self.fit.candidates[:, 1:][:, rest], axis=0)
        fit = fit_banded(
            spaces,
            self.Y,
            self.fit.folds,
            self.fit.alphas_on_offer,
            gammas[gammas.any(1)],
            keep_predictions=True,
            **self.fit.settings.keywords(),
        )
        return _Model(spaces, self.Y, fit)

    def refitted(self, drawn: Sequence[np.ndarray], reselect: bool = False) -> np.ndarray:
        """Score series (n_trs, n_targets) drawn for these targets: r (n_drawn, n_targets).

        They stand side by side, so that matrices are made once.
        """
        fit = self.fit
        same_choice = replace(fit, choice=np.tile(fit.choice, len(drawn)))
        refit = fit_banded(
            self.spaces,
            np.concatenate(drawn, axis=1),
            fit.folds,
            fit.alphas_on_offer,
            fit.gammas_on_offer,
            like=None if reselect else same_choice,
            **fit.settings.keywords(),
        )
        return refit.r.reshape(len(drawn), -1)


@dataclass(frozen=True, eq=False)
class _Scores:
    """r of all spaces and of the rest, (1 + n_draws, n_subjects * n_targets), the data first."""

    r: np.ndarray
    r_rest: np.ndarray | None

    @classmethod
    def side_by_side(cls, parts: Sequence["_Scores"]) -> "_Scores":
        r = np.concatenate([part.r for part in parts], axis=1)
        if parts[0].r_rest is None:
            return cls(r, None)
        return cls(r, np.concatenate([part.r_rest for part in parts], axis=1))


def _null_of(scores: _Scores, n_subjects: int, kind: str) -> Null:
    """Compare the mean r of subjects with draws, or what it gains over the rest."""
    values = np.array([_mean_of_subjects(row, n_subjects) for row in scores.r])
    if scores.r_rest is not None:
        of_rest = np.array([_mean_of_subjects(row, n_subjects) for row in scores.r_rest])
        values = signed_square(values) - signed_square(of_rest)
    return make_null(values[0], values[1:], kind)


def _mean_of_subjects(r: np.ndarray, n_subjects: int) -> np.ndarray:
    return fisher_mean(r.reshape(n_subjects, -1))  # columns are subject-major


def _take_rows(rows: np.ndarray | slice, x: np.ndarray) -> np.ndarray:
    return x[rows]


AS_IT_IS = partial(_take_rows, slice(None))  # the data, scored in the same way as draws


def _turned(model: _Model, rest: Sequence[int] | None, transforms: Sequence[Transform]) -> _Scores:
    """Score draws of one group of targets: of all features, or of what the rest leaves."""
    if rest is None:
        return _Scores(_randomised(model, transforms), None)
    return _beside_rest(model, rest, transforms)


def _beside_rest(model: _Model, rest: Sequence[int], transforms: Sequence[Transform]) -> _Scores:
    """Score what the rest predicts, which stays, beside draws of what it leaves of BOLD [2]_.

    Turning the tested spaces instead would take from them what they know of the rest, and call
    significant that they help to predict it.
    """
    of_rest = model.of_rest(rest)
    predicted = of_rest.fit.predictions
    kept = np.where(np.isnan(predicted), model.Y.mean(0), predicted)
    left = model.Y - kept
    r = []
    r_rest = []
    for some in _blocks(transforms, model.Y.shape[1]):
        drawn = [kept + transform(left) for transform in some]
        r.append(model.refitted(drawn))
        r_rest.append(of_rest.refitted(drawn))
    return _Scores(np.concatenate(r), np.concatenate(r_rest))


def _blocks(draws: Sequence, n_targets: int) -> list[Sequence]:
    """Cut draws into blocks that stand side by side."""
    n_at_once = max(1, TARGETS_AT_ONCE // n_targets)
    return [draws[start : start + n_at_once] for start in range(0, len(draws), n_at_once)]


def _randomised(model: _Model, transforms: Sequence[Transform]) -> np.ndarray:
    """Score with all kernels transformed, each penalty kept: r (n_draws, n_targets)."""
    fit = model.fit
    y = (model.Y - model.Y.mean(0)).astype(np.float32)
    r = np.empty((len(transforms), len(fit.folds), y.shape[1]), np.float32)
    for f, (train, test) in enumerate(fit.folds):
        kernels = [kernel(x, train, fit.settings.n_components) for x in model.spaces]
        for d, transform in enumerate(transforms):
            moved = [transform(transform(k).T) for k in kernels]
            for candidate in np.unique(fit.choice[f]):
                alpha, *gamma = fit.candidates[candidate]
                targets = fit.choice[f] == candidate
                k_train, k_test = centre(np.tensordot(gamma, moved, 1), train, test)
                prediction = ridge(k_train, k_test, y[np.ix_(train, targets)], alpha)
                r[d, f, targets] = correlate(prediction, y[np.ix_(test, targets)])
    return fisher_mean(r, axis=1)


def _shifted(model: _Model, sizes: Sequence[int], reselect: bool) -> np.ndarray:
    """Score where all spaces shift together: r (n_shifts, n_targets).

    BOLD shifts the other way instead.
    """
    n_trs, n_targets = model.Y.shape
    moves = [shift_within_runs(n_trs, -size, model.fit.settings.run_onsets) for size in sizes]
    r = [
        model.refitted([model.Y[rows] for rows in some_moves], reselect)
        for some_moves in _blocks(moves, n_targets)
    ]
    return np.concatenate(r)
