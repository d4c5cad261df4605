"""Unique parts are the difference of two fits, beside their shifts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import fit_banded
from giblet_core.inference import proportion
from giblet_core.regions import shifted_parts, unique_parts
from giblet_core.timing import contiguous_folds, shift_within_runs


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


def test_a_draw_is_what_the_rest_predicts_plus_the_shifted_remainder(rng):
    """The parts of each draw are those of `unique_parts` of that series."""
    spaces = [rng.standard_normal((60, n)) for n in (2, 3)]
    Y = rng.standard_normal((60, 2))
    Y += spaces[0][:, :1]
    folds = contiguous_folds(60, 2, 2, (0, 30))
    weights, groups = [0.5, 0.5], [[1]]
    parts = shifted_parts(spaces, weights, groups, Y, folds, 2.0, run_onsets=(0, 30), min_shift=14)
    expected = unique_parts(spaces, weights, groups, Y, folds, 2.0).mean(1)
    np.testing.assert_allclose(parts.observed, expected, atol=1e-6)
    assert len(parts.draws) == 2
    rest = fit_banded(
        spaces[:1], Y, folds, [2.0], np.array([[0.5]]), run_onsets=(0, 30), keep_predictions=True
    ).predictions
    for shift, draw in zip((14, 15), parts.draws):
        moved = rest + (Y - rest)[shift_within_runs(60, -shift, (0, 30))]
        expected = unique_parts(spaces, weights, groups, moved, folds, 2.0).mean(1)
        np.testing.assert_allclose(draw, expected, atol=1e-4)


def simulated_parts(rng, strength):
    """Eight groups and five regions; group 2 drives region 3."""
    spaces = [gaussian_filter1d(rng.standard_normal((300, 2)), 2, axis=0) for _ in range(8)]
    Y = gaussian_filter1d(rng.standard_normal((300, 5)), 2, axis=0)
    Y[:, 3] += strength * spaces[2].sum(1)
    folds = contiguous_folds(300, 3, 10, (0, 150))
    each = [[k] for k in range(8)]
    return shifted_parts(spaces, [1.0] * 8, each, Y, folds, 1.0, run_onsets=(0, 150))


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
