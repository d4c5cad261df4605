"""Chance at every voxel: random phases, drawn as long as a voxel is undecided.

To test r, the phases of BOLD are random, the same draw for all voxels and subjects: spectra and the
correlations between voxels and between subjects stay, and what features and BOLD share in time goes
[2]_.

To test what the codebooks add, only what the baselines leave of BOLD gets random phases; their fit
stays, and both models are scored on the sum [3]_. Codebooks know most of what the baselines know,
and help to predict it. So the draws must hold it too. Of voxels that follow the baselines alone
(160 TRs, 153 baseline features, codebooks that share four fifths of their variance with them) half
had p <= .05 with random phases of the codebooks themselves; this test gives 5 % where the sound
explains a tenth of the variance, and 8 % where it explains half.

A voxel is decided when random phases did as well as the true ones `ENOUGH` times; its p is then
``ENOUGH / draws so far`` [1]_. Others see all draws: p = (1 + times) / (draws + 1). Most voxels are
decided early, so that thousands of draws over a whole brain cost little more than a hundred.

References
----------
.. [1] Besag & Clifford 1991, Biometrika 78, 301. doi:10.1093/biomet/78.2.301 (sequential Monte
   Carlo p values: exact at every p they can take)
.. [2] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (one draw of
   phases for several series)
.. [3] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (residuals of the reduced
   model are randomised); Winkler et al. 2014, NeuroImage 92, 381.
   doi:10.1016/j.neuroimage.2014.01.060
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from tqdm import tqdm

from giblet_core.derivatives.statistics.catalogue import BASELINES, FULL
from giblet_core.derivatives.statistics.fitting import Fitted, VoxelModel, blocks_of
from giblet_core.encoding import (
    PhaseRotation,
    centre,
    correlate,
    fisher_mean,
    kernel,
    phase_rotation,
    signed_square,
)
from giblet_core.timing import Fold

ENOUGH = 20
TIE = 1e-5  # what rounding to float32 may take: a draw that changes nothing is as good
DRAWS_AT_ONCE = 20


@dataclass(eq=False)
class ChanceTest:
    """Counts, for any number of voxels, how often random features do as well.

    Attributes
    ----------
    observed : array of any shape
        NaN where there is nothing to test; its p stays NaN.
    n_draws : int
        How many draws there will be.
    """

    observed: np.ndarray
    n_draws: int
    n_seen: int = 0
    n_as_good: np.ndarray = field(init=False)
    decided_at: np.ndarray = field(init=False)
    sum_of_draws: np.ndarray = field(init=False)
    n_summed: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.n_as_good = np.zeros(self.observed.shape, int)
        self.decided_at = np.zeros(self.observed.shape, int)  # draws; 0: undecided
        self.sum_of_draws = np.zeros(self.observed.shape)
        self.n_summed = np.zeros(self.observed.shape, int)

    @property
    def is_open(self) -> np.ndarray:
        """Where more draws are needed."""
        return np.isfinite(self.observed) & (self.decided_at == 0)

    def add(self, draws: np.ndarray) -> None:
        """Count draws (n, ...); where a voxel is decided their values do not matter."""
        is_open = self.is_open
        self.sum_of_draws += np.where(is_open, draws, 0).sum(0)
        self.n_summed += len(draws) * is_open
        as_good = (draws >= self.observed - TIE) & is_open
        total = self.n_as_good + np.cumsum(as_good, axis=0)  # after each draw
        reached = total >= ENOUGH
        now_decided = reached.any(0) & is_open
        first = reached.argmax(0)
        self.decided_at[now_decided] = self.n_seen + 1 + first[now_decided]
        self.n_as_good = np.minimum(total[-1], ENOUGH)
        self.n_seen += len(draws)

    @property
    def p(self) -> np.ndarray:
        """One-sided p; NaN where nothing was tested."""
        is_decided = self.decided_at > 0
        early = ENOUGH / np.where(is_decided, self.decided_at, 1)
        late = (1 + self.n_as_good) / (self.n_seen + 1)
        p = np.where(is_decided, early, late)
        return np.where(np.isfinite(self.observed), p, np.nan)

    @property
    def mean_of_draws(self) -> np.ndarray:
        """What chance gives on average, of the draws seen until a voxel was decided; else NaN."""
        return np.where(self.n_summed > 0, self.sum_of_draws / np.maximum(self.n_summed, 1), np.nan)


@dataclass(frozen=True, eq=False)
class Followed:
    """What subjects follow, to be compared with chance.

    Attributes
    ----------
    series : sequence of arrays of shape (n_trs, n_voxels)
        BOLD of each subject.
    fits : sequence of Fitted
        Of each subject. Penalties and weights were chosen in training time; draws keep them.
    """

    series: Sequence[np.ndarray]
    fits: Sequence[Fitted]

    @cached_property
    def r(self) -> np.ndarray:
        """Of the full model, (n_subjects, n_voxels)."""
        return np.stack([fit.r[FULL] for fit in self.fits])

    @cached_property
    def unique(self) -> np.ndarray:
        """What codebooks explain beyond the baselines, (n_subjects, n_voxels)."""
        return np.stack([fit.unique for fit in self.fits])


@dataclass(frozen=True, eq=False)
class Chance:
    """What chance gives.

    Attributes
    ----------
    subjects : array of shape (n_subjects, n_voxels)
        p of each subject's voxel.
    group : array of shape (n_voxels,)
        p of the mean over subjects.
    expected : array of shape (n_subjects, n_voxels)
        The statistic's mean over draws.
    """

    subjects: np.ndarray
    group: np.ndarray
    expected: np.ndarray


def random_phases(
    model: VoxelModel, followed: Followed, codebooks_alone: bool, progress: bool = False
) -> Chance:
    """Compare voxels with random phases [2, 3]_.

    Parameters
    ----------
    model : VoxelModel
    followed : Followed
    codebooks_alone : bool
        Randomise what the baselines leave of BOLD, and test what codebooks add to them (r|r| of all
        less r|r| of the baselines); else randomise BOLD, and test r.
    progress : bool
        Show a bar.

    Returns
    -------
    Chance
    """
    settings = model.settings
    draws_of = _RandomRest(model, followed) if codebooks_alone else _RandomBold(model, followed)
    of_subjects = ChanceTest(draws_of.observed, settings.n_draws)
    of_group = ChanceTest(draws_of.mean_of_subjects(draws_of.observed), settings.n_draws)
    rng = np.random.default_rng(settings.seed).spawn(1)[0]
    bar = tqdm(total=settings.n_draws, desc="draws", disable=not progress)
    while of_subjects.n_seen < settings.n_draws:
        is_open = of_subjects.is_open | of_group.is_open
        if not is_open.any():
            break
        n = min(DRAWS_AT_ONCE, settings.n_draws - of_subjects.n_seen)
        n_trs = len(model.spaces[0])
        rotations = [phase_rotation(n_trs, model.run_onsets, child) for child in rng.spawn(n)]
        draws = draws_of(rotations, is_open)
        of_subjects.add(draws)
        of_group.add(np.stack([draws_of.mean_of_subjects(draw) for draw in draws]))
        bar.update(n)
    bar.close()
    return Chance(of_subjects.p, of_group.p, of_subjects.mean_of_draws)


class _RandomBold:
    """r of the full model where the phases of BOLD are random."""

    def __init__(self, model: VoxelModel, followed: Followed):
        self.series = followed.series
        self.observed = followed.r
        kernels = _kernels(model)
        self.full = _Scorer(kernels, model.folds, followed.fits, FULL)

    def mean_of_subjects(self, r: np.ndarray) -> np.ndarray:
        """Average r (n_subjects, n_voxels) through Fisher's z."""
        return fisher_mean(r)

    def __call__(self, rotations: Sequence[PhaseRotation], is_open: np.ndarray) -> np.ndarray:
        """Return r (n_draws, n_subjects, n_voxels); NaN where a voxel is not open."""
        r = np.full((len(rotations), *is_open.shape), np.nan, np.float32)
        for subject, voxels, y in _open_series(self.series, is_open):
            for d, rotation in enumerate(rotations):
                r[d, subject, voxels] = self.full.r(rotation(y), subject, voxels)
        return r


