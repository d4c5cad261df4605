"""The arrangement of the film: which scene comes when, what lies under it, how loud, in which room.

Music and ambience that lie under a scene are its beds; lines and effects are its cues.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from giblet_core.demo.film.sounds import AMBIENCES, CUES, EFFECTS, FILM, RATE, effect
from giblet_core.files import ASSETS, read_json

PART_S = 606  # length of each of the two parts: 404 TRs of 1.5 s, a little more than a run of 400
RUNS = (1, 2)
VOICES = ASSETS / "voices.json"
VOICE_DB = -24.0  # RMS of the stored lines, dBFS
HIGHEST_EFFECT_PEAK = 0.56  # -5 dBFS
SWAPPED_FROM = 1  # neighbours that another seed swaps; the first scene opens the story
MOST_IN_A_ROW = 2  # interludes
INTERLUDE_ROOMS = ("study", "street", "hall", "cellar")

# Second numbers of seeds: what is drawn is independent of the rest
DIALOGUES = 1
INTERLUDES = 2
ORDER = 3


@dataclass(frozen=True)
class Bed:
    """Music or ambience under a whole scene: its name and its level in dB."""

    name: str
    level_db: float


@dataclass(frozen=True)
class Cue:
    """A line or an effect in a scene.

    Attributes
    ----------
    offset : int
        Sample of the scene at which it begins.
    wave : array of shape (n_samples,), float32
    kind : {"speech", "effect"}
    label : str
        The line's text, or the effect's name.
    speaker : str
        "" for an effect.
    words : sequence of (word, start, stop)
        Samples within the line.
    """

    offset: int
    wave: np.ndarray
    kind: str
    label: str
    speaker: str = ""
    words: Sequence[tuple[str, int, int]] = ()

    def stop(self) -> int:
        """Return the sample of the scene after its last one."""
        return self.offset + len(self.wave)


@dataclass(frozen=True)
class Shot:
    """One scene before it is rendered.

    Attributes
    ----------
    name, kind, room : str
    n_samples : int
    voice_db : float
        Level of the lines against the stored ones.
    music, ambience : Bed, optional
    cues : tuple of Cue
    number : int
        Place in the film.
    """

    name: str
    kind: str
    room: str
    n_samples: int
    voice_db: float = 0.0
    music: Bed | None = None
    ambience: Bed | None = None
    cues: tuple[Cue, ...] = ()
    number: int = 0

    def has(self, kind: str) -> bool:
        """Say whether a kind of sound is in the scene."""
        if kind == "music":
            return self.music is not None
        if kind == "ambience":
            return self.ambience is not None
        return any(cue.kind == kind for cue in self.cues)


def voice_files() -> dict[int, Path]:
    """Return the paths of the stored voices, by run."""
    return {run: ASSETS / f"voices_run{run}.ogg" for run in RUNS}


@lru_cache(maxsize=1)
def load_voices() -> tuple[list[dict], dict[int, np.ndarray]]:
    """Read the stored voices.

    Returns
    -------
    scenes : list of dict
        The screenplay's scenes, with the timings of their lines.
    voices : dict of int to array of shape (n_samples,), float32
        The dry voices of each run, 24 kHz.
    """
    voices = {run: soundfile.read(path, dtype="float32")[0] for run, path in voice_files().items()}
    return read_json(VOICES)["scenes"], voices


def _effect_at_level(name: str, rng: np.random.Generator) -> np.ndarray:
    """Render an effect at an RMS drawn around -28 dBFS, its peak at most -5 dBFS.

    Knocks and steps are all peak.
    """
    wave = effect(name, rng)
    rms = np.sqrt(np.mean(wave**2))
    gain = 10 ** (rng.uniform(-33, -23) / 20) / rms
    return wave * np.float32(min(HIGHEST_EFFECT_PEAK, gain))


@dataclass(frozen=True)
class _Dialogue:
    """The cues of a dialogue, and its length in samples."""

    n_samples: int
    cues: tuple[Cue, ...]


def _time_cues(scene: dict, voices: np.ndarray, rng: np.random.Generator) -> _Dialogue:
    """Lay out the cues of a scene one after the other, with pauses drawn from `rng`."""
    time_s = rng.uniform(1.5, 4.5)
    cues = []
    last_speaker = None
    for cue in scene["cues"]:
        if "pause" in cue:
            time_s += cue["pause"] * rng.uniform(0.8, 1.3)
        elif "effect" in cue:
            wave = _effect_at_level(cue["effect"], rng)
            cues.append(Cue(int(time_s * RATE), wave, "effect", cue["effect"]))
            time_s += 0.75 * len(wave) / RATE + rng.uniform(0.1, 0.6)
        else:
            speaker = cue["speaker"]
            goes_on = speaker == last_speaker
            time_s += rng.uniform(0.4, 1.2) if goes_on else rng.uniform(0.2, 0.8)
            wave = voices[cue["start"] : cue["stop"]]
            offset = int(time_s * RATE)
            cues.append(Cue(offset, wave, "speech", cue["text"], speaker, cue["words"]))
            time_s += len(wave) / RATE
            last_speaker = speaker
    stop = max(time_s * RATE, *(cue.stop() for cue in cues))
    return _Dialogue(int(stop + rng.uniform(1, 3.5) * RATE), tuple(cues))


def _dialogues(seed: int, run: int) -> list[Shot]:
    """Arrange the story's scenes, each over its own backdrop and at its own level.

    Seeds above 0 swap two neighbours.
    """
    rng = np.random.default_rng([seed, run, DIALOGUES])
    all_scenes, voices = load_voices()
    scenes = [scene for scene in all_scenes if scene["run"] == run]
    swapped = int(rng.integers(SWAPPED_FROM, len(scenes) - 2))
    if seed:
        scenes[swapped], scenes[swapped + 1] = scenes[swapped + 1], scenes[swapped]
    backdrops = rng.permutation(FILM["backdrops"])
    levels_db = rng.permutation(np.linspace(-9, 2, len(scenes)))
    pieces = rng.permutation(sorted(CUES))
    shots = []
    for scene, backdrop, level_db, piece in zip(scenes, backdrops, levels_db, pieces):
        dialogue = _time_cues(scene, voices[run], rng)
        music = None
        if backdrop in ("music", "both"):
            music = Bed(str(piece), VOICE_DB + level_db - rng.uniform(6, 12))
        ambience = None
        if backdrop in ("ambience", "both"):
            name = str(rng.choice(scene["ambiences"]))
            ambience = Bed(name, VOICE_DB + level_db - rng.uniform(9, 17))
        shots.append(
            Shot(
                name=scene["name"],
                kind="dialogue in quiet" if backdrop == "quiet" else f"dialogue over {backdrop}",
                room=scene["room"],
                n_samples=dialogue.n_samples,
                voice_db=float(level_db),
                music=music,
                ambience=ambience,
                cues=dialogue.cues,
            )
        )
    return shots


@dataclass(frozen=True)
class _Supply:
    """What interludes take from, each used once, the last first.

    Attributes
    ----------
    pieces, ambiences : list of str
    levels_db : dict of str to list of float
        Of interludes of music and of ambience.
    """

    pieces: list[str]
    ambiences: list[str]
    levels_db: dict[str, list[float]]


def _draw_supply(rng: np.random.Generator) -> _Supply:
    pieces = rng.permutation(sorted(CUES)).tolist()
    ambiences = rng.permutation(sorted(AMBIENCES)).tolist()
    music_db = rng.permutation([-34.0, -27.0, -21.0]).tolist()
    ambience_db = rng.permutation([-36.0, -25.0]).tolist()
    return _Supply(pieces, ambiences, {"music": music_db, "ambience": ambience_db})


def _interlude_lengths(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the lengths of the interludes, which together last `n_samples`."""
    weights = np.array([seconds * rng.uniform(0.75, 1.3) for _, seconds in FILM["interludes"]])
    edges = np.concatenate([[0], np.cumsum(weights / weights.sum())]) * n_samples
    return np.diff(np.round(edges).astype(int))


