"""Tracks of codebooks: each from its own latents alone, compressed, at any frame rate."""

import numpy as np
import pytest

from giblet_core.validation.simulation import Projection, project_latents, shape_track


def test_a_region_of_one_codebook_is_deaf_to_the_others(codec, codes):
    projections = [Projection(2, np.ones((1, 16)))]
    is_followed = np.arange(8)[:, None] == 2
    reversed_others = np.where(is_followed, codes.indices, codes.indices[:, ::-1])
    scrambled = codes.with_indices(reversed_others)
    intact = project_latents(codec, codes, projections)
    assert np.array_equal(intact, project_latents(codec, scrambled, projections))
    assert not np.array_equal(
        intact, project_latents(codec, scrambled, [Projection(3, np.ones((1, 16)))])
    )


def test_latents_taken_in_pieces_equal_the_whole(codec, codes):
    whole = np.ones((1, 16)) @ codec.latents(codes)[4]
    in_pieces = project_latents(codec, codes, [Projection(4, np.ones((1, 16)))])
    assert in_pieces[:, 0] == pytest.approx(whole[0], rel=1e-5)


def test_tracks_are_compressive():
    x = np.random.default_rng(0).standard_normal(20_000)
    loud = x * np.where(np.arange(20_000) < 10_000, 1, 10)
    energy = shape_track(loud, 75, "energy", np.random.default_rng(1))
    assert 2 < energy[12_000:].mean() / energy[2_000:10_000].mean() < 10**0.8
    assert np.abs(shape_track(loud, 75, "level", np.random.default_rng(1))).max() <= 1


@pytest.mark.parametrize("frame_rate", [8.0, 12.5, 50.0])
def test_energy_is_tracked_at_low_frame_rates_too(frame_rate):
    x = np.random.default_rng(0).standard_normal(5000)
    x[2500:] *= 10
    for seed in range(10):
        energy = shape_track(x, frame_rate, "energy", np.random.default_rng(seed))
        assert energy[3000:].mean() > 1.5 * energy[500:2500].mean()
