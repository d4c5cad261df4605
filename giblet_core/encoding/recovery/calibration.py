"""Probabilities that mean what they say: of codebooks given 70 %, seven in ten are planted.

A posterior probability is as honest as its model. Models of BOLD leave out much, so that their
probabilities are too sure. Two numbers bring them back: the log odds are scaled and moved so that
they match what was planted in simulations of other films (Platt scaling [1]_).

References
----------
.. [1] Platt 1999, in Advances in Large Margin Classifiers, 61. (a sigmoid fitted to scores)
.. [2] Kass & Raftery 1995, J Am Stat Assoc 90, 773. doi:10.1080/01621459.1995.10476572 (odds that
   move threefold are positive evidence)
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from giblet_core.errors import InputError

CERTAIN = 1e-9  # nearer to 0 or 1 than this is rounding
TOLD = 3.0  # by so much odds have to move for something to be told


@dataclass(frozen=True)
class Calibration:
    """How log odds are brought to what is planted.

    Attributes
    ----------
    slope : float
        Below 1 the model is too sure.
    offset : float
    prior : float
        How often a codebook is followed in the simulations that this was fitted to.
    """

    slope: float
    offset: float
    prior: float

    def apply(self, probability: np.ndarray) -> np.ndarray:
        """Calibrate probabilities; their order stays."""
        return expit(self.slope * _log_odds(probability) + self.offset)

    def known(self, calibrated: np.ndarray) -> np.ndarray:
        """Say where the odds are at least three times what they were beforehand, or a third."""
        return np.abs(_log_odds(calibrated) - logit(self.prior)) >= np.log(TOLD)


def fit_calibration(probability: np.ndarray, planted: np.ndarray) -> Calibration:
    """Fit a calibration to simulations, by maximum likelihood.

    Parameters
    ----------
    probability : array of shape (n,)
        Of the model, before calibration.
    planted : bool array of shape (n,)
        Whether the codebook is followed.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        Where all or none are planted.

    Examples
    --------
    >>> model = np.repeat([0.1, 0.9], 10)
    >>> planted = np.tile(np.arange(10) < 3, 2)
    >>> planted[10:] = np.arange(10) < 7
    >>> fit_calibration(model, planted).apply(np.array([0.1, 0.9])).round(2).tolist()
    [0.3, 0.7]
    """
    planted = np.asarray(planted, dtype=float).ravel()
    if planted.mean() in (0, 1):
        raise InputError("planted: all alike; must hold both. Simulate regions of both kinds.")
    log_odds = _log_odds(np.asarray(probability)).ravel()
    best = minimize(_surprise, x0=(1.0, 0.0), args=(log_odds, planted), method="Nelder-Mead")
    slope, offset = best.x
    return Calibration(float(slope), float(offset), prior=float(planted.mean()))


def _surprise(parameters: np.ndarray, log_odds: np.ndarray, planted: np.ndarray) -> float:
    """Return the mean negative log likelihood of what was planted, (slope, offset) given."""
    slope, offset = parameters
    sign = np.where(planted > 0, 1, -1)
    margin = sign * (slope * log_odds + offset)
    return float(np.logaddexp(0, -margin).mean())


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability, CERTAIN, 1 - CERTAIN))
