"""Pieces of a stimulus to lesion, none silent, each with the rest of the sound as its reference.

`choose_pieces` takes several of each kind of sound; `spread_pieces` takes so many over the whole
sound that their mean has an interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from giblet_core.codecs import Codes, frame_at
from giblet_core.errors import require
from giblet_core.sound import speech_intervals, speech_segments
from giblet_core.timing import Stimulus

CONTENTS = ("speech", "music", "ambience")
LOUDEST = "loudest"  # of a sound whose annotation tells none of these
SPEECH_S = 3.0  # PESQ and STOI need some words
MANY = 99  # speech segments to choose from

GUARD_S = 1.0  # beside a piece that belongs neither to it nor to the rest: neighbours are alike
LEAST_REST_S = 10.0  # a shorter rest tells too little
QUIET_DB = -50.0  # below the loudest piece: not taken


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of sound to lesion.

    Attributes
    ----------
    codes : Codes
    content : str
        What it holds: speech, music, ...
    segments : sequence of (start, stop), optional
        Seconds in which it holds speech.
    reference : Codes, optional
        Other sound that means and frequencies of codebooks are taken from; by default the piece
        itself, which knows its own details.
    """

    codes: Codes
    content: str
    segments: Sequence[tuple[float, float]] | None = None
    reference: Codes | None = None


def rest_of_sound(codes: Codes, start_s: float, stop_s: float) -> Codes | None:
    """Return the codes of a sound without a piece and its neighbourhood, joined.

    They serve statistics, not the ear. None where less than `LEAST_REST_S` are left.

    Parameters
    ----------
    codes : Codes
        Of the whole sound.
    start_s, stop_s : float
        The piece, s.

    Returns
    -------
    Codes or None
    """
    first = frame_at(max(0.0, start_s - GUARD_S), codes.frame_rate)
    last = min(frame_at(stop_s + GUARD_S, codes.frame_rate), codes.n_frames)
    rest = np.delete(codes.indices, slice(first, last), axis=1)
    if rest.shape[1] < LEAST_REST_S * codes.frame_rate:
        return None
    return replace(codes, indices=rest, n_samples=rest.shape[1] * codes.hop_length)


def piece_of_sound(
    stimulus: Stimulus,
    start_s: float,
    stop_s: float,
    content: str,
    segments: Sequence[tuple[float, float]] | None = None,
) -> Piece:
    """Cut a piece out of a sound; the rest of the sound is its reference.

    Parameters
    ----------
    stimulus : Stimulus
    start_s, stop_s : float
        Seconds of the sound.
    content : str
        What the piece holds.
    segments : sequence of (start, stop), optional
        Seconds of the piece in which it holds speech.

    Returns
    -------
    Piece
    """
    codes = stimulus.codes_piece(start_s, stop_s)
    return Piece(codes, content, segments, rest_of_sound(stimulus.codes, start_s, stop_s))


def spread_pieces(stimulus: Stimulus, n_pieces: int = 24, seconds: float = 1.5) -> dict[str, Piece]:
    """Cut pieces that lie evenly over a sound, whatever they hold; quiet ones are left out.

    Parameters
    ----------
    stimulus : Stimulus
    n_pieces : int
        How many; fewer where the sound is too short for as many without overlap, or quiet.
    seconds : float
        Length of each.

    Returns
    -------
    dict of str to Piece
        By the second at which they begin.

    Raises
    ------
    InputError
        The sound is shorter than one piece.
    """
    require(
        stimulus.duration_s >= seconds,
        f"seconds={seconds}: the sound has {stimulus.duration_s:.1f} s; a piece must fit into it. "
        "Take shorter pieces.",
    )
    n_fitting = min(n_pieces, int(stimulus.duration_s / seconds))
    starts_s = np.linspace(0, stimulus.duration_s - seconds, n_fitting)
    power = [np.mean(stimulus.piece(start, start + seconds) ** 2) for start in starts_s]
    least_power = max(power) * 10 ** (QUIET_DB / 10)
    return {
        f"{start_s:.1f} s": piece_of_sound(stimulus, start_s, start_s + seconds, "any")
        for start_s, of_piece in zip(starts_s, power)
        if of_piece > least_power
    }


def choose_pieces(stimulus: Stimulus, n_pieces: int = 3, seconds: float = 1.5) -> dict[str, Piece]:
    """Choose pieces of speech, music and ambience, as far as the annotation tells them.

    Pieces of speech are stretches that the annotation calls speech, spread over the sound. Of the
    other kinds one excerpt is cut into pieces. A sound without annotation gives its loudest
    excerpt. Silent pieces are left out: nothing can be taken away from them.

    Parameters
    ----------
    stimulus : Stimulus
    n_pieces : int
        Of each kind, at most.
    seconds : float
        Length of the pieces that are not speech; those of speech have 3 s.

    Returns
    -------
    dict
        Name -> piece; empty where all is silent.
    """
    pieces = _speech_pieces(stimulus, n_pieces)
    annotated = [kind for kind in CONTENTS if kind in stimulus.kinds]
    for content in annotated:
        if content != "speech" or not pieces:
            pieces |= _cut_excerpt(stimulus, content, n_pieces, seconds)
    return pieces or _cut_excerpt(stimulus, LOUDEST, n_pieces, seconds)


def _cut_excerpt(
    stimulus: Stimulus, content: str, n_pieces: int, seconds: float
) -> dict[str, Piece]:
    """Cut one excerpt into pieces, and return those that are not silent."""
    start_s, stop_s = stimulus.excerpt(content, n_pieces * seconds)
    edges_s = np.linspace(start_s, stop_s, n_pieces + 1)
    pieces = {}
    for begin_s, end_s in zip(edges_s, edges_s[1:]):
        if stimulus.piece(begin_s, end_s).any():
            name = f"{content}, {begin_s:.1f} s"
            pieces[name] = piece_of_sound(stimulus, begin_s, end_s, content)
    return pieces


def _speech_pieces(stimulus: Stimulus, n_pieces: int) -> dict[str, Piece]:
    """Return up to `n_pieces` of annotated speech, spread over the sound."""
    if stimulus.spoken is None:
        return {}
    rate = stimulus.codec.sample_rate
    segments = speech_segments(stimulus.wave, rate, speech_intervals(stimulus.spoken), MANY)
    starts_s = [start_s for start_s, _ in segments]
    audible_s = [t for t in starts_s if stimulus.piece(t, t + SPEECH_S).any()]
    if not audible_s:
        return {}
    places = np.unique(np.linspace(0, len(audible_s) - 1, n_pieces).astype(int))
    chosen_s = [audible_s[place] for place in places]
    return {
        f"speech, {start_s:.0f} s": piece_of_sound(
            stimulus, start_s, start_s + SPEECH_S, "speech", [(0, 3)]
        )
        for start_s in chosen_s
    }


def choose_donor(stimulus: Stimulus, pieces: Mapping[str, Piece], start_s: float = 0.0) -> Codes:
    """Return a scene of its own for swaps: half the sound away, as long as the longest piece.

    Parameters
    ----------
    stimulus : Stimulus
    pieces : mapping of name to Piece
        The scene is long enough for each of them.
    start_s : float
        Half the sound is counted from here.

    Returns
    -------
    Codes
    """
    codes = stimulus.codes
    n_frames = max(piece.codes.n_frames for piece in pieces.values())
    last_start = max(1, codes.n_frames - n_frames)
    far = start_s + codes.duration_s / 2
    first = int(far * codes.frame_rate) % last_start
    return codes.crop_frames(first, first + n_frames)
