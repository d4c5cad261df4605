"""Attack: a control that fails is left out."""

import json
from pathlib import Path

from giblet_core.inference import Claim, Control, failed_first

RECORDS = Path(__file__).resolve().parents[2] / "book" / "records"


def row_of(figure):
    rows = json.loads((RECORDS / "recovery_demo.json").read_text())["rows"]
    return next(row for row in rows if row["figure"] == figure)


def gain_claim():
    """The claim that the demo's record makes, with the control that the review found missing."""
    gain = row_of("gain in codebook regions")
    in_control = row_of("gain in loudness_x_speech")
    control = Control(
        "gain in the region of loudness x speech, which follows no codebook",
        in_control["value"],
        passed=in_control["low"] <= 0,
        low=in_control["low"],
        high=in_control["high"],
        n=in_control["n"],
    )
    claim = Claim(
        "Codebooks add explained variance",
        "mean gain on unseen time",
        gain["value"],
        "simulations",
        gain["n"],
        low=gain["low"],
        high=gain["high"],
        label="simulated",
    )
    return claim, control


def test_a_control_that_fails_comes_first():
    claim, control = gain_claim()
    assert claim.verdict == "shown"  # without its control
    whole = claim.beside(control)
    if control.passed:
        assert whole.verdict == "shown"
    else:
        assert whole.verdict == "not supported: a control failed"
        assert whole.sentence().startswith("Control failed: gain in the region of loudness")
        assert "So it is not supported that codebooks add" in whole.sentence()
        other = claim.beside(Control("something else", 0.0, passed=True))
        assert failed_first([other, whole]) == [whole, other]


def test_a_claim_is_not_supported_however_strong_where_a_control_fails():
    claim, _ = gain_claim()
    failing = Control("gain where there are no codebooks", 0.033, False, 0.011, 0.054, 20)
    assert claim.beside(failing).verdict == "not supported: a control failed"
