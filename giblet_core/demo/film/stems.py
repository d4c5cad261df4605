"""The stems of the film, a kind of sound each, and their sum; what sounds when, exactly."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter1d

from giblet_core.demo.film.arrangement import Bed, Shot, arrange
from giblet_core.demo.film.sounds import RATE, ambience, compose, reverberate
from giblet_core.demo.film.sounds.synthesis import drift, fade, place, straight_lines
from giblet_core.sound import KINDS, Annotation, Event, Scene, Word

GAIN_STEP = 480  # samples between values of a gain: 50 Hz
GAIN_PERIOD_S = 300 / RATE  # a new aim for every one of them
DUCK_BEFORE = 6000  # samples: 0.25 s before a line
DUCK_AFTER = 9600  # and 0.4 s after
DUCK_SMOOTHING = 45  # steps of gain
LAYERS_SEED = 10  # first of the numbers by which layers of a scene are seeded


def _gain(db: float) -> np.float32:
    return np.float32(10 ** (db / 20))


def _automation(
    shot: Shot, rng: np.random.Generator, swing_db: float, duck_db: float
) -> np.ndarray:
    """Return the gain of a bed: (n_samples,) float32.

    It drifts slowly by `swing_db` around its level, and is `duck_db` lower while somebody speaks.
    """
    n_steps = shot.n_samples // GAIN_STEP + 2
    spoken = np.zeros(n_steps, np.float32)
    for cue in shot.cues:
        if cue.kind == "speech":
            first = max(0, cue.offset - DUCK_BEFORE) // GAIN_STEP
            last = (cue.stop() + DUCK_AFTER) // GAIN_STEP
            spoken[first:last] = 1
    swing = drift(n_steps, rng, GAIN_PERIOD_S, -swing_db, swing_db)
    level_db = swing - duck_db * uniform_filter1d(spoken, DUCK_SMOOTHING)
    gain = (10 ** (level_db / 20)).astype(np.float32)
    return straight_lines(gain, GAIN_STEP)[: shot.n_samples]


def _music(shot: Shot, bed: Bed, rng: np.random.Generator, dry: bool) -> np.ndarray:
    piece = compose(bed.name, shot.n_samples, rng)
    wave = piece * _automation(shot, rng, 3.0, 7.0) * _gain(bed.level_db)
    if dry:
        return wave
    return fade(reverberate(wave, "stage")[: shot.n_samples], 0.01, 0.5)


def _ambience(shot: Shot, bed: Bed, rng: np.random.Generator) -> np.ndarray:
    air = ambience(bed.name, shot.n_samples, rng)
    return air * _automation(shot, rng, 2.0, 2.0) * _gain(bed.level_db)


def _cues(shot: Shot, kind: str, dry: bool) -> np.ndarray:
    gain = 10 ** (shot.voice_db / 20) if kind == "speech" else 1.0
    wave = np.zeros(shot.n_samples, np.float32)
    for cue in shot.cues:
        if cue.kind == kind:
            place(wave, cue.wave, cue.offset, gain)
    return wave if dry else reverberate(wave, shot.room)


def _layer(shot: Shot, kind: str, seed: int, dry: bool) -> np.ndarray:
    """Render one kind of sound of a scene; a room's tail may run past the scene's end."""
    rng = np.random.default_rng([seed, shot.number, LAYERS_SEED + KINDS.index(kind)])
    if kind == "music":
        return _music(shot, shot.music, rng, dry)
    if kind == "ambience":
        return _ambience(shot, shot.ambience, rng)
    return _cues(shot, kind, dry)


def _seconds(sample: int) -> float:
    return round(int(sample) / RATE, 6)


def _events(shot: Shot, start: int) -> list[Event]:
    """Return the sounds of a scene that begins at a sample of the film: beds first, then cues."""
    events = []
    scene_s = (_seconds(start), _seconds(start + shot.n_samples))
    if shot.music:
        events.append(Event(*scene_s, "music", shot.music.name))
    if shot.ambience:
        events.append(Event(*scene_s, "ambience", shot.ambience.name))
    for cue in shot.cues:
        start_s = _seconds(start + cue.offset)
        stop_s = _seconds(start + cue.stop())
        events.append(Event(start_s, stop_s, cue.kind, cue.label, cue.speaker))
    return events


def _words(shot: Shot, start: int) -> list[Word]:
    """Return the words of a scene that begins at a sample of the film."""
    words = []
    for cue in shot.cues:
        line = start + cue.offset
        for word, first, last in cue.words:
            words.append(Word(_seconds(line + first), _seconds(line + last), word, cue.speaker))
    return words


def _annotate(shots: Sequence[Shot], starts: np.ndarray) -> Annotation:
    scenes = []
    events = []
    words = []
    for shot, start in zip(shots, starts):
        stop_s = _seconds(start + shot.n_samples)
        scenes.append(Scene(_seconds(start), stop_s, shot.name, shot.kind))
        events += _events(shot, int(start))
        words += _words(shot, int(start))
    events.sort(key=lambda event: event.start_s)
    return Annotation(tuple(scenes), tuple(events), tuple(words))


def mix(
    seed: int, kinds: tuple[str, ...] = KINDS, dry: bool = False
) -> tuple[np.ndarray, Annotation]:
    """Render the sounds of some kinds, before mastering.

    Parameters
    ----------
    seed : int
        Of the arrangement.
    kinds : tuple of {"speech", "music", "ambience", "effect"}
        Which stems to add up. Each stem is the same sound whatever the others are.
    dry : bool
        Leave out the rooms' reverberation.

    Returns
    -------
    wave : array of shape (n_samples,), float32
    annotation : Annotation
    """
    shots = arrange(seed)
    edges = np.cumsum([0] + [shot.n_samples for shot in shots])
    starts = edges[:-1]
    wave = np.zeros(edges[-1], np.float32)
    for kind in kinds:  # one stem after the other: the film is the sum of its stems, bit for bit
        stem = np.zeros(edges[-1], np.float32)
        for shot, start in zip(shots, starts):
            if shot.has(kind):
                place(stem, _layer(shot, kind, seed, dry), int(start))
        wave += stem
    return wave, _annotate(shots, starts)
