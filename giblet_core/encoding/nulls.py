"""What chance looks like: circular shifts, multivariate phase randomisation, maximum statistics,
FDR, Holm, bootstrap.

Both nulls move the features against BOLD in time and keep each side's own autocorrelation. Moving a
feature space by an orthogonal T turns its kernel into ``T K T'``, so that no feature is touched.
Every null prints its floor 1 / (n + 1): no p is smaller.

References
----------
[1] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (phase
randomisation of several series at once) [2] Nichols & Holmes 2002, Hum Brain Mapp 15, 1.
doi:10.1002/hbm.1058 (maximum statistic) [3] Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9, 39.
doi:10.2202/1544-6115.1585 (p is never 0)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from giblet_core.encoding.kernels import centre, check_matrix, correlate, fisher_mean, kernel, ridge
from giblet_core.encoding.regression import EncodingResult, fit_banded
from giblet_core.errors import require
from giblet_core.timing import check_runs, shift_within_runs

Transform = Callable[[np.ndarray], np.ndarray]  # acts on the rows of an array (n_trs, ...)


@dataclass(frozen=True)
class Null:
    """A statistic with its null distribution.

    Attributes
    ----------
    observed : array of shape (n_targets,)
        r; or, where only some spaces were randomised, what they add: r|r| of all spaces less r|r|
        of the rest.
    null : array of shape (n_draws, n_targets)
    p : array of shape (n_targets,)
        One-sided, (1 + draws at or above the observed) / (n_draws + 1).
    p_max : array of shape (n_targets,)
        Against the maximum over targets of each draw: family-wise.
    p_floor : float
        1 / (n_draws + 1).
    kind : str
    """

    observed: np.ndarray
    null: np.ndarray
    p: np.ndarray
    p_max: np.ndarray
    p_floor: float
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}: {len(self.null)} draws, no p below {self.p_floor:.4f}"


def make_null(observed: np.ndarray, null: np.ndarray, kind: str) -> Null:
    """Turn an observed statistic (n_targets,) and its draws (n_draws, n_targets) into p values;
    undefined targets stay NaN.
    """
    observed, null = np.asarray(observed), np.asarray(null)
    ok = np.isfinite(observed)
    top = np.max(null[:, ok], 1, initial=-np.inf)
    p = (1 + (null >= observed).sum(0)) / (len(null) + 1)
    p_max = (1 + (top[:, None] >= observed).sum(0)) / (len(null) + 1)
    return Null(
        observed,
        null,
        np.where(ok, p, np.nan),
        np.where(ok, p_max, np.nan),
        1 / (len(null) + 1),
        kind,
    )


def shift_sizes(n_trs: int, run_onsets: Sequence[int] = (0,), min_shift: int = 30) -> np.ndarray:
    """Return all shifts from `min_shift` to the shortest run less `min_shift` (left out): 260 for
    320 TRs.

    Raises
    ------
    InputError
        When a run is too short for any.
    """
    shortest = int(np.diff(check_runs(n_trs, run_onsets)).min())
    require(
        shortest > 2 * min_shift,
        f"min_shift={min_shift}: the shortest run has {shortest} TRs, more than {2 * min_shift} are needed. "
        "Lower min_shift or leave the run out.",
    )
    return np.arange(min_shift, shortest - min_shift)


def phase_rotation(n_trs: int, run_onsets: Sequence[int], rng: np.random.Generator) -> Transform:
    """Draw random phases for each run and return the orthogonal map that adds them to every column
    alike.

    Spectra and the correlations between columns stay as they are; mean and Nyquist are left alone.
    """
    edges = check_runs(n_trs, run_onsets)
    turns = []
    for n in np.diff(edges):
        turn = np.exp(2j * np.pi * rng.random(n // 2 + 1))
        turn[[0] if n % 2 else [0, -1]] = 1  # the last is Nyquist where their number is even
        turns.append(turn)

    def rotate(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        for a, b, turn in zip(edges[:-1], edges[1:], turns):
            out[a:b] = np.fft.irfft(
                np.fft.rfft(x[a:b], axis=0) * turn.reshape(-1, *[1] * (x.ndim - 1)), n=b - a, axis=0
            )
        return out

    return rotate


def _randomised(
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    choice: np.ndarray,
    tested: Sequence[int],
    transforms: Sequence[Transform],
) -> np.ndarray:
    """Return r (n_draws, n_targets) with the kernels of the tested spaces transformed, each target
    with the penalty it has in `choice`.
    """
    y = (Y - Y.mean(0)).astype(np.float32)
    r = np.empty((len(transforms), len(fit.folds), Y.shape[1]), np.float32)
    for f, (train, test) in enumerate(fit.folds):
        ks = [kernel(x, train, fit.settings["n_components"]) for x in spaces]
        for d, transform in enumerate(transforms):
            moved = [transform(transform(k).T) if j in tested else k for j, k in enumerate(ks)]
            for c in np.unique(choice[f]):
                at = choice[f] == c
                blocks = centre(np.tensordot(fit.candidates[c, 1:], moved, 1), train, test)
                r[d, f, at] = correlate(
                    ridge(*blocks, y[np.ix_(train, at)], fit.candidates[c, 0]), y[np.ix_(test, at)]
                )
    return fisher_mean(r, axis=1)


def _shifted(
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    sizes: np.ndarray,
    reselect: bool,
) -> np.ndarray:
    """Do as `_randomised` where all spaces shift together: BOLD shifts the other way, so that the
    matrices are made once.
    """
    moved = [shift_within_runs(len(Y), -s, fit.settings["run_onsets"]) for s in sizes]
    per_pass = max(1, 20_000 // Y.shape[1])  # bounds the memory
    r = []
    for start in range(0, len(moved), per_pass):
        rows = moved[start : start + per_pass]
        like = None if reselect else replace(fit, choice=np.tile(fit.choice, len(rows)))
        alphas, gammas = np.unique(fit.candidates[:, 0]), np.unique(fit.candidates[:, 1:], axis=0)
        stacked = np.concatenate([Y[row] for row in rows], axis=1)
        r.append(
            fit_banded(
                spaces, stacked, fit.folds, alphas, gammas, like=like, **fit.settings
            ).r.reshape(len(rows), -1)
        )
    return np.concatenate(r)


def _statistic(
    spaces: Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    tested: Sequence[int],
    n_subjects: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that makes the statistic from r (n_targets,): r itself, or the gain over
    the spaces that are not tested.
    """
    rest = [j for j in range(len(spaces)) if j not in tested]
    if not rest:
        return lambda r: fisher_mean(r.reshape(n_subjects, -1))
    gammas = np.unique(
        fit.candidates[:, 1:][:, rest], axis=0
    )  # the rest keeps its own prior: nothing differs but the tested spaces
    base = fit_banded(
        [spaces[j] for j in rest],
        Y,
        fit.folds,
        np.unique(fit.candidates[:, 0]),
        gammas[gammas.any(1)],
        **fit.settings,
    ).r
    base = fisher_mean(base.reshape(n_subjects, -1))  # columns are subject-major

    def gain(r: np.ndarray) -> np.ndarray:
        r = fisher_mean(r.reshape(n_subjects, -1))
        return r * np.abs(r) - base * np.abs(base)

    return gain


