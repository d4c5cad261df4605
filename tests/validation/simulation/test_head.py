"""The simulated head: where its regions lie and how smooth its maps are."""

import numpy as np
import pytest

from giblet_core.validation.simulation import make_head


@pytest.fixture(scope="module")
def head():
    return make_head(6)


def test_fourteen_regions_of_equal_size_lie_on_both_sides(head):
    counts = np.bincount(head.atlas)[1:]
    assert len(counts) == 14
    assert (counts == counts[0]).all()
    for region in range(1, 15):
        on_the_left = head.xyz[head.atlas == region, 0] < 0
        assert np.mean(on_the_left) == pytest.approx(0.5, abs=0.01)


def test_smoothing_is_a_gaussian_of_6_mm(head):
    middle = len(head.xyz) // 2
    kernel = head.smooth[middle].toarray().ravel()
    distance = np.linalg.norm(head.xyz - head.xyz[middle], axis=1)
    at_6_mm = kernel[np.argmin(np.abs(distance - 6.0))]
    assert at_6_mm / kernel.max() == pytest.approx(2**-4, rel=0.02)
