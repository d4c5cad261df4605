"""Effects of lesions on sound: scores of lesioned pieces, and of every subset of the codebooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from tqdm import tqdm

from giblet_core.codecs import Codec, Codes, by_threads
from giblet_core.lesions.codebooks import lesion
from giblet_core.lesions.controls import at_level_of, matched_removal
from giblet_core.lesions.pieces import Piece
from giblet_core.metrics import (
    attempt,
    level_match,
    log_mel_distance,
    loudness_lufs,
    quality_table,
    si_sdr,
)

LEAST_LOUDNESS_S = 0.4  # one gating block of BS.1770: a shorter sound has no loudness
MOST_SI_SDR_DB = 60.0  # equal sounds have an infinite one


@dataclass(frozen=True)
class _Version:
    """Which version of a piece: the name of a lesion, and whether it is its energy control."""

    lesion: str
    control: bool


def sound_effects(
    codec: Codec, pieces: Mapping[str, Piece], lesions: Mapping[str, Mapping[str, object]]
) -> pd.DataFrame:
    """Score lesioned pieces against their intact decoding.

    The reference is not the original sound, so that the codec's own loss is not counted as the
    lesion's. Beside each omission stands its energy control, `matched_removal`, at the level of
    the omission. ``log_mel_matched_db`` leads: there every sound is at the level of the intact one.

    Parameters
    ----------
    codec : Codec
    pieces : mapping of name to Piece
        Those with speech segments are scored by PESQ-WB and STOI too (a quarter of a second a
        sound).
    lesions : mapping of name to keyword arguments of `lesion`
        ``codebooks``, ``mode``, ``seed`` and others.

    Returns
    -------
    DataFrame
        One row a piece and lesion: ``piece, content, lesion, control`` (bool),
        ``log_mel_matched_db`` with the lesioned sound at the level (RMS) of the intact one,
        ``log_mel_db, si_sdr_db, loudness_change_lu``; ``own_loudness_change_lu``, that of a control
        before it was brought to the omission's level; of pieces with speech segments all fields of
        `quality_table`.
    """
    rows = []
    for name, piece in tqdm(pieces.items(), desc="lesions", disable=len(pieces) < 2, leave=False):
        latents = _lesioned_latents(codec, piece, lesions)
        decode = partial(codec.decode_latents, n_samples=piece.codes.n_samples)
        intact_latents = codec.latents(piece.codes).sum(0)
        intact, *lesioned = by_threads(decode, [intact_latents, *latents.values()])
        decoded = dict(zip(latents, lesioned))
        sounds = _with_controls_at_level(decoded, codec.sample_rate)
        scores = _scores(intact, sounds, codec.sample_rate, piece.segments)
        intact_lufs = _loudness_or_nan(intact, codec.sample_rate)
        for version, sound in sounds.items():
            own_lufs = _loudness_or_nan(decoded[version], codec.sample_rate)
            row = {"piece": name, "content": piece.content}
            row |= {"lesion": version.lesion, "control": version.control}
            row["log_mel_matched_db"] = _matched_distance(intact, sound, codec.sample_rate)
            row |= scores[version]
            row["own_loudness_change_lu"] = own_lufs - intact_lufs
            rows.append(row)
    return pd.DataFrame(rows)


def _with_controls_at_level(
    decoded: Mapping[_Version, np.ndarray], sample_rate: int
) -> dict[_Version, np.ndarray]:
    """Bring each energy control to the level of the omission it stands beside."""
    sounds = {}
    for version, sound in decoded.items():
        omitted = decoded[_Version(version.lesion, control=False)]
        sounds[version] = at_level_of(sound, omitted, sample_rate) if version.control else sound
    return sounds


def _lesioned_latents(
    codec: Codec, piece: Piece, lesions: Mapping[str, Mapping[str, object]]
) -> dict[_Version, np.ndarray]:
    """Return the decoder's input (latent_dim, n_frames) for each lesion and each control."""
    latents = {}
    codes = piece.codes
    for name, options in lesions.items():
        lesioned = lesion(codec, codes, **({"reference": piece.reference} | dict(options)))
        latents[_Version(name, control=False)] = lesioned.sum(0)
        if options.get("mode", "omit") == "omit":
            seed = int(options.get("seed", 0))
            removed = matched_removal(codec, codes, options["codebooks"], seed)
            latents[_Version(name, control=True)] = removed.sum(0)
    return latents


