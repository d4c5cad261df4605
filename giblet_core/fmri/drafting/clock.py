"""The clock of a draft: TR, slices, volumes before the steady state, and where the runs begin."""

from collections import Counter
from dataclasses import dataclass

from giblet_core.fmri.checks.headers import LONGEST_TR_S, SHORTEST_TR_S, UNKNOWN_TR_S
from giblet_core.fmri.drafting.events import Played
from giblet_core.fmri.drafting.remarks import Remarks
from giblet_core.fmri.drafting.series.layout import Layout, Roster

SAME_ONSET_S = 0.05
USUAL_SLICE_TIME = 0.5  # fMRIPrep moves slices to the middle of the TR
SLIPS = (1e-3, 1e-6)  # milliseconds and microseconds that are called seconds


@dataclass(frozen=True)
class DraftRun:
    """A run as the manifest will have it: name, TRs, and where it begins in the sound."""

    name: str
    n_trs: int
    stimulus_start_s: float
    dummy_trs: int = 0


def draft_t_r(layout: Layout, remarks: Remarks) -> float | None:
    """Return the TR in seconds, from the JSON files, else the headers; None where none says it."""
    told = Counter(s.sidecar.t_r for s in layout.series if s.sidecar and s.sidecar.t_r)
    written = Counter(round(s.header.t_r, 6) for s in layout.series if s.header.t_r)
    source, found = ("RepetitionTime in the JSON files", told) if told else ("headers", written)
    if not found:
        remarks.todo("t_r", "no file says the TR. Write the seconds from one volume to the next.")
        return None
    t_r, _ = found.most_common(1)[0]
    if len(found) > 1:
        values = ", ".join(f"{value:g}" for value in sorted(found))
        remarks.todo("t_r", f"{source} differ ({values} s); one must hold for all.")
    if not told and t_r == UNKNOWN_TR_S:
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
    """Return where in the TR a sample belongs, as the JSON files say it."""
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
    layout: Layout,
    roster: Roster,
    played: dict[str, Played],
    clock: "Clock",
    remarks: Remarks,
) -> list[DraftRun]:
    """Return the runs with their places in the sound.

    Parameters
    ----------
    layout : Layout
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
    starts = _starts(roster, played, clock, remarks)
    runs = []
    for name, n_trs in roster.n_trs.items():
        n_unsteady = clock.n_unsteady.get(name, 0)
        if n_unsteady:
            remarks.note(
                "runs",
                f"{name}: fMRIPrep found {n_unsteady} volumes before the steady state; they are "
                "dropped (dummy_trs), and the clock stays.",
            )
        runs.append(DraftRun(name, n_trs, starts[name], n_unsteady))
    return runs


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


def _starts(
    roster: Roster, played: dict[str, Played], clock: Clock, remarks: Remarks
) -> dict[str, float]:
    """Return the stimulus time of volume 0 of each run."""
    names = list(roster.n_trs)
    onsets = {name: played[name].onset_s for name in names if name in played}
    t_r = clock.t_r or 0.0
    lengths = {
        name: roster.n_trs[name] * t_r - onsets.get(name, 0.0) for name in names
    }  # of the sound in each run
    starts = {}
    heard_s = 0.0
    for name in names:
        starts[name] = round(heard_s - onsets.get(name, 0.0), 4) + 0.0
        heard_s += lengths[name]
    if len(onsets) < len(names):
        missing = [name for name in names if name not in onsets]
        remarks.todo(
            "runs",
            f"no table of events says when the sound began in {', '.join(missing)}. Write "
            "stimulus_start_s: the second of the sound at which volume 0 was acquired.",
        )
    elif len(names) == 1:
        remarks.note(
            "runs", f"the sound began {onsets[names[0]]:g} s after volume 0 (events, stim_file)."
        )
    else:
        _judge_order(names, played, heard_s, clock, remarks)
    return starts


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
