"""How well BOLD follows a sound at every delay: predicted answers, and their fit block by block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from scipy.signal import fftconvolve

from giblet_core.errors import InputError
from giblet_core.timing.grid import TRGrid, refuse_labels, run_onsets
from giblet_core.timing.hrf import MIN_RATE_HZ, MODELS, kernel

FIRST_S = -5.0  # the first delay, from the sound to the peak of the answer
LAST_S = 15.0
STEP_S = 0.25
OWN_PEAKS_S = (4.0, 5.0, 6.5)  # responses of these peaks, from narrow to wide, in each model
SHAPES = tuple((model, peak_s) for model in MODELS for peak_s in OWN_PEAKS_S)
BLOCK_S = 20.0  # about the length of a response: longer blocks hardly share anything
DRIFT_S = 128.0  # slower changes are taken out of answers and BOLD alike
LEAST_ROWS = 10  # of a run, inside the delays at its ends


@dataclass(frozen=True, eq=False)
class Answers:
    """What BOLD would be if it answered a track, for each shape of the response and each delay.

    Attributes
    ----------
    delays_s : array of shape (n_delays,)
        Seconds from the sound to the peak of the answer.
    values : array of shape (n_rows, n_shapes, n_delays)
        Runs end to end; drift taken out.
    rows : int array of shape (n_rows,)
        The rows of BOLD that are compared: those for which every delay lies in the run.
    run_of : int array of shape (n_rows,)
    block_of : int array of shape (n_rows,)
        Blocks of `BLOCK_S` within runs.
    drift : list of arrays of shape (n_rows of a run, n_cosines)
        Orthonormal: what is taken out of each run.
    t_r : float
        Seconds, of the first run.
    """

    delays_s: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    run_of: np.ndarray
    block_of: np.ndarray
    drift: list[np.ndarray]
    t_r: float

    @property
    def run_of_block(self) -> np.ndarray:
        """The run of each block, (n_blocks,)."""
        first_rows = np.unique(self.block_of, return_index=True)[1]
        return self.run_of[first_rows]

    def freed(self, bold: np.ndarray) -> np.ndarray:
        """Return the rows of BOLD (n_trs, n_regions) that are compared, without drift."""
        runs = np.split(bold[self.rows], np.flatnonzero(np.diff(self.run_of)) + 1)
        return np.concatenate([_without(run, drift) for run, drift in zip(runs, self.drift)])


def answers_by_delay(track: np.ndarray, rate_hz: float, grids: Sequence[TRGrid]) -> Answers:
    """Predict BOLD from a track for every delay of the answer.

    Parameters
    ----------
    track : array of shape (n_frames,)
        Such as an envelope, from second 0 of the stimulus.
    rate_hz : float
        Frames a second, at least 10.
    grids : sequence of TRGrid
        One a run.

    Returns
    -------
    Answers

    Raises
    ------
    InputError
        Integer input, too slow a track, or a run too short for the delays.
    """
    track = refuse_labels(track)
    if rate_hz < MIN_RATE_HZ or track.ndim != 1:
        raise InputError(
            f"rate_hz={rate_hz}, track.shape={track.shape}: must be one series of {MIN_RATE_HZ:g} "
            "frames a second or more. Give an envelope at a finer rate."
        )
    delays_s = np.arange(FIRST_S, LAST_S + STEP_S / 2, STEP_S)
    inner_of_run = [_inner_rows(grid, number) for number, grid in enumerate(grids)]
    run_of = np.repeat(np.arange(len(grids)), [len(inner) for inner in inner_of_run])
    values = []
    drift = []
    for grid, inner in zip(grids, inner_of_run):
        cosines = create_cosine_drift(1 / DRIFT_S, np.arange(len(inner)) * grid.t_r)
        drift.append(np.linalg.qr(cosines)[0])
        answers = _answers_of_run(track, rate_hz, grid, grid.times()[inner], delays_s)
        flat = _without(answers.reshape(len(inner), -1), drift[-1])
        values.append(flat.reshape(answers.shape))
    rows = [onset + inner for onset, inner in zip(run_onsets(grids), inner_of_run)]
    return Answers(
        delays_s=delays_s,
        values=np.concatenate(values),
        rows=np.concatenate(rows),
        run_of=run_of,
        block_of=_blocks(grids, inner_of_run),
        drift=drift,
        t_r=grids[0].t_r,
    )


def _blocks(grids: Sequence[TRGrid], inner_of_run: list[np.ndarray]) -> np.ndarray:
    """Give each row the number of its block, counted over runs: (n_rows,)."""
    blocks = []
    n_before = 0
    for grid, inner in zip(grids, inner_of_run):
        n_trs_of_block = max(1, round(BLOCK_S / grid.t_r))
        of_run = (inner - inner[0]) // n_trs_of_block
        blocks.append(n_before + of_run)
        n_before += int(of_run[-1]) + 1
    return np.concatenate(blocks)


def _inner_rows(grid: TRGrid, number: int) -> np.ndarray:
    """Return the rows of a run whose answers lie in what was heard, at every delay."""
    times = grid.times()
    begins = float(grid.heard_from)
    ends = float(grid.edge(grid.n_trs))
    inner = np.flatnonzero((times - begins >= LAST_S) & (ends - times >= -FIRST_S))
    if len(inner) < LEAST_ROWS:
        raise InputError(
            f"grids[{number}]: {len(inner)} TRs lie inside delays of {FIRST_S:g} to {LAST_S:g} s; "
            f"at least {LEAST_ROWS} must. Leave the run out."
        )
    return inner


def _answers_of_run(
    track: np.ndarray, rate_hz: float, grid: TRGrid, times: np.ndarray, delays_s: np.ndarray
) -> np.ndarray:
    """Sample the convolved track of one run at each delay: (n_rows, n_shapes, n_delays)."""
    begins_s = float(grid.heard_from)
    heard = track[int(begins_s * rate_hz) :].astype(np.float64)
    n_in_run = int((float(grid.edge(grid.n_trs)) - begins_s) * rate_hz)
    change = heard - heard[:n_in_run].mean()
    answers = np.empty((len(times), len(SHAPES), len(delays_s)))
    for shape, (model, own_peak_s) in enumerate(SHAPES):
        convolved = fftconvolve(change, kernel(model, 1 / rate_hz, own_peak_s))
        steps = np.arange(len(convolved))
        for place, delay_s in enumerate(delays_s):
            moved_s = times - begins_s - (delay_s - own_peak_s)
            answers[:, shape, place] = np.interp(moved_s * rate_hz, steps, convolved)
    return answers


def _without(series: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """Return series (n_rows, n) without an orthonormal drift."""
    return series - drift @ (drift.T @ series)


@dataclass(frozen=True, eq=False)
class BlockFits:
    """Sums of products of answers and BOLD in each block, from which any weighting gives r.

    Attributes
    ----------
    cross : array of shape (n_blocks, n_shapes, n_delays, n_regions)
    of_answers : array of shape (n_blocks, n_shapes, n_delays)
    of_bold : array of shape (n_blocks, n_regions)
    """

    cross: np.ndarray
    of_answers: np.ndarray
    of_bold: np.ndarray

    def r(self, weights: np.ndarray) -> np.ndarray:
        """Correlate over weighted blocks (n_blocks,): (n_shapes, n_delays, n_regions)."""
        cross = np.tensordot(weights, self.cross, 1)
        power = np.tensordot(weights, self.of_answers, 1)[..., None] * (weights @ self.of_bold)
        return cross / np.sqrt(np.maximum(power, 1e-300))


def block_fits(answers: Answers, bold: np.ndarray) -> BlockFits:
    """Sum the products of answers and BOLD (n_trs, n_regions) in each block."""
    series = answers.freed(np.asarray(bold, np.float64))
    edges = np.unique(answers.block_of, return_index=True)[1]
    n_rows, n_shapes, n_delays = answers.values.shape
    flat = answers.values.reshape(n_rows, -1)
    blocks = zip(np.split(flat, edges[1:]), np.split(series, edges[1:]))
    cross = [of_answers.T @ of_bold for of_answers, of_bold in blocks]
    shape = (len(edges), n_shapes, n_delays, series.shape[1])
    return BlockFits(
        cross=np.array(cross).reshape(shape),
        of_answers=np.add.reduceat(answers.values**2, edges),
        of_bold=np.add.reduceat(series**2, edges),
    )
