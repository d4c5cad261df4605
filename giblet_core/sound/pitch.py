"""Pitch and voicing by autocorrelation."""

import numpy as np

PITCH_HZ = (70.0, 400.0)
TRACK_RATE_HZ = 100  # frames a second
VOICED = 0.5  # normalised autocorrelation above which a frame counts as voiced


def pitch_track(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Estimate pitch by autocorrelation, every 10 ms.

    Returns
    -------
    array of shape (2, n_frames)
        Octaves above 100 Hz, 0 where unvoiced; and voicing (0 or 1).
    """
    hop, size = sample_rate // TRACK_RATE_HZ, int(0.04 * sample_rate)
    n = len(wave) // hop
    padded = np.pad(np.asarray(wave, np.float32), (0, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: n * hop : hop]
    lags = np.arange(int(sample_rate / PITCH_HZ[1]), int(sample_rate / PITCH_HZ[0]))
    taper = np.hanning(size).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * size)) ** 2)[lags]
    out = np.zeros((2, n))
    for first in range(0, n, 2000):  # in pieces, as the spectra of a film take gigabytes
        power = np.abs(np.fft.rfft(frames[first : first + 2000] * taper, 2 * size)) ** 2
        r = np.fft.irfft(power)
        ratio = r[:, lags] / np.maximum(r[:, :1], 1e-6) * (taper @ taper) / own
        best = (ratio - 0.05 * np.log2(lags)).argmax(
            1
        )  # twice the period fits as well: the shorter one is the pitch
        voiced = (ratio.max(1) > VOICED) & (r[:, 0] > 1e-3)
        out[:, first : first + 2000] = (
            np.where(voiced, np.log2(sample_rate / lags[best] / 100.0), 0.0),
            voiced,
        )
    return out
