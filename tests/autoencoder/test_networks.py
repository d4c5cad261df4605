"""Encoder and decoder: sizes of the seed, what they are told and say, and what they refuse."""

import numpy as np
import pytest
import torch

from giblet_core.autoencoder import AudioAutoencoder, AudioDecoder, AudioEncoder, project_codebooks
from giblet_core.errors import InputError


def small_encoder():
    """2 codebooks x 16 entries, 12 frames -> 8 numbers."""
    torch.manual_seed(0)
    return AudioEncoder(2, 16, 4, 12, 8, hidden=8, n_segments=4).eval()


def small_decoder(head="classification"):
    """8 numbers -> 2 codebooks x 16 entries, 12 frames; latents of 6 numbers."""
    torch.manual_seed(0)
    return AudioDecoder(8, 2, 12, head, cardinality=16, latent_dim=6, hidden=8).eval()


def random_codes(shape, cardinality=16, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, cardinality, shape))


# --- sizes ---------------------------------------------------------------------------------------


def test_embeddings_hold_exactly_524288_parameters():
    assert AudioEncoder().embedding_parameters == 8 * 1024 * 64 == 524_288


@pytest.mark.parametrize("width", [32, 64, 128])
def test_embedding_width_is_a_parameter_and_the_convolutions_follow(width):
    encoder = AudioEncoder(embed_dim=width)
    assert [conv.in_channels for conv in encoder.convs] == [8 * width] * 3
    assert [conv.kernel_size[0] for conv in encoder.convs] == [3, 5, 7]


def test_encoder_forward_with_codes_of_the_seed_gives_256_numbers():
    z = AudioEncoder()(random_codes((2, 8, 112), 1024))
    assert z.shape == (2, 256)
    assert z.dtype == torch.float32


def test_compressed_size_of_920_trs_is_that_of_the_seed():
    z = AudioEncoder().eval()(random_codes((2, 8, 112), 1024))
    assert 920 * z[0].numel() * z.element_size() == 942_080


def test_classification_head_has_one_layer_a_codebook_and_no_dense_layer_to_917504():
    decoder = AudioDecoder()
    assert decoder(torch.zeros(1, 256)).shape == (1, 8, 112, 1024)
    assert [tuple(head.weight.shape) for head in decoder.heads] == [(1024, 128)] * 8
    n_parameters = sum(p.numel() for p in decoder.parameters())
    assert n_parameters < 3e6 < 256 * 8 * 112 * 1024  # dense: 235 million in one layer


@pytest.mark.parametrize("n_frames", [18, 54, 111, 112, 150])
def test_any_number_of_frames_per_tr_fits(n_frames):
    encoder = AudioEncoder(2, 16, 4, n_frames, 8, hidden=4)
    decoder = AudioDecoder(8, 2, n_frames, cardinality=16, hidden=4)
    logits = AudioAutoencoder(encoder, decoder)(random_codes((2, 2, n_frames))).prediction
    assert logits.shape == (2, 2, n_frames, 16)


# --- what the heads say --------------------------------------------------------------------------


def test_regression_head_predicts_896_values_in_0_to_1023():
    decoder = AudioDecoder(head="regression")
    assert decoder.flat[-1].out_features == 896
    out = decoder(1e4 * torch.randn(16, 256, generator=torch.manual_seed(0)))
    assert out.shape == (16, 8, 112)
    assert out.min() == 0.0  # both ends are reached, never passed
    assert out.max() == 1023.0


def test_latent_head_reads_each_frame_by_one_linear_map():
    decoder = small_decoder("latent")
    z = torch.randn(3, 8, generator=torch.manual_seed(1))
    hidden = decoder.hidden_sequence(z)
    [head] = decoder.heads
    expected = torch.einsum("dh,bht->bdt", head.weight, hidden) + head.bias[:, None]
    assert expected.shape == (3, 6, 12)
    torch.testing.assert_close(decoder(z), expected)


