"""TODO: metrics/alignment."""

import numpy as np
import scipy.signal

from giblet_core.errors import require
from giblet_core.sound import check_wave

MAX_LAG_S = 0.25  # lags looked for; codecs delay by milliseconds
MIN_LAG_PEAK = 0.2  # least normalised correlation at which a lag is believed
_LAG_WINDOW_S = 60.0  # the loudest minute is enough to find a constant lag


# --- alignment and level
# ---------------------------------------------------------------------------------------------------------


def aligned(reference, degraded, sample_rate):
    """Undo a constant delay: the lag maximises the cross-correlation within `MAX_LAG_S`; nothing is
    stretched.

    Returns the part that both hold, the lag in samples (positive: `degraded` is late; 0 where no
    clear peak was found), the first common sample on the reference's clock, and reasons.
    """
    reference, degraded = check_wave(reference, "reference"), check_wave(degraded, "degraded")
    reach = round(MAX_LAG_S * sample_rate)
    require(
        abs(len(reference) - len(degraded)) <= reach,
        f"degraded.shape={degraded.shape}: its length must be within {MAX_LAG_S} s of "
        f"the reference's {reference.shape}. Crop both to the same seconds; never stretch.",
    )
    n = min(len(reference), len(degraded))
    first, last = _loudest(reference[:n], round(_LAG_WINDOW_S * sample_rate))
    a, b = reference[first:last].astype(float), degraded[first:last].astype(float)
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    reach = min(reach, len(a) - 1)
    correlation = scipy.signal.correlate(b, a, method="fft")[len(a) - 1 - reach : len(a) + reach]
    peak = correlation.max() / scale if scale > 0 else 0.0
    reasons = {}
    # among equals (a periodic sound) the smallest delay: 1e-9 is far below what any sample of noise
    # does
    near = np.flatnonzero(correlation >= correlation.max() - 1e-9 * scale) - reach
    lag = int(near[np.abs(near).argmin()])
    if peak < MIN_LAG_PEAK:
        lag = 0
        reasons["lag_samples"] = (
            f"no clear peak (correlation {peak:.2f} < {MIN_LAG_PEAK}): compared without a shift"
        )
    start, stop = max(0, -lag), min(len(reference), len(degraded) - lag)
    return reference[start:stop], degraded[start + lag : stop + lag], lag, start, reasons


def _loudest(wave: np.ndarray, length: int) -> tuple[int, int]:
    if len(wave) <= length:
        return 0, len(wave)
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(float) ** 2)])
    first = int((energy[length:] - energy[:-length]).argmax())
    return first, first + length
