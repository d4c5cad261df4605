"""What of the analysis a study evaluates, each an entry of `STATISTICS`.

The analysis is called through its public doors, on series alone. Only the rows hold the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from giblet_core.encoding import codebooks_beyond, make_design, recover_regions
from giblet_core.regions import codebooks_add
from giblet_core.studies.designs import StudyDesign
from giblet_core.studies.films import StudyFilm
from giblet_core.studies.series import Row, SimulatedSeries, listed


@dataclass(frozen=True)
class Statistic:
    """Something that the analysis says of a region.

    Attributes
    ----------
    name : str
    definition : str
    evaluate : function
        Of a film, a design and series simulated there: a row a region of each simulation.
    """

    name: str
    definition: str
    evaluate: Callable[[StudyFilm, StudyDesign, SimulatedSeries], list[Row]]


def _recovered(film: StudyFilm, design: StudyDesign, simulated: SimulatedSeries) -> list[Row]:
    """Ask which codebooks each region follows, from all subjects."""
    columns = make_design(film.stimulus)
    recovery = recover_regions(columns, simulated.series, n_draws=design.n_draws)
    rows = []
    for truth, p, probability, known in zip(
        simulated.rows, recovery.null.p, recovery.probability.T, recovery.known.T, strict=True
    ):
        row = {**truth, "p": round(float(p), 4), "told": listed(np.flatnonzero(known))}
        for codebook, of_codebook in enumerate(probability):
            row[f"probability_{codebook}"] = round(float(of_codebook), 3)
        rows.append(row)
    return rows


def _detected(film: StudyFilm, design: StudyDesign, simulated: SimulatedSeries) -> list[Row]:
    """Test all codebooks together, on the mean subject."""
    columns = make_design(film.stimulus)
    mean_subject = simulated.series.mean(0, keepdims=True)
    recovery = recover_regions(columns, mean_subject, n_draws=design.n_draws)
    pairs = zip(simulated.rows, recovery.null.p, strict=True)
    return [{**truth, "p": round(float(p), 4)} for truth, p in pairs]


def _claimed(film: StudyFilm, design: StudyDesign, simulated: SimulatedSeries) -> list[Row]:
    """Ask what the card of each region, made alone, would claim of the codebooks."""
    columns = make_design(film.stimulus)
    null = codebooks_beyond(columns, simulated.series, n_draws=design.n_draws)
    rows = []
    for truth, p in zip(simulated.rows, null.p, strict=True):
        is_claimed = bool(codebooks_add(np.array([p]))[0])
        rows.append({**truth, "p": round(float(p), 4), "claimed": int(is_claimed)})
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
    Statistic(
        "region card",
        "p of all codebooks together (`codebooks_beyond`), and whether a card that holds the "
        "region alone claims codebooks (`codebooks_add`)",
        _claimed,
    ),
)
STATISTICS = {entry.name: entry for entry in _ENTRIES}
