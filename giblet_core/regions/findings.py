"""All regions of a data set, measured at once.

What predicts them, what is lost without each group of features, and what their lesion does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd

from giblet_core import encoding, features, sound, timing
from giblet_core.decoding import Segments, fair_segments
from giblet_core.encoding import (
    Ceiling,
    Design,
    Null,
    Recovery,
    ceiling,
    make_design,
    moved_control,
    recover_regions,
)
from giblet_core.errors import InputError
from giblet_core.files import cached_npz
from giblet_core.fmri import Dataset, mask_array
from giblet_core.regions.explained import UniqueParts, explain
from giblet_core.regions.lesions import RegionLesions, region_lesions
from giblet_core.regions.voxels import GroupResponses, group_responses
from giblet_core.timing import Fold, Stimulus, TRGrid, contiguous_folds
from giblet_core.validation import StudyRows

RESPONSE_S = 4.5  # the response is late: the sound of a stretch of BOLD is taken this much earlier
CONTROL_DRAWS = 300  # of the test on moved BOLD
SHORT_TRS = 200  # a fifth of less holds no two segments of 10 TRs that lie 20 apart
SHORT_RUN_TRS = 70  # a run of less leaves few circular shifts of 30 TRs either way

#: The code that shapes what `recover_once` keeps.
SOURCES = tuple(
    path
    for room in (sound, timing, features, encoding)
    for path in sorted(Path(room.__file__).parent.rglob("*.py"))
)


@dataclass(frozen=True)
class Protocol:
    """How time is split and shifted. Lengths count in TRs.

    Attributes
    ----------
    n_folds : int
    embargo : int
        Around test folds, and between a segment and its foils.
    segment_length : int
    min_shift : int
        Of circular shifts.
    n_draws : int
        Of the null of codebook recovery.
    """

    n_folds: int
    embargo: int
    segment_length: int
    min_shift: int
    n_draws: int


def protocol_for(grids: Sequence[TRGrid]) -> Protocol:
    """Return the protocol for runs of some length; short ones take shorter segments and shifts."""
    lengths = [grid.n_trs for grid in grids]
    n_runs = len(lengths)
    if sum(lengths) < SHORT_TRS or min(lengths) < SHORT_RUN_TRS:
        return Protocol(n_folds=2 * n_runs, embargo=4, segment_length=4, min_shift=8, n_draws=100)
    return Protocol(
        n_folds=max(5, n_runs), embargo=20, segment_length=10, min_shift=30, n_draws=1000
    )


@dataclass(frozen=True, eq=False)
class Findings:
    """All regions of a data set, measured.

    Attributes
    ----------
    stim : Stimulus
    data : Dataset
    group : GroupResponses
    names : tuple of str
        The regions measured; they give the order of all that follows.
    folds : list of (train, test)
    embargo, min_shift : int
        Of the protocol, TRs.
    times : array of shape (n_trs,), s
        When each TR was acquired, in seconds of the stimulus.
    segments : Segments
        Of the test folds.
    latents : array of shape (n_trs, n_dims)
        What the decoders read.
    r : DataFrame (n_regions, n_groups)
        Held-out r of the mean subject, by each group of feature spaces alone.
    ceiling : Ceiling
        Of the regions measured.
    spaces, codebooks : UniqueParts
        What groups of feature spaces, and single codebooks, add beyond the rest.
    recovered : Recovery
        What the codebooks explain beyond strong baselines, by variance components; p of all
        codebooks together.
    moved : Null
        The same test of BOLD moved by half a run: a control.
    lesions : RegionLesions
    """

    stim: Stimulus
    data: Dataset
    group: GroupResponses
    names: tuple[str, ...]
    folds: list[Fold]
    embargo: int
    min_shift: int
    times: np.ndarray
    segments: Segments
    latents: np.ndarray
    r: pd.DataFrame
    ceiling: Ceiling
    spaces: UniqueParts
    codebooks: UniqueParts
    recovered: Recovery
    moved: Null
    lesions: RegionLesions

    def image(self, values: Sequence[float]) -> nibabel.Nifti1Image | None:
        """Paint one value a region on the brain; None without a volume."""
        if self.data.mask_img is None:
            return None
        of_voxels = np.zeros(self.data.n_voxels, np.float32)
        for name, value in zip(self.names, values):
            of_voxels[self.group.members(name)] = value
        volume = np.zeros(self.data.mask_img.shape, np.float32)
        volume[mask_array(self.data.mask_img)] = of_voxels
        return nibabel.Nifti1Image(volume, self.data.mask_img.affine)

    def sound(self, first_tr: int, n_trs: int | None = None) -> np.ndarray:
        """Return what was heard when the BOLD from a TR on was still to come, (n_samples,).

        As long as a segment by default.
        """
        start_s = self.start_s(first_tr)
        n_trs = n_trs or self.segments.length
        return self.stim.piece(start_s, start_s + n_trs * self.data.t_r)

    def start_s(self, first_tr: int) -> float:
        """Return the second at which `sound` begins."""
        return max(0.0, self.times[first_tr] - RESPONSE_S)


def count_foils(stim: Stimulus, data: Dataset) -> int:
    """Count the pairs of a segment and a foil that the protocol of a data set gives."""
    protocol = protocol_for(data.grids)
    segments = _segments(stim, data, protocol, _folds(data, protocol))
    return int(segments.foils(protocol.embargo).sum())


def _folds(data: Dataset, protocol: Protocol) -> list[Fold]:
    """Split the TRs of a data set as its protocol says."""
    return contiguous_folds(data.n_trs, protocol.n_folds, protocol.embargo, data.run_onsets)


def _segments(stim: Stimulus, data: Dataset, protocol: Protocol, folds: list[Fold]) -> Segments:
    """Cut the test time of folds into the segments of a protocol."""
    return fair_segments(stim, data.grids, folds, data.run_onsets, protocol.segment_length)


def region_findings(
    stim: Stimulus,
    data: Dataset,
    names: Sequence[str] | None = None,
    *,
    n_random: int = 200,
    n_shifts: int = 99,
    seed: int = 0,
) -> Findings:
    """Measure regions: encoding beside its ceiling, what adds beside its null, and region lesions.

    Parameters
    ----------
    stim : Stimulus
        From `ensure_stimulus`.
    data : Dataset
        From `ensure_bold`.
    names : sequence of str, optional
        Regions; all by default.
    n_random : int
        Matched random regions for each region.
    n_shifts : int
        Circular shifts of the null of identification.
    seed : int
        Of the random regions.

    Returns
    -------
    Findings

    Raises
    ------
    InputError
        Without an atlas, with one subject, or where no segment has a fair foil.
    """
    if not data.region_names:
        raise InputError(
            f"dataset={data.name}: has no regions. Name an atlas in its manifest, or, of volumes, "
            "write atlas: auto."
        )
    protocol = protocol_for(data.grids)
    decoded = _Decoded.of(stim, data, protocol)
    folds = decoded.folds
    group = decoded.group
    names = tuple(group.names if names is None else names)
    series = group.region_series[:, :, [group.place(name) for name in names]]
    design = make_design(stim, data.grids)
    recovered = recover_once(stim, data.grids, design, series, n_draws=protocol.n_draws)
    explained = explain(
        feature_groups(stim, data), series.mean(0), folds, design, recovered, protocol.embargo
    )
    draws = {"n_random": n_random, "n_shifts": n_shifts, "seed": seed}
    return Findings(
        stim=stim,
        data=data,
        group=group,
        names=names,
        folds=folds,
        embargo=protocol.embargo,
        min_shift=protocol.min_shift,
        times=np.concatenate([grid.times() for grid in data.grids]),
        segments=decoded.segments,
        latents=decoded.latents,
        r=explained.r.set_axis(list(names)),
        ceiling=ceiling(series, folds),
        spaces=explained.groups,
        codebooks=explained.codebooks,
        recovered=recovered,
        moved=moved_control(design, series, min(protocol.n_draws, CONTROL_DRAWS)),
        lesions=decoded.lesions(data, protocol, names, **draws),
    )


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What lesions of regions are measured on."""

    folds: list[Fold]
    group: GroupResponses
    segments: Segments
    latents: np.ndarray

    @classmethod
    def of(cls, stim: Stimulus, data: Dataset, protocol: Protocol) -> "_Decoded":
        folds = _folds(data, protocol)
        segments = _segments(stim, data, protocol, folds)
        latents = features.summed_features(stim.codec, stim.codes, data.grids, ("mean", "sd"))
        return cls(folds, group_responses(data), segments, latents.values)

    def lesions(
        self, data: Dataset, protocol: Protocol, names: Sequence[str], **draws: int
    ) -> RegionLesions:
        return region_lesions(
            self.group,
            self.latents,
            self.segments,
            self.folds,
            run_onsets=data.run_onsets,
            embargo=protocol.embargo,
            names=names,
            min_shift=protocol.min_shift,
            progress=len(names) > 1,
            **draws,
        )


