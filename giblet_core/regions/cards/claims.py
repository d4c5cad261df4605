"""What is claimed of regions: claims with their figures, nulls and controls, and no other words.

Three are of what a decoder tells (`lesion_claims`), one is of the codebooks (`codebook_claims`).
P of several regions is corrected for all of them by the maximum statistic, and so are intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding import CHANCE, NULL_KIND, chance_control
from giblet_core.encoding import Interval, Null, bootstrap
from giblet_core.inference import (
    ALPHA,
    LEAST_UNITS,
    Claim,
    Control,
    Corrected,
    claim_of_null,
    correct,
)
from giblet_core.regions.lesions import BOOTSTRAP_BLOCK, RegionLesions

DRAWS_A_TAIL = 40  # of a bootstrap, that lie outside an interval on either side
PAIRS = "pairs of segments"


def codebook_claims(
    names: Sequence[str], tested: Null, moved: Null, n_trs: int, label: str
) -> list[Claim]:
    """Claim of regions that they follow codebooks beyond all baselines.

    The control of each claim is the same test on its BOLD moved by half a run.

    Parameters
    ----------
    names : sequence of str
        Of the regions.
    tested : Null
        Of all codebooks together, `Recovery.null`.
    moved : Null
        From `moved_control`.
    n_trs : int
        TRs of the mean series.
    label : str
        Whose BOLD it is.

    Returns
    -------
    list of Claim
        One a region.
    """
    corrected = correct(tested.observed, tested.null)
    of_moved = correct(moved.observed, moved.null)
    above = _above_draws(tested)
    moved_above = _above_draws(moved)
    claims = []
    for i, name in enumerate(names):
        control = Control(
            f"the same test on BOLD of {name} moved by half a run (p = {of_moved.p[i]:.2g})",
            moved_above[i],
            bool(of_moved.p[i] > ALPHA) if np.isfinite(of_moved.p[i]) else None,
        )
        claim = claim_of_null(
            f"{name} follows codebooks beyond all baselines, which are removed entirely",
            "how closely they are followed, in SD of the null above its mean,",
            corrected,
            "TRs of the mean subject",
            n_trs,
            index=i,
            estimate=above[i],
            kind=tested.kind,
            controls=(control,),
            label=label,
            digits=1,
        )
        claims.append(claim)
    return claims


def codebooks_add(p: np.ndarray) -> np.ndarray:
    """Say in which regions corrected p let a card claim codebooks, bool (n,).

    A region alone needs no correction: its p are those of the test.

    Examples
    --------
    >>> codebooks_add(np.array([0.04, 0.06])).tolist()
    [True, False]
    """
    return p <= ALPHA


def _above_draws(null: Null) -> np.ndarray:
    """Return the observed statistic in SD of its draws above their mean, (n_targets,)."""
    spread = null.null.std(0)
    return (null.observed - null.null.mean(0)) / np.where(spread > 0, spread, np.nan)


@dataclass(frozen=True)
class LesionClaims:
    """What is claimed of regions from their lesions, one claim a region and question.

    Attributes
    ----------
    hears : tuple of Claim
        Alone, it tells which sound was heard.
    more : tuple of Claim
        It tells more than equally many, equally reliable voxels elsewhere.
    needed : tuple of Claim
        Without it, all others tell less.
    """

    hears: tuple[Claim, ...]
    more: tuple[Claim, ...]
    needed: tuple[Claim, ...]


def lesion_claims(lesions: RegionLesions, label: str, seed: int = 0) -> LesionClaims:
    """Claim of every region what its lesions show.

    Parameters
    ----------
    lesions : RegionLesions
    label : str
        Whose BOLD it is.
    seed : int
        Of the bootstrap.

    Returns
    -------
    LesionClaims
    """
    by_shifts = lesions.against_shifts()
    by_random = lesions.against_random()
    places = range(len(lesions.names))
    return LesionClaims(
        hears=tuple(_hears(lesions, i, by_shifts, label, seed) for i in places),
        more=tuple(_more(lesions, i, by_random, label) for i in places),
        needed=tuple(_needed(lesions, i, label, seed) for i in places),
    )


def _hears(
    lesions: RegionLesions, index: int, by_shifts: Corrected, label: str, seed: int
) -> Claim:
    interval = _interval(lesions.alone[index], len(lesions.names), seed)
    return claim_of_null(
        f"{lesions.names[index]} alone tells which sound was heard",
        "pairwise accuracy",
        by_shifts,
        PAIRS,
        lesions.alone.shape[1],
        index=index,
        estimate=100 * float(lesions.alone[index].mean()),
        kind=NULL_KIND,
        low=interval.low,
        high=interval.high,
        level=_level(len(lesions.names)),
        reference=100 * CHANCE,
        controls=(chance_control(100 * lesions.null_alone[index]),),
        label=label,
        unit_of_measure="%",
        digits=1,
    )


def _more(lesions: RegionLesions, index: int, by_random: Corrected, label: str) -> Claim:
    random_accuracy = 100 * lesions.random[index].mean(1)
    kind = f"{len(random_accuracy)} random regions of as many voxels and as much ISC"
    if lesions.size[index] == 1:
        kind = (
            f"the {len(random_accuracy)} other columns of the table, whose ISC differs by up to "
            f"{lesions.isc_distance[index]:.2f}"
        )
    return claim_of_null(
        f"{lesions.names[index]} tells more than equally many, equally reliable voxels elsewhere",
        "pairwise accuracy",
        by_random,
        PAIRS,
        lesions.alone.shape[1],
        index=index,
        estimate=100 * float(lesions.alone[index].mean()),
        kind=kind,
        reference=float(np.median(random_accuracy)),
        label=label,
        unit_of_measure="%",
        digits=1,
    )


def _needed(lesions: RegionLesions, index: int, label: str, seed: int) -> Claim:
    lost = lesions.whole - lesions.all_but[index]
    n_regions = len(lesions.names)
    interval = _interval(lost, n_regions, seed)
    return Claim(
        f"Without {lesions.names[index]} all other regions tell less",
        "points of pairwise accuracy that are lost",
        100 * float(lost.mean()),
        PAIRS,
        len(lost),
        low=interval.low,
        high=interval.high,
        level=_level(n_regions),
        correction=f"interval for {n_regions} regions together" if n_regions > 1 else "",
        label=label,
        digits=1,
    )


def _level(n_regions: int) -> float:
    """Return the coverage that holds for all regions together (Bonferroni)."""
    return 1 - ALPHA / n_regions


def _interval(per_pair: np.ndarray, n_regions: int, seed: int) -> Interval:
    """Return a mean over pairs in per cent; its interval is NaN where pairs are few."""
    n_draws = max(2000, 2 * DRAWS_A_TAIL * round(n_regions / ALPHA))
    found = bootstrap(per_pair, BOOTSTRAP_BLOCK, n_draws, seed, _level(n_regions))
    is_enough = found.n >= LEAST_UNITS
    return Interval(
        100 * float(found.mean),
        100 * float(found.low) if is_enough else np.nan,
        100 * float(found.high) if is_enough else np.nan,
        found.n,
    )
