"""What the tests of codecs share: a model whose codes vary, its codec, a sound, the oracle."""

import numpy as np
import pytest
import torch
from fakes import coloured_noise, conditioned_model

from giblet_core.codecs import EncodecCodec

RATE = 24_000


@pytest.fixture(scope="session")
def model():
    return conditioned_model()


@pytest.fixture(scope="session")
def codec(model):
    return EncodecCodec(model, "conditioned")


@pytest.fixture(scope="session")
def wave():
    return coloured_noise(RATE * 7 + 123, np.random.default_rng(1))


@torch.no_grad()
def codes_and_sound(model, wave, bandwidth):
    codes = model.encode(torch.from_numpy(wave)[None, None], bandwidth=bandwidth).audio_codes[0, 0]
    sound = model.decode(codes[None, None], [None]).audio_values[0, 0]
    return codes.numpy(), sound.numpy()


@pytest.fixture(scope="session")
def whole_file():
    """What transformers makes of a whole sound: (model, wave, bandwidth) to (codes, sound)."""
    return codes_and_sound
