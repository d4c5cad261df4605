"""Clock and latency told apart, as far as data can.

BOLD that follows a sound late may have a late clock, or a slow response: one delay is the sum of
both. Data tell the *differences*: between regions of one run, which share its clock, those of their
latencies; between runs, in which a region keeps its latency, those of their clocks. The common part
of clock and latency is known only by an assumption, which is named: that auditory responses peak
`PEAK_RANGE_S` after the sound [1]_.

References
----------
.. [1] Handwerker, Ollinger, D'Esposito 2004, NeuroImage 21, 1639.
   doi:10.1016/j.neuroimage.2003.11.029
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.timing.delays import FIRST_S, LAST_S, STEP_S, Answers, BlockFits, block_fits

PEAK_RANGE_S = (4.0, 7.0)  # within which auditory responses peak
LEAST_BLOCKS = 20  # intervals from fewer are too narrow
LEAST_MOVE_S = 30.0  # by which BOLD is moved where it is to follow nothing
LEVEL = 0.05  # of error, over regions and places, that a region follows
COVERAGE = 0.95


@dataclass(frozen=True, eq=False)
class Estimates:
    """Values with intervals of 95 %; NaN where there is no value, or no interval."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def text(self, i: int) -> str:
        """Return one value with its interval, in seconds."""
        if np.isnan(self.low[i]):
            return f"{self.value[i]:+.2f} s (no interval)"
        return f"{self.value[i]:+.2f} s [{self.low[i]:+.2f}, {self.high[i]:+.2f}]"


