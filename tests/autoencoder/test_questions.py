"""The open questions' instruments, each on a case whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from made_codes import made_up_codes

import giblet_core as gc
from giblet_core.autoencoder import (
    FineTuning,
    decoder_scores,
    finetune_decoder,
    probe_codebooks,
    probe_targets,
    random_vectors,
)
from giblet_core.sound import Annotation, Event

RATE = 24_000


# --- a decoder fine-tuned on one sound -----------------------------------------------------------


def hum_with_bursts(seconds):
    """Noise bursts of random level over a low hum: something a decoder can be fitted to."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0.01, 0.3, seconds * 4), RATE // 4)
    times = np.arange(len(level)) / RATE
    fine_structure = 0.3 * rng.normal(size=len(level)) + np.sin(2 * np.pi * 110 * times)
    return (level * fine_structure).astype(np.float32)


@pytest.mark.slow
def test_fine_tuning_changes_the_copy_only_and_lowers_its_loss_on_what_it_heard(demo_codec):
    wave = hum_with_bursts(8)
    codes = demo_codec.encode(wave, 1.5)
    before = demo_codec.decode(codes)
    training = FineTuning(steps=60, batch_size=2, window_s=0.667)
    tuned = finetune_decoder(demo_codec, wave, codes, [(0, codes.n_frames)], training)
    assert tuned.id == f"{demo_codec.id}, decoder fine-tuned"
    np.testing.assert_array_equal(demo_codec.decode(codes), before)
    decoders = {"frozen": demo_codec, "tuned": tuned}
    frozen, after = decoder_scores(decoders, wave, codes, [0], codes.n_frames)
    assert after["log_mel_db"] < frozen["log_mel_db"]


# --- what each codebook carries ------------------------------------------------------------------


def test_targets_are_asked_only_where_they_are_known():
    wave = hum_with_bursts(12)
    grids = [gc.TRGrid(1.5, 8)]
    always = ["envelope", "loudness", "pitch", "voicing"]
    assert list(probe_targets(wave, RATE, grids)) == always
    speech = Event(0.0, 3.0, "speech", "")
    music = Event(6.0, 9.0, "music", "")
    spoken = probe_targets(wave, RATE, grids, Annotation((), (speech,), ()))
    assert list(spoken) == [*always, "speech"]
    both = probe_targets(wave, RATE, grids, Annotation((), (speech, music), ()))
    assert list(both) == [*always, "speech", "music", "silence"]
    np.testing.assert_allclose(both["speech"], [1, 1, 0, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(both["silence"], [0, 0, 1, 1, 0, 0, 1, 1], atol=1e-6)


def test_a_codebook_that_follows_the_target_is_read_and_one_that_does_not_is_not(rng):
    """Codebook 0 says the target of its TR in 16 steps, plus chance; codebook 1 is chance."""
    n_trs = 120
    n_frames = 75  # of a TR of 1.5 s at 50 Hz
    level = np.repeat(rng.uniform(0, 15, n_trs), n_frames)
    carrying = np.clip(np.round(level + rng.normal(size=level.size)), 0, 15).astype(int)
    indices = np.stack([carrying, rng.integers(0, 16, level.size)])
    codes = made_up_codes(indices, frame_rate=50.0)
    steps = np.arange(16, dtype=np.float32) - 7.5
    codebooks = np.stack([np.outer(steps, [1.0, 0.5])] * 2).astype(np.float32)
    targets = pd.DataFrame({"level": level[::n_frames]})
    probes = probe_codebooks(codebooks, codes, targets, [gc.TRGrid(1.5, n_trs)], 4, 2)
    carried, chance = probes.r
    assert carried > 0.95
    assert probes.low[0] <= carried <= probes.high[0]
    assert abs(chance) < 0.4


@pytest.mark.slow
def test_probes_read_loudness_from_books_that_carry_it_and_not_from_noise_codes(demo_codec):
    wave = hum_with_bursts(90)
    codes = demo_codec.encode(wave, 1.5)
    grids = [gc.TRGrid(1.5, 60)]
    targets = probe_targets(wave, RATE, grids)
    shuffled = codes.with_indices(np.random.default_rng(0).permutation(codes.indices.T).T)
    r = [
        probe_codebooks(demo_codec.codebooks, c, targets, grids, n_folds=4, embargo=2)
        .set_index(["codebook", "target"])
        .r
        for c in (codes, shuffled)
    ]
    assert r[0][0, "envelope"] > 0.6
    assert abs(r[1][0, "envelope"]) < 0.4


def test_random_vectors_depend_on_the_seed_alone():
    codebooks = np.zeros((2, 16, 4), np.float32)
    np.testing.assert_array_equal(random_vectors(codebooks, 1), random_vectors(codebooks, 1))
    assert (random_vectors(codebooks, 1) != random_vectors(codebooks, 2)).all()
