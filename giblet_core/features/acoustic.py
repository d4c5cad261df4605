"""Baselines from the sound alone: what any claim about codes has to beat.

`baseline_features` makes one space a track (envelope, loudness, mel spectrum, speech), and time.
`strong_baselines` makes more of the same tracks: level through several nonlinearities, each with
several responses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet_core.errors import InputError
from giblet_core.features.amplitude import (
    BASE_RATE_HZ,
    band_rms,
    level_family,
    levels,
    onsets,
    spectrotemporal_modulation,
    syllabic_share,
)
from giblet_core.features.pooling import (
    POOLS,
    RESPONSES,
    Response,
    pooled,
    slow_directions,
)
from giblet_core.features.spaces import FeatureSpace, column_names
from giblet_core.metrics import k_weighted
from giblet_core.sound import log_mel, mel_filters
from giblet_core.timing import TRGrid

N_MEL_BANDS = 128
MEL_WINDOW = 1024  # samples
MOMENT_S = 0.4  # of momentary loudness
FLOOR_LUFS = -70.0  # the gate of ITU-R BS.1770
STRONG_DIRECTIONS = {  # of the tracks of `strong_baselines`
    "envelope": 8,
    "loudness": 8,
    "bands": 16,
    "mel": 20,
    "onsets": 12,
    "modulation": 20,
    "speech": 8,
    "guessed speech": 8,
}


def envelope(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the RMS of each 10 ms and its cube root (as loudness grows), shape (2, n_frames)."""
    frames = _frames(wave.astype(np.float64), sample_rate)
    rms = np.sqrt((frames**2).mean(1))
    return np.stack([rms, np.cbrt(rms)])


