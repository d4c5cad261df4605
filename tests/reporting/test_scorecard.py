"""The scorecard says what was met, missed or not measured on the material, from files alone."""

import pytest

from giblet_core.errors import InputError
from giblet_core.files import write_json
from giblet_core.reporting import scorecard

ENTRY = (
    "- {section: S, item: %s, expected: '> 3.5', notebook: %s, figure: %s, rule: '>', bound: 3.5}\n"
)


def test_every_verdict_follows_from_the_files(tmp_path):
    results = tmp_path / "results"
    write_json(
        results / "01.json",
        {
            "notebook": "01",
            "label": "simulated",
            "figures": {"high": 4.0, "low": 3.0, "none": None},
        },
    )
    write_json(
        tmp_path / "bench.json",
        {"date": "2026-01-01", "machine": {"cores": 2}, "rows": [{"name": "speed", "value": 9.0}]},
    )
    expectations = tmp_path / "expectations.yaml"
    expectations.write_text(
        "".join(
            ENTRY % x
            for x in (
                ("a", "'01'", "high"),
                ("b", "'01'", "low"),
                ("c", "'01'", "none"),
                ("d", "'02'", "high"),
                ("e", "bench", "speed"),
            )
        )
        + "- {section: S, item: f, expected: natural, notebook: '01', figure: low}\n"
    )
    rows = scorecard.score_expectations(
        expectations, scorecard.read_figures(results, tmp_path / "bench.json")
    )
    unmeasured = "not measured on this material"
    states = ["met", "missed", unmeasured, unmeasured, "met", "reported"]
    assert [row.state for row in rows] == states
    assert rows[2].reason != rows[3].reason
    assert rows[0].label == "simulated"
    assert rows[4].label == "2 cores, 2026-01-01"
    assert list(scorecard.scorecard_table(rows, "S")["found"]) == ["4", "3", "–", "–", "9", "3"]


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0.123456, "0.123"),
        (999.4, "999"),
        (999.7, "1,000"),
        (12345.6, "12,346"),
        (-12345.6, "-12,346"),
        (98765, "98,765"),
        (98765.0, "98,765"),
    ],
)
def test_figures_have_three_digits_and_large_ones_no_exponent(figure, text):
    row = scorecard.Row(
        section="S",
        item="item",
        expected="natural",
        source="01: figure",
        found=figure,
        state="reported",
        reason="",
        label="",
        bound="",
        note="",
    )
    assert list(scorecard.scorecard_table([row])["found"]) == [text]


@pytest.mark.parametrize(
    "entry",
    [
        "- {item: a}\n",
        ENTRY.replace("rule: '>'", "rule: '~'") % ("a", "b", "c"),
        ENTRY.replace(", bound: 3.5", "") % ("a", "b", "c"),
    ],
)
def test_an_unclear_expectation_is_refused(tmp_path, entry):
    (tmp_path / "e.yaml").write_text(entry)
    with pytest.raises(InputError, match="must have section"):
        scorecard.score_expectations(tmp_path / "e.yaml", {})


def test_results_of_other_material_do_not_count(tmp_path):
    figures = {"high": 4.0}
    for name, material in {"mine": ["k1", "k2"], "other": ["k3", None], "old": None}.items():
        content = {"notebook": name, "label": name, "figures": figures}
        write_json(
            tmp_path / f"{name}.json", content | ({"material": material} if material else {})
        )
    assert set(scorecard.read_figures(tmp_path)) == {"mine", "other", "old"}
    assert set(scorecard.read_figures(tmp_path, materials=["k1", "k2"])) == {"mine"}


def test_what_only_the_demo_can_answer_is_not_applicable_elsewhere(tmp_path):
    expectations = tmp_path / "e.yaml"
    entry = ENTRY % ("a", "'01'", "high")
    expectations.write_text(entry.replace("}", ", applies_to: demo}"))
    figures = {"01": {"label": "", "figures": {"high": 4.0}}}
    (of_demo,) = scorecard.score_expectations(expectations, figures)
    (foreign,) = scorecard.score_expectations(expectations, figures, is_demo=False)
    assert of_demo.was_compared
    assert (foreign.state, foreign.found, foreign.label) == ("not applicable", None, "")
    assert not foreign.was_compared
    assert scorecard.scorecard_table([foreign]).empty
    assert scorecard.count_states([foreign])["not applicable"] == 1


def test_what_nobody_expected_is_listed_apart_and_never_counted(tmp_path):
    expectations = tmp_path / "e.yaml"
    entry = ENTRY % ("a", "'01'", "high")
    expectations.write_text(entry.replace("'> 3.5'", "not considered"))
    figures = {"01": {"label": "", "figures": {"high": 4.0}}}
    rows = scorecard.score_expectations(expectations, figures)
    assert not rows[0].was_compared
    assert scorecard.count_states(rows).sum() == 0
    assert scorecard.scorecard_table(rows).empty
    apart = scorecard.unexpected_table(rows)
    assert list(apart["bound"]) == ["holds"]
    assert list(apart["own bound"]) == ["> 3.5"]
