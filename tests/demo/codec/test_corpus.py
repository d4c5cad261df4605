"""The corpus: held-out files are told by name, and batches are what they should be."""

import numpy as np
import pytest

from giblet_core.demo.codec import Corpus, is_held_out
from giblet_core.errors import InputError


@pytest.mark.parametrize(
    "name", ["84-121123-0019.wav", "encodec_test_24k.wav", "fleurs-de-008.ogg"]
)
def test_test_sounds_are_held_out_by_name(name):
    assert is_held_out(name)


@pytest.mark.parametrize("name", ["84-121123-0018.wav", "fleurs-de-007.ogg"])
def test_training_sounds_are_not_held_out(name):
    assert not is_held_out(name)


def test_a_tenth_of_other_sounds_is_held_out_in_every_format():
    names = [f"sound{number}" for number in range(2000)]
    held_out = [is_held_out(f"{name}.ogg") for name in names]
    assert held_out == [is_held_out(f"{name}.mp3") for name in names]
    assert np.mean(held_out) == pytest.approx(0.1, abs=0.03)


def test_batches_hold_whole_frames_below_full_scale_at_various_levels(vowels):
    corpus = Corpus({"speech": [vowels(4.0)], "music": [vowels(3.0, seed=1)]})
    batch = corpus.batch(24, 30).numpy()
    assert batch.shape == (24, 30 * 320)
    assert np.abs(batch).max() <= 0.98 + 1e-6
    rms_db = 20 * np.log10(np.sqrt((batch**2).mean(1)))
    assert rms_db.max() < -14
    assert np.ptp(rms_db) > 10


def test_a_reseeded_corpus_draws_the_same_again(vowels):
    corpus = Corpus({"speech": [vowels(4.0)]})
    corpus.reseed(3, 1)
    first = corpus.batch(2, 10)
    corpus.reseed(3, 1)
    np.testing.assert_array_equal(first, corpus.batch(2, 10))
    assert not np.array_equal(first, corpus.batch(2, 10))


def test_a_corpus_without_a_long_sound_is_refused():
    with pytest.raises(InputError, match="no training sound of a third of a second"):
        Corpus({"speech": [np.zeros(100, np.float32)]})
