"""What a signal held in each TR, as BOLD would answer to it: causal, run by run.

Three statistics of the exact frames of a TR: their mean, their standard deviation, and their
modulation energy in three bands [1]_. Then the haemodynamic response is applied, on a line finer
than the TRs.

References
----------
.. [1] Santoro et al. 2017, PNAS 114, 4799. doi:10.1073/pnas.1617622114 (auditory cortex follows
   2-4 Hz best)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from giblet_core.errors import InputError
from giblet_core.timing import TRGrid, refuse_labels
from giblet_core.timing import hrf as haemodynamics
from giblet_core.timing import pool as mean_of_frames

POOLS = ("mean", "sd", "modulation")
BANDS_HZ = ((2, 4), (4, 8), (8, 16))
RESPONSE_RATE_HZ = 10.0  # below this the peak of a sampled response moves by seconds
BIN_FRAMES = 5  # frames averaged before the response, at most: 15 Hz for a codec of 75 Hz
PEAKS_S = (4.0, 5.5, 7.0)  # of the response: subjects differ


@dataclass(frozen=True)
class Response:
    """How BOLD answers to a signal: the shape of the response, and where it is sampled.

    Attributes
    ----------
    model : {"glover", "spm"} or None
        None applies no response, and leaves its shape to FIR delays.
    peak_s : float, optional
        Second at which the response peaks; that of the model by default.
    slice_time_ref : float
        Where in the TR BOLD is sampled, 0 (its beginning) to 1 (its end).
    history_s : float
        Seconds of the stimulus heard before the run began (dropped volumes); whole TRs. By default
        hearing begins with the run.
    """

    model: str | None = "glover"
    peak_s: float | None = None
    slice_time_ref: float = 0.0
    history_s: float = 0.0


RESPONSES = tuple(Response(peak_s=peak_s) for peak_s in PEAKS_S)


def modulation_bands(rate_hz: float) -> tuple[tuple[float, float], ...]:
    """Return those of `BANDS_HZ` that a signal of `rate_hz` frames a second can hold.

    Examples
    --------
    >>> modulation_bands(75.0)
    ((2, 4), (4, 8), (8, 16))
    >>> modulation_bands(12.5)
    ((2, 4),)
    """
    return tuple(band for band in BANDS_HZ if band[1] < rate_hz / 2)


def modulation_power(x: np.ndarray, rate_hz: float, band_hz: tuple[float, float]) -> np.ndarray:
    """Square the output of a causal band-pass filter (Butterworth, 12 dB an octave).

    Parameters
    ----------
    x : array of shape (D, n_frames)
        The filter is at rest at the first frame, as if that had always been heard.
    rate_hz : float
        Frames a second.
    band_hz : (float, float)
        Borders of the band.

    Returns
    -------
    array of shape (D, n_frames), float64
    """
    x = np.asarray(x, dtype=np.float64)
    sections = butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    at_rest = sosfilt_zi(sections)[:, None, :] * x[:, :1][None]
    filtered, _ = sosfilt(sections, x, axis=1, zi=at_rest)
    return filtered**2


def pooled(
    x: np.ndarray,
    rate_hz: float,
    grid: TRGrid | Sequence[TRGrid],
    pool: Sequence[str] = POOLS,
    hrf: Response | str | None = "glover",
) -> np.ndarray:
    """Pool a signal in each TR and apply the response.

    With a response, values are changes since the first TR heard (that of the run, or of its
    `history_s`): before it, the sound is taken to have been as in that TR. A signal that is 7
    throughout gives 0. Without a response (``hrf=None``) values are the statistics themselves: its
    mean is 7.

    Parameters
    ----------
    x : array of shape (D, n_frames)
        Float, from second 0 of the stimulus.
    rate_hz : float
        Frames a second, above 10. Below 50 Hz fewer frames make a bin before the response; below
        32 Hz there are fewer bands (`modulation_bands`).
    grid : TRGrid or sequence of TRGrid
        One a run, in seconds of the stimulus; results are laid end to end.
    pool : sequence of {"mean", "sd", "modulation"}
        Statistics of the frames of a TR.
    hrf : Response, {"glover", "spm"} or None
        The response; a name stands for ``Response(name)``.

    Returns
    -------
    array of shape (n_trs of all runs, D * n_statistics), float32
        Statistic by statistic: mean, SD, then the bands.

    Raises
    ------
    InputError
        For integer input, an unknown statistic, too slow a signal, or a run beyond the sound.
    """
    x = refuse_labels(np.atleast_2d(x))
    if set(pool) - set(POOLS) or not pool:
        raise InputError(
            f"pool={tuple(pool)}: must be some of {', '.join(POOLS)}. Choose one or more of them."
        )
    if rate_hz <= RESPONSE_RATE_HZ:
        raise InputError(
            f"rate_hz={rate_hz}: must be above {RESPONSE_RATE_HZ:g}, or the response moves. "
            "Give a signal with more frames a second."
        )
    response = hrf if isinstance(hrf, Response) else Response(hrf)
    grids = [grid] if isinstance(grid, TRGrid) else list(grid)
    return np.concatenate([_pool_run(x, rate_hz, run, pool, response) for run in grids])


def _pool_run(
    x: np.ndarray, rate_hz: float, grid: TRGrid, pool: Sequence[str], response: Response
) -> np.ndarray:
    """Pool one run of a signal (D, n_frames) that begins at second 0 of the stimulus."""
    n_before = _trs_before(response.history_s, grid.t_r)
    grid_with_history = TRGrid(grid.t_r, grid.n_trs + n_before, float(grid.edge(-n_before)))
    edges = grid_with_history.edges_within(x.shape[1], rate_hz)
    signal = x[:, edges[0] : edges[-1]].astype(np.float64)
    edges = edges - edges[0]
    bin_frames = min(BIN_FRAMES, int(rate_hz / RESPONSE_RATE_HZ))
    bins = np.arange(0, edges[-1], bin_frames)
    tr_of_bin = np.searchsorted(edges, bins, side="right") - 1
    columns = []
    for statistic in pool:
        for per_tr in _per_tr(signal, rate_hz, edges, statistic):
            if response.model is None:
                columns.append(per_tr[n_before:])
                continue
            if statistic == "mean":
                per_bin = mean_of_frames(signal, np.append(bins, edges[-1]))
            else:
                per_bin = per_tr[tr_of_bin]
            # Before the run the sound is taken to have been as in its first TR: a step from 0
            # would be an event that nobody heard.
            change = per_bin - per_tr[0]
            columns.append(_respond(change, rate_hz / bin_frames, grid, response))
    return np.concatenate(columns, axis=1).astype(np.float32)


def _trs_before(history_s: float, t_r: float) -> int:
    n_trs = Fraction(str(history_s)) / Fraction(str(t_r))
    if n_trs < 0 or n_trs.denominator != 1:
        raise InputError(
            f"history_s={history_s}: must be a whole number of TRs of {t_r} s. "
            "Give the sound heard before the run so."
        )
    return int(n_trs)


def _per_tr(x: np.ndarray, rate_hz: float, edges: np.ndarray, statistic: str) -> list[np.ndarray]:
    """Pool (D, n_frames) inside each TR: arrays of shape (n_trs, D), one a band or one alone."""
    if statistic == "mean":
        return [mean_of_frames(x, edges)]
    if statistic == "sd":
        means = np.repeat(mean_of_frames(x, edges).T, np.diff(edges), axis=1)
        return [np.sqrt(mean_of_frames((x - means) ** 2, edges))]
    powers = [modulation_power(x, rate_hz, band) for band in modulation_bands(rate_hz)]
    return [np.sqrt(mean_of_frames(power, edges)) for power in powers]


def _respond(x: np.ndarray, rate_hz: float, grid: TRGrid, response: Response) -> np.ndarray:
    """Convolve a signal (n_bins, D) that begins `history_s` before the run: (n_trs, D)."""
    return haemodynamics.convolve(
        x,
        rate_hz,
        grid.t_r,
        response.model,
        n_trs=grid.n_trs,
        onset_s=response.history_s,
        slice_time_ref=response.slice_time_ref,
        peak_s=response.peak_s,
    )


def slow_directions(means: np.ndarray, n: int) -> np.ndarray:
    """Return the directions in which a signal moves most from TR to TR (principal components).

    Parameters are its means (n_trs, D) and how many directions are wanted. Returns (n, D),
    orthonormal rows, the largest movement first.
    """
    deviations = (means - means.mean(0)).astype(np.float64)
    _, _, directions = np.linalg.svd(deviations, full_matrices=False)
    return directions[:n]


def mean_over_responses(
    make: Callable[[Response], np.ndarray], responses: Sequence[Response] = RESPONSES
) -> np.ndarray:
    """Average what ``make(response)`` returns over responses that peak at different times."""
    return np.mean([make(response) for response in responses], axis=0)
