"""Calibration is what scikit-learn computes; flat and wrong probabilities are seen."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from giblet_core import viz
from giblet_core.errors import InputError
from giblet_core.inference import reliability


@pytest.mark.parametrize("n_bins", [5, 10])
def test_the_diagram_is_that_of_scikit_learn(rng, n_bins):
    probability = np.append(rng.random(500), [0.0, 1.0, 0.2, 0.4])
    happened = rng.random(504) < probability**2
    result = reliability(probability, happened, n_bins)
    observed, stated = calibration_curve(happened, probability, n_bins=n_bins)
    np.testing.assert_allclose(result.observed, observed)
    np.testing.assert_allclose(result.stated, stated)
    assert result.n == sum(share.n for share in result.happened) == 504


def test_probabilities_that_are_true_have_a_small_error_and_overconfident_ones_a_large(rng):
    probability = rng.random(20_000)
    happened = rng.random(20_000) < probability
    assert reliability(probability, happened).calibration_error < 0.02
    overconfident = np.round(probability)
    assert reliability(overconfident, happened).calibration_error == pytest.approx(0.25, abs=0.02)


def test_flat_probabilities_tell_nothing_apart_though_they_are_calibrated(rng):
    happened = rng.random(1000) < 0.5
    flat = reliability(np.full(1000, 0.5), happened)
    assert flat.calibration_error < 0.05
    assert flat.spread == 0


def test_what_is_no_probability_is_refused():
    with pytest.raises(InputError, match=r"1 outside \[0, 1\]"):
        reliability(np.array([0.5, 1.5]), np.array([True, False]))
    with pytest.raises(InputError, match="beside 1 events"):
        reliability(np.array([0.5, 0.5]), np.array([True]))


def test_the_plot_shows_the_bins_and_their_intervals(rng):
    probability = rng.random(300)
    result = reliability(probability, rng.random(300) < probability)
    low = [share.low for share in result.happened]
    high = [share.high for share in result.happened]
    ax = viz.plot_reliability(result.stated, result.observed, low=low, high=high, label="all")
    curve = ax.lines[1]
    np.testing.assert_array_equal(curve.get_xdata(), result.stated)
    np.testing.assert_array_equal(curve.get_ydata(), result.observed)
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose(
        [segment[:, 1] for segment in segments], np.column_stack([low, high])
    )
