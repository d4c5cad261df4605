"""TODO: encoding/codebook_recovery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet_core.encoding.kernels import fisher_mean
from giblet_core.encoding.regression import fit_banded
from giblet_core.encoding.variance_components import Recovery, recover
from giblet_core.errors import require
from giblet_core.features import (
    CodebookMeans,
    FeatureSpace,
    codebook_means,
    slow_codebooks,
    strong_baselines,
)
from giblet_core.timing import Fold, TRGrid, contiguous_folds

BASE_GAMMAS = np.array(
    [[0.4, 0.2, 0.4], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]
)  # envelope, loudness, mel


@dataclass(frozen=True, eq=False)
class Design:
    """Features of one sound: means of each codebook (`codebook_means`), baselines, and the runs."""

    means: list[CodebookMeans]
    base: dict[str, FeatureSpace]
    t_r: float
    run_n_trs: tuple[int, ...]

    def rows(self, n_trs: int | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return all rows, or those of the first TRs of each run, `n_trs` in all, and where runs
        begin among them.
        """
        lengths = (
            self.run_n_trs
            if n_trs is None
            else (n_trs // len(self.run_n_trs),) * len(self.run_n_trs)
        )
        require(
            max(np.subtract(lengths, self.run_n_trs)) <= 0,
            f"n_trs={n_trs}: the runs hold {self.run_n_trs}. Ask for fewer.",
        )
        rows = np.concatenate(
            [np.arange(a, a + n) for a, n in zip(np.cumsum((0, *self.run_n_trs)), lengths)]
        )
        return rows, tuple(int(n) for n in np.cumsum((0, *lengths[:-1])))

    def unseen_r(
        self,
        spaces: list[np.ndarray],
        Y: np.ndarray,
        folds: list[Fold],
        *penalties: Sequence,
        **timing,
    ) -> np.ndarray:
        """Fit the codebooks, their directions told by the training time of each fold, beside other
        spaces: r (n_targets,).
        """
        fits = [
            fit_banded(
                [np.concatenate(slow_codebooks(self.means, fold[0]), axis=1), *spaces],
                Y,
                [fold],
                *penalties,
                **timing,
            )
            for fold in folds
        ]
        return fisher_mean(np.concatenate([fit.r_folds for fit in fits]))


def make_design(stimulus: Any, grids: Sequence[TRGrid] | None = None) -> Design:
    """Make the features of a stimulus, for runs at `grids` (its own by default)."""
    grids = grids or stimulus.grids
    base = strong_baselines(stimulus.wave, stimulus.codec.sample_rate, grids, stimulus.spoken)
    return Design(
        codebook_means(stimulus.codec, stimulus.codes, grids),
        base,
        grids[0].t_r,
        tuple(g.n_trs for g in grids),
    )


def recover_regions(
    design: Design, Y: np.ndarray, n_trs: int | None = None, n_draws: int = 1000
) -> Recovery:
    """Estimate codebooks (the first eight) and their claim for series (n_subjects, all TRs,
    n_targets), on the first TRs of each run.
    """
    rows, onsets = design.rows(n_trs)
    base = np.concatenate([x.values for x in design.base.values()], axis=1)[rows]
    wide = [
        slow_codebooks(design.means[:8], peaks=[i]) for i in range(len(design.means[0].responded))
    ]
    narrow = [
        [x[:, :4] for x in form] for form in wide
    ]  # the slowest come first; how a subject follows codebooks is not known
    codebooks, *forms = (
        [x[rows] for x in form] for form in (np.mean(wide, axis=0), *narrow, *wide)
    )
    return recover(
        codebooks, base, Y[:, rows], forms, t_r=design.t_r, run_onsets=onsets, n_draws=n_draws
    )


def codebook_gain(
    design: Design, Y: np.ndarray, alphas: Sequence[float] = tuple(np.logspace(-1, 2, 5))
) -> tuple[np.ndarray, np.ndarray]:
    """Return what codebooks add to envelope, loudness and mel on unseen time, r|r| less r|r|, and r
    of both, each (n_targets,).

    The weight of the codebooks is chosen for each target in nested folds, and may be 0.
    """
    rows, onsets = design.rows()
    folds = contiguous_folds(len(rows), 5, 20, onsets)
    spaces = [design.base[k].values for k in ("envelope", "loudness", "mel")]
    gammas = np.vstack(
        [
            np.column_stack([np.full(len(BASE_GAMMAS), w), (1 - w) * BASE_GAMMAS])
            for w in (0, 0.25, 0.5)
        ]
    )
    timing = {"run_onsets": onsets, "embargo": 20}
    both = design.unseen_r(spaces, Y, folds, alphas, gammas, **timing)
    rest = fit_banded(spaces, Y, folds, alphas, BASE_GAMMAS, **timing).r
    return both * np.abs(both) - rest * np.abs(rest), both
