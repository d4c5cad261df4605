"""The columns of one sound: codebooks in several forms, and baselines that they have to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.encoding.regression import fit_banded
from giblet_core.encoding.statistics import fisher_mean
from giblet_core.errors import InputError
from giblet_core.features import (
    SIGNED,
    CodebookForm,
    CodebookMeans,
    FeatureSpace,
    codebook_forms,
    codebook_means,
    slow_codebooks,
    strong_baselines,
)
from giblet_core.timing import Fold, Stimulus, TRGrid

MOST_CODEBOOKS = 8  # whose subsets are weighed
N_DIRECTIONS = 8


@dataclass(frozen=True, eq=False)
class Design:
    """Features of one sound.

    Attributes
    ----------
    means : list of CodebookMeans
        One a codebook.
    base : dict of str to FeatureSpace
        Strong baselines.
    t_r : float
        Seconds a TR.
    run_n_trs : tuple of int
        TRs of each run.
    forms : tuple of CodebookForm
        In which the codebooks may be followed; by default eight slow directions of `means`.
    """

    means: list[CodebookMeans]
    base: dict[str, FeatureSpace]
    t_r: float
    run_n_trs: tuple[int, ...]
    forms: tuple[CodebookForm, ...] = ()

    def rows(self, n_trs: int | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
        """Choose the first TRs of each run, `n_trs` in all; all TRs by default.

        Returns
        -------
        rows : array of shape (n_trs,)
        run_onsets : tuple of int
            Where runs begin among them.

        Raises
        ------
        InputError
            The runs do not hold as many.
        """
        n_runs = len(self.run_n_trs)
        lengths = self.run_n_trs if n_trs is None else (n_trs // n_runs,) * n_runs
        if any(wanted > held for wanted, held in zip(lengths, self.run_n_trs)):
            raise InputError(f"n_trs={n_trs}: the runs hold {self.run_n_trs}. Ask for fewer.")
        starts = np.cumsum((0, *self.run_n_trs[:-1]))
        rows = [np.arange(start, start + length) for start, length in zip(starts, lengths)]
        onsets = np.cumsum((0, *lengths[:-1]))
        return np.concatenate(rows), tuple(int(onset) for onset in onsets)

    def unseen_r(
        self,
        spaces: list[np.ndarray],
        Y: np.ndarray,
        folds: list[Fold],
        alphas: Sequence[float],
        gammas: np.ndarray,
        **timing,
    ) -> np.ndarray:
        """Fit the codebooks beside other spaces, and score unseen time.

        The codebooks are one space, reduced to directions that the training time of each fold
        tells.

        Parameters
        ----------
        spaces : list of arrays of shape (n_trs, n_features)
            The other spaces.
        Y : array of shape (n_trs, n_targets)
        folds : list of (train, test)
        alphas : sequence of float
            Penalties on offer, > 0.
        gammas : array of shape (n_gammas, 1 + n_spaces)
            Weights of the kernels on offer, that of the codebooks first.
        **timing
            ``run_onsets`` and ``embargo`` of `fit_banded`.

        Returns
        -------
        array of shape (n_targets,)
            r, Fisher-averaged over folds.
        """
        r_folds = []
        for train, test in folds:
            codebooks = np.concatenate(slow_codebooks(self.means, train), axis=1)
            fit = fit_banded([codebooks, *spaces], Y, [(train, test)], alphas, gammas, **timing)
            r_folds.append(fit.r_folds)
        return fisher_mean(np.concatenate(r_folds))

    def all_forms(self) -> tuple[CodebookForm, ...]:
        """Return the forms, or those that follow from the means alone."""
        if self.forms:
            return self.forms
        n_responses = len(self.means[0].responded)
        of_responses = [slow_codebooks(self.means, peaks=[i]) for i in range(n_responses)]
        directions = np.stack(of_responses).astype(np.float64)  # (responses, codebooks, TRs, n)
        codebooks = np.moveaxis(directions[..., :N_DIRECTIONS], 1, 0)
        return (CodebookForm(f"{N_DIRECTIONS} slow directions", SIGNED, tuple(codebooks)),)

    def baseline(self, names: Sequence[str] | None = None) -> np.ndarray:
        """Lay baselines side by side, (n_trs, n_columns); all by default."""
        chosen = [space.values for name, space in self.base.items() if not names or name in names]
        return np.concatenate(chosen, axis=1).astype(np.float64)


def make_design(
    stimulus: Stimulus,
    grids: Sequence[TRGrid] | None = None,
    base: dict[str, FeatureSpace] | None = None,
) -> Design:
    """Make the features of a stimulus.

    Parameters
    ----------
    stimulus : Stimulus
    grids : sequence of TRGrid, optional
        One a run; those of the stimulus by default.
    base : dict of str to FeatureSpace, optional
        Baselines at these grids, where they were made before; `strong_baselines` by default.

    Returns
    -------
    Design
    """
    grids = grids or stimulus.grids
    codec = stimulus.codec
    if base is None:
        base = strong_baselines(stimulus.wave, codec.sample_rate, grids, stimulus.spoken)
    return Design(
        means=codebook_means(codec, stimulus.codes, grids),
        base=base,
        t_r=grids[0].t_r,
        run_n_trs=tuple(grid.n_trs for grid in grids),
        forms=codebook_forms(codec, stimulus.codes, grids, num_codebooks=MOST_CODEBOOKS),
    )
