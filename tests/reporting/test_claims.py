"""What a page shows of claims is generated from them, the failed controls first."""

from dataclasses import replace

from giblet_core.inference import Claim, Control
from giblet_core.reporting import claims_overview, claims_table, claims_text

PLAIN = Claim("One adds", "gain", 0.2, "pieces", 30, low=0.1, high=0.3)
FAILED = replace(PLAIN, subject="Two adds").beside(Control("gain of noise", 0.2, False))


def test_sentences_are_those_of_the_claims_with_failed_controls_first():
    shown = claims_text([PLAIN, FAILED]).data.splitlines()
    assert shown == [f"* {FAILED.sentence()}", f"* {PLAIN.sentence()}"]
    assert claims_text([PLAIN]).data == PLAIN.sentence()


def test_the_table_names_failed_controls_in_its_first_column():
    table = claims_table([PLAIN, FAILED])
    assert table.columns[0] == "failed control"
    assert table["failed control"].tolist() == ["gain of noise", "none"]
    assert table.claim.tolist() == ["Two adds", "One adds"]
    assert table.verdict.tolist() == ["not supported: a control failed", "shown"]
    assert table.estimate.tolist() == [0.2, 0.2]


def test_an_overview_counts_verdicts_and_controls_failed_ones_first():
    few = replace(PLAIN, low=float("nan"), high=float("nan"))
    text = claims_overview({"It adds": {"one": PLAIN, "two": FAILED, "three": few}}).data
    assert text.startswith(
        "* *It adds*: not supported: a control failed for 1 of 3 (two); shown for 1 of 3 (one); "
        "cannot be told for 1 of 3 (three)."
    )
    assert "gain; n = 30 pieces; controls: 1 failed, 0 passed, 0 undecided" in text
    assert "no control was measured" in claims_overview({"It adds": {"one": PLAIN}}).data