def _arguments(
    spaces: np.ndarray | Sequence[np.ndarray], Y: np.ndarray, tested: Sequence[int] | None
) -> tuple[list, np.ndarray, list]:
    spaces = [spaces] if isinstance(spaces, np.ndarray) else list(spaces)
    return (
        spaces,
        check_matrix("Y", Y, len(spaces[0])),
        list(range(len(spaces)) if tested is None else tested),
    )


def null_circular_shift(
    spaces: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    min_shift: int = 30,
    tested: Sequence[int] | None = None,
    n_subjects: int = 1,
    reselect: bool = True,
) -> Null:
    """Compare with all distinct circular shifts of the features of at least `min_shift` TRs within
    runs.

    Parameters
    ----------
    spaces : array of shape (n_trs, n_features), or a sequence of such
        As given to the fit.
    Y : array of shape (n_trs, n_targets)
    fit : EncodingResult
        Of these spaces and Y; folds, runs and embargo are taken from it.
    min_shift : int, TRs
    tested : sequence of int, optional
        Which spaces to shift; the statistic is then what they add to the rest (unique variance).
        All by default.
    n_subjects : int
        Columns of Y are subject-major blocks of the same targets; the statistic is averaged over
        subjects, all shifted alike.
    reselect : bool
        Choose the penalties anew for every shift, which is exact and costs a fit a shift; without
        it, and where only some spaces are tested, those of `fit` are kept, which were chosen on the
        true alignment and make p slightly too small. A fit with a single candidate has no choice to
        make.

    Returns
    -------
    Null
    """
    spaces, Y, tested = _arguments(spaces, Y, tested)
    sizes = shift_sizes(len(Y), fit.settings["run_onsets"], min_shift)
    statistic = _statistic(spaces, Y, fit, tested, n_subjects)
    if len(tested) == len(spaces):
        r = _shifted(spaces, Y, fit, sizes, reselect)
    else:
        moves = [shift_within_runs(len(Y), s, fit.settings["run_onsets"]) for s in sizes]
        r = _randomised(spaces, Y, fit, fit.choice, tested, [lambda k, m=m: k[m] for m in moves])
    return make_null(statistic(fit.r), np.array([statistic(row) for row in r]), "circular shifts")


def null_phase(
    spaces: np.ndarray | Sequence[np.ndarray],
    Y: np.ndarray,
    fit: EncodingResult,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    tested: Sequence[int] | None = None,
    n_subjects: int = 1,
    draws: str = "independent",
) -> Null:
    """Compare with multivariate phase randomisations of the features, the same draw for all voxels
    of a subject.

    Parameters
    ----------
    n_draws : int
        1000 or more for a result to report.
    draws : {"independent", "shared"}
        Whether each subject has its own draws, as when subjects are independent given no effect; or
        all share them, as when they share a response to something in the stimulus that the features
        do not hold. The second is stricter.
    spaces, Y, fit, tested, n_subjects
        As in `null_circular_shift`; penalties are those of `fit`.

    Returns
    -------
    Null
    """
    require(
        draws in ("independent", "shared"), f"draws={draws!r}: must be 'independent' or 'shared'."
    )
    spaces, Y, tested = _arguments(spaces, Y, tested)
    statistic, r = (
        _statistic(spaces, Y, fit, tested, n_subjects),
        np.empty((n_draws, Y.shape[1]), np.float32),
    )
    n_groups = n_subjects if draws == "independent" else 1
    blocks = np.split(np.arange(Y.shape[1]), n_groups)
    for columns, rng in zip(
        tqdm(blocks, desc="phase draws", disable=n_groups == 1),
        np.random.default_rng(seed).spawn(n_groups),
    ):
        turns = [
            phase_rotation(len(Y), fit.settings["run_onsets"], child)
            for child in rng.spawn(n_draws)
        ]
        r[:, columns] = _randomised(
            spaces, Y[:, columns], fit, fit.choice[:, columns], tested, turns
        )
    return make_null(
        statistic(fit.r),
        np.array([statistic(row) for row in r]),
        f"phase randomisation ({draws} draws)",
    )
