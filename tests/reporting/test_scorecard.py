"""The scorecard says met, not met, reported, absent or not run, from files alone."""

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
    assert [row.verdict for row in rows] == [
        "met",
        "not met",
        "absent",
        "not run",
        "met",
        "reported",
    ]
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
    row = scorecard.Row("S", "item", "natural", "01: figure", figure, "reported", "", "")
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
