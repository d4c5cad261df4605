"""The page says first what is missed, with the figures of the rows."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from giblet_core.studies import begin_draw, end_draw, figures, find_design, lock, write_study
from giblet_core.studies.chapter import blind_page, page

NAME = "codebooks_of_the_family"
SECOND = "codebooks_of_the_family_2"
CARDS = "claims_of_region_cards"
ROW_OF_A_TEST = ("film", "seed", "generator", "codebooks", "p")
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
    return draw_made_rows(NAME, 30)


def draw_made_rows(name, n_seeds):
    """Lock a design and record made rows of the first seeds of each film."""
    design = find_design(name)
    rng = np.random.default_rng(0)
    rows = []
    for film in design.films:
        for seed in design.seeds_of(film)[:n_seeds]:
            for generator in design.generators:
                rows.append(made_row(film.name, seed, generator, rng))
    if design.statistic == "region card":
        rows = [{**without_probabilities(row), "claimed": int(row["p"] <= 0.05)} for row in rows]
    lock(design)
    begin_draw(design)
    about = {
        "design_sha256": design.sha256,
        "draw": 1,
        "first_seed": design.seeds[0],
        "last_seed": design.seeds[-1],
        "code_sha256": "0" * 64,
    }
    end_draw(design, write_study(name, rows, about))
    return rows


def without_probabilities(row):
    return {name: value for name, value in row.items() if name in ROW_OF_A_TEST}


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


def test_a_later_round_leads_and_the_first_stands_beside_it(project_with_design, monkeypatch):
    monkeypatch.setattr(figures, "N_BOOTSTRAPS", 20)
    for name in (NAME, SECOND, CARDS):
        draw_made_rows(name, 4)
    text = blind_page()
    top = text.split("## How the studies were made")[0]
    places = [top.index(f"Study `{name}`") for name in (SECOND, CARDS, NAME)]
    assert places == sorted(places)
    second, cards, first = [
        part.split("\n## ")[0] for part in re.split("\n## (?=Codebooks|Claims)", text)[1:]
    ]
    of_power = next(line for line in second.splitlines() if "| AUC | power |" in line)
    in_first = next(line for line in first.splitlines() if "| AUC | power |" in line)
    assert in_first.split("|")[4].strip() == of_power.split("|")[7].strip()  # its first round
    without_bar = second.split("### AUC of kinds without a bar")[1].split("###")[0]
    assert "| rarity |" in without_bar
    assert "| power |" not in without_bar
    assert "| card claims | envelope |" in cards
    assert "Probabilities" not in cards
