"""Effects of lesions on sound, and their controls."""

import numpy as np
import pytest
from fakes import coloured_noise, conditioned_model

from giblet_core.codecs import EncodecCodec
from giblet_core.encoding import shapley
from giblet_core.errors import InputError
from giblet_core.lesions import (
    Piece,
    envelope_matched_noise,
    flat_envelope_sound,
    lesion,
    matched_removal,
    reconstruction_matched,
    smooth_level,
    sound_effects,
    subset_quality,
)
from giblet_core.metrics import log_mel_distance

RATE = 24_000


@pytest.fixture(scope="module")
def codec():
    return EncodecCodec(conditioned_model(), "conditioned")


@pytest.fixture(scope="module")
def wave():
    return coloured_noise(RATE * 3, np.random.default_rng(4))


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_the_flat_twin_loses_the_envelope_and_keeps_the_fine_structure(wave):
    t = np.arange(len(wave)) / RATE
    tone = (0.2 * np.sin(2 * np.pi * 500 * t) * (1 + 0.9 * np.sin(2 * np.pi * 2 * t))).astype(
        np.float32
    )
    flat = flat_envelope_sound(tone, RATE)
    inner = slice(RATE // 4, -RATE // 4)
    assert smooth_level(flat, RATE)[inner].std() / smooth_level(flat, RATE)[inner].mean() < 0.05
    assert smooth_level(tone, RATE)[inner].std() / smooth_level(tone, RATE)[inner].mean() > 0.4
    assert correlation(np.sign(flat[inner]), np.sign(tone[inner])) > 0.99


def test_the_envelope_twin_keeps_the_envelope_and_spectrum_but_not_the_waveform(wave):
    matched_noise = envelope_matched_noise(wave, RATE)
    assert correlation(smooth_level(matched_noise, RATE), smooth_level(wave, RATE)) > 0.9
    bands = [
        np.abs(np.fft.rfft(x))[: 12_000 * 3].reshape(40, -1).mean(1) for x in (matched_noise, wave)
    ]
    assert correlation(*np.log(bands)) > 0.95
    assert abs(correlation(matched_noise, wave)) < 0.1
    assert np.array_equal(matched_noise, envelope_matched_noise(wave, RATE))


def test_the_control_removes_the_same_energy_in_every_frame_and_dimension(codec, wave):
    codes = codec.encode(wave, 3.0)
    z = codec.latents(codes)
    removed = z[1] - matched_removal(codec, codes, [1])[1]
    assert np.allclose(np.linalg.norm(removed, axis=0), np.linalg.norm(z[1], axis=0), rtol=1e-4)
    assert np.allclose(
        np.linalg.svd(removed, compute_uv=False),
        np.linalg.svd(z[1], compute_uv=False),
        rtol=1e-3,
        atol=1e-2,
    )
    assert abs(correlation(removed.ravel(), z[1].ravel())) < 0.1
    assert np.array_equal(matched_removal(codec, codes, []), z)


def test_the_reconstruction_matched_lesion_costs_what_the_book_costs(codec, wave):
    codes = codec.encode(wave, 3.0)
    intact = codec.decode(codes)
    z, strength = reconstruction_matched(codec, codes, [0])
    costs = [
        log_mel_distance(intact, codec.decode_latents(x.sum(0), codes.n_samples), RATE)
        for x in (z, lesion(codec, codes, [0]), codec.latents(codes))
    ]
    assert costs[0] == pytest.approx(costs[1], rel=0.02)
    assert costs[1] > costs[2] == 0
    turned = codec.latents(codes) + strength * (
        matched_removal(codec, codes, [0]) - codec.latents(codes)
    )
    assert np.allclose(z, turned, atol=1e-3)
    assert reconstruction_matched(codec, codes, [])[1] == 0
    with pytest.raises(InputError, match="codebooks count from 0"):
        reconstruction_matched(codec, codes, [99])


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
    codes, lesions = codec.encode(wave, 1.5), {"codebook 1": {"codebooks": [1], "mode": "mean"}}
    quick, full = (
        sound_effects(codec, {"a": Piece(codes, "noise", segments)}, lesions)
        for segments in (None, [(0.0, 1.0)])
    )
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
    assert table.groupby(["piece", "lesion"]).control.apply(sorted).tolist() == 2 * [
        [False, True],
        [False, True],
        [False],
    ]


def test_subsets_begin_with_nothing_and_end_with_all(codec, wave):
    values = subset_quality(codec, codec.encode(wave[:RATE], 1.5))
    assert values["log_mel_db"].shape == values["si_sdr_db"].shape == (4,)
    assert values["log_mel_db"][-1] == 0
    assert values["si_sdr_db"][-1] == 60
    for v in values.values():
        assert v[0] < v[1:3].min() + 1e-9 <= v[-1]


def test_shapley_is_exact_for_additive_games_and_fair_in_symmetric_ones(rng):
    worth = rng.standard_normal(4)
    additive = np.array([sum(worth[k] for k in range(4) if i & (1 << (3 - k))) for i in range(16)])
    assert np.allclose(shapley(additive), worth)
    glove = np.array(
        [0, 0, 0, 1.0, 0, 0, 0, 1.0]
    )  # players 1 and 2 only together; player 0 adds nothing
    assert np.allclose(shapley(glove), [0, 0.5, 0.5])
    game = rng.standard_normal((32, 3))
    assert np.allclose(shapley(game).sum(0), game[-1] - game[0])
