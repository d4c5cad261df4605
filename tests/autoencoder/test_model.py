"""The autoencoder as a whole: labels are only labels, and voxels can carry the bottleneck."""

import numpy as np
import pytest
import torch

from giblet_core.autoencoder import (
    AudioAutoencoder,
    AudioDecoder,
    FMRIBottleneck,
    NetworkConfig,
    build_autoencoder,
)
from giblet_core.errors import InputError

TINY = NetworkConfig(
    num_codebooks=2,
    n_frames=12,
    cardinality=16,
    embed_dim=4,
    out_dim=8,
    encoder_hidden=8,
    decoder_hidden=8,
    n_segments=4,
)


def tiny(fmri=None):
    model = build_autoencoder(TINY)
    return AudioAutoencoder(model.encoder, model.decoder, fmri).eval()


def random_codes(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 16, shape))


# --- the network as a whole ----------------------------------------------------------------------


def test_the_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, again, other = (build_autoencoder(TINY, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(2), expected)  # the caller's random state is left alone
    codes = random_codes((2, 2, 12))
    predictions = [model.eval()(codes).prediction for model in (first, again, other)]
    assert torch.equal(predictions[0], predictions[1])
    assert not torch.equal(predictions[0], predictions[2])


def test_a_window_is_encoded_alike_alone_and_in_a_batch():
    model = tiny()
    codes = random_codes((5, 2, 12))
    torch.testing.assert_close(model(codes).prediction[2:3], model(codes[2:3]).prediction)


def test_renaming_labels_with_their_rows_changes_nothing():
    model = tiny()
    codes = random_codes((3, 2, 12))
    before = model(codes).prediction
    rng = np.random.default_rng(1)
    renamed = codes.clone()
    for k in range(2):
        new_name = torch.from_numpy(rng.permutation(16))  # entry i is now called new_name[i]
        renamed[:, k] = new_name[codes[:, k]]
        table = model.encoder.embeddings[k].weight.data
        table[new_name] = table.clone()
    torch.testing.assert_close(model(renamed).prediction, before, rtol=0, atol=0)


def test_parts_that_do_not_fit_are_named():
    encoder = tiny().encoder
    with pytest.raises(InputError, match="n_frames: encoder has 12, decoder has 13"):
        AudioAutoencoder(encoder, AudioDecoder(8, 2, 13, cardinality=16))
    with pytest.raises(InputError, match="out_dim=8: must equal the decoder's in_dim=9"):
        AudioAutoencoder(encoder, AudioDecoder(9, 2, 12, cardinality=16))
    with pytest.raises(InputError, match="the width of fmri"):
        tiny(FMRIBottleneck(20, 9))


# --- the passage through voxels ------------------------------------------------------------------


def test_decoding_passes_through_voxels():
    model = tiny(FMRIBottleneck(20, 8))
    assert model(random_codes((3, 2, 12))).bold.shape == (3, 20)
    measured = torch.zeros(3, 20)
    of_one_sound = model(random_codes((3, 2, 12), seed=7), bold=measured).prediction
    of_another = model(random_codes((3, 2, 12), seed=8), bold=measured).prediction
    torch.testing.assert_close(of_one_sound, of_another)  # the sound is not consulted


def test_without_a_passage_bold_and_lesions_are_refused():
    with pytest.raises(InputError, match="fmri=None"):
        tiny()(random_codes((1, 2, 12)), bold=torch.zeros(1, 4))
    with pytest.raises(InputError, match="fmri=None"):
        tiny()(random_codes((1, 2, 12)), lesion=torch.zeros(4, dtype=torch.bool))


def test_voxel_maps_recover_planted_linear_maps():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 8))
    bold = z @ rng.normal(size=(8, 30)) + 5 + 0.01 * rng.normal(size=(200, 30))
    fmri = FMRIBottleneck(30, 8).fit(z[:150], bold[:150], alpha=1e-3)
    back = fmri.read(torch.from_numpy(bold[150:]).float()).detach().numpy()
    assert np.corrcoef(back.ravel(), z[150:].ravel())[0, 1] > 0.999


def test_a_region_lesion_removes_what_the_region_carries_and_no_more():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    first_region = z[:, :1] + 0.01 * rng.normal(size=(200, 5))
    second_region = z[:, 1:] + 0.01 * rng.normal(size=(200, 5))
    bold = np.hstack([first_region, second_region])
    fmri = FMRIBottleneck(10, 2).fit(z, bold, alpha=1.0)
    back = fmri.read(torch.from_numpy(bold).float(), torch.arange(10) < 5).detach().numpy()
    assert back[:, 0].std() < 0.05
    assert np.corrcoef(back[:, 1], z[:, 1])[0, 1] > 0.99


def test_empty_region_lesion_is_bitwise_identity():
    model = tiny(FMRIBottleneck(20, 8))
    codes = random_codes((3, 2, 12))
    nothing = torch.zeros(20, dtype=torch.bool)
    assert torch.equal(model(codes, lesion=nothing).prediction, model(codes).prediction)


def test_voxel_maps_of_other_trs_are_refused():
    with pytest.raises(InputError, match="rows must be the same TRs"):
        FMRIBottleneck(3, 2).fit(np.zeros((5, 2)), np.zeros((4, 3)))
