"""The clock of a draft: TR, slices, volumes before the steady state, and where the runs begin."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil, floor

from giblet_core.fmri.checks.headers import (
    LONGEST_TR_S,
    SHORTEST_TR_S,
    TR_TOLERANCE_S,
    UNKNOWN_TR_S,
)
from giblet_core.fmri.clock import MOST_JITTER_TRS
from giblet_core.fmri.drafting.events import Played
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Roster

SAME_ONSET_S = 0.05
SUSPICIOUS_SHARE = 0.2  # of a run, after the sound
USUAL_SLICE_TIME = 0.5  # fMRIPrep moves slices to the middle of the TR
SLIPS = (1e-3, 1e-6)  # milliseconds and microseconds that are called seconds


@dataclass(frozen=True)
class DraftRun:
    """A run as the manifest will have it.

    Attributes
    ----------
    name : str
    n_trs : int
    stimulus_start_s : float
        Stimulus time of volume 0.
    dummy_trs : int
        Volumes at the begin that are dropped.
    n_after : int
        Volumes at the end that were acquired after the sound.
    subjects : dict of str to dict
        Subject -> what is different: ``n_trs``, ``stimulus_start_s``.
    """

    name: str
    n_trs: int
    stimulus_start_s: float
    dummy_trs: int = 0
    n_after: int = 0
    subjects: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Clock:
    """What the places of runs depend on.

    Attributes
    ----------
    t_r : float or None
        Seconds.
    sound_s : float or None
        Length of the sound.
    n_unsteady : dict of str to int
        Run -> volumes before the steady state.
    """

    t_r: float | None
    sound_s: float | None
    n_unsteady: dict[str, int]


def draft_t_r(layout: Layout, given_t_r: float | None, remarks: Remarks) -> float | None:
    """Return the TR: the one given, that of the JSON files, or that of the headers.

    Parameters
    ----------
    layout : Layout
    given_t_r : float, optional
        Seconds.
    remarks : Remarks
        What contradicts it, and what is not known, is added here.

    Returns
    -------
    float or None
        Seconds; None where nobody says it.
    """
    t_rs_of_json = Counter(s.sidecar.t_r for s in layout.series if s.sidecar and s.sidecar.t_r)
    written = Counter(round(s.header.t_r, 6) for s in layout.series if s.header.t_r)
    t_rs = t_rs_of_json or written
    source = "RepetitionTime in the JSON files" if t_rs_of_json else "headers"
    if given_t_r is not None:
        others = [value for value in t_rs if abs(value - given_t_r) > TR_TOLERANCE_S]
        if others:
            remarks.todo("t_r", f"{given_t_r:g} s was given, but the {source} say {others[0]:g} s.")
        return given_t_r
    if not t_rs:
        remarks.todo("t_r", "no file says the TR. Write the seconds from one volume to the next.")
        return None
    t_r, _ = t_rs.most_common(1)[0]
    if len(t_rs) > 1:
        values = ", ".join(f"{value:g}" for value in sorted(t_rs))
        remarks.todo("t_r", f"{source} differ ({values} s); one must hold for all.")
    if not t_rs_of_json and t_r == UNKNOWN_TR_S:
        remarks.todo("t_r", "the headers say 1 s, which many programs write for an unknown TR.")
    elif not SHORTEST_TR_S <= t_r <= LONGEST_TR_S:
        t_r = _in_seconds(t_r, source, remarks)
    else:
        remarks.note("t_r", f"seconds; from the {source}.")
    return t_r


def _in_seconds(t_r: float, source: str, remarks: Remarks) -> float:
    """Return a TR of another unit in seconds; ask whether that is right."""
    likely = [t_r * slip for slip in SLIPS if SHORTEST_TR_S <= t_r * slip <= LONGEST_TR_S]
    if likely:
        remarks.todo(
            "t_r", f"{source}: {t_r:g} s; {likely[0]:g} s in another unit? Mend the files."
        )
        return round(likely[0], 6)
    remarks.todo("t_r", f"{source}: {t_r:g} s cannot be. Write the seconds between volumes.")
    return t_r


def draft_slice_time_ref(layout: Layout, t_r: float | None, remarks: Remarks) -> float:
    """Return where in the TR a sample belongs, as the JSON files say it.

    Parameters
    ----------
    layout : Layout
    t_r : float or None
        Seconds.
    remarks : Remarks
        Where the value comes from is added here.

    Returns
    -------
    float
        In TRs.
    """
    sidecars = [series.sidecar for series in layout.series if series.sidecar]
    starts = {s.start_time_s for s in sidecars if s.start_time_s is not None}
    corrected = {s.slice_timing_corrected for s in sidecars}
    place = "slice_time_ref"
    if starts and t_r:
        references = sorted({round(start / t_r, 3) for start in starts})
        if references[-1] - references[0] > 2 * SAME_ONSET_S:
            remarks.todo(place, f"StartTime differs between files ({references} TRs).")
        else:
            remarks.note(place, "StartTime in the JSON files, in TRs.")
        return references[0]
    if True in corrected:
        remarks.assumed(place, "slices were moved; fMRIPrep moves them to the middle of the TR.")
        return USUAL_SLICE_TIME
    if layout.format == "bids" or sidecars:
        words = "were not moved to one moment" if False in corrected else "are not spoken of"
        remarks.assumed(place, f"slices {words}; the middle of the TR is right on average.")
        return USUAL_SLICE_TIME
    remarks.assumed(
        place, "no file says to which moment slices were moved; 0 is the begin of a TR, 0.5 its "
        "middle (fMRIPrep).",
    )  # fmt: skip
    return 0.0


def draft_runs(
    roster: Roster,
    played: dict[str, Played],
    clock: Clock,
    remarks: Remarks,
) -> list[DraftRun]:
    """Return the runs with their places in the sound.

    Parameters
    ----------
    roster : Roster
    played : dict of str to Played
        Run -> what the tables of events say; a run without is not in it.
    clock : Clock
        TR, length of the sound, and volumes before the steady state.
    remarks : Remarks
        What the files do not say is added here.

    Returns
    -------
    list of DraftRun
    """
    names = list(roster.n_trs)
    t_r = clock.t_r or 0.0
    runs = []
    drops = []
    heard_s = 0.0
    for name, n_trs in roster.n_trs.items():
        onset_s = played[name].onset_s if name in played else 0.0
        stretch_s = _stretch_s(n_trs * t_r - onset_s, played.get(name), clock, len(names))
        n_after = floor(round((n_trs * t_r - onset_s - stretch_s) / t_r, 6)) if t_r else 0
        n_before = ceil(round(onset_s / t_r, 6)) if t_r and heard_s > 0 else 0
        n_unsteady = clock.n_unsteady.get(name, 0)
        start_s = round(heard_s - onset_s, 4) + 0.0
        own_runs = _own_runs(name, roster, played.get(name), heard_s, remarks)
        _ask_about_jitter(name, start_s, own_runs, t_r, remarks)
        runs.append(DraftRun(name, n_trs, start_s, max(n_before, n_unsteady, 0), n_after, own_runs))
        _ask_about_the_end(runs[-1], remarks)
        drops.append(_Drops(name, n_unsteady, n_before))
        heard_s += stretch_s
    _explain_drops(drops, remarks)
    _judge_starts(names, played, heard_s, clock, remarks)
    return runs


def _own_runs(
    name: str, roster: Roster, heard: Played | None, heard_s: float, remarks: Remarks
) -> dict[str, dict[str, float]]:
    """Return what of a run is different for single subjects."""
    own_runs: dict[str, dict[str, float]] = {}
    for subject, n_trs in roster.own_trs.get(name, {}).items():
        if subject not in roster.excluded:
            own_runs.setdefault(subject, {})["n_trs"] = n_trs
    for subject, onset_s in ({} if heard is None else heard.own_onsets_s).items():
        if subject not in roster.excluded:
            own_runs.setdefault(subject, {})["stimulus_start_s"] = round(heard_s - onset_s, 4) + 0.0
    if own_runs:
        remarks.note(
            "runs",
            f"{name}: subjects {', '.join(own_runs)} have another length or begin; the TRs that "
            "all subjects have are kept.",
        )
    return own_runs


def _ask_about_jitter(
    name: str, start_s: float, own_runs: dict[str, dict[str, float]], t_r: float, remarks: Remarks
) -> None:
    """Ask about subjects whose clock lies between the TRs of the others."""
    for subject, different in own_runs.items():
        apart = (different.get("stimulus_start_s", start_s) - start_s) / (t_r or 1.0)
        if abs(apart - round(apart)) > MOST_JITTER_TRS:
            remarks.todo(
                "runs",
                f"{name}: the sound began {abs(apart):.2f} TRs earlier or later for subject "
                f"{subject}; one clock holds for all, so it must be a whole number. Exclude the "
                "subject, or describe those subjects in a data set of their own.",
            )


def _stretch_s(available_s: float, heard: Played | None, clock: Clock, n_runs: int) -> float:
    """Return how many seconds of the sound a run holds."""
    stretch_s = available_s
    if heard is not None and heard.duration_s is not None:
        stretch_s = min(stretch_s, heard.duration_s)
    if n_runs == 1 and heard is not None and clock.sound_s is not None:
        stretch_s = min(stretch_s, clock.sound_s)
    return stretch_s


@dataclass(frozen=True)
class _Drops:
    """Volumes at the begin of a run that are dropped, and why: not steady, or before the sound."""

    run: str
    n_unsteady: int
    n_before: int


def _explain_drops(drops: list[_Drops], remarks: Remarks) -> None:
    """Say why volumes at the begin of runs are dropped, once for all runs."""
    unsteady = [f"{drop.run} {drop.n_unsteady}" for drop in drops if drop.n_unsteady]
    if unsteady:
        remarks.note(
            "runs",
            f"volumes before the steady state, as fMRIPrep counts them ({', '.join(unsteady)}), "
            "are dropped (dummy_trs); the clock stays.",
        )
    before = [f"{drop.run} {drop.n_before}" for drop in drops if drop.n_before]
    if before:
        remarks.note(
            "runs",
            f"volumes before the sound went on ({', '.join(before)}) are dropped (dummy_trs).",
        )


def _ask_about_the_end(run: DraftRun, remarks: Remarks) -> None:
    if run.n_after > SUSPICIOUS_SHARE * run.n_trs:
        remarks.todo(
            "runs",
            f"{run.name}: {run.n_after} of {run.n_trs} volumes lie after the sound. Is it the "
            "right sound, and is the TR right?",
        )


def _judge_starts(
    names: list[str],
    played: dict[str, Played],
    heard_s: float,
    clock: Clock,
    remarks: Remarks,
) -> None:
    """Say where the runs' places in the sound come from; ask where they were not told."""
    missing = [name for name in names if name not in played]
    if missing:
        remarks.todo(
            "runs",
            f"no table of events says when the sound began in {', '.join(missing)}. Write "
            "stimulus_start_s: the second of the sound at which volume 0 was acquired.",
        )
    elif len(names) == 1:
        onset_s = played[names[0]].onset_s
        remarks.note("runs", f"the sound began {onset_s:g} s after volume 0 (events, stim_file).")
    else:
        _judge_order(names, played, heard_s, clock, remarks)


def _judge_order(
    names: list[str], played: dict[str, Played], heard_s: float, clock: Clock, remarks: Remarks
) -> None:
    """Say how sure it is that the runs follow each other in one sound."""
    files = {played[name].stim_file for name in names}
    if len(files) > 1:
        remarks.todo(
            "runs",
            f"the runs heard different files ({', '.join(sorted(files))}). Join them into one "
            "sound, name it in stimulus, and write at which of its seconds each run began.",
        )
        return
    slack_s = (clock.t_r or 0.0) * len(names)
    if clock.sound_s is not None and abs(clock.sound_s - heard_s) <= slack_s:
        remarks.assumed(
            "runs", f"the runs follow each other and fill the sound ({clock.sound_s:g} s)."
        )
        return
    length = "unknown" if clock.sound_s is None else f"{clock.sound_s:g} s"
    remarks.todo(
        "runs",
        f"all runs name one sound ({length}; the runs hold {heard_s:g} s of it, one after the "
        "other). Write at which of its seconds each run began.",
    )
