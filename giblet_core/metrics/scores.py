"""The single metrics, each on two sounds of equal length that are already aligned. A metric without
a value raises `MetricError`.

References: ITU-T P.862.2 (PESQ wide band); Taal et al. 2011, doi:10.1109/TASL.2011.2114881 (STOI);
Le Roux et al. 2019, doi:10.1109/ICASSP.2019.8683855 (SI-SDR).
"""

import warnings

import numpy as np
import pystoi
import scipy.signal
from transformers.audio_utils import mel_filter_bank

from giblet_core.errors import MetricError

MEL_RANGE_DB = (
    80.0  # log-mel levels are compared down to this far below the loudest of the reference
)


def si_sdr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB.

    With ``a = <d, r> / <r, r>``: ``10 log10(|a r|^2 / |d - a r|^2)``; infinite for a scaled copy.
    The mean is not removed.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)

    Raises
    ------
    MetricError
        One of them is silent.
    """
    r, d = np.asarray(reference, float), np.asarray(degraded, float)
    if not (r @ r > 0 and d @ d > 0):
        raise MetricError(f"the {'reference' if not r @ r > 0 else 'sound'} is silent")
    target = (d @ r) / (r @ r) * r
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / ((d - target) @ (d - target))))


def log_mel_distance(
    reference: np.ndarray, degraded: np.ndarray, sample_rate: int, n_mels: int = 80
) -> float:
    """Return the distance of two log-mel spectrograms in dB: RMS over bands, mean over frames of 10
    ms.

    Levels more than `MEL_RANGE_DB` below the loudest cell of the reference count as that floor, in
    both.

    Raises
    ------
    MetricError
        The reference is silent, or shorter than one 32 ms window.
    """
    window, hop = round(0.032 * sample_rate), round(0.010 * sample_rate)
    if len(reference) < window:
        raise MetricError(f"shorter than one window ({len(reference)} < {window} samples)")
    n_fft, hann = 1 << (window - 1).bit_length(), scipy.signal.windows.hann(window, sym=False)
    filters = mel_filter_bank(
        n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney"
    )
    count = 1 - (
        -(len(reference) + window // 2) // hop
    )  # every frame that touches the sound, the first centred one hop before it
    frames = [
        np.lib.stride_tricks.sliding_window_view(
            np.pad(np.asarray(w, float), (window // 2 + hop, window)), window
        )[::hop][:count]
        for w in (reference, degraded)
    ]
    blocks = range(0, len(frames[0]), 4096)  # a film's whole spectrogram would take gigabytes
    mel = [
        np.hstack(
            [filters.T @ np.abs(np.fft.rfft(f[p : p + 4096] * hann, n_fft).T) ** 2 for p in blocks]
        )
        for f in frames
    ]
    floor = mel[0].max() * 10 ** (-MEL_RANGE_DB / 10)
    if not floor > 0:
        raise MetricError("the reference is silent")
    r_db, d_db = (10 * np.log10(np.maximum(m, floor)) for m in mel)
    return float(np.sqrt(((r_db - d_db) ** 2).mean(0)).mean())


def stoi(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return the short-time objective intelligibility of speech (pystoi, 10 kHz inside).

    Raises
    ------
    MetricError
        Too little speech: pystoi itself would warn and return 1e-5.
    """
    if not (np.any(reference) and np.any(degraded)):
        raise MetricError(f"the {'sound' if np.any(reference) else 'reference'} is silent")
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        try:
            return float(
                pystoi.stoi(np.asarray(reference, float), np.asarray(degraded, float), sample_rate)
            )
        except RuntimeWarning as warning:
            raise MetricError(
                "too little speech for STOI, which needs 30 frames (0.4 s) after silence is removed"
            ) from warning
