"""Pieces of a stimulus to lesion: several of each kind of sound, none of them silent."""

from collections.abc import Mapping

import numpy as np

from giblet_core.codecs import Codes
from giblet_core.lesions.effects import Piece
from giblet_core.sound import speech_intervals, speech_segments
from giblet_core.timing import Stimulus

CONTENTS = ("speech", "music", "ambience")
LOUDEST = "loudest"  # of a sound whose annotation tells none of these
SPEECH_S = 3.0  # PESQ and STOI need some words
MANY = 99  # speech segments to choose from


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
            codes = stimulus.codes_piece(begin_s, end_s)
            pieces[f"{content}, {begin_s:.1f} s"] = Piece(codes, content)
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
        f"speech, {start_s:.0f} s": Piece(
            stimulus.codes_piece(start_s, start_s + SPEECH_S), "speech", [(0, 3)]
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
