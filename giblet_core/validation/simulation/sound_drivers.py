"""What regions follow in the sound itself: envelope, loudness, spectrum and speech.

The filter bank and the guess at speech are the simulator's own; the analysis has others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import signal

from giblet_core.validation.simulation.timeline import RATE_HZ, smooth, to_bins, unit_variance

FRAME_RATE_HZ = 100  # of the filter bank
N_FFT = 1024
N_BANDS = 24
LOWEST_HZ = 60
HIGHEST_HZ = 10_000
BLOCK = 2000  # frames transformed at once


@dataclass(frozen=True)
class BandEnergy:
    """The energy of a sound in frames of 10 ms.

    Attributes
    ----------
    bands : array of shape (n_frames, 24), float32
        In log-spaced bands.
    power : array of shape (n_frames,), float32
        Mean square of the samples.
    edges_hz : array of shape (25,)
        Of the bands.
    """

    bands: np.ndarray
    power: np.ndarray
    edges_hz: np.ndarray


@dataclass(frozen=True)
class SoundTracks:
    """Slow tracks of a sound on the time line of 10 Hz.

    Attributes
    ----------
    envelope : array of shape (n_bins, 3)
        RMS to the power .3 and .6, and level in dB; of variance 1.
    loudness : array of shape (n_bins, 1)
        Energy weighted as the ear weights it, to the power .3; scaled, not centred.
    spectrum : array of shape (n_bins, 24)
        Log energy of bands from 60 Hz to 10 kHz; of variance 1.
    speech : array of shape (n_bins,)
        Presence of speech, 0 to 1: annotated, or guessed by `speech_proxy`.
    """

    envelope: np.ndarray
    loudness: np.ndarray
    spectrum: np.ndarray
    speech: np.ndarray


def _filter_bank(edges_hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return overlapping trapezoids: (513, 24) float32, power spectrum to bands."""
    frequency = np.fft.rfftfreq(N_FFT, 1 / sample_rate)
    filters = []
    for low, high in zip(edges_hz[:-1], edges_hz[1:]):
        rise = (frequency - low * 0.8) / (0.2 * low)
        fall = (1.25 * high - frequency) / (0.25 * high)
        filters.append(np.clip(np.minimum(rise, fall), 0, 1))
    return np.stack(filters, axis=1).astype(np.float32)


