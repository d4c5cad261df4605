"""When each word of a spoken line begins and ends, from the events of espeak-ng."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from giblet_core.demo.voices.espeak import PHONEME, WORD, Event, Voice, speak
from giblet_core.errors import InputError

A_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
USUAL_RATE = 160  # words a minute, at which words are spoken alone
USUAL_PITCH = 50


@dataclass(frozen=True)
class TimedWord:
    """A word, from its first phoneme to the end of its last, in samples."""

    word: str
    start: int
    stop: int


@cache
def count_phonemes(word: str, voice_name: str) -> int:
    """Count the phonemes of a word spoken alone."""
    voice = Voice(voice_name, USUAL_RATE, USUAL_PITCH, USUAL_PITCH)
    return sum(event.is_sounding_phoneme for event in speak(word, voice).events)


def _cut_unit(words: Sequence[str], n_phonemes: int, voice_name: str) -> list[int]:
    """Share out a unit's phonemes: where each word's begin, and the number of all.

    A later word owns as many of the last phonemes as it has when spoken alone; contractions
    ("I am") leave at least one to each word before.
    """
    cuts = [n_phonemes]
    for number in range(len(words) - 1, 0, -1):
        n_alone = count_phonemes(words[number], voice_name)
        cuts.insert(0, max(cuts[0] - n_alone, number))
    return [0, *cuts]


def time_words(
    text: str, voice_name: str, events: Sequence[Event], n_samples: int
) -> list[TimedWord]:
    """Time each word of a line by its phonemes.

    espeak-ng speaks some pairs ("of the", "on the") as one unit with one event; these are parted at
    their phonemes.

    Parameters
    ----------
    text : str
    voice_name : str
    events : sequence of Event
    n_samples : int
        Of the spoken line.

    Returns
    -------
    list of TimedWord

    Raises
    ------
    InputError
        Words and phonemes cannot be matched.
    """
    phonemes = [event for event in events if event.kind == PHONEME]
    stops = [event.sample for event in phonemes[1:]] + [n_samples]
    word_starts = {e.position: e.sample for e in events if e.kind == WORD and e.length > 0}
    words = [match.group() for match in A_WORD.finditer(text)]
    positions = [match.start() for match in A_WORD.finditer(text)]
    unit_starts = [i for i, position in enumerate(positions) if position in word_starts]
    if not unit_starts or unit_starts[0] != 0:
        raise InputError(
            f"text={text!r}: espeak-ng gave no event for its first word. Rephrase the line."
        )
    samples = [word_starts[positions[i]] for i in unit_starts] + [n_samples]
    timed = []
    for number, (first, last) in enumerate(zip(unit_starts, [*unit_starts[1:], len(words)])):
        inside = [
            i
            for i, phoneme in enumerate(phonemes)
            if samples[number] <= phoneme.sample < samples[number + 1]
            and phoneme.is_sounding_phoneme
        ]
        unit = words[first:last]
        cuts = _cut_unit(unit, len(inside), voice_name)
        if min(np.diff(cuts)) < 1:
            raise InputError(
                f"text={text!r}: no phoneme is left for one of {unit}. Rephrase the line."
            )
        for word, start, stop in zip(unit, cuts, cuts[1:]):
            sample = phonemes[inside[start]].sample
            timed.append(TimedWord(word, sample, stops[inside[stop - 1]]))
    return timed
