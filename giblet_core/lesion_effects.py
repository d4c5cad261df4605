"""What lesions do to the sound, and the controls that a claim about a codebook has to survive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from tqdm import tqdm

from giblet_core.artifacts import explained
from giblet_core.audio import check_wave
from giblet_core.codecs import EncodecCodec
from giblet_core.codes import Codes
from giblet_core.lesions import lesion
from giblet_core.metrics import level_match, loudness_lufs, quality_table
from giblet_core.scores import log_mel_distance, si_sdr
from giblet_core.streaming import by_threads

FLAT_WINDOW_S, MOST_DOSE = 0.05, 16.0


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of sound to lesion: its codes, what it holds (speech, music, ...), and where it holds speech (s)."""

    codes: Codes
    content: str
    segments: Sequence[tuple[float, float]] | None = None


def smooth_level(wave: np.ndarray, sample_rate: int, window_s: float = FLAT_WINDOW_S) -> np.ndarray:
    """Return the RMS in a sliding Hann window, shape (n_samples,), never below -60 dB of its largest value."""
    window = np.hanning(int(window_s * sample_rate) | 1)
    power = fftconvolve(check_wave(wave).astype(np.float64) ** 2, window / window.sum(), mode="same")
    level = np.sqrt(np.maximum(power, 0))
    return np.maximum(level, 1e-3 * level.max())