@dataclass(frozen=True, eq=False)
class ClockAndLatency:
    """Delays of BOLD after a sound, split into clock and latency where data can split them.

    Attributes
    ----------
    names : tuple of str
        Regions.
    r : array of shape (n_regions,)
        Fit at the best delay; negative where a region answers with less BOLD.
    follows : array of shape (n_regions,), bool
        Whether a region follows the sound surely enough to have a delay.
    delay_s : Estimates of shape (n_regions,)
        From the sound to the peak of the answer, on the declared clock: clock and latency together.
    latency_s : Estimates of shape (n_regions,)
        Difference of a region's latency from the mean of those that follow; free of the clock.
    run_clock_s : Estimates of shape (n_runs,)
        How much later BOLD of a run is than that of the first; free of latencies.
    clock_s : (float, float)
        Between what the common clock may be off, if responses peak within `PEAK_RANGE_S`; positive
        where BOLD is later than declared. NaN where no region follows.
    n_blocks : array of shape (n_runs,), int
        Of which the intervals are made.
    """

    names: tuple[str, ...]
    r: np.ndarray
    follows: np.ndarray
    delay_s: Estimates
    latency_s: Estimates
    run_clock_s: Estimates
    clock_s: tuple[float, float]
    n_blocks: np.ndarray

    @property
    def clock_is_off(self) -> bool:
        """Whether no latency within the range explains the delay."""
        low, high = self.clock_s
        return self.has_interval and bool(low > 0 or high < 0)

    @property
    def has_interval(self) -> bool:
        """Whether there are blocks enough for intervals over all runs."""
        return bool(self.n_blocks.sum() >= LEAST_BLOCKS)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be told apart, and what is surely wrong."""
        if not self.follows.any():
            return (
                "No region follows the sound surely enough: nothing is said of clock or latency.",
            )
        warnings = []
        first, last = PEAK_RANGE_S
        if self.follows.sum() == 1 and len(self.n_blocks) == 1:
            warnings.append(
                "One region in one run: a shift of the clock and a longer latency are the same "
                "number, and cannot be separated."
            )
        else:
            told = "latencies are told between regions, clocks between runs"
            warnings.append(
                f"The common part of clock and latency cannot be separated by these data: {told}. "
                f"Assumed is that responses peak {first:g} to {last:g} s after the sound."
            )
        if np.isin(self.delay_s.value, (FIRST_S, LAST_S)).any():
            warnings.append(
                f"A delay lies at the end of the scan ({FIRST_S:g} to {LAST_S:g} s): it may lie "
                "beyond."
            )
        if not self.has_interval:
            warnings.append(
                f"{self.n_blocks.sum()} blocks are too few for an interval; {LEAST_BLOCKS} are "
                "needed."
            )
        if self.clock_is_off:
            warnings.append(
                f"No latency of {first:g} to {last:g} s explains the delay: the clock is off by "
                f"{self.clock_s[0]:+.1f} to {self.clock_s[1]:+.1f} s."
            )
        return tuple(warnings)

    def sentence(self) -> str:
        """Say what was measured and what it means."""
        if not self.follows.any():
            return self.warnings[0]
        n_following = int(self.follows.sum())
        mean_delay_s = float(np.mean(self.delay_s.value[self.follows]))
        low, high = self.clock_s
        return (
            f"{n_following} of {len(self.names)} regions follow the sound, {mean_delay_s:.1f} s "
            f"after it on the declared clock; the clock is then between {low:+.1f} and "
            f"{high:+.1f} s off."
        )


def clock_and_latency(
    answers: Answers,
    bold: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    n_draws: int = 400,
    seed: int = 0,
) -> ClockAndLatency:
    """Measure how late BOLD follows a sound, and split it into clock and latency.

    The delay of a region is where the answer fits best, its shape free (width and undershoot).
    Intervals are percentiles over draws of blocks within runs.

    Parameters
    ----------
    answers : Answers
        From `answers_by_delay`.
    bold : array of shape (n_trs, n_regions)
        Runs end to end; region means, of one subject or of the group.
    names : sequence of str, optional
        Of the regions; numbers by default.
    n_draws : int
        Of the bootstrap.
    seed : int

    Returns
    -------
    ClockAndLatency
    """
    fits = block_fits(answers, bold)
    run_of_block = answers.run_of_block
    n_blocks = np.bincount(run_of_block)
    rng = np.random.default_rng(seed)
    weights = np.array([_draw(n_blocks, rng) for _ in range(n_draws)])
    best = _best(fits.r(np.ones(len(run_of_block))), answers.delays_s)
    follows = _follows(answers, bold, n_draws, rng)
    draws = np.array([_delays(fits.r(w), answers.delays_s, best.sign) for w in weights])
    value = np.where(follows, best.delay_s, np.nan)
    is_enough = n_blocks.sum() >= LEAST_BLOCKS
    common = _common_delay(value, draws, is_enough)
    means = draws[:, follows].mean(1, keepdims=True) if follows.any() else np.nan
    return ClockAndLatency(
        names=tuple(names or map(str, range(bold.shape[1]))),
        r=best.r,
        follows=follows,
        delay_s=_estimates(value, draws, is_enough),
        latency_s=_estimates(value - common.value, draws - means, is_enough),
        run_clock_s=_run_clocks(fits, best, follows, run_of_block, weights),
        clock_s=_clock_range(common),
        n_blocks=n_blocks,
    )


def _common_delay(value: np.ndarray, draws: np.ndarray, is_enough: bool) -> Estimates:
    """Return the mean delay over regions that follow, those whose value is not NaN: (1,)."""
    follows = ~np.isnan(value)
    if not follows.any():
        nothing = np.array([np.nan])
        return Estimates(nothing, nothing, nothing)
    return _estimates(
        value[follows].mean(keepdims=True), draws[:, follows].mean(1, keepdims=True), is_enough
    )


@dataclass(frozen=True, eq=False)
class _Best:
    """Of each region the shape, place and delay of the best fit, its r and the sign of r."""

    shape: np.ndarray
    place: np.ndarray
    delay_s: np.ndarray
    r: np.ndarray

    @property
    def sign(self) -> np.ndarray:
        return np.sign(self.r)


def _best(r: np.ndarray, delays_s: np.ndarray) -> _Best:
    """Find the best fit in r (n_shapes, n_delays, n_regions), of either sign."""
    n_shapes, n_delays, n_regions = r.shape
    flat = r.reshape(-1, n_regions)
    best = np.abs(flat).argmax(0)
    shape, place = np.unravel_index(best, (n_shapes, n_delays))
    return _Best(shape, place, delays_s[place], flat[best, np.arange(n_regions)])


def _delays(r: np.ndarray, delays_s: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Return the delay of the best fit of a known sign: (n_regions,)."""
    over_shapes = (r * sign).max(0)
    return delays_s[over_shapes.argmax(0)]


