"""Word times: words spoken as one unit are parted at their phonemes."""

import pytest

from giblet_core.demo.voices import Event, TimedWord, time_words, word_times
from giblet_core.errors import InputError


def word(position, length, sample):
    return Event(word_times.WORD, position, length, sample)


def phoneme(name, sample):
    return Event(word_times.PHONEME, 0, 0, sample, name)


def test_words_spoken_as_one_unit_are_parted_at_their_phonemes(monkeypatch):
    monkeypatch.setattr(word_times, "count_phonemes", lambda word, voice: 2)
    events = [
        word(0, 2, 100),
        phoneme("0", 110),
        phoneme("n", 150),
        phoneme("D", 180),
        phoneme("@", 200),
        word(7, 5, 250),
        phoneme("s", 260),
        phoneme("t", 300),
        phoneme("_:", 400),
    ]
    timed = time_words("On the steps.", "any", events, 900)
    assert timed == [
        TimedWord("On", 110, 180),
        TimedWord("the", 180, 260),
        TimedWord("steps", 260, 400),
    ]


def test_a_contraction_leaves_a_phoneme_to_each_word(monkeypatch):
    monkeypatch.setattr(word_times, "count_phonemes", lambda word, voice: 3)
    events = [word(0, 1, 0), phoneme("aI", 10), phoneme("m", 20)]
    assert time_words("I am", "any", events, 50) == [
        TimedWord("I", 10, 20),
        TimedWord("am", 20, 50),
    ]


def test_a_line_whose_first_word_has_no_event_is_refused():
    with pytest.raises(InputError, match="gave no event for its first word"):
        time_words("On the", "any", [phoneme("0", 5)], 10)


def test_more_words_than_phonemes_are_refused(monkeypatch):
    monkeypatch.setattr(word_times, "count_phonemes", lambda word, voice: 1)
    with pytest.raises(InputError, match="no phoneme is left for one of"):
        time_words("On the", "any", [word(0, 2, 0), phoneme("0", 5)], 10)
