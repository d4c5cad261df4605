"""What all sounds of the film are made with: wavetables, noise, slow curves, knocks, fades.

Sounds are float32 at 24 kHz; frequencies are in Hz, times in seconds.
"""

import numpy as np
from scipy.signal import butter, sosfilt

RATE = 24_000  # Hz, of everything the film renders
TABLE_SIZE = 4096
HIGHEST_HZ = 11_000  # of a harmonic: no aliasing


def wavetable(amplitudes: np.ndarray, frequency: float) -> np.ndarray:
    """Return one period of a sum of harmonics, of those below 11 kHz only: (4096,) float32."""
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, complex)
    n = min(len(amplitudes), int(HIGHEST_HZ / frequency))
    spectrum[1 : n + 1] = -0.5j * amplitudes[:n] * TABLE_SIZE
    return np.fft.irfft(spectrum).astype(np.float32)


def sing(
    table: np.ndarray, frequency: np.ndarray | float, n: int, phase: float = 0.0
) -> np.ndarray:
    """Read a wavetable at a frequency that may vary.

    Parameters
    ----------
    table : array of shape (4096,)
    frequency : float or array of shape (n,)
        Hz.
    n : int
        Samples.
    phase : float
        Where in its period the sound begins, 0 to 1.

    Returns
    -------
    array of shape (n,), float32
    """
    if np.ndim(frequency):
        cycles = np.cumsum(frequency) / RATE
    else:
        cycles = np.arange(n) * (frequency / RATE)
    places = ((cycles + phase) * TABLE_SIZE).astype(np.int64)
    return table[places & (TABLE_SIZE - 1)]


def _half_cosine(n: int) -> np.ndarray:
    """Return a rise from 0: (n,)."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(n, dtype=np.float32) / max(n, 1))


def fade(wave: np.ndarray, attack_s: float, release_s: float) -> np.ndarray:
    """Raise the start and lower the end of a sound with half cosines, in place.

    Parameters
    ----------
    wave : array of shape (n,)
    attack_s, release_s : float
        Seconds.

    Returns
    -------
    array of shape (n,)
        The same array.
    """
    n_attack = min(len(wave), int(attack_s * RATE))
    wave[:n_attack] *= _half_cosine(n_attack)
    n_release = min(len(wave), int(release_s * RATE))
    backwards = wave[::-1]
    backwards[:n_release] *= _half_cosine(n_release)
    return wave


def decay(n: int, seconds: float) -> np.ndarray:
    """Return an exponential with a time constant in seconds: (n,) float32."""
    return np.exp(np.arange(n, dtype=np.float32) * np.float32(-1 / (seconds * RATE)))


def unit_rms(wave: np.ndarray) -> np.ndarray:
    """Bring a sound to RMS 1."""
    return wave / (np.sqrt(np.mean(wave**2)) + np.float32(1e-9))


def unit_peak(wave: np.ndarray) -> np.ndarray:
    """Bring a sound to peak 1."""
    return wave / (np.abs(wave).max() + np.float32(1e-9))


def band_pass(wave: np.ndarray, low: float, high: float, order: int = 2) -> np.ndarray:
    """Filter a sound (Butterworth).

    Parameters
    ----------
    wave : array of shape (n,)
    low, high : float
        Hz.
    order : int

    Returns
    -------
    array of shape (n,)
        As precise as the filter computes it.
    """
    sos = butter(order, (low, high), "band", fs=RATE, output="sos")
    return sosfilt(sos, wave)


def band(n: int, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Draw noise between two frequencies, of RMS 1.

    Parameters
    ----------
    n : int
        Samples.
    rng : numpy.random.Generator
    low, high : float
        Hz.

    Returns
    -------
    array of shape (n,), float32
    """
    white = rng.standard_normal(n, dtype=np.float32)
    return unit_rms(band_pass(white, low, high).astype(np.float32))


def drift(
    n: int, rng: np.random.Generator, period_s: float, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Draw a slow curve: straight lines to a new random aim every period.

    Parameters
    ----------
    n : int
        Samples.
    rng : numpy.random.Generator
    period_s : float
        Seconds.
    low, high : float
        Between which the aims lie.

    Returns
    -------
    array of shape (n,), float32
    """
    step = max(1, int(period_s * RATE))
    aims = rng.uniform(low, high, n // step + 2).astype(np.float32)
    return straight_lines(aims, step)[:n]


def straight_lines(values: np.ndarray, step: int) -> np.ndarray:
    """Return lines of `step` samples from each float32 value to the next: a step for each line."""
    ramp = np.arange(step, dtype=np.float32) / step
    return (values[:-1, None] + np.diff(values)[:, None] * ramp).ravel()


def grain(
    frequency: float, seconds: float, rng: np.random.Generator, roughness: float = 0.3
) -> np.ndarray:
    """Make a short knock: a damped tone and a damped burst of noise around it.

    Parameters
    ----------
    frequency : float
        Hz.
    seconds : float
        Time constant of the damping.
    rng : numpy.random.Generator
    roughness : float
        Share of the burst, 0 to 1.

    Returns
    -------
    array of shape (n,), float32
    """
    n = int(RATE * seconds * 7)
    tone = np.sin(2 * np.pi * frequency * np.arange(n) / RATE)
    highest = min(HIGHEST_HZ, frequency * 3)
    burst = band_pass(rng.standard_normal(n), frequency * 0.6, highest).astype(np.float32)
    knock = (tone * (1 - roughness) + burst * roughness * 2).astype(np.float32)
    return fade(knock * decay(n, seconds), 0.001, 0.005)


def place(out: np.ndarray, wave: np.ndarray, start: int, gain: float = 1.0) -> int:
    """Add one sound to another, in place; what would last longer is cut.

    Parameters
    ----------
    out : array of shape (n,), float32
        The sound that is added to.
    wave : array of shape (m,)
    start : int
        Sample of `out` at which `wave` begins.
    gain : float

    Returns
    -------
    int
        The sample after the last one of `wave`.
    """
    stop = min(len(out), start + len(wave))
    if stop > start:
        out[start:stop] += wave[: stop - start] * np.float32(gain)
    return max(start, stop)
