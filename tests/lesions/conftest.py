"""Codecs, a sound and another scene, for all tests of lesions."""

from functools import lru_cache

import numpy as np
import pytest
from fakes import FAKE_CODECS, coloured_noise, conditioned_model

from giblet_core.codecs import EncodecCodec

N_FRAMES = 375  # of the sound: 5 s at 75 Hz, 30 s at 12.5 Hz


@lru_cache
def conditioned_codec():
    return EncodecCodec(conditioned_model(), "conditioned")


def encode_noise(codec, n_frames, seed):
    wave = coloured_noise(n_frames * codec.hop_length, np.random.default_rng(seed))
    return codec.encode(wave, min(6.0, codec.bandwidths_kbps[-1]))


@pytest.fixture(scope="module")
def codec():
    """75 frames a second, 1024 entries."""
    return conditioned_codec()


@pytest.fixture(scope="module", params=["conditioned", *FAKE_CODECS])
def any_codec(request):
    """Codecs of 75, 50 and 12.5 frames a second; one of them projects and normalises."""
    if request.param == "conditioned":
        return conditioned_codec()
    return FAKE_CODECS[request.param].load()


@pytest.fixture(scope="module")
def codes(any_codec):
    """The sound in 4 to 8 codebooks x `N_FRAMES`."""
    return encode_noise(any_codec, N_FRAMES, seed=4)


@pytest.fixture(scope="module")
def donor(any_codec):
    """Another scene, longer than the sound."""
    return encode_noise(any_codec, N_FRAMES + 75, seed=9)


@pytest.fixture(scope="module")
def wave():
    """3 s at 24 kHz."""
    return coloured_noise(24_000 * 3, np.random.default_rng(4))
