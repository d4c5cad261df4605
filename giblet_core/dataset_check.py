"""``giblet check``: every problem of a data set in one pass, each with value, rule and remedy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from giblet_core import hrf
from giblet_core.artifacts import InputError
from giblet_core.audio import audio_info, load_audio
from giblet_core.bold_io import find_one, read_rows
from giblet_core.dataset_files import Span, atlas_of, bold_path, from_error, header_problems, mask_array, mask_of, nuisance_table, spans_of
from giblet_core.manifest import Manifest, Problem, read_manifest

LEAST_TAIL = 5  # this many equal last (or first) TRs are padding, not chance
SOUND_RATE = 8000  # Hz; enough for an envelope
LAGS = range(-8, 9)


def check_dataset(path: str | Path) -> list[Problem]:
    """Return every problem of a data set, errors first.

    Errors forbid a run; warnings ask for a look; notes say what will be left out.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.

    Raises
    ------
    InputError
        There is no readable manifest.
    """
    manifest, problems = read_manifest(path)
    if manifest is not None:
        spans, wave = _clock(manifest, problems)
        mask_img, space = _space(manifest, problems)
        problems += header_problems(manifest, space)
        unread = {p.where for p in problems if p.severity == "error"}
        series = _scan(manifest, spans, mask_array(mask_img), space, unread, problems) if space else []
        problems += _nuisance(manifest)
        if wave is not None and series and not any(p.severity == "error" for p in problems):
            problems += _lag(manifest, spans, wave, np.mean(series, axis=0))
    order = ("error", "warning", "note")
    return sorted(problems, key=lambda p: order.index(p.severity))


def _clock(m: Manifest, problems: list[Problem]) -> tuple[list[Span], np.ndarray | None]:
    """Check the sound, the runs' places in it and the declared preprocessing; return the spans and the sound."""
    wave, silent = None, m
    if m.stimulus["file"]:
        try:
            file = find_one(m.folder, m.stimulus["file"])
            told = audio_info(file).duration_s
            wave = load_audio(file, SOUND_RATE)
            if told - len(wave) / SOUND_RATE > 0.1:
                problems.append(Problem("error", "stimulus.file", f"{len(wave) / SOUND_RATE:g} s of sound",
                                        f"its header says {told:g} s", "The file is cut short; copy it again."))
        except InputError as error:
            problems.append(from_error("stimulus.file", error))
            silent = replace(m, stimulus={**m.stimulus, "file": None})
    spans, found = spans_of(silent)
    problems += found
    for a in m.runs:
        end = a.stimulus_start_s + a.n_trs * m.t_r / m.stimulus["clock_ratio"]
        for b in m.runs:
            if (a.stimulus_start_s, a.name) < (b.stimulus_start_s, b.name) and b.stimulus_start_s < end - 1e-6:
                problems.append(Problem("error", f"runs.{b.name}.stimulus_start_s", f"{b.stimulus_start_s:g} s",
                                        f"{a.name} lasts until {end:g} s; runs must not overlap", "Correct start or n_trs."))
    if m.preprocessing["hrf"] and m.label_shift_trs:
        problems.append(Problem("error", "preprocessing.hrf", "true", f"labels are shifted by {m.label_shift_trs} TRs: a response model on "
                                "shifted labels counts the delay twice", "Give the data before it (hrf: false)."))
    elif m.preprocessing["hrf"]:
        problems.append(Problem("warning", "preprocessing.hrf", "true", "the analysis applies the response itself",
                                "Give the data before it."))
    for span in spans:
        if span.cropped:
            problems.append(Problem("note", f"runs.{span.run.name}", f"{span.cropped} TRs", "lie off the sound on the restored clock",
                                    "They are left out."))
    for subject, why in m.rejected.items():
        problems.append(Problem("note", f"subject {subject}", "excluded", why, "It is left out."))
    return spans, wave


def _space(m: Manifest, problems: list[Problem]) -> tuple[Any, tuple[int, ...] | None]:
    try:
        mask_img = mask_of(m)
        labels, _ = atlas_of(m, mask_img)
        return mask_img, mask_img.shape if mask_img is not None else (len(labels),)
    except InputError as error:
        problems.append(from_error("mask, atlas or first subject", error))
        return None, None


def _scan(m: Manifest, spans: list[Span], mask: np.ndarray | None, space: tuple[int, ...], unread: set[str],
          problems: list[Problem]) -> list[np.ndarray]:
    """Read every series once, report what is wrong with its values, and return up to 2,000 voxels of each subject, standardised."""
    n_voxels = int(mask.sum()) if mask is not None else space[0]
    some = np.linspace(0, n_voxels - 1, min(n_voxels, 2000)).astype(int)
    kept, bad_zscore = [], []
    for subject in tqdm(m.subjects, desc="checking subjects", leave=False):
        rows = []
        for span in spans:
            where = f"subject {subject}, {span.run.name}"
            if {where, f"subject {subject}"} & unread:
                continue
            bold = np.empty((span.grid.n_trs, n_voxels), np.float32)
            try:
                start = span.first + span.offset
                read_rows(bold_path(m, subject, span.run), m.bold["format"], start, start + len(bold), mask, bold)
            except InputError as error:
                problems.append(from_error(where, error))
                continue
            problems += _values(where, subject, span, bold)
            sd = bold.std(0)
            changing = sd > 0
            middle = np.median(np.abs(bold[:, changing].mean(0))) if changing.any() else np.inf
            zscored = middle < 0.5 and 0.75 < np.median(sd[changing]) < 1.25  # loose: the rows left may be a part of those scored
            bad_zscore += [where] if zscored != m.preprocessing["zscored"] else []
            rows.append((bold[:, some] - bold[:, some].mean(0)) / np.where(sd[some] > 0, sd[some], np.inf))
        if len(rows) == len(spans):
            kept.append(np.concatenate(rows))
    if bad_zscore:
        declared = m.preprocessing["zscored"]
        problems.append(Problem("warning", "preprocessing.zscored", str(declared).lower(),
                                f"{len(bad_zscore)} series {'are not' if declared else 'are already'} z-scored over time ({bad_zscore[0]})",
                                "Correct preprocessing.zscored." if declared else "Declare preprocessing: {zscored: true}; mean and SD of "
                                "the whole run, its test part included, are already in these data."))
    return kept


