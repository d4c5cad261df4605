"""From codes and sound to design matrices, and the baselines that any claim about codes has to beat.

Code indices are labels: they are looked up or counted, never averaged. Columns that belong to codes stand in the order of their vectors,
so that renaming a book's entries changes no bit of any result. Nothing here is fitted to data: scaling and reduction belong to the folds.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyloudnorm
import torch

from giblet_core import hrf as response
from giblet_core.artifacts import InputError, require
from giblet_core.codecs import EncodecCodec
from giblet_core.codes import Codes
from giblet_core.mel import log_mel
from giblet_core.pooling import BANDS_HZ, POOLS, pooled
from giblet_core.streaming import stream_encoder
from giblet_core.timing import TRGrid

BASELINES = ("envelope", "loudness", "mel", "speech", "time")
BASE_RATE_HZ = 100  # of envelope, loudness, spectrum and speech
FLOOR_LUFS = -70.0
PEAKS_S = (4.0, 5.5, 7.0)  # of the response: listeners differ


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A named design matrix: `values` of shape (n_trs, n_features) float32, and a name for each column."""

    name: str
    values: np.ndarray
    feature_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.feature_names):
            raise InputError(f"{self.name}: values {self.values.shape} with {len(self.feature_names)} names; must be one name a column.")


def _names(n: int, kinds: Sequence[str], label: str = "dim") -> tuple[str, ...]:
    statistics = [s for kind in kinds for s in ([f"{a}-{b} Hz" for a, b in BANDS_HZ] if kind == "modulation" else [kind])]
    return tuple(f"{label} {d} {statistic}" for statistic in statistics for d in range(n))


def latent_features(name: str, z: np.ndarray, rate_hz: float, grid: TRGrid | Sequence[TRGrid], pool: Sequence[str] = POOLS,
                    hrf: str | None = "glover", **timing: float) -> FeatureSpace:
    """Pool latents (D, n_frames), of one book, summed or lesioned; arguments as in `pooled`."""
    return FeatureSpace(name, pooled(z, rate_hz, grid, pool, hrf, **timing), _names(len(z), pool))


def _check_codec(codec: EncodecCodec, codes: Codes) -> None:
    if codes.codec_sha256 != codec.sha256:
        raise InputError(f"codec={codec.id!r}: the codes were made by {codes.codec_id!r} with other weights. Use that codec.")


def _latents(codec: EncodecCodec, codes: Codes) -> list[np.ndarray]:
    _check_codec(codec, codes)
    return [rows[indices].T for rows, indices in zip(codec.codebooks, codes.indices)]


def codebook_features(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], books: Sequence[int] | None = None,
                      pool: Sequence[str] = POOLS, hrf: str | None = "glover", **timing: float) -> tuple[FeatureSpace, ...]:
    """Pool the latents of each codebook: one space a book, named "book k" (books count from 0).

    Parameters
    ----------
    books : sequence of int, optional
        All of `codes` by default.
    codec, codes, grid, pool, hrf, timing
        As in `pooled`.
    """
    return tuple(latent_features(f"book {k}", z, codes.frame_rate, grid, pool, hrf, **timing)
                 for k, z in enumerate(_latents(codec, codes)) if books is None or k in books)


def slow_directions(means: np.ndarray, n: int) -> np.ndarray:
    """Return the directions in which a signal moves most from TR to TR, (n, D) orthonormal, from its means (n_trs, D)."""
    return np.linalg.svd((means - means.mean(0)).astype(np.float64), full_matrices=False)[2][:n]


def over_peaks(make: Callable[..., np.ndarray], peaks_s: Sequence[float] = PEAKS_S) -> np.ndarray:
    """Average what ``make(peak_s=...)`` returns over several peaks of the response: listeners differ."""
    return np.mean([make(peak_s=peak) for peak in peaks_s], axis=0)


