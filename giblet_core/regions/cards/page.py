"""The page of a region card: one HTML file, with its sounds beside it."""

import base64
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from jinja2 import Template

from giblet_core import viz
from giblet_core.files import ASSETS, in_memory, project_root, write_text
from giblet_core.listening import inline_to_files, listen
from giblet_core.regions.cards.card import RegionCard
from giblet_core.regions.findings import RESPONSE_S
from giblet_core.regions.generation import (
    Generator,
    ReadingProtocol,
    bottlenecks,
    generated_scores,
    generated_sounds,
)


def write_region_page(
    card: RegionCard,
    folder: str | Path | None = None,
    generator: Generator | None = None,
    seed: int = 0,
) -> Path:
    """Write ``index.html`` and ``media/`` into a folder.

    Parameters
    ----------
    card : RegionCard
        From `region_card`.
    folder : path, optional
        ``build/regions/NAME`` by default, with what a file system refuses replaced.
    generator : Generator, optional
        Also plays what it makes of the region's voxels.
    seed : int
        Of generated sound and the bootstrap.

    Returns
    -------
    Path
        The page.
    """
    folder = Path(folder or _default_folder(card.name))
    scenes = "".join(players._repr_html_() for players in card.players().values())
    generation = _Generation("", "") if generator is None else _generate(card, generator, seed)
    findings = card.findings
    tables = [findings.spaces.table(card.index), findings.codebooks.table(card.index)]
    template = (ASSETS / "region_card.html").read_text(encoding="utf-8")
    page = Template(template, autoescape=True).render(
        card=card,
        f=findings,
        response_s=RESPONSE_S,
        picture=_picture(card),
        scenes=inline_to_files(scenes, folder / "media", "media"),
        scores=generation.scores,
        generated=inline_to_files(generation.players, folder / "media", "media"),
        tables=[_html_table(table, digits=3) for table in tables],
    )
    return write_text(folder / "index.html", page)


def _default_folder(name: str) -> Path:
    safe_name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)
    return project_root() / "build" / "regions" / safe_name


def _picture(card: RegionCard) -> str:
    """Return the card's figure as a PNG in base64."""
    viz.use_style()
    figure = card.figure()
    png = in_memory(figure.savefig, format="png", dpi=130)
    plt.close(figure)
    return base64.b64encode(png).decode()


def _html_table(table: pd.DataFrame, digits: int) -> str:
    return table.to_html(float_format=f"{{:.{digits}f}}".format, border=0, classes="numbers")


@dataclass(frozen=True)
class _Generation:
    """Generated sound, as HTML: the table of its scores, and players of two scenes."""

    scores: str
    players: str


def _generate(card: RegionCard, generator: Generator, seed: int) -> _Generation:
    """Generate the best and the worst scene from measured, shuffled and no fMRI."""
    findings = card.findings
    protocol = ReadingProtocol(
        folds=findings.folds,
        t_r=findings.data.t_r,
        run_onsets=findings.data.run_onsets,
        embargo=findings.embargo,
        shift=2 * findings.min_shift,
    )
    numbers = bottlenecks(findings.group.region_bold(card.name), generator, protocol)
    scores = generated_scores(numbers, generator, findings.segments, findings.embargo, seed)
    players = [
        _generated_player(card, generator, numbers, kind, seed) for kind in ("best", "worst")
    ]
    return _Generation(_html_table(scores, digits=1), "".join(players))


def _generated_player(
    card: RegionCard, generator: Generator, numbers: dict, kind: str, seed: int
) -> str:
    """Return the player of a scene, as HTML: what was heard, and what is generated."""
    findings = card.findings
    codec = findings.stim.codec
    first_tr = int(card.scenes.true[0 if kind == "best" else -1])
    first_window = max(0, first_tr - round(RESPONSE_S / findings.data.t_r))
    rows = slice(first_window, first_window + findings.segments.length)
    label = f"heard: {findings.stim.place(findings.start_s(first_tr))}"
    sounds = {label: findings.sound(first_tr)}
    sounds |= generated_sounds(generator, numbers, rows, codec, seed)
    return listen(sounds, codec.sample_rate, title=f"{kind} scene, generated")._repr_html_()
