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
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from giblet_core.codecs import frame_at
from giblet_core.errors import InputError
from giblet_core.timing import TRGrid, refuse_labels
from giblet_core.timing import hrf as haemodynamics
from giblet_core.timing import pool as mean_of_frames

POOLS = ("mean", "sd", "modulation")
BANDS_HZ = ((2, 4), (4, 8), (8, 16))
RESPONSE_RATE_HZ = 10.0  # below this the peak of a sampled response moves by seconds
BIN_FRAMES = 5  # frames averaged before the response, at most: 15 Hz for a codec of 75 Hz
WHOLE_TR = Fraction(1, 10**6)  # of a TR: what is nearer to a whole one is one
PEAKS_S = (4.0, 5.5, 7.0)  # of the response: subjects differ


@dataclass(frozen=True)
class Response:
    """The shape of BOLD's answer to a signal. When it is sampled, the grid of the run says.

    Attributes
    ----------
    model : {"glover", "spm"} or None
        None applies no response, and leaves its shape to FIR delays.
    peak_s : float, optional
        Second at which the response peaks; that of the model by default.
    """

    model: str | None = "glover"
    peak_s: float | None = None


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
    history): before it, the sound is taken to have been as in that TR. A signal that is 7
    throughout gives 0. They are sampled at `TRGrid.times`, and what was heard before the run
    (`TRGrid.history_s`) reaches into it. Without a response (``hrf=None``) values are the
    statistics of each TR themselves, however it was sampled: the mean is 7.

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
    windows = _windows_heard(grid, x.shape[1], rate_hz)
    first_frame = windows.edges[0]
    signal = x[:, first_frame : windows.edges[-1]].astype(np.float64)
    edges = windows.edges - first_frame
    bin_frames = min(BIN_FRAMES, int(rate_hz / RESPONSE_RATE_HZ))
    bins = np.arange(0, edges[-1], bin_frames)
    window_of_bin = np.searchsorted(edges, bins, side="right") - 1
    onset_s = float(grid.edge(0) - Fraction(int(first_frame)) / Fraction(str(rate_hz)))
    grid_of_signal = replace(grid, onset_s=max(0.0, onset_s), history_s=max(0.0, onset_s))
    columns = []
    for statistic in pool:
        for per_window in _per_tr(signal, rate_hz, edges, statistic):
            if response.model is None:
                columns.append(per_window[windows.n_before :])
                continue
            if statistic == "mean":
                per_bin = mean_of_frames(signal, np.append(bins, edges[-1]))
            else:
                per_bin = per_window[window_of_bin]
            # Before it was heard the sound is taken to have been as in its first whole TR: a step
            # from 0 would be an event that nobody heard.
            change = per_bin - per_window[windows.first_whole]
            columns.append(
                haemodynamics.at_trs(
                    change,
                    rate_hz / bin_frames,
                    grid_of_signal,
                    response.model,
                    response.peak_s,
                )
            )
    return np.concatenate(columns, axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Windows:
    """The TRs of a run and of what was heard before it.

    Attributes
    ----------
    edges : int array of shape (n_windows + 1,)
        Frames at which they begin, and the end of the last.
    n_before : int
        How many windows lie before the run.
    first_whole : int
        The first window that is a whole TR: 1 where the history begins within a TR, else 0.
    """

    edges: np.ndarray
    n_before: int
    first_whole: int


def _windows_heard(grid: TRGrid, n_frames: int, rate_hz: float) -> _Windows:
    """Cut what was heard until the end of a run at the TRs, counted back from the run's first."""
    grid.edges_within(n_frames, rate_hz)
    n_trs_before = (grid.edge(0) - grid.heard_from) / Fraction(str(grid.t_r))
    n_whole = floor(n_trs_before + WHOLE_TR)
    longer = replace(grid, n_trs=grid.n_trs + n_whole, onset_s=float(grid.edge(-n_whole)))
    edges = longer.frame_edges(rate_hz)
    first_heard = frame_at(grid.heard_from, rate_hz)
    has_part = n_trs_before - n_whole > WHOLE_TR and first_heard < edges[0]
    if has_part:
        edges = np.append(first_heard, edges)
    return _Windows(edges, n_whole + has_part, int(has_part))


def _per_tr(x: np.ndarray, rate_hz: float, edges: np.ndarray, statistic: str) -> list[np.ndarray]:
    """Pool (D, n_frames) inside each TR: arrays of shape (n_trs, D), one a band or one alone."""
    if statistic == "mean":
        return [mean_of_frames(x, edges)]
    if statistic == "sd":
        means = np.repeat(mean_of_frames(x, edges).T, np.diff(edges), axis=1)
        return [np.sqrt(mean_of_frames((x - means) ** 2, edges))]
    powers = [modulation_power(x, rate_hz, band) for band in modulation_bands(rate_hz)]
    return [np.sqrt(mean_of_frames(power, edges)) for power in powers]


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
