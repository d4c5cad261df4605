"""Chance at every voxel: random phases, drawn as long as a voxel is undecided.

To test r, the phases of BOLD are random, the same draw for all voxels and subjects: spectra and the
correlations between voxels and between subjects stay, and what features and BOLD share in time goes
[2]_. To test what the codebooks add, the phases of the codebooks alone are random.

A voxel is decided when random phases did as well as the true ones `ENOUGH` times; its p is then
``ENOUGH / draws so far`` [1]_. Others see all draws: p = (1 + times) / (draws + 1). Most voxels are
decided early, so that thousands of draws over a whole brain cost little more than a hundred.

References
----------
.. [1] Besag & Clifford 1991, Biometrika 78, 301. doi:10.1093/biomet/78.2.301 (sequential Monte
   Carlo p values: exact at every p they can take)
.. [2] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (one draw of
   phases for several series)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from tqdm import tqdm

from giblet_core.derivatives.statistics.fitting import VoxelModel, blocks_of
from giblet_core.encoding import (
    PhaseRotation,
    centre,
    fisher_mean,
    kernel,
    phase_rotation,
    signed_square,
)
from giblet_core.timing import Fold

ENOUGH = 20
TIE = 1e-5  # what rounding to float32 may take: a draw that changes nothing is as good
HAT_BYTES = 100_000_000  # of the matrices of one fold that are kept at once
LARGEST_R = 1 - 1e-7


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

    def __post_init__(self) -> None:
        self.n_as_good = np.zeros(self.observed.shape, int)
        self.decided_at = np.zeros(self.observed.shape, int)  # draws; 0: undecided

    @property
    def is_open(self) -> np.ndarray:
        """Where more draws are needed."""
        return np.isfinite(self.observed) & (self.decided_at == 0)

    def add(self, draws: np.ndarray) -> None:
        """Count draws (n, ...); where a voxel is decided their values do not matter."""
        is_open = self.is_open
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


@dataclass(frozen=True, eq=False)
class Followed:
    """What subjects follow, to be compared with chance.

    Attributes
    ----------
    series : sequence of arrays of shape (n_trs, n_voxels)
        BOLD of each subject.
    candidates : array of shape (n_candidates, 1 + n_spaces)
        Penalty and weights on offer.
    choices : int array of shape (n_subjects, n_folds, n_voxels)
        Which of them each subject's voxel takes. They were chosen in training time.
    r : array of shape (n_subjects, n_voxels)
        Of the full model.
    r_rest : array of shape (n_subjects, n_voxels)
        Of the baselines.
    """

    series: Sequence[np.ndarray]
    candidates: np.ndarray
    choices: np.ndarray
    r: np.ndarray
    r_rest: np.ndarray


@dataclass(frozen=True, eq=False)
class Chance:
    """p of each subject's voxel (n_subjects, n_voxels), and of the mean over subjects."""

    subjects: np.ndarray
    group: np.ndarray


def random_features(
    model: VoxelModel, followed: Followed, codebooks_alone: bool, progress: bool = False
) -> Chance:
    """Compare voxels with random phases [2]_.

    Parameters
    ----------
    model : VoxelModel
    followed : Followed
    codebooks_alone : bool
        Randomise the codebooks, and test what they add to the baselines (r|r| of all less r|r| of
        the baselines); else randomise BOLD, and test r.
    progress : bool
        Show a bar.

    Returns
    -------
    Chance
    """
    settings = model.settings
    rest = signed_square(followed.r_rest) if codebooks_alone else None
    statistic = _Statistic(rest)
    of_subjects = ChanceTest(statistic(followed.r), settings.n_draws)
    of_group = ChanceTest(statistic.of_group(followed.r), settings.n_draws)
    r_of_draws = (_RandomCodebooks if codebooks_alone else _RandomBold)(model, followed)
    rng = np.random.default_rng(settings.seed).spawn(1)[0]  # the draws of `encoding.null_phase`
    n_at_once = _draws_at_once(model, len(followed.candidates))
    bar = tqdm(total=settings.n_draws, desc="draws", disable=not progress)
    while of_subjects.n_seen < settings.n_draws:
        is_open = of_subjects.is_open | of_group.is_open
        if not is_open.any():
            break
        n = min(n_at_once, settings.n_draws - of_subjects.n_seen)
        rotations = [
            phase_rotation(len(model.spaces[0]), model.run_onsets, child) for child in rng.spawn(n)
        ]
        r = r_of_draws(rotations, is_open)
        of_subjects.add(np.array([statistic(one) for one in r]))
        of_group.add(np.array([statistic.of_group(one) for one in r]))
        bar.update(n)
    bar.close()
    return Chance(of_subjects.p, of_group.p)


@dataclass(frozen=True, eq=False)
class _Statistic:
    """r of subjects (n_subjects, n_voxels), or the part beyond `rest`; and their mean."""

    rest: np.ndarray | None

    def __call__(self, r: np.ndarray) -> np.ndarray:
        return r if self.rest is None else signed_square(r) - self.rest

    def of_group(self, r: np.ndarray) -> np.ndarray:
        return fisher_mean(r) if self.rest is None else self(r).mean(0)


