"""A feature space has one name a column."""

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.features import FeatureSpace, join_spaces


def test_a_space_with_more_columns_than_names_is_refused():
    with pytest.raises(InputError, match="one name a column"):
        FeatureSpace("x", np.zeros((3, 2)), ("a",))


def test_joined_spaces_lie_side_by_side_and_say_whose_each_column_is():
    left = FeatureSpace("left", np.zeros((3, 1)), ("a",))
    right = FeatureSpace("right", np.ones((3, 2)), ("a", "b"))
    joined = join_spaces("both", [left, right])
    assert joined.name == "both"
    assert np.array_equal(joined.values, [[0, 1, 1]] * 3)
    assert joined.feature_names == ("left: a", "right: a", "right: b")
    assert join_spaces("alone", [left]).feature_names == ("a",)
