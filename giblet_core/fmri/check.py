"""``giblet check``: every problem of a data set in one pass, each with value, rule and remedy."""

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
from tqdm import tqdm

from giblet_core.fmri.files import (
    Span,
    atlas_of,
    bold_path,
    header_problems,
    mask_array,
    mask_of,
    nuisance_table,
    spans_of,
)
from giblet_core.fmri.manifest import Manifest, Problems, read_manifest
from giblet_core.fmri.readers import find_one, read_rows
from giblet_core.sound import audio_info, load_audio
from giblet_core.timing import hrf

LEAST_TAIL = 5  # this many equal last (or first) TRs are padding, not chance
SOUND_RATE = 8000  # Hz; enough for an envelope
LAGS = range(-8, 9)


def check_dataset(path: str | Path) -> Problems:
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
    m, problems = read_manifest(path)
    if m is not None:
        spans, wave = _clock(m, problems)
        mask_img, space = None, None
        with problems.caught("mask, atlas or first subject"):
            mask_img = mask_of(m)
            labels, _ = atlas_of(m, mask_img)
            space = mask_img.shape if mask_img is not None else (len(labels),)
        problems += header_problems(m, space)
        series = _scan(m, spans, mask_array(mask_img), space, problems) if space else []
        _nuisance(m, problems)
        if wave is not None and series and not problems.errors:
            _lag(m, spans, wave, np.mean(series, axis=0), problems)
    return Problems(sorted(problems, key=lambda p: ("error", "warning", "note").index(p.severity)))


def _clock(m: Manifest, problems: Problems) -> tuple[list[Span], np.ndarray | None]:
    """Check the sound, the runs' places in it and the declared preprocessing; return the spans and
    the sound.
    """
    wave = None
    if m.stimulus["file"]:
        with problems.caught("stimulus.file"):
            file = find_one(m.folder, m.stimulus["file"])
            told, wave = audio_info(file).duration_s, load_audio(file, SOUND_RATE)
            problems.check(
                told - len(wave) / SOUND_RATE <= 0.1,
                "stimulus.file",
                f"{len(wave) / SOUND_RATE:g} s of sound",
                f"its header says {told:g} s",
                "The file is cut short; copy it again.",
            )
    spans, found = spans_of(
        m if wave is not None else replace(m, stimulus={**m.stimulus, "file": None})
    )
    problems += found
    for a, b in permutations(m.runs, 2):
        end = a.stimulus_start_s + a.n_trs * m.t_r / m.stimulus["clock_ratio"]
        problems.check(
            (a.stimulus_start_s, a.name) > (b.stimulus_start_s, b.name)
            or b.stimulus_start_s >= end - 1e-6,
            f"runs.{b.name}.stimulus_start_s",
            f"{b.stimulus_start_s:g} s",
            f"{a.name} lasts until {end:g} s; runs must not overlap",
            "Correct start or n_trs.",
        )
    if m.preprocessing["hrf"] and m.label_shift_trs:
        problems.add(
            "preprocessing.hrf",
            "true",
            f"labels are shifted by {m.label_shift_trs} TRs: a response model on shifted labels "
            "counts the delay twice",
            "Give the data before it (hrf: false).",
        )
    elif m.preprocessing["hrf"]:
        problems.add(
            "preprocessing.hrf",
            "true",
            "the analysis applies the response itself",
            "Give the data before it.",
            "warning",
        )
    for span in spans:
        problems.check(
            not span.run.locked,
            f"runs.{span.run.name}.locked",
            "true",
            "its values are looked at for defects only",
            "load_dataset(..., open_locked=...) opens it, once.",
            "note",
        )
        problems.check(
            not span.cropped,
            f"runs.{span.run.name}",
            f"{span.cropped} TRs",
            "lie off the sound on the restored clock",
            "They are left out.",
            "note",
        )
    for subject, why in m.rejected.items():
        problems.add(f"subject {subject}", "excluded", why, "It is left out.", "note")
    return spans, wave


def _scan(
    m: Manifest,
    spans: list[Span],
    mask: np.ndarray | None,
    space: tuple[int, ...],
    problems: Problems,
) -> list[np.ndarray]:
    """Read every series once, report what is wrong with its values, and return up to 2,000 voxels
    of each subject, standardised.
    """
    n_voxels, unread = (
        int(mask.sum()) if mask is not None else space[0],
        {p.where for p in problems.errors},
    )
    some = np.linspace(0, n_voxels - 1, min(n_voxels, 2000)).astype(int)
    kept, odd_zscore, declared = [], [], m.preprocessing["zscored"]
    for subject in tqdm(m.subjects, desc="checking subjects", leave=False):
        rows = []
        for span in spans:
            where = f"subject {subject}, {span.run.name}"
            if {where, f"subject {subject}"} & unread:
                continue
            bold = np.empty((span.grid.n_trs, n_voxels), np.float32)
            with problems.caught(where):
                read_rows(
                    bold_path(m, subject, span.run),
                    m.bold["format"],
                    span.rows.start,
                    span.rows.stop,
                    mask,
                    bold,
                )
                _values(where, subject, span, bold, problems)
                sd = bold.std(0)
                changing = sd > 0
                middle = np.median(np.abs(bold[:, changing].mean(0))) if changing.any() else np.inf
                zscored = (
                    middle < 0.5 and 0.75 < np.median(sd[changing]) < 1.25
                )  # loose: the rows left may be a part of those scored
                odd_zscore += [where] if zscored != declared else []
                rows.append(
                    (bold[:, some] - bold[:, some].mean(0))
                    / np.where(sd[some] > 0, sd[some], np.inf)
                )
        if len(rows) == len(spans):
            kept.append(np.concatenate(rows))
    remedy = (
        "Correct preprocessing.zscored."
        if declared
        else "Declare preprocessing: {zscored: true}; mean and SD of the whole run, its "
        "test part included, are already in these data."
    )
    problems.check(
        not odd_zscore,
        "preprocessing.zscored",
        str(declared).lower(),
        f"{len(odd_zscore)} series "
        f"{'are not' if declared else 'are already'} z-scored over time ({next(iter(odd_zscore), '')})",
        remedy,
        "warning",
    )
    return kept


