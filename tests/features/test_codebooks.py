"""Spaces of codes say what they claim to say, and are blind to the names of codes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.features import (
    CodebookMeans,
    codebook_features,
    codebook_means,
    histogram_features,
    pooled,
    slow_codebooks,
    slow_directions,
    summed_features,
    surprisal_features,
)
from giblet_core.timing import TRGrid

RATE_HZ = 75.0
N_ENTRIES = 16


def renamed(codec, codes, rng):
    """Permute the entries of each codebook together with the codes that name them."""
    codebooks = codec.codebooks.copy()
    indices = codes.indices.copy()
    for k in range(3):
        order = rng.permutation(N_ENTRIES)
        codebooks[k] = codebooks[k][order]
        indices[k] = np.argsort(order)[codes.indices[k]]
    other = SimpleNamespace(**{**vars(codec), "codebooks": codebooks})
    return other, replace(codes, indices=indices)


@pytest.mark.parametrize(
    "make", [codebook_features, summed_features, histogram_features, surprisal_features]
)
def test_renaming_the_entries_of_a_codebook_changes_no_bit(codec, codes, runs, rng, make):
    other_codec, other_codes = renamed(codec, codes, rng)
    assert not np.array_equal(other_codes.indices, codes.indices)
    before = make(codec, codes, runs)
    after = make(other_codec, other_codes, runs)
    before = before if isinstance(before, tuple) else (before,)
    after = after if isinstance(after, tuple) else (after,)
    for x, y in zip(before, after, strict=True):
        assert np.array_equal(x.values, y.values)


def test_means_without_response_are_the_means_of_the_exact_frames(codec, codes):
    grid = TRGrid(1.5, 60, 0.5)
    space = codebook_features(codec, codes, grid, [1], ("mean",), None)[0]
    edges = grid.frame_edges(RATE_HZ)
    z = codec.codebooks[1][codes.indices[1]]
    expected = [z[first:last].mean(0) for first, last in zip(edges[:-1], edges[1:])]
    np.testing.assert_allclose(space.values, expected, atol=1e-6)
    assert space.name == "codebook 1"


def test_sd_without_response_is_the_sd_of_the_exact_frames(codec, codes):
    grid = TRGrid(0.72, 50, 0.0)
    values = codebook_features(codec, codes, grid, [0], ("sd",), None)[0].values
    edges = grid.frame_edges(RATE_HZ)
    z = codec.codebooks[0][codes.indices[0]]
    expected = [z[first:last].std(0) for first, last in zip(edges[:-1], edges[1:])]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_the_codebooks_means_sum_to_the_mean_of_the_sum(codec, codes, runs):
    codebooks = codebook_features(codec, codes, runs, pool=("mean",))
    summed = summed_features(codec, codes, runs, ("mean",))
    total = sum(codebook.values for codebook in codebooks)
    np.testing.assert_allclose(total, summed.values, atol=1e-5)


def test_histogram_counts_each_vector_in_each_tr(codec, codes):
    values = histogram_features(codec, codes, TRGrid(2.0, 30), [2], None)[0].values
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-6)
    by_vector = np.lexsort(codec.codebooks[2].T[::-1])
    counts = np.bincount(codes.indices[2, 450:600], minlength=N_ENTRIES)
    np.testing.assert_allclose(values[3] * 150, counts[by_vector], atol=1e-3)


def test_codebook_means_are_the_pooled_latents_without_and_with_each_response(codec, codes, runs):
    means = codebook_means(codec, codes, runs)
    z = codec.codebooks[2][codes.indices[2]].T
    np.testing.assert_array_equal(means[2].plain, pooled(z, RATE_HZ, runs, ("mean",), None))
    assert means[2].responded.shape == (3, 70, 6)
    moved = means[2].take(np.arange(70)[::-1])
    np.testing.assert_array_equal(moved.plain[0], means[2].plain[-1])
    np.testing.assert_array_equal(moved.responded[:, 0], means[2].responded[:, -1])


def test_slow_codebooks_by_the_mean_response_are_the_mean_of_those_by_each(rng):
    means = [
        CodebookMeans(
            rng.standard_normal((50, 5)), rng.standard_normal((3, 50, 5)).astype(np.float32)
        )
        for _ in range(2)
    ]
    each = [slow_codebooks(means, n=2, peaks=[i]) for i in range(3)]
    np.testing.assert_allclose(np.mean(each, axis=0), slow_codebooks(means, n=2), atol=1e-6)
    directions = slow_directions(means[0].plain, 2)
    np.testing.assert_allclose(each[1][0], means[0].responded[1] @ directions.T, atol=1e-6)


def test_codes_of_another_codec_and_codebooks_that_are_not_there_are_refused(codec, codes, runs):
    other = SimpleNamespace(**{**vars(codec), "sha256": "0" * 64})
    with pytest.raises(InputError, match="other weights"):
        codebook_features(other, codes, runs)
    with pytest.raises(InputError, match="codebook=3"):
        codebook_features(codec, codes, runs, [3])
