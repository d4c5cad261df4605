"""Records of the demo stand in a box that says so, with the figures of their files."""

import re

import nbformat
import pandas as pd
import pytest

from giblet_core.files import project_root
from giblet_core.reporting import (
    DEMO_LABEL,
    Record,
    demo_box,
    identification_box,
    identification_claims,
    is_about_the_demo,
    leave_out_the_demo,
    linked_page,
    planned_rows,
    recovery_box,
    recovery_claims,
    simulation_figures,
    unlink_the_demo,
    without_demo_links,
)

STUDY = {"n_trs": 800, "n_subjects": 8, "isc": 0.29}


def row(figure, value, **study):
    limits = {"low": value - 0.01, "high": value + 0.01, "n": 20}
    return {"figure": figure, "value": value, **limits, **{**dict.fromkeys(STUDY), **study}}


def recovery(auc):
    rows = [
        row("AUC of codebook recovery", auc, **STUDY),
        row("AUC of codebook recovery", 0.6, **{**STUDY, "n_trs": 400}),
        row("gain in codebook regions", 0.03, **STUDY),
        row("gain in mel", 0.0, **STUDY),
        *(
            row(f"detections in {k} regions", 0.05, **STUDY)
            for k in ("envelope", "loudness", "mel")
        ),
    ]
    return {"recovery": Record("2026-01-01", {"sound": "a film"}, rows)}


def test_a_box_carries_its_label_and_harmless_text():
    box = demo_box("a <b> sentence", pd.DataFrame({"r": [0.5]}, index=["R01"]))
    shown = box._repr_html_()
    assert shown.startswith('<aside class="gb-demo-box">')
    assert DEMO_LABEL in shown
    assert "a &lt;b&gt; sentence" in shown
    assert "R01" in shown
    assert repr(box).startswith(f"[{DEMO_LABEL}]")


def test_a_box_without_records_says_so():
    assert "No record" in demo_box()._repr_html_()
    assert "No record" in recovery_box({})._repr_html_()
    assert "No record" in identification_box({})._repr_html_()


def test_verdicts_of_the_box_follow_from_the_record():
    met = recovery_box(recovery(auc=0.9))._repr_html_()
    assert "The area under the curve of planted codebooks reaches 0.85 (area 0.900 [" in met
    assert "A best case: these regions follow the slow directions" in met
    missed = recovery_box(recovery(auc=0.8))._repr_html_()
    assert "It is not so that the area under the curve" in missed
    within = recovery_box(recovery(auc=0.855))._repr_html_()
    assert "It cannot be told whether the area under the curve" in within


def test_a_control_that_fails_is_said_first_and_leaves_the_gain_unsupported():
    record = recovery(auc=0.9)
    record["recovery"].rows.append(row("gain in loudness_x_speech", 0.033))
    first = recovery_box(record).parts[0]
    assert first.startswith(
        "Control failed: the gain in the region of loudness x speech, which follows no codebook, "
        "is 0.033 [0.023, 0.043], n = 20."
    )
    assert "So it is not supported that codebooks add explained variance" in first
    passed = [claim.verdict for claim in recovery_claims(planned_rows(recovery(auc=0.9)))]
    assert passed[1] == "shown"


def test_one_of_twenty_false_detections_does_not_meet_seven_per_cent():
    claim = recovery_claims(planned_rows(recovery(auc=0.9)))[2]
    assert claim.estimate == 5.0
    assert claim.verdict == "cannot be told"


def test_only_the_planned_study_is_scored():
    planned = planned_rows(recovery(auc=0.9))
    assert planned.loc["AUC of codebook recovery", "value"] == 0.9
    figures = simulation_figures(recovery(auc=0.9))
    assert figures["simulations: AUC of codebook recovery"] == 0.9
    assert figures["simulations: AUC of codebook recovery, low"] == 0.89
    assert planned_rows({}).empty
    assert simulation_figures({}) == {}


