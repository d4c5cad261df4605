"""Contiguous folds with an embargo inside each run: the only honest way to split smooth series.

Time is counted in TRs over all runs laid end to end; ``run_onsets`` holds the index at which each
run begins. A test fold is one stretch of one run. Training rows nearer than the embargo to it *in
the same run* are left out, because the haemodynamic response, smoothing and the context of the
features make neighbours copies of each other.
"""

from collections.abc import Sequence

import numpy as np

from giblet_core.errors import InputError, require

Fold = tuple[np.ndarray, np.ndarray]
SHORTEST_TEST = 8  # TRs: a correlation over fewer is noise; such stretches still train


def check_runs(n_trs: int, run_onsets: Sequence[int]) -> np.ndarray:
    """Return the edges of the runs, shape (n_runs + 1,), after checking them.

    Raises
    ------
    InputError
        When the onsets do not begin at 0, do not increase, or reach beyond the series.
    """
    edges = np.append(np.asarray(run_onsets, dtype=int), n_trs)
    require(
        len(edges) >= 2 and edges[0] == 0 and not np.any(np.diff(edges) <= 0),
        f"run_onsets={tuple(run_onsets)}: must begin with 0 and "
        f"increase, all below n_trs={n_trs}. Give the row at which each run begins, e.g. (0, 400).",
    )
    return edges


def run_index(n_trs: int, run_onsets: Sequence[int]) -> np.ndarray:
    """Return the number of the run of each TR, shape (n_trs,)."""
    edges = check_runs(n_trs, run_onsets)
    return np.repeat(np.arange(len(edges) - 1), np.diff(edges))


def _stretches(rows: np.ndarray, run_of: np.ndarray) -> list[np.ndarray]:
    """Cut sorted rows where time jumps or a run ends."""
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(run_of[rows]) > 0)) + 1
    return np.split(rows, breaks)


def _share_out(lengths: Sequence[int], n_folds: int) -> list[int]:
    """Give each stretch one fold, then every further fold to the stretch whose pieces are longest."""
    counts = [1] * len(lengths)
    for _ in range(n_folds - len(lengths)):
        counts[int(np.argmax([length / count for length, count in zip(lengths, counts)]))] += 1
    return counts


def _folds(
    rows: np.ndarray, pieces: list[np.ndarray], embargo: int, run_of: np.ndarray
) -> list[Fold]:
    folds = []
    for test in pieces:
        near = (
            (run_of[rows] == run_of[test[0]])
            & (rows >= test[0] - embargo)
            & (rows <= test[-1] + embargo)
        )
        folds.append((rows[~near], test))
    return folds


def contiguous_folds(
    n_trs: int, n_folds: int = 5, embargo: int = 20, run_onsets: Sequence[int] = (0,)
) -> list[Fold]:
    """Cut a series into test folds, each one contiguous stretch of one run, with an embargo on both
    sides.

    Every TR is tested once. Runs share the folds in proportion to their length, at least one each.

    Parameters
    ----------
    n_trs : int
        Number of TRs over all runs.
    n_folds : int
        Number of folds, at least 2 and at least the number of runs.
    embargo : int
        TRs left out of training on each side of the test fold, within its run. A row is trained on
        only if it is more than `embargo` TRs from every test row of its run.
    run_onsets : sequence of int
        Row at which each run begins.

    Returns
    -------
    list of (train, test)
        Sorted index arrays, in order of time.

    Raises
    ------
    InputError
        When there are fewer folds than runs, a fold would be shorter than 3 TRs, or nothing is left
        to train on.
    """
    run_of = run_index(n_trs, run_onsets)
    rows = np.arange(n_trs)
    runs = _stretches(rows, run_of)
    require(embargo >= 0, f"embargo={embargo}: must be 0 or more TRs. Use 20 for TR 1.5 s.")
    require(
        n_folds >= max(2, len(runs)),
        f"n_folds={n_folds}: a test fold lies in one run, so at least {max(2, len(runs))} folds are "
        f"needed for {len(runs)} run(s). Raise n_folds.",
    )
    counts = _share_out([len(run) for run in runs], n_folds)
    pieces = [piece for run, count in zip(runs, counts) for piece in np.array_split(run, count)]
    folds = _folds(rows, pieces, embargo, run_of)
    if min(len(test) for _, test in folds) < 3 or min(len(train) for train, _ in folds) < 3:
        raise InputError(
            f"n_trs={n_trs}, n_folds={n_folds}, embargo={embargo}: every fold needs 3 TRs or more to test and to train. "
            "Use fewer folds, a shorter embargo or a longer series."
        )
    return folds


def inner_folds(
    train: np.ndarray, run_of: np.ndarray, n_folds: int = 5, embargo: int = 20
) -> list[Fold]:
    """Cut the rows of a training set into contiguous folds, with the embargo, to choose a penalty.

    Parameters
    ----------
    train : array of shape (n_train,)
        Sorted rows of the outer training set.
    run_of : array of shape (n_trs,)
        Run of each row, from `run_index`.
    n_folds, embargo : int
        As in `contiguous_folds`. Stretches shorter than 8 TRs are trained on but never tested on;
        there are at least as many folds as longer stretches.

    Returns
    -------
    list of (train, test)
        Index arrays into the whole series.
    """
    stretches = [s for s in _stretches(np.asarray(train), run_of) if len(s) >= SHORTEST_TEST]
    counts = _share_out([len(s) for s in stretches], n_folds)
    pieces = [
        p for s, count in zip(stretches, counts) for p in np.array_split(s, count) if len(p) >= 3
    ]
    folds = [
        fold for fold in _folds(np.asarray(train), pieces, embargo, run_of) if len(fold[0]) >= 3
    ]
    require(
        len(folds) >= 2,
        f"embargo={embargo}: {len(train)} training rows are too few to choose a penalty in contiguous folds. Use a "
        "shorter embargo, fewer folds, or a fixed penalty (one alpha).",
    )
    return folds


def shift_within_runs(n_trs: int, shift: int, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Return rows that move every run circularly by `shift` TRs: ``x[rows]`` is x delayed by
    `shift`, run by run.
    """
    edges = check_runs(n_trs, run_onsets)
    return np.concatenate(
        [a + (np.arange(b - a) - shift) % (b - a) for a, b in zip(edges[:-1], edges[1:])]
    )


def leave_one_subject_out(n_subjects: int) -> list[Fold]:
    """Return (the other subjects, the one left out) for each subject.

    Raises
    ------
    InputError
        With fewer than 2 subjects.
    """
    require(n_subjects >= 2, f"n_subjects={n_subjects}: leaving one out needs at least 2.")
    everyone = np.arange(n_subjects)
    return [(np.delete(everyone, s), everyone[s : s + 1]) for s in everyone]
