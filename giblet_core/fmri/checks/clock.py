"""How long after the sound BOLD answers, and what of it may be the clock."""

from collections.abc import Sequence

import numpy as np

from giblet_core.errors import InputError
from giblet_core.fmri.clock import Span
from giblet_core.fmri.problems import Problems
from giblet_core.timing import Answers, ClockAndLatency, answers_by_delay, clock_and_latency

MOST_REGIONS = 20  # more columns are voxels, of which the best are averaged
DELAYS_APART = 4  # of which voxels are chosen: every second
LEAST_RUN_CLOCK_TRS = 0.5  # by which a run's clock must differ to be worth a look


def measured_clock(
    envelope: np.ndarray,
    rate_hz: float,
    spans: list[Span],
    group: np.ndarray,
    names: Sequence[str] = (),
) -> ClockAndLatency | None:
    """Measure how late BOLD follows a sound; None where a run is too short for it.

    Parameters
    ----------
    envelope : array of shape (n_frames,)
    rate_hz : float
    spans : list of Span
    group : array of shape (n_trs, n_columns)
        Regions, or voxels: of these the best 2 % are averaged, each with its sign.
    names : sequence of str
        Of the regions.

    Returns
    -------
    ClockAndLatency or None
    """
    try:
        answers = answers_by_delay(envelope, rate_hz, [span.grid for span in spans])
    except InputError:
        return None
    if group.shape[1] > MOST_REGIONS:
        return clock_and_latency(answers, _best_voxels(answers, group), ("best voxels",))
    return clock_and_latency(answers, group, names)


def _best_voxels(answers: Answers, group: np.ndarray) -> np.ndarray:
    """Return the mean of the voxels that follow best at any delay: (n_trs, 1)."""
    y = answers.freed(group.astype(np.float64))
    x = answers.values[:, 1, ::DELAYS_APART]
    r = (x / np.linalg.norm(x, axis=0)).T @ y / np.maximum(np.linalg.norm(y, axis=0), 1e-20)
    best = np.abs(r).argmax(0)
    r_best = r[best, np.arange(r.shape[1])]
    n_best = max(1, r.shape[1] // 50)
    chosen = np.argsort(-np.abs(r_best))[:n_best]
    return (group[:, chosen] * np.sign(r_best[chosen])).mean(1, keepdims=True)


def report_clock(
    found: ClockAndLatency, spans: list[Span], is_known_lag: bool, problems: Problems
) -> None:
    """Add what was measured to the problems.

    Parameters
    ----------
    found : ClockAndLatency
    spans : list of Span
    is_known_lag : bool
        Whether a lag of the whole clock was already reported.
    problems : Problems
    """
    if not found.follows.any():
        return
    _report_runs(found, spans, problems)
    if is_known_lag:
        return
    low, high = found.clock_s
    value = "; ".join(
        f"{name} {found.delay_s.text(i)}" for i, name in enumerate(found.names) if found.follows[i]
    )
    if found.clock_is_off:
        problems.warning(
            "clock",
            value,
            "BOLD answers the sound so long after it; no response that peaks 4 to 7 s after a "
            f"sound explains that, unless the clock is {low:+.1f} to {high:+.1f} s off",
            "Correct stimulus_start_s, slice_time_ref or label_shift_trs; a response that was "
            "applied, or taken out, is to be declared: preprocessing: {hrf: true}.",
        )
        return
    problems.note(
        "clock",
        value,
        "BOLD answers the sound so long after it, clock and latency together",
        " ".join(found.warnings),
    )


def _report_runs(found: ClockAndLatency, spans: list[Span], problems: Problems) -> None:
    """Report runs whose clock surely differs from that of the first."""
    clocks = found.run_clock_s
    for number, span in enumerate(spans):
        least_s = LEAST_RUN_CLOCK_TRS * span.grid.t_r
        is_sure = clocks.low[number] > 0 or clocks.high[number] < 0
        if is_sure and abs(clocks.value[number]) >= least_s:
            problems.warning(
                f"runs.{span.run.name}.stimulus_start_s",
                f"{span.run.stimulus_start_s:g} s",
                f"BOLD of this run follows the sound {clocks.text(number)} later than that of "
                f"{spans[0].run.name}: latencies are the same in both, so the clocks differ",
                "Correct stimulus_start_s of one of them.",
            )


def report_response(found: ClockAndLatency, is_declared: bool, problems: Problems) -> None:
    """Hold a response that is declared as applied to the series against them.

    Parameters
    ----------
    found : ClockAndLatency
    is_declared : bool
        ``preprocessing.hrf`` of the manifest.
    problems : Problems
        A contradiction is added here.
    """
    answers_as_bold = found.follows.any() and found.has_interval and not found.clock_is_off
    if is_declared and answers_as_bold:
        delays = [found.delay_s.text(i) for i in np.flatnonzero(found.follows)]
        problems.warning(
            "preprocessing.hrf",
            "true",
            f"BOLD answers the sound as series without it do ({'; '.join(delays)} after it)",
            "Correct preprocessing.hrf.",
        )
