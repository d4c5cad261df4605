"""Arrangement and mix of the demo film: which scene comes when, what lies under it, how loud, in
which room.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from pyloudnorm.iirfilter import IIRfilter
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import sosfilt

from giblet_core.demo.film.effects import (
    AMBIENCES,
    EFFECTS,
    ambience,
    drift,
    effect,
    place,
    reverberate,
)
from giblet_core.demo.film.score import CUES, FILM, RATE, compose, fade
from giblet_core.files import ASSETS, read_json
from giblet_core.sound import KINDS, Annotation, Event, Scene, Word

PART_S = 606  # length of each of the two parts: 404 TRs of 1.5 s, a little more than a run of 400
LOUDNESS, CEILING = -23.0, 0.85  # LUFS of the whole film (EBU R 128); highest sample, -1.4 dBFS
_VOICE_DB = -24.0  # RMS of the stored lines, dBFS


@dataclass(frozen=True)
class Shot:
    """One scene before it is rendered; times in samples, levels in dB. `cues`: (offset, wave, kind,
    cue).
    """

    number: int
    name: str
    kind: str
    room: str
    n_samples: int
    voice_db: float = 0.0
    music: tuple[str, float] | None = None
    ambience: tuple[str, float] | None = None
    cues: tuple[tuple[int, np.ndarray, str, dict], ...] = ()


@lru_cache(maxsize=1)
def load_voices() -> tuple[list[dict], dict[int, np.ndarray]]:
    """Return the screenplay's scenes with their timings, and the dry voices of each run (float32,
    24 kHz).
    """
    voices = {run: soundfile.read(path, dtype="float32")[0] for run, path in voice_files().items()}
    return read_json(ASSETS / "voices.json")["scenes"], voices


def voice_files() -> dict[int, Path]:
    """Return the paths of the stored voices, by run."""
    return {run: ASSETS / f"voices_run{run}.ogg" for run in (1, 2)}


def _time_cues(scene: dict, voices: np.ndarray, rng: np.random.Generator) -> tuple[int, tuple]:
    """Lay out a dialogue: (its length in samples, its cues)."""
    at, cues, last = rng.uniform(1.5, 4.5), [], None
    for cue in scene["cues"]:
        if "pause" in cue:
            at += cue["pause"] * rng.uniform(0.8, 1.3)
        elif "effect" in cue:
            wave = _effect_at_level(cue["effect"], rng)
            cues.append((int(at * RATE), wave, "effect", cue))
            at += 0.75 * len(wave) / RATE + rng.uniform(0.1, 0.6)
        else:
            at += rng.uniform(0.4, 1.2) if cue["speaker"] == last else rng.uniform(0.2, 0.8)
            wave, last = voices[cue["start"] : cue["stop"]], cue["speaker"]
            cues.append((int(at * RATE), wave, "speech", cue))
            at += len(wave) / RATE
    stop = max(at * RATE, *(offset + len(wave) for offset, wave, _, _ in cues))
    return int(stop + rng.uniform(1, 3.5) * RATE), tuple(cues)


def _effect_at_level(name: str, rng: np.random.Generator) -> np.ndarray:
    """An effect at an RMS drawn around -28 dBFS, its peak at most -5 dBFS (knocks and steps are all
    peak).
    """
    wave = effect(name, rng)
    return wave * np.float32(
        min(0.56, 10 ** (rng.uniform(-33, -23) / 20) / np.sqrt(np.mean(wave**2)))
    )


def _dialogues(seed: int, run: int) -> list[Shot]:
    """The story's scenes, each over its own backdrop and at its own level; seeds above 0 swap two
    neighbours.
    """
    rng = np.random.default_rng([seed, run, 1])
    scenes = [scene for scene in load_voices()[0] if scene["run"] == run]
    swap = int(rng.integers(1, len(scenes) - 2))
    if seed:
        scenes[swap], scenes[swap + 1] = scenes[swap + 1], scenes[swap]
    backdrops, levels = (
        rng.permutation(FILM["backdrops"]),
        rng.permutation(np.linspace(-9, 2, len(scenes))),
    )
    music, shots = rng.permutation(sorted(CUES)), []
    for k, (scene, under, level) in enumerate(zip(scenes, backdrops, levels)):
        n, cues = _time_cues(scene, load_voices()[1][run], rng)
        bed = (
            (str(music[k]), _VOICE_DB + level - rng.uniform(6, 12))
            if under in ("music", "both")
            else None
        )
        air = (
            (str(rng.choice(scene["ambiences"])), _VOICE_DB + level - rng.uniform(9, 17))
            if under in ("ambience", "both")
            else None
        )
        kind = "dialogue in quiet" if under == "quiet" else f"dialogue over {under}"
        shots.append(Shot(0, scene["name"], kind, scene["room"], n, float(level), bed, air, cues))
    return shots


def _interludes(seed: int, run: int, n_samples: int) -> list[Shot]:
    """Music, ambience, effects and near-silence without words, together exactly `n_samples` long."""
    rng = np.random.default_rng([seed, run, 2])
    weights = np.array([seconds * rng.uniform(0.75, 1.3) for _, seconds in FILM["interludes"]])
    edges = np.round(np.concatenate([[0], np.cumsum(weights / weights.sum())]) * n_samples).astype(
        int
    )
    music, airs, shots = (
        list(rng.permutation(sorted(CUES))),
        list(rng.permutation(sorted(AMBIENCES))),
        [],
    )
    loud = {
        "music": list(rng.permutation([-34.0, -27.0, -21.0])),
        "ambience": list(rng.permutation([-36.0, -25.0])),
    }
    for k, ((kind, _), n) in enumerate(zip(FILM["interludes"], np.diff(edges))):
        tune = (str(music.pop()), float(loud["music"].pop())) if kind == "music" else None
        air = (str(airs.pop()), float(loud["ambience"].pop())) if kind == "ambience" else None
        cues = _effect_series(int(n), rng) if kind == "effects" else ()
        if kind == "effects" and k == 5:  # the first series over an ambience, the second over music
            air = (str(airs.pop()), -40.0 + rng.uniform(0, 6))
        elif kind == "effects":
            tune = (str(music.pop()), -38.0 + rng.uniform(0, 6))
        name = f"{kind}: {(tune or air)[0]} ({run})" if tune or air else f"{kind} ({run})"
        shots.append(
            Shot(
                0,
                name,
                kind,
                str(rng.choice(["study", "street", "hall", "cellar"])),
                int(n),
                0.0,
                tune,
                air,
                cues,
            )
        )
    return shots


def _effect_series(n: int, rng: np.random.Generator) -> tuple:
    at, cues, names = rng.uniform(0.5, 2), [], list(rng.permutation(sorted(EFFECTS)))
    while names:
        wave = _effect_at_level(names[-1], rng)
        if at * RATE + len(wave) > n - RATE:
            break
        cues.append((int(at * RATE), wave, "effect", {"effect": str(names.pop())}))
        at += len(wave) / RATE + rng.uniform(0.3, 2.2)
    return tuple(cues)


def arrange(seed: int) -> list[Shot]:
    """Return the film's scenes in order; each part lasts exactly `PART_S`."""
    shots = []
    for run in (1, 2):
        told = _dialogues(seed, run)
        between = _interludes(seed, run, PART_S * RATE - sum(shot.n_samples for shot in told))
        rng = np.random.default_rng([seed, run, 3])
        slots = np.sort(
            rng.permutation(np.repeat(np.arange(len(told) + 1), 2))[: len(between)]
        )  # at most two in a row
        order = rng.permutation(len(between))
        for k in range(len(told) + 1):
            shots += [between[i] for i, slot in zip(order, slots) if slot == k] + told[k : k + 1]
    return [replace(shot, number=i) for i, shot in enumerate(shots)]


