"""How maps are computed: folds, penalties, draws. Written beside the maps as they were."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from giblet_core.errors import require

EMBARGO_S = 30.0  # the response of the blood, and what smoothing adds to it
SHORT_TRS = 200  # shorter series take fewer folds and a shorter embargo
SHORT_EMBARGO_TRS = 4


@dataclass(frozen=True)
class MapSettings:
    """How maps are computed.

    Attributes
    ----------
    n_folds : int
        Test folds, each a stretch of one run.
    embargo : int
        TRs left out of training around a test fold.
    n_draws : int
        Random phases, at most; no p can be below 1 / (n_draws + 1).
    seed : int
        Of these draws.
    alphas : tuple of float
        Penalties on offer.
    n_weights : int
        Random weights of the feature spaces on offer, beside even ones and each space alone.
    level : float
        Rate of false discoveries up to which a voxel counts as found.
    least_ceiling : float
        Where the ceiling is not above it, r / ceiling is NaN.
    """

    n_folds: int
    embargo: int
    n_draws: int = 1000
    seed: int = 0
    alphas: tuple[float, ...] = tuple(np.logspace(0, 3, 4).tolist())
    n_weights: int = 3
    level: float = 0.05
    least_ceiling: float = 0.2

    @property
    def p_floor(self) -> float:
        """The smallest p that the draws allow."""
        return 1 / (self.n_draws + 1)

    def n_needed(self, n_voxels: int) -> int:
        """Return how many of `n_voxels` must be at the floor of p before any q is at the level.

        Benjamini and Hochberg ask p <= level * rank / n_voxels.

        Examples
        --------
        >>> MapSettings(n_folds=5, embargo=20).n_needed(50_000)
        1000
        """
        return ceil(round(self.p_floor * n_voxels / self.level, 6))


def map_settings(
    n_trs: int, n_runs: int, t_r: float, n_draws: int = 1000, seed: int = 0
) -> MapSettings:
    """Choose folds and embargo for series of some length.

    Parameters
    ----------
    n_trs, n_runs : int
        TRs of all runs, and how many runs there are.
    t_r : float
        Seconds.
    n_draws : int
        Random phases.
    seed : int

    Returns
    -------
    MapSettings
        Five folds or one a run, with an embargo of 30 s; below 200 TRs two folds a run with 4 TRs.

    Raises
    ------
    InputError
        For fewer than 19 draws: p could not reach .05.
    """
    require(n_draws >= 19, f"draws={n_draws}: must be at least 19, or no p reaches .05. Raise it.")
    if n_trs < SHORT_TRS:
        return MapSettings(2 * n_runs, SHORT_EMBARGO_TRS, n_draws, seed)
    return MapSettings(max(5, n_runs), ceil(EMBARGO_S / t_r), n_draws, seed)
