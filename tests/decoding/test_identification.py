"""Identification is perfect where BOLD holds the sound, and at chance where it holds nothing."""

import numpy as np
import pytest

from giblet_core.decoding import (
    accuracy_of_pairs,
    fit_decoder,
    fold_numbers,
    identify,
    identify_stacked,
    make_segments,
    pairwise_accuracy,
    similarity,
)
from giblet_core.errors import InputError
from giblet_core.timing import shift_within_runs


def test_perfect_predictions_identify_all_and_rank_first(protocol, latents):
    result = identify(latents, latents, protocol.segments, null=np.full(200, 0.5))
    assert result.pairwise_accuracy == 1
    assert (result.rank == 1).all()
    assert result.p == 1 / 201
    assert "100.0 % over 112 pairs of segments (0 segments without foils)" in str(result)


def test_predictions_turned_upside_down_identify_none(protocol, latents):
    result = identify(-latents, latents, protocol.segments, null=np.full(200, 0.5))
    assert result.pairwise_accuracy < 0.05
    assert result.p == 1


def test_without_refits_there_is_no_p(protocol, latents):
    result = identify(latents, latents, protocol.segments)
    assert np.isnan(result.p)
    assert "p =" not in str(result)
    assert not result.claim("Segments are identified").was_tested


def test_a_pair_is_the_mean_of_its_two_comparisons_and_counts_once(protocol, rng):
    predictions, targets = rng.standard_normal((2, 400, 3))
    result = identify(predictions, targets, protocol.segments)
    scores = similarity(predictions, targets, protocol.segments)
    expected = [
        (int(scores[i, i] > scores[i, j]) + int(scores[j, j] > scores[j, i])) / 2
        for i, j in result.pairs
    ]
    np.testing.assert_array_equal(result.per_pair, expected)
    assert result.pairwise_accuracy == pytest.approx(np.mean(expected))
    # where all segments have as many foils, segments average to the same
    all_foils = ~np.eye(len(scores), dtype=bool)
    pairs = np.argwhere(np.triu(all_foils))
    by_pairs = accuracy_of_pairs(scores, pairs).mean()
    assert by_pairs == pytest.approx(pairwise_accuracy(scores, all_foils).mean())


def test_identification_through_the_decoder_is_high_and_at_chance_on_shifted_bold(protocol, rng):
    latents = rng.standard_normal((400, 5))
    bold = latents @ rng.standard_normal((5, 30)) + 6 * rng.standard_normal((400, 30))
    decoded = fit_decoder(bold, latents, protocol.folds, **protocol.timing)
    result = identify(decoded.predictions, latents, protocol.segments)
    assert result.pairwise_accuracy > 0.9
    chance = []
    for shift in (40, 70, 100, 130, 160):
        shifted = bold[shift_within_runs(400, shift, protocol.run_onsets)]
        decoded = fit_decoder(shifted, latents, protocol.folds, **protocol.timing)
        chance.append(identify(decoded.predictions, latents, protocol.segments).pairwise_accuracy)
    assert abs(np.mean(chance) - 0.5) < 0.08


def test_a_segment_without_foils_is_counted_not_scored(protocol):
    classes = np.zeros(400, int)
    classes[:10] = 1
    segments = make_segments(
        fold_numbers(400, protocol.folds), 10, run_onsets=protocol.run_onsets, classes=classes
    )
    latents = np.random.default_rng(0).standard_normal((400, 2))
    result = identify(latents, latents, segments)
    assert result.n_without == 1
    assert not (result.pairs == 0).any()
    assert np.isnan(result.per_segment[0])
    assert np.isfinite(result.per_segment[1:]).all()


def test_stacked_spaces_are_averaged_so_that_one_twice_changes_nothing(protocol, latents, bold):
    decoded = fit_decoder(bold, latents, protocol.folds, **protocol.timing)
    once = identify_stacked([decoded], protocol.segments)
    twice = identify_stacked([decoded, decoded], protocol.segments)
    np.testing.assert_allclose(twice.per_segment, once.per_segment)
    np.testing.assert_allclose(twice.per_pair, once.per_pair)


def test_the_claim_holds_the_figures_of_the_result(protocol, latents):
    result = identify(latents, latents, protocol.segments, null=np.full(99, 0.5))
    claim = result.claim("Segments are identified", label="simulated")
    assert claim.verdict == "shown"
    assert (claim.estimate, claim.n, claim.unit) == (100.0, 112, "pairs of segments")
    assert "p = 0.01 against the whole analysis refitted" in claim.sentence()
    chance = identify(latents[::-1], latents, protocol.segments, null=np.full(99, 0.5))
    assert chance.claim("Segments are identified").verdict == "cannot be told"


def test_few_pairs_have_no_interval(protocol, latents):
    segments = make_segments(np.zeros(400, int), 10, classes=np.arange(400) // 100)
    few = identify(latents, latents, segments, embargo=70)
    assert 0 < few.n_pairs < 20
    assert np.isnan(few.interval()).all()


def test_segments_without_any_foil_are_refused_with_the_remedy(latents):
    segments = make_segments(np.zeros(400, int), 10, classes=np.arange(400) // 20)
    with pytest.raises(InputError, match="has a foil"):
        identify(latents, latents, segments)


def test_a_claim_of_identification_has_shifted_bold_as_its_control(protocol, latents):
    fair = identify(latents, latents, protocol.segments, null=np.linspace(0.4, 0.6, 99))
    claim = fair.claim("Segments are identified")
    assert [control.passed for control in claim.controls] == [True]
    assert claim.controls[0].estimate == pytest.approx(50)
    leaky = identify(latents, latents, protocol.segments, null=np.linspace(0.7, 0.9, 99))
    assert leaky.claim("Segments are identified").verdict == "not supported: a control failed"
    assert (
        "Control failed: the same, refitted on shifted BOLD, is 80.0" in leaky.claim("").sentence()
    )


def test_a_gain_is_claimed_pair_by_pair(protocol, latents):
    better = identify(latents, latents, protocol.segments)
    chance = identify(latents[::-1], latents, protocol.segments)
    claim = better.claim_of_gain(chance, "Latents identify more", label="made up")
    assert claim.verdict == "shown"
    assert claim.estimate == pytest.approx(100 * (better.per_pair - chance.per_pair).mean())
    assert (claim.n, claim.unit) == (112, "pairs of segments")
    assert better.claim_of_gain(better, "Nothing is gained").verdict == "cannot be told"