def _follows(
    answers: Answers, bold: np.ndarray, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Tell which regions (n_regions,) follow: above the highest fit of BOLD moved in time.

    BOLD is moved circularly within each run, all regions together; the null is the highest
    correlation over shapes, delays and regions. Draws as high as the data count against it.
    """
    series = answers.freed(np.asarray(bold, np.float64))
    x = answers.values.reshape(len(series), -1)
    scale = np.linalg.norm(x, axis=0)[:, None] * np.linalg.norm(series, axis=0)
    lengths = np.bincount(answers.run_of)
    shortest_moves = np.minimum(round(LEAST_MOVE_S / answers.t_r), lengths // 4)
    observed = np.abs(x.T @ series / np.maximum(scale, 1e-300)).max(0)  # as draws are scored
    highest = []
    for _ in range(n_draws):
        moves = rng.integers(shortest_moves, lengths - shortest_moves, endpoint=True)
        runs = np.split(series, np.cumsum(lengths)[:-1])
        moved = np.concatenate([np.roll(run, move, axis=0) for run, move in zip(runs, moves)])
        highest.append(np.abs(x.T @ moved / np.maximum(scale, 1e-300)).max())
    as_good = np.array(highest)[:, None] >= observed
    return (1 + as_good.sum(0)) / (1 + n_draws) <= LEVEL


def _draw(n_blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw blocks with replacement within runs: how often each is drawn, (n_blocks of all,)."""
    return np.concatenate([rng.multinomial(n, np.full(n, 1 / n)) for n in n_blocks])


def _estimates(value: np.ndarray, draws: np.ndarray, is_enough: bool) -> Estimates:
    """Return values (n,) with percentiles of draws (n_draws, n)."""
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
    has_interval = np.isfinite(value) & is_enough
    return Estimates(
        value, np.where(has_interval, low, np.nan), np.where(has_interval, high, np.nan)
    )


def _run_clocks(
    fits: BlockFits, best: _Best, follows: np.ndarray, run_of_block: np.ndarray, weights: np.ndarray
) -> Estimates:
    """Return how much later each run's BOLD is than the first run's, all regions moved together."""
    n_runs = run_of_block.max() + 1
    if not follows.any():
        nothing = np.full(n_runs, np.nan)
        return Estimates(nothing, nothing, nothing)
    everything = np.ones(len(run_of_block))
    value = _moves(fits, best, follows, run_of_block, everything)
    draws = np.array([_moves(fits, best, follows, run_of_block, w) for w in weights])
    fewest = min(np.bincount(run_of_block))
    return _estimates(value, draws, fewest >= LEAST_BLOCKS)


def _moves(
    fits: BlockFits, best: _Best, follows: np.ndarray, run_of_block: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the move in seconds that fits each run best, less that of the first: (n_runs,)."""
    n_delays = fits.cross.shape[2]
    places = np.arange(n_delays)
    moves = []
    for run in range(run_of_block.max() + 1):
        r = fits.r(weights * (run_of_block == run))
        score = np.zeros(2 * n_delays - 1)
        for region in np.flatnonzero(follows):
            fit = np.maximum(r[best.shape[region], :, region] * best.sign[region], 0) ** 2
            score[places - best.place[region] + n_delays - 1] += fit
        moves.append(score.argmax() - (n_delays - 1))
    return STEP_S * (np.array(moves) - moves[0])


def _clock_range(common: Estimates) -> tuple[float, float]:
    """Return between what the clock may be off, given the common delay (1,)."""
    first_s, last_s = PEAK_RANGE_S
    delay = float(common.value[0])
    low = float(common.low[0])
    high = float(common.high[0])
    if np.isnan(low):
        low = high = delay
    return low - last_s, high - first_s
