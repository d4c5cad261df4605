"""Controls know what they are meant to know and nothing else."""

import numpy as np

from giblet_core.features import code_surprisal, previous_tr, random_codec_features
from giblet_core.timing import TRGrid


def test_surprisal_equals_counting_by_hand():
    indices = np.array([[3, 3, 1, 3, 0, 1]])
    n_before = [0, 1, 0, 2, 0, 1]
    expected = [-np.log2((n + 1) / (t + 4)) for t, n in enumerate(n_before)]
    np.testing.assert_allclose(code_surprisal(indices, 4)[0], expected)


def test_frequent_codes_surprise_less_than_rare_ones(rng):
    indices = np.where(rng.random((1, 5000)) < 0.9, 0, rng.integers(1, 64, (1, 5000)))
    bits = code_surprisal(indices, 64)[0, 2000:]
    is_frequent = indices[0, 2000:] == 0
    assert bits[is_frequent].mean() < 1
    assert bits[~is_frequent].mean() > 6


def test_previous_tr_is_the_row_before_in_the_same_run():
    x = np.arange(6.0)[:, None]
    assert np.array_equal(previous_tr(x, (0, 3)).values[:, 0], [0, 0, 1, 0, 3, 4])


def test_random_codec_is_seeded_differs_by_seed_and_varies_with_the_sound(demo_codec, rng):
    level = np.repeat(rng.random(12), 24_000)
    wave = (0.1 * rng.standard_normal(24_000 * 12) * level).astype(np.float32)
    grid = TRGrid(1.5, 8)

    def values(seed):
        space = random_codec_features(demo_codec, wave, grid, ("mean", "sd"), None, seed=seed)
        return space.values

    first = values(seed=0)
    assert np.array_equal(first, values(seed=0))
    assert not np.allclose(first, values(seed=1))
    assert (first.std(0) > 1e-3).mean() > 0.9
