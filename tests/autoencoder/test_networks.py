"""The autoencoder's networks: shapes and sizes of the seed, what they must be able to learn, and
what they refuse.
"""

import numpy as np
import pytest
import torch

from giblet_core.autoencoder import (
    AudioAutoencoder,
    AudioDecoder,
    AudioEncoder,
    FMRIBottleneck,
    build_autoencoder,
    overfit_batch,
    project_codebooks,
)
from giblet_core.errors import InputError

DRY = {"dropout": 0.0}


def small(head="classification", **kwargs):
    """2 codebooks x 16 entries, 12 frames, 8 numbers."""
    torch.manual_seed(0)
    enc = AudioEncoder(2, 16, 4, 12, 8, hidden=8, n_segments=4, **kwargs)
    return AudioAutoencoder(
        enc, AudioDecoder(8, 2, 12, head, cardinality=16, latent_dim=6, hidden=8, **kwargs)
    )


def random_codes(shape, cardinality=16, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, cardinality, shape))


# --- sizes
# -------------------------------------------------------------------------------------------------------------


def test_embeddings_hold_exactly_524288_parameters():
    assert AudioEncoder().embedding_parameters == 8 * 1024 * 64 == 524_288


@pytest.mark.parametrize("width", [32, 64, 128])
def test_embedding_width_is_a_parameter_and_the_convolutions_follow(width):
    enc = AudioEncoder(embed_dim=width)
    assert [c.in_channels for c in enc.convs] == [8 * width] * 3
    assert [c.kernel_size[0] for c in enc.convs] == [3, 5, 7]


def test_encoder_forward_with_codes_of_the_seed_gives_256_numbers():
    z = AudioEncoder()(random_codes((2, 8, 112), 1024))
    assert z.shape == (2, 256)
    assert z.dtype == torch.float32


def test_classification_head_has_one_layer_a_book_and_no_dense_layer_to_917504():
    dec = AudioDecoder()
    assert dec(torch.zeros(1, 256)).shape == (1, 8, 112, 1024)
    assert [tuple(h.weight.shape) for h in dec.heads] == [(1024, 128)] * 8
    assert (
        sum(p.numel() for p in dec.parameters()) < 3e6 < 256 * 8 * 112 * 1024
    )  # dense: 235 million in one layer


def test_regression_head_predicts_896_values_in_0_to_1023():
    dec = AudioDecoder(head="regression")
    assert dec.flat[-1].out_features == 896
    out = dec(1e4 * torch.randn(16, 256, generator=torch.manual_seed(0)))
    assert out.shape == (16, 8, 112)
    assert out.min() == 0.0  # both ends are reached, never passed
    assert out.max() == 1023.0


def test_latent_head_gives_the_codecs_summed_latents():
    assert AudioDecoder(head="latent", latent_dim=128)(torch.zeros(3, 256)).shape == (3, 128, 112)


@pytest.mark.parametrize("n_frames", [54, 111, 112, 150])
def test_any_number_of_frames_per_tr_fits(n_frames):
    enc, dec = (
        AudioEncoder(2, 16, 4, n_frames, 8, hidden=4),
        AudioDecoder(8, 2, n_frames, cardinality=16, hidden=4),
    )
    assert AudioAutoencoder(enc, dec)(random_codes((2, 2, n_frames))).prediction.shape == (
        2,
        2,
        n_frames,
        16,
    )


def test_compressed_size_of_920_trs_is_that_of_the_seed():
    z = AudioEncoder().eval()(random_codes((2, 8, 112), 1024))
    assert 920 * z[0].numel() * z.element_size() == 942_080


# --- what they must be able to do
# ----------------------------------------------------------------------------------------


def test_one_batch_is_over_fitted_to_more_than_99_percent_of_codes():
    enc = AudioEncoder(3, 64, 16, 56, 64, hidden=16, **DRY)
    model = AudioAutoencoder(enc, AudioDecoder(64, 3, 56, cardinality=64, hidden=64, **DRY))
    assert overfit_batch(model, random_codes((4, 3, 56), 64), steps=120)[-1] > 0.99


@pytest.mark.slow
def test_one_batch_of_the_seeds_size_is_over_fitted_to_more_than_99_percent_of_codes():
    model = build_autoencoder(encoder=DRY, decoder=DRY)
    accuracy = overfit_batch(
        model, random_codes((4, 8, 112), 1024), steps=60
    )  # uniform noise: nothing to guess from
    assert accuracy[0] < 0.01
    assert accuracy[-1] > 0.99


def test_decoder_knows_where_in_the_tr_a_frame_lies():
    codes = torch.arange(12).expand(1, 2, 12)  # entry = frame: only position tells it
    assert (
        overfit_batch(small(**DRY, norm="layer"), codes, steps=150, learning_rate=1e-2)[-1] == 1.0
    )


def test_order_within_a_tr_reaches_the_bottleneck():
    enc = small().eval().encoder
    codes = random_codes((1, 2, 12))
    assert not torch.allclose(enc(codes), enc(codes.flip(-1)))


def test_a_window_is_encoded_alike_alone_and_in_a_batch():
    model, codes = small().eval(), random_codes((5, 2, 12))
    torch.testing.assert_close(model(codes).prediction[2:3], model(codes[2:3]).prediction)


