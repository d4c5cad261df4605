"""Region lesions: what one region hears, and what is lost without it, from *measured* responses.

The same ridge decoder to pooled latents is fitted in three ways. *Alone*: on the voxels of one
region. *All but*: on everything else; what it loses, no other region can stand in for. *Frozen*: on
all voxels, the region held at its mean afterwards. Ridge shares its use among regions that say the
same, so that the third shows use and not need. "Alone" stands against random regions of as many
voxels with the same intersubject correlation: any reliable voxels hold something.

References
----------
[1] Haynes & Rees 2006, Nat Rev Neurosci 7, 523. doi:10.1038/nrn1931 (decoding from regions)
[2] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from giblet_core.decoding import Segments
from giblet_core.encoding import bootstrap, draw_shifts
from giblet_core.errors import InputError
from giblet_core.inference import LEAST_UNITS, UNSCALED_MAXIMUM, Corrected, correct
from giblet_core.regions.decoder import SegmentScorer, choose_penalties, make_scorer, read_out
from giblet_core.regions.voxels import GroupResponses, matched_regions, overlap
from giblet_core.timing import Fold

N_CHOOSERS = 3  # random regions that choose the penalty together with the region
ROUNDING = 1e-12
BOOTSTRAP_BLOCK = 2  # neighbouring pairs that are drawn together


@dataclass(frozen=True, eq=False)
class RegionLesions:
    """Identification of held-out segments under each lesion, with the same foils for all.

    Pairwise accuracy throughout: the share of a pair's two comparisons that are won, chance .5. A
    pair is two segments that are foils of each other, counted once.

    Attributes
    ----------
    names : tuple of str
    size : int array of shape (n_regions,)
        Voxels.
    isc : array of shape (n_regions,)
        Mean ISC of the region's voxels.
    whole : array of shape (n_pairs,)
        By the decoder of all regions.
    alone, all_but, frozen : arrays of shape (n_regions, n_pairs)
        By the three lesions.
    alone_by_segment : array of shape (n_regions, n_segments)
        Of `alone`, the share of foils that each segment beats; NaN where it has none.
    p_alone : array of shape (n_regions,)
        Of `alone`, against the same decoder refitted on circularly shifted BOLD, with the penalties
        that the region and random regions chose together. (Permuting the segments of one set of
        predictions makes p too small: folds share their training data, so that their errors go
        together.)
    null_alone : array of shape (n_regions, n_shifts)
        Mean accuracy of these refits; all regions are shifted alike in a draw.
    random : array of shape (n_regions, n_random, n_pairs)
        By each of the matched random regions alone.
    isc_distance : array of shape (n_regions,)
        Largest difference in mean ISC between a region and one of its random regions.
    overlap : array of shape (n_regions,)
        Mean share of voxels that two of its random regions have in common; near 1 there are few
        different ones.
    predictions, random_predictions : arrays of shape (n_regions, n_trs, n_dims)
        Held-out, by each region and by the first of its random regions.
    """

    names: tuple[str, ...]
    size: np.ndarray
    isc: np.ndarray
    whole: np.ndarray
    alone: np.ndarray
    alone_by_segment: np.ndarray
    all_but: np.ndarray
    frozen: np.ndarray
    p_alone: np.ndarray
    null_alone: np.ndarray
    random: np.ndarray
    isc_distance: np.ndarray
    overlap: np.ndarray
    predictions: np.ndarray
    random_predictions: np.ndarray

    @property
    def p_random(self) -> np.ndarray:
        """Share of random regions that identify as well as the region, (n_regions,).

        At least 1 / (n_random + 1).
        """
        accuracy = self.alone.mean(1)
        random_accuracy = self.random.mean(2)
        as_good = random_accuracy >= accuracy[:, None]
        return (1 + as_good.sum(1)) / (1 + as_good.shape[1])

    def against_shifts(self) -> Corrected:
        """Test accuracy alone against refits on shifted BOLD, all regions together.

        Neighbouring shifts depend on each other, so that regions are not scaled.
        """
        return correct(self.alone.mean(1), self.null_alone.T, UNSCALED_MAXIMUM)

    def against_random(self) -> Corrected:
        """Test accuracy alone against matched random regions, all regions together."""
        return correct(self.alone.mean(1), self.random.mean(2).T)

    def table(self, seed: int = 0) -> pd.DataFrame:
        """Put all regions side by side, in per cent, with 95 % intervals.

        Intervals are block bootstraps over pairs, NaN where these are fewer than `LEAST_UNITS`; p
        is corrected over regions by the maximum statistic, since FDR of few draws and many regions
        could detect nothing.
        """
        effects = {
            "alone": self.alone,
            "lost without": self.whole - self.all_but,
            "lost, frozen": self.whole - self.frozen,
        }
        columns: dict[str, np.ndarray] = {"voxels": self.size, "ISC": self.isc}
        for name, values in effects.items():
            interval = bootstrap(values.T, BOOTSTRAP_BLOCK, seed=seed)
            is_enough = interval.n >= LEAST_UNITS
            columns[f"{name} (%)"] = 100 * interval.mean
            columns[f"{name}, low"] = np.where(is_enough, 100 * interval.low, np.nan)
            columns[f"{name}, high"] = np.where(is_enough, 100 * interval.high, np.nan)
        random_accuracy = self.random.mean(2)
        low, median, high = np.quantile(random_accuracy, [0.025, 0.5, 0.975], axis=1)
        columns["random (%)"] = 100 * median
        columns["random, low"] = 100 * low
        columns["random, high"] = 100 * high
        columns["p chance"] = self.against_shifts().p
        columns["p random"] = self.against_random().p
        return pd.DataFrame(columns, index=pd.Index(self.names, name="region"))


def region_lesions(  # noqa: PLR0913 - public interface
    group: GroupResponses,
    latents: np.ndarray,
    segments: Segments,
    folds: list[Fold],
    *,
    run_onsets: Sequence[int] = (0,),
    embargo: int = 20,
    n_random: int = 200,
    names: Sequence[str] | None = None,
    n_shifts: int = 99,
    min_shift: int = 30,
    seed: int = 0,
    progress: bool = True,
) -> RegionLesions:
    """Refit the decoder on each region alone and on all but it, and freeze the region out.

    Parameters
    ----------
    group : GroupResponses
        From `group_responses`.
    latents : array of shape (n_trs, n_dims)
        Pooled latents with the haemodynamic response (`features.summed_features`).
    segments : Segments
        Of the test folds; the same foils serve every decoder.
    folds : list of (train, test)
        From `contiguous_folds`.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs around inner test folds, and between a segment and its foils.
    n_random : int
        Matched random regions for each region; 200 for a result to report.
    names : sequence of str, optional
        Regions to lesion; all by default. "All" and "all but" always mean all regions of the atlas.
    n_shifts : int
        Circular shifts for `p_alone`; each run moves by a number of TRs of its own.
    min_shift : int
        TRs that each run moves at least.
    seed : int
        Of the random regions and the shifts.
    progress : bool
        Show a bar.

    Returns
    -------
    RegionLesions

    Raises
    ------
    InputError
        When a region holds all voxels of the atlas, or no segment has a foil.
    """
    names = tuple(group.names if names is None else names)
    inside = np.flatnonzero(group.atlas > 0)
    members = _members(group, names, len(inside))
    study = _Study(
        group=group,
        latents=latents,
        folds=folds,
        run_onsets=run_onsets,
        embargo=embargo,
        scorer=make_scorer(latents, segments, embargo),
        shifts=draw_shifts(len(latents), run_onsets, min_shift, n_shifts, seed),
    )
    penalties = study.choose_penalties([inside])
    places_inside = [np.flatnonzero(np.isin(inside, voxels)) for voxels in members]
    whole = read_out(group.mean_bold[:, inside], latents, folds, penalties, places_inside)
    lesions = []
    for i, voxels in enumerate(tqdm(members, desc="regions", disable=not progress)):
        rest = np.setdiff1d(inside, voxels)
        random_regions = matched_regions(group.isc, voxels, n_random, seed, group.xyz_mm)
        lesion = _RegionLesion(
            alone=_lesion_alone(study, voxels, random_regions),
            all_but=study.scorer.accuracy(study.predictions(rest, penalties)),
            frozen=study.scorer.accuracy(whole.frozen[i]),
        )
        lesions.append(lesion)
    return RegionLesions(
        names=names,
        size=np.array([len(voxels) for voxels in members]),
        isc=np.array([group.isc[voxels].mean() for voxels in members]),
        whole=study.scorer.accuracy(whole.intact),
        alone=np.array([lesion.alone.accuracy for lesion in lesions]),
        alone_by_segment=np.array([lesion.alone.by_segment for lesion in lesions]),
        all_but=np.array([lesion.all_but for lesion in lesions]),
        frozen=np.array([lesion.frozen for lesion in lesions]),
        p_alone=np.array([lesion.alone.p for lesion in lesions]),
        null_alone=np.array([lesion.alone.null for lesion in lesions]),
        random=np.array([lesion.alone.random for lesion in lesions]),
        isc_distance=np.array([lesion.alone.isc_distance for lesion in lesions]),
        overlap=np.array([lesion.alone.overlap for lesion in lesions]),
        predictions=np.array([lesion.alone.predictions for lesion in lesions]),
        random_predictions=np.array([lesion.alone.random_predictions for lesion in lesions]),
    )


def _members(group: GroupResponses, names: Sequence[str], n_inside: int) -> list[np.ndarray]:
    """Return the voxels of each region; refuse a region beside which there is no voxel."""
    members = [group.members(name) for name in names]
    if any(len(voxels) == n_inside for voxels in members):
        raise InputError(
            f"names={', '.join(names)}: the atlas has no other voxel; 'all but' needs some. Use an "
            "atlas of several regions."
        )
    return members


@dataclass(frozen=True, eq=False)
class _Study:
    """What all lesions of a group share.

    Attributes
    ----------
    group, latents, folds, run_onsets, embargo
        As in `region_lesions`.
    scorer : SegmentScorer
    shifts : int array of shape (n_shifts, n_trs)
        Rows that move BOLD, of the null.
    """

    group: GroupResponses
    latents: np.ndarray
    folds: list[Fold]
    run_onsets: Sequence[int]
    embargo: int
    scorer: SegmentScorer
    shifts: np.ndarray

    def choose_penalties(self, sets: Sequence[np.ndarray]) -> np.ndarray:
        """Choose penalties (n_folds,) for several sets of voxels together."""
        bold = [self.group.mean_bold[:, voxels] for voxels in sets]
        return choose_penalties(bold, self.latents, self.folds, self.run_onsets, self.embargo)

    def predictions(
        self, voxels: np.ndarray, penalties: np.ndarray, rows: np.ndarray | slice = slice(None)
    ) -> np.ndarray:
        """Predict latents (n_trs, n_dims) from some voxels, their BOLD in the order of rows."""
        bold = self.group.mean_bold[rows][:, voxels]
        return read_out(bold, self.latents, self.folds, penalties).intact


@dataclass(frozen=True, eq=False)
class _Alone:
    """A region alone, beside its random regions: `RegionLesions` says what the fields hold."""

    accuracy: np.ndarray
    by_segment: np.ndarray
    p: float
    null: np.ndarray
    random: np.ndarray
    isc_distance: float
    overlap: float
    predictions: np.ndarray
    random_predictions: np.ndarray


@dataclass(frozen=True, eq=False)
class _RegionLesion:
    """The three lesions of one region; `all_but` and `frozen` are accuracies (n_pairs,)."""

    alone: _Alone
    all_but: np.ndarray
    frozen: np.ndarray


def _lesion_alone(study: _Study, voxels: np.ndarray, random_regions: np.ndarray) -> _Alone:
    """Fit the decoder to a region (size,), to random regions (n_random, size), and to the null."""
    penalties = study.choose_penalties([voxels, *random_regions[:N_CHOOSERS]])
    predictions = study.predictions(voxels, penalties)
    accuracy = study.scorer.accuracy(predictions)
    random_predictions = study.predictions(random_regions[0], penalties)
    random = [study.scorer.accuracy(random_predictions)]
    for random_voxels in random_regions[1:]:
        random.append(study.scorer.accuracy(study.predictions(random_voxels, penalties)))
    null = np.empty(len(study.shifts))
    for draw, rows in enumerate(study.shifts):
        shifted = study.predictions(voxels, penalties, rows)
        null[draw] = study.scorer.accuracy(shifted).mean()
    n_as_good = (null >= accuracy.mean() - ROUNDING).sum()
    isc = study.group.isc
    return _Alone(
        accuracy=accuracy,
        by_segment=study.scorer.accuracy_of_segments(predictions),
        p=(1 + n_as_good) / (1 + len(null)),
        null=null,
        random=np.array(random),
        isc_distance=np.abs(isc[random_regions].mean(1) - isc[voxels].mean()).max(),
        overlap=overlap(random_regions),
        predictions=predictions,
        random_predictions=random_predictions,
    )
