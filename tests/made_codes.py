"""Codes of a codec that does not exist, and a network small enough to train on them."""

from math import log2

from giblet_core.autoencoder import NetworkConfig
from giblet_core.codecs import Codes

SMALL_NETWORK = NetworkConfig(
    num_codebooks=2,
    n_frames=24,
    cardinality=32,
    embed_dim=8,
    out_dim=16,
    latent_dim=6,
    encoder_hidden=8,
    decoder_hidden=16,
)


def made_up_codes(
    indices,
    sample_rate=24_000,
    frame_rate=75.0,
    *,
    n_samples=None,
    cardinality=1024,
    codec_sha256="0" * 64,
):
    """Wrap indices (K, n_frames); without `n_samples` the last frame is whole."""
    num_codebooks, n_frames = indices.shape
    if n_samples is None:
        n_samples = int(n_frames * sample_rate / frame_rate)
    return Codes(
        indices,
        sample_rate=sample_rate,
        frame_rate=frame_rate,
        n_samples=n_samples,
        bandwidth_kbps=num_codebooks * log2(cardinality) * frame_rate / 1000,
        codec_id="made-up",
        codec_sha256=codec_sha256,
        cardinality=cardinality,
    )
