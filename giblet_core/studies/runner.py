"""Lock, rehearse and draw a study, and judge what was drawn by its bars."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from giblet_core.codecs import load_codec
from giblet_core.errors import InputError
from giblet_core.files import content_hash
from giblet_core.studies.designs import (
    REHEARSAL_SEEDS,
    Bar,
    KnownParts,
    StudyDesign,
    design_path,
    read_design,
)
from giblet_core.studies.figures import FIGURES, Estimate, figure_table
from giblet_core.studies.films import make_film
from giblet_core.studies.records import code_sha256, write_study
from giblet_core.studies.register import (
    begin_draw,
    check_locked,
    end_draw,
    n_draws,
    note_series,
    read_register,
)
from giblet_core.studies.series import Row, kept_series, simulate_series
from giblet_core.studies.statistics import STATISTICS

Say = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """A bar, and what one generator came to.

    Attributes
    ----------
    bar : Bar
    generator : str
    estimate : Estimate
    """

    bar: Bar
    generator: str
    estimate: Estimate

    @property
    def is_met(self) -> bool:
        """Whether the value, or the bound of its interval, reaches the limit."""
        if self.bar.side == "at least":
            reached = self.estimate.low if self.bar.by == "bound" else self.estimate.value
            return reached >= self.bar.limit
        reached = self.estimate.high if self.bar.by == "bound" else self.estimate.value
        return reached <= self.bar.limit

    def __str__(self) -> str:
        estimate = self.estimate
        judged = "interval" if self.bar.by == "bound" else "value"
        return (
            f"{'met' if self.is_met else 'MISSED'}: {self.bar.figure} of {self.generator} is "
            f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] over {estimate.n}; "
            f"its {judged} has to be {self.bar.side} {self.bar.limit:g}"
        )


def known_parts() -> KnownParts:
    """Return the statistics and figures that a design may name."""
    return KnownParts(tuple(STATISTICS), tuple(FIGURES))


def find_design(name: str | Path) -> StudyDesign:
    """Read a design by its path, or by its name in ``book/designs``."""
    path = Path(name)
    return read_design(
        path if path.suffix in (".yaml", ".yml") else design_path(str(name)), known_parts()
    )


def rehearse(design: StudyDesign, n_simulations: int, say: Say = print) -> pd.DataFrame:
    """Run a design on a few seeds of development; nothing is recorded.

    Parameters
    ----------
    design : StudyDesign
    n_simulations : int
        A film.
    say : function
        Takes a line of progress.

    Returns
    -------
    DataFrame
        Rows as a draw would make them.

    Raises
    ------
    InputError
        More simulations than there are seeds of development.
    """
    n_free = len(REHEARSAL_SEEDS)
    if not 1 <= n_simulations <= n_free:
        raise InputError(
            f"n_simulations={n_simulations}: a rehearsal has seeds {REHEARSAL_SEEDS[0]} to "
            f"{REHEARSAL_SEEDS[-1]}, so 1 to {n_free} simulations of each film. Ask for fewer."
        )
    seeds = REHEARSAL_SEEDS[:n_simulations]
    rows: list[Row] = []
    for spec in design.films:
        say(f"{spec.name}: {n_simulations} simulations of development")
        film = make_film(spec)
        simulated = simulate_series(film, design, seeds)
        rows += STATISTICS[design.statistic].evaluate(film, design, simulated)
    return pd.DataFrame(rows)


def simulate_ahead(design: StudyDesign, say: Say = print) -> None:
    """Make the series of a locked design before the analysis sees them.

    Nothing is evaluated. The register holds when they were made, and their hash.

    Parameters
    ----------
    design : StudyDesign
        Locked.
    say : function
        Takes a line of progress.

    Raises
    ------
    InputError
        The design is not locked, or was changed since; a film's sounds are absent.
    """
    check_locked(design)
    hashes = []
    for spec in design.films:
        say(f"{spec.name}: {design.n_seeds_a_film} simulations")
        hashes.append(kept_series(make_film(spec), design).sha256)
    note_series(design, content_hash(hashes))


def draw(design: StudyDesign, say: Say = print) -> pd.DataFrame:
    """Draw the seeds of a locked design and record all rows.

    The draw is counted before it begins.

    Parameters
    ----------
    design : StudyDesign
        Locked.
    say : function
        Takes a line of progress.

    Returns
    -------
    DataFrame
        A line a region of each simulation.

    Raises
    ------
    InputError
        The design is not locked, or was changed since; a film's sounds are absent.
    """
    check_locked(design)
    films = [make_film(spec) for spec in design.films]  # what is absent is said before the draw
    number = begin_draw(design)
    rows: list[Row] = []
    for film in films:
        seeds = design.seeds_of(film.spec)
        say(f"{film.spec.name}: seeds {seeds[0]} to {seeds[-1]}")
        simulated = kept_series(film, design)
        rows += STATISTICS[design.statistic].evaluate(film, design, simulated)
    about = {
        "kind": "simulated",
        "design": design.name,
        "design_sha256": design.sha256,
        "draw": number,
        "first_seed": design.seeds[0],
        "last_seed": design.seeds[-1],
        "code_sha256": code_sha256(),
        "codec_sha256": load_codec("demo").sha256,
    }
    rows_sha256 = write_study(design.name, rows, about)
    end_draw(design, rows_sha256)
    return pd.DataFrame(rows)


def judge(design: StudyDesign, rows: pd.DataFrame) -> list[Verdict]:
    """Set every bar of a design beside what its rows give, generator by generator."""
    verdicts = []
    for bar in design.bars:
        for generator in design.judged(bar):
            members = rows[rows.generator == generator]
            estimate = FIGURES[bar.figure].of_rows(members)
            verdicts.append(Verdict(bar, generator, estimate))
    return verdicts


def report(design: StudyDesign, rows: pd.DataFrame) -> list[str]:
    """Say what rows give: tables by generator and film, the worst first, then every bar.

    Parameters
    ----------
    design : StudyDesign
    rows : DataFrame
        Drawn or rehearsed.

    Returns
    -------
    list of str
        Lines to print.
    """
    drawn = n_draws(read_register(), design.name)
    lines = [f"simulated; {design.name}, design {design.sha256[:12]}, drawn {drawn} times"]
    for figure in dict.fromkeys(bar.figure for bar in design.bars):
        judged = rows[rows.generator.isin(design.judged_by(figure))]
        table = figure_table(judged, figure, ["generator", "film"])
        lines += ["", f"{figure}: {FIGURES[figure].definition}; the worst first"]
        lines.append(table.to_string(index=False, float_format="{:.3f}".format))
    lines += ["", *(str(verdict) for verdict in judge(design, rows))]
    return lines