def _interludes(seed: int, run: int, n_samples: int) -> list[Shot]:
    """Make music, ambience, effects and near-silence without words, `n_samples` in all."""
    rng = np.random.default_rng([seed, run, INTERLUDES])
    lengths = _interlude_lengths(n_samples, rng)
    supply = _draw_supply(rng)
    kinds = [kind for kind, _ in FILM["interludes"]]
    shots = []
    for place, (kind, length) in enumerate(zip(kinds, lengths)):
        music = None
        ambience = None
        cues = ()
        if kind == "music":
            music = Bed(supply.pieces.pop(), supply.levels_db["music"].pop())
        elif kind == "ambience":
            ambience = Bed(supply.ambiences.pop(), supply.levels_db["ambience"].pop())
        elif kind == "effects":
            cues = _effect_series(int(length), rng)
            if place == kinds.index("effects"):  # the first over an ambience, others over music
                ambience = Bed(supply.ambiences.pop(), -40.0 + rng.uniform(0, 6))
            else:
                music = Bed(supply.pieces.pop(), -38.0 + rng.uniform(0, 6))
        bed = music or ambience
        name = f"{kind}: {bed.name} ({run})" if bed else f"{kind} ({run})"
        room = str(rng.choice(INTERLUDE_ROOMS))
        shot = Shot(name, kind, room, int(length), music=music, ambience=ambience, cues=cues)
        shots.append(shot)
    return shots


def _effect_series(n_samples: int, rng: np.random.Generator) -> tuple[Cue, ...]:
    """Lay out effects in random order until a scene is full."""
    time_s = rng.uniform(0.5, 2)
    names = rng.permutation(sorted(EFFECTS)).tolist()
    cues = []
    while names:
        name = names.pop()
        wave = _effect_at_level(name, rng)
        if time_s * RATE + len(wave) > n_samples - RATE:
            break
        cues.append(Cue(int(time_s * RATE), wave, "effect", name))
        time_s += len(wave) / RATE + rng.uniform(0.3, 2.2)
    return tuple(cues)


def _arrange_run(seed: int, run: int) -> list[Shot]:
    """Put interludes between the scenes of one part, which lasts exactly `PART_S`."""
    told = _dialogues(seed, run)
    n_told = sum(shot.n_samples for shot in told)
    between = _interludes(seed, run, PART_S * RATE - n_told)
    rng = np.random.default_rng([seed, run, ORDER])
    places = np.repeat(np.arange(len(told) + 1), MOST_IN_A_ROW)
    places = np.sort(rng.permutation(places)[: len(between)])
    order = rng.permutation(len(between))
    shots = []
    for place in range(len(told) + 1):
        shots += [between[index] for index in order[places == place]]
        shots += told[place : place + 1]
    return shots


def arrange(seed: int) -> list[Shot]:
    """Return the film's scenes in order."""
    shots = [shot for run in RUNS for shot in _arrange_run(seed, run)]
    return [replace(shot, number=number) for number, shot in enumerate(shots)]