def lesion_study(
    stim: Stimulus, data: Dataset, *, n_random: int = 200, n_shifts: int = 199, seed: int = 0
) -> StudyRows:
    """Measure the lesions of all regions, as rows of a record.

    Parameters
    ----------
    stim : Stimulus
        From `ensure_stimulus`.
    data : Dataset
        From `ensure_bold`.
    n_random : int
        Matched random regions for each region.
    n_shifts : int
        Circular shifts of the null of identification.
    seed : int
        Of the random regions and the shifts.

    Returns
    -------
    StudyRows
        A figure a region: its row of the lesion table. `simulations` has what they were computed
        from: of each region the accuracy alone, without it and frozen, and that of each draw.
    """
    protocol = protocol_for(data.grids)
    decoded = _Decoded.of(stim, data, protocol)
    draws = {"n_random": n_random, "n_shifts": n_shifts, "seed": seed}
    lesions = decoded.lesions(data, protocol, decoded.group.names, **draws)
    measured = [
        {
            "seed": seed,
            "region": name,
            "n_pairs": lesions.alone.shape[1],
            "alone": float(lesions.alone[i].mean()),
            "all_but": float(lesions.all_but[i].mean()),
            "frozen": float(lesions.frozen[i].mean()),
            "shifted": lesions.null_alone[i].round(4).tolist(),
            "random": lesions.random[i].mean(1).round(4).tolist(),
        }
        for i, name in enumerate(lesions.names)
    ]
    figures = lesions.table(seed).reset_index().to_dict("records")
    settings = {"sound": stim.label, "bold": data.label, **draws, "units": "pairs, one film"}
    return StudyRows(figures, measured, settings)


