"""What drives the simulated brain: slow tracks of the sound and of single codebooks, made without
the analysis's features.

Everything ends on one neural time line of 10 Hz. A book's track is a random projection of its own
75 Hz latents, band-passed at a random place and compressed; an analysis that pools means and fixed
bands per TR can follow it only in part, which is the point.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import signal, stats

from giblet_core.codecs import Codes
from giblet_core.errors import require

RATE_HZ = 10  # neural time line
PIECE_S = (
    30  # latents are taken in pieces of this length, so that memory does not grow with the film
)
SOUND_RATE_HZ = 100  # frames of the simulator's own filter bank
N_BANDS = 24
EDGES_HZ = np.geomspace(60, 10_000, N_BANDS + 1)
TRACKS = ("level", "level", "level", "energy")  # of each codebook in each region
SLOW_DIRECTIONS = 6


@dataclass(frozen=True)
class SoundTracks:
    """Slow tracks of a sound on the 10 Hz line, standardised.

    Attributes
    ----------
    envelope : (n_bins, 3)  RMS to the power .3 and .6, level in dB.
    loudness : (n_bins, 1)  Energy weighted as the ear weights it, to the power .3; not centred.
    spectrum : (n_bins, 24) Log energy of bands from 60 Hz to 10 kHz.
    speech : (n_bins,)      Presence of speech, 0 to 1: annotated, or the proxy of `speech_proxy`.
    """

    envelope: np.ndarray
    loudness: np.ndarray
    spectrum: np.ndarray
    speech: np.ndarray


def standardise(x: np.ndarray) -> np.ndarray:
    """Centre and scale each column over time; a constant column stays 0."""
    x = x - x.mean(0)
    sd = x.std(0)
    return x / np.where(sd > 1e-12 * (1 + np.abs(x).max(0)), sd, np.inf)


def to_bins(x: np.ndarray, rate_hz: float, n_bins: int) -> np.ndarray:
    """Average (n_frames, J) at `rate_hz` into bins of 1/10 s; the last bin repeats where frames end
    early.
    """
    edges = np.minimum(np.ceil(np.arange(n_bins) * rate_hz / RATE_HZ).astype(int), len(x) - 1)
    counts = np.maximum(
        np.diff(np.append(edges, min(len(x), int(np.ceil(n_bins * rate_hz / RATE_HZ))))), 1
    )
    return np.add.reduceat(x[: edges[-1] + counts[-1]], edges, axis=0) / counts[:, None]


def band_energy(wave: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy in 24 log-spaced bands and the whole energy of each 10 ms frame: (n, 24)
    and (n,).
    """
    hop, n_fft = sample_rate // SOUND_RATE_HZ, 1024
    window = signal.windows.hann(n_fft, sym=False).astype(np.float32)
    edges = np.geomspace(60, min(10_000, 0.45 * sample_rate), N_BANDS + 1)
    frequency = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    bank = np.stack(
        [
            np.clip(
                np.minimum((frequency - a * 0.8) / (0.2 * a), (1.25 * b - frequency) / (0.25 * b)),
                0,
                1,
            )
            for a, b in zip(edges[:-1], edges[1:])
        ],
        axis=1,
    ).astype(np.float32)
    padded = np.pad(np.asarray(wave, np.float32), (n_fft // 2, n_fft))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][: len(wave) // hop]
    bands = np.empty((len(frames), N_BANDS), np.float32)
    for a in range(0, len(frames), 2000):
        spectrum = np.fft.rfft(frames[a : a + 2000] * window)
        bands[a : a + 2000] = (spectrum.real**2 + spectrum.imag**2) @ bank
    whole = np.asarray(wave[: len(frames) * hop], np.float32).reshape(-1, hop)
    return bands, np.mean(whole**2, axis=1)


def speech_proxy(bands: np.ndarray) -> np.ndarray:
    """Guess where speech is, from (n, 24) band energies at 100 Hz, without pitch: (n,) in 0 to 1.

    Speech moves the energy between 300 Hz and 3.4 kHz at the pace of syllables. The proxy is the
    share of 3-8 Hz in the modulation (0.5-20 Hz) of that energy in dB over 1.5 s, through a
    logistic at its median. It takes any syllable-paced sound for speech.
    """
    middle = bands[:, (EDGES_HZ[:-1] > 300) & (EDGES_HZ[1:] < 3400)].sum(1)
    level = 10 * np.log10(middle + 1e-6 * middle.max() + 1e-20)

    def power(low: float, high: float) -> np.ndarray:
        sos = signal.butter(2, (low, high), "bandpass", fs=SOUND_RATE_HZ, output="sos")
        return _smooth(signal.sosfilt(sos, level - level.mean()) ** 2, 1.5, SOUND_RATE_HZ)

    share = power(3, 8) / (power(0.5, 20) + 1e-9)
    return 1 / (1 + np.exp(-(share - np.median(share)) / (0.3 * share.std() + 1e-9)))


def sound_tracks(
    wave: np.ndarray, sample_rate: int, n_bins: int, annotation: Any = None
) -> SoundTracks:
    """Compute the tracks of a sound that envelope, loudness, speech and mel regions follow."""
    bands, power = band_energy(wave, sample_rate)
    rms = np.sqrt(power)
    level = 20 * np.log10(rms + 1e-3 * rms.max() + 1e-12)
    envelope = np.stack([rms**0.3, rms**0.6, level], axis=1)
    centre = np.sqrt(EDGES_HZ[:-1] * EDGES_HZ[1:])
    ear = (1 + 1.5 * (centre > 1500)) / (
        1 + (100 / centre) ** 2
    )  # less below 100 Hz, 4 dB more above 1.5 kHz
    loudness = to_bins((bands @ ear[:, None]) ** 0.3, SOUND_RATE_HZ, n_bins)
    spectrum = standardise(
        to_bins(np.log(bands + 1e-3 * bands.mean() + 1e-20), SOUND_RATE_HZ, n_bins)
    )
    if annotation is None:
        speech = to_bins(speech_proxy(bands)[:, None], SOUND_RATE_HZ, n_bins)[:, 0]
    else:
        speech = np.asarray(annotation.active("speech", (np.arange(n_bins) + 0.5) / RATE_HZ), float)
    return SoundTracks(
        standardise(to_bins(envelope, SOUND_RATE_HZ, n_bins)),
        loudness / (loudness.std() + 1e-12),
        spectrum,
        speech,
    )


def _smooth(x: np.ndarray, seconds: float, rate_hz: float) -> np.ndarray:
    """Low-pass along time with a causal exponential of the given time constant."""
    keep = np.exp(-1 / (seconds * rate_hz))
    return signal.lfilter([1 - keep], [1, -keep], x, axis=0)


def latent_pieces(codec: Any, codes: Codes) -> Iterator[np.ndarray]:
    """Yield the latents (K, D, T) of one piece of the sound after the other."""
    duration = codes.n_frames / codes.frame_rate
    for start in np.arange(0, duration, PIECE_S):
        yield codec.latents(
            codes, float(start), float(start + PIECE_S) if start + PIECE_S < duration else None
        )


def slow_directions(codec: Any, codes: Codes, n: int = SLOW_DIRECTIONS) -> np.ndarray:
    """Return the directions of each codebook's latents that move most from one second to the next:
    (K, n, D), orthonormal.
    """
    seconds = []
    for z in latent_pieces(codec, codes):
        edges = np.arange(0, z.shape[2], max(1, round(codes.frame_rate)))
        seconds.append(np.add.reduceat(z, edges, axis=2) / np.diff(np.append(edges, z.shape[2])))
    slow = np.concatenate(seconds, axis=2).transpose(0, 2, 1)
    return np.linalg.svd(slow - slow.mean(1, keepdims=True), full_matrices=False)[2][:, :n]


def project_latents(
    codec: Any, codes: Codes, projections: list[tuple[int, np.ndarray]]
) -> np.ndarray:
    """Project single codebooks' latents, piece by piece.

    Parameters
    ----------
    codec : object with ``latents(codes, start_s, stop_s) -> (K, D, T)``
    codes : Codes
    projections : list of (book, (n, D))
        Rows are the directions.

    Returns
    -------
    (n_frames, total number of directions) float32
    """
    out = np.concatenate(
        [
            np.concatenate(
                [direction @ z[codebook] for codebook, direction in projections]
            ).T.astype(np.float32)
            for z in latent_pieces(codec, codes)
        ]
    )
    require(
        len(out) == codes.n_frames,
        f"codec.latents: pieces held {len(out)} frames in all, but the codes hold {codes.n_frames}. Use "
        "the codec that made the codes.",
    )
    return out


def shape_track(x: np.ndarray, rate_hz: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Turn one projection (n_frames,) into a compressed slow track, by its level or by the energy
    of a random modulation band.
    """
    x = standardise(x[:, None])[:, 0]
    if kind == "level":  # tanh of the smoothed projection: compressive, keeps the sign
        return np.tanh(1.5 * standardise(_smooth(x, rng.uniform(0.1, 0.4), rate_hz)[:, None])[:, 0])
    low = np.exp(
        rng.uniform(np.log(1.5), np.log(10))
    )  # energy in an octave that the analysis does not know
    sos = signal.butter(
        2, (low, min(2 * low, 0.45 * rate_hz)), "bandpass", fs=rate_hz, output="sos"
    )
    return _smooth(np.abs(signal.sosfilt(sos, x)) ** rng.uniform(0.4, 0.8), 0.3, rate_hz)


def codebook_tracks(
    codec: Any, codes: Codes, books_of: dict[str, list[int]], n_bins: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Make the tracks of every codebook region: {region: (n_bins, n_books * len(TRACKS))},
    standardised.

    A projection is a random direction within the slow ones of its book: cells that follow what BOLD
    can follow.
    """
    slow = slow_directions(codec, codes)
    projections = [
        (codebook, rng.standard_normal((len(TRACKS), slow.shape[1])) @ slow[codebook])
        for codebooks in books_of.values()
        for codebook in codebooks
    ]
    raw = project_latents(codec, codes, projections)
    tracks, columns = {}, iter(raw.T)
    for region, codebooks in books_of.items():
        shaped = [
            shape_track(next(columns), codes.frame_rate, kind, rng)
            for kind in TRACKS * len(codebooks)
        ]
        tracks[region] = standardise(to_bins(np.stack(shaped, axis=1), codes.frame_rate, n_bins))
    return tracks


def response_kernel(peak_s: float) -> np.ndarray:
    """Return a two-gamma response with its peak at `peak_s`, sampled in the middle of bins of 1/10
    s over 32 s.
    """
    t = (np.arange(32 * RATE_HZ) + 0.5) / RATE_HZ
    kernel = stats.gamma.pdf(t, 6, scale=peak_s / 5) - 0.15 * stats.gamma.pdf(
        t, 16, scale=(peak_s + 10) / 15
    )
    return kernel / kernel.sum()


def respond(tracks: np.ndarray, kernel: np.ndarray, grid: Any) -> np.ndarray:
    """Convolve tracks (n_bins, J) within one run and sample them at the run's TRs: (n_trs, J).

    Causal: the value at i * t_r holds only bins that ended before. Nothing heard before the run is
    remembered (the scanner stood still).
    """
    start, n = int(round(grid.onset_s * RATE_HZ)), int(np.ceil(grid.n_trs * grid.t_r * RATE_HZ)) + 1
    x = tracks[start : start + n]
    y = np.zeros((n + 1, tracks.shape[1]))
    y[1 : len(x) + 1] = signal.oaconvolve(x, kernel[:, None], axes=0)[: len(x)]
    at = np.arange(grid.n_trs) * grid.t_r * RATE_HZ
    low = np.floor(at).astype(int)
    part = (at - low)[:, None]
    return (1 - part) * y[low] + part * y[low + 1]


def stand_in_sound(rng: np.random.Generator, duration_s: float, sample_rate: int) -> np.ndarray:
    """Make a sound for a codec without one: voiced syllables, gated noise bands and tones that come
    and go, (n_samples,) float32.
    """
    n = int(duration_s * sample_rate)
    t = np.arange(n) / sample_rate
    knots = np.arange(0, duration_s + 4, 2.0)

    def slow(low: float, high: float) -> np.ndarray:
        return np.interp(t, knots, rng.uniform(low, high, len(knots)))

    buzz = 2 * (np.cumsum(slow(90, 240)) / sample_rate % 1) - 1
    syllables = np.clip(np.sin(2 * np.pi * np.cumsum(slow(2, 6)) / sample_rate), 0, 1)
    wave = syllables * np.clip(slow(-0.5, 1), 0, 1) * buzz
    loop = min(
        n, 20 * sample_rate
    )  # twenty seconds of noise a band, repeated under gates that do not repeat
    for centre in (200, 600, 1500, 3500, 7000):
        sos = signal.butter(
            2, (centre / 1.3, centre * 1.3), "bandpass", fs=sample_rate, output="sos"
        )
        wave += (
            np.clip(slow(-1, 1), 0, 1)
            * np.resize(signal.sosfilt(sos, rng.standard_normal(loop)), n)
            * 0.5
        )
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)
