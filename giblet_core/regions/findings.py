"""All regions of a data set measured at once: what predicts them, what adds beyond the rest, and
what their lesion does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import pandas as pd

from giblet_core import features
from giblet_core.decoding import Segments, fair_segments
from giblet_core.encoding import (
    Ceiling,
    Recovery,
    bootstrap,
    ceiling,
    centre,
    correlate,
    fdr,
    fit_ridge,
    kernel,
    make_design,
    recover_regions,
    ridge,
    shift_sizes,
)
from giblet_core.errors import InputError
from giblet_core.fmri import Dataset, mask_array
from giblet_core.regions.lesions import RegionLesions, region_lesions
from giblet_core.regions.voxels import Subjects, subjects_of
from giblet_core.timing import Fold, Stimulus, contiguous_folds, shift_within_runs

RESPONSE_S = 4.5  # the response is late: the sound of a stretch of BOLD is taken this much earlier
ALPHAS = tuple(np.logspace(0, 3, 5))


@dataclass(frozen=True, eq=False)
class Parts:
    """What groups of features explain beyond all others: `value`, `low`, `high` (over folds),
    `null_low`, `null_high`, `p`.

    Each of shape (n_groups, n_regions), as r|r|; p one-sided against all distinct circular shifts;
    `names` of groups.
    """

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray
    p: np.ndarray

    @property
    def p_fdr(self) -> np.ndarray:
        """P corrected over groups and regions."""
        return fdr(self.p)

    def table(self, region: int) -> pd.DataFrame:
        """Return the parts of one region."""
        fields = {
            "unique": self.value,
            "low": self.low,
            "high": self.high,
            "null, low": self.null_low,
            "null, high": self.null_high,
            "p (FDR)": self.p_fdr,
        }
        return pd.DataFrame(
            {name: value[:, region] for name, value in fields.items()}, index=list(self.names)
        )


@dataclass(frozen=True, eq=False)
class Findings:
    """All regions of a data set, measured.

    Attributes
    ----------
    stim, data : Stimulus, Dataset
    group : Subjects
    names : tuple of str
        The regions measured.
    folds, gap, min_shift : the protocol, in TRs
    times : array of shape (n_trs,), s
    segments : Segments
    latents : array of shape (n_trs, n_dims)
    r : DataFrame (n_regions, n_models)
        Held-out r of the group mean.
    top : Ceiling of the regions measured
    spaces, codebooks : Parts of whole feature spaces, and of single codebooks
    recovered : Recovery
        What the codebooks explain beyond strong baselines, by variance components; p of all
        codebooks together.
    lesions : RegionLesions
    """

    stim: Stimulus
    data: Dataset
    group: Subjects
    names: tuple[str, ...]
    folds: list[Fold]
    gap: int
    min_shift: int
    times: np.ndarray
    segments: Segments
    latents: np.ndarray
    r: pd.DataFrame
    top: Ceiling
    spaces: Parts
    codebooks: Parts
    recovered: Recovery
    lesions: RegionLesions

    def image(self, values: Sequence[float]) -> Any:
        """Paint one value a region on the brain (Nifti1Image); None without a volume."""
        if self.data.mask_img is None:
            return None
        flat = np.zeros(self.data.n_voxels, np.float32)
        for name, value in zip(self.names, values):
            flat[self.group.members(name)] = value
        volume = np.zeros(self.data.mask_img.shape, np.float32)
        volume[mask_array(self.data.mask_img)] = flat
        return nibabel.Nifti1Image(volume, self.data.mask_img.affine)

    def sound(self, first_tr: int, n_trs: int | None = None) -> np.ndarray:
        """Return what was heard when the BOLD from a TR on was still to come."""
        start = self.start_s(first_tr)
        return self.stim.piece(start, start + (n_trs or self.segments.length) * self.data.t_r)

    def start_s(self, first_tr: int) -> float:
        """Return the second at which `sound` begins."""
        return max(0.0, self.times[first_tr] - RESPONSE_S)


def region_findings(
    stim: Stimulus,
    data: Dataset,
    names: Sequence[str] | None = None,
    *,
    n_random: int = 200,
    n_shifts: int = 99,
    seed: int = 0,
    progress: bool = True,
) -> Findings:
    """Measure regions: encoding beside its ceiling, unique variance beside its null, and region
    lesions.

    Parameters
    ----------
    stim, data :
        Of `ensure_stimulus` and `ensure_bold`.
    names : sequence of str, optional
        Regions; all by default.
    n_random, n_shifts : int
        Matched random regions, and shifts of the null of identification, each.

    Raises
    ------
    InputError
        No atlas, one subject, or no segment with a fair foil.
    """
    if not data.region_names:
        raise InputError(
            f"dataset={data.name}: names no atlas, so it has no regions. Add atlas.file and atlas.names to its manifest."
        )
    short, runs = (
        data.n_trs < 200,
        data.run_onsets,
    )  # a fifth of less holds no two segments of 10 TRs that lie 20 apart
    n_folds, gap, length, min_shift = (
        (2 * len(data.grids), 4, 4, 8) if short else (max(5, len(data.grids)), 20, 10, 30)
    )
    group, folds = subjects_of(data), contiguous_folds(data.n_trs, n_folds, gap, runs)
    names = tuple(group.names if names is None else names)
    wanted = [group.names.index(name) for name in names if len(group.members(name))]
    times = np.concatenate([g.times() for g in data.grids])
    latents = features.summed_features(stim.codec, stim.codes, data.grids, ("mean", "sd")).values
    cut = fair_segments(stim, data.grids, folds, runs, length)
    means, top = group.means[:, :, wanted].mean(0), ceiling(group.means[:, :, wanted], folds)
    recovered = recover_regions(
        make_design(stim, data.grids), group.means[:, :, wanted], n_draws=100 if short else 1000
    )
    r, spaces, codebooks = _encoding(stim, data, means, folds, gap, min_shift, names)
    lesions = region_lesions(
        group,
        latents,
        cut,
        folds,
        run_onsets=runs,
        embargo=gap,
        n_random=n_random,
        names=names,
        n_shifts=n_shifts,
        min_shift=min_shift,
        seed=seed,
        progress=progress,
    )
    return Findings(
        stim,
        data,
        group,
        names,
        folds,
        gap,
        min_shift,
        times,
        cut,
        latents,
        r,
        top,
        spaces,
        codebooks,
        recovered,
        lesions,
    )


def _encoding(
    stim: Stimulus,
    data: Dataset,
    means: np.ndarray,
    folds: list[Fold],
    gap: int,
    min_shift: int,
    names: tuple[str, ...],
) -> tuple[pd.DataFrame, Parts, Parts]:
    """Fit each space alone, then take out each group of spaces from all: what it adds that no other
    holds.
    """
    runs = data.run_onsets
    families = features.make_groups(stim, data.grids)
    codebooks = families["codebooks"]
    if data.nuisance(data.subjects[0]) is not None:
        families[features.NUISANCE].append(
            np.mean([data.nuisance(s) for s in data.subjects], axis=0)
        )
    fits = {
        name: fit_ridge(np.concatenate(xs, 1), means, folds, ALPHAS, run_onsets=runs, embargo=gap)
        for name, xs in families.items()
    }
    r = pd.DataFrame({name: fit.r for name, fit in fits.items()}, index=list(names))
    flat = [(name, x, 1 / len(xs)) for name, xs in families.items() for x in xs]
    groups = {name: [i for i, (own, _, _) in enumerate(flat) if own == name] for name in families}
    groups |= {f"codebook {k}": [k] for k in range(len(codebooks))}
    alpha = float(np.median(fits["codebooks"].alphas))
    values = unique_parts(
        [x for _, x, _ in flat],
        [w for _, _, w in flat],
        list(groups.values()),
        with_shifts(means, runs, min_shift),
        folds,
        alpha,
    )
    whole, single = slice(0, len(families)), slice(len(families), None)
    return (
        r,
        parts_of(tuple(families), values[whole], len(names)),
        parts_of(tuple(groups)[single], values[single], len(names)),
    )


def unique_parts(
    spaces: Sequence[np.ndarray],
    weights: Sequence[float],
    groups: Sequence[Sequence[int]],
    Y: np.ndarray,
    folds: list[Fold],
    alpha: float,
) -> np.ndarray:
    """Return what each group of spaces explains that the rest does not, r|r| of all less r|r|
    without it, refitted.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features)
    weights : sequence of float
        Of their kernels; those that stay keep theirs.
    groups : sequence of sequences of int
    Y : array of shape (n_trs, n_targets)
    alpha : float
        One penalty for all, so that nothing is chosen on the alignment that is tested.

    Returns
    -------
    array of shape (n_groups, n_folds, n_targets)
    """
    y = (Y - Y.mean(0)).astype(np.float32)
    out = np.empty((len(groups), len(folds), Y.shape[1]))
    for f, (train, test) in enumerate(folds):
        ks = [weight * kernel(x, train) for x, weight in zip(spaces, weights)]
        total = sum(ks)
        r = [
            correlate(
                ridge(*centre(total - sum(ks[j] for j in gone), train, test), y[train], alpha),
                y[test],
            )
            for gone in ([], *groups)
        ]
        out[:, f] = [r[0] * np.abs(r[0]) - x * np.abs(x) for x in r[1:]]
    return out


def with_shifts(Y: np.ndarray, run_onsets: Sequence[int], min_shift: int = 30) -> np.ndarray:
    """Put Y (n_trs, n_regions) beside all its circular shifts of at least `min_shift` TRs within
    runs, side by side.
    """
    moves = [
        shift_within_runs(len(Y), -s, run_onsets)
        for s in shift_sizes(len(Y), run_onsets, min_shift)
    ]
    return np.concatenate([Y, *(Y[rows] for rows in moves)], axis=1)


def parts_of(names: tuple[str, ...], values: np.ndarray, n_regions: int) -> Parts:
    """Turn `unique_parts` of `with_shifts`, (n_groups, n_folds, n_targets), into values with
    intervals, null bands and p.
    """
    values = values.reshape(
        *values.shape[:2], -1, n_regions
    )  # (n_groups, n_folds, 1 + n_shifts, n_regions)
    interval = bootstrap(values[:, :, 0].transpose(1, 0, 2))
    mean = values.mean(1)
    low, high = np.quantile(mean[:, 1:], [0.025, 0.975], axis=1)
    p = (1 + (mean[:, 1:] >= mean[:, :1]).sum(1)) / mean.shape[1]
    return Parts(names, interval.mean, interval.low, interval.high, low, high, p)
