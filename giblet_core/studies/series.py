"""Series of a study: simulated before the analysis sees them, and kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from giblet_core import simulations
from giblet_core.files import cached_npz, content_hash, project_root
from giblet_core.simulations import RegionTruth, simulate_regions
from giblet_core.studies.designs import StudyDesign
from giblet_core.studies.films import StudyFilm

Row = dict[str, str | int | float]
#: What shapes series: part of the key of their file.
SOURCES = tuple(sorted(Path(simulations.__file__).parent.glob("*.py")))


@dataclass(frozen=True, eq=False)
class SimulatedSeries:
    """Regions of several simulations side by side.

    Attributes
    ----------
    rows : list of dict
        The truth of each region.
    series : array of shape (n_subjects, n_trs, n_regions), float32
        In the order of `rows`.
    """

    rows: list[Row]
    series: np.ndarray

    @property
    def sha256(self) -> str:
        """Hash of truth and series."""
        return content_hash(self.series, self.rows)


def simulate_series(film: StudyFilm, design: StudyDesign, seeds: Sequence[int]) -> SimulatedSeries:
    """Simulate the regions of a design with some seeds.

    Parameters
    ----------
    film : StudyFilm
    design : StudyDesign
    seeds : sequence of int
        The first of them has place 0 among those of its film.

    Returns
    -------
    SimulatedSeries
    """
    subjects = design.subjects.subjects()
    rows = []
    series = []
    for place, seed in enumerate(tqdm(seeds, desc=f"simulations, {film.spec.name}", leave=False)):
        simulation = simulate_regions(
            film.heard, film.stimulus.grids, seed, design.generators_of(place), subjects
        )
        rows += [_row(film, seed, truth) for truth in simulation.truths]
        series.append(simulation.series)
    return SimulatedSeries(rows, np.concatenate(series, axis=2))


def listed(codebooks: Iterable[int]) -> str:
    """Write codebooks as one text.

    Examples
    --------
    >>> listed([0, 3]), listed([])
    ('0+3', 'none')
    """
    return "+".join(str(codebook) for codebook in codebooks) or "none"


def _row(film: StudyFilm, seed: int, truth: RegionTruth) -> Row:
    return {
        "film": film.spec.name,
        "seed": seed,
        "generator": truth.generator,
        "codebooks": listed(truth.codebooks),
        "response": truth.response.shape,
        "peak_s": round(float(truth.response.peak_s), 1),
        "isc": round(float(truth.isc), 2),
        "codebook_share": round(float(truth.codebook_share), 2),
    }


def kept_series(film: StudyFilm, design: StudyDesign) -> SimulatedSeries:
    """Return all series of a design on one film, from its file where they were made before."""
    parts = [design.sha256, film.spec.name, film.stimulus.key, *SOURCES]
    folder = project_root() / "build" / "artifacts" / "studies"
    arrays, meta = cached_npz(folder, design.name, parts, partial(_made_series, film, design))
    return SimulatedSeries(meta["rows"], arrays["series"])


def _made_series(film: StudyFilm, design: StudyDesign) -> tuple[dict[str, np.ndarray], dict]:
    """Make the arrays and the description that the cache keeps."""
    made = simulate_series(film, design, design.seeds_of(film.spec))
    return {"series": made.series}, {"kind": "series of a study", "rows": made.rows}
