"""Attack: volumes that are sampled late, and responses that peak late."""

import numpy as np
import pytest

from giblet_core.features import Response, pooled
from giblet_core.simulations import RegionResponse, respond
from giblet_core.timing import TRGrid, answers_by_delay, clock_and_latency

RATE_HZ = 50
SECONDS = 700


@pytest.fixture(scope="module")
def level():
    """A level at 50 Hz that changes from second to second."""
    steps = np.random.default_rng(0).random(SECONDS * 2)
    return np.repeat(steps, RATE_HZ // 2)


def region(level, grid, peak_s):
    """Return a region that follows the level, made without the analysis."""
    in_bins = level.reshape(-1, RATE_HZ // 10).mean(1)
    kernel = RegionResponse("double gamma", peak_s, 1.0, 0.15).kernel()
    return respond(in_bins[None] - in_bins.mean(), kernel[None], [grid])[0]


@pytest.mark.parametrize("slice_time_ref", [0.0, 0.5, 1.0])
def test_features_are_sampled_where_the_volumes_are(level, slice_time_ref):
    """The feature of the right clock fits best, whichever it is."""
    series = region(level, TRGrid(2.0, 300, 0.0, slice_time_ref), 5.5)
    fits = {}
    for assumed in (0.0, 0.5, 1.0):
        grid = TRGrid(2.0, 300, 0.0, assumed)
        feature = pooled(level[None], RATE_HZ, grid, ("mean",), Response(peak_s=5.5))[:, 0]
        fits[assumed] = np.corrcoef(feature[10:], series[10:])[0, 1]
    assert max(fits, key=fits.get) == slice_time_ref


def two_regions(level, grid, late_s, seed):
    """Return regions of the family that peak at 4.3 and 6.7 s, on a clock that is late."""
    moved = TRGrid(grid.t_r, grid.n_trs, grid.onset_s - late_s, 0.0, 20.0)
    columns = np.stack([region(level, moved, peak_s) for peak_s in (4.3, 6.7)], axis=1)
    noise = np.random.default_rng(seed).standard_normal(columns.shape)
    return columns + 0.7 * columns.std(0) * noise


def measured(level, late_s, seed=0):
    grid = TRGrid(1.0, 600, 30.0, 0.0, 20.0)
    answers = answers_by_delay(level, RATE_HZ, [grid])
    return clock_and_latency(answers, two_regions(level, grid, late_s, seed), n_draws=200)


def test_a_late_response_is_no_error_of_the_clock(level):
    """Regions that peak at 4.3 and 6.7 s differ by 2.4 s in latency, and the clock is right."""
    found = measured(level, late_s=0.0)
    assert found.follows.all()
    assert not found.clock_is_off
    difference_s = found.latency_s.value[1] - found.latency_s.value[0]
    assert difference_s == pytest.approx(2.4, abs=0.8)


def test_an_error_of_the_clock_is_no_late_response(level):
    """Seven seconds are more than any latency explains; the difference of latencies stays."""
    found = measured(level, late_s=7.0)
    assert found.clock_is_off
    assert found.clock_s[0] <= 7.0 <= found.clock_s[1]
    difference_s = found.latency_s.value[1] - found.latency_s.value[0]
    assert difference_s == pytest.approx(2.4, abs=0.8)


def test_what_cannot_be_separated_is_said(level):
    assert any("cannot be separated" in warning for warning in measured(level, 1.0).warnings)