def _automation(
    shot: Shot, rng: np.random.Generator, swing_db: float, duck_db: float
) -> np.ndarray:
    """The gain of a bed: a slow drift of `swing_db` around its level, lowered by `duck_db` while
    somebody speaks.
    """
    n = shot.n_samples // 480 + 2  # drawn at 50 Hz
    spoken = np.zeros(n, np.float32)
    for offset, wave, kind, _ in shot.cues:
        if kind == "speech":
            spoken[max(0, offset - 6000) // 480 : (offset + len(wave) + 9600) // 480] = 1
    level = drift(n, rng, 300 / RATE, -swing_db, swing_db) - duck_db * uniform_filter1d(spoken, 45)
    gain = (10 ** (level / 20)).astype(np.float32)
    ramp = np.arange(480, dtype=np.float32) / 480
    return (gain[:-1, None] + np.diff(gain)[:, None] * ramp).ravel()[: shot.n_samples]


def _layer(shot: Shot, kind: str, seed: int, dry: bool) -> np.ndarray:
    """Render one kind of sound of a scene; a room's tail may run past the scene's end."""
    rng = np.random.default_rng([seed, shot.number, 10 + KINDS.index(kind)])
    if kind == "music":
        wave = (
            compose(shot.music[0], shot.n_samples, rng)
            * _automation(shot, rng, 3.0, 7.0)
            * np.float32(10 ** (shot.music[1] / 20))
        )
        return wave if dry else fade(reverberate(wave, "stage")[: shot.n_samples], 0.01, 0.5)
    if kind == "ambience":
        air = ambience(shot.ambience[0], shot.n_samples, rng)
        return air * _automation(shot, rng, 2.0, 2.0) * np.float32(10 ** (shot.ambience[1] / 20))
    wave = np.zeros(shot.n_samples, np.float32)
    for offset, sound, what, _ in shot.cues:
        if what == kind:
            place(wave, sound, offset, 10 ** (shot.voice_db / 20) if kind == "speech" else 1.0)
    return wave if dry else reverberate(wave, shot.room)


def _events(shot: Shot, start: int) -> tuple[list[Event], list[Word]]:
    stop, events, words = start + shot.n_samples, [], []
    for kind, bed in (("music", shot.music), ("ambience", shot.ambience)):
        if bed:
            events.append(Event(_s(start), _s(stop), kind, bed[0]))
    for offset, wave, kind, cue in shot.cues:
        at = start + offset
        events.append(
            Event(
                _s(at),
                _s(at + len(wave)),
                kind,
                cue.get("text", cue.get("effect")),
                cue.get("speaker", ""),
            )
        )
        words += [
            Word(_s(at + a), _s(at + b), word, cue["speaker"])
            for word, a, b in cue.get("words", ())
        ]
    return events, words


def _s(sample: int) -> float:
    return round(int(sample) / RATE, 6)


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
    wave : ndarray of float32, shape (n_samples,)
    annotation : Annotation
    """
    shots = arrange(seed)
    starts = np.cumsum([0] + [shot.n_samples for shot in shots])
    wave, scenes, events, words = np.zeros(starts[-1], np.float32), [], [], []
    for kind in kinds:  # one stem after the other: the film is the sum of its stems, bit for bit
        stem = np.zeros(starts[-1], np.float32)
        for shot, start in zip(shots, starts):
            if {"music": shot.music, "ambience": shot.ambience}.get(
                kind, any(cue[2] == kind for cue in shot.cues)
            ):
                place(stem, _layer(shot, kind, seed, dry), int(start))
        wave += stem
    for shot, start in zip(shots, starts):
        scenes.append(Scene(_s(start), _s(start + shot.n_samples), shot.name, shot.kind))
        new_events, new_words = _events(shot, int(start))
        events, words = events + new_events, words + new_words
    events.sort(key=lambda event: event.start_s)
    return wave, Annotation(tuple(scenes), tuple(events), tuple(words))


def _room_tone(n: int, seed: int) -> np.ndarray:
    """A quiet hiss below everything, so that no silence is digital: (n,) float32, RMS about -60
    dBFS.
    """
    hiss = sosfilt(
        [[0.05, 0, 0, 1, -0.95, 0]],
        np.random.default_rng([seed, 99]).standard_normal(n, dtype=np.float32),
    )
    return hiss.astype(np.float32) * np.float32(10 ** (-60 / 20) / 0.16)


def block_power(wave: np.ndarray) -> np.ndarray:
    """Return the K-weighted mean square (ITU-R BS.1770) of each 100 ms of `wave`: (n_blocks,)."""
    shelf, low_cut = (
        IIRfilter(4.0, 2**-0.5, 1500.0, RATE, "high_shelf"),
        IIRfilter(0.0, 0.5, 38.0, RATE, "high_pass"),
    )
    sos, state, power = np.array([[*f.b, *f.a] for f in (shelf, low_cut)]), np.zeros((2, 2)), []
    for chunk in np.split(
        wave[: len(wave) // 2400 * 2400], np.arange(30 * RATE, len(wave), 30 * RATE)
    ):
        weighted, state = sosfilt(sos, chunk.astype(np.float64), zi=state)
        power.append(np.mean(weighted.reshape(-1, 2400) ** 2, axis=1))
    return np.concatenate(power)


def integrated(power: np.ndarray) -> float:
    """Return the gated loudness in LUFS of a film from its `block_power`."""
    windows = np.convolve(power, np.full(4, 0.25), "valid")
    loud = windows[windows > 10 ** ((-70 + 0.691) / 10)]
    return float(-0.691 + 10 * np.log10(np.mean(loud[loud > 0.1 * np.mean(loud)])))


def _limit(wave: np.ndarray) -> np.ndarray:
    """Keep `wave` below `CEILING`, in place: around a peak the gain dips smoothly, 5 ms ahead and
    behind.
    """
    over = np.flatnonzero(np.abs(wave) > CEILING)
    for peaks in np.split(over, np.flatnonzero(np.diff(over) > 1000) + 1) if len(over) else ():
        part = wave[max(0, peaks[0] - 500) : peaks[-1] + 500]
        highest = np.maximum(maximum_filter1d(np.abs(part), 241), CEILING)
        part *= uniform_filter1d(CEILING / highest, 241)  # a mean of gains that each suffice
    return wave


def master(wave: np.ndarray, seed: int) -> np.ndarray:
    """Add the room tone, bring the film to `LOUDNESS` below `CEILING`, and round to 16 bits: (n,)
    int16.
    """
    wave = wave + _room_tone(len(wave), seed)
    wave *= np.float32(10 ** ((LOUDNESS - integrated(block_power(wave))) / 20))
    return np.round(fade(_limit(wave), 0.05, 0.3) * np.float32(32768)).astype(np.int16)
