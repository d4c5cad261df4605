"""Level in its many forms: what a claim about codes has to beat where a brain follows amplitude.

A region that follows a nonlinear function of level (its power, its logarithm, its onsets) follows
codes too, as these know the level. A baseline holds it only if that function is a sum of the
baseline's own. So level is written here as a family: power laws and logarithms, of the whole sound
and of bands, before and after smoothing, and their onsets. `modulation` adds spectro-temporal
modulation [1]_ [2]_.

References
----------
.. [1] Chi, Ru & Shamma 2005, J Acoust Soc Am 118, 887. doi:10.1121/1.1945807
.. [2] Santoro et al. 2014, PLoS Comput Biol 10, e1003412. doi:10.1371/journal.pcbi.1003412
"""

import numpy as np
from scipy.signal import lfilter

BASE_RATE_HZ = 100  # of all tracks: frames of 10 ms
POWERS = (0.3, 0.5, 1.0, 2.0)  # of the root mean square
FLOORS = (1e-3, 1e-5)  # of the largest root mean square: what the logarithm adds
SMOOTHING_S = (0.2, 1.5)  # levels are also formed after smoothing
N_BANDS = 6
ONSET_STEPS = (2, 10)  # frames over which level rises
RATES_HZ = (1.5, 3.0, 6.0, 12.0)  # centres of octaves from 1 to 16 Hz
SCALES_PER_OCTAVE = (0.0, 0.25, 0.5, 1.0, 2.0)  # cycles
CHANNELS_PER_OCTAVE = 6
BROAD_OCTAVES = 0.75  # over which scale 0 averages
LOWEST_HZ = 90.0
HIGHEST_HZ = 10_000.0
EVERY_CHANNEL = 4  # of the modulation's output is kept: neighbours say the same
SPEECH_PLACE = 0.35  # of the spread of the syllabic share: width of the guess at speech


def level_family(rms: np.ndarray) -> np.ndarray:
    """Pass a level (n_frames,) through power laws and logarithms: (n_laws, n_frames)."""
    largest = rms.max() + 1e-12
    relative = rms / largest
    laws = [relative**power for power in POWERS]
    laws += [np.log(relative + floor) for floor in FLOORS]
    return np.stack(laws)


def levels(rms: np.ndarray) -> np.ndarray:
    """Return the level's family before and after smoothing of its power, (n_rows, n_frames).

    The mean of a logarithm is not the logarithm of a mean: cells may compress at any speed.
    """
    families = [level_family(rms)]
    for seconds in SMOOTHING_S:
        families.append(level_family(np.sqrt(smoothed(rms**2, seconds))))
    return np.concatenate(families)


def smoothed(power: np.ndarray, seconds: float) -> np.ndarray:
    """Average the last `seconds` of tracks (..., n_frames); earlier than the first is silence."""
    window = round(seconds * BASE_RATE_HZ)
    total = np.cumsum(power, axis=-1)
    before = np.zeros((*power.shape[:-1], window))
    earlier = np.concatenate([before, total[..., :-window]], axis=-1)[..., : power.shape[-1]]
    return np.maximum(total - earlier, 0) / window


def band_rms(mel_db: np.ndarray, n_bands: int = N_BANDS) -> np.ndarray:
    """Sum the power of neighbouring mel bands (dB): root mean square, (n_bands, n_frames)."""
    power = 10 ** (np.asarray(mel_db, dtype=np.float64) / 10)
    return np.sqrt(np.stack([band.sum(0) for band in np.array_split(power, n_bands)]))