def _draws_at_once(model: VoxelModel, n_candidates: int) -> int:
    largest = max(len(train) * len(test) for train, test in model.folds)
    return int(np.clip(HAT_BYTES // (4 * largest * n_candidates), 1, 20))


class _Draws:
    """r of the full model in every draw."""

    def __init__(self, model: VoxelModel, followed: Followed):
        self.model = model
        self.followed = followed
        self.kernels = [
            [kernel(x, train).astype(np.float32) for x in model.spaces] for train, _ in model.folds
        ]

    def open_series(self, is_open: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each subject with open voxels, a block of voxels at a time."""
        for s, series in enumerate(self.followed.series):
            open_voxels = np.flatnonzero(is_open[s])
            for block in blocks_of(len(series), len(open_voxels)):
                yield s, open_voxels[block]

    def mean_r(self, z: np.ndarray, is_open: np.ndarray) -> np.ndarray:
        """Return r from the sum of Fisher's z over folds; NaN where a voxel is not open."""
        return np.where(is_open, np.tanh(z / len(self.model.folds)), np.nan)


class _RandomBold(_Draws):
    """BOLD turns; predictions are those of the true features."""

    def __init__(self, model: VoxelModel, followed: Followed):
        super().__init__(model, followed)
        self.hats = [
            _Hats([k], fold, followed.candidates) for k, fold in zip(self.kernels, model.folds)
        ]

    def __call__(self, rotations: Sequence[PhaseRotation], is_open: np.ndarray) -> np.ndarray:
        """Return r (n_draws, n_subjects, n_voxels)."""
        z = np.zeros((len(rotations), *is_open.shape), np.float32)
        for s, voxels in self.open_series(is_open):
            y = _centred(self.followed.series[s], voxels)
            for d, rotation in enumerate(rotations):
                turned = rotation(y)
                for f, hats in enumerate(self.hats):
                    z[d, s, voxels] += hats.z(turned, self.followed.choices[s, f, voxels])[0]
        return self.mean_r(z, is_open)


class _RandomCodebooks(_Draws):
    """The codebooks turn against the baselines and BOLD: their kernel K becomes T K T'."""

    def __call__(self, rotations: Sequence[PhaseRotation], is_open: np.ndarray) -> np.ndarray:
        """Return r (n_draws, n_subjects, n_voxels)."""
        z = np.zeros((len(rotations), *is_open.shape), np.float32)
        for f in range(len(self.model.folds)):
            hats = self.turned(f, rotations)
            for s, voxels in self.open_series(is_open):
                y = _centred(self.followed.series[s], voxels)
                z[:, s, voxels] += hats.z(y, self.followed.choices[s, f, voxels])
        return self.mean_r(z, is_open)

    def turned(self, fold: int, rotations: Sequence[PhaseRotation]) -> "_Hats":
        """Return the predictions of a fold from turned codebooks, of every draw."""
        model = self.model
        turned = []
        for rotation in rotations:
            kernels = enumerate(self.kernels[fold])
            turned.append([rotation(rotation(k).T) if j in model.tested else k for j, k in kernels])
        return _Hats(turned, model.folds[fold], self.followed.candidates)


class _Hats:
    """Predictions of one fold from the kernels of several draws, a matrix a draw and candidate."""

    def __init__(self, kernels: list[list[np.ndarray]], fold: Fold, candidates: np.ndarray):
        self.kernels = kernels
        self.fold = fold
        self.candidates = candidates
        self.made: dict[int, np.ndarray] = {}
        self.weights: list[float] = []  # of the sums below
        self.sums: list[tuple[np.ndarray, np.ndarray]] = []  # (training, test) block of each draw

    def of(self, candidate: int) -> np.ndarray:
        """Return the matrices of a candidate, (n_draws, n_test, n_train)."""
        if candidate not in self.made:
            alpha, *weights = self.candidates[candidate].tolist()
            if weights != self.weights:  # candidates of equal weights follow each other
                gamma = np.array(weights, np.float32)
                self.weights = weights
                self.sums = [centre(np.tensordot(gamma, k, 1), *self.fold) for k in self.kernels]
            self.made[candidate] = np.stack([_hat(*blocks, alpha) for blocks in self.sums])
        return self.made[candidate]

    def z(self, y: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """Return Fisher's z of each draw for series y (n_trs, n_voxels): (n_draws, n_voxels)."""
        train, test = self.fold
        order = np.argsort(choice, kind="stable")  # voxels of one candidate side by side
        known = y[np.ix_(train, order)]
        target = y[np.ix_(test, order)]
        target -= target.mean(0)
        candidates, firsts = np.unique(choice[order], return_index=True)
        z = np.empty((len(self.kernels), y.shape[1]), np.float32)
        for candidate, first, stop in zip(candidates, firsts, [*firsts[1:], len(order)]):
            members = slice(first, stop)
            r = _r_of_hats(self.of(candidate), known[:, members], target[:, members])
            z[:, order[members]] = np.arctanh(r)
        return z


def _centred(bold: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    y = np.asarray(bold[:, voxels])
    return (y - y.mean(0, dtype=np.float64)).astype(np.float32)


def _hat(k_train: np.ndarray, k_test: np.ndarray, alpha: float) -> np.ndarray:
    """Map training BOLD to predictions, of mean 0 over the test rows: (n_test, n_train) float32.

    Penalties of 0.1 or more keep single precision exact enough (tested against double).
    """
    penalised = k_train.copy()
    penalised[np.diag_indices_from(penalised)] += np.float32(alpha)
    factor = cho_factor(penalised, overwrite_a=True, check_finite=False)
    hat = cho_solve(factor, k_test.T, check_finite=False).T
    return hat - hat.mean(0)


def _r_of_hats(hats: np.ndarray, known: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Score the predictions of hats (n_draws, n_test, n_train): r (n_draws, n_voxels).

    Parameters are the hats, BOLD of the training rows, and BOLD of the test rows, of mean 0.
    """
    prediction = hats @ known  # (n_draws, n_test, n_voxels)
    covariance = np.einsum("dnv,nv->dv", prediction, target)
    power = np.einsum("dnv,dnv->dv", prediction, prediction) * np.einsum("nv,nv->v", target, target)
    scale = np.sqrt(np.where(power > 0, power, 1))
    return np.clip(np.where(power > 0, covariance, 0) / scale, -LARGEST_R, LARGEST_R)