def _scores(
    intact: np.ndarray,
    sounds: Mapping[_Version, np.ndarray],
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None,
) -> dict[_Version, dict[str, float]]:
    """Score decodings: in full where there is speech, quickly where there is none."""
    if segments:
        table = quality_table(intact, sounds, sample_rate, segments, floor=False)
        return dict(zip(sounds, table.to_dict("records")))
    return {version: _distance(intact, sound, sample_rate) for version, sound in sounds.items()}


def _distance(intact: np.ndarray, sound: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Score two decodings of the same frames.

    They lie sample by sample over each other, so nothing is aligned. What silence leaves undefined
    is NaN.
    """
    change = _loudness_or_nan(sound, sample_rate) - _loudness_or_nan(intact, sample_rate)
    sdr = attempt(si_sdr, intact, sound).value
    return {
        "si_sdr_db": MOST_SI_SDR_DB if np.isposinf(sdr) else sdr,
        "log_mel_db": attempt(log_mel_distance, intact, sound, sample_rate).value,
        "loudness_change_lu": change,
    }


def _matched_distance(intact: np.ndarray, sound: np.ndarray, sample_rate: int) -> float:
    """Return the log-mel distance (dB) with `sound` at the level of `intact`; NaN of silence."""
    if _is_silent(sound) or _is_silent(intact):
        return np.nan
    return log_mel_distance(intact, level_match(sound, intact), sample_rate)


def _loudness_or_nan(sound: np.ndarray, sample_rate: int) -> float:
    """Return the loudness (LUFS), or NaN of silence and of sounds shorter than a gating block."""
    if len(sound) < LEAST_LOUDNESS_S * sample_rate or _is_silent(sound):
        return np.nan
    return loudness_lufs(sound, sample_rate)


def _is_silent(sound: np.ndarray) -> bool:
    return np.abs(sound).max() == 0


def subset_quality(codec: Codec, codes: Codes) -> dict[str, np.ndarray]:
    """Score every subset of the codebooks against the intact decoding.

    Returns
    -------
    dict of arrays of shape (2 ** num_codebooks,)
        ``log_mel_db`` (minus the distance) and ``si_sdr_db`` (within -60 to 60 dB); higher is
        better. Subsets are in binary order, codebook 0 the highest bit: the first value is that of
        the empty subset, the last that of all codebooks. PESQ and STOI would need speech of some
        seconds.
    """
    latents = codec.latents(codes)
    subsets = product([0, 1], repeat=len(latents))
    weights = (np.array(subset, np.float32)[:, None, None] for subset in subsets)
    sums = ((latents * weight).sum(0) for weight in weights)
    decode = partial(codec.decode_latents, n_samples=codes.n_samples)
    decoded = by_threads(decode, sums)
    n_subsets = 2 ** len(latents)
    sounds = list(tqdm(decoded, desc="subsets of codebooks", total=n_subsets, leave=False))
    whole = sounds[-1]
    return {
        "log_mel_db": np.array(
            [-attempt(log_mel_distance, whole, s, codec.sample_rate).value for s in sounds]
        ),
        "si_sdr_db": np.array([_bounded_si_sdr(whole, sound) for sound in sounds]),
    }


def _bounded_si_sdr(reference: np.ndarray, sound: np.ndarray) -> float:
    """Return SI-SDR within +-60 dB; silence has the least."""
    if _is_silent(sound):
        return -MOST_SI_SDR_DB
    return np.clip(attempt(si_sdr, reference, sound).value, -MOST_SI_SDR_DB, MOST_SI_SDR_DB)
