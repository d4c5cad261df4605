"""The runs on the stimulus's clock.

Row i of a run began at ``stimulus_start_s + (i + label_shift_trs) * t_r / clock_ratio`` seconds of
the stimulus; what it holds stands for `slice_time_ref` TRs later. A release that relabelled its
rows is thereby put back on the true clock before any response model; one on shifted labels counts
the delay twice. Times are exact fractions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import Run
from giblet_core.fmri.problems import Problems
from giblet_core.timing import TRGrid

MOST_JITTER_TRS = Fraction(1, 20)  # between subjects; a trigger differs by some ten milliseconds


@dataclass(frozen=True)
class SubjectRows:
    """Where the analysed rows of a run lie in a subject's file.

    Attributes
    ----------
    rows : slice
    left_out_first, left_out_last : int
        Volumes of the run that are left out before them, dummies apart, and after them.
    """

    rows: slice
    left_out_first: int
    left_out_last: int


@dataclass(frozen=True)
class Span:
    """The part of a run that is analysed, and its clock.

    Attributes
    ----------
    run : Run
    first : int
        The first row that is analysed, counted from where the run's volume 0 lies in time.
    grid : TRGrid
        ``grid.n_trs`` rows from `first` on, in seconds of the stimulus.
    earlier : tuple of Run
        Runs that lie before this one in a joined file.
    cropped : int
        TRs that are left out because they lie off the sound.
    late_trs : dict of str to int
        Subjects whose volume 0 lies so many TRs after the run's; all others' lies where the run's
        does.
    """

    run: Run
    first: int
    grid: TRGrid
    earlier: tuple[Run, ...]
    cropped: int
    late_trs: dict[str, int]

    def of(self, subject: str) -> SubjectRows:
        """Return where the part lies in a subject's file."""
        own_run = self.run.of(subject)
        first = self.first - self.late_trs.get(subject, 0)
        offset = sum(run.of(subject).n_trs for run in self.earlier)
        start = first + offset
        return SubjectRows(
            rows=slice(start, start + self.grid.n_trs),
            left_out_first=first - own_run.dummy_trs,
            left_out_last=own_run.n_trs - first - self.grid.n_trs,
        )