def test_classification_head_reads_each_frame_by_one_linear_map_a_codebook():
    decoder = small_decoder()
    z = torch.randn(3, 8, generator=torch.manual_seed(1))
    hidden = decoder.hidden_sequence(z)
    weights = torch.stack([head.weight for head in decoder.heads])
    biases = torch.stack([head.bias for head in decoder.heads])
    expected = torch.einsum("kch,bht->bktc", weights, hidden) + biases[:, None]
    torch.testing.assert_close(decoder(z), expected)


@pytest.mark.parametrize("head", ["classification", "regression", "latent"])
def test_output_at_chosen_frames_is_the_output_there(head):
    decoder = small_decoder(head)
    z = torch.randn(2, 8, generator=torch.manual_seed(1))
    frames = torch.tensor([1, 5, 11])
    whole = decoder(z)
    there = whole[:, :, frames] if head == "classification" else whole[..., frames]
    torch.testing.assert_close(decoder(z, frames), there)


# --- what the encoder is told --------------------------------------------------------------------


def test_order_within_a_tr_reaches_the_bottleneck():
    encoder = small_encoder()
    codes = random_codes((1, 2, 12))
    assert not torch.allclose(encoder(codes), encoder(codes.flip(-1)))


def test_embeddings_started_from_the_codec_keep_its_geometry():
    """At full width the projection is a rotation: inner products are kept, up to one scale."""
    vectors = np.random.default_rng(0).normal(size=(2, 16, 8)) * np.array([3.0, 1.0])[:, None, None]
    encoder = AudioEncoder(2, 16, 8, 12, codebooks=vectors)
    for k in range(2):
        rows = encoder.embeddings[k].weight.detach().double().numpy()
        gram = rows @ rows.T
        true = vectors[k] @ vectors[k].T
        np.testing.assert_allclose(gram / np.trace(gram), true / np.trace(true), atol=1e-6)


def test_projection_keeps_the_widest_axes():
    vectors = np.random.default_rng(0).normal(size=(1, 64, 4)) * np.array([1e-3, 5.0, 1e-3, 2.0])
    kept = project_codebooks(vectors, 2)[0]
    wide = vectors[0][:, [1, 3]]
    explained = kept @ np.linalg.lstsq(kept, wide, rcond=None)[0]
    assert np.abs(wide - explained).max() < 0.01 * np.abs(wide).max()


# --- what they refuse ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.full((1, 2, 12), 16), r"range \[16, 16\]"),
        (torch.full((1, 2, 12), -1), r"range \[-1, -1\]"),
        (torch.zeros(1, 2, 12), "must be integers"),
        (torch.zeros(1, 3, 12, dtype=torch.long), "codes.shape"),
        (torch.zeros(2, 12, dtype=torch.long), "codes.shape"),
    ],
)
def test_encoder_refuses_what_is_no_code(codes, message):
    with pytest.raises(InputError, match=message):
        small_encoder()(codes)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.uint16])
def test_encoder_accepts_every_integer_type(dtype):
    encoder = small_encoder()
    codes = random_codes((1, 2, 12))
    assert torch.equal(encoder(codes.to(dtype)), encoder(codes))


def test_vectors_narrower_than_the_embedding_fill_its_first_columns(rng):
    vectors = rng.normal(size=(2, 16, 3)).astype(np.float32)
    encoder = AudioEncoder(2, 16, embed_dim=5, n_frames=8, codebooks=vectors)
    weights = encoder.embeddings[1].weight.detach().numpy()
    assert np.array_equal(weights[:, :3], project_codebooks(vectors, 3)[1])
    assert not weights[:, 3:].any()


def test_wrong_settings_are_named():
    with pytest.raises(InputError, match="head='ctc'"):
        AudioDecoder(head="ctc")
    with pytest.raises(InputError, match="norm='group'"):
        AudioEncoder(norm="group")
    with pytest.raises(InputError, match="n_segments=8, n_frames=6"):
        AudioEncoder(n_frames=6)
    with pytest.raises(InputError, match="dim=9"):
        project_codebooks(np.zeros((2, 16, 8)), 9)
    with pytest.raises(InputError, match=r"z.shape=\(1, 9\)"):
        small_decoder()(torch.zeros(1, 9))
