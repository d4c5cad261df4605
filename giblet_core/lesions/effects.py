"""What lesions do to the sound, and the controls that a claim about a codebook has to survive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from tqdm import tqdm

from giblet_core.codecs import Codes, EncodecCodec, by_threads
from giblet_core.lesions.codebooks import lesion
from giblet_core.lesions.controls import matched_removal
from giblet_core.metrics import level_match, log_mel_distance, loudness_lufs, quality_table, si_sdr


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of sound to lesion: its codes, what it holds (speech, music, ...), and where it holds
    speech (s).
    """

    codes: Codes
    content: str
    segments: Sequence[tuple[float, float]] | None = None


def sound_effects(
    codec: EncodecCodec, pieces: Mapping[str, Piece], lesions: Mapping[str, Mapping[str, object]]
) -> pd.DataFrame:
    """Score lesioned pieces against the *intact decoding*, so that the codec's own loss is not
    counted as the lesion's.

    Parameters
    ----------
    codec : EncodecCodec
    pieces : mapping of name to Piece
        Those with speech segments are scored by PESQ-WB and STOI too (a quarter of a second a
        sound).
    lesions : mapping of name to keyword arguments of `lesion` (``codebooks``, ``mode``, ...)
        Beside each omission stands its energy control, `matched_removal`.

    Returns
    -------
    DataFrame
        One row a piece and lesion: ``piece, content, lesion, control`` (bool), ``si_sdr_db,
        log_mel_db, loudness_change_lu``, and ``log_mel_matched_db`` with the lesioned sound at the
        level (RMS) of the intact one; of pieces with speech segments all fields of `quality_table`.
    """
    rows = []
    for name, piece in tqdm(pieces.items(), desc="lesions", disable=len(pieces) < 2, leave=False):
        latents = {"intact": codec.latents(piece.codes).sum(0)}
        for label, options in lesions.items():
            latents[label, False] = lesion(codec, piece.codes, **options).sum(0)
            if options.get("mode", "omit") == "omit":
                latents[label, True] = matched_removal(
                    codec, piece.codes, options["codebooks"], int(options.get("seed", 0))
                ).sum(0)
        sounds = dict(
            zip(
                latents,
                by_threads(
                    partial(codec.decode_latents, n_samples=piece.codes.n_samples), latents.values()
                ),
            )
        )
        intact = sounds.pop("intact")
        if piece.segments:
            scored = quality_table(
                intact, sounds, codec.sample_rate, piece.segments, floor=False
            ).to_dict("records")
        else:
            scored = [_distance(intact, wave, codec.sample_rate) for wave in sounds.values()]
        for ((label, control), wave), scores in zip(sounds.items(), scored):
            matched = (
                log_mel_distance(intact, level_match(wave, intact), codec.sample_rate)
                if np.abs(wave).max() > 0
                else np.nan
            )
            rows.append(
                {
                    "piece": name,
                    "content": piece.content,
                    "lesion": label,
                    "control": control,
                    **scores,
                    "log_mel_matched_db": matched,
                }
            )
    return pd.DataFrame(rows)


def _distance(intact: np.ndarray, wave: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Score two decodings of the same frames: they lie sample by sample over each other, so nothing
    is aligned.
    """
    loud = [
        loudness_lufs(w, sample_rate)
        if len(w) >= 0.4 * sample_rate and np.abs(w).max() > 0
        else np.nan
        for w in (wave, intact)
    ]
    return {
        "si_sdr_db": si_sdr(intact, wave) if np.abs(wave).max() > 0 else np.nan,
        "log_mel_db": log_mel_distance(intact, wave, sample_rate),
        "loudness_change_lu": loud[0] - loud[1],
    }


def subset_quality(codec: EncodecCodec, codes: Codes) -> dict[str, np.ndarray]:
    """Score every subset of the codebooks against the intact decoding; the first value is the empty
    subset, the last all codebooks.

    Returns
    -------
    dict of arrays of shape (2 ** num_codebooks,)
        ``log_mel_db`` (minus the distance) and ``si_sdr_db`` (within -60 to 60 dB); higher is
        better. Subsets in binary order, codebook 0 the highest bit. PESQ and STOI would need speech
        of some seconds.
    """
    z = codec.latents(codes)
    sums = (
        (z * np.array(kept, np.float32)[:, None, None]).sum(0)
        for kept in product([0, 1], repeat=len(z))
    )
    decoded = by_threads(partial(codec.decode_latents, n_samples=codes.n_samples), sums)
    waves = list(
        tqdm(decoded, desc="subsets of codebooks", total=2 ** len(z), leave=False)
    )  # the last holds all codebooks
    log_mel = [-log_mel_distance(waves[-1], wave, codec.sample_rate) for wave in waves]
    sdr = [
        np.clip(si_sdr(waves[-1], wave), -60, 60) if np.abs(wave).max() > 0 else -60.0
        for wave in waves
    ]
    return {"log_mel_db": np.array(log_mel), "si_sdr_db": np.array(sdr)}