@dataclass(frozen=True)
class Clock:
    """Where the TRs of a data set lie in the stimulus; all times in seconds, exact."""

    t_r: Fraction
    label_shift_trs: int
    duration_s: Fraction | None

    def late_trs(self, run: Run, own_run: Run) -> Fraction:
        """Return how many TRs after the run's a subject's volume 0 lies."""
        return (seconds(own_run.stimulus_start_s) - seconds(run.stimulus_start_s)) / self.t_r

    def history(self, runs: Iterable[Run], onset: Fraction) -> Fraction:
        """Return how long the sound had been heard, by all, when the first analysed row began.

        It is heard from volume 0 on, dropped volumes included, and `history_s` before that; never
        before it begins.
        """
        heard_from = max(seconds(run.stimulus_start_s) - seconds(run.history_s) for run in runs)
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

    Rows that one subject lacks, or that are excluded for one, are left out for all, so that all
    have one clock.
    """
    clock = clock_of(manifest, duration_s)
    problems = Problems()
    spans = []
    earlier = []
    for run in manifest.runs:
        meets_sound = [
            _meets_sound(clock, _without_excluded_end(manifest, own_run), where, problems)
            for where, own_run in _different_runs(manifest, run).items()
        ]
        if all(meets_sound):
            before = tuple(earlier) if manifest.joined else ()
            span = _span(manifest, clock, run, before, problems)
            if span is not None:
                spans.append(span)
        earlier.append(run)
    if not spans and not problems:
        problems.error("runs", "none left", "must keep at least one run", "Exclude fewer runs.")
    return spans, problems


def _different_runs(manifest: Manifest, run: Run) -> dict[str, Run]:
    """Return a run as declared, and as it is for each subject of its own: place -> Run."""
    runs = {}
    if any(subject not in run.subjects for subject in manifest.subjects):
        runs[f"runs.{run.name}"] = run
    for subject in manifest.subjects:
        if subject in run.subjects:
            runs[f"runs.{run.name}.subjects.{subject}"] = run.of(subject)
    return runs


def _without_excluded_end(manifest: Manifest, run: Run) -> Run:
    """Return a run without the TRs at its end that are excluded, as where the scanner ran on."""
    rules = [rule for rule in manifest.exclude if rule.run in (None, run.name)]
    n_excluded = max((rule.last_trs for rule in rules if rule.subject is None), default=0)
    return run.model_copy(update={"n_trs": run.n_trs - n_excluded})


def _meets_sound(clock: Clock, run: Run, where: str, problems: Problems) -> bool:
    """Check that a run, as labelled, ends within the sound; tell whether it meets it at all."""
    start = seconds(run.stimulus_start_s)
    end = start + run.n_trs * clock.t_r
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
            f"{remedy} If the scanner ran on, leave the last TRs out: exclude, last_trs.",
        )
    return True


def _late_trs(
    manifest: Manifest, clock: Clock, run: Run, problems: Problems
) -> dict[str, int] | None:
    """Return how many TRs after the run's the volume 0 of some subjects lies; None with problems.

    One clock holds for all subjects, so these are whole TRs, jitter apart.
    """
    late_trs = {}
    is_whole = True
    for subject in manifest.subjects:
        if subject not in run.subjects:
            continue
        exact = clock.late_trs(run, run.of(subject))
        late_trs[subject] = round(exact)
        if abs(exact - round(exact)) > MOST_JITTER_TRS:
            is_whole = False
            problems.error(
                f"runs.{run.name}.subjects.{subject}.stimulus_start_s",
                f"{run.of(subject).stimulus_start_s:g} s",
                f"must lie a whole number of TRs from {run.stimulus_start_s:g} s: one clock holds "
                "for all",
                "Resample the series in time, or describe these subjects in a data set of their "
                "own.",
            )
    return late_trs if is_whole else None


@dataclass(frozen=True)
class _Kept:
    """Rows of a run from `first` up to `stop`, counted from where its volume 0 lies in time."""

    first: int
    stop: int


def _kept_by_all(manifest: Manifest, run: Run, late_trs: dict[str, int]) -> _Kept | None:
    """Return the rows of a run that every subject has; None where the run is excluded."""
    rules = [
        rule
        for rule in manifest.exclude
        if rule.run in (None, run.name) and rule.subject not in manifest.rejected
    ]
    if any(rule.is_whole_run for rule in rules):
        return None
    kept = []
    for subject in manifest.subjects:
        own_run = run.of(subject)
        own_rules = [rule for rule in rules if rule.subject in (None, subject)]
        late = late_trs.get(subject, 0)
        first = own_run.dummy_trs + max((rule.first_trs for rule in own_rules), default=0)
        stop = own_run.n_trs - max((rule.last_trs for rule in own_rules), default=0)
        kept.append(_Kept(first + late, stop + late))
    return _Kept(max(rows.first for rows in kept), min(rows.stop for rows in kept))


def _span(
    manifest: Manifest, clock: Clock, run: Run, earlier: tuple[Run, ...], problems: Problems
) -> Span | None:
    """Return what is left of a run; None, with a problem unless it is excluded, if nothing is."""
    late_trs = _late_trs(manifest, clock, run, problems)
    kept = None if late_trs is None else _kept_by_all(manifest, run, late_trs)
    if kept is None:
        return None
    onset = clock.onset(run, kept.first)
    n_rows = kept.stop - kept.first
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
    history = clock.history(_different_runs(manifest, run).values(), onset)
    grid = TRGrid(
        float(clock.t_r),
        n_left,
        float(onset),
        slice_time_ref=manifest.slice_time_ref,
        history_s=float(history),
    )
    return Span(run, kept.first + early, grid, earlier, early + late, late_trs)


def overlap_problems(manifest: Manifest) -> Problems:
    """Find runs that begin before an earlier one has ended, as declared or for one subject.

    Volumes that are dropped or excluded do not count.
    """
    problems = Problems()
    _add_overlaps(manifest, manifest.runs, "", problems)
    for subject in manifest.subjects:
        if any(subject in run.subjects for run in manifest.runs):
            runs = [run.of(subject) for run in manifest.runs]
            _add_overlaps(manifest, runs, f"subjects.{subject}.", problems)
    return problems


def _add_overlaps(manifest: Manifest, runs: Sequence[Run], place: str, problems: Problems) -> None:
    clock = clock_of(manifest, None)
    for run in runs:
        n_left = _without_excluded_end(manifest, run).n_trs
        end = float(seconds(run.stimulus_start_s) + n_left * clock.t_r)
        for other in runs:
            if other is run or _order(run) > _order(other):
                continue
            begin = float(seconds(other.stimulus_start_s) + other.dummy_trs * clock.t_r)
            if begin < end - 1e-6:
                problems.error(
                    f"runs.{other.name}.{place}stimulus_start_s",
                    f"{other.stimulus_start_s:g} s",
                    f"{run.name} lasts until {end:g} s; runs must not overlap",
                    "Correct start or n_trs.",
                )


def _order(run: Run) -> tuple[float, str]:
    return run.stimulus_start_s, run.name
