"""Is the p of identification fair, and what does it find? Small simulations, many of them.

Smooth series stand for what is decoded, voxels follow them more or less, or not at all. Every
simulation is decoded and tested as real data are: refits on shifted BOLD, penalties chosen again.
Beside it stands what was done before: finished predictions moved along time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kstest
from tqdm import tqdm

from giblet_core.decoding import (
    DecodingResult,
    Segments,
    fold_numbers,
    identify_stacked,
    make_segments,
    movable_decoder,
)
from giblet_core.encoding import draw_shifts
from giblet_core.inference import proportion
from giblet_core.timing import contiguous_folds
from giblet_core.validation.rows import StudyRows

LEVEL = 0.05
N_NULL = 500
N_ONE_RUN = 200
N_POWER = 40
STRENGTHS = (0.1, 0.2, 0.3, 0.5, 0.8)
FIRST_SEED = 9001


@dataclass(frozen=True)
class SmallStudy:
    """The size of a small simulated study.

    Attributes
    ----------
    run_n_trs : tuple of int
        TRs of each run.
    n_voxels, n_dims : int
        Of BOLD, and of what is decoded.
    smoothness_trs : float
        SD of the Gaussian that smooths both.
    n_folds, embargo, segment_length : int
        Of the protocol.
    min_shift, n_shifts : int
        Of the null.
    """

    run_n_trs: tuple[int, ...] = (100, 100)
    n_voxels: int = 12
    n_dims: int = 4
    smoothness_trs: float = 2.0
    n_folds: int = 2
    embargo: int = 5
    segment_length: int = 8
    min_shift: int = 20
    n_shifts: int = 39

    @property
    def n_trs(self) -> int:
        """TRs of all runs."""
        return sum(self.run_n_trs)

    @property
    def run_onsets(self) -> tuple[int, ...]:
        """Row at which each run begins."""
        return tuple(np.cumsum([0, *self.run_n_trs[:-1]]).tolist())


ALPHAS = (0.3, 3.0)


def simulate_identification(seed: int, strength: float, size: SmallStudy = SmallStudy()) -> dict:
    """Simulate one small study and test identification in it: a row of a record.

    Parameters
    ----------
    seed : int
        Of everything that is drawn.
    strength : float
        SD of what voxels follow, noise having SD 1; 0 for the null.
    size : SmallStudy
        How large it is.

    Returns
    -------
    dict
        ``seed, strength, n_runs, n_pairs, accuracy, p``; without signal also ``p_moved``, the p of
        finished predictions that are moved along time.
    """
    rng = np.random.default_rng([seed, round(1000 * strength), len(size.run_n_trs)])
    smooth = _smooth(rng, size, size.n_dims)
    noise = _smooth(rng, size, size.n_voxels)
    mixing = rng.standard_normal((size.n_dims, size.n_voxels)) / np.sqrt(size.n_dims)
    bold = strength * smooth @ mixing + noise
    folds = contiguous_folds(size.n_trs, size.n_folds, size.embargo, size.run_onsets)
    segments = make_segments(
        fold_numbers(size.n_trs, folds), size.segment_length, run_onsets=size.run_onsets
    )
    decoder = movable_decoder(
        bold, smooth, folds, ALPHAS, run_onsets=size.run_onsets, embargo=size.embargo
    )
    shifts = draw_shifts(size.n_trs, size.run_onsets, size.min_shift, size.n_shifts, seed)
    null = [_accuracy(decoder.decode(rows), segments, size) for rows in shifts]
    decoded = decoder.decode()
    result = identify_stacked([decoded], segments, embargo=size.embargo, null=null)
    row = {
        "seed": seed,
        "strength": strength,
        "n_runs": len(size.run_n_trs),
        "n_pairs": result.n_pairs,
        "accuracy": result.pairwise_accuracy,
        "p": result.p,
    }
    if strength == 0:
        row["p_moved"] = _p_of_moved_predictions(decoded, segments, shifts, size)
    return row


def _smooth(rng: np.random.Generator, size: SmallStudy, n_columns: int) -> np.ndarray:
    """Draw smooth series of SD 1, (n_trs, n_columns), each run on its own."""
    runs = []
    for n_trs in size.run_n_trs:
        padded = rng.standard_normal((n_trs + 40, n_columns))
        runs.append(gaussian_filter1d(padded, size.smoothness_trs, axis=0)[20:-20])
    series = np.concatenate(runs)
    return series / series.std(0)


def _accuracy(decoded: DecodingResult, segments: Segments, size: SmallStudy) -> float:
    return identify_stacked([decoded], segments, embargo=size.embargo).pairwise_accuracy


def _p_of_moved_predictions(
    decoded: DecodingResult, segments: Segments, shifts: np.ndarray, size: SmallStudy
) -> float:
    """Return p where one fit's predictions are moved instead of refitted: too small."""
    null = []
    for rows in shifts:
        moved = DecodingResult(
            predictions=decoded.predictions[rows],
            targets=decoded.targets,
            fold_of=decoded.fold_of,
            r=decoded.r,
            r_folds=decoded.r_folds,
            r_inner=decoded.r_inner,
        )
        null.append(_accuracy(moved, segments, size))
    return identify_stacked([decoded], segments, embargo=size.embargo, null=null).p