def onsets(rms: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Return how fast levels rise, and 0 where they fall: (n_rows, n_frames).

    Parameters
    ----------
    rms : array of shape (n_frames,)
        Of the whole sound.
    bands : array of shape (n_bands, n_frames)
        Of bands.

    Returns
    -------
    array of shape (n_rows, n_frames)
        The half-wave rectified derivative of each law of the whole level, over 20 and 100 ms, of
        the cube root and the logarithm in each band, and their sums over bands (spectral flux).
    """
    rows = []
    for n_steps in ONSET_STEPS:
        level = np.sqrt(smoothed(rms**2, n_steps / BASE_RATE_HZ))
        in_bands = np.sqrt(smoothed(bands**2, n_steps / BASE_RATE_HZ))
        rows += list(_rise(level_family(level), n_steps))
        relative = in_bands / (in_bands.max() + 1e-12)
        for compressed in (np.cbrt(relative), np.log(relative + FLOORS[0])):
            rises = _rise(compressed, n_steps)
            rows += [*rises, rises.sum(0)]
    return np.stack(rows)


def _rise(x: np.ndarray, n_steps: int) -> np.ndarray:
    """Return how much rows (n_rows, n_frames) rose in the last steps, 0 where they fell."""
    before = np.concatenate([np.repeat(x[:, :1], n_steps, axis=1), x[:, :-n_steps]], axis=1)
    return np.maximum(x - before[:, : x.shape[1]], 0)


def syllabic_share(mel_db: np.ndarray) -> np.ndarray:
    """Guess where speech is, from 0 to 1, by the pace of the level: (n_frames,).

    The share of 3 to 8 Hz in the modulation of the level. It stands in where speech is not
    annotated, and takes any syllable-paced sound for speech.
    """
    level = np.asarray(mel_db, dtype=np.float64)[8:96].mean(0)
    slow, fast = (_narrow(level, rate_hz) for rate_hz in (1.5, 5.0))
    syllabic = smoothed(np.abs(fast) ** 2, 1.5)
    share = syllabic / (syllabic + smoothed(np.abs(slow) ** 2, 1.5) + 1e-9)
    z = (share - share.mean()) / (SPEECH_PLACE * share.std() + 1e-9)
    return 1 / (1 + np.exp(-z))


def spectrotemporal_modulation(mel_db: np.ndarray, centres_hz: np.ndarray) -> np.ndarray:
    """Measure how strongly a spectrum moves at several rates and scales, rising and falling.

    A Gabor filter along log-frequency, then a causal one of one side of the rates [1]_; the modulus
    of the result, averaged over low, middle and high channels.

    Parameters
    ----------
    mel_db : array of shape (n_mels, n_frames)
        Every 10 ms.
    centres_hz : array of shape (n_mels,)
        Of the mel bands, rising.

    Returns
    -------
    array of shape (4 rates * 9 scales * 3, n_frames)
        Nine: 0, and four scales of which the ripples rise or fall.
    """
    channels = _log_channels(np.asarray(mel_db, dtype=np.float64), centres_hz)
    rows = []
    for scale in SCALES_PER_OCTAVE:
        ripples = _along_frequency(channels, scale)[::EVERY_CHANNEL]
        for rate_hz in RATES_HZ:
            for direction in (1, -1) if scale else (1,):
                moving = np.abs(_narrow(ripples, direction * rate_hz))
                rows += [part.mean(0) for part in np.array_split(moving, 3)]
    return np.stack(rows)


def _log_channels(mel_db: np.ndarray, centres_hz: np.ndarray) -> np.ndarray:
    """Interpolate mel bands at channels evenly spaced in octaves, (n_channels, n_frames)."""
    highest_hz = min(HIGHEST_HZ, centres_hz[-1])
    n_channels = 1 + int(CHANNELS_PER_OCTAVE * np.log2(highest_hz / LOWEST_HZ))
    channels_hz = LOWEST_HZ * 2 ** (np.arange(n_channels) / CHANNELS_PER_OCTAVE)
    place = np.interp(channels_hz, centres_hz, np.arange(len(centres_hz)))
    below = np.minimum(place.astype(int), len(centres_hz) - 2)
    fraction = (place - below)[:, None]
    return (1 - fraction) * mel_db[below] + fraction * mel_db[below + 1]


def _along_frequency(channels: np.ndarray, scale: float) -> np.ndarray:
    """Filter channels along frequency by a complex Gabor of `scale` cycles an octave."""
    octaves = BROAD_OCTAVES if scale == 0 else 1 / (2 * scale)  # half a cycle
    width = CHANNELS_PER_OCTAVE * octaves  # standard deviation
    reach = min(round(2 * width), len(channels) // 2)
    offset = np.arange(-reach, reach + 1)
    gabor = np.exp(-0.5 * (offset / width) ** 2 + 2j * np.pi * scale * offset / CHANNELS_PER_OCTAVE)
    if scale:
        gabor -= np.abs(gabor) * gabor.sum() / np.abs(gabor).sum()  # blind to the level
    matrix = np.zeros((len(channels), len(channels)), complex)
    for shift, weight in zip(offset, gabor / np.abs(gabor).sum()):
        matrix += weight * np.eye(len(channels), k=shift)
    return matrix @ channels


def _narrow(x: np.ndarray, rate_hz: float) -> np.ndarray:
    """Pass an octave around one signed rate, causally: a complex resonator of two poles."""
    frequency = np.exp(2j * np.pi * rate_hz / BASE_RATE_HZ)
    decay = np.exp(-np.pi * 0.7 * abs(rate_hz) / BASE_RATE_HZ)
    pole = decay * frequency
    gain = (1 - decay) ** 2
    at_rest = x - x[..., :1]  # as if the first frame had always been heard
    return lfilter([gain], [1, -2 * pole, pole**2], at_rest, axis=-1)
