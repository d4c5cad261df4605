"""A made-up film of codes, and small networks."""

import dataclasses

import numpy as np
import pytest

from giblet_core.autoencoder import NetworkConfig, TrainConfig, build_autoencoder
from giblet_core.codecs import Codes

SMALL = NetworkConfig(
    num_codebooks=2,
    n_frames=24,
    cardinality=32,
    embed_dim=8,
    out_dim=16,
    latent_dim=6,
    encoder_hidden=8,
    decoder_hidden=16,
)


@pytest.fixture(scope="session")
def as_codes():
    """Wrap indices (K, n_frames) of a codec of 75 Hz that does not exist."""

    def wrap(indices):
        return Codes(
            indices,
            sample_rate=24_000,
            frame_rate=75.0,
            n_samples=indices.shape[1] * 320,
            bandwidth_kbps=10 * len(indices) * 0.075,
            codec_id="made-up",
            codec_sha256="0" * 64,
        )

    return wrap


@pytest.fixture(scope="session")
def film(as_codes):
    """60 s of codes with something to learn.

    A hidden state, new every half second, says which 4 of 32 entries both codebooks draw from.
    """
    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 8, 120), 38)[:4500]
    return as_codes(4 * state + rng.integers(0, 4, (2, 4500)))


@pytest.fixture(scope="session")
def new_model():
    """Build a network for windows of `film`."""

    def build(head="classification", seed=0):
        return build_autoencoder(dataclasses.replace(SMALL, head=head), seed)

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