def momentary_loudness(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the momentary loudness every 10 ms (ITU-R BS.1770), shape (1, n_frames).

    The power of the last 400 ms, weighted as the ear weighs it (K-weighting), in LUFS; nothing is
    below -70.
    """
    weighted = k_weighted(wave, sample_rate)
    window = int(MOMENT_S * BASE_RATE_HZ)
    power = (_frames(weighted, sample_rate) ** 2).mean(1)
    total = np.cumsum(np.append(np.zeros(window), power))
    mean = np.maximum(total[window:] - total[:-window], 0) / window
    loudness = -0.691 + 10 * np.log10(np.maximum(mean, 1e-12))
    return np.maximum(loudness, FLOOR_LUFS)[None]


def mel_spectrum(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the log-mel spectrum every 10 ms, shape (128, n_frames)."""
    hop = sample_rate // BASE_RATE_HZ
    spectrum = log_mel(wave, sample_rate, N_MEL_BANDS, hop, MEL_WINDOW)
    return spectrum[:, : len(wave) // hop]


def modulation(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return spectro-temporal modulation every 10 ms, shape (108, n_frames)."""
    return spectrotemporal_modulation(mel_spectrum(wave, sample_rate), mel_centres_hz(sample_rate))


def onset_tracks(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return how fast levels rise, every 10 ms, shape (40, n_frames)."""
    return onsets(envelope(wave, sample_rate)[0], band_rms(mel_spectrum(wave, sample_rate)))


def speech_track(annotation: Any, n_frames: int) -> np.ndarray:
    """Return presence of speech (0 or 1) and word onsets a second, every 10 ms: (2, n_frames)."""
    onsets_s = np.array([word.start_s for word in annotation.words])
    onset_frames = np.floor(onsets_s * BASE_RATE_HZ).astype(int)
    counts = np.bincount(onset_frames, minlength=n_frames)[:n_frames]
    middles_s = (np.arange(n_frames) + 0.5) / BASE_RATE_HZ
    presence = annotation.active("speech", middles_s)
    return np.stack([presence.astype(float), counts * float(BASE_RATE_HZ)])


@dataclass(frozen=True)
class Track:
    """A slow signal of the sound that becomes a baseline.

    Attributes
    ----------
    make : function
        Of (wave, sample_rate), or of (annotation, n_frames): array of shape (n_rows, n_frames) at
        `BASE_RATE_HZ`.
    pool : tuple of str
        Statistics of a TR that count.
    label : str
        What a row is, in the names of columns.
    annotated : bool
        Whether `make` reads the annotation and not the sound.
    """

    make: Callable[..., np.ndarray]
    pool: tuple[str, ...]
    label: str
    annotated: bool = False


TRACKS = {
    "envelope": Track(envelope, POOLS, "power"),
    "loudness": Track(momentary_loudness, ("mean", "sd"), "LUFS"),
    "mel": Track(mel_spectrum, POOLS, "band"),
    "modulation": Track(modulation, ("mean",), "modulation"),
    "onsets": Track(onset_tracks, ("mean",), "onsets"),
    "speech": Track(speech_track, ("mean",), "presence, words", annotated=True),
}
BASELINES = (*TRACKS, "time")
SIMPLE_BASELINES = ("envelope", "loudness", "mel", "speech", "time")


def baseline_features(
    wave: np.ndarray,
    sample_rate: int,
    grid: TRGrid | Sequence[TRGrid],
    kinds: Sequence[str] = SIMPLE_BASELINES,
    annotation: Any = None,
    hrf: Response | str | None = "glover",
) -> dict[str, FeatureSpace]:
    """Make the spaces that need no codec.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz; a multiple of 100.
    grid : TRGrid or sequence of TRGrid
        One a run.
    kinds : sequence of str
        "envelope" (10 columns: RMS and its cube root, all statistics), "loudness" (mean, SD), "mel"
        (128 bands, all statistics), "speech" (presence, word rate; needs `annotation`), "time"
        (index of the TR in its run, and its square); also "modulation" (spectro-temporal, 108
        columns) and "onsets" (40).
    annotation : Annotation, optional
        Words and what sounds when.
    hrf : Response, {"glover", "spm"} or None
        As in `pooled`. "time" takes none.

    Returns
    -------
    dict of str to FeatureSpace
        In the order of `kinds`.

    Raises
    ------
    InputError
        For an unknown kind, an odd rate, or "speech" without annotation.
    """
    if set(kinds) - set(BASELINES) or sample_rate % BASE_RATE_HZ:
        raise InputError(
            f"kinds={tuple(kinds)}, sample_rate={sample_rate}: must be some of "
            f"{', '.join(BASELINES)}, at a rate that is a multiple of 100 Hz. Resample first."
        )
    if "speech" in kinds and annotation is None:
        raise InputError(
            "kinds: 'speech' needs annotation, the words and their times. "
            "Leave it out for sound without annotation."
        )
    wave = _whole_frames(wave, sample_rate)
    spaces = {}
    for kind in kinds:
        if kind == "time":
            spaces[kind] = time_features(grid)
            continue
        track = TRACKS[kind]
        x = _rows_of(track, wave, sample_rate, annotation)
        values = pooled(x, BASE_RATE_HZ, grid, track.pool, hrf)
        names = column_names(len(x), track.pool, BASE_RATE_HZ, track.label)
        spaces[kind] = FeatureSpace(kind, values, names)
    return spaces


def time_features(grid: TRGrid | Sequence[TRGrid]) -> FeatureSpace:
    """Return the index of each TR in its run, from -1 to 1, and its square: (n_trs, 2)."""
    runs = [grid] if isinstance(grid, TRGrid) else grid
    columns = []
    for run in runs:
        index = np.linspace(-1, 1, run.n_trs)
        columns.append(np.column_stack([index, index**2]))
    values = np.concatenate(columns).astype(np.float32)
    return FeatureSpace("time", values, ("index", "index squared"))


def strong_baselines(
    wave: np.ndarray,
    sample_rate: int,
    grid: TRGrid | Sequence[TRGrid],
    annotation: Any = None,
    responses: Sequence[Response] = RESPONSES,
) -> dict[str, FeatureSpace]:
    """Make baselines that leave little of amplitude, spectrum and modulation to codes.

    Every track passes a family of nonlinearities, and each is given several responses. The same
    baselines serve notebook, region card and recovery.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz; a multiple of 100.
    grid : TRGrid or sequence of TRGrid
        One a run.
    annotation : Annotation, optional
        Says where speech is; it is guessed by its pace where there is none.
    responses : sequence of Response

    Returns
    -------
    dict of str to FeatureSpace
        In the order of `STRONG_DIRECTIONS`; of each, the directions in which its tracks move most
        from TR to TR, response by response.
    """
    wave = _whole_frames(wave, sample_rate)
    tracks = strong_tracks(wave, sample_rate, annotation)
    spaces = {}
    for name, rows in tracks.items():
        means = pooled(rows, BASE_RATE_HZ, grid, ("mean",), None)
        scale = np.maximum(means.std(0), 1e-12)[:, None]
        directions = slow_directions(means / scale[:, 0], STRONG_DIRECTIONS[name])
        spaces[name] = _with_responses(name, directions @ (rows / scale), grid, responses)
    return spaces


def strong_tracks(
    wave: np.ndarray, sample_rate: int, annotation: Any = None
) -> dict[str, np.ndarray]:
    """Form the tracks of `strong_baselines`, each (n_rows, n_frames) every 10 ms.

    Parameters
    ----------
    wave : array of shape (n_samples,)
        Whole frames of 10 ms.
    sample_rate : int
        Hz.
    annotation : Annotation, optional
        As in `strong_baselines`.

    Returns
    -------
    dict of str to array
    """
    rms, _ = envelope(wave, sample_rate)
    weighted = np.sqrt((_frames(k_weighted(wave, sample_rate), sample_rate) ** 2).mean(1))
    mel = np.asarray(mel_spectrum(wave, sample_rate), dtype=np.float64)
    bands = band_rms(mel)
    is_guess = annotation is None
    speech_name = "guessed speech" if is_guess else "speech"
    speech = syllabic_share(mel)[None] if is_guess else speech_track(annotation, len(rms))
    loud = levels(weighted)
    return {
        "envelope": levels(rms),
        "loudness": np.concatenate([momentary_loudness(wave, sample_rate), loud]),
        "bands": np.concatenate([level_family(band) for band in bands]),
        "mel": mel,
        "onsets": onsets(rms, bands),
        "modulation": spectrotemporal_modulation(mel, mel_centres_hz(sample_rate)),
        speech_name: np.concatenate([speech, speech[:1] * (loud - loud.mean(1, keepdims=True))]),
    }


def mel_centres_hz(sample_rate: int) -> np.ndarray:
    """Return the centre of each mel band, Hz, (128,)."""
    filters = mel_filters(sample_rate, N_MEL_BANDS, MEL_WINDOW)
    bins_hz = np.linspace(0, sample_rate / 2, len(filters))
    return (bins_hz @ filters) / filters.sum(0)


def _with_responses(
    name: str, x: np.ndarray, grid: TRGrid | Sequence[TRGrid], responses: Sequence[Response]
) -> FeatureSpace:
    """Pool the mean of a track (n_rows, n_frames) with each response, side by side."""
    values = [pooled(x, BASE_RATE_HZ, grid, ("mean",), response) for response in responses]
    names = [
        f"{name} {row}, peak {response.peak_s:g} s"
        for response in responses
        for row in range(len(x))
    ]
    return FeatureSpace(name, np.concatenate(values, axis=1), tuple(names))


def _rows_of(track: Track, wave: np.ndarray, sample_rate: int, annotation: Any) -> np.ndarray:
    if track.annotated:
        n_frames = len(wave) // (sample_rate // BASE_RATE_HZ)
        rows = track.make(annotation, n_frames)
    else:
        rows = track.make(wave, sample_rate)
    return np.asarray(rows, dtype=np.float64)


def _frames(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Cut a sound into whole frames of 10 ms, (n_frames, hop)."""
    hop = sample_rate // BASE_RATE_HZ
    n_frames = len(wave) // hop
    return wave[: n_frames * hop].reshape(n_frames, hop)


def _whole_frames(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Fill the last frame of 10 ms with silence: left out, it would cut the last TR."""
    hop = sample_rate // BASE_RATE_HZ
    return np.append(wave, np.zeros(-len(wave) % hop, wave.dtype))
