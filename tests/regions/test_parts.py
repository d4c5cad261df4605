"""Unique parts are the difference of two fits, beside their shifts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import fit_banded
from giblet_core.inference import proportion
from giblet_core.regions import shifted_parts, unique_parts, with_shifts
from giblet_core.timing import contiguous_folds


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


def test_parts_of_the_series_are_told_from_those_of_its_shifts():
    values = np.arange(24.0).reshape(2, 3, 4)  # groups, folds, (1 true + 1 shifted) x 2 regions
    parts = shifted_parts(values, 2)
    np.testing.assert_array_equal(parts.observed, values[:, :, :2].mean(1))
    np.testing.assert_array_equal(parts.draws, [values[:, :, 2:].mean(1)])


def simulated_parts(rng, strength):
    """Eight groups and five regions; group 2 drives region 3."""
    spaces = [gaussian_filter1d(rng.standard_normal((300, 2)), 2, axis=0) for _ in range(8)]
    Y = gaussian_filter1d(rng.standard_normal((300, 5)), 2, axis=0)
    Y[:, 3] += strength * spaces[2].sum(1)
    folds = contiguous_folds(300, 3, 10, (0, 150))
    shifted = with_shifts(Y, (0, 150), 30)
    values = unique_parts(spaces, [1.0] * 8, [[k] for k in range(8)], shifted, folds, 1.0)
    return shifted_parts(values, 5)


def test_a_planted_group_is_detected_by_the_maximum_where_holm_and_fdr_can_detect_nothing(rng):
    parts = simulated_parts(rng, strength=1.0)
    assert np.argwhere(parts.corrected().detected).tolist() == [[2, 3]]
    for method in ("Holm", "FDR"):
        assert not parts.corrected(method).can_detect
        assert not parts.corrected(method).detected.any()


@pytest.mark.slow
def test_where_no_group_drives_a_region_something_is_detected_in_one_of_twenty(rng):
    n_any = sum(simulated_parts(rng, strength=0.0).corrected().detected.any() for _ in range(60))
    assert proportion(int(n_any), 60).low <= 0.05
