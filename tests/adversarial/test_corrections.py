"""Attack: tests that cannot fire, and shares that are small because few were counted."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from giblet_core.inference import correct, proportion, smallest_corrected_p

EXPECTATIONS = Path(__file__).resolve().parents[2] / "book" / "expectations.yaml"


def test_a_correction_that_cannot_fire_says_so(rng):
    """340 shifts and 112 tests, with one effect that no shift comes near."""
    draws = rng.standard_normal((340, 112))
    observed = rng.standard_normal(112)
    observed[0] = 40.0
    for method in ("Holm", "FDR"):
        blind = correct(observed, draws, method)
        assert not blind.can_detect
        assert not blind.detected.any()
        assert "nothing can be detected" in str(blind)
    seeing = correct(observed, draws)
    assert seeing.can_detect
    assert np.flatnonzero(seeing.detected).tolist() == [0]
    assert smallest_corrected_p(340, 112, "Holm") > 0.3


def test_none_of_twenty_is_not_few():
    none = proportion(0, 20)
    assert none.high == pytest.approx(0.168, abs=1e-3)
    assert none.is_below(0.07) is None
    assert proportion(4, 200).is_below(0.07) is True
    assert proportion(40, 200).is_below(0.07) is False


def test_false_positives_are_judged_by_their_upper_bound():
    rows = yaml.safe_load(EXPECTATIONS.read_text())
    rows = rows["rows"] if isinstance(rows, dict) else rows
    judged = [
        row["figure"]
        for row in rows
        if "false positives" in str(row.get("figure")) and row.get("rule") == "<="
    ]
    assert judged
    assert [figure for figure in judged if not figure.endswith(", high")] == []
