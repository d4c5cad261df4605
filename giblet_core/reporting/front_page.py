"""Front page: what this build of the book was made from, and a first sound to hear.

The staging puts the facts of `Material`, and the players of the cell tagged ``front-page`` in
notebook 01, into the front page.
"""

import html
from typing import Any

from giblet_core.reporting.material import Material

FRONT_PAGE_TAG = "front-page"


def front_page_html(players: str, material: Material | None) -> str:
    """Return the part of the front page that is made by each build.

    Parameters
    ----------
    players : str
        HTML of the first sounds; "" where there is none.
    material : Material or None
        What the build was made from.

    Returns
    -------
    str
        HTML.
    """
    return players + ("" if material is None else _facts_html(material))


def _facts_html(material: Material) -> str:
    minutes, seconds = divmod(round(material.duration_s), 60)
    facts = {
        "Sound": f"{material.sound}, {minutes} min {seconds} s",
        "Codec": f"{material.codec}, {material.bandwidth_kbps:g} kbps",
        "BOLD": _bold_text(material),
        "Clock": f"{material.n_trs} TRs of {material.t_r:g} s",
    }
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{html.escape(text)}</td></tr>"
        for name, text in facts.items()
    )
    caption = "What this copy of the book was made from"
    return f'<table class="gb-material"><caption>{caption}</caption>{rows}</table>'


def _bold_text(material: Material) -> str:
    if not material.bold:
        return "none"
    return f"{material.bold}, {material.n_subjects} subjects"


def players_of(notebook: Any) -> str:
    """Return the HTML of the cell tagged ``front-page`` of an executed notebook; "" without one."""
    for cell in notebook.cells:
        if FRONT_PAGE_TAG not in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            text = "".join((output.get("data") or {}).get("text/html", ""))
            if text:
                return text
    return ""
