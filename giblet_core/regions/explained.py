"""What predicts regions, and what each group of features adds that no other holds.

Each group has its own weight, chosen for every region in folds inside the training time (banded
ridge with random weights [1]_): one penalty for all would let codebooks explain what a shrunken
baseline leaves. What a group adds is scored on unseen time. Whether it is more than chance is
tested beyond all other groups removed entirely (`giblet_core.encoding.conditional_test`), since
the shift of a response breaks its tie to the baselines too.

References
----------
.. [1] Dupre la Tour et al. 2022, NeuroImage 264, 119728. doi:10.1016/j.neuroimage.2022.119728
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from giblet_core.encoding import (
    Design,
    Null,
    Recovery,
    conditional_test,
    fit_banded,
    fit_ridge,
    leading_directions,
    simplex,
    split_scores,
    tested_families,
    unique_scores,
)
from giblet_core.features import CODEBOOK_ENERGY
from giblet_core.inference import correct
from giblet_core.timing import Fold

CODEBOOKS = "codebooks"
ALPHAS = tuple(np.logspace(0, 3, 5))
N_INNER = 3  # folds in which weights are chosen
N_WEIGHTS = 6  # random weights on offer, beside even ones
BANDED_ALPHAS = tuple(np.logspace(0, 3, 4))
CODEBOOK_PARTS = (0.1, 0.5)  # of the weight, on offer to all codebooks beside the baselines
N_DIRECTIONS = 24  # of a group that are tested
LARGEST_DRAWS = 300  # of the tests of groups that are not codebooks


@dataclass(frozen=True, eq=False)
class UniqueParts:
    """What each group of features explains beyond all others, in each region.

    All arrays are of shape (n_groups, n_regions). Explained variance is r|r| on unseen time.

    Attributes
    ----------
    names : tuple of str
        Of the groups.
    value, lowest, highest : array
        Explained variance of all features less that without the group: mean, lowest and highest of
        the folds.
    share : array
        Part of R2 that is the group's in the model of all groups (product measure).
    p : array
        One-sided, of the group beyond all others removed entirely, against phase randomisation.
    p_max : array
        The same against the largest of all groups and regions in each draw: corrected, and able to
        detect one strong effect among any number of tests.
    """

    names: tuple[str, ...]
    value: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    share: np.ndarray
    p: np.ndarray
    p_max: np.ndarray

    def table(self, region: int) -> pd.DataFrame:
        """Return the parts of one region, a row a group."""
        columns = {
            "unique": self.value[:, region],
            "lowest fold": self.lowest[:, region],
            "highest fold": self.highest[:, region],
            "share of R2": self.share[:, region],
            "p (max)": self.p_max[:, region],
        }
        return pd.DataFrame(columns, index=list(self.names))


@dataclass(frozen=True, eq=False)
class Explained:
    """What was found of all regions.

    Attributes
    ----------
    r : DataFrame (n_regions, n_groups)
        Held-out r by each group alone.
    groups, codebooks : UniqueParts
        Of groups, and of single codebooks.
    """

    r: pd.DataFrame
    groups: UniqueParts
    codebooks: UniqueParts


def explain(
    groups: Mapping[str, Sequence[np.ndarray]],
    Y: np.ndarray,
    folds: list[Fold],
    design: Design,
    recovered: Recovery,
    embargo: int,
) -> Explained:
    """Measure what predicts regions and what each group adds.

    Parameters
    ----------
    groups : mapping of str to sequence of arrays of shape (n_trs, n_features)
        From `feature_groups`; "codebooks" and "codebook energy" count as one where something is
        left out, and hold one space a codebook.
    Y : array of shape (n_trs, n_regions)
        Mean subject.
    folds : list of (train, test)
    design : Design
        Of the same TRs.
    recovered : Recovery
        Of the same regions: the test of the codebooks.
    embargo : int
        TRs.

    Returns
    -------
    Explained
    """
    run_onsets = design.rows()[1]
    timing = {"run_onsets": run_onsets, "embargo": embargo, "n_inner": N_INNER}
    joined = {name: np.concatenate(list(spaces), axis=1) for name, spaces in groups.items()}
    r = {name: fit_ridge(x, Y, folds, ALPHAS, **timing).r for name, x in joined.items()}
    r[CODEBOOKS] = fit_ridge(
        np.concatenate([joined[CODEBOOKS], joined[CODEBOOK_ENERGY]], axis=1),
        Y,
        folds,
        ALPHAS,
        **timing,
    ).r
    del r[CODEBOOK_ENERGY]
    return Explained(
        r=pd.DataFrame(r),
        groups=_groups(joined, Y, folds, design, recovered, timing),
        codebooks=_codebooks(groups, joined, Y, folds, recovered, timing),
    )


def _groups(
    joined: dict[str, np.ndarray],
    Y: np.ndarray,
    folds: list[Fold],
    design: Design,
    recovered: Recovery,
    timing: dict,
) -> UniqueParts:
    """Leave each group out of all, with weights chosen for each region."""
    spaces = list(joined.values())
    in_order = list(joined)
    names = [name for name in in_order if name != CODEBOOK_ENERGY]
    places = {name: [in_order.index(name)] for name in names}
    places[CODEBOOKS].append(in_order.index(CODEBOOK_ENERGY))
    fit = fit_banded(spaces, Y, folds, BANDED_ALPHAS, _weights(len(spaces)), **timing)
    unique = unique_scores(spaces, Y, fit, list(places.values()))
    splits = split_scores(spaces, Y, fit)
    share = [splits.share[place].sum(0).mean(0) for place in places.values()]
    nulls = [
        recovered.null if name == CODEBOOKS else _null_beyond(name, joined, Y, design)
        for name in names
    ]
    return _unique_parts(names, unique, np.array(share), nulls)


def _weights(n_spaces: int) -> np.ndarray:
    """Return even weights and random ones, (n_weights, n_spaces); no space alone."""
    offered = simplex(n_spaces, N_WEIGHTS)
    return np.concatenate([offered[:1], offered[1 + n_spaces :]])


def _null_beyond(name: str, joined: dict[str, np.ndarray], Y: np.ndarray, design: Design) -> Null:
    """Test a group beyond all others in every region."""
    rows, run_onsets = design.rows()
    others = [x for other, x in joined.items() if other not in (name, CODEBOOKS, CODEBOOK_ENERGY)]
    others += list(tested_families(design, rows).values())
    tested = {name: leading_directions(joined[name], N_DIRECTIONS)}
    base = np.concatenate(others, axis=1)
    nulls = conditional_test(tested, base, Y, design.t_r, run_onsets, LARGEST_DRAWS)
    return nulls[name]


def _codebooks(
    groups: Mapping[str, Sequence[np.ndarray]],
    joined: dict[str, np.ndarray],
    Y: np.ndarray,
    folds: list[Fold],
    recovered: Recovery,
    timing: dict,
) -> UniqueParts:
    """Leave each codebook out of all, beside the baselines as one space."""
    signed = list(groups[CODEBOOKS])
    energy = list(groups[CODEBOOK_ENERGY])
    n_codebooks = len(signed)
    base = [x for name, x in joined.items() if name not in (CODEBOOKS, CODEBOOK_ENERGY)]
    spaces = [*signed, *energy, np.concatenate(base, axis=1)]
    weights = np.array([_shared_out(n_codebooks, part) for part in CODEBOOK_PARTS])
    fit = fit_banded(spaces, Y, folds, BANDED_ALPHAS, weights, **timing)
    places = [[k, k + n_codebooks] for k in range(n_codebooks)]
    unique = unique_scores(spaces, Y, fit, places)
    splits = split_scores(spaces, Y, fit)
    share = np.array([splits.share[place].sum(0).mean(0) for place in places])
    names = [f"codebook {k}" for k in range(n_codebooks)]
    return _unique_parts(names, unique, share, recovered.codebook_nulls)


def _shared_out(n_codebooks: int, part: float) -> np.ndarray:
    """Share a part of the weight out to codebooks, signed and energy; the base has the rest."""
    return np.append(np.full(2 * n_codebooks, part / (2 * n_codebooks)), 1 - part)


def _unique_parts(
    names: Sequence[str], unique: np.ndarray, share: np.ndarray, nulls: Sequence[Null]
) -> UniqueParts:
    """Take the mean and the range over folds of unique parts (n_groups, n_folds, n_regions).

    Groups behind the last null were not tested: their p is NaN.
    """
    n_draws = min(len(null.null) for null in nulls)
    observed = np.array([null.observed for null in nulls])
    draws = np.stack([null.null[:n_draws] for null in nulls], axis=1)
    p = np.full(share.shape, np.nan)
    p_max = np.full(share.shape, np.nan)
    p[: len(nulls)] = [null.p for null in nulls]
    p_max[: len(nulls)] = correct(observed, draws).p
    return UniqueParts(
        names=tuple(names),
        value=unique.mean(1),
        lowest=unique.min(1),
        highest=unique.max(1),
        share=share,
        p=p,
        p_max=p_max,
    )