def identification_null_study(
    n_null: int = N_NULL,
    n_one_run: int = N_ONE_RUN,
    n_power: int = N_POWER,
    strengths: Sequence[float] = STRENGTHS,
    first_seed: int = FIRST_SEED,
) -> StudyRows:
    """Test whether p is uniform where nothing is heard, and how often a signal is found.

    Parameters
    ----------
    n_null : int
        Simulations without any signal, of two runs.
    n_one_run : int
        The same, of one run as long as both.
    n_power : int
        Simulations at each strength.
    strengths : sequence of float
        SD of the signal, noise having SD 1.
    first_seed : int
        Seeds count up from here.

    Returns
    -------
    StudyRows
        Figures: p of the Kolmogorov-Smirnov test of uniformity and the rate of p <= .05 of each
        null, and the power at each strength with its exact interval.
    """
    size = SmallStudy()
    one_run = replace(size, run_n_trs=(size.n_trs,))
    simulations = []
    figures = []
    for name, size_of_null, n in (("two runs", size, n_null), ("one run", one_run, n_one_run)):
        seeds = tqdm(range(first_seed, first_seed + n), desc=name)
        null = [simulate_identification(seed, 0.0, size_of_null) for seed in seeds]
        figures += null_figures(name, null)
        simulations += null
    first_power_seed = first_seed + max(n_null, n_one_run)
    power_seeds = range(first_power_seed, first_power_seed + n_power)
    for strength in tqdm(strengths, desc="strengths"):
        with_signal = [simulate_identification(seed, strength) for seed in power_seeds]
        figures.append(_rate("identification power", [row["p"] for row in with_signal], strength))
        simulations += with_signal
    return StudyRows(figures, simulations, {"size": asdict(size)})


def null_figures(name: str, simulations: Sequence[dict]) -> list[dict]:
    """Return the figures of simulations without signal, by both ways to make a null."""
    figures = []
    for way, column in (("refitted", "p"), ("predictions moved", "p_moved")):
        p = [row[column] for row in simulations]
        uniform = kstest(p, "uniform")
        figure = f"identification without signal, {name}, {way}"
        row = {"figure": f"{figure}: KS p", "value": float(uniform.pvalue), "n": len(p)}
        figures += [row, _rate(f"{figure}: p <= .05", p, 0.0)]
    return figures


def _rate(figure: str, p: Sequence[float], strength: float) -> dict:
    share = proportion(int((np.array(p) <= LEVEL).sum()), len(p))
    return {
        "figure": figure,
        "strength": strength,
        "value": share.value,
        "low": share.low,
        "high": share.high,
        "n": share.n,
    }