class _RandomRest:
    """What codebooks add where the phases of what the baselines leave of BOLD are random."""

    def __init__(self, model: VoxelModel, followed: Followed):
        self.series = followed.series
        self.observed = followed.unique
        kernels = _kernels(model)
        of_baselines = [j for j in range(len(model.spaces)) if j not in model.tested]
        rest_kernels = [[of_fold[j] for j in of_baselines] for of_fold in kernels]
        self.full = _Scorer(kernels, model.folds, followed.fits, FULL)
        self.baselines = _Scorer(rest_kernels, model.folds, followed.fits, BASELINES)
        self.smoother = _Smoother(model.models()[BASELINES], followed.fits, BASELINES)

    def mean_of_subjects(self, unique: np.ndarray) -> np.ndarray:
        """Average parts (n_subjects, n_voxels)."""
        return unique.mean(0)

    def __call__(self, rotations: Sequence[PhaseRotation], is_open: np.ndarray) -> np.ndarray:
        """Return parts (n_draws, n_subjects, n_voxels); NaN where a voxel is not open."""
        unique = np.full((len(rotations), *is_open.shape), np.nan, np.float32)
        for subject, voxels, y in _open_series(self.series, is_open):
            kept = self.smoother.fitted(y, subject, voxels)
            left = y - kept
            for d, rotation in enumerate(rotations):
                drawn = kept + rotation(left)
                explained = signed_square(self.full.r(drawn, subject, voxels))
                explained -= signed_square(self.baselines.r(drawn, subject, voxels))
                unique[d, subject, voxels] = explained
        return unique


