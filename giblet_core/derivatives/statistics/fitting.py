"""Held-out accuracy of each model at every voxel of one subject, a block of voxels at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.derivatives.statistics.catalogue import BASELINES, CODEBOOKS, FULL, plain_label
from giblet_core.derivatives.statistics.intervals import r_interval
from giblet_core.derivatives.statistics.settings import MapSettings
from giblet_core.encoding import EncodingResult, fit_banded, signed_square, simplex
from giblet_core.errors import require
from giblet_core.timing import Fold, contiguous_folds

BLOCK_BYTES = 100_000_000  # of one subject's series that are fitted at once


@dataclass(frozen=True, eq=False)
class VoxelModel:
    """The feature spaces that voxels are predicted by, and how time is split.

    Attributes
    ----------
    groups : dict of str to array of shape (n_trs, n_features)
        Group of features -> design matrix; the codebooks are one of them, all others baselines.
    folds : list of (train, test)
    run_onsets : tuple of int
        Row at which each run begins.
    settings : MapSettings
    """

    groups: dict[str, np.ndarray]
    folds: list[Fold]
    run_onsets: tuple[int, ...]
    settings: MapSettings

    @property
    def spaces(self) -> list[np.ndarray]:
        """All groups, in order: the full model."""
        return list(self.groups.values())

    @property
    def tested(self) -> list[int]:
        """Place of the codebooks among the spaces."""
        return [list(self.groups).index(CODEBOOKS)]

    @property
    def tests(self) -> list[np.ndarray]:
        """Rows of each test fold."""
        return [test for _, test in self.folds]

    def weights(self, n_spaces: int) -> np.ndarray:
        """Return the weights of the spaces on offer, (n_gammas, n_spaces)."""
        return simplex(n_spaces, self.settings.n_weights)

    def models(self) -> dict[str, list[np.ndarray]]:
        """Return every model by its label: each group alone, the baselines, and all together."""
        alone = {plain_label(name): [space] for name, space in self.groups.items()}
        rest = [space for name, space in self.groups.items() if name != CODEBOOKS]
        return {**alone, BASELINES: rest, FULL: self.spaces}

    def fit(self, spaces: Sequence[np.ndarray], Y: np.ndarray) -> EncodingResult:
        """Fit spaces to Y (n_trs, n_voxels), penalties and weights chosen inside the folds."""
        return fit_banded(
            spaces,
            Y,
            self.folds,
            self.settings.alphas,
            self.weights(len(spaces)),
            run_onsets=self.run_onsets,
            embargo=self.settings.embargo,
            keep_predictions=True,
        )


def voxel_model(
    groups: Mapping[str, Sequence[np.ndarray]], run_onsets: Sequence[int], settings: MapSettings
) -> VoxelModel:
    """Make the model of all voxels.

    Parameters
    ----------
    groups : mapping of str to sequence of arrays of shape (n_trs, n_features)
        Of `features.make_groups`; arrays of one group are joined.
    run_onsets : sequence of int
        Row at which each run begins.
    settings : MapSettings

    Returns
    -------
    VoxelModel

    Raises
    ------
    InputError
        Without codebooks, or without any baseline beside them.
    """
    require(
        CODEBOOKS in groups and len(groups) > 1,
        f"groups={', '.join(groups)}: must hold codebooks and a baseline; what codebooks add is "
        "asked beyond the others. Name both.",
    )
    joined = {name: np.concatenate(spaces, axis=1) for name, spaces in groups.items()}
    n_trs = len(joined[CODEBOOKS])
    folds = contiguous_folds(n_trs, settings.n_folds, settings.embargo, run_onsets)
    return VoxelModel(joined, folds, tuple(run_onsets), settings)


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a model of one subject was fitted with.

    Attributes
    ----------
    candidates : array of shape (n_candidates, 1 + n_spaces)
        Penalty and weights on offer.
    choice : int array of shape (n_folds, n_voxels)
        Which of them each voxel takes.
    """

    candidates: np.ndarray
    choice: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """What the models of one subject reach, each by its label.

    Attributes
    ----------
    r, low, high : dict of str to array of shape (n_voxels,)
        Held-out r with its interval; NaN where BOLD is constant in a fold.
    chosen : dict of str to Chosen
        Penalties and weights.
    """

    r: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    chosen: dict[str, Chosen]

    @property
    def unique(self) -> np.ndarray:
        """What codebooks explain beyond the baselines, (n_voxels,)."""
        return signed_square(self.r[FULL]) - signed_square(self.r[BASELINES])


def blocks_of(n_trs: int, n_voxels: int) -> Iterator[slice]:
    """Cut voxels into blocks whose series take about `BLOCK_BYTES`."""
    size = max(1, BLOCK_BYTES // (4 * n_trs))
    for start in range(0, n_voxels, size):
        yield slice(start, min(start + size, n_voxels))


def fit_models(model: VoxelModel, bold: np.ndarray) -> Fitted:
    """Fit every model to one subject's BOLD (n_trs, n_voxels)."""
    blocks = [_fit_block(model, np.asarray(bold[:, b])) for b in blocks_of(*bold.shape)]
    return Fitted(
        r=_side_by_side([block.r for block in blocks]),
        low=_side_by_side([block.low for block in blocks]),
        high=_side_by_side([block.high for block in blocks]),
        chosen={
            label: _join_chosen([block.chosen[label] for block in blocks])
            for label in blocks[0].chosen
        },
    )


def fit_subjects(model: VoxelModel, series: Sequence[np.ndarray]) -> list[Fitted]:
    """Fit every model to each subject's BOLD (n_trs, n_voxels), as many at once as fit a block.

    The matrices of ridge do not know BOLD, so that subjects side by side share them.
    """
    n_trs, n_voxels = series[0].shape
    n_at_once = max(1, BLOCK_BYTES // (4 * n_trs * n_voxels))
    fits = []
    for first in range(0, len(series), n_at_once):
        some = series[first : first + n_at_once]
        together = some[0] if len(some) == 1 else np.concatenate(some, axis=1)
        fitted = fit_models(model, together)
        for start in range(0, together.shape[1], n_voxels):
            fits.append(_some_voxels(fitted, slice(start, start + n_voxels)))
    return fits


def _some_voxels(fitted: Fitted, voxels: slice) -> Fitted:
    return Fitted(
        r={label: values[voxels] for label, values in fitted.r.items()},
        low={label: values[voxels] for label, values in fitted.low.items()},
        high={label: values[voxels] for label, values in fitted.high.items()},
        chosen={
            label: Chosen(chosen.candidates, chosen.choice[:, voxels])
            for label, chosen in fitted.chosen.items()
        },
    )


def _side_by_side(blocks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {label: np.concatenate([block[label] for block in blocks]) for label in blocks[0]}


def _join_chosen(blocks: list[Chosen]) -> Chosen:
    choice = np.concatenate([block.choice for block in blocks], axis=1)
    return Chosen(blocks[0].candidates, choice)


def _fit_block(model: VoxelModel, Y: np.ndarray) -> Fitted:
    r = {}
    low = {}
    high = {}
    chosen = {}
    for label, spaces in model.models().items():
        fit = model.fit(spaces, Y)
        ends = r_interval(fit.r_folds, fit.predictions, Y, model.tests)
        r[label] = fit.r
        low[label] = ends.low
        high[label] = ends.high
        chosen[label] = Chosen(fit.candidates, fit.choice)
    return Fitted(r, low, high, chosen)