def _values(where: str, subject: str, span: Span, bold: np.ndarray, problems: Problems) -> None:
    """Look for NaN, constants and padding in one series."""
    nan = int(np.count_nonzero(~np.isfinite(bold).all(0)))
    problems.check(
        not nan,
        where,
        f"{nan} of {bold.shape[1]} voxels hold NaN or infinity",
        "all must be finite",
        "Mask them out.",
    )
    changes = np.flatnonzero((np.diff(bold, axis=0) != 0).any(1))  # steps at which any voxel moves
    if not len(changes):
        problems.add(
            where,
            "every voxel is constant",
            "a series must change over time",
            f'Exclude the subject: exclude: [{{subject: {subject}, why: "constant"}}].',
        )
        return
    gone = {
        "first": span.first - span.run.dummy_trs,
        "last": span.run.n_trs - span.first - len(bold),
    }  # left out already
    for n, side in ((changes[0] + 1, "first"), (len(bold) - 1 - changes[-1], "last")):
        problems.check(
            n < LEAST_TAIL,
            where,
            f"the {side} {n} TRs are constant in every voxel",
            "padding is not data",
            f"exclude: [{{subject: {subject}, run: {span.run.name}, {side}_trs: {n + gone[side]}, why: 'constant padding'}}].",
        )
    still = int(np.count_nonzero(np.ptp(bold, axis=0) == 0))
    problems.check(
        not still,
        where,
        f"{still} of {bold.shape[1]} voxels are constant",
        "they should change",
        "Mask them out.",
        "warning",
    )


def _nuisance(m: Manifest, problems: Problems) -> None:
    """Check that every nuisance table is there, numeric and long enough."""
    for subject, run in product(m.subjects, m.runs) if m.nuisance else ():
        where, wanted = (
            f"nuisance of subject {subject}, {run.name}",
            sum(r.n_trs for r in m.runs) if m.joined else run.n_trs,
        )
        with problems.caught(where):
            n = len(nuisance_table(m, subject, run))
            problems.check(
                n == wanted,
                where,
                f"{n} rows",
                f"BOLD has {wanted}",
                "Correct nuisance.drop_first, or the table.",
            )


def lag_of(
    bold: np.ndarray, predicted: np.ndarray, run_onsets: list[int]
) -> tuple[int, float, float]:
    """Find the lag (in TRs, positive where BOLD is late) at which BOLD fits a prediction best.

    Returns the lag, the correlation there and at lag 0: the mean over the best 2 % of voxels (at
    least one), runs apart.
    """
    edge, borders, score = max(LAGS), run_onsets[1:], []
    y = np.concatenate(
        [run - run.mean(0) for run in (whole[edge:-edge] for whole in np.split(bold, borders))]
    )
    for lag in LAGS:
        moved = (
            whole[edge - lag : len(whole) - edge - lag] for whole in np.split(predicted, borders)
        )
        x = np.concatenate([run - run.mean() for run in moved])
        r = np.abs(x @ y) / np.sqrt((x @ x) * (y**2).sum(0) + 1e-20)
        score.append(np.sort(r)[-max(1, len(r) // 50) :].mean())
    best = int(np.argmax(score))
    return LAGS[best], score[best], score[-min(LAGS)]


def _lag(
    m: Manifest, spans: list[Span], wave: np.ndarray, group: np.ndarray, problems: Problems
) -> None:
    """Compare the sound's envelope, convolved, with BOLD at several lags: a wrong clock shows as a
    peak off 0.
    """
    group = group[
        np.repeat([not span.run.locked for span in spans], [span.grid.n_trs for span in spans])
    ]
    spans = [span for span in spans if not span.run.locked]
    if min((span.grid.n_trs for span in spans), default=0) < 60:
        return
    rate = 20
    frames = wave[: len(wave) // (SOUND_RATE // rate) * (SOUND_RATE // rate)].reshape(
        -1, SOUND_RATE // rate
    )
    envelope = (np.mean(frames**2, axis=1) ** 0.15)[:, None].astype(np.float64)
    envelope = np.concatenate(
        [envelope, envelope[-1:]]
    )  # the last frame of the sound may be a broken one
    predicted = [
        hrf.convolve(
            envelope - envelope.mean(),
            rate,
            s.grid.t_r,
            n_trs=s.grid.n_trs,
            onset_s=s.grid.onset_s,
            slice_time_ref=m.slice_time_ref,
        )[:, 0]
        for s in spans
    ]
    onsets = np.cumsum([0, *map(len, predicted)])[:-1].tolist()
    lag, best, at_zero = lag_of(group, np.concatenate(predicted), onsets)
    problems.check(
        abs(lag) < 2 or best < 1.25 * at_zero or best < 5 / np.sqrt(len(group)),
        "label_shift_trs",
        m.label_shift_trs,
        f"BOLD follows the sound's envelope best {abs(lag)} TRs too {'late' if lag > 0 else 'early'} (r {best:.2f}, "
        f"{at_zero:.2f} on this clock)",
        f"Try label_shift_trs: {m.label_shift_trs - lag}, or correct stimulus_start_s; a "
        "response model on this clock counts delays wrongly.",
        "warning",
    )
