"""The single metrics, each on two sounds of equal length that are already aligned.

A metric without a value for the sounds raises `MetricError` with the reason; `attempt` makes a
`Score` of it, NaN with that reason. PESQ, which needs a process of its own, is in `pesq`.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pystoi
import scipy.signal
from transformers.audio_utils import mel_filter_bank

from giblet_core.errors import MetricError

MEL_RANGE_DB = 80.0  # levels count down to this far below the loudest of the reference
MEL_WINDOW_S = 0.032
MEL_HOP_S = 0.010
FRAMES_A_BLOCK = 4096  # a film's whole spectrogram would take gigabytes


@dataclass(frozen=True)
class Score:
    """What a metric gives: a value, or NaN and the reason why there is none."""

    value: float
    reason: str = ""


def attempt(metric: Callable[..., float], *arguments: object) -> Score:
    """Call a metric; where it is not defined, return NaN with the reason.

    Examples
    --------
    >>> attempt(si_sdr, np.ones(4), np.zeros(4))
    Score(value=nan, reason='the sound is silent')
    """
    try:
        return Score(metric(*arguments))
    except MetricError as error:
        return Score(np.nan, str(error))


def si_sdr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio (SI-SDR) in dB.

    With ``a = <d, r> / <r, r>``: ``10 log10(|a r|^2 / |d - a r|^2)``; infinite for a scaled copy.
    The mean is not removed. It compares waveforms, so it does not rank codecs: one sample of delay
    of the original costs it more than 10 dB.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)

    Returns
    -------
    float

    Raises
    ------
    MetricError
        One of them is silent.

    References
    ----------
    Le Roux, Wisdom, Erdogan, Hershey (2019), SDR - half-baked or well done?
    doi:10.1109/ICASSP.2019.8683855

    Examples
    --------
    >>> round(si_sdr(np.array([1.0, 0.0]), np.array([1.0, 0.1])), 6)
    20.0
    """
    r = np.asarray(reference, float)
    d = np.asarray(degraded, float)
    reference_energy = r @ r
    if not reference_energy > 0:
        raise MetricError("the reference is silent")
    if not d @ d > 0:
        raise MetricError("the sound is silent")
    target = (d @ r) / reference_energy * r
    distortion = d - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))


def log_mel_distance(
    reference: np.ndarray, degraded: np.ndarray, sample_rate: int, n_mels: int = 80
) -> float:
    """Return the distance of two log-mel spectrograms in dB.

    The root mean square over bands, averaged over frames of 32 ms every 10 ms. Levels more than
    `MEL_RANGE_DB` below the loudest cell of the reference count as that floor, in both. It ignores
    phase.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
    sample_rate : int
        Hz.
    n_mels : int
        Bands.

    Returns
    -------
    float
        0 for identity; it has no upper bound.

    Raises
    ------
    MetricError
        The reference is silent, or shorter than one window.
    """
    window = round(MEL_WINDOW_S * sample_rate)
    if len(reference) < window:
        raise MetricError(f"shorter than one window ({len(reference)} < {window} samples)")
    reference_mel = _mel_power(reference, sample_rate, n_mels)
    degraded_mel = _mel_power(degraded, sample_rate, n_mels)
    floor = reference_mel.max() * 10 ** (-MEL_RANGE_DB / 10)
    if not floor > 0:
        raise MetricError("the reference is silent")
    reference_db = 10 * np.log10(np.maximum(reference_mel, floor))
    degraded_db = 10 * np.log10(np.maximum(degraded_mel, floor))
    of_frames = np.sqrt(((reference_db - degraded_db) ** 2).mean(0))
    return float(of_frames.mean())


def _mel_power(wave: np.ndarray, sample_rate: int, n_mels: int) -> np.ndarray:
    """Return the mel power spectrogram (n_mels, n_frames), every frame that touches the sound.

    The first frame is centred one hop before the sound.
    """
    window = round(MEL_WINDOW_S * sample_rate)
    hop = round(MEL_HOP_S * sample_rate)
    n_fft = 1 << (window - 1).bit_length()
    filters = mel_filter_bank(
        n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney"
    )
    taper = scipy.signal.windows.hann(window, sym=False)
    n_frames = 1 + math.ceil((len(wave) + window // 2) / hop)
    padded = np.pad(np.asarray(wave, float), (window // 2 + hop, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:n_frames]
    blocks = []
    for first in range(0, len(frames), FRAMES_A_BLOCK):
        spectrum = np.fft.rfft(frames[first : first + FRAMES_A_BLOCK] * taper, n_fft)
        blocks.append(filters.T @ np.abs(spectrum.T) ** 2)
    return np.hstack(blocks)


def stoi(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return the short-time objective intelligibility (STOI) of speech, by pystoi.

    A model of speech: it is given on segments with speech only. pystoi works at 10 kHz inside.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
    sample_rate : int
        Hz.

    Returns
    -------
    float
        About 0 to 1.

    Raises
    ------
    MetricError
        Too little speech: pystoi itself would warn and return 1e-5.

    References
    ----------
    Taal, Hendriks, Heusdens, Jensen (2011), An algorithm for intelligibility prediction of
    time-frequency weighted noisy speech. doi:10.1109/TASL.2011.2114881
    """
    if not np.any(reference):
        raise MetricError("the reference is silent")
    if not np.any(degraded):
        raise MetricError("the sound is silent")
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        try:
            return float(
                pystoi.stoi(np.asarray(reference, float), np.asarray(degraded, float), sample_rate)
            )
        except RuntimeWarning as warning:
            raise MetricError(
                "too little speech for STOI, which needs 30 frames (0.4 s) after silence is removed"
            ) from warning