def recover_once(
    stim: Stimulus, grids: Sequence[TRGrid], design: Design, series: np.ndarray, n_draws: int
) -> Recovery:
    """Return `recover_regions`, from the artifacts where the same series were asked before.

    Notebook 6 and region cards ask the same question, and its draws take a while.

    Parameters
    ----------
    stim : Stimulus
        Its folder keeps what was found.
    grids : sequence of TRGrid
        One a run.
    design : Design
        From `make_design` of this stimulus and these grids, with its own strong baselines.
    series : array of shape (n_subjects, n_trs, n_regions)
    n_draws : int

    Returns
    -------
    Recovery

    Raises
    ------
    InputError
        A file of the artifacts is damaged; remove it.
    """
    heard = (stim.key, stim.codes.num_codebooks, stim.spoken, *grids)
    arrays, meta = cached_npz(
        stim.folder / "recovered",
        stim.name,
        (*heard, series, n_draws, *SOURCES),
        partial(_recovered_arrays, design, series, n_draws),
    )
    return Recovery.from_arrays(arrays, meta["kinds"])


def _recovered_arrays(
    design: Design, series: np.ndarray, n_draws: int
) -> tuple[Mapping[str, np.ndarray], Mapping[str, Any]]:
    """Compute `recover_regions`, as arrays and metadata."""
    found = recover_regions(design, series, n_draws=n_draws)
    return found.arrays(), {"kinds": [null.kind for null in found.nulls]}


def feature_groups(stim: Stimulus, data: Dataset) -> dict[str, list[np.ndarray]]:
    """Return the groups of feature spaces that are set against each other.

    They are those of `features.FEATURES`; where the data set has nuisance tables that were not
    regressed out of each subject, their mean over subjects joins the nuisance. A space is an array
    (n_trs, n_features).
    """
    groups = features.make_groups(stim, data.grids)
    if data.preparation.left_in:
        nuisance = [data.nuisance(subject) for subject in data.subjects]
        groups[features.NUISANCE].append(np.mean(nuisance, axis=0))
    return groups
