"""Effects of lesions on sound."""

import numpy as np
import pytest

from giblet_core.encoding import shapley
from giblet_core.lesions import LESIONS, LesionKind, Piece, sound_effects, subset_quality

RATE = 24_000


def test_no_lesion_has_no_effect_and_more_lesion_has_more(codec, wave):
    piece = Piece(codec.encode(wave, 3.0), "noise")
    lesions = {
        "none": {"codebooks": []},
        "half": {"codebooks": [0], "strength": 0.5},
        "whole": {"codebooks": [0]},
    }
    table = sound_effects(codec, {"a": piece}, lesions)
    table = table[~table.control].set_index("lesion")
    assert table.log_mel_db["none"] == 0
    assert table.log_mel_db["none"] < table.log_mel_db["half"] < table.log_mel_db["whole"]
    assert table.si_sdr_db["half"] > table.si_sdr_db["whole"]
    assert table.loudness_change_lu["none"] == 0


def test_the_quick_scores_are_those_of_the_full_table(codec, wave):
    codes = codec.encode(wave, 1.5)
    lesions = {"codebook 1": {"codebooks": [1], "mode": "mean"}}
    quick = sound_effects(codec, {"a": Piece(codes, "noise")}, lesions)
    full = sound_effects(codec, {"a": Piece(codes, "noise", [(0.0, 1.0)])}, lesions)
    assert "stoi" in full
    assert "stoi" not in quick
    for name in ("si_sdr_db", "log_mel_db", "loudness_change_lu"):
        assert quick[name][0] == pytest.approx(full[name][0], abs=1e-3)


def test_every_omission_has_its_control_beside_it_and_no_other_kind_has(codec, wave):
    piece = Piece(codec.encode(wave, 1.5), "noise")
    lesions = {
        "codebook 0": {"codebooks": [0]},
        "codebook 1": {"codebooks": [1]},
        "mean": {"codebooks": [0], "mode": "mean"},
    }
    table = sound_effects(codec, {"a": piece, "b": piece}, lesions)
    controls = table.groupby(["piece", "lesion"]).control.apply(sorted)
    assert controls.tolist() == 2 * [[False, True], [False, True], [False]]


def test_a_control_has_the_level_of_its_omission_and_its_own_is_kept(codec, wave):
    piece = Piece(codec.encode(wave, 3.0), "noise")
    table = sound_effects(codec, {"a": piece}, {"0": {"codebooks": [0]}}).set_index("control")
    change = table.loudness_change_lu
    assert change[True] == pytest.approx(change[False], abs=0.1)
    assert table.own_loudness_change_lu[False] == pytest.approx(change[False])
    assert table.own_loudness_change_lu[True] > change[True] + 1  # turned vectors add energy


def test_a_piece_gives_its_reference_to_its_lesions(codec, wave):
    codes = codec.encode(wave, 3.0)
    lesions = {"1": {"codebooks": [1], "mode": "conditional_mean"}}
    other = codec.encode(wave[::-1].copy(), 3.0)
    own = sound_effects(codec, {"a": Piece(codes, "noise")}, lesions)
    elsewhere = sound_effects(codec, {"a": Piece(codes, "noise", reference=other)}, lesions)
    assert own.log_mel_db[0] != elsewhere.log_mel_db[0]
    given = {"1": lesions["1"] | {"reference": other}}
    table = sound_effects(codec, {"a": Piece(codes, "noise")}, given)
    assert table.log_mel_db[0] == elsewhere.log_mel_db[0]


def test_a_silent_lesion_is_scored_where_a_score_exists(codec, wave, monkeypatch):
    codes = codec.encode(wave, 1.5)
    silence = LesionKind("Nothing at all", "What if?", lambda context, codebook: 0.0)
    monkeypatch.setitem(LESIONS, "silence", silence)
    monkeypatch.setattr(codec, "decode_latents", silent_without_latents(codec.decode_latents))
    lesions = {"all": {"codebooks": [0, 1], "mode": "silence"}}
    table = sound_effects(codec, {"a": Piece(codes, "noise")}, lesions)
    assert np.isnan(table.si_sdr_db[0])
    assert np.isnan(table.loudness_change_lu[0])
    assert np.isnan(table.log_mel_matched_db[0])
    assert table.log_mel_db[0] > 10


def silent_without_latents(decode_latents):
    """A decoder that is silent where there is nothing to decode, as not every decoder is."""

    def decode(latents, n_samples):
        sound = decode_latents(latents, n_samples)
        return sound if latents.any() else np.zeros_like(sound)

    return decode


def test_subsets_begin_with_nothing_and_end_with_all(codec, wave):
    values = subset_quality(codec, codec.encode(wave[:RATE], 1.5))
    assert values["log_mel_db"].shape == values["si_sdr_db"].shape == (4,)
    assert values["log_mel_db"][-1] == 0
    assert values["si_sdr_db"][-1] == 60
    for quality in values.values():
        assert quality[0] < quality[1:3].min() + 1e-9 <= quality[-1]


def test_shapley_is_exact_for_additive_games_and_fair_in_symmetric_ones(rng):
    worth = rng.standard_normal(4)
    additive = np.array([sum(worth[k] for k in range(4) if i & (1 << (3 - k))) for i in range(16)])
    assert np.allclose(shapley(additive), worth)
    # players 1 and 2 are worth something only together; player 0 adds nothing
    glove = np.array([0, 0, 0, 1.0, 0, 0, 0, 1.0])
    assert np.allclose(shapley(glove), [0, 0.5, 0.5])
    game = rng.standard_normal((32, 3))
    assert np.allclose(shapley(game).sum(0), game[-1] - game[0])
