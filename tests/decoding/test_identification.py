"""Identification is perfect where BOLD holds the sound, and at chance where it holds nothing."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.decoding import (
    fit_decoder,
    fold_numbers,
    identify,
    identify_stacked,
    make_segments,
    pairwise_accuracy,
    similarity,
)
from giblet_core.encoding import binomial_interval
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds, shift_within_runs


def test_perfect_predictions_identify_all_and_rank_first(protocol, latents):
    result = identify(latents, latents, protocol.segments, n_draws=200)
    assert result.pairwise_accuracy == 1
    assert (result.rank == 1).all()
    assert result.p == 1 / 201
    assert "100.0 % pairwise over 40 segments" in str(result)


def test_predictions_turned_upside_down_identify_none(protocol, latents):
    result = identify(-latents, latents, protocol.segments, n_draws=200)
    assert result.pairwise_accuracy < 0.05
    assert result.p == 1


def test_identification_through_the_decoder_is_high_and_at_chance_on_shuffled_bold(protocol, rng):
    latents = rng.standard_normal((400, 5))
    bold = latents @ rng.standard_normal((5, 30)) + 6 * rng.standard_normal((400, 30))
    decoded = fit_decoder(bold, latents, protocol.folds, **protocol.timing)
    result = identify(decoded.predictions, latents, protocol.segments, n_draws=200)
    assert result.pairwise_accuracy > 0.9
    chance = []
    for shift in (40, 70, 100, 130, 160):
        shuffled = bold[shift_within_runs(400, shift, protocol.run_onsets)]
        decoded = fit_decoder(shuffled, latents, protocol.folds, **protocol.timing)
        result = identify(decoded.predictions, latents, protocol.segments, n_draws=1)
        chance.append(result.pairwise_accuracy)
    assert abs(np.mean(chance) - 0.5) < 0.08


@pytest.mark.slow
def test_p_is_fair_between_unrelated_smooth_series_where_shuffled_segments_are_not(rng):
    folds = contiguous_folds(800, 5, 10, (0, 400))
    segments = make_segments(fold_numbers(800, folds), 10, run_onsets=(0, 400))
    foils = segments.foils()
    p, p_shuffled = [], []
    for _ in range(100):
        series = gaussian_filter1d(rng.standard_normal((2, 880, 3)), 4, axis=1)
        predictions, targets = series[:, 40:-40]
        result = identify(predictions, targets, segments, n_draws=39)
        p.append(result.p)
        scores = similarity(predictions, targets, segments)
        as_good = []
        for _ in range(39):
            order = np.concatenate(
                [rng.permutation(np.flatnonzero(segments.fold_of == fold)) for fold in range(5)]
            )
            shuffled = pairwise_accuracy(scores[order], foils).mean()
            as_good.append(shuffled >= result.pairwise_accuracy)
        p_shuffled.append(np.mean(as_good))
    share = np.mean(np.array(p) <= 0.05)
    low, high = binomial_interval(round(share * len(p)), len(p))
    assert low <= 0.05 <= high
    assert np.mean(np.array(p_shuffled) <= 0.05) > share


def test_a_segment_without_foils_is_counted_not_scored(protocol):
    classes = np.zeros(400, int)
    classes[:10] = 1
    segments = make_segments(
        fold_numbers(400, protocol.folds), 10, run_onsets=protocol.run_onsets, classes=classes
    )
    latents = np.random.default_rng(0).standard_normal((400, 2))
    result = identify(latents, latents, segments, n_draws=10)
    assert result.n_without == 1
    assert np.isnan(result.per_segment[0])
    assert np.isfinite(result.per_segment[1:]).all()


def test_stacked_spaces_are_averaged_so_that_one_twice_changes_nothing(protocol, latents, bold):
    decoded = fit_decoder(bold, latents, protocol.folds, **protocol.timing)
    once = identify_stacked([decoded], protocol.segments, n_draws=20)
    twice = identify_stacked([decoded, decoded], protocol.segments, n_draws=20)
    np.testing.assert_allclose(twice.per_segment, once.per_segment)
    np.testing.assert_allclose(twice.null, once.null)


def test_segments_without_any_foil_are_refused_with_the_remedy(latents):
    segments = make_segments(np.zeros(400, int), 10, classes=np.arange(400) // 20)
    with pytest.raises(InputError, match="has a foil"):
        identify(latents, latents, segments)