def _values(where: str, subject: str, span: Span, bold: np.ndarray) -> list[Problem]:
    """Look for NaN, constants and padding in one series."""
    problems = []
    nan = int(np.count_nonzero(~np.isfinite(bold).all(0)))
    if nan:
        problems.append(Problem("error", where, f"{nan} of {bold.shape[1]} voxels hold NaN or infinity", "all values must be finite",
                                "Give a mask without them."))
    changes = np.flatnonzero((np.diff(bold, axis=0) != 0).any(1))  # steps at which any voxel moves
    if not len(changes):
        return [*problems, Problem("error", where, "every voxel is constant", "a series must change over time",
                                   f'Exclude the subject: exclude: [{{subject: {subject}, why: "constant"}}].')]
    gone = {"first": span.first - span.run.dummy_trs, "last": span.run.n_trs - span.first - len(bold)}  # left out already
    for n, side in ((changes[0] + 1, "first"), (len(bold) - 1 - changes[-1], "last")):
        if n >= LEAST_TAIL:
            problems.append(Problem("error", where, f"the {side} {n} TRs are constant in every voxel", "padding is not data",
                                    f"exclude: [{{subject: {subject}, run: {span.run.name}, {side}_trs: {n + gone[side]}, "
                                    'why: "constant padding"}].'))
    still = int(np.count_nonzero(np.ptp(bold, axis=0) == 0))
    if still:
        problems.append(Problem("warning", where, f"{still} of {bold.shape[1]} voxels are constant", "voxels should change over time",
                                "Give a mask without them."))
    return problems


def _nuisance(m: Manifest) -> list[Problem]:
    """Check that every nuisance table is there, numeric and long enough."""
    problems = []
    if m.nuisance:
        joined = "{run}" not in (m.bold["pattern"] or "{run}")
        for subject in m.subjects:
            for run in m.runs:
                try:
                    n = len(nuisance_table(m, subject, run))
                    wanted = sum(r.n_trs for r in m.runs) if joined else run.n_trs
                    if n != wanted:
                        problems.append(Problem("error", f"nuisance of subject {subject}, {run.name}", f"{n} rows", f"BOLD has {wanted}",
                                                "Correct nuisance.drop_first, or the table."))
                except InputError as error:
                    problems.append(from_error(f"nuisance of subject {subject}, {run.name}", error))
    return problems


def lag_of(bold: np.ndarray, predicted: np.ndarray, run_onsets: list[int]) -> tuple[int, float, float]:
    """Find the lag (in TRs, positive where BOLD is late) at which BOLD fits a prediction best.

    Returns the lag, the correlation there and at lag 0: the mean over the best 2 % of voxels (at least one), runs apart.
    """
    score = []
    for lag in LAGS:
        x, y = [], []
        for a, b in zip(run_onsets, [*run_onsets[1:], len(bold)]):
            edge = max(LAGS)
            x.append(predicted[a + edge - lag : b - edge - lag])
            y.append(bold[a + edge : b - edge])
        x, y = np.concatenate([p - p.mean() for p in x]), np.concatenate([q - q.mean(0) for q in y])
        r = np.abs(x @ y) / np.sqrt((x @ x) * (y**2).sum(0) + 1e-20)
        score.append(np.sort(r)[-max(1, len(r) // 50) :].mean())
    best = int(np.argmax(score))
    return LAGS[best], score[best], score[-min(LAGS)]


def _lag(m: Manifest, spans: list[Span], wave: np.ndarray, group: np.ndarray) -> list[Problem]:
    """Compare the sound's envelope, convolved, with BOLD at several lags: a wrong clock shows as a peak off 0."""
    if any(span.grid.n_trs < 60 for span in spans):
        return []
    rate = 20
    frames = wave[: len(wave) // (SOUND_RATE // rate) * (SOUND_RATE // rate)].reshape(-1, SOUND_RATE // rate)
    envelope = (np.mean(frames**2, axis=1) ** 0.15)[:, None].astype(np.float64)
    envelope = np.concatenate([envelope, envelope[-1:]])  # the last frame of the sound may be a broken one
    predicted = [hrf.convolve(envelope - envelope.mean(), rate, s.grid.t_r, n_trs=s.grid.n_trs, onset_s=s.grid.onset_s,
                              slice_time_ref=m.slice_time_ref)[:, 0] for s in spans]
    onsets = np.cumsum([0, *map(len, predicted)])[:-1].tolist()
    lag, best, at_zero = lag_of(group, np.concatenate(predicted), onsets)
    if abs(lag) < 2 or best < 1.25 * at_zero or best < 5 / np.sqrt(len(group)):
        return []
    shift = m.label_shift_trs - lag
    side = "late" if lag > 0 else "early"
    return [Problem("warning", "label_shift_trs", str(m.label_shift_trs),
                    f"BOLD follows the sound's envelope best {abs(lag)} TRs too {side} (r {best:.2f}, {at_zero:.2f} on this clock)",
                    f"Try label_shift_trs: {shift}, or correct stimulus_start_s; a response model on this clock counts delays wrongly.")]
