"""What of the analysis a study evaluates, each an entry of `STATISTICS`.

The analysis is called through its public doors, on series alone. Only the rows hold the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from giblet_core.encoding import make_design, recover_regions
from giblet_core.simulations import RegionSimulation, RegionTruth, simulate_regions
from giblet_core.studies.designs import StudyDesign
from giblet_core.studies.films import StudyFilm

MOST_CODEBOOKS = 8  # that the analysis weighs
Row = dict[str, str | int | float]


@dataclass(frozen=True)
class Statistic:
    """Something that the analysis says of a region.

    Attributes
    ----------
    name : str
    definition : str
    evaluate : function
        Of a film, a design and its seeds there: a row a region of each simulation.
    """

    name: str
    definition: str
    evaluate: Callable[[StudyFilm, StudyDesign, Sequence[int]], list[Row]]


def _simulations(
    film: StudyFilm, design: StudyDesign, seeds: Sequence[int]
) -> list[RegionSimulation]:
    subjects = design.subjects.subjects()
    progress = tqdm(seeds, desc=f"simulations of {film.spec.name}", leave=False)
    return [
        simulate_regions(
            film.heard, film.stimulus.grids, seed, design.generators_of(place), subjects
        )
        for place, seed in enumerate(progress)
    ]


def _series(simulations: Sequence[RegionSimulation]) -> np.ndarray:
    """Put all regions side by side: (n_subjects, n_trs, n_simulations * n_regions)."""
    return np.concatenate([simulation.series for simulation in simulations], axis=2)


def _row(film: StudyFilm, seed: int, truth: RegionTruth) -> Row:
    return {
        "film": film.spec.name,
        "seed": seed,
        "generator": truth.generator,
        "codebooks": "+".join(str(codebook) for codebook in truth.codebooks) or "none",
        "response": truth.response.shape,
        "peak_s": round(truth.response.peak_s, 1),
        "isc": round(truth.isc, 2),
        "codebook_share": round(truth.codebook_share, 2),
    }


def _truth_rows(film: StudyFilm, simulations: Sequence[RegionSimulation]) -> list[Row]:
    return [
        _row(film, simulation.seed, truth)
        for simulation in simulations
        for truth in simulation.truths
    ]


def _recovered(film: StudyFilm, design: StudyDesign, seeds: Sequence[int]) -> list[Row]:
    """Ask which codebooks each region follows, from all subjects."""
    simulations = _simulations(film, design, seeds)
    columns = make_design(film.stimulus)
    recovery = recover_regions(columns, _series(simulations), n_draws=design.n_draws)
    rows = _truth_rows(film, simulations)
    for row, p, probability in zip(rows, recovery.null.p, recovery.probability.T, strict=True):
        row["p"] = round(float(p), 4)
        for codebook, of_codebook in enumerate(probability):
            row[f"probability_{codebook}"] = round(float(of_codebook), 3)
    return rows


def _detected(film: StudyFilm, design: StudyDesign, seeds: Sequence[int]) -> list[Row]:
    """Test all codebooks together, on the mean subject."""
    simulations = _simulations(film, design, seeds)
    columns = make_design(film.stimulus)
    mean_subject = _series(simulations).mean(0, keepdims=True)
    recovery = recover_regions(columns, mean_subject, n_draws=design.n_draws)
    rows = _truth_rows(film, simulations)
    for row, p in zip(rows, recovery.null.p, strict=True):
        row["p"] = round(float(p), 4)
    return rows


_ENTRIES = (
    Statistic(
        "codebook recovery",
        "probability of each codebook, and p of all codebooks together (`recover_regions`)",
        _recovered,
    ),
    Statistic(
        "codebook detection",
        "p of all codebooks together, on the mean subject (`recover_regions`)",
        _detected,
    ),
)
STATISTICS = {entry.name: entry for entry in _ENTRIES}
