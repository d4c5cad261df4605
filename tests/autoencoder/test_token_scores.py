"""Bits are right, baselines know training time only, latents and codes are two views of one."""

import numpy as np
import pytest
import torch
from fakes import coloured_noise, projected_codec
from made_codes import made_up_codes

from giblet_core.autoencoder import (
    bits_per_token,
    codebook_table,
    expected_latents,
    pca_reconstruction,
    previous_tr_bits,
    requantise,
    sum_latents,
    unigram_bits,
)
from giblet_core.errors import InputError

# --- bits and baselines --------------------------------------------------------------------------


def test_bits_per_token_of_known_distributions():
    targets = torch.tensor([[[0, 1], [2, 3]]])
    even = torch.zeros(1, 2, 2, 1024)
    np.testing.assert_allclose(bits_per_token(even, targets), [10, 10], rtol=1e-6)
    sure = torch.nn.functional.one_hot(targets, 1024) * 100.0
    np.testing.assert_allclose(bits_per_token(sure, targets), [0, 0], atol=1e-6)
    wrong = even.clone()
    wrong[:, 1, :, 0] = np.log(2.0)  # one wrong entry twice as likely, in codebook 1 alone
    np.testing.assert_allclose(bits_per_token(wrong, targets), [10, np.log2(1025)], rtol=1e-5)


def test_unigram_bits_is_the_entropy_and_unseen_entries_cost_finitely(rng):
    p = np.array([0.5, 0.25, 0.125, 0.125])
    train, test = (rng.choice(4, size=(1, 100_000), p=p) for _ in range(2))
    assert unigram_bits(train, test, 4)[0] == pytest.approx(1.75, abs=0.02)
    unseen = unigram_bits(np.array([[0, 0]]), np.array([[3]]), 4)
    np.testing.assert_allclose(unseen, [np.log2(6)])


def test_previous_tr_helps_where_sound_repeats_and_costs_nothing_where_it_does_not(rng):
    steady = np.repeat(rng.integers(0, 256, (1, 60)), 224, axis=1)  # one entry for two TRs
    noise = rng.integers(0, 256, (1, 60 * 224))
    codes = np.concatenate([steady, noise])
    half = codes.shape[1] // 2
    bits = previous_tr_bits(codes[:, :half], codes[:, half:], 112, 256).mean(0)
    base = unigram_bits(codes[:, :half], codes[:, half:], 256)
    assert bits[0] < base[0] - 2
    assert bits[1] == pytest.approx(base[1], abs=0.05)


def test_previous_tr_bits_are_those_of_the_formula(rng):
    """One weight fits training time best; each token is scored by counts and unigram."""
    train = rng.integers(0, 4, (1, 60))
    test = np.array([[0, 0, 1, 2, 0, 1, 3, 3]])
    unigram = (np.bincount(train[0], minlength=4) + 1) / (60 + 4)
    counts = np.array([2, 1, 0, 0])  # of the tokens 0, 1, 3, 3 in the TR before
    possible = [
        -np.log2((counts + a * unigram[[0, 1, 3, 3]]) / (4 + a)).mean()
        for a in 2.0 ** np.arange(-1, 13)
    ]
    [[bits]] = previous_tr_bits(train, test, 4, 4)
    assert np.abs(np.array(possible) - bits).min() < 1e-12


def test_baselines_never_read_the_future(rng):
    codes = rng.integers(0, 16, (1, 480))
    later = codes.copy()
    later[:, 400:] = 0
    one, two = (previous_tr_bits(c[:, :200], c, 24, 16, starts=[300, 376]) for c in (codes, later))
    np.testing.assert_array_equal(one, two)


def test_what_is_no_code_is_named():
    codes = np.zeros((1, 50), int)
    with pytest.raises(InputError, match="train: must be integer codes"):
        unigram_bits(np.zeros((1, 50)), codes, 4)
    with pytest.raises(InputError, match="every code below cardinality"):
        unigram_bits(codes + 4, codes, 4)
    with pytest.raises(InputError, match="must hold two TRs each"):
        previous_tr_bits(codes, codes, 26, 4)


# --- what codes mean in latents ------------------------------------------------------------------


def test_requantising_summed_latents_gives_the_codes_back(rng):
    scale = np.array([100.0, 10.0, 1.0])[:, None, None]  # each codebook refines the one before
    vectors = rng.normal(size=(3, 32, 8)) * scale
    indices = rng.integers(0, 32, (3, 200))
    latents = sum_latents(indices, vectors)
    back = requantise(latents, vectors)
    assert (back[0] == indices[0]).mean() > 0.8
    error = np.abs(sum_latents(back, vectors) - latents).mean()
    assert error <= np.abs(latents).mean() / 10


def test_a_codec_requantises_in_its_own_way(rng):
    codec = projected_codec()
    codes = codec.encode(coloured_noise(16_000, rng), codec.bandwidths_kbps[-1])
    latents = codec.latents(codes).sum(0)
    own = requantise(latents, codec.codebooks, codec.nearest)
    euclidean = requantise(latents, codec.codebooks)
    assert np.array_equal(own[0], codec.nearest(0, latents.T))
    assert (own[0] != euclidean[0]).mean() > 0.2


def test_expected_latents_of_certain_logits_are_the_codebooks_vectors(rng):
    vectors = rng.normal(size=(2, 16, 4)).astype(np.float32)
    indices = rng.integers(0, 16, (2, 9))
    certain = torch.nn.functional.one_hot(torch.from_numpy(indices), 16) * 200.0
    expected = sum_latents(indices, vectors)
    np.testing.assert_allclose(expected_latents(certain, vectors), expected, rtol=1e-5)


def test_pca_passes_what_lies_in_its_width_and_knows_training_only(rng):
    axes = rng.normal(size=(5, 3, 8))
    train, test = (np.einsum("nk,kdt->ndt", rng.normal(size=(n, 5)), axes) for n in (50, 10))
    np.testing.assert_allclose(pca_reconstruction(train, test, 5), test, atol=1e-4)
    assert np.abs(pca_reconstruction(train, test, 2) - test).mean() > 0.1
    with pytest.raises(InputError, match="n_components=60"):
        pca_reconstruction(train, test, 60)


# --- how codebooks are used ----------------------------------------------------------------------


def test_the_table_of_codebooks_of_known_codes():
    codes = made_up_codes(np.array([[0, 0, 1, 1], [3, 3, 3, 3]]))
    vectors = np.zeros((2, 1024, 2), np.float32)
    vectors[0, 0] = (2, 0)
    vectors[0, 1] = (-2, 0)
    vectors[1, 3] = (0, 1)
    table = codebook_table(codes, vectors)
    assert table.used.tolist() == [2, 1]
    assert table.entropy_bits.tolist() == [1, 0]
    assert table.repeats.tolist() == pytest.approx([2 / 3, 1])
    assert table.left_over.tolist() == pytest.approx([1 / 5, 0])
