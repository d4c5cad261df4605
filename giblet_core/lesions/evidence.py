"""Evidence of lesions: what a codebook costs beyond its energy, as claims over many pieces."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from giblet_core.codecs import Codec
from giblet_core.inference import Claim, Control, claim_of_summary, summarise
from giblet_core.lesions.controls import envelope_matched_noise
from giblet_core.lesions.effects import sound_effects
from giblet_core.lesions.pieces import Piece

LEADING = "log_mel_matched_db"  # every sound at the level of the intact one
LEVEL = 0.95


def beyond_control(table: pd.DataFrame, measure: str = LEADING) -> pd.DataFrame:
    """Return what each omission changes beyond its energy control.

    Parameters
    ----------
    table : DataFrame
        From `sound_effects`; only omissions have controls.
    measure : str
        A column; by default the log-mel distance with every sound at one level.

    Returns
    -------
    DataFrame
        A row a piece, a column a lesion, in the order of the table: the omission less its control.
    """
    with_control = table[table.lesion.isin(table.lesion[table.control])]
    values = with_control.pivot(index=["piece", "lesion"], columns="control", values=measure)
    beyond = (values[False] - values[True]).unstack("lesion")
    return beyond.loc[with_control.piece.unique(), with_control.lesion.unique()]


def omission_effects(codec: Codec, pieces: Mapping[str, Piece]) -> pd.DataFrame:
    """Score the omission of every codebook, one at a time, beside its energy control.

    Parameters are the codec and the pieces. Returns the table of `sound_effects`; lesions are
    called "0", "1", ...
    """
    n_codebooks = next(iter(pieces.values())).codes.num_codebooks
    omissions = {f"{k}": {"codebooks": [k], "mode": "omit"} for k in range(n_codebooks)}
    return sound_effects(codec, pieces, omissions)


def noise_of_pieces(codec: Codec, pieces: Mapping[str, Piece], seed: int = 0) -> dict[str, Piece]:
    """Return each piece as noise with its envelope and spectrum, encoded anew.

    Parameters
    ----------
    codec : Codec
    pieces : mapping of name to Piece
    seed : int
        Of the noise; each piece has its own.

    Returns
    -------
    dict of str to Piece
    """
    noises = {}
    for number, (name, piece) in enumerate(pieces.items()):
        sound = codec.decode(piece.codes)
        noise = envelope_matched_noise(sound, codec.sample_rate, seed + number)
        codes = codec.encode(noise, piece.codes.bandwidth_kbps)
        noises[name] = Piece(codes, piece.content)
    return noises


def energy_claims(beyond: pd.DataFrame, label: str) -> list[Claim]:
    """Claim of every codebook that omitting it costs more than its energy taken elsewhere.

    Intervals hold for all codebooks together (Bonferroni).

    Parameters
    ----------
    beyond : DataFrame
        From `beyond_control`, over pieces spread over the sound.
    label : str
        On which material.

    Returns
    -------
    list of Claim
        One a column, in its order.
    """
    return [
        _claim(
            f"Omitting codebook {name} costs more than its energy elsewhere", beyond, name, label
        )
        for name in beyond
    ]


def fine_structure_claims(
    beyond: pd.DataFrame, beyond_in_noise: pd.DataFrame, label: str
) -> list[Claim]:
    """Claim of every codebook that it carries fine structure: more than energy and envelope.

    The control of each claim is the same figure on noise with the envelope and the spectrum of the
    pieces. What is there too is not about fine structure.

    Parameters
    ----------
    beyond, beyond_in_noise : DataFrame
        From `beyond_control`, of the pieces and of `noise_of_pieces`.
    label : str
        On which material.

    Returns
    -------
    list of Claim
        One a column of `beyond`, in its order.
    """
    claims = []
    for name in beyond:
        claim = _claim(
            f"Codebook {name} carries fine structure beyond envelope and spectrum",
            beyond,
            name,
            label,
        )
        noise = _claim("", beyond_in_noise, name, label)
        control = Control.beside_claim(
            claim,
            "the same figure on noise with the pieces' envelope and spectrum",
            noise.estimate,
            low=noise.low,
            high=noise.high,
            n=noise.n,
        )
        claims.append(claim.beside(control))
    return claims


def _claim(subject: str, beyond: pd.DataFrame, name: str, label: str) -> Claim:
    """Claim that the mean of a column is above 0; silent pieces have no value and are counted."""
    values = beyond[name].to_numpy(float)
    defined = np.isfinite(values)
    n_silent = int((~defined).sum())
    silent = f", {n_silent} silent pieces left out" if n_silent else ""
    n_codebooks = beyond.shape[1]
    level = 1 - (1 - LEVEL) / n_codebooks
    return claim_of_summary(
        subject,
        f"level-matched log-mel distance beyond the energy control{silent}",
        summarise(values[defined], "pieces", level),
        correction=f"interval for {n_codebooks} codebooks together",
        unit_of_measure="dB",
        digits=2,
        label=label,
    )
