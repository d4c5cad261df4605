"""Codes of a codec that does not exist, and a network small enough to train on them."""

from giblet_core.autoencoder import NetworkConfig
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


def made_up_codes(indices):
    """Wrap indices (K, n_frames) of a codec of 75 Hz."""
    return Codes(
        indices,
        sample_rate=24_000,
        frame_rate=75.0,
        n_samples=indices.shape[1] * 320,
        bandwidth_kbps=10 * len(indices) * 0.075,
        codec_id="made-up",
        codec_sha256="0" * 64,
    )
