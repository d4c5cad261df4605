"""TODO: features/acoustic."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.features.pooling import PEAKS_S, POOLS, pooled, slow_directions
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.metrics import k_weighted
from giblet_core.sound import log_mel
from giblet_core.timing import TRGrid

BASELINES = ("envelope", "loudness", "mel", "speech", "time")
BASE_RATE_HZ = 100  # of envelope, loudness, spectrum and speech
FLOOR_LUFS = -70.0


def envelope(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the RMS of each 10 ms and its cube root (as loudness grows), shape (2, n_frames)."""
    hop = sample_rate // BASE_RATE_HZ
    rms = np.sqrt((wave[: len(wave) // hop * hop].reshape(-1, hop).astype(np.float64) ** 2).mean(1))
    return np.stack([rms, np.cbrt(rms)])


def momentary_loudness(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the momentary loudness (ITU-R BS.1770: K-weighted, the last 400 ms) every 10 ms, LUFS
    above -70, shape (1, n_frames).
    """
    weighted = k_weighted(wave, sample_rate)
    hop, window = sample_rate // BASE_RATE_HZ, int(0.4 * BASE_RATE_HZ)
    power = np.append(
        np.zeros(window), (weighted[: len(wave) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    )
    total = np.cumsum(power)
    mean = np.maximum(total[window:] - total[:-window], 0) / window
    return np.maximum(-0.691 + 10 * np.log10(np.maximum(mean, 1e-12)), FLOOR_LUFS)[None]


def speech_track(annotation: Any, n_frames: int) -> np.ndarray:
    """Return speech presence (0 or 1) and word onsets a second in each 10 ms, shape (2, n_frames)."""
    onsets = np.array([word.start_s for word in annotation.words])
    counts = np.bincount(np.floor(onsets * BASE_RATE_HZ).astype(int), minlength=n_frames)[:n_frames]
    presence = annotation.active("speech", (np.arange(n_frames) + 0.5) / BASE_RATE_HZ)
    return np.stack([presence.astype(float), counts * float(BASE_RATE_HZ)])


def mel_spectrum(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    return log_mel(wave, sample_rate, 128, sample_rate // BASE_RATE_HZ, 1024)[
        :, : len(wave) // (sample_rate // BASE_RATE_HZ)
    ]


def baseline_features(
    wave: np.ndarray,
    sample_rate: int,
    grid: TRGrid | Sequence[TRGrid],
    kinds: Sequence[str] = BASELINES,
    annotation: Any = None,
    hrf: str | None = "glover",
    **timing: float,
) -> dict[str, FeatureSpace]:
    """Make the spaces that need no codec.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz; a multiple of 100.
    grid, hrf, timing
        As in `pooled`.
    kinds : sequence of str
        "envelope" (10 columns: RMS and its cube root, all statistics), "loudness" (mean, SD), "mel"
        (128 bands, all statistics), "speech" (presence, word rate; needs `annotation`), "time"
        (index of the TR in its run, and its square).
    annotation : Annotation, optional
        Words and what sounds when.

    Returns
    -------
    dict of FeatureSpace
    """
    require(
        not set(kinds) - set(BASELINES) and not sample_rate % BASE_RATE_HZ,
        f"kinds={tuple(kinds)}, sample_rate={sample_rate}: must be "
        f"some of {', '.join(BASELINES)}, at a rate that is a multiple of 100 Hz. Resample first.",
    )
    if "speech" in kinds and annotation is None:
        raise InputError(
            "kinds: 'speech' needs annotation, the words and their times. Leave it out for sound without annotation."
        )
    hop = sample_rate // BASE_RATE_HZ
    wave = np.append(
        wave, np.zeros(-len(wave) % hop, wave.dtype)
    )  # a last frame that is not whole would cut the last TR
    make = {
        "envelope": (lambda: envelope(wave, sample_rate), POOLS, "power"),
        "loudness": (lambda: momentary_loudness(wave, sample_rate), POOLS[:2], "LUFS"),
        "mel": (lambda: mel_spectrum(wave, sample_rate), POOLS, "band"),
        "speech": (
            lambda: speech_track(annotation, len(wave) // hop),
            POOLS[:1],
            "presence, words",
        ),
    }
    spaces = {}
    for kind in kinds:
        if kind == "time":
            runs = [
                np.linspace(-1, 1, g.n_trs) for g in ([grid] if isinstance(grid, TRGrid) else grid)
            ]
            values = np.concatenate([np.column_stack([t, t**2]) for t in runs]).astype(np.float32)
            spaces[kind] = FeatureSpace(kind, values, ("index", "index squared"))
            continue
        signal, statistics, label = make[kind]
        x = np.asarray(signal(), dtype=np.float64)
        spaces[kind] = FeatureSpace(
            kind,
            pooled(x, BASE_RATE_HZ, grid, statistics, hrf, **timing),
            column_names(len(x), statistics, label),
        )
    return spaces


def strong_baselines(
    wave: np.ndarray,
    sample_rate: int,
    grid: TRGrid | Sequence[TRGrid],
    annotation: Any = None,
    n_bands: int = 12,
    peaks_s: Sequence[float] = PEAKS_S,
    **timing: float,
) -> dict[str, FeatureSpace]:
    """Make baselines that leave little of loudness to codes: level through several nonlinearities,
    each with several responses.

    Parameters
    ----------
    annotation : Annotation, optional
        Adds "speech": presence, word rate, and level where there is speech.
    n_bands : int
        Slow directions of the 128 log-mel bands.
    wave, sample_rate, grid, timing
        As in `baseline_features`.

    Returns
    -------
    dict of FeatureSpace
        "envelope" (RMS, its powers 2/3 and 1/3, dB), "loudness", "mel", "speech".
    """
    hop = sample_rate // BASE_RATE_HZ
    wave = np.append(wave, np.zeros(-len(wave) % hop, wave.dtype))
    rms, cube_root = envelope(wave, sample_rate)
    level = np.stack([rms, cube_root**2, cube_root, 20 * np.log10(rms + 1e-3 * rms.max() + 1e-12)])
    mel = np.asarray(mel_spectrum(wave, sample_rate), dtype=np.float64)
    tracks = {
        "envelope": level,
        "loudness": momentary_loudness(wave, sample_rate),
        "mel": slow_directions(pooled(mel, BASE_RATE_HZ, grid, ("mean",), None), n_bands) @ mel,
    }
    if annotation is not None:
        speech = speech_track(annotation, len(rms))
        tracks["speech"] = np.concatenate(
            [speech, speech[:1] * (level[2:] - level[2:].mean(1, keepdims=True))]
        )
    values = {
        name: [pooled(x, BASE_RATE_HZ, grid, ("mean",), peak_s=peak, **timing) for peak in peaks_s]
        for name, x in tracks.items()
    }
    return {
        name: FeatureSpace(
            name,
            np.concatenate(v, axis=1),
            tuple(
                f"{name} {i}, peak {peak:g} s" for peak in peaks_s for i in range(len(tracks[name]))
            ),
        )
        for name, v in values.items()
    }
