"""The page says first what is missed, with the figures of the rows."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from giblet_core.studies import begin_draw, end_draw, find_design, lock, write_study
from giblet_core.studies.chapter import blind_page, page

NAME = "codebooks_of_the_family"
DESIGNS = Path(__file__).resolve().parents[2] / "book" / "designs"


@pytest.fixture
def project_with_design(own_project):
    folder = own_project / "book" / "designs"
    folder.mkdir(parents=True)
    for design in DESIGNS.glob("*.yaml"):
        shutil.copy(design, folder)
    return own_project


@pytest.fixture
def drawn(project_with_design):
    """A drawn study whose rows know nothing, but for one generator."""
    design = find_design(NAME)
    rng = np.random.default_rng(0)
    rows = []
    for film in design.films:
        for seed in design.seeds_of(film)[:30]:
            for generator in design.generators:
                rows.append(made_row(film.name, seed, generator, rng))
    lock(design)
    begin_draw(design)
    about = {
        "design_sha256": design.sha256,
        "draw": 1,
        "first_seed": design.seeds[0],
        "last_seed": design.seeds[-1],
        "code_sha256": "0" * 64,
    }
    end_draw(design, write_study(NAME, rows, about))
    return rows


def made_row(film, seed, generator, rng):
    followed = set(rng.choice(8, 2, replace=False).tolist())
    if page.GENERATORS[generator].is_negative:
        followed = set()
    knows = generator == "signed level"
    row = {"film": film, "seed": seed, "generator": generator, "p": round(rng.random(), 3)}
    row["codebooks"] = "+".join(map(str, sorted(followed))) or "none"
    row["told"] = "none"
    for codebook in range(8):
        told = 0.97 if codebook in followed else 0.03
        row[f"probability_{codebook}"] = told if knows else round(rng.random(), 3)
    return row


def test_what_is_missed_stands_first(drawn):
    text = blind_page()
    top = text.split("## How the studies were made")[0]
    assert "Codebooks that regions of *power* follow are not told from others: AUC 0." in top
    assert "*signed level* follow" not in top
    assert "Probabilities in regions of *norm* are not what they say" in top
    assert text.index("**missed** | AUC | power") > 0
    assert "| met | AUC | signed level |" in text
    assert "over all regions that follow codebooks" in text


def test_before_a_draw_the_page_says_so(project_with_design):
    text = blind_page()
    assert "Nothing can be said of it yet" in text
    assert f"The study `{NAME}` was not drawn yet." in text
