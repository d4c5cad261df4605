"""The runs on the stimulus's clock.

Row i of a run began at ``stimulus_start_s + (i + label_shift_trs) * t_r / clock_ratio`` seconds of
the stimulus; what it holds stands for `slice_time_ref` TRs later. A release that relabelled its
rows is thereby put back on the true clock before any response model; one on shifted labels counts
the delay twice. Times are exact fractions.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.fmri.problems import Problems
from giblet_core.timing import TRGrid


@dataclass(frozen=True)
class Span:
    """The part of a run that is analysed, and its clock.

    Attributes
    ----------
    run : Run
    first : int
        The first row of the run that is analysed.
    grid : TRGrid
        ``grid.n_trs`` rows from `first` on, in seconds of the stimulus.
    offset : int
        Rows of earlier runs that lie before the run in a joined file.
    cropped : int
        TRs that are left out because they lie off the sound.
    """

    run: Run
    first: int
    grid: TRGrid
    offset: int
    cropped: int

    @property
    def rows(self) -> slice:
        """Where the part lies in its file."""
        start = self.first + self.offset
        return slice(start, start + self.grid.n_trs)


@dataclass(frozen=True)
class Clock:
    """Where the TRs of a data set lie in the stimulus; all times in seconds, exact."""

    t_r: Fraction
    label_shift_trs: int
    duration_s: Fraction | None

    def history(self, run: Run, onset: Fraction) -> Fraction:
        """Return how long the sound had been heard when a run's first analysed row began.

        It is heard from volume 0 on, dropped volumes included, and `history_s` before that; never
        before it begins.
        """
        heard_from = seconds(run.stimulus_start_s) - seconds(run.history_s)
        return max(Fraction(0), onset - max(Fraction(0), heard_from))

    def onset(self, run: Run, row: int) -> Fraction:
        """Return the stimulus time at which a row of a run began."""
        return seconds(run.stimulus_start_s) + (row + self.label_shift_trs) * self.t_r

    def rows_before_sound(self, onset: Fraction) -> int:
        """Return how many rows from `onset` on begin before the sound."""
        return max(0, ceil(-onset / self.t_r))

    def rows_after_sound(self, onset: Fraction, n_rows: int) -> int:
        """Return how many of `n_rows` from `onset` on end after the sound."""
        if self.duration_s is None:
            return 0
        return max(0, n_rows - floor((self.duration_s - onset) / self.t_r))


def seconds(value: float) -> Fraction:
    """Return a number of seconds as it was written: 0.72 is 72/100."""
    return Fraction(str(value))


def clock_of(manifest: Manifest, duration_s: float | None) -> Clock:
    """Return the clock of a manifest over a sound of `duration_s` (None: unknown)."""
    t_r = seconds(manifest.t_r) / seconds(manifest.stimulus.clock_ratio)
    duration = None if duration_s is None else seconds(duration_s)
    return Clock(t_r, manifest.label_shift_trs, duration)


def spans_of(manifest: Manifest, duration_s: float | None) -> tuple[list[Span], Problems]:
    """Put runs on the stimulus's clock; leave out dummies, excluded TRs and TRs off the sound.

    Rows excluded for one subject are left out for all, so that all have one clock.
    """
    clock = clock_of(manifest, duration_s)
    problems = Problems()
    spans = []
    n_rows_before = 0
    for run in manifest.runs:
        offset = n_rows_before if manifest.joined else 0
        if _meets_sound(clock, run, problems):
            span = _span(manifest, clock, run, offset, problems)
            if span is not None:
                spans.append(span)
        n_rows_before += run.n_trs
    if not spans and not problems:
        problems.error("runs", "none left", "must keep at least one run", "Exclude fewer runs.")
    return spans, problems


def _meets_sound(clock: Clock, run: Run, problems: Problems) -> bool:
    """Check that a run, as labelled, ends within the sound; tell whether it meets it at all."""
    start = seconds(run.stimulus_start_s)
    end = start + run.n_trs * clock.t_r
    where = f"runs.{run.name}"
    remedy = "Correct n_trs, stimulus_start_s or t_r, or name the right sound."
    if end <= 0:
        problems.error(
            where, f"ends at {float(end):g} s", "must not end before the sound begins", remedy
        )
        return False
    if clock.duration_s is None:
        return True
    duration = f"{float(clock.duration_s):g} s"
    if start >= clock.duration_s:
        problems.error(
            where, f"begins at {float(start):g} s", f"the sound ends at {duration}", remedy
        )
        return False
    if end - clock.t_r >= clock.duration_s:
        problems.error(
            where,
            f"ends at {float(end):g} s",
            f"BOLD must not be longer than the sound ({duration})",
            remedy,
        )
    return True


def _span(
    manifest: Manifest, clock: Clock, run: Run, offset: int, problems: Problems
) -> Span | None:
    """Return what is left of a run; None, with a problem unless it is excluded, if nothing is."""
    rules = [
        rule
        for rule in manifest.exclude
        if rule.run in (None, run.name) and rule.subject not in manifest.rejected
    ]
    if any(rule.is_whole_run for rule in rules):
        return None
    first = run.dummy_trs + max((rule.first_trs for rule in rules), default=0)
    n_rows = run.n_trs - first - max((rule.last_trs for rule in rules), default=0)
    onset = clock.onset(run, first)
    early = clock.rows_before_sound(onset)
    late = clock.rows_after_sound(onset, n_rows)
    n_left = n_rows - early - late
    if n_left < 1:
        problems.error(
            f"runs.{run.name}",
            f"{n_left} TRs left",
            "must keep at least 1 TR",
            "Exclude fewer TRs, or the run.",
        )
        return None
    onset += early * clock.t_r
    grid = TRGrid(
        float(clock.t_r),
        n_left,
        float(onset),
        slice_time_ref=manifest.slice_time_ref,
        history_s=float(clock.history(run, onset)),
    )
    return Span(run, first + early, grid, offset, early + late)


def overlap_problems(manifest: Manifest) -> Problems:
    """Find runs that begin before an earlier one has ended."""
    clock = clock_of(manifest, None)
    problems = Problems()
    for run in manifest.runs:
        end = float(seconds(run.stimulus_start_s) + run.n_trs * clock.t_r)
        for other in manifest.runs:
            if other is run or _order(run) > _order(other):
                continue
            if other.stimulus_start_s < end - 1e-6:
                problems.error(
                    f"runs.{other.name}.stimulus_start_s",
                    f"{other.stimulus_start_s:g} s",
                    f"{run.name} lasts until {end:g} s; runs must not overlap",
                    "Correct start or n_trs.",
                )
    return problems


def _order(run: Run) -> tuple[float, str]:
    return run.stimulus_start_s, run.name
