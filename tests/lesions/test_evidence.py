"""Claims of lesions are those of their tables, and a control that shows the same fails."""

import numpy as np
import pandas as pd
import pytest

from giblet_core.lesions import (
    Piece,
    beyond_control,
    energy_claims,
    envelope_matched_noise,
    fine_structure_claims,
    noise_of_pieces,
    omission_effects,
)

N_PIECES = 24


def effects_of(omitted, control):
    """A table of two codebooks over pieces; arrays (n_pieces, 2)."""
    rows = []
    for piece in range(len(omitted)):
        for codebook in range(2):
            for is_control, values in ((False, omitted), (True, control)):
                rows.append(
                    {
                        "piece": f"{piece} s",
                        "lesion": str(codebook),
                        "control": is_control,
                        "log_mel_matched_db": values[piece, codebook],
                    }
                )
    rows.append({"piece": "0 s", "lesion": "mean", "control": False, "log_mel_matched_db": 9.0})
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def columns(mean_0, mean_1, rng):
    values = np.column_stack([np.full(N_PIECES, mean_0), np.full(N_PIECES, mean_1)])
    return pd.DataFrame(values + 0.1 * rng.standard_normal(values.shape), columns=["0", "1"])


def test_what_is_beyond_the_control_is_piece_by_piece(rng):
    omitted, control = rng.standard_normal((2, 5, 2))
    table = effects_of(omitted, control)
    beyond = beyond_control(table)
    assert beyond.index.tolist() == table.piece.unique().tolist()
    ordered = beyond.loc[[f"{piece} s" for piece in range(5)], ["0", "1"]]
    np.testing.assert_allclose(ordered.to_numpy(), omitted - control)


def test_a_codebook_counts_where_all_its_interval_is_above_its_energy(rng):
    claims = energy_claims(columns(1.0, 0.0, rng), "a film")
    assert [claim.verdict for claim in claims] == ["shown", "cannot be told"]
    assert claims[0].n == N_PIECES
    assert claims[0].level == pytest.approx(0.975)  # two codebooks together
    assert "interval for 2 codebooks together; a film" in claims[0].sentence()


def test_few_pieces_tell_nothing_and_silent_ones_are_counted(rng):
    few = energy_claims(columns(1.0, 1.0, rng)[:5], "a film")
    assert few[0].verdict == "cannot be told"
    assert "5 pieces are too few for an interval" in few[0].sentence()
    silent = columns(1.0, 1.0, rng)
    silent.loc[3, "0"] = np.nan
    claims = energy_claims(silent, "a film")
    assert claims[0].n == N_PIECES - 1
    assert "1 silent pieces left out" in claims[0].sentence()


def test_what_noise_shows_too_is_not_about_fine_structure(rng):
    claims = fine_structure_claims(columns(1.0, 1.0, rng), columns(0.9, 0.0, rng), "a film")
    assert [claim.verdict for claim in claims] == ["not supported: a control failed", "shown"]
    assert claims[0].sentence().startswith("Control failed: the same figure on noise")


def test_omissions_of_all_codebooks_are_scored_beside_their_controls(codec, wave):
    pieces = {"a": Piece(codec.encode(wave, 1.5), "noise")}
    table = omission_effects(codec, pieces)
    assert table.lesion.tolist() == ["0", "0", "1", "1"]
    assert table.control.tolist() == [False, True, False, True]
    assert beyond_control(table).shape == (1, 2)


def test_each_piece_gets_noise_of_its_own_as_it_sounds_decoded(codec, wave):
    piece = Piece(codec.encode(wave, 3.0), "noise")
    noises = noise_of_pieces(codec, {"a": piece, "b": piece}, seed=4)
    assert noises["a"].codes.n_frames == piece.codes.n_frames
    assert not np.array_equal(noises["a"].codes.indices, noises["b"].codes.indices)
    noise = envelope_matched_noise(codec.decode(piece.codes), 24_000, seed=5)
    np.testing.assert_array_equal(noises["b"].codes.indices, codec.encode(noise, 3.0).indices)
