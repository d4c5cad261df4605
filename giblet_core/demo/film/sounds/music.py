"""The music of the film: pieces with harmony, melody and rhythm, all from one seed."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from giblet_core.demo.film.sounds.instruments import play
from giblet_core.demo.film.sounds.material import CUES, FILM
from giblet_core.demo.film.sounds.synthesis import RATE, fade, unit_rms

LOWEST_TONIC = 46  # B flat 2, as a MIDI pitch
HIGHEST_TONIC = 56  # G sharp 3
MELODY = (0, 1, 0, 2, 0, 1, 3, 4)  # which motif each of eight bars has
CLOSING_MOTIFS = (2, 4)
DOMINANT = 4  # degree of a scale
LEADING_TONE = 6
LOOSENESS_S = 0.006  # notes come a little late


@dataclass(frozen=True)
class Note:
    """A note of a bar: when and how long in beats, and its degree above the chord's root."""

    beat: float
    length: float
    degree: int


@dataclass(frozen=True)
class Layer:
    """What one instrument plays: a pattern, in an octave, at a level."""

    instrument: str
    pattern: str
    octave: int
    level_db: float


def _motif(beats: int, rng: np.random.Generator, closing: bool) -> list[Note]:
    """Draw one bar of melody, stepwise around a chord tone; a closing one rests on the root."""
    rhythms = FILM["rhythms"][beats]
    rhythm = [beats] if closing else rhythms[rng.integers(len(rhythms))]
    degree = 0 if closing else int(rng.choice([0, 2, 4]))
    beat = 0.0
    notes = []
    for length in rhythm:
        notes.append(Note(beat, length, degree))
        beat += length
        step = rng.choice([-2, -1, -1, 1, 1, 2])
        degree = int(np.clip(degree + step, -3, 7))
    return notes


@dataclass(frozen=True)
class _Piece:
    """A piece as it is played: in which key, how fast, with which melody.

    Attributes
    ----------
    beats : int
        Of a bar.
    beat_s : float
    scale_name : str
    tonic : int
        MIDI pitch.
    motifs : list of list of Note
    rng : numpy.random.Generator
        Of what varies from bar to bar and note to note.
    """

    beats: int
    beat_s: float
    scale_name: str
    tonic: int
    motifs: list[list[Note]]
    rng: np.random.Generator

    def bar_s(self) -> float:
        """Return the length of a bar, in seconds."""
        return self.beats * self.beat_s

    def notes(self, pattern: str, bar: int) -> list[Note]:
        """Return the notes of one bar of a pattern."""
        if pattern == "melody":
            return self.motifs[MELODY[bar % len(MELODY)]]
        if pattern == "drive":
            return self._driving_notes()
        if pattern == "sparse":
            beat = float(self.rng.integers(self.beats))
            return [Note(beat, self.beats, int(self.rng.choice([0, 2, 4, 7])))]
        bars = FILM["patterns"][pattern][self.beats]
        return [Note(*note) for note in bars[bar % len(bars)]]

    def _driving_notes(self) -> list[Note]:
        """Return half beats on every beat, and between beats as chance has it."""
        notes = []
        for half in range(2 * self.beats):
            is_on_beat = half % 2 == 0
            if is_on_beat or self.rng.uniform() < 0.7:
                notes.append(Note(half / 2, 0.5, 0))
        return notes

    def pitch(self, chord: int, note: Note, octave: int) -> int:
        """Return the MIDI pitch of a note over a chord."""
        scale = FILM["scales"][self.scale_name]
        step = chord + note.degree
        if chord > 3:  # such chords lie below the tonic's: smooth voice leading
            step -= 7
        pitch = self.tonic + 12 * (octave + 1 + step // 7) + scale[step % 7]
        if self.scale_name == "minor" and chord == DOMINANT and step % 7 == LEADING_TONE:
            pitch += 1  # the dominant of a minor key has a major third
        return pitch

    def play_note(self, out: np.ndarray, layer: Layer, note: Note, bar: int, chord: int) -> None:
        """Add one note of a layer to the piece, in place."""
        late_s = max(0.0, self.rng.normal(0, LOOSENESS_S))
        start = int((bar * self.bar_s() + note.beat * self.beat_s + late_s) * RATE)
        held_s = note.length * self.beat_s + 0.12
        n = int(FILM["ring_s"].get(layer.instrument, held_s) * RATE)
        wave = play(layer.instrument, self.pitch(chord, note, layer.octave), n)
        stop = min(len(out), start + n)
        if start < stop:
            gain = 10 ** (layer.level_db / 20) * self.rng.uniform(0.75, 1.0)
            out[start:stop] += wave[: stop - start] * np.float32(gain)


def compose(name: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Render a piece of some length, in a key and with a melody drawn from `rng`.

    Parameters
    ----------
    name : str
        A key of `CUES`.
    n_samples : int
        Length at 24 kHz.
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_samples,), float32
        RMS 1, faded at both ends.
    """
    cue = CUES[name]
    beats = cue["beats"]
    beat_s = 60 / (cue["bpm"] * rng.uniform(0.94, 1.06))
    tonic = int(rng.integers(LOWEST_TONIC, HIGHEST_TONIC + 1))
    motifs = [_motif(beats, rng, closing=number in CLOSING_MOTIFS) for number in range(5)]
    piece = _Piece(beats, beat_s, cue["scale"], tonic, motifs, rng)
    layers = [Layer(*layer) for layer in cue["layers"]]
    out = np.zeros(n_samples, np.float32)
    for bar in range(ceil(n_samples / RATE / piece.bar_s())):
        chord = cue["chords"][bar % len(cue["chords"])]
        for layer in layers:
            for note in piece.notes(layer.pattern, bar):
                piece.play_note(out, layer, note, bar, chord)
    return fade(unit_rms(out), 0.15, 2.0)
