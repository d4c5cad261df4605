"""The front page names what this build was made from, and has a sound."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from giblet_core.files import write_json
from giblet_core.reporting import (
    Material,
    fill_front_page,
    front_page_html,
    players_of,
    read_material,
)
from giblet_core.reporting.material import MATERIAL_FILE

OWN = {
    "sound": "my <film>",
    "duration_s": 125.0,
    "codec": "facebook/encodec_24khz",
    "bandwidth_kbps": 6.0,
    "t_r": 2.0,
    "n_trs": 62,
    "bold": "our study",
    "n_subjects": 3,
    "is_demo": False,
    "preparation": "High-pass 128 s.",
    "key": "0" * 64,
}
INDEX = """# The giblet book

<!-- first sounds and facts of this build -->

<!-- on the project's own material -->
All is the demo's.
<!-- end -->
After.
"""


def test_the_title_names_the_users_sound_and_data_and_the_demo_is_plain():
    assert Material(**OWN).title == "The giblet book: my <film>, our study"
    assert Material(**{**OWN, "bold": ""}).title == "The giblet book: my <film>"
    assert Material(**{**OWN, "is_demo": True}).title == "The giblet book"
    named_alike = {**OWN, "bold": OWN["sound"]}
    assert Material(**named_alike).title == "The giblet book: my <film>", "no name stands twice"


def test_the_front_page_says_what_regions_are_where_no_atlas_was_given():
    made = "No atlas was given: the regions P01 to P50 are parcels"
    assert made in front_page_html("", Material(**OWN, regions=made))
    assert "Regions" not in front_page_html("", Material(**OWN))


def test_the_page_says_what_it_was_made_from_and_names_of_files_are_harmless():
    page = front_page_html("<audio>", Material(**OWN))
    assert page.startswith("<audio>")
    for fact in ("my &lt;film&gt;, 2 min 5 s", "our study, 3 subjects", "62 TRs of 2 s", "6 kbps"):
        assert fact in page
    assert "<film>" not in page


def test_without_bold_the_page_says_none():
    page = front_page_html("", Material(**{**OWN, "bold": "", "n_subjects": 0}))
    assert "<th scope='row'>BOLD</th><td>none</td>" in page


@pytest.mark.parametrize("tags", [["front-page"], ["hide-input", "front-page"]])
def test_the_players_are_those_of_the_tagged_cell(tags):
    shown = new_output("display_data", {"text/html": "<figure>players</figure>"})
    other = new_output("display_data", {"text/html": "another"})
    cells = [
        new_code_cell("a", outputs=[other]),
        new_code_cell("b", outputs=[shown], metadata={"tags": tags}),
    ]
    assert players_of(new_notebook(cells=cells)) == "<figure>players</figure>"
    assert players_of(nbformat.v4.new_notebook(cells=cells[:1])) == ""


def test_material_is_read_back_and_absent_where_nobody_wrote_it(tmp_path):
    assert read_material(tmp_path) is None
    write_json(tmp_path / MATERIAL_FILE, OWN)
    assert read_material(tmp_path) == Material(**OWN)


def test_the_front_page_of_other_material_names_it_and_says_nothing_of_the_demo():
    page = fill_front_page(INDEX, "<audio>", Material(**OWN))
    assert "demo" not in page
    assert "`my <film>` and the BOLD `our study`" in page
    assert "To cite this copy: The giblet book authors (2026). The giblet book: my &lt;film" in page
    assert page.endswith("After.\n")
    assert "<!--" not in page


def test_the_front_page_of_the_demo_keeps_its_paragraph():
    page = fill_front_page(INDEX, "", Material(**{**OWN, "is_demo": True}))
    assert "All is the demo's.\nAfter." in page
    assert "<!--" not in page


def test_what_was_taken_out_of_the_bold_stands_on_the_front_page():
    assert "High-pass 128 s." in front_page_html("", Material(**OWN))
    assert "Preparation" not in front_page_html("", Material(**{**OWN, "preparation": ""}))


def test_without_bold_nothing_is_said_about_brains():
    page = fill_front_page(INDEX, "", Material(**{**OWN, "bold": ""}))
    assert "nothing in it is about brains" in page


def test_results_to_take_away_are_linked_where_there_are_some():
    page = fill_front_page(INDEX, "", Material(**OWN), "../../artifacts/results.html")
    assert '<a href="../../artifacts/results.html">maps and tables to take away</a>' in page
    assert "to take away" not in fill_front_page(INDEX, "", Material(**OWN))
