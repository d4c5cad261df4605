"""A made-up film of codes, and small networks."""

import dataclasses

import numpy as np
import pytest
from made_codes import SMALL_NETWORK, made_up_codes

from giblet_core.autoencoder import TrainConfig, build_autoencoder


@pytest.fixture(scope="session")
def film():
    """60 s of codes with something to learn.

    A hidden state, new every half second, says which 4 of 32 entries both codebooks draw from.
    """
    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 8, 120), 38)[:4500]
    return made_up_codes(4 * state + rng.integers(0, 4, (2, 4500)))


@pytest.fixture(scope="session")
def new_model():
    """Build a network for windows of `film`."""

    def build(head="classification", seed=0):
        return build_autoencoder(dataclasses.replace(SMALL_NETWORK, head=head), seed)

    return build


@pytest.fixture(scope="session")
def quick():
    """A training run of 12 steps."""
    return TrainConfig(
        steps=12,
        batch_size=4,
        eval_every=4,
        eval_windows=4,
        warmup=2,
        loss_frames=5,
        n_blocks=1,
        embargo_s=1.0,
    )
