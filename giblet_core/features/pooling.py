"""What a signal held in each TR: mean, standard deviation, modulation energy; with the haemodynamic
response, causal and run by run.

References
----------
[1] Santoro et al. 2017, PNAS 114, 4799. doi:10.1073/pnas.1617622114 (auditory cortex follows 2-4 Hz
best)
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from giblet_core.errors import InputError, require
from giblet_core.timing import TRGrid, pool, refuse_labels
from giblet_core.timing import hrf as response

POOLS = ("mean", "sd", "modulation")
BANDS_HZ = ((2, 4), (4, 8), (8, 16))
BIN_FRAMES = 5  # frames averaged before the response: 15 Hz for codecs of 75 Hz, above the 10 Hz that its peak needs


def modulation_power(x: np.ndarray, rate_hz: float, band_hz: tuple[float, float]) -> np.ndarray:
    """Return the squared output of a causal band-pass (Butterworth, 12 dB an octave), at rest at
    the first sample; (D, T) to (D, T).
    """
    sos = butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    rest = sosfilt_zi(sos)[:, None, :] * np.asarray(x[:, :1], dtype=np.float64)[None]
    return sosfilt(sos, np.asarray(x, dtype=np.float64), axis=1, zi=rest)[0] ** 2


def _per_tr(x: np.ndarray, rate_hz: float, edges: np.ndarray, kind: str) -> list[np.ndarray]:
    """Pool (D, T) inside each TR: list of (n_trs, D)."""
    if kind == "mean":
        return [pool(x, edges)]
    if kind == "sd":
        deviation = x - np.repeat(pool(x, edges).T, np.diff(edges), axis=1)
        return [np.sqrt(pool(deviation**2, edges))]
    return [np.sqrt(pool(modulation_power(x, rate_hz, band), edges)) for band in BANDS_HZ]


def _pool_run(
    x: np.ndarray,
    rate_hz: float,
    grid: TRGrid,
    kinds: Sequence[str],
    hrf: str | None,
    slice_time_ref: float,
    history_s: float,
    peak_s: float | None,
) -> np.ndarray:
    """Pool one run; x (D, T) begins at second 0 of the stimulus."""
    history = Fraction(str(history_s)) / Fraction(str(grid.t_r))
    if history < 0 or history.denominator != 1:
        raise InputError(
            f"history_s={history_s}: must be a whole number of TRs of {grid.t_r} s. Give the sound heard before the run so."
        )
    long = TRGrid(grid.t_r, grid.n_trs + int(history), float(grid.edge(-int(history))))
    edges = long.edges_within(x.shape[1], rate_hz)
    first, edges = edges[0], edges - edges[0]
    x = x[:, first : first + edges[-1]].astype(np.float64)
    starts = np.arange(0, edges[-1], BIN_FRAMES)
    held = np.searchsorted(edges, starts, side="right") - 1
    blocks = []
    for kind in kinds:
        for block in _per_tr(x, rate_hz, edges, kind):
            if hrf is None:
                blocks.append(block[int(history) :])
                continue
            fine = pool(x, np.append(starts, edges[-1])) if kind == "mean" else block[held]
            # before the run the sound is taken to have been as in its first TR: a step from 0 would
            # be an event that nobody heard
            blocks.append(
                response.convolve(
                    fine - block[0],
                    rate_hz / BIN_FRAMES,
                    grid.t_r,
                    hrf,
                    n_trs=grid.n_trs,
                    onset_s=history_s,
                    slice_time_ref=slice_time_ref,
                    peak_s=peak_s,
                )
            )
    return np.concatenate(blocks, axis=1).astype(np.float32)


def pooled(
    x: np.ndarray,
    rate_hz: float,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: str | None = "glover",
    *,
    slice_time_ref: float = 0.0,
    history_s: float = 0.0,
    peak_s: float | None = None,
) -> np.ndarray:
    """Pool a signal in each TR and apply the response.

    Parameters
    ----------
    x : array of shape (D, n_frames)
        Float, from second 0 of the stimulus.
    rate_hz : float
        Frames a second, above 50.
    grid : TRGrid or sequence of TRGrid
        One a run, in seconds of the stimulus; results are laid end to end.
    pool : sequence of {"mean", "sd", "modulation"}
    hrf : {"glover", "spm"} or None
        None leaves the response to FIR delays.
    slice_time_ref : float
        Where in the TR BOLD belongs, 0 to 1.
    history_s : float
        Seconds of the stimulus heard before each run began (dropped volumes); whole TRs. By default
        the run begins the hearing.
    peak_s : float, optional
        When the response peaks, as in `giblet_core.hrf.kernel`.

    Returns
    -------
    array of shape (n_trs of all runs, D * n_statistics), float32
        Statistic by statistic: mean, SD, then the bands.
    """
    x = refuse_labels(np.atleast_2d(x))
    require(
        not set(pool) - set(POOLS) and pool,
        f"pool={tuple(pool)}: must be some of {', '.join(POOLS)}.",
    )
    require(
        rate_hz >= 10 * BIN_FRAMES,
        f"rate_hz={rate_hz}: must be at least {10 * BIN_FRAMES} for the response and the bands to 16 Hz.",
    )
    grids = [grid] if isinstance(grid, TRGrid) else list(grid)
    return np.concatenate(
        [_pool_run(x, rate_hz, g, pool, hrf, slice_time_ref, history_s, peak_s) for g in grids]
    )


PEAKS_S = (4.0, 5.5, 7.0)  # of the response: subjects differ


def slow_directions(means: np.ndarray, n: int) -> np.ndarray:
    """Return the directions in which a signal moves most from TR to TR, (n, D) orthonormal, from
    its means (n_trs, D).
    """
    return np.linalg.svd((means - means.mean(0)).astype(np.float64), full_matrices=False)[2][:n]


def over_peaks(make: Callable[..., np.ndarray], peaks_s: Sequence[float] = PEAKS_S) -> np.ndarray:
    """Average what ``make(peak_s=...)`` returns over several peaks of the response: subjects
    differ.
    """
    return np.mean([make(peak_s=peak) for peak in peaks_s], axis=0)
