"""The decoder is ridge on training time, and its patterns show where information is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet_core.decoding import (
    fit_decoder,
    haufe_patterns,
    identify_stacked,
    rest_beyond,
)
from giblet_core.errors import InputError


def test_held_out_latents_equal_sklearn_ridge_on_the_training_rows(protocol, latents, bold):
    result = fit_decoder(bold, latents, protocol.folds, [0.5], **protocol.timing)
    for fold, (train, test) in enumerate(protocol.folds):
        scaler = StandardScaler().fit(bold[train])
        ridge = Ridge(alpha=0.5 * 40).fit(scaler.transform(bold[train]), latents[train])
        expected = ridge.predict(scaler.transform(bold[test]))
        np.testing.assert_allclose(result.predictions[test], expected, atol=1e-4)
        assert (result.fold_of[test] == fold).all()
    assert (result.r > 0.7).all()


def test_targets_of_each_fold_are_decoded_by_that_fold(protocol, latents, bold):
    targets = np.stack([latents * (fold + 1) for fold in range(4)])
    plain = fit_decoder(bold, latents, protocol.folds, [0.5], **protocol.timing)
    scaled = fit_decoder(bold, targets, protocol.folds, [0.5], **protocol.timing)
    for fold, (_, test) in enumerate(protocol.folds):
        expected = plain.predictions[test] * (fold + 1)
        np.testing.assert_allclose(scaled.predictions[test], expected, atol=1e-4)


def test_part_holds_the_chosen_dimensions_alone(protocol, latents, bold):
    whole = fit_decoder(bold, latents, protocol.folds, [0.5, 5.0], **protocol.timing)
    alone = fit_decoder(bold, latents[:, 2:4], protocol.folds, [0.5, 5.0], **protocol.timing)
    part = whole.part(slice(2, 4))
    np.testing.assert_allclose(part.predictions, alone.predictions, atol=1e-4)
    np.testing.assert_allclose(part.weights, alone.weights, atol=1e-4)
    np.testing.assert_array_equal(part.targets, alone.targets)


def test_haufe_pattern_finds_the_voxel_with_signal_and_not_the_one_that_cancels_noise(
    protocol, rng
):
    latent, noise = rng.standard_normal((2, 400, 1))
    # the weight of the second voxel is as large as that of the first
    bold = np.column_stack([latent + noise, noise])
    result = fit_decoder(bold, latent, protocol.folds, [0.01], **protocol.timing)
    pattern = haufe_patterns(bold, result).mean(0)[:, 0]
    assert abs(pattern[0]) > 0.8
    assert abs(pattern[1]) < 0.2


def test_what_loudness_leaves_of_latents_is_not_decoded_from_bold_that_follows_loudness_alone(
    protocol, rng
):
    smooth = gaussian_filter1d(rng.standard_normal((400, 6)), 2, axis=0)
    loudness, content = np.split(smooth, [2], axis=1)
    latents = content + 2 * loudness @ rng.standard_normal((2, 4))
    loudness_response = loudness @ rng.standard_normal((2, 30))
    noise = 0.2 * rng.standard_normal((400, 30))
    deaf = loudness_response + noise
    keen = loudness_response + content @ rng.standard_normal((4, 30)) + noise

    def accuracy(decoded):
        return identify_stacked([decoded], protocol.segments).pairwise_accuracy

    alphas = [1.0, 10.0]
    decoded = fit_decoder(deaf, latents, protocol.folds, alphas, **protocol.timing)
    assert accuracy(decoded) > 0.8  # loudness alone tells segments apart
    rest = rest_beyond(latents, loudness, protocol.folds)
    beyond = fit_decoder(deaf, rest, protocol.folds, alphas, **protocol.timing)
    assert abs(accuracy(beyond) - 0.5) < 0.12
    beyond = fit_decoder(keen, rest, protocol.folds, alphas, **protocol.timing)
    assert accuracy(beyond) > 0.9


def test_latents_of_another_length_are_refused_with_the_remedy(protocol, latents, bold):
    with pytest.raises(InputError, match="399 TRs where 400"):
        fit_decoder(bold, latents[:-1], protocol.folds)
