"""``giblet check``: every problem of a data set in one pass, each with value, rule and remedy."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from tqdm import tqdm

from giblet_core.fmri.clock import Span, overlap_problems, spans_of
from giblet_core.fmri.files.headers import header_problems
from giblet_core.fmri.files.naming import bold_path, find_one
from giblet_core.fmri.files.nuisance import nuisance_table
from giblet_core.fmri.files.space import mask_array, mask_of, regions_of
from giblet_core.fmri.lag import SOUND_RATE_HZ, check_lag
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.reading import read_manifest
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS, read_rows
from giblet_core.fmri.values import check_values, looks_zscored
from giblet_core.sound import audio_info, load_audio

MOST_VOXELS = 2000  # of each subject that are kept to compare BOLD with the sound
CUT_SHORT_S = 0.1  # a sound that is so much shorter than its header says was cut


@dataclass(frozen=True)
class Voxels:
    """The voxels of a data set: the mask (x, y, z), None without space, and how many there are."""

    mask: np.ndarray | None
    n_voxels: int

    @property
    def some(self) -> np.ndarray:
        """Up to `MOST_VOXELS` of them, evenly spread: (n,) int."""
        n_kept = min(self.n_voxels, MOST_VOXELS)
        return np.linspace(0, self.n_voxels - 1, n_kept).astype(int)


def check_dataset(path: str | Path) -> Problems:
    """Return every problem of a data set, errors first.

    Errors forbid a run; warnings ask for a look; notes say what will be left out.

    Parameters
    ----------
    path : path
        ``dataset.yaml``.

    Returns
    -------
    Problems

    Raises
    ------
    InputError
        There is no readable manifest.
    """
    manifest, problems = read_manifest(path)
    if manifest is None:
        return problems.sorted()
    wave = _check_sound(manifest, problems)
    duration_s = None if wave is None else audio_info(_sound_of(manifest)).duration_s
    spans, of_clock = spans_of(manifest, duration_s)
    problems += of_clock
    problems += overlap_problems(manifest)
    _check_declarations(manifest, spans, problems)
    voxels = None
    space = None
    with problems.caught("mask, atlas or first subject"):
        mask_img = mask_of(manifest)
        mask = mask_array(mask_img)
        space = None if mask is None else mask.shape
        n_voxels = len(regions_of(manifest, mask_img).labels)
        space = space or (n_voxels,)
        voxels = Voxels(mask, n_voxels)
    problems += header_problems(manifest, space)
    series = _check_series(manifest, spans, voxels, problems) if voxels is not None else []
    _check_nuisance(manifest, problems)
    if wave is not None and series and not problems.errors:
        check_lag(manifest, spans, wave, np.mean(series, axis=0), problems)
    return problems.sorted()


def _sound_of(manifest: Manifest) -> Path:
    return find_one(manifest.folder, manifest.stimulus.file)


def _check_sound(manifest: Manifest, problems: Problems) -> np.ndarray | None:
    """Read the sound once and return it (n_samples,); None where there is none to be read."""
    if manifest.stimulus.file is None:
        return None
    with problems.caught("stimulus.file"):
        path = _sound_of(manifest)
        declared_s = audio_info(path).duration_s
        wave = load_audio(path, SOUND_RATE_HZ)
        read_s = len(wave) / SOUND_RATE_HZ
        if declared_s - read_s > CUT_SHORT_S:
            problems.error(
                "stimulus.file",
                f"{read_s:g} s of sound",
                f"its header says {declared_s:g} s",
                "The file is cut short; copy it again.",
            )
        return wave
    return None


def _check_declarations(manifest: Manifest, spans: list[Span], problems: Problems) -> None:
    """Say what the declared preprocessing forbids, and what will be left out."""
    if manifest.preprocessing.hrf and manifest.label_shift_trs:
        problems.error(
            "preprocessing.hrf",
            "true",
            f"labels are shifted by {manifest.label_shift_trs} TRs: a response model on shifted "
            "labels counts the delay twice",
            "Give the data before it (hrf: false).",
        )
    elif manifest.preprocessing.hrf:
        problems.warning(
            "preprocessing.hrf",
            "true",
            "the analysis applies the response itself",
            "Give the data before it.",
        )
    for span in spans:
        where = f"runs.{span.run.name}"
        if span.run.locked:
            problems.note(
                f"{where}.locked",
                "true",
                "its values are looked at for defects only",
                "load_dataset(..., open_locked=...) opens it, once.",
            )
        if span.cropped:
            problems.note(
                where,
                f"{span.cropped} TRs",
                "lie off the sound on the restored clock",
                "They are left out.",
            )
    for subject, why in manifest.rejected.items():
        problems.note(f"subject {subject}", "excluded", why, "It is left out.")


def _check_series(
    manifest: Manifest, spans: list[Span], voxels: Voxels, problems: Problems
) -> list[np.ndarray]:
    """Read every series once, and add what is wrong with its values to the problems.

    Returns
    -------
    list of arrays of shape (n_trs, n_some), float32
        Some voxels of each subject whose runs could all be read, standardised within runs.
    """
    reader = READERS[manifest.bold.format]
    unreadable = {problem.where for problem in problems.errors}
    kept = []
    unlike_declared = []
    for subject in tqdm(manifest.subjects, desc="checking subjects", leave=False):
        runs = []
        for span in spans:
            where = f"subject {subject}, {span.run.name}"
            if {where, f"subject {subject}"} & unreadable:
                continue
            bold = np.empty((span.grid.n_trs, voxels.n_voxels), np.float32)
            with problems.caught(where):
                path = bold_path(manifest, subject, span.run)
                read_rows(reader, path, span.rows, voxels.mask, bold)
                check_values(where, subject, span, bold, problems)
                if looks_zscored(bold) != manifest.preprocessing.zscored:
                    unlike_declared.append(where)
                runs.append(_standardised(bold[:, voxels.some]))
        if len(runs) == len(spans):
            kept.append(np.concatenate(runs))
    if unlike_declared:
        _warn_of_zscores(manifest, unlike_declared, problems)
    return kept


def _standardised(bold: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and SD 1; constant ones become 0."""
    sd = bold.std(0)
    return (bold - bold.mean(0)) / np.where(sd > 0, sd, np.inf)


def _warn_of_zscores(manifest: Manifest, series: list[str], problems: Problems) -> None:
    declared = manifest.preprocessing.zscored
    if declared:
        found = "are not"
        remedy = "Correct preprocessing.zscored."
    else:
        found = "are already"
        remedy = (
            "Declare preprocessing: {zscored: true}; mean and SD of the whole run, its test part "
            "included, are already in these data."
        )
    problems.warning(
        "preprocessing.zscored",
        str(declared).lower(),
        f"{len(series)} series {found} z-scored over time ({series[0]})",
        remedy,
    )


def _check_nuisance(manifest: Manifest, problems: Problems) -> None:
    """Check that every nuisance table is there, numeric and long enough."""
    if manifest.nuisance is None:
        return
    for subject, run in product(manifest.subjects, manifest.runs):
        where = f"nuisance of subject {subject}, {run.name}"
        wanted = manifest.n_trs if manifest.joined else run.n_trs
        with problems.caught(where):
            n_rows = len(nuisance_table(manifest, subject, run))
            if n_rows != wanted:
                problems.error(
                    where,
                    f"{n_rows} rows",
                    f"BOLD has {wanted}",
                    "Correct nuisance.drop_first, or the table.",
                )
