"""Plots show the values they are given."""

import numpy as np

from giblet_core import viz


def test_single_units_stand_beside_their_mean_and_missing_ones_are_left_out():
    values = np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan]])
    ax = viz.plot_units([0, 1, 2], values, label="pieces")
    mean, *units = ax.lines
    np.testing.assert_array_equal(mean.get_ydata(), [2.0, 2.0, np.nan])
    np.testing.assert_array_equal([unit.get_ydata() for unit in units], values)
    assert {unit.get_color() for unit in units} == {mean.get_color()}
    assert ax.get_legend_handles_labels()[1] == ["pieces"]
