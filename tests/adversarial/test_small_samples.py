"""Attack: intervals over three pieces, and controls that do not control."""

import numpy as np
import pytest

from giblet_core.inference import summarise
from giblet_core.lesions import lesion, level_matched_control
from giblet_core.metrics import loudness_change_lu


def test_few_pieces_get_no_interval(rng):
    for n in (3, 5, 19):
        few = summarise(rng.standard_normal(n), "pieces")
        assert not few.has_interval
        assert "too few for an interval" in str(few)


def test_intervals_of_enough_pieces_cover_what_they_say(rng):
    """Skewed values, 20 at a time: of 1000 intervals some 95 % hold the mean."""
    held = 0
    for _ in range(1000):
        summary = summarise(rng.gamma(2.0, 1.0, 20), "pieces")
        held += summary.low <= 2.0 <= summary.high
    assert held > 900


@pytest.mark.slow
def test_the_energy_control_has_the_level_of_the_omission(film, demo_codec):
    """Within 1 LU for each of the first codebooks."""
    stimulus = film.stimulus
    codes = stimulus.codes_piece(30.0, 40.0)
    differences = []
    for codebook in range(3):
        omitted = lesion(demo_codec, codes, [codebook]).sum(0)
        sound = demo_codec.decode_latents(omitted, codes.n_samples)
        control = level_matched_control(demo_codec, codes, [codebook])
        differences.append(loudness_change_lu(sound, control, demo_codec.sample_rate))
    assert np.abs(differences).max() < 1.0


def test_no_frame_tells_its_own_conditional_mean(demo_codec, rng):
    """Of three seconds or of a film: another vector at a frame leaves its mean as it was."""
    noise = 0.1 * rng.standard_normal(27 * 24_000)
    codes = demo_codec.encode(noise.astype(np.float32))
    piece = codes.crop_frames(0, 225)
    elsewhere = codes.crop_frames(300, codes.n_frames)
    changed = piece.indices.copy()
    changed[1, 100] = (changed[1, 100] + 1) % demo_codec.cardinality
    for reference in (None, elsewhere):
        means = [
            lesion(demo_codec, sound, [1], "conditional_mean", reference=reference)[1][:, 100]
            for sound in (piece, piece.with_indices(changed))
        ]
        assert np.array_equal(*means)


def test_conditional_means_are_those_of_other_sound(demo_codec, rng):
    noise = 0.1 * rng.standard_normal(27 * 24_000)
    codes = demo_codec.encode(noise.astype(np.float32))
    piece = codes.crop_frames(0, 225)
    elsewhere = codes.crop_frames(300, codes.n_frames)
    lesioned = lesion(demo_codec, piece, [1], "conditional_mean", reference=elsewhere)
    below = elsewhere.indices[0]
    vectors = demo_codec.codebooks[1][elsewhere.indices[1]]
    heard = np.isin(piece.indices[0], below)
    expected = np.stack([vectors[below == entry].mean(0) for entry in piece.indices[0][heard]])
    assert pytest.approx(expected, abs=1e-4) == lesioned[1][:, heard].T
