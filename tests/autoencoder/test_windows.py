"""Windows through the model: every frame of a sound, once, and each head in its own way."""

import dataclasses

import numpy as np
import pytest
import torch
from made_codes import made_up_codes

from giblet_core.autoencoder import (
    NetworkConfig,
    believed_latents,
    build_autoencoder,
    drawn,
    predict_indices,
    reconstruct,
    sum_latents,
)
from giblet_core.errors import InputError


def test_reconstruction_keeps_length_header_and_every_frame(film, new_model):
    piece = film.crop_frames(0, 100)  # 4 windows of 24 and 4 frames more
    model = new_model()
    out = reconstruct(model, piece)
    assert dataclasses.replace(out, indices=piece.indices) == piece
    for start in (0, 24, 48):
        window = predict_indices(model, piece, [start])[0]
        np.testing.assert_array_equal(out.indices[:, start : start + 24], window)
    np.testing.assert_array_equal(out.indices[:, -24:], predict_indices(model, piece, [76])[0])


def test_a_stretch_shorter_than_a_window_is_named(film, new_model):
    with pytest.raises(InputError, match="20 frames are less than one window of 24"):
        reconstruct(new_model(), film.crop_frames(0, 20))


def test_drawn_entries_come_as_often_as_their_probabilities():
    logits = torch.log(torch.tensor([0.7, 0.2, 0.1])).expand(20_000, 3)
    counts = np.bincount(drawn(logits, np.random.default_rng(0)), minlength=3)
    np.testing.assert_allclose(counts / 20_000, [0.7, 0.2, 0.1], atol=0.01)


def test_drawn_codes_are_seeded(film, new_model):
    model = new_model()
    piece = film.crop_frames(0, 100)
    first, again, other = (
        reconstruct(model, piece, rng=np.random.default_rng(seed)).indices for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_latent_head_learns_latents_that_quantise_to_the_codes(rng):
    """A window known by heart in latents gives its codes back."""
    network = NetworkConfig(
        num_codebooks=2,
        n_frames=12,
        cardinality=16,
        head="latent",
        embed_dim=4,
        out_dim=32,
        latent_dim=6,
        encoder_hidden=8,
        decoder_hidden=32,
        dropout=0.0,
        norm="layer",
    )
    model = build_autoencoder(network)
    scale = np.array([5.0, 1.0])[:, None, None]  # codebook 1 refines codebook 0
    vectors = (rng.normal(size=(2, 16, 6)) * scale).astype(np.float32)
    codes = made_up_codes(rng.integers(0, 16, (2, 12)))
    target = torch.from_numpy(sum_latents(codes.indices, vectors))[None]
    window = torch.from_numpy(codes.indices.astype(np.int64))[None]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        loss = (model(window).prediction - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(believed_latents(model, codes, vectors, [0]), target[0], atol=0.5)
    expected = sum_latents(predict_indices(model, codes, [0], vectors)[0], vectors)
    assert np.square(expected - target[0].numpy()).mean() < 0.01 * target.var()


def test_the_mean_of_beliefs_lies_between_the_vectors(film, new_model, rng):
    """Untrained beliefs are nearly even, and their mean is nearly that of all vectors."""
    vectors = rng.normal(size=(2, 32, 6)).astype(np.float32)
    model = new_model()
    for head in model.decoder.heads:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    believed = believed_latents(model, film, vectors, [0, 24])
    mean_vector = vectors.mean(1).sum(0)
    np.testing.assert_allclose(believed, np.tile(mean_vector[:, None], 48), atol=1e-5)


def test_the_regression_head_has_no_mean_latents(film, new_model, rng):
    vectors = rng.normal(size=(2, 32, 6)).astype(np.float32)
    with pytest.raises(InputError, match="regression head predicts indices"):
        believed_latents(new_model("regression"), film, vectors, [0])


def test_looking_leaves_a_model_in_the_mode_it_was_in(film, new_model, rng):
    vectors = rng.normal(size=(2, 32, 6)).astype(np.float32)
    model = new_model()
    for training in (True, False):
        model.train(training)
        believed_latents(model, film, vectors, [0])
        assert model.training == training
        predict_indices(model, film, [0])
        assert model.training == training


def test_a_seed_of_draws_changes_nothing_where_a_head_has_no_probabilities(film, new_model):
    model = new_model("regression")
    drawn_indices = predict_indices(model, film, [0], rng=np.random.default_rng(0))
    np.testing.assert_array_equal(drawn_indices, predict_indices(model, film, [0]))


def test_codes_of_another_number_of_codebooks_are_named(film, new_model):
    with pytest.raises(InputError, match="hold 1 codebooks, the model 2"):
        predict_indices(new_model(), film.first(1), [0])