def band_energy(wave: np.ndarray, sample_rate: int) -> BandEnergy:
    """Measure the energy of each frame of 10 ms, whole and in 24 log-spaced bands."""
    hop = sample_rate // FRAME_RATE_HZ
    n_frames = len(wave) // hop
    edges_hz = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, 0.45 * sample_rate), N_BANDS + 1)
    filters = _filter_bank(edges_hz, sample_rate)
    window = signal.windows.hann(N_FFT, sym=False).astype(np.float32)
    padded = np.pad(np.asarray(wave, np.float32), (N_FFT // 2, N_FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::hop][:n_frames]
    bands = np.empty((n_frames, N_BANDS), np.float32)
    for start in range(0, n_frames, BLOCK):
        block = slice(start, start + BLOCK)
        spectrum = np.fft.rfft(frames[block] * window)
        bands[block] = (spectrum.real**2 + spectrum.imag**2) @ filters
    pieces = np.asarray(wave[: n_frames * hop], np.float32).reshape(-1, hop)
    return BandEnergy(bands, np.mean(pieces**2, axis=1), edges_hz)


def _modulation_power(level: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the power of a band of a level's modulation, smoothed over 1.5 s: (n_frames,)."""
    sos = signal.butter(2, (low_hz, high_hz), "bandpass", fs=FRAME_RATE_HZ, output="sos")
    modulation = signal.sosfilt(sos, level - level.mean())
    return smooth(modulation**2, 1.5, FRAME_RATE_HZ)


def speech_proxy(energy: BandEnergy) -> np.ndarray:
    """Guess where speech is: (n_frames,) in 0 to 1, at 100 Hz.

    Speech moves the energy between 300 Hz and 3.4 kHz at the pace of syllables. The proxy is the
    share of 3-8 Hz in the modulation (0.5-20 Hz) of that energy in dB, through a logistic at its
    median. It knows nothing of pitch, and takes any syllable-paced sound for speech.
    """
    of_speech = (energy.edges_hz[:-1] > 300) & (energy.edges_hz[1:] < 3400)
    in_speech = energy.bands[:, of_speech].sum(1)
    level = 10 * np.log10(in_speech + 1e-6 * in_speech.max() + 1e-20)
    syllabic = _modulation_power(level, 3, 8)
    share = syllabic / (_modulation_power(level, 0.5, 20) + 1e-9)
    z = (share - np.median(share)) / (0.3 * share.std() + 1e-9)
    return 1 / (1 + np.exp(-z))


def _envelope_tracks(power: np.ndarray, n_bins: int) -> np.ndarray:
    rms = np.sqrt(power)
    level = 20 * np.log10(rms + 1e-3 * rms.max() + 1e-12)
    envelope = np.stack([rms**0.3, rms**0.6, level], axis=1)
    return unit_variance(to_bins(envelope, FRAME_RATE_HZ, n_bins))


def _loudness_track(energy: BandEnergy, n_bins: int) -> np.ndarray:
    centre_hz = np.sqrt(energy.edges_hz[:-1] * energy.edges_hz[1:])
    # The ear hears less below 100 Hz, and 4 dB more above 1.5 kHz.
    sensitivity = (1 + 1.5 * (centre_hz > 1500)) / (1 + (100 / centre_hz) ** 2)
    loudness = to_bins((energy.bands @ sensitivity[:, None]) ** 0.3, FRAME_RATE_HZ, n_bins)
    return loudness / (loudness.std() + 1e-12)


def _spectrum_tracks(bands: np.ndarray, n_bins: int) -> np.ndarray:
    log_energy = np.log(bands + 1e-3 * bands.mean() + 1e-20)
    return unit_variance(to_bins(log_energy, FRAME_RATE_HZ, n_bins))


def _speech_track(energy: BandEnergy, n_bins: int, annotation: Any) -> np.ndarray:
    if annotation is None:
        return to_bins(speech_proxy(energy)[:, None], FRAME_RATE_HZ, n_bins)[:, 0]
    middles_s = (np.arange(n_bins) + 0.5) / RATE_HZ
    return np.asarray(annotation.active("speech", middles_s), float)


def sound_tracks(
    wave: np.ndarray, sample_rate: int, n_bins: int, annotation: Any = None
) -> SoundTracks:
    """Compute the tracks that the regions of envelope, loudness, speech and spectrum follow.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    n_bins : int
        Of 1/10 s.
    annotation : object with ``active(kind, times_s)``, optional
        Says where speech is; by default it is guessed.

    Returns
    -------
    SoundTracks
    """
    energy = band_energy(wave, sample_rate)
    return SoundTracks(
        envelope=_envelope_tracks(energy.power, n_bins),
        loudness=_loudness_track(energy, n_bins),
        spectrum=_spectrum_tracks(energy.bands, n_bins),
        speech=_speech_track(energy, n_bins, annotation),
    )


@dataclass(frozen=True)
class _SlowCurves:
    """Curves that wander over a sound: straight lines between random values every 2 s."""

    times_s: np.ndarray
    duration_s: float
    rng: np.random.Generator

    def draw(self, low: float, high: float) -> np.ndarray:
        """Draw a curve between two values: (n_samples,)."""
        knots_s = np.arange(0, self.duration_s + 4, 2.0)
        return np.interp(self.times_s, knots_s, self.rng.uniform(low, high, len(knots_s)))


def _buzz(curves: _SlowCurves, sample_rate: int) -> np.ndarray:
    """Return a sawtooth of wandering pitch: (n_samples,)."""
    pitch_hz = curves.draw(90, 240)
    return 2 * (np.cumsum(pitch_hz) / sample_rate % 1) - 1


def _syllables(curves: _SlowCurves, sample_rate: int) -> np.ndarray:
    """Return a gate that opens at a wandering pace: (n_samples,)."""
    pace_hz = curves.draw(2, 6)
    return np.clip(np.sin(2 * np.pi * np.cumsum(pace_hz) / sample_rate), 0, 1)


def stand_in_sound(rng: np.random.Generator, duration_s: float, sample_rate: int) -> np.ndarray:
    """Make a sound for a codec that comes without one.

    Voiced syllables and bands of noise come and go.

    Parameters
    ----------
    rng : numpy.random.Generator
    duration_s : float
    sample_rate : int
        Hz.

    Returns
    -------
    array of shape (n_samples,), float32
    """
    n_samples = int(duration_s * sample_rate)
    curves = _SlowCurves(np.arange(n_samples) / sample_rate, duration_s, rng)
    buzz = _buzz(curves, sample_rate)
    wave = _syllables(curves, sample_rate)
    wave *= np.clip(curves.draw(-0.5, 1), 0, 1)
    wave *= buzz
    # Twenty seconds of noise in each band are repeated, under gates that do not repeat.
    n_noise = min(n_samples, 20 * sample_rate)
    for centre_hz in (200, 600, 1500, 3500, 7000):
        edges_hz = (centre_hz / 1.3, centre_hz * 1.3)
        if edges_hz[1] >= sample_rate / 2:
            continue  # the rate cannot hold this band
        sos = signal.butter(2, edges_hz, "bandpass", fs=sample_rate, output="sos")
        gate = np.clip(curves.draw(-1, 1), 0, 1)
        noise = signal.sosfilt(sos, rng.standard_normal(n_noise))
        wave += gate * np.resize(noise, n_samples) * 0.5
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)
