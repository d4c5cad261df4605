"""What a region can follow that is no codebook: level, spectrum, speech, change, or no sound.

Each function returns tracks (1 or n_subjects, n_bins), neither centred nor scaled; a bin holds
nothing that sounds after it. The measures of sound are this room's own.
"""

import numpy as np
from scipy import signal

from giblet_core.simulations.heard_sound import (
    FLOOR,
    FRAME_RATE_HZ,
    RATE_HZ,
    HeardSound,
    bin_means,
)
from giblet_core.simulations.subjects import SubjectDraws

TUNING_BANDS = 2.0  # width of a tuning, in bands
N_TUNINGS = 3
CHANGE_FRAMES = 5  # 50 ms
SEEN_HZ = 0.05  # above it, what is not sound has little power


def envelope(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the root mean square to a power between .3 and .7."""
    return _power_law(sound, draws.rng.uniform(0.3, 0.7))


def root_mean_square(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the root mean square as it is."""
    return _power_law(sound, 1.0)


def mean_power(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the power: the square of the root mean square."""
    return _power_law(sound, 2.0)


def power_law(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the root mean square to a power between .15 and 3, compressive or expansive."""
    return _power_law(sound, np.exp(draws.rng.uniform(np.log(0.15), np.log(3))))


def log_level(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the level in dB above a floor between -80 and -40 dB of full scale."""
    floor = 10 ** draws.rng.uniform(-8, -4)
    return bin_means(np.log(sound.power[:, None] + floor)).T


def loudness(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the power, weighted as the ear weighs it, to the power .3."""
    return bin_means(_loudness(sound)[:, None]).T


def loudness_in_speech(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow loudness with a gain: where nobody speaks it counts 0 to 30 %."""
    gain = draws.rng.uniform(0, 0.3)
    return loudness(sound, draws) * (gain + (1 - gain) * sound.speech)


def speech(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow whether somebody speaks."""
    return sound.speech[None]


def mel_bands(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the log power of a few broad bands, with weights of either sign."""
    levels = np.log(sound.bands + FLOOR)
    return _tuned(levels, draws, positive=False)


def band_power(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the amplitude of a few broad bands to a power between .5 and 2.

    Bands are raised in proportion to their frequency, so that low ones do not outweigh all others.
    """
    raised = np.sqrt(sound.bands.astype(np.float64)) * sound.band_edges_hz[1:] / 1_000
    return _tuned(raised ** draws.rng.uniform(0.5, 2), draws, positive=True)


def onsets(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow rises of the log power, summed over all bands; falls count nothing."""
    levels = np.log(sound.bands + FLOOR)
    memory_frames = 3
    rises = levels[memory_frames:] - levels[:-memory_frames]
    rises = np.concatenate([np.zeros_like(levels[:memory_frames]), rises])
    flux = np.maximum(rises, 0).sum(1, keepdims=True)
    return bin_means(flux**0.7).T


def modulation(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow how strongly the level of one broad band moves within an octave of 2 to 16 Hz."""
    levels = np.log(sound.bands + 1e-6)
    of_band = levels @ _tuning(draws.rng, levels.shape[1])
    low_hz = np.exp(draws.rng.uniform(np.log(2), np.log(8)))
    band_hz = (low_hz, 2 * low_hz)
    sections = signal.butter(2, band_hz, "bandpass", fs=FRAME_RATE_HZ, output="sos")
    moving = signal.sosfilt(sections, of_band - of_band[0])
    return bin_means(np.abs(moving)[:, None]).T


def brightness(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the centre of the spectrum in octaves."""
    centres = np.log2(np.sqrt(sound.band_edges_hz[:-1] * sound.band_edges_hz[1:]))
    amplitudes = np.sqrt(sound.bands.astype(np.float64)) + 1e-6
    centre = amplitudes @ centres / amplitudes.sum(1)
    return bin_means(centre[:, None]).T


def silences(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow the share of time that is softer than a level between -55 and -35 dB."""
    threshold = 10 ** draws.rng.uniform(-5.5, -3.5)
    return bin_means((sound.power[:, None] < threshold).astype(float)).T


def spectral_change(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow how much the log power of bands changes over 50 ms, up or down."""
    levels = np.log(sound.bands + 1e-6)
    changes = np.abs(levels[CHANGE_FRAMES:] - levels[:-CHANGE_FRAMES])
    changes = np.concatenate([np.zeros_like(levels[:CHANGE_FRAMES]), changes])
    return bin_means(changes.mean(1, keepdims=True)).T


def seen(sound: HeardSound, draws: SubjectDraws) -> np.ndarray:
    """Follow something slow that subjects share and that is no sound, as what they see."""
    n_bins = sound.n_bins
    spectrum = np.fft.rfft(draws.rng.standard_normal(n_bins))
    frequency_hz = np.fft.rfftfreq(n_bins, 1 / RATE_HZ)
    return np.fft.irfft(spectrum / np.sqrt(1 + (frequency_hz / SEEN_HZ) ** 2), n_bins)[None]


def _power_law(sound: HeardSound, exponent: float) -> np.ndarray:
    return bin_means(sound.power[:, None] ** (exponent / 2)).T


def _loudness(sound: HeardSound) -> np.ndarray:
    """Return power weighted by the ear's sensitivity, to the power .3: (n_frames,)."""
    centres_hz = np.sqrt(sound.band_edges_hz[:-1] * sound.band_edges_hz[1:])
    low_cut = centres_hz**2 / (centres_hz**2 + 150**2)
    presence = 1 + np.exp(-(np.log2(centres_hz / 3_000) ** 2))
    return (sound.bands @ (low_cut * presence) + FLOOR) ** 0.3


def _tuning(rng: np.random.Generator, n_bands: int) -> np.ndarray:
    best_band = rng.uniform(0, n_bands)
    return np.exp(-0.5 * ((np.arange(n_bands) - best_band) / TUNING_BANDS) ** 2)


def _tuned(levels: np.ndarray, draws: SubjectDraws, positive: bool) -> np.ndarray:
    """Sum three tunings of levels (n_frames, n_bands): (n_subjects, n_bins)."""
    tunings = [_tuning(draws.rng, levels.shape[1]) for _ in range(N_TUNINGS)]
    tracks = bin_means(levels @ np.stack(tunings, axis=1))
    weights = draws.weights(N_TUNINGS)
    if positive:
        weights = np.abs(weights)
    return weights @ tracks.T
