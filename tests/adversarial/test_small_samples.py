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
