"""Attack: regions that follow level through a nonlinearity, and no codebook."""

import numpy as np
import pytest
from scipy.stats import binomtest

from giblet_core.encoding import make_design, recover_regions
from giblet_core.simulations import Subjects, simulate_regions

LEVELS = ("RMS", "mean power", "power law", "log level")
N_SIMULATIONS = 40
SURE = 0.001  # that more are detected than the level of the test allows


@pytest.mark.slow
def test_level_to_any_power_is_no_codebook(film):
    """At .05, of 160 regions no more are detected than chance gives."""
    strong = Subjects(isc=0.5)
    series = [
        simulate_regions(film.heard, film.stimulus.grids, seed, LEVELS, strong).series.mean(0)
        for seed in range(5001, 5001 + N_SIMULATIONS)
    ]
    mean_subject = np.concatenate(series, axis=1)[None]
    recovery = recover_regions(make_design(film.stimulus), mean_subject, n_draws=99)
    n_detected = int((recovery.null.p <= 0.05).sum())
    n_regions = N_SIMULATIONS * len(LEVELS)
    assert binomtest(n_detected, n_regions, 0.05, "greater").pvalue > SURE, n_detected
