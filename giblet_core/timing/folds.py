"""Contiguous folds with an embargo inside each run: the only honest way to split smooth series.

Time is counted in TRs over all runs laid end to end; ``run_onsets`` holds the index at which each
run begins. A test fold is one stretch of one run. Training rows nearer than the embargo to it *in
the same run* are left out, because the haemodynamic response, smoothing and the context of the
features make neighbours copies of each other.
"""

from collections.abc import Sequence

import numpy as np

from giblet_core.errors import InputError, require

Fold = tuple[np.ndarray, np.ndarray]  # rows to train on, rows to test on
SHORTEST_FOLD = 3  # TRs to train on and to test on
SHORTEST_INNER_TEST = 8  # TRs: a correlation over fewer is noise; such stretches still train


def check_runs(n_trs: int, run_onsets: Sequence[int]) -> np.ndarray:
    """Return the edges of the runs, shape (n_runs + 1,), after checking them.

    Raises
    ------
    InputError
        When the onsets do not begin at 0, do not increase, or reach beyond the series.
    """
    edges = np.append(np.asarray(run_onsets, dtype=int), n_trs)
    require(
        len(edges) >= 2 and edges[0] == 0 and np.all(np.diff(edges) > 0),
        f"run_onsets={tuple(run_onsets)}: must begin with 0 and increase, all below "
        f"n_trs={n_trs}. Give the row at which each run begins, e.g. (0, 400).",
    )
    return edges


def run_index(n_trs: int, run_onsets: Sequence[int]) -> np.ndarray:
    """Return the number of the run of each TR, shape (n_trs,)."""
    edges = check_runs(n_trs, run_onsets)
    n_runs = len(edges) - 1
    return np.repeat(np.arange(n_runs), np.diff(edges))


def contiguous_folds(
    n_trs: int, n_folds: int = 5, embargo: int = 20, run_onsets: Sequence[int] = (0,)
) -> list[Fold]:
    """Cut a series into test folds, each one contiguous stretch of one run.

    An embargo on both sides of the test fold is left out of training. Every TR is tested once.
    Runs share the folds in proportion to their length, at least one each.

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
    fewest = max(2, len(runs))
    require(embargo >= 0, f"embargo={embargo}: must be 0 or more TRs. Use 20 for TR 1.5 s.")
    require(
        n_folds >= fewest,
        f"n_folds={n_folds}: a test fold lies in one run, so at least {fewest} folds are needed "
        f"for {len(runs)} run(s). Raise n_folds.",
    )
    folds = _folds_around(_test_pieces(runs, n_folds), rows, run_of, embargo)
    shortest = min(min(len(train), len(test)) for train, test in folds)
    if shortest < SHORTEST_FOLD:
        raise InputError(
            f"n_trs={n_trs}, n_folds={n_folds}, embargo={embargo}: every fold needs "
            f"{SHORTEST_FOLD} TRs or more to test and to train. Use fewer folds, a shorter embargo "
            "or a longer series."
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

    Raises
    ------
    InputError
        When fewer than two folds can be made.
    """
    rows = np.asarray(train)
    long = [part for part in _stretches(rows, run_of) if len(part) >= SHORTEST_INNER_TEST]
    pieces = [part for part in _test_pieces(long, n_folds) if len(part) >= SHORTEST_FOLD]
    folds = []
    for fold in _folds_around(pieces, rows, run_of, embargo):
        inner_train, _ = fold
        if len(inner_train) >= SHORTEST_FOLD:
            folds.append(fold)
    require(
        len(folds) >= 2,
        f"embargo={embargo}: {len(train)} training rows are too few to choose a penalty in "
        "contiguous folds. Use a shorter embargo, fewer folds, or a fixed penalty (one alpha).",
    )
    return folds


def _stretches(rows: np.ndarray, run_of: np.ndarray) -> list[np.ndarray]:
    """Cut sorted rows where time jumps or a run ends."""
    jumps = np.diff(rows) > 1
    new_run = np.diff(run_of[rows]) > 0
    breaks = np.flatnonzero(jumps | new_run) + 1
    return np.split(rows, breaks)


def _test_pieces(stretches: Sequence[np.ndarray], n_folds: int) -> list[np.ndarray]:
    """Cut stretches into test pieces, `n_folds` in all, or one a stretch where there are more.

    Each stretch is one piece; every further piece goes to the stretch whose pieces are longest.
    """
    if not stretches:
        return []
    n_pieces = [1] * len(stretches)
    for _ in range(n_folds - len(stretches)):
        lengths = [len(stretch) / n for stretch, n in zip(stretches, n_pieces)]
        n_pieces[int(np.argmax(lengths))] += 1
    pieces = []
    for stretch, n in zip(stretches, n_pieces):
        pieces.extend(np.array_split(stretch, n))
    return pieces


def _folds_around(
    pieces: Sequence[np.ndarray], rows: np.ndarray, run_of: np.ndarray, embargo: int
) -> list[Fold]:
    """Return each piece as a test fold, with the rows beyond the embargo to train on."""
    folds = []
    for test in pieces:
        same_run = run_of[rows] == run_of[test[0]]
        near = (rows >= test[0] - embargo) & (rows <= test[-1] + embargo)
        folds.append((rows[~(same_run & near)], test))
    return folds


def shift_within_runs(n_trs: int, shift: int, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Return rows that move every run circularly.

    Parameters
    ----------
    n_trs : int
        Number of TRs over all runs.
    shift : int
        TRs: ``x[rows]`` is x delayed by `shift`, run by run.
    run_onsets : sequence of int
        Row at which each run begins.

    Returns
    -------
    array of shape (n_trs,), int

    Examples
    --------
    >>> shift_within_runs(5, 1, run_onsets=(0, 3)).tolist()
    [2, 0, 1, 4, 3]
    """
    edges = check_runs(n_trs, run_onsets)
    moved = []
    for start, stop in zip(edges[:-1], edges[1:]):
        length = stop - start
        moved.append(start + (np.arange(length) - shift) % length)
    return np.concatenate(moved)


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
