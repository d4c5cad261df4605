"""Pitch and voicing by autocorrelation.

Every 10 ms a frame of 40 ms is correlated with itself. The lag of the highest peak between 1/400
and 1/70 s is the period; a small cost for each octave of lag keeps twice the period, which fits as
well, from winning. A frame is voiced where its largest normalised correlation is above 0.5 and it
is not silent.

Why not librosa: its ``pyin`` was tried. On steady, gliding and trembling harmonic tones of
75-390 Hz both are within 50 cents everywhere, also with noise 10 dB below; with noise as loud as
the tone 86 % of the frames are found here, 43 % there; and this takes 0.2 s a minute of sound, that
4 to 11 s. ``librosa.yin`` is as fast and as accurate, but does not tell voiced from unvoiced.
"""

from dataclasses import dataclass

import numpy as np

PITCH_HZ = (70.0, 400.0)
TRACK_RATE_HZ = 100  # frames a second
REFERENCE_HZ = 100.0  # pitch is given in octaves above it
FRAME_S = 0.04
VOICED = 0.5  # normalised autocorrelation above which a frame counts as voiced
OCTAVE_COST = 0.05  # taken off for each octave of lag: twice the period fits as well
MIN_POWER = 1e-3  # of a frame's autocorrelation at lag 0; below, it is silent
BLOCK = 2000  # frames at a time, as the spectra of a film take gigabytes


@dataclass(frozen=True)
class _Correlator:
    """Normalised autocorrelation of tapered frames at the lags of `PITCH_HZ`.

    Attributes
    ----------
    taper : array of shape (size,), float32
    lags : array of int, shape (n_lags,)
        Samples.
    taper_correlation : array of shape (n_lags,)
        The taper's own autocorrelation, which is divided out.
    """

    taper: np.ndarray
    lags: np.ndarray
    taper_correlation: np.ndarray

    @classmethod
    def for_rate(cls, sample_rate: int) -> "_Correlator":
        size = int(FRAME_S * sample_rate)
        taper = np.hanning(size).astype(np.float32)
        lags = np.arange(int(sample_rate / PITCH_HZ[1]), int(sample_rate / PITCH_HZ[0]))
        return cls(taper, lags, _autocorrelation(taper)[lags])

    def __call__(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the correlation (n_frames, n_lags) and the power (n_frames,) of frames."""
        correlation = _autocorrelation(frames * self.taper)
        power = correlation[:, 0]
        of_frame = correlation[:, self.lags] / np.maximum(correlation[:, :1], 1e-6)
        return of_frame * (self.taper @ self.taper) / self.taper_correlation, power


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Correlate frames (..., size) with themselves at lags from 0 (Wiener-Khinchin theorem)."""
    n_fft = 2 * frames.shape[-1]
    return np.fft.irfft(np.abs(np.fft.rfft(frames, n_fft)) ** 2)


def pitch_track(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Estimate pitch by autocorrelation, every 10 ms.

    Returns
    -------
    array of shape (2, n_frames)
        Octaves above 100 Hz, 0 where unvoiced; and voicing (0 or 1).

    Examples
    --------
    >>> seconds = np.arange(24_000) / 24_000
    >>> buzz = sum(np.cos(2 * np.pi * 200 * k * seconds) / k for k in range(1, 9))
    >>> octaves, voicing = pitch_track(buzz, 24_000)
    >>> float(octaves[10]), float(voicing[10])
    (1.0, 1.0)
    """
    correlator = _Correlator.for_rate(sample_rate)
    hop = sample_rate // TRACK_RATE_HZ
    size = len(correlator.taper)
    n_frames = len(wave) // hop
    padded = np.pad(np.asarray(wave, np.float32), (0, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: n_frames * hop : hop]
    track = np.zeros((2, n_frames))
    for first in range(0, n_frames, BLOCK):
        block = slice(first, first + BLOCK)
        correlation, power = correlator(frames[block])
        best = (correlation - OCTAVE_COST * np.log2(correlator.lags)).argmax(1)
        voiced = (correlation.max(1) > VOICED) & (power > MIN_POWER)
        pitch_hz = sample_rate / correlator.lags[best]
        track[0, block] = np.where(voiced, np.log2(pitch_hz / REFERENCE_HZ), 0.0)
        track[1, block] = voiced
    return track
