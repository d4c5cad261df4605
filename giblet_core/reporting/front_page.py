"""Front page: what this build of the book was made from, and a first sound to hear.

Notebook 02 writes the facts (it has the sound and the BOLD); the staging puts them, and the players
of the cell tagged ``front-page`` in notebook 01, into the front page.
"""

import html
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giblet_core.files import read_json, write_json
from giblet_core.fmri import Dataset
from giblet_core.timing import Stimulus

MATERIAL_FILE = "material.json"  # in the artifacts folder
FRONT_PAGE_TAG = "front-page"
PROJECT = "The giblet book"


@dataclass(frozen=True)
class Material:
    """What a build of the book was made from.

    Attributes
    ----------
    sound : str
        Name of the sound; ``demo film`` for the embedded one.
    duration_s : float
        Its length in seconds.
    codec : str
        Which codec spoke.
    bandwidth_kbps : float
        At which rate.
    t_r : float
        Seconds.
    n_trs : int
        TRs of all runs.
    bold : str
        The data set, with the word "simulated" where it is; "" where there is none.
    n_subjects : int
        Subjects with BOLD.
    is_demo : bool
        All of it is the project's own.
    """

    sound: str
    duration_s: float
    codec: str
    bandwidth_kbps: float
    t_r: float
    n_trs: int
    bold: str
    n_subjects: int
    is_demo: bool

    @property
    def title(self) -> str:
        """Title of the book: it names the user's sound and data."""
        if self.is_demo:
            return PROJECT
        data = f", {self.bold}" if self.bold else ""
        return f"{PROJECT}: {self.sound}{data}"


def describe_material(stimulus: Stimulus, data: Dataset | None) -> Material:
    """Return what a build is made from.

    Parameters
    ----------
    stimulus : Stimulus
        The sound and its clock.
    data : Dataset or None
        The BOLD, where there is some.

    Returns
    -------
    Material
    """
    is_demo = stimulus.name == "demo"
    grids = stimulus.grids if data is None else data.grids
    return Material(
        sound="demo film" if is_demo else stimulus.name,
        duration_s=len(stimulus.wave) / stimulus.codec.sample_rate,
        codec=stimulus.codec.id,
        bandwidth_kbps=stimulus.codes.bandwidth_kbps,
        t_r=grids[0].t_r,
        n_trs=sum(grid.n_trs for grid in grids),
        bold="" if data is None else data.label,
        n_subjects=0 if data is None else len(data.subjects),
        is_demo=is_demo,
    )


def save_material(stimulus: Stimulus, data: Dataset | None) -> Path:
    """Write what a build is made from into the artifacts folder."""
    return write_json(stimulus.folder / MATERIAL_FILE, asdict(describe_material(stimulus, data)))


def read_material(artifacts: Path) -> Material | None:
    """Read what a build is made from; None where no notebook has written it."""
    path = artifacts / MATERIAL_FILE
    return Material(**read_json(path)) if path.is_file() else None


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