def test_output_at_chosen_frames_is_the_output_there():
    frames = torch.tensor([1, 5, 11])
    for head in ("classification", "regression", "latent"):
        model, codes = small(head).eval(), random_codes((2, 2, 12))
        full, some = model(codes).prediction, model(codes, frames).prediction
        torch.testing.assert_close(
            some, full[..., frames] if head != "classification" else full[:, :, frames]
        )


def test_renaming_labels_with_their_rows_changes_nothing():
    model, codes = small().eval(), random_codes((3, 2, 12))
    before = model(codes).prediction
    rng = np.random.default_rng(1)
    renamed = codes.clone()
    for k in range(2):
        new_name = torch.from_numpy(rng.permutation(16))  # entry i is now called new_name[i]
        renamed[:, k] = new_name[codes[:, k]]
        table = model.encoder.embeddings[k].weight.data
        table[new_name] = table.clone()
    torch.testing.assert_close(model(renamed).prediction, before, rtol=0, atol=0)


def test_embeddings_started_from_the_codec_keep_its_geometry():
    vectors = np.random.default_rng(0).normal(size=(2, 16, 8)) * np.array([3.0, 1.0])[:, None, None]
    enc = AudioEncoder(2, 16, 8, 12, codebooks=vectors)
    for k in range(
        2
    ):  # at full width the projection is a rotation: inner products are kept, up to one scale
        rows = enc.embeddings[k].weight.detach().double().numpy()
        gram, true = rows @ rows.T, vectors[k] @ vectors[k].T
        np.testing.assert_allclose(gram / np.trace(gram), true / np.trace(true), atol=1e-6)


def test_projection_keeps_the_widest_axes():
    vectors = np.random.default_rng(0).normal(size=(1, 64, 4)) * np.array([1e-3, 5.0, 1e-3, 2.0])
    kept = project_codebooks(vectors, 2)[0]
    wide = vectors[0][:, [1, 3]]
    rest = wide - kept @ np.linalg.lstsq(kept, wide, rcond=None)[0]
    assert np.abs(rest).max() < 0.01 * np.abs(wide).max()


# --- the passage through voxels
# ------------------------------------------------------------------------------------------


def test_decoding_passes_through_voxels():
    enc, dec = small().encoder, small().decoder
    model = AudioAutoencoder(enc, dec, FMRIBottleneck(20, 8)).eval()
    out = model(random_codes((3, 2, 12)))
    assert out.bold.shape == (3, 20)
    measured = torch.zeros(3, 20)
    same = model(random_codes((3, 2, 12), seed=7), bold=measured).prediction
    torch.testing.assert_close(
        same, model(random_codes((3, 2, 12), seed=8), bold=measured).prediction
    )  # the sound is not consulted


def test_voxel_maps_recover_a_planted_linear_world():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 8))
    bold = z @ rng.normal(size=(8, 30)) + 5 + 0.01 * rng.normal(size=(200, 30))
    fmri = FMRIBottleneck(30, 8).fit(z[:150], bold[:150], alpha=1e-3)
    back = fmri.read(torch.from_numpy(bold[150:]).float()).detach().numpy()
    assert np.corrcoef(back.ravel(), z[150:].ravel())[0, 1] > 0.999


def test_a_region_lesion_removes_what_the_region_carries_and_no_more():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    bold = np.hstack(
        [z[:, :1] + 0.01 * rng.normal(size=(200, 5)), z[:, 1:] + 0.01 * rng.normal(size=(200, 5))]
    )
    fmri = FMRIBottleneck(10, 2).fit(z, bold, alpha=1.0)
    back = fmri.read(torch.from_numpy(bold).float(), torch.arange(10) < 5).detach().numpy()
    assert back[:, 0].std() < 0.05
    assert np.corrcoef(back[:, 1], z[:, 1])[0, 1] > 0.99


def test_empty_region_lesion_is_bitwise_identity():
    model = AudioAutoencoder(small().encoder, small().decoder, FMRIBottleneck(20, 8)).eval()
    codes = random_codes((3, 2, 12))
    assert torch.equal(
        model(codes, lesion=torch.zeros(20, dtype=torch.bool)).prediction, model(codes).prediction
    )


# --- what they refuse
# ----------------------------------------------------------------------------------------------------


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
        small()(codes)


def test_encoder_accepts_every_integer_type():
    model, codes = small().eval(), random_codes((1, 2, 12))
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.uint16):
        assert torch.equal(model(codes.to(dtype)).prediction, model(codes).prediction)


def test_wrong_settings_are_named():
    with pytest.raises(InputError, match="head='ctc'"):
        AudioDecoder(head="ctc")
    with pytest.raises(InputError, match="norm='group'"):
        AudioEncoder(norm="group")
    with pytest.raises(InputError, match="n_frames: encoder has 12"):
        AudioAutoencoder(small().encoder, AudioDecoder(8, 2, 13, cardinality=16))
    with pytest.raises(InputError, match="dim=9"):
        project_codebooks(np.zeros((2, 16, 8)), 9)
    with pytest.raises(InputError, match="fmri=None"):
        small()(random_codes((1, 2, 12)), bold=torch.zeros(1, 4))