def test_identification_is_judged_by_its_intervals_beside_what_was_wanted():
    rows = [
        row("identification, points over loudness and speech", 2.1),
        row("identification, seen subject", 86.4),
        row("identification, unseen subject", 65.0),
    ]
    record = {"decoding": Record("2026-01-01", {"sound": "a film"}, rows)}
    claims = identification_claims(planned_rows(record))
    assert [claim.verdict for claim in claims] == ["not so", "shown", "cannot be told"]
    shown = identification_box(record)._repr_html_()
    assert "It is not so that latents identify at least 5 points more" in shown
    assert "(pairwise accuracy 86.4 % [86.4, 86.4]" in shown


def test_chapters_about_the_demo_are_left_out_of_the_contents_of_other_material(tmp_path):
    contents = tmp_path / "_toc.yml"
    pages = ["book/quick_start", "book/experiment_log", "notebooks/A1_demo_codec", "notebooks/01"]
    contents.write_text("".join(f"      - file: {page}\n" for page in pages))
    leave_out_the_demo(contents)
    left = contents.read_text()
    assert "quick_start" in left
    assert "notebooks/01" in left
    assert "experiment_log" not in left
    assert "A1_demo" not in left


LINKS = [
    # on a page, as written, and what is left of it in a book on other material
    ("notebooks/06_a", "[tried](../book/experiment_log)", "tried"),
    ("notebooks/06_a", "[tried](../book/experiment_log.md#kills)", "tried"),
    ("book/quick_start", "[tried](experiment_log.md)", "tried"),
    ("book/quick_start", "[Alice](/notebooks/A3_alice)", "Alice"),
    ("book/index", "{doc}`/notebooks/A1_demo_codec`", "A1 demo codec"),
    ("book/index", "{doc}`the log <experiment_log>`, {doc}`glossary`", "the log, {doc}`glossary`"),
    ("notebooks/06_a", "[A2](A2_region_cards)", "[A2](A2_region_cards)"),
    ("notebooks/06_a", "[x](https://a.org/book/experiment_log)", None),
    ("notebooks/06_a", "![log](../book/experiment_log.png)", None),
    ("notebooks/06_a", "r[0](1)", None),
]


@pytest.mark.parametrize(("page", "written", "left"), LINKS)
def test_links_to_chapters_about_the_demo_become_plain_text(page, written, left):
    assert without_demo_links(f"See {written}.", page) == f"See {left or written}."


def test_the_links_of_a_staged_site_are_changed_in_prose_and_in_cells(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "index.md").write_text("{doc}`experiment_log`")
    cells = [
        nbformat.v4.new_markdown_cell("[a](../book/checklist)"),
        nbformat.v4.new_code_cell("x = '[a](../book/checklist)'"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "06_b.ipynb")
    unlink_the_demo(tmp_path)
    assert (tmp_path / "book" / "index.md").read_text() == "experiment log"
    changed = nbformat.read(tmp_path / "notebooks" / "06_b.ipynb", 4).cells
    assert [cell.source for cell in changed] == ["a", "x = '[a](../book/checklist)'"]


def pages_of_other_material():
    contents = (project_root() / "book" / "_toc.yml").read_text()
    pages = re.findall(r"(?:file|root): (\S+)", contents)
    return [page for page in pages if not is_about_the_demo(page)]


def text_of(page):
    """Return the prose of a page."""
    prose = project_root() / f"{page}.md"
    if prose.is_file():
        return prose.read_text()
    cells = nbformat.read(project_root() / f"{page}.ipynb", 4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("page", pages_of_other_material())
def test_every_link_of_a_book_on_other_material_leads_somewhere(page):
    """A link to a page that is not in the contents ends the build: all pages would be lost."""
    text = without_demo_links(text_of(page), page)
    targets = re.findall(r"(?<!!)\[[^\[\]]+\]\(([^()\s]+)\)", text)
    targets += re.findall(r"\{doc\}`(?:[^`<>]+<)?([^`<>]+)>?`", text)
    linked = {linked_page(target, page) for target in targets} - {""}
    folders = ("book/", "notebooks/")
    assert {name for name in linked if name.startswith(folders)} <= set(pages_of_other_material())
