"""The page of a quick look: ``quick.html``, with its sound beside it."""

import base64
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from jinja2 import Template
from matplotlib.figure import Figure

from giblet_core import viz
from giblet_core.files import ASSETS, in_memory, write_text
from giblet_core.listening import inline_to_files, listen, render_players
from giblet_core.reporting.quick_look.figures import draw_best_series, draw_lags, draw_map
from giblet_core.reporting.quick_look.measures import KINDS, SAMPLE_RATE, QuickLook

LONGEST_S = 600.0  # of sound on the page
LATE_TRS = 1.5  # a lag beyond is worth a warning


@dataclass(frozen=True)
class _Picture:
    """A figure as PNG in base64, with what it shows in words."""

    png: str
    alt: str


def write_quick_look(look: QuickLook, folder: str | Path) -> Path:
    """Write ``quick.html`` and ``media/`` into a folder; return the page."""
    folder = Path(folder)
    n_shown = int(LONGEST_S * SAMPLE_RATE)
    duration_s = len(look.wave) / SAMPLE_RATE
    label = "what was heard" if duration_s <= LONGEST_S else f"the first {LONGEST_S:g} s"
    players = render_players(listen({label: look.wave[:n_shown]}, SAMPLE_RATE))
    template = (ASSETS / "quick_look.html").read_text(encoding="utf-8")
    page = Template(template, autoescape=True).render(
        look=look,
        data=look.data,
        duration_s=duration_s,
        kinds=" and ".join(KINDS),
        players=inline_to_files(players, folder / "media", "media"),
        sentences=quick_look_sentences(look),
        preparation=look.data.preparation.sentence(),
        pictures=_pictures(look),
    )
    return write_text(folder / "quick.html", page)


def quick_look_sentences(look: QuickLook) -> list[str]:
    """Say what is seen, without a claim."""
    if look.fit is None:
        return []
    best = float(np.nanmax(look.fit.r))
    lines = [
        f"The series that follows the level of the sound best does so with r = {best:.2f} in "
        "unseen time. It was picked because it is the best; no chance level was computed."
    ]
    if look.lags is not None:
        late = abs(look.best_lag_s) > LATE_TRS * look.data.t_r
        within = "" if late else " (at most one TR: as it should)"
        lines.append(f"BOLD fits best {look.best_lag_s:+g} s from where the clock puts it{within}.")
        if late:
            lines.append(
                "That is far from 0: look at stimulus_start_s, at dummy_trs and at the TR before "
                "you run the book. With one short run it may also be chance."
            )
    return lines


def _pictures(look: QuickLook) -> list[_Picture]:
    if look.fit is None:
        return []
    viz.use_style()
    pictures = [_picture(draw_map(look), "How well each place follows the level of the sound")]
    if look.lags is not None:
        pictures.append(_picture(draw_lags(look), "Accuracy against lag"))
    pictures.append(_picture(draw_best_series(look), "The best series, measured and predicted"))
    return pictures


def _picture(figure: Figure, alt: str) -> _Picture:
    png = in_memory(figure.savefig, format="png", dpi=130, bbox_inches="tight")
    plt.close(figure)
    return _Picture(base64.b64encode(png).decode(), alt)