def flat_twin(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Equalise the level in 50 ms windows: fine structure without the envelope. A claim about a book survives on it."""
    return level_match((wave / smooth_level(wave, sample_rate)).astype(np.float32), wave)


def envelope_twin(wave: np.ndarray, sample_rate: int, seed: int = 0) -> np.ndarray:
    """Make noise with the sound's long-term spectrum and its envelope: no fine structure. A claim about a book vanishes on it."""
    wave = check_wave(wave)
    phase = np.exp(2j * np.pi * np.random.default_rng(seed).random(len(wave) // 2 + 1))
    noise = np.fft.irfft(np.abs(np.fft.rfft(wave)) * phase, len(wave)).astype(np.float32)
    return level_match(flat_twin(noise, sample_rate) * smooth_level(wave, sample_rate).astype(np.float32), wave)


def matched_removal(codec: EncodecCodec, codes: Codes, books: Sequence[int], seed: int = 0) -> np.ndarray:
    """Remove, instead of each book's vectors, the same vectors turned by a random rotation: the energy control.

    The part removed has the book's energy in every frame and its dimension, but no longer its direction.

    Returns
    -------
    array of shape (num_codebooks, latent_dim, n_frames), float32
    """
    z = codec.latents(codes)
    for k in books:
        rotation, _ = np.linalg.qr(np.random.default_rng([seed, k]).standard_normal((codec.latent_dim, codec.latent_dim)))
        z[k] = z[k] - rotation.astype(np.float32) @ z[k]
    return z


def reconstruction_matched(codec: EncodecCodec, codes: Codes, books: Sequence[int], seed: int = 0) -> tuple[np.ndarray, float]:
    """Remove as much of the turned vectors of `matched_removal` as costs the sound what omitting the books does: the same log-mel distance.

    Returns
    -------
    z : array of shape (num_codebooks, latent_dim, n_frames), float32
    dose : float
        How many times the turned vectors: above 1 the books cost more than their energy does elsewhere.

    Raises
    ------
    InputError
        `MOST_DOSE` times the turned vectors do not cost as much.
    """
    z, intact = codec.latents(codes), codec.decode(codes)

    def cost(z: np.ndarray) -> float:
        return log_mel_distance(intact, codec.decode_latents(z.sum(0), codes.n_samples), codec.sample_rate)

    wanted = cost(lesion(codec, codes, books))  # first, for it refuses books that the codes do not hold
    turned = matched_removal(codec, codes, books, seed) - z
    with explained(f"books={list(books)}: {MOST_DOSE:g} times their energy elsewhere must cost as much as they do", "Match fewer books.",
                   ValueError):
        dose = brentq(lambda dose: cost(z + np.float32(dose) * turned) - wanted, 0, MOST_DOSE, xtol=0.01)
    return z + np.float32(dose) * turned, dose


def sound_effects(codec: EncodecCodec, pieces: Mapping[str, Piece], lesions: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    """Score lesioned pieces against the *intact decoding*, so that the codec's own loss is not counted as the lesion's.

    Parameters
    ----------
    codec : EncodecCodec
    pieces : mapping of name to Piece
        Those with speech segments are scored by PESQ-WB and STOI too (a quarter of a second a sound).
    lesions : mapping of name to keyword arguments of `lesion` (``books``, ``mode``, ...)
        Beside each omission stands its energy control, `matched_removal`.

    Returns
    -------
    DataFrame
        One row a piece and lesion: ``piece, content, lesion, control`` (bool), ``si_sdr_db, log_mel_db, loudness_change_lu``, and
        ``log_mel_matched_db`` with the lesioned sound at the level (RMS) of the intact one; of pieces with speech segments all fields
        of `quality_table`.
    """
    rows = []
    for name, piece in tqdm(pieces.items(), desc="lesions", disable=len(pieces) < 2, leave=False):
        latents = {"intact": codec.latents(piece.codes).sum(0)}
        for label, options in lesions.items():
            latents[label, False] = lesion(codec, piece.codes, **options).sum(0)
            if options.get("mode", "omit") == "omit":
                latents[label, True] = matched_removal(codec, piece.codes, options["books"], int(options.get("seed", 0))).sum(0)
        sounds = dict(zip(latents, by_threads(partial(codec.decode_latents, n_samples=piece.codes.n_samples), latents.values())))
        intact = sounds.pop("intact")
        if piece.segments:
            scored = quality_table(intact, sounds, codec.sample_rate, piece.segments, floor=False).to_dict("records")
        else:
            scored = [_distance(intact, wave, codec.sample_rate) for wave in sounds.values()]
        for ((label, control), wave), scores in zip(sounds.items(), scored):
            matched = log_mel_distance(intact, level_match(wave, intact), codec.sample_rate) if np.abs(wave).max() > 0 else np.nan
            rows.append({"piece": name, "content": piece.content, "lesion": label, "control": control, **scores,
                         "log_mel_matched_db": matched})
    return pd.DataFrame(rows)


def _distance(intact: np.ndarray, wave: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Score two decodings of the same frames: they lie sample by sample over each other, so nothing is aligned."""
    loud = [loudness_lufs(w, sample_rate) if len(w) >= 0.4 * sample_rate and np.abs(w).max() > 0 else np.nan for w in (wave, intact)]
    return {"si_sdr_db": si_sdr(intact, wave) if np.abs(wave).max() > 0 else np.nan,
            "log_mel_db": log_mel_distance(intact, wave, sample_rate), "loudness_change_lu": loud[0] - loud[1]}


def subset_quality(codec: EncodecCodec, codes: Codes) -> dict[str, np.ndarray]:
    """Score every subset of the books against the intact decoding; the first value is the empty subset, the last all books.

    Returns
    -------
    dict of arrays of shape (2 ** num_codebooks,)
        ``log_mel_db`` (minus the distance) and ``si_sdr_db`` (within -60 to 60 dB); higher is better. Subsets in binary order,
        book 0 the highest bit. PESQ and STOI would need speech of some seconds.
    """
    z = codec.latents(codes)
    sums = ((z * np.array(kept, np.float32)[:, None, None]).sum(0) for kept in product([0, 1], repeat=len(z)))
    decoded = by_threads(partial(codec.decode_latents, n_samples=codes.n_samples), sums)
    waves = list(tqdm(decoded, desc="subsets of books", total=2 ** len(z), leave=False))  # the last holds all books
    log_mel = [-log_mel_distance(waves[-1], wave, codec.sample_rate) for wave in waves]
    sdr = [np.clip(si_sdr(waves[-1], wave), -60, 60) if np.abs(wave).max() > 0 else -60.0 for wave in waves]
    return {"log_mel_db": np.array(log_mel), "si_sdr_db": np.array(sdr)}
