"""The losses: nothing for the same sound, more with more noise."""

import pytest
import torch

from giblet_core.demo.codec import make_bands, perceptual_losses
from giblet_core.demo.codec.losses import WEIGHTS


@pytest.fixture(scope="module")
def bands():
    return make_bands()


def test_losses_vanish_for_the_same_sound(bands, vowels):
    wave = torch.from_numpy(vowels(2.0))[None]
    same = perceptual_losses(wave, wave, bands)
    assert set(same) == set(WEIGHTS)
    assert float(same["mel"]) == float(same["spectrum"]) == 0
    assert float(same["envelope"]) < 1e-2


@pytest.mark.parametrize("window", [256, 1024, 2048])
def test_losses_grow_with_noise(bands, vowels, window):
    torch.manual_seed(0)
    wave = torch.from_numpy(vowels(2.0))[None]
    noise = torch.randn_like(wave)
    same = perceptual_losses(wave, wave, bands, window)
    little = perceptual_losses(wave, wave + 0.003 * noise, bands, window)
    much = perceptual_losses(wave, wave + 0.03 * noise, bands, window)
    for name in WEIGHTS:
        assert float(same[name]) < float(little[name]) < float(much[name]), name
