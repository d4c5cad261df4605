"""A region card as one HTML file, with its sounds as FLAC files beside it: what `giblet region NAME` writes."""

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from jinja2 import Template

from giblet_core import viz
from giblet_core.artifacts import ASSETS, project_root, write_text
from giblet_core.listening import listen
from giblet_core.region_cards import RegionCard
from giblet_core.region_findings import RESPONSE_S
from giblet_core.region_sound import Generator, bottlenecks, generated_scores, listened
from giblet_core.staging import inline_to_files


def write_region_page(card: RegionCard, folder: str | Path | None = None, generator: Generator | None = None, seed: int = 0) -> Path:
    """Write ``index.html`` and ``media/`` into a folder; with a generator also what it makes of the region's voxels.

    The folder is ``build/regions/NAME`` by default, with what a file system refuses replaced.

    Returns
    -------
    Path
        The page.
    """
    safe_name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in card.name)
    folder = Path(folder or project_root() / "build" / "regions" / safe_name)
    viz.use_style()
    buffer, figure = io.BytesIO(), card.figure()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    scenes = "".join(players._repr_html_() for players in card.players().values())
    scores, generated = ("", "") if generator is None else _generation(card, generator, seed)
    page = Template((ASSETS / "region_card.html").read_text(encoding="utf-8"), autoescape=True).render(
        card=card, f=card.findings, response_s=RESPONSE_S, picture=base64.b64encode(buffer.getvalue()).decode(), scores=scores,
        tables=[_numbers(parts.table(card.index), 3) for parts in (card.findings.spaces, card.findings.books)],
        **{name: inline_to_files(html, folder / "media", "media") for name, html in (("scenes", scenes), ("generated", generated))})
    return write_text(folder / "index.html", page)


def _numbers(table: pd.DataFrame, digits: int) -> str:
    return table.to_html(float_format=f"{{:.{digits}f}}".format, border=0, classes="numbers")


def _generation(card: RegionCard, generator: Generator, seed: int) -> tuple[str, str]:
    """Return the scores of generated sound, and two scenes of it: from measured, shuffled and no fMRI."""
    f = card.findings
    numbers = bottlenecks(f.group.bold[:, f.group.members(card.name)], generator, f.folds, f.data.t_r, f.data.run_onsets, f.gap,
                          2 * f.min_shift)
    early, players = round(RESPONSE_S / f.data.t_r), ""
    for kind, true in (("best", card.scenes.true[0]), ("worst", card.scenes.true[-1])):
        sounds = {"heard": f.sound(true)} | listened(generator, numbers, max(0, int(true) - early), f.segments.length, f.stim.codec, seed)
        players += listen(sounds, f.stim.codec.sample_rate, title=f"{kind} scene, generated")._repr_html_()
    return _numbers(generated_scores(numbers, generator, f.segments, f.gap, seed), 1), players
