"""Ways to move series in time that keep their autocorrelation: circular shifts, random phases.

References
----------
.. [1] Prichard & Theiler 1994, Phys Rev Lett 73, 951. doi:10.1103/PhysRevLett.73.951 (phase
   randomisation of several series at once)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError
from giblet_core.timing import check_runs


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
