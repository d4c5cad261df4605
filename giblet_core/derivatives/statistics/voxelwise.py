"""All maps of a data set, subject by subject and over subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.derivatives.statistics.catalogue import (
    CODEBOOKS,
    FULL,
    SHARED,
    MapKey,
)
from giblet_core.derivatives.statistics.chance import Chance, Followed, random_phases
from giblet_core.derivatives.statistics.fitting import (
    Fitted,
    VoxelModel,
    blocks_of,
    fit_subjects,
)
from giblet_core.derivatives.statistics.group import (
    FEW_SUBJECTS,
    fisher_z,
    n_sign_flips,
    replications,
    sign_flips,
    subject_interval,
)
from giblet_core.derivatives.statistics.settings import MapSettings
from giblet_core.encoding import ceiling, fdr, fisher_mean
from giblet_core.errors import require

Maps = dict[MapKey, np.ndarray]


@dataclass(frozen=True, eq=False)
class VoxelMaps:
    """Every map of a data set.

    Attributes
    ----------
    subjects : dict of str to dict of MapKey to array of shape (n_voxels,)
        Subject -> its maps.
    group : dict of MapKey to array of shape (n_voxels,)
    model : VoxelModel
        By which they were made.
    notes : tuple of str
        What limits them: floors of p, values that cannot be had and why.
    analysed : int array or None
        Which voxels were analysed; None for all. Others are NaN in every map.
    """

    subjects: dict[str, Maps]
    group: Maps
    model: VoxelModel
    notes: tuple[str, ...]
    analysed: np.ndarray | None = None

    @property
    def n_analysed(self) -> int:
        """Voxels that corrections for many tests count."""
        return self.n_voxels if self.analysed is None else len(self.analysed)

    @property
    def n_voxels(self) -> int:
        """Values of each map."""
        return len(self.group[MapKey(FULL, "r")])


def voxel_maps(
    model: VoxelModel, bold: Mapping[str, np.ndarray], progress: bool = False
) -> VoxelMaps:
    """Compute all maps.

    Parameters
    ----------
    model : VoxelModel
        From `voxel_model`.
    bold : mapping of str to array of shape (n_trs, n_voxels)
        Subject -> series in the rows of the model's features; memory maps are read in blocks.
    progress : bool
        Show bars.

    Returns
    -------
    VoxelMaps

    Raises
    ------
    InputError
        Series of unequal shape, or not of the features' length.
    """
    n_trs = len(model.spaces[0])
    shapes = {np.shape(series) for series in bold.values()}
    require(
        len(shapes) == 1 and next(iter(shapes))[0] == n_trs,
        f"bold: shapes {sorted(shapes)}; must be (n_trs={n_trs}, n_voxels), the same for all "
        "subjects. Crop to the same seconds and mask.",
    )
    series = list(bold.values())
    fits = fit_subjects(model, series)
    followed = Followed(series, fits)
    chance = random_phases(model, followed, codebooks_alone=False, progress=progress)
    unique_chance = random_phases(model, followed, codebooks_alone=True, progress=progress)
    top = _ceilings(model, series)
    maps = [
        _subject_maps(fit, chance.subjects[s], unique_chance.subjects[s], top, model)
        for s, fit in enumerate(fits)
    ]
    tested = [
        _Tested(FULL, "", chance, fisher_z(np.stack([fit.r[FULL] for fit in fits]))),
        _Tested(
            CODEBOOKS,
            "unique",
            unique_chance,
            # what has no effect is 0 on average
            np.stack([fit.unique for fit in fits]) - unique_chance.expected,
        ),
    ]
    group = _group_maps(maps, fits, tested, top, model)
    by_subject = dict(zip(bold, maps))
    return VoxelMaps(by_subject, group, model, _notes(by_subject, group, model))


def spread_maps(found: VoxelMaps, members: np.ndarray, n_voxels: int) -> VoxelMaps:
    """Put maps of some voxels onto the grid of all, NaN elsewhere, and say so in a note.

    Parameters
    ----------
    found : VoxelMaps
        Of the members alone.
    members : int array
        Which voxels they are.
    n_voxels : int
        Of the grid.

    Returns
    -------
    VoxelMaps
    """
    note = (
        f"Only voxels of regions were analysed, {len(members):,} of {n_voxels:,}; all others are "
        "NaN, and corrections for many tests do not count them."
    )
    return VoxelMaps(
        subjects={name: _spread(maps, members, n_voxels) for name, maps in found.subjects.items()},
        group=_spread(found.group, members, n_voxels),
        model=found.model,
        notes=(note, *found.notes),
        analysed=members,
    )


def _spread(maps: Maps, members: np.ndarray, n_voxels: int) -> Maps:
    everywhere = {}
    for key, values in maps.items():
        everywhere[key] = np.full(n_voxels, np.nan)
        everywhere[key][members] = values
    return everywhere


def _ceilings(model: VoxelModel, series: Sequence[np.ndarray]) -> Maps:
    """Return isc and ceiling of every voxel; NaN with one subject."""
    n_voxels = series[0].shape[1]
    isc = np.full(n_voxels, np.nan)
    highest = np.full(n_voxels, np.nan)
    if len(series) > 1:
        for block in blocks_of(len(series[0]) * len(series), n_voxels):
            stacked = np.stack([_standardised(bold[:, block]) for bold in series])
            of_block = ceiling(stacked, model.folds)
            isc[block] = of_block.isc
            highest[block] = of_block.subject
    return {MapKey(SHARED, "isc"): isc, MapKey(SHARED, "ceiling"): highest}


def _standardised(y: np.ndarray) -> np.ndarray:
    sd = y.std(0)
    return (y - y.mean(0)) / np.where(sd > 0, sd, 1)


def _share_of_ceiling(r: np.ndarray, top: Maps, model: VoxelModel) -> np.ndarray:
    highest = top[MapKey(SHARED, "ceiling")]
    is_high = highest > model.settings.least_ceiling  # False for NaN
    return np.where(is_high, r / np.where(is_high, highest, 1), np.nan)


def _subject_maps(
    fit: Fitted, p: np.ndarray, unique_p: np.ndarray, top: Maps, model: VoxelModel
) -> Maps:
    maps = {}
    for label, r in fit.r.items():
        maps[MapKey(label, "r")] = r
        maps[MapKey(label, "rlow")] = fit.low[label]
        maps[MapKey(label, "rhigh")] = fit.high[label]
    maps[MapKey(FULL, "rnorm")] = _share_of_ceiling(fit.r[FULL], top, model)
    maps[MapKey(FULL, "p")] = p
    maps[MapKey(FULL, "q")] = fdr(p)
    maps[MapKey(CODEBOOKS, "unique")] = fit.unique
    maps[MapKey(CODEBOOKS, "uniquep")] = unique_p
    maps[MapKey(CODEBOOKS, "uniqueq")] = fdr(unique_p)
    return maps


@dataclass(frozen=True, eq=False)
class _Tested:
    """A number of every voxel that is compared with chance, and how its statistics are called.

    Attributes
    ----------
    desc, prefix : str
        The model, and how the names of the statistics begin.
    chance : Chance
    values : array of shape (n_subjects, n_voxels)
        0 on average where there is no effect.
    """

    desc: str
    prefix: str
    chance: Chance
    values: np.ndarray

    def key(self, stat: str) -> MapKey:
        """Return the key of a statistic."""
        return MapKey(self.desc, f"{self.prefix}{stat}")

    def over_subjects(self, maps: Sequence[Maps], settings: MapSettings) -> Maps:
        """Return what holds over subjects whose own maps are given."""
        flips = sign_flips(self.values, settings.seed)
        q_of_subjects = np.stack([of_subject[self.key("q")] for of_subject in maps])
        n_replications = replications(q_of_subjects, settings.level)
        return {
            self.key("p"): self.chance.group,
            self.key("q"): fdr(self.chance.group),
            self.key("psubj"): flips.p,
            self.key("pfwe"): flips.p_fwe,
            self.key("nsubj"): n_replications.astype(float),
        }


def _group_maps(
    maps: list[Maps],
    fits: list[Fitted],
    tested: Sequence[_Tested],
    top: Maps,
    model: VoxelModel,
) -> Maps:
    group: Maps = {}
    for label in fits[0].r:
        r = np.stack([fit.r[label] for fit in fits])
        ends = subject_interval(r)
        group[MapKey(label, "r")] = fisher_mean(r)
        group[MapKey(label, "rlow")] = ends.low
        group[MapKey(label, "rhigh")] = ends.high
    group[MapKey(FULL, "rnorm")] = _share_of_ceiling(group[MapKey(FULL, "r")], top, model)
    group[MapKey(CODEBOOKS, "unique")] = np.mean([fit.unique for fit in fits], axis=0)
    for number in tested:
        group |= number.over_subjects(maps, model.settings)
    return group | top


def _notes(subjects: dict[str, Maps], group: Maps, model: VoxelModel) -> tuple[str, ...]:
    """Say what limits the maps."""
    settings = model.settings
    n_subjects = len(subjects)
    n_voxels = len(group[MapKey(FULL, "r")])
    notes = [
        f"{settings.n_draws} draws of random phases: no p below {settings.p_floor:.2g}. Of "
        f"{n_voxels:,} voxels {settings.n_needed(n_voxels):,} must be there before any q can be at "
        f"{settings.level:g}."
    ]
    if n_subjects == 1:
        notes.append(
            "One subject: no ceiling (r / ceiling is NaN), no interval and no test over subjects."
        )
    else:
        few = ", fewer than 6 subjects cannot show much" if n_subjects < FEW_SUBJECTS else ""
        notes.append(
            f"{n_subjects} subjects: no p over subjects can be below "
            f"{1 / n_sign_flips(n_subjects):.2g} (one over the number of sign flips{few})."
        )
    for subject, maps in subjects.items():
        n_undefined = int(np.isnan(maps[MapKey(FULL, "r")]).sum())
        if n_undefined:
            notes.append(
                f"Subject {subject}: {n_undefined:,} voxels are constant in a test fold; their "
                "values are NaN."
            )
    low = int((~(group[MapKey(SHARED, "ceiling")] > settings.least_ceiling)).sum())
    if n_subjects > 1 and low:
        notes.append(
            f"{low:,} of {n_voxels:,} voxels have a ceiling of {settings.least_ceiling:g} or less; "
            "r / ceiling is NaN there."
        )
    return tuple(notes)
