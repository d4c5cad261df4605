"""What is claimed of regions carries its figures and its control; a failed control comes first."""

import numpy as np
import pytest

from giblet_core.encoding import make_null
from giblet_core.regions import codebook_claims, codebooks_add, lesion_claims, region_lesions

N_DRAWS = 199


@pytest.fixture(scope="module")
def lesions(planted, protocol):
    return region_lesions(
        planted.group, planted.latents, n_random=60, n_shifts=39, **protocol.of_lesions
    )


def test_the_planted_region_hears_more_than_others_and_is_needed(lesions):
    claims = lesion_claims(lesions, "made up")
    assert [claim.verdict for claim in claims.hears] == ["shown", *["cannot be told"] * 3]
    assert claims.needed[0].verdict == "shown"
    assert "shown" not in [claim.verdict for claim in claims.needed[1:]]
    assert claims.more[0].estimate > claims.more[0].reference + 20


def test_claims_of_lesions_carry_all_figures_and_controls(lesions):
    claims = lesion_claims(lesions, "made up")
    n_pairs = lesions.alone.shape[1]
    for i, claim in enumerate(claims.hears):
        assert claim.estimate == pytest.approx(100 * lesions.alone[i].mean())
        assert (claim.unit, claim.n, claim.label) == ("pairs of segments", n_pairs, "made up")
        assert claim.correction == "maximum statistic without scaling over 4 tests"
        assert claim.controls[0].estimate == pytest.approx(100 * lesions.null_alone[i].mean())
        assert claim.controls[0].n == lesions.null_alone.shape[1]
    assert claims.hears[0].p == 1 / 40
    assert claims.hears[0].controls[0].passed
    assert "Control passed" in claims.hears[0].sentence()
    interval_width = claims.needed[0].high - claims.needed[0].low
    assert claims.needed[0].level == 1 - 0.05 / 4
    row = lesions.table().loc["A"]
    assert interval_width > row["lost without, high"] - row["lost without, low"]


def made_null(rng, above):
    """Return a null of three regions, observed so many of its SD above its mean."""
    draws = rng.standard_normal((N_DRAWS, 3))
    return make_null(np.asarray(above, float), draws, "made-up draws")


def test_codebooks_are_claimed_where_the_corrected_test_is_passed(rng):
    tested = made_null(rng, [6, 0, 1.8])
    claims = codebook_claims("ABC", tested, made_null(rng, [0, 0, 0]), 300, "made up")
    p = np.array([claim.p for claim in claims])
    assert codebooks_add(p).tolist() == [True, False, False]
    assert [claim.verdict for claim in claims] == ["shown", "cannot be told", "cannot be told"]
    sentence = claims[0].sentence()
    assert sentence.startswith("A follows codebooks beyond all baselines")
    assert "n = 300 TRs of the mean subject" in sentence
    assert "against made-up draws, maximum statistic over 3 tests" in sentence
    assert "Control passed: the same test on BOLD of A moved by half a run (p = " in sentence


def test_where_moved_bold_follows_too_nothing_is_supported_and_that_comes_first(rng):
    claims = codebook_claims(
        "ABC", made_null(rng, [6, 6, 0]), made_null(rng, [0, 7, 0]), 300, "made up"
    )
    assert claims[0].verdict == "shown"
    assert claims[1].verdict == "not supported: a control failed"
    assert claims[1].sentence().startswith("Control failed: the same test on BOLD of B moved")


def test_a_region_without_a_test_cannot_be_told(rng):
    claims = codebook_claims(
        "ABC", made_null(rng, [np.nan, 6, 0]), made_null(rng, [np.nan, 0, 0]), 300, "made up"
    )
    assert claims[0].verdict == "cannot be told"
    assert claims[0].controls[0].passed is None
    assert claims[1].verdict == "shown"