def book_means(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], **timing: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the mean of each book in every TR, without the response and with each of `PEAKS_S`: pairs (n_trs, D), (n_peaks, n_trs, D)."""
    make = [partial(pooled, z, codes.frame_rate, grid, ("mean",)) for z in _latents(codec, codes)]
    return [(one(None), np.stack([one(peak_s=peak, **timing) for peak in PEAKS_S])) for one in make]


def slow_books(means: list[tuple[np.ndarray, np.ndarray]], train: np.ndarray | slice = slice(None), n: int = 8,
               peaks: Sequence[int] | slice = slice(None)) -> list[np.ndarray]:
    """Return each book's `n` slowest directions of training time, from `book_means`: few columns (n_trs, n), which BOLD can follow.

    With the mean of all responses, or of those at some places of `PEAKS_S`.
    """
    return [(late[peaks].mean(0) @ slow_directions(bare[train], n).T).astype(np.float32) for bare, late in means]


def energy_features(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], **timing: float) -> FeatureSpace:
    """Pool how large latents are, `over_peaks`: the sum's norm, its logarithm, and the norm of each book's vector; mean and SD."""
    books = _latents(codec, codes)
    norms = np.stack([np.linalg.norm(z, axis=0) for z in (sum(books), *books)]).astype(np.float64)
    # the logarithm's floor is of the codec: one of the film would know held-out sound
    norms = np.concatenate([np.log(norms[:1] + 1e-3 * np.linalg.norm(codec.codebooks[0], axis=1).max()), norms])
    values = over_peaks(partial(pooled, norms, codes.frame_rate, grid, POOLS[:2], **timing))
    return FeatureSpace("energy", values, _names(len(norms), POOLS[:2], "norm"))


def summed_features(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], pool: Sequence[str] = POOLS,
                    hrf: str | None = "glover", **timing: float) -> FeatureSpace:
    """Pool the sum over books, which is what the decoder hears."""
    return latent_features("latents", sum(_latents(codec, codes)), codes.frame_rate, grid, pool, hrf, **timing)


def histogram_features(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], books: Sequence[int] | None = None,
                       hrf: str | None = "glover", **timing: float) -> tuple[FeatureSpace, ...]:
    """Return the share of each code vector in each TR, one space a book, columns sorted by vector and not by label."""
    _check_codec(codec, codes)
    spaces = []
    for k in range(codes.num_codebooks) if books is None else books:
        vectors, place = np.unique(codec.codebooks[k], axis=0, return_inverse=True)
        used, at = np.unique(place.ravel()[codes.indices[k]], return_inverse=True)
        one_hot = (at == np.arange(len(used))[:, None]).astype(np.float32)
        names = tuple(f"vector {v} of {len(vectors)}" for v in used)
        spaces.append(FeatureSpace(f"histogram {k}", pooled(one_hot, codes.frame_rate, grid, ("mean",), hrf, **timing), names))
    return tuple(spaces)


def code_surprisal(indices: np.ndarray, cardinality: int) -> np.ndarray:
    """Return the surprise of each code given how often it came before, ``-log2((seen + 1) / (t + cardinality))`` bits, book by book.

    Causal: counts come from earlier frames only, so that nothing needs fitting to a training set.

    Parameters
    ----------
    indices : array of shape (K, n_frames), integer

    Returns
    -------
    array of shape (K, n_frames), float64
    """
    out = np.empty(indices.shape)
    t = np.arange(indices.shape[1])
    for row, codes in zip(out, indices):
        order = np.argsort(codes, kind="stable")
        new = np.append(True, np.diff(codes[order].astype(int)) != 0)
        seen = t - np.maximum.accumulate(np.where(new, t, 0))
        row[order] = -np.log2((seen + 1) / (order + cardinality))
    return out


def surprisal_features(codec: EncodecCodec, codes: Codes, grid: TRGrid | Sequence[TRGrid], hrf: str | None = "glover",
                       **timing: float) -> FeatureSpace:
    """Pool the surprisal of the codes of all books: mean and SD."""
    _check_codec(codec, codes)
    bits = code_surprisal(codes.indices, codec.cardinality)
    values = pooled(bits, codes.frame_rate, grid, POOLS[:2], hrf, **timing)
    return FeatureSpace("surprisal", values, _names(len(bits), POOLS[:2], "book"))


def random_codec_features(codec: EncodecCodec, wave: np.ndarray, grid: TRGrid | Sequence[TRGrid], pool: Sequence[str] = POOLS,
                          hrf: str | None = "glover", seed: int = 0, **timing: float) -> FeatureSpace:
    """Pool the latents of the same encoder with weights drawn at random (variance 1.7 / fan-in, no biases): its architecture unlearned."""
    layers, rng = copy.deepcopy(codec._model.encoder.layers), torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        for weights in layers.state_dict().values():
            weights.normal_(0, (1.7 / weights[0].numel()) ** 0.5, generator=rng) if weights.ndim > 1 else weights.zero_()
        z = np.concatenate([piece[0].numpy() for piece in stream_encoder(layers, wave, codec.hop_length)], axis=1)
    return latent_features("random codec", z, codec.frame_rate, grid, pool, hrf, **timing)


def envelope(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the RMS of each 10 ms and its cube root (as loudness grows), shape (2, n_frames)."""
    hop = sample_rate // BASE_RATE_HZ
    rms = np.sqrt((wave[: len(wave) // hop * hop].reshape(-1, hop).astype(np.float64) ** 2).mean(1))
    return np.stack([rms, np.cbrt(rms)])


def momentary_loudness(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the momentary loudness (ITU-R BS.1770: K-weighted, the last 400 ms) every 10 ms, LUFS above -70, shape (1, n_frames)."""
    weighted = np.asarray(wave, dtype=np.float64)
    for stage in pyloudnorm.Meter(sample_rate)._filters.values():
        weighted = stage.apply_filter(weighted)
    hop, window = sample_rate // BASE_RATE_HZ, int(0.4 * BASE_RATE_HZ)
    power = np.append(np.zeros(window), (weighted[: len(wave) // hop * hop].reshape(-1, hop) ** 2).mean(1))
    total = np.cumsum(power)
    mean = np.maximum(total[window:] - total[:-window], 0) / window
    return np.maximum(-0.691 + 10 * np.log10(np.maximum(mean, 1e-12)), FLOOR_LUFS)[None]


def speech_track(annotation: Any, n_frames: int) -> np.ndarray:
    """Return speech presence (0 or 1) and word onsets a second in each 10 ms, shape (2, n_frames)."""
    onsets = np.array([word.start_s for word in annotation.words])
    counts = np.bincount(np.floor(onsets * BASE_RATE_HZ).astype(int), minlength=n_frames)[:n_frames]
    presence = annotation.active("speech", (np.arange(n_frames) + 0.5) / BASE_RATE_HZ)
    return np.stack([presence.astype(float), counts * float(BASE_RATE_HZ)])


def _spectrum(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    return log_mel(wave, sample_rate, 128, sample_rate // BASE_RATE_HZ, 1024)[:, : len(wave) // (sample_rate // BASE_RATE_HZ)]


def baseline_features(wave: np.ndarray, sample_rate: int, grid: TRGrid | Sequence[TRGrid], kinds: Sequence[str] = BASELINES,
                      annotation: Any = None, hrf: str | None = "glover", **timing: float) -> dict[str, FeatureSpace]:
    """Make the spaces that need no codec.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz; a multiple of 100.
    grid, hrf, timing
        As in `pooled`.
    kinds : sequence of str
        "envelope" (10 columns: RMS and its cube root, all statistics), "loudness" (mean, SD), "mel" (128 bands, all statistics),
        "speech" (presence, word rate; needs `annotation`), "time" (index of the TR in its run, and its square).
    annotation : Annotation, optional
        Words and what sounds when.

    Returns
    -------
    dict of FeatureSpace
    """
    require(not set(kinds) - set(BASELINES) and not sample_rate % BASE_RATE_HZ, f"kinds={tuple(kinds)}, sample_rate={sample_rate}: must be "
            f"some of {', '.join(BASELINES)}, at a rate that is a multiple of 100 Hz. Resample first.")
    if "speech" in kinds and annotation is None:
        raise InputError("kinds: 'speech' needs annotation, the words and their times. Leave it out for sound without annotation.")
    hop = sample_rate // BASE_RATE_HZ
    wave = np.append(wave, np.zeros(-len(wave) % hop, wave.dtype))  # a last frame that is not whole would cut the last TR
    make = {"envelope": (lambda: envelope(wave, sample_rate), POOLS, "power"),
            "loudness": (lambda: momentary_loudness(wave, sample_rate), POOLS[:2], "LUFS"),
            "mel": (lambda: _spectrum(wave, sample_rate), POOLS, "band"),
            "speech": (lambda: speech_track(annotation, len(wave) // hop), POOLS[:1], "presence, words")}
    spaces = {}
    for kind in kinds:
        if kind == "time":
            runs = [np.linspace(-1, 1, g.n_trs) for g in ([grid] if isinstance(grid, TRGrid) else grid)]
            values = np.concatenate([np.column_stack([t, t**2]) for t in runs]).astype(np.float32)
            spaces[kind] = FeatureSpace(kind, values, ("index", "index squared"))
            continue
        signal, statistics, label = make[kind]
        x = np.asarray(signal(), dtype=np.float64)
        spaces[kind] = FeatureSpace(kind, pooled(x, BASE_RATE_HZ, grid, statistics, hrf, **timing), _names(len(x), statistics, label))
    return spaces


def strong_baselines(wave: np.ndarray, sample_rate: int, grid: TRGrid | Sequence[TRGrid], annotation: Any = None, n_bands: int = 12,
                     peaks_s: Sequence[float] = PEAKS_S, **timing: float) -> dict[str, FeatureSpace]:
    """Make baselines that leave little of loudness to codes: level through several nonlinearities, each with several responses.

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
    mel = np.asarray(_spectrum(wave, sample_rate), dtype=np.float64)
    tracks = {"envelope": level, "loudness": momentary_loudness(wave, sample_rate),
              "mel": slow_directions(pooled(mel, BASE_RATE_HZ, grid, ("mean",), None), n_bands) @ mel}
    if annotation is not None:
        speech = speech_track(annotation, len(rms))
        tracks["speech"] = np.concatenate([speech, speech[:1] * (level[2:] - level[2:].mean(1, keepdims=True))])
    values = {name: [pooled(x, BASE_RATE_HZ, grid, ("mean",), peak_s=peak, **timing) for peak in peaks_s] for name, x in tracks.items()}
    return {name: FeatureSpace(name, np.concatenate(v, axis=1), tuple(f"{name} {i}, peak {peak:g} s" for peak in peaks_s
                                                                      for i in range(len(tracks[name])))) for name, v in values.items()}


def previous_tr(x: np.ndarray, run_onsets: Sequence[int] = (0,), name: str = "previous TR") -> FeatureSpace:
    """Delay features or BOLD (n_trs, n_columns) by one TR within runs: what a model that only repeats would know."""
    delayed = response.fir(np.asarray(x, dtype=np.float32), (1,), run_onsets)
    return FeatureSpace(name, delayed, tuple(f"column {i}" for i in range(delayed.shape[1])))
