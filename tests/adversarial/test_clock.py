"""Attack: volumes that are sampled late, and responses that peak late."""

import numpy as np
import pytest

from giblet_core.encoding import lag_scan
from giblet_core.features import Response, pooled
from giblet_core.simulations import RegionResponse, respond
from giblet_core.timing import TRGrid

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


@pytest.mark.xfail(strict=True, reason="a scan of lags with one response takes latency for lag")
def test_a_late_response_is_no_error_of_the_clock(level):
    """Regions that peak at 4 and at 7 s are on the same clock."""
    grid = TRGrid(1.0, 600)
    feature = pooled(level[None], RATE_HZ, grid, ("mean",), Response(peak_s=5.5))
    rng = np.random.default_rng(1)
    series = np.stack([region(level, grid, peak_s) for peak_s in (4.0, 7.0)], axis=1)
    noisy = series + 0.5 * series.std(0) * rng.standard_normal(series.shape)
    scan = lag_scan(feature, noisy, range(-4, 5), alphas=(1.0,))
    assert scan.lags[scan.r.argmax(0)].tolist() == [0, 0]
