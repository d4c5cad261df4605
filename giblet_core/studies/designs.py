"""The design of a simulation study: everything that is decided before a seed is drawn.

A design is a YAML file of ``book/designs``. Its hash is over what it says, not over its comments or
its layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from giblet_core.errors import InputError, require
from giblet_core.files import content_hash, project_root, read_yaml
from giblet_core.simulations import GENERATORS, Subjects

#: Seeds with which the analysis was developed, round by round: no design may have one of them.
DEVELOPMENT_SEEDS = (range(1, 5041), range(7001, 8000))
REHEARSAL_SEEDS = range(5001, 5041)
ALL = "all"  # generators of a design


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FilmSpec(_Strict):
    """A film, and the scanner's clock over it.

    Attributes
    ----------
    name : str
    kind : {"demo film", "real sounds"}
        Rendered from the demo's voices, or joined from files that lie beside the project.
    seed : int
        Of the arrangement.
    t_r : float
        Seconds.
    run_n_trs : tuple of int
        TRs of each run, one after the other.
    slice_time_ref : float
        Where in a TR its sample lies, 0 to 1.
    files : tuple of str
        Of real sounds, below their folder; pieces are taken in turn.
    """

    name: str
    kind: Literal["demo film", "real sounds"]
    seed: int = Field(ge=0)
    t_r: float = Field(gt=0)
    run_n_trs: tuple[int, ...] = Field(min_length=1)
    slice_time_ref: float = Field(0.0, ge=0, le=1)
    files: tuple[str, ...] = ()


class SubjectsSpec(_Strict):
    """Who is simulated; see `simulations.Subjects`."""

    n_subjects: int = Field(8, ge=2)
    isc: float = Field(0.29, gt=0, lt=1)
    similarity: float = Field(0.7, ge=0, le=1)
    sound_share: float = Field(0.8, gt=0, le=1)
    most_codebooks: int = Field(4, ge=1)

    def subjects(self) -> Subjects:
        """Return them as the simulations take them."""
        return Subjects(**self.model_dump())


class Bar(_Strict):
    """What a figure must reach.

    Attributes
    ----------
    figure : str
        Of `studies.FIGURES`.
    of : tuple of str
        Generators; each is judged on its own. ``[all]`` stands for all of the design.
    side : {"at least", "at most"}
    limit : float
    by : {"bound", "value"}
        Whether the bound of the 95 % interval on the limit's side has to reach it, or the value.
    """

    figure: str
    of: tuple[str, ...] = Field(min_length=1)
    side: Literal["at least", "at most"]
    limit: float
    by: Literal["bound", "value"] = "bound"


class StudyDesign(_Strict):
    """A simulation study.

    Attributes
    ----------
    name : str
        That of the file, without its ending.
    title, question : str
    statistic : str
        Of `studies.STATISTICS`: what of the analysis is evaluated.
    films : tuple of FilmSpec
    generators : tuple of str
        A region each in every simulation.
    first_seed : int
        Seeds run from here, film by film.
    n_simulations : int
        A film.
    n_negative : int
        Simulations a film in all, those after the first `n_simulations` of negative regions alone:
        rates of false detections need more than other figures.
    n_draws : int
        Of the null of each test.
    subjects : SubjectsSpec
    bars : tuple of Bar
    """

    name: str
    title: str
    question: str
    statistic: str
    films: tuple[FilmSpec, ...] = Field(min_length=1)
    generators: tuple[str, ...] = Field(min_length=1)
    first_seed: int = Field(ge=1)
    n_simulations: int = Field(ge=1)
    n_negative: int = Field(0, ge=0)
    n_draws: int = Field(ge=19)
    subjects: SubjectsSpec = SubjectsSpec()
    bars: tuple[Bar, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_fresh_seeds(self) -> "StudyDesign":
        for used in DEVELOPMENT_SEEDS:
            if self.first_seed <= used[-1] and used[0] <= self.seeds[-1]:
                raise ValueError(
                    f"seeds {self.first_seed} to {self.seeds[-1]} hold some of {used[0]} to "
                    f"{used[-1]}, with which the analysis was developed"
                )
        return self

    @property
    def sha256(self) -> str:
        """Hash of all that the design says."""
        return content_hash(self.model_dump(mode="json"))

    @property
    def seeds(self) -> range:
        """Seeds of all films."""
        n_seeds = self.n_seeds_a_film * len(self.films)
        return range(self.first_seed, self.first_seed + n_seeds)

    @property
    def n_seeds_a_film(self) -> int:
        """Simulations of each film, those of negative regions alone included."""
        return max(self.n_simulations, self.n_negative)

    def generators_of(self, place: int) -> tuple[str, ...]:
        """Return what is simulated with the seed at a place, 0 the first of its film."""
        if place < self.n_simulations:
            return self.generators
        return tuple(name for name in self.generators if GENERATORS[name].is_negative)

    def judged(self, bar: Bar) -> tuple[str, ...]:
        """Return the generators that a bar is for."""
        return self.generators if bar.of == (ALL,) else bar.of

    def judged_by(self, figure: str) -> list[str]:
        """Return the generators that any bar judges by a figure."""
        return [name for bar in self.bars if bar.figure == figure for name in self.judged(bar)]

    def seeds_of(self, film: FilmSpec) -> range:
        """Return the seeds of one film; no two films share one."""
        start = self.first_seed + self.films.index(film) * self.n_seeds_a_film
        return range(start, start + self.n_seeds_a_film)


@dataclass(frozen=True)
class KnownParts:
    """Names that a design may use.

    Attributes
    ----------
    statistics, figures : sequence of str
    """

    statistics: Sequence[str]
    figures: Sequence[str]


def design_path(name: str) -> Path:
    """Return where the design of this name lies."""
    return project_root() / "book" / "designs" / f"{name}.yaml"


def read_design(path: str | Path, known: KnownParts) -> StudyDesign:
    """Read a design and check that all it names exists.

    Raises
    ------
    InputError
        A missing or broken file, an unknown field or name, seeds that were used up.
    """
    path = Path(path)
    content = read_yaml(path)
    require(
        isinstance(content, dict),
        f"path={path}: must hold fields of a design. See the designs of book/designs.",
    )
    try:
        design = StudyDesign(**content)
    except ValidationError as failure:
        faults = [
            f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
            for fault in failure.errors()
        ]
        raise InputError(
            f"path={path}: must be the design of a study ({'; '.join(faults)}). Correct it."
        ) from failure
    require(
        design.name == path.stem,
        f"name={design.name}: must be the name of the file, {path.stem}. Correct it.",
    )
    _check_names("generators", design.generators, tuple(GENERATORS))
    _check_names("statistic", (design.statistic,), known.statistics)
    _check_names("bars.figure", [bar.figure for bar in design.bars], known.figures)
    judged = [name for bar in design.bars for name in design.judged(bar)]
    _check_names("bars.of", judged, design.generators)
    return design


def _check_names(field: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(known))
    require(
        not unknown,
        f"{field}={', '.join(unknown)}: must be some of {', '.join(known)}. Choose among them.",
    )
