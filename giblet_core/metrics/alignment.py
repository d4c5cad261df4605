"""Undo the constant delay between a sound and its reference, before they are compared."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from giblet_core.errors import InputError
from giblet_core.sound import check_wave

MAX_LAG_S = 0.25  # lags looked for; codecs delay by milliseconds
MIN_LAG_PEAK = 0.2  # least normalised correlation at which a lag is believed
LAG_WINDOW_S = 60.0  # the loudest minute is enough to find a constant lag
EQUAL = 1e-9  # of the largest correlation possible: far below what any sample of noise does


@dataclass(frozen=True)
class AlignedPair:
    """The part that a reference and a sound have in common, after a constant lag is undone.

    Attributes
    ----------
    reference, degraded : array of shape (n_common,), float32
    lag_samples : int
        How late the sound was; 0 where no clear peak was found.
    start : int
        The first common sample, on the reference's clock.
    reason : str
        Why the sounds were compared without a shift; "" where a lag was found.
    """

    reference: np.ndarray
    degraded: np.ndarray
    lag_samples: int
    start: int
    reason: str


def aligned(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> AlignedPair:
    """Undo a constant delay: the lag maximises the cross-correlation; nothing is stretched.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
        Lengths may differ by at most `MAX_LAG_S`.
    sample_rate : int
        Hz.

    Returns
    -------
    AlignedPair

    Raises
    ------
    InputError
        Shapes, non-finite samples, lengths that differ.
    """
    reference = check_wave(reference, "reference")
    degraded = check_wave(degraded, "degraded")
    max_lag = round(MAX_LAG_S * sample_rate)
    if abs(len(reference) - len(degraded)) > max_lag:
        raise InputError(
            f"degraded.shape={degraded.shape}: its length must be within {MAX_LAG_S} s of the "
            f"reference's {reference.shape}. Crop both to the same seconds; never stretch."
        )
    n_common = min(len(reference), len(degraded))
    window = _loudest(reference[:n_common], round(LAG_WINDOW_S * sample_rate))
    lag, peak = _lag(reference[window], degraded[window], max_lag)
    reason = ""
    if peak < MIN_LAG_PEAK:
        lag = 0
        reason = (
            f"no clear peak (correlation {peak:.2f} < {MIN_LAG_PEAK}): compared without a shift"
        )
    start = max(0, -lag)
    stop = min(len(reference), len(degraded) - lag)
    return AlignedPair(
        reference[start:stop], degraded[start + lag : stop + lag], lag, start, reason
    )


def _lag(reference: np.ndarray, degraded: np.ndarray, max_lag: int) -> tuple[int, float]:
    """Return the lag of the highest cross-correlation, and how high it is, normalised.

    Of lags that are as good (a periodic sound has many) it is the smallest.
    """
    reference = reference.astype(float)
    degraded = degraded.astype(float)
    highest_possible = np.sqrt((reference**2).sum() * (degraded**2).sum())
    n = len(reference)
    reach = min(max_lag, n - 1)
    at_all_lags = scipy.signal.correlate(degraded, reference, method="fft")
    correlation = at_all_lags[n - 1 - reach : n + reach]  # lag 0 is in its middle
    highest = correlation.max()
    as_good = np.flatnonzero(correlation >= highest - EQUAL * highest_possible) - reach
    lag = int(as_good[np.abs(as_good).argmin()])
    return lag, highest / highest_possible if highest_possible > 0 else 0.0


def _loudest(wave: np.ndarray, length: int) -> slice:
    """Return where the `length` samples with the most energy lie; the whole of a shorter sound."""
    if len(wave) <= length:
        return slice(0, len(wave))
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(float) ** 2)])
    first = int((energy[length:] - energy[:-length]).argmax())
    return slice(first, first + length)
