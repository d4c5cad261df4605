"""Unique parts are the difference of two fits, beside their shifts."""

import numpy as np

from giblet_core.encoding import fit_banded
from giblet_core.regions import parts_of, unique_parts, with_shifts


def test_unique_parts_equal_the_difference_of_two_fits(rng, protocol):
    spaces = [rng.standard_normal((400, n)) for n in (5, 9, 4)]
    Y = rng.standard_normal((400, 6))
    Y[:, :3] += spaces[0][:, :3]
    parts = unique_parts(spaces, [0.5, 0.3, 0.2], [[0], [1, 2]], Y, protocol.folds, 3.0)

    def explained(kept, gammas):
        gammas = np.array([gammas])
        r = fit_banded(kept, Y, protocol.folds, [3.0], gammas, **protocol.timing).r_folds
        return r * np.abs(r)

    by_all = explained(spaces, [0.5, 0.3, 0.2])
    without_first = explained(spaces[1:], [0.3, 0.2])
    without_others = explained(spaces[:1], [0.5])
    np.testing.assert_allclose(parts, [by_all - without_first, by_all - without_others], atol=1e-4)
    assert parts[0, :, :3].mean() > 0.2


def test_shifts_stand_beside_the_series_itself_and_move_within_runs():
    Y = np.arange(20.0)[:, None]
    shifted = with_shifts(Y, (0, 10), 4)
    assert shifted.shape == (20, 3)
    np.testing.assert_array_equal(shifted[:, :1], Y)
    np.testing.assert_array_equal(shifted[:10, 1], np.roll(Y[:10, 0], -4))
    np.testing.assert_array_equal(shifted[10:, 2], np.roll(Y[10:, 0], -5))


def test_parts_put_the_true_alignment_beside_its_shifts():
    values = np.zeros((2, 3, 4))  # groups, folds, (1 true + 1 shifted) x 2 regions
    values[0, :, 0] = 0.5
    values[0, :, 2] = 0.1
    parts = parts_of(("a", "b"), values, 2)
    assert parts.value.tolist() == [[0.5, 0], [0, 0]]
    np.testing.assert_allclose(parts.null_high[0], [0.1, 0])
    assert parts.p.tolist() == [[0.5, 1], [1, 1]]
    assert parts.p_fdr.min() == 1.0
