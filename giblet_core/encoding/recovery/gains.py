"""What codebooks add to the baselines on unseen time."""

from collections.abc import Sequence

import numpy as np

from giblet_core.encoding.recovery.design import Design
from giblet_core.encoding.regression import fit_banded
from giblet_core.encoding.statistics import signed_square
from giblet_core.timing import contiguous_folds

BASE_SPACES = ("envelope", "loudness", "mel")
BASE_GAMMAS = np.array([[0.4, 0.2, 0.4], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])  # of `BASE_SPACES`
CODEBOOK_WEIGHTS = (0, 0.25, 0.5)  # of the kernel of all codebooks beside the baselines
GAIN_ALPHAS = tuple(np.logspace(-1, 2, 5))
EMBARGO = 20  # TRs


def codebook_gain(
    design: Design, Y: np.ndarray, alphas: Sequence[float] = GAIN_ALPHAS
) -> tuple[np.ndarray, np.ndarray]:
    """Score what codebooks add to envelope, loudness and mel on unseen time.

    The weight of the codebooks is chosen for each target in nested folds, and may be 0.

    Parameters
    ----------
    design : Design
    Y : array of shape (n_trs, n_targets)
    alphas : sequence of float
        Penalties on offer.

    Returns
    -------
    gain : array of shape (n_targets,)
        r|r| with the codebooks less r|r| without them.
    r : array of shape (n_targets,)
        With the codebooks.
    """
    rows, run_onsets = design.rows()
    folds = contiguous_folds(len(rows), 5, EMBARGO, run_onsets)
    timing = {"run_onsets": run_onsets, "embargo": EMBARGO}
    baselines = [design.base[name].values for name in BASE_SPACES]
    gammas = [
        np.column_stack([np.full(len(BASE_GAMMAS), weight), (1 - weight) * BASE_GAMMAS])
        for weight in CODEBOOK_WEIGHTS
    ]
    r = design.unseen_r(baselines, Y, folds, alphas, np.vstack(gammas), **timing)
    r_baselines = fit_banded(baselines, Y, folds, alphas, BASE_GAMMAS, **timing).r
    return signed_square(r) - signed_square(r_baselines), r
