"""Front page: what this build of the book was made from, and a first sound to hear.

The staging puts the facts of `Material`, and the players of the cell tagged ``front-page`` in
notebook 01, into the front page.
"""

import html
import re
from typing import Any

import giblet_core
from giblet_core.reporting.material import Material

FRONT_PAGE_TAG = "front-page"
PLACE = "<!-- first sounds and facts of this build -->"
#: What the front page says where all material is the project's own.
OF_THE_DEMO = re.compile(
    "<!-- on the project's own material -->\n(.*?)<!-- end -->\n", flags=re.DOTALL
)
AUTHORS = "The giblet book authors"
YEAR = 2026


def fill_front_page(text: str, players: str, material: Material | None, results: str = "") -> str:
    """Return the front page with its first sounds, the facts of this build, and how to cite it.

    Parameters
    ----------
    text : str
        Markdown, with `PLACE` and the paragraph `OF_THE_DEMO`.
    players : str
        HTML of the first sounds; "" where there is none.
    material : Material or None
        What the build was made from.
    results : str
        Where the page of results to take away lies, seen from the front page; "" without one.

    Returns
    -------
    str
    """
    facts = front_page_html(players, material)
    if material is not None:
        if results:
            link = f'<a href="{html.escape(results)}">maps and tables to take away</a>'
            facts += f"<p>Results: {link}, as BIDS derivatives.</p>"
        facts += citation_html(material, giblet_core.__version__)
    block = f"```{{raw}} html\n{facts}\n```"
    text = text.replace(PLACE, block)
    of_demo = OF_THE_DEMO.search(text)
    if of_demo is None:
        return text
    is_foreign = material is not None and not material.is_demo
    paragraph = real_or_simulated(material) + "\n" if is_foreign else of_demo.group(1)
    return text[: of_demo.start()] + paragraph + text[of_demo.end() :]


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
    if material.preparation:
        facts["Preparation"] = material.preparation
    if material.regions:
        facts["Regions"] = material.regions
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{html.escape(text)}</td></tr>"
        for name, text in facts.items()
    )
    caption = "What this copy of the book was made from"
    return f'<table class="gb-material"><caption>{caption}</caption>{rows}</table>'


def citation_html(material: Material, version: str) -> str:
    """Return how this copy of the book is cited: it names the sound and the data.

    Parameters
    ----------
    material : Material
        What the build was made from.
    version : str
        Of the software.

    Returns
    -------
    str
        HTML.
    """
    text = f"{AUTHORS} ({YEAR}). {material.title}. Made with giblet_core {version}."
    return f'<p class="gb-citation">To cite this copy: {html.escape(text)}</p>'


def real_or_simulated(material: Material) -> str:
    """Return a paragraph (Markdown) that says what of the material is real.

    Names are shown as code, so that nothing in them is markup.
    """
    sound = f"the sound `{_plain(material.sound)}`"
    if not material.bold:
        return f"This copy was made from {sound}. It has no BOLD, so nothing in it is about brains."
    bold = f"the BOLD `{_plain(material.bold)}`"
    simulated = ""
    if "simulated" in material.bold:
        simulated = (
            " Simulated data show whether a method finds what is there, and stays silent where "
            "nothing is. They say nothing about brains."
        )
    return f"This copy was made from {sound} and {bold}.{simulated}"


def _plain(name: str) -> str:
    return name.replace("`", "'")


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
