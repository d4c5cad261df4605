"""Segments with speech: from an annotation, or by the voicing rule."""

import numpy as np
import pytest
from fake_sounds import RATE, make_voice

from giblet_core.errors import InputError
from giblet_core.metrics import quality
from giblet_core.sound import Annotation, Event, load_audio, speech_intervals, speech_segments
from giblet_core.sound.speech import is_speech


def make_melody(rng):
    """25 plucked notes of 0.4 s."""
    times_s = np.arange(0.4 * RATE) / RATE
    pitches_hz = 220 * 2 ** (rng.integers(0, 12, 25) / 12)
    notes = []
    for hz in pitches_hz:
        harmonics = sum(np.sin(2 * np.pi * hz * k * times_s) / k for k in (1, 2, 3))
        notes.append(np.exp(-6 * times_s) * harmonics)
    return np.concatenate(notes)


def test_a_voice_is_speech_and_noise_silence_and_a_melody_are_not(rng):
    assert is_speech(make_voice(), RATE)
    assert not is_speech(0.1 * rng.standard_normal(9 * RATE), RATE)
    assert not is_speech(np.zeros(9 * RATE), RATE)
    melody = make_melody(rng)
    assert not is_speech(melody, RATE)
    assert "no speech segment" in quality(melody, melody, RATE).reasons["pesq_wb"]


def test_the_voicing_rule_finds_real_speech_and_leaves_real_music(shared):
    speech = [
        *(shared / "audio/speech/librispeech_84-121123").glob("*-000*.wav"),
        *(shared / "audio/speech/fleurs").glob("*-en-*"),
    ]
    music = [*(shared / "audio/music/mdn").glob("*.mp3")]
    assert share_with_speech(speech) >= 0.9
    assert share_with_speech(music) <= 0.2


def share_with_speech(paths):
    """The share of sounds of 4-16 s that have a segment by the rule."""
    waves = [load_audio(path, 16_000, stop_s=16.0) for path in paths]
    long_enough = [wave for wave in waves if len(wave) > 4 * 16_000]
    assert long_enough
    return np.mean([bool(speech_segments(wave, 16_000)) for wave in long_enough])


INTERVALS = [(1.0, 4.0), (4.5, 8.0), (20.0, 21.0), (30.0, 55.0)]


def test_annotated_intervals_give_segments_of_8_to_10_s_that_are_mostly_speech():
    wave = np.zeros(60 * 1000, np.float32)
    segments = speech_segments(wave, 1000, INTERVALS)
    assert segments == [(1.0, 9.0), (30.0, 40.0), (40.0, 50.0), (50.0, 58.0)]
    spread = speech_segments(wave, 1000, INTERVALS, max_segments=2)
    assert spread == [(1.0, 9.0), (50.0, 58.0)]


def test_a_short_sound_is_one_segment_and_a_shorter_one_none():
    assert speech_segments(np.zeros(5000), 1000, [(0.0, 5.0)]) == [(0.0, 5.0)]
    assert speech_segments(np.zeros(1400), 1000, [(0.0, 1.4)]) == []


def test_a_segment_is_moved_forward_to_end_with_the_sound():
    assert speech_segments(np.zeros(20_000), 1000, [(15.0, 20.0)]) == [(12.0, 20.0)]


@pytest.mark.parametrize("interval", [(3.0, 3.0), (4.0, 3.0), (0.0, np.inf), (np.nan, 1.0)])
def test_an_interval_that_does_not_end_after_it_begins_is_refused(interval):
    with pytest.raises(InputError, match="start_s < stop_s"):
        speech_segments(np.zeros(20_000), 1000, [interval])


def test_intervals_of_an_annotation_are_cropped_to_a_piece():
    events = (
        Event(0.0, 3.0, "speech", ""),
        Event(2.0, 9.0, "music", ""),
        Event(5.0, 7.0, "speech", ""),
        Event(8.0, 9.0, "speech", ""),
    )
    annotation = Annotation((), events, ())
    assert speech_intervals(annotation) == [(0.0, 3.0), (5.0, 7.0), (8.0, 9.0)]
    assert speech_intervals(annotation, 2.0, 6.0) == [(0.0, 1.0), (3.0, 4.0)]
