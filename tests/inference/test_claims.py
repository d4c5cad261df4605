"""A claim says what its figures carry, and no more; a failed control comes first."""

import json
from dataclasses import replace

import numpy as np
import pytest

from giblet_core.encoding import make_null
from giblet_core.errors import InputError
from giblet_core.inference import (
    VERDICTS,
    Claim,
    Control,
    claim_of_null,
    claim_of_proportion,
    claim_of_summary,
    correct,
    failed_first,
    proportion,
    summarise,
)

GAIN = Claim(
    "Codebooks add explained variance",
    "mean gain on unseen time",
    0.035,
    "simulations",
    20,
    low=0.028,
    high=0.041,
    label="simulated",
)
FAILED = Control(
    "gain in the loudness x speech region, which follows no codebook",
    0.033,
    False,
    0.011,
    0.054,
    20,
)


def test_a_claim_is_told_with_everything_that_carries_it():
    assert GAIN.verdict == "shown"
    assert GAIN.sentence() == (
        "Codebooks add explained variance (mean gain on unseen time 0.035 [0.028, 0.041]; n = 20 "
        "simulations; simulated; no control)."
    )


def test_a_failed_control_comes_first_and_leaves_nothing_supported():
    claim = GAIN.beside(FAILED)
    assert claim.verdict == "not supported: a control failed"
    assert claim.sentence() == (
        "Control failed: gain in the loudness x speech region, which follows no codebook is 0.033 "
        "[0.011, 0.054], n = 20. So it is not supported that codebooks add explained variance "
        "(mean gain on unseen time 0.035 [0.028, 0.041]; n = 20 simulations; simulated)."
    )


def test_controls_that_passed_or_were_undecided_follow():
    passed = replace(FAILED, passed=True)
    undecided = replace(FAILED, passed=None)
    sentence = GAIN.beside(passed, undecided).sentence()
    assert sentence.startswith("Codebooks add")
    assert "Control passed: gain" in sentence
    assert "Control undecided: gain" in sentence


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"low": 0.01, "high": 0.02}, "shown"),
        ({"low": -0.01, "high": 0.02}, "cannot be told"),
        ({"low": -0.02, "high": -0.01}, "not so"),
        ({"low": np.nan, "high": np.nan}, "cannot be told"),
        ({"low": np.nan, "high": np.nan, "p": 0.01, "null": "shifts"}, "shown"),
        ({"low": np.nan, "high": np.nan, "p": 0.2, "null": "shifts"}, "cannot be told"),
        ({"low": 0.01, "high": 0.02, "p": 0.2, "null": "shifts"}, "cannot be told"),
        ({"low": -0.01, "high": 0.02, "p": 0.01, "null": "shifts"}, "cannot be told"),
        ({"low": -0.02, "high": -0.01, "above": False}, "shown"),
        ({"low": 0.01, "high": 0.02, "above": False}, "not so"),
    ],
)
def test_the_verdict_follows_from_interval_and_p_together(fields, verdict):
    claim = replace(GAIN, estimate=0.015 * (1 if fields["low"] != -0.02 else -1), **fields)
    assert claim.verdict == verdict
    assert verdict in VERDICTS
    assert claim.sentence().startswith(
        {
            "shown": "Codebooks add",
            "not so": "It is not so that codebooks add",
            "cannot be told": "It cannot be told whether codebooks add",
        }[verdict]
    )


def test_figures_of_numpy_are_judged_alike():
    figures = {name: np.float64(getattr(GAIN, name)) for name in ("estimate", "low", "high")}
    assert replace(GAIN, **figures).verdict == "shown"
    assert replace(GAIN, above=False, **figures).verdict == "not so"
    control = Control.beside_claim(
        GAIN, "elsewhere", np.float64(0.03), low=np.float64(0.01), high=np.float64(0.05), n=20
    )
    assert GAIN.beside(control).verdict == "not supported: a control failed"


def test_many_passed_controls_are_counted():
    passed = replace(FAILED, passed=True)
    assert GAIN.beside(passed, passed).sentence().endswith("2 controls passed.")


def test_a_significant_effect_the_wrong_way_shows_nothing():
    wrong_way = replace(GAIN, estimate=-1.0, low=np.nan, high=np.nan, p=0.001, null="shifts")
    assert wrong_way.verdict == "cannot be told"


def test_no_claim_of_a_rate_is_met_by_none_of_twenty():
    none_of_twenty = claim_of_proportion(
        "False detections stay below 7 %", "their share", proportion(0, 20), "regions", 0.07
    )
    assert none_of_twenty.verdict == "cannot be told"
    assert "0.0 % [0.0, 16.8]" in none_of_twenty.sentence()
    enough = replace(none_of_twenty, n=200, low=0.1, high=3.6, estimate=1.0)
    assert enough.verdict == "shown"


