"""The stems: the annotation is true of their sound, and their sum is the film."""

import numpy as np
import pytest
from film_sounds import mask_of, span

import giblet_core as gc
from giblet_core.demo.film import RATE, master
from giblet_core.sound import KINDS


def lines_of(annotation):
    return [event for event in annotation.events if event.kind == "speech"]


def test_rendering_again_stem_by_stem_gives_the_same_bits(film, stems):
    again = np.zeros(len(film.wave), np.float32)
    for kind in KINDS:
        again += stems[kind]
    pcm = master(again, 0)
    wave = pcm.astype(np.float32) / np.float32(32768)
    assert gc.content_hash(wave) == gc.content_hash(film.wave)


def test_voices_sound_inside_the_lines_and_nowhere_else(dry_voices):
    wave, annotation = dry_voices
    inside = mask_of(annotation, "speech", len(wave))
    assert not np.any(wave[~inside])
    for event in lines_of(annotation):
        assert np.sqrt(np.mean(wave[span(event)] ** 2)) > 0.01


def test_words_hold_the_energy_of_their_line(dry_voices):
    wave, annotation = dry_voices
    power = wave.astype(np.float64) ** 2
    is_spoken = np.zeros(len(wave), bool)
    for word in annotation.words:
        is_spoken[span(word)] = True
    assert power[~is_spoken].sum() < 1e-4 * power.sum()
    levels = [power[span(word)].mean() for word in annotation.words]
    assert 10 * np.log10(min(levels) / np.median(levels)) > -40


def test_lines_are_heard_from_their_first_word_on(dry_voices):
    wave, annotation = dry_voices
    word_starts_s = np.array([word.start_s for word in annotation.words])
    lags_s = []
    for event in lines_of(annotation):
        line = np.abs(wave[span(event)])
        onset_s = event.start_s + np.flatnonzero(line > 0.03 * line.max())[0] / RATE
        first_word = np.searchsorted(word_starts_s, event.start_s)
        lags_s.append(onset_s - word_starts_s[first_word])
    assert len(lags_s) == 118
    assert np.quantile(np.abs(lags_s), 0.9) < 0.012
    assert np.abs(lags_s).max() < 0.04  # a soft f takes that long to be heard


def test_words_are_those_of_the_text_in_order_and_do_not_overlap(film):
    words = film.annotation.words
    for word, following in zip(words, words[1:]):
        assert word.start_s < word.stop_s <= following.start_s + 1e-6
    n_taken = 0
    for event in lines_of(film.annotation):
        inside = [w for w in words[n_taken:] if event.start_s <= w.start_s < event.stop_s]
        letters = "".join(character for character in event.label if character.isalpha())
        assert "".join(word.word.replace("'", "") for word in inside) == letters
        for word in inside:
            assert word.stop_s <= event.stop_s
            assert word.speaker == event.speaker
        n_taken += len(inside)
    assert n_taken == len(words) > 1700


@pytest.mark.parametrize("kind", KINDS)
def test_a_stem_is_20_db_louder_inside_its_events_than_outside(kind, stems, film):
    power = stems[kind].astype(np.float64) ** 2
    inside = mask_of(film.annotation, kind, len(power))
    near = mask_of(film.annotation, kind, len(power), margin_s=0.6)  # the room dies away
    ratio = power[inside].mean() / (power[~near].mean() + 1e-20)
    assert 10 * np.log10(ratio) > 20


def test_every_event_is_audible_in_its_stem(stems, film):
    for event in film.annotation.events:
        part = stems[event.kind][span(event)]
        assert 20 * np.log10(np.sqrt(np.mean(part**2))) > -58, event


def test_music_and_ambience_reach_10_khz(stems):
    hz = np.fft.rfftfreq(4096, 1 / RATE)
    is_high = (hz > 8000) & (hz < 10_500)
    for kind in ("music", "ambience"):
        n_blocks = len(stems[kind]) // 4096
        blocks = stems[kind][: n_blocks * 4096].reshape(n_blocks, 4096)[::20]
        spectra = np.fft.rfft(blocks * np.hanning(4096), axis=1)
        power = np.mean(np.abs(spectra) ** 2, axis=0)
        assert 10 * np.log10(power[is_high].sum() / power.sum()) > -40, kind


def pitches_of(line):
    """Return the pitch of each voiced piece of 50 ms, by autocorrelation."""
    pitches = []
    for piece in line[: len(line) // 1200 * 1200].reshape(-1, 1200):
        r = np.fft.irfft(np.abs(np.fft.rfft(piece, 2400)) ** 2)[:1200]
        lag = 60 + int(np.argmax(r[60:400]))
        if r[lag] > 0.6 * r[0] > 0.01:
            pitches.append(RATE / lag)
    return pitches


def test_voices_differ_in_pitch(dry_voices):
    wave, annotation = dry_voices
    pitch = {"KING": [], "HOLMES": [], "CLAY": [], "IRENE": []}
    for event in lines_of(annotation):
        if event.speaker in pitch:
            pitch[event.speaker] += pitches_of(wave[span(event)])
    medians = [np.median(of_speaker) for of_speaker in pitch.values()]
    assert np.all(np.diff(medians) > 20)