def _kernels(model: VoxelModel) -> list[list[np.ndarray]]:
    """Return the kernel of each space in each fold, (n_trs, n_trs) float32."""
    return [[kernel(x, train).astype(np.float32) for x in model.spaces] for train, _ in model.folds]


def _open_series(
    series: Sequence[np.ndarray], is_open: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield subject, voxels and their centred BOLD, a block of voxels that are open at a time."""
    for subject, bold in enumerate(series):
        open_voxels = np.flatnonzero(is_open[subject])
        for block in blocks_of(len(bold), len(open_voxels)):
            voxels = open_voxels[block]
            y = np.asarray(bold[:, voxels])
            yield subject, voxels, (y - y.mean(0, dtype=np.float64)).astype(np.float32)


class _Scorer:
    """Predicts held-out time by one model, each voxel by the candidate it took.

    The matrix from training BOLD to predictions is made once for each fold and candidate: BOLD has
    no part in it, so that it serves all draws.
    """

    def __init__(
        self,
        kernels: list[list[np.ndarray]],
        folds: list[Fold],
        fits: Sequence[Fitted],
        label: str,
    ):
        self.kernels = kernels
        self.folds = folds
        self.candidates = fits[0].chosen[label].candidates
        self.choices = [fit.chosen[label].choice for fit in fits]
        self.hats: dict[tuple[int, int], np.ndarray] = {}

    def hat(self, fold: int, candidate: int) -> np.ndarray:
        """Return the matrix of a candidate, (n_test, n_train) float32."""
        if (fold, candidate) not in self.hats:
            alpha, *weights = self.candidates[candidate]
            total = np.tensordot(weights, self.kernels[fold], 1)
            k_train, k_test = centre(total, *self.folds[fold])
            self.hats[fold, candidate] = _hat(k_train, k_test, alpha)
        return self.hats[fold, candidate]

    def _predict(self, fold: int, y: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """Predict the test rows of a fold from the training rows of y (n_trs, n_voxels)."""
        train, test = self.folds[fold]
        predicted = np.empty((len(test), y.shape[1]), np.float32)
        for candidate in np.unique(choice):
            members = choice == candidate
            predicted[:, members] = self.hat(fold, candidate) @ y[np.ix_(train, members)]
        return predicted

    def r(self, y: np.ndarray, subject: int, voxels: np.ndarray) -> np.ndarray:
        """Correlate predictions with y in each fold; return the Fisher mean, (n_voxels,)."""
        r_folds = []
        for fold, (_, test) in enumerate(self.folds):
            predicted = self._predict(fold, y, self.choices[subject][fold, voxels])
            r_folds.append(correlate(predicted, y[test]))
        return fisher_mean(np.stack(r_folds))


class _Smoother:
    """Fits one model to all time, by the penalties and weights that voxels took in the folds."""

    def __init__(self, spaces: Sequence[np.ndarray], fits: Sequence[Fitted], label: str):
        self.rows = np.arange(len(spaces[0]))
        self.kernels = [kernel(x, self.rows) for x in spaces]
        self.candidates = fits[0].chosen[label].candidates
        self.choices = [fit.chosen[label].choice for fit in fits]
        self.hats: dict[int, np.ndarray] = {}

    def hat(self, candidate: int) -> np.ndarray:
        """Return the matrix of a candidate, (n_trs, n_trs) float32."""
        if candidate not in self.hats:
            alpha, *weights = self.candidates[candidate]
            total = np.tensordot(weights, self.kernels, 1)
            self.hats[candidate] = _hat(*centre(total, self.rows, self.rows), alpha)
        return self.hats[candidate]

    def fitted(self, y: np.ndarray, subject: int, voxels: np.ndarray) -> np.ndarray:
        """Fit centred y (n_trs, n_voxels): the mean of its fits by what each fold took."""
        choices = self.choices[subject][:, voxels]
        fitted = np.zeros_like(y)
        for candidate in np.unique(choices):
            share = (choices == candidate).mean(0, dtype=np.float32)  # of the folds, (n_voxels,)
            members = share > 0
            fitted[:, members] += share[members] * (self.hat(candidate) @ y[:, members])
        return fitted


def _hat(k_train: np.ndarray, k_test: np.ndarray, alpha: float) -> np.ndarray:
    """Map training BOLD to predictions, (n_test, n_train), solved in float64."""
    penalised = k_train.astype(np.float64)
    penalised[np.diag_indices_from(penalised)] += alpha
    factor = cho_factor(penalised, overwrite_a=True, check_finite=False)
    return cho_solve(factor, k_test.T, check_finite=False).T.astype(np.float32)