def test_few_units_say_that_they_are_too_few():
    claim = claim_of_summary("Codebook 0 costs more", "mean", summarise([1.0, 2.0, 3.0], "pieces"))
    assert claim.verdict == "cannot be told"
    assert "3 pieces are too few for an interval" in claim.sentence()
    many = claim_of_summary("Codebook 0 costs more", "mean", summarise(np.ones(20) + 1, "pieces"))
    assert many.verdict == "shown"


def test_a_corrected_test_names_its_correction_and_says_where_nothing_was_possible(rng):
    draws = rng.standard_normal((340, 112))
    observed = np.zeros(112)
    observed[4] = 9.0
    fields = {"index": 4, "estimate": 9.0, "kind": "circular shifts of BOLD"}
    strong = correct(observed, draws)
    claim = claim_of_null("Codebook 4 is needed", "loss", strong, "folds", 6, **fields)
    assert claim.verdict == "shown"
    assert (
        "p = 0.0029 against circular shifts of BOLD, maximum statistic over 112 tests"
        in claim.sentence()
    )
    helpless = correct(observed, draws, "FDR")
    claim = claim_of_null("Codebook 4 is needed", "loss", helpless, "folds", 6, **fields)
    assert claim.verdict == "cannot be told"
    assert "no p below 0.33 was possible, whatever is there" in claim.sentence()
    with pytest.raises(InputError, match="estimate=None"):
        claim_of_null("x", "y", helpless, "folds", 6, kind="shifts")


def test_a_null_gives_its_observed_statistic_its_kind_and_its_floor():
    null = make_null(np.array([0.1, 0.9]), np.full((99, 2), 0.5), "circular shifts")
    claim = claim_of_null("The region is predicted", "r", null, "TRs", 800, index=1)
    assert (claim.estimate, claim.p, claim.p_floor) == (0.9, 0.01, 0.01)
    assert claim.verdict == "shown"
    assert "against circular shifts" in claim.sentence()


def test_a_control_is_a_claim_that_should_not_hold():
    same_gain = replace(GAIN, subject="gain where there is none", low=0.01, high=0.05)
    assert Control.from_claim(same_gain).passed is False
    assert Control.from_claim(replace(same_gain, low=-0.05, high=-0.01)).passed is True
    assert Control.from_claim(replace(same_gain, low=-0.01)).passed is None


@pytest.mark.parametrize(
    ("low", "high", "passed"), [(0.011, 0.054, False), (-0.002, 0.012, True), (-0.01, 0.03, None)]
)
def test_a_control_fails_where_it_shows_something_and_passes_where_it_falls_short(
    low, high, passed
):
    """The claim's interval is 0.028 to 0.041."""
    control = Control.beside_claim(GAIN, "elsewhere", (low + high) / 2, low=low, high=high, n=20)
    assert control.passed is passed
    mirrored = replace(GAIN, estimate=-0.035, low=-0.041, high=-0.028, above=False)
    control = Control.beside_claim(mirrored, "elsewhere", -0.02, low=-high, high=-low, n=20)
    assert control.passed is passed


def test_claims_with_a_failed_control_lead():
    failed = GAIN.beside(FAILED)
    other = replace(GAIN, subject="Another")
    assert failed_first([GAIN, failed, other]) == [failed, GAIN, other]


def test_a_claim_without_unit_or_without_the_null_of_its_p_is_refused():
    with pytest.raises(InputError, match="must say what was counted"):
        replace(GAIN, unit="")
    with pytest.raises(InputError, match="must say what p compares with"):
        replace(GAIN, p=0.01)


def test_a_row_is_json_and_says_the_same():
    row = GAIN.beside(FAILED).as_row()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert row["p"] is None
    assert row["controls"][0]["passed"] is False
    assert row["sentence"] == GAIN.beside(FAILED).sentence()


def test_a_corrected_interval_names_its_correction_without_a_p():
    claim = replace(GAIN, correction="interval for 8 codebooks together")
    assert "n = 20 simulations, interval for 8 codebooks together; simulated" in claim.sentence()


def test_draws_without_effect_are_a_control_that_lies_around_the_reference(rng):
    draws = 50 + rng.standard_normal(200)
    passed = Control.of_draws("shifted BOLD", draws, 50)
    assert passed.passed is True
    assert passed.n == 200
    assert passed.low < 50 < passed.high
    assert Control.of_draws("shifted BOLD", draws + 4, 50).passed is False
    assert Control.of_draws("shifted BOLD", draws - 4, 50).passed is None
