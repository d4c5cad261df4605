"""The open questions' instruments, each on a case whose answer is known."""

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.autoencoder import (
    codebook_table,
    decoder_scores,
    finetune_decoder,
    paired_differences,
    probe_codebooks,
    verdict,
)
from giblet_core.sound import pitch_track


def test_paired_differences_find_a_small_gain_under_large_seed_noise():
    noise = [5.0, -3.0, 1.0, 0.5]
    rows = [
        {"seed": s, "width": w, "bits": 8 + n + (0.1 if w == 128 else 0) + 0.001 * s}
        for s, n in enumerate(noise)
        for w in (64, 128)
    ]
    table = paired_differences(rows, "width", "bits", 64)
    assert table.loc[128, "difference"] == pytest.approx(0.1)
    assert table.loc[128, "shown"]
    assert not table.loc[64, "shown"]


@pytest.mark.parametrize("f0", [90.0, 150.0, 310.0])
def test_pitch_of_a_harmonic_tone_is_found_and_noise_has_none(f0):
    t = np.arange(24_000) / 24_000
    tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in (1, 2, 3)).astype(np.float32)
    octaves, voiced = pitch_track(tone, 24_000)
    assert voiced[5:-5].all()
    np.testing.assert_allclose(octaves[5:-5], np.log2(f0 / 100), atol=0.05)
    noise = np.random.default_rng(0).normal(size=24_000).astype(np.float32)
    assert pitch_track(noise, 24_000)[1].mean() < 0.05


def test_book_table_of_known_codes():
    indices = np.array([[0, 0, 1, 1], [3, 3, 3, 3]])
    codes = gc.Codes(indices, 24_000, 75.0, 4 * 320, 1.5, "made-up", "0" * 64)
    vectors = np.zeros((2, 1024, 2), np.float32)
    vectors[0, 0], vectors[0, 1], vectors[1, 3] = (2, 0), (-2, 0), (0, 1)
    table = codebook_table(codes, vectors)
    assert table.used.tolist() == [2, 1]
    assert table.entropy_bits.tolist() == [1, 0]
    assert table.repeats.tolist() == pytest.approx([2 / 3, 1])
    assert table.left_over.tolist() == pytest.approx([1 / 5, 0])


def sound(seconds, seed=0):
    """Noise bursts of random level over a low hum: something a decoder can be fitted to."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.01, 0.3, seconds * 4), 6000)
    t = np.arange(len(level)) / 24_000
    return (level * (0.3 * rng.normal(size=len(level)) + np.sin(2 * np.pi * 110 * t))).astype(
        np.float32
    )


@pytest.mark.slow
def test_fine_tuning_changes_the_copy_only_and_lowers_its_loss_on_what_it_heard(demo_codec):
    wave = sound(8)
    codes = demo_codec.encode(wave, 1.5)
    before = demo_codec.decode(codes)
    tuned = finetune_decoder(
        demo_codec, wave, codes, [(0, codes.n_frames)], steps=60, batch_size=2, n_frames=50
    )
    np.testing.assert_array_equal(demo_codec.decode(codes), before)
    frozen, after = decoder_scores(
        {"frozen": demo_codec, "tuned": tuned}, wave, codes, [0], codes.n_frames
    )
    assert after["log_mel_db"] < frozen["log_mel_db"]


@pytest.mark.slow
def test_probes_read_loudness_from_books_that_carry_it_and_not_from_noise_codes(demo_codec):
    wave = sound(90)
    codes = demo_codec.encode(wave, 1.5)
    grid = [gc.TRGrid(1.5, 60)]
    good = probe_codebooks(demo_codec, codes, wave, grid, n_folds=4, embargo=2).set_index(
        ["codebook", "target"]
    )
    shuffled = codes.with_indices(np.random.default_rng(0).permutation(codes.indices.T).T)
    bad = probe_codebooks(demo_codec, shuffled, wave, grid, n_folds=4, embargo=2).set_index(
        ["codebook", "target"]
    )
    assert good.loc[(0, "envelope"), "r"] > 0.6
    assert abs(bad.loc[(0, "envelope"), "r"]) < 0.4


def test_verdicts_say_better_worse_or_nothing_shown():
    losses = {"a": 1.0, "b": 0.5, "c": 1.0}
    rows = [
        {"seed": s, "head": h, "loss": v + 0.01 * (s == i)}
        for s in range(3)
        for i, (h, v) in enumerate(losses.items())
    ]
    text = verdict(paired_differences(rows, "head", "loss", "a"), "a", "bits")
    assert "b: better than a (-0.500 bits" in text
    assert "c: no difference from a shown" in text
    assert "b: worse than a" in verdict(
        paired_differences(rows, "head", "loss", "a"), "a", "bits", lower_is_better=False
    )
