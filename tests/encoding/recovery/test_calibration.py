"""Calibrated probabilities are the shares that were planted."""

import numpy as np
import pytest
from scipy.special import expit

from giblet_core.encoding import Calibration, fit_calibration
from giblet_core.errors import InputError
from giblet_core.inference import reliability


def test_a_model_that_is_too_sure_is_brought_back(rng):
    log_odds = rng.normal(-0.5, 1.0, 20_000)
    planted = rng.random(20_000) < expit(log_odds)
    too_sure = expit(3 * log_odds + 1)
    fitted = fit_calibration(too_sure, planted)
    assert fitted.slope == pytest.approx(1 / 3, abs=0.03)
    assert fitted.offset == pytest.approx(-1 / 3, abs=0.05)
    assert fitted.prior == pytest.approx(planted.mean())
    assert reliability(too_sure, planted).calibration_error > 0.1
    assert reliability(fitted.apply(too_sure), planted).calibration_error < 0.02


def test_order_stays_and_flat_probabilities_cannot_be_told():
    calibration = Calibration(slope=0.5, offset=-0.4, prior=0.3)
    model = np.array([0.001, 0.3, 0.5, 0.9, 0.9999])
    calibrated = calibration.apply(model)
    assert (np.diff(calibrated) > 0).all()
    known = calibration.known(np.array([0.05, 0.2, 0.3, 0.5, 0.6]))
    assert known.tolist() == [True, False, False, False, True]


def test_a_calibration_needs_both_kinds():
    with pytest.raises(InputError, match="must hold both"):
        fit_calibration(np.array([0.2, 0.4]), np.array([True, True]))
