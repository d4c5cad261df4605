"""Pieces lie where they say, and know the rest of the sound without themselves."""

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.errors import InputError
from giblet_core.lesions import piece_of_sound, rest_of_sound, spread_pieces

RATE = 24_000
FRAME_RATE = 75.0


def numbered_codes(n_frames):
    """Each frame's entry is its number."""
    indices = np.tile(np.arange(n_frames, dtype=np.uint16), (2, 1))
    return made_up_codes(indices, cardinality=65_536, codec_sha256="f" * 64)


class Sound:
    """40 s of noise, silent from 20 to 30 s, with numbered frames."""

    duration_s = 40.0
    codes = numbered_codes(3000)

    def piece(self, start_s, stop_s):
        times_s = np.arange(int(start_s * RATE), int(stop_s * RATE)) / RATE
        noise = np.random.default_rng(0).standard_normal(len(times_s))
        return np.where((times_s >= 20) & (times_s < 30), 0.0, noise)

    def codes_piece(self, start_s, stop_s):
        return self.codes.crop_frames(round(start_s * FRAME_RATE), round(stop_s * FRAME_RATE))


def test_the_rest_leaves_out_the_piece_and_a_second_on_both_sides():
    rest = rest_of_sound(numbered_codes(3000), 10.0, 12.0)
    left_out = np.setdiff1d(np.arange(3000), rest.indices[0])
    assert (left_out[0], left_out[-1]) == (9 * 75, 13 * 75 - 1)
    assert rest.n_frames == 3000 - 4 * 75
    assert rest.codec_sha256 == "f" * 64


def test_at_the_edges_the_rest_is_what_there_is():
    rest = rest_of_sound(numbered_codes(1500), 0.0, 1.0)
    assert rest.indices[0, 0] == 150
    assert rest_of_sound(numbered_codes(900), 2.0, 11.0) is None  # less than 10 s are left


def test_a_piece_and_its_reference_share_no_frame():
    piece = piece_of_sound(Sound(), 5.0, 8.0, "speech", [(0, 3)])
    assert piece.content == "speech"
    assert not np.intersect1d(piece.codes.indices[0], piece.reference.indices[0]).size


def test_pieces_are_spread_evenly_and_silence_is_left_out():
    pieces = spread_pieces(Sound(), n_pieces=20, seconds=1.0)
    starts_s = [float(name.removesuffix(" s")) for name in pieces]
    assert 12 <= len(pieces) <= 18
    assert min(starts_s) == 0
    assert max(starts_s) == 39
    assert not [start for start in starts_s if 20 <= start <= 29]
    assert all(piece.codes.n_frames == 75 for piece in pieces.values())


def test_a_sound_shorter_than_a_piece_is_refused():
    with pytest.raises(InputError, match="seconds=60: the sound has 40.0 s"):
        spread_pieces(Sound(), seconds=60)
