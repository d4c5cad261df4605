"""The figures and tables of the demo film's card, STIMULUS_CARD.md; the prose above them stays.

python -m giblet_core.demo.voices.card    (after a change of the mix; needs no espeak-ng)
"""

import json
from pathlib import Path

import numpy as np

from giblet_core.demo.film import RATE, Film, block_power, demo_film, integrated, voice_files
from giblet_core.files import ASSETS, file_sha256
from giblet_core.sound import Annotation, Scene

CARD = ASSETS / "STIMULUS_CARD.md"
INDEX = ASSETS / "voices.json"
SCRIPT = ASSETS / "voices_script.txt"
MARK = "<!-- Below: written by giblet_core/demo/voices/card.py -->"
BLOCK_OFFSET_LU = -0.691  # of BS.1770
LEAST_POWER = 1.2e-7  # -70 LUFS
LEVELS_A_SECOND = 2
STEPS = 100  # in which a share of time is counted


def _levels(wave: np.ndarray) -> np.ndarray:
    """Return the K-weighted level in LUFS of each half second, not below -70."""
    power = block_power(wave)
    halves = power[: len(power) // 5 * 5].reshape(-1, 5).mean(axis=1)
    return BLOCK_OFFSET_LU + 10 * np.log10(np.maximum(halves, LEAST_POWER))


def _share(truth: Annotation, kind: str, edges_s: np.ndarray) -> np.ndarray:
    """Return the part of each interval between successive edges during which a kind is on."""
    steps = (np.arange(STEPS) + 0.5) / STEPS
    times_s = edges_s[:-1, None] + np.diff(edges_s)[:, None] * steps
    return truth.active(kind, times_s).mean(axis=1)


def tr_table(film: Film) -> np.ndarray:
    """Return each TR's share of speech, share of music and level in LUFS: (3, n_trs)."""
    levels = _levels(film.wave)
    columns = []
    for run in film.runs:
        edges_s = run.start_s + film.t_r * np.arange(run.n_trs + 1)
        halves_s = edges_s[:-1, None] + [0.25, 0.75, 1.25]
        rows = [
            _share(film.annotation, "speech", edges_s),
            _share(film.annotation, "music", edges_s),
            levels[(LEVELS_A_SECOND * halves_s).astype(int)].mean(axis=1),
        ]
        columns.append(np.stack(rows))
    return np.concatenate(columns, axis=1)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _summary(film: Film, index: dict, lengths: dict[str, list[int]]) -> str:
    r = np.corrcoef(tr_table(film))
    peak_db = 20 * np.log10(np.abs(film.wave).max())
    n_lines = sum(len(of_speaker) for of_speaker in lengths.values())
    speech_s = sum(sum(of_speaker) for of_speaker in lengths.values()) / RATE
    n_trs = sum(run.n_trs for run in film.runs)
    return (
        f"{film.duration_s:.0f} s, of it {speech_s:.0f} s of speech in {n_lines} lines and "
        f"{len(film.annotation.words)} words by {len(lengths)} voices of eSpeak NG "
        f"{index['espeak_ng']}. {integrated(block_power(film.wave)):.1f} LUFS, highest sample "
        f"{peak_db:.1f} dBFS. Correlation over {n_trs} TRs: speech with music {r[0, 1]:+.2f}, "
        f"speech with loudness {r[0, 2]:+.2f}, music with loudness {r[1, 2]:+.2f}."
    )


def _files_table() -> list[str]:
    files: list[Path] = [*voice_files().values(), INDEX, SCRIPT]
    rows = [_row(path.name, path.stat().st_size, file_sha256(path)) for path in files]
    return ["", "| file | bytes | sha256 |", "|---|---:|---|", *rows]


def _speakers_table(index: dict, lengths: dict[str, list[int]]) -> list[str]:
    rows = []
    for speaker, of_speaker in lengths.items():
        seconds = f"{sum(of_speaker) / RATE:.0f}"
        rows.append(_row(speaker.title(), *index["cast"][speaker], len(of_speaker), seconds))
    return [
        "",
        "| speaker | voice of eSpeak NG | words per minute | pitch | range | lines | s |",
        "|---|---|---:|---:|---:|---:|---:|",
        *rows,
    ]


def _scene_row(scene: Scene, truth: Annotation, levels: np.ndarray) -> str:
    inside = [event for event in truth.events if scene.start_s <= event.start_s < scene.stop_s]
    labels = []
    for kind in ("music", "ambience", "effect"):
        of_kind = dict.fromkeys(event.label for event in inside if event.kind == kind)
        labels.append(", ".join(of_kind))
    speakers = dict.fromkeys(event.speaker.title() for event in inside if event.speaker)
    times_s = np.arange(scene.start_s, scene.stop_s - 0.25, 0.5)
    level = levels[(times_s * LEVELS_A_SECOND).astype(int)]
    lufs = 10 * np.log10(np.mean(10 ** (level / 10)))
    start_s = f"{scene.start_s:.1f}"
    stop_s = f"{scene.stop_s:.1f}"
    who = ", ".join(speakers)
    return _row(start_s, stop_s, scene.name, scene.kind, *labels, who, f"{lufs:.1f}")


def _scenes_table(film: Film) -> list[str]:
    levels = _levels(film.wave)
    rows = [_scene_row(scene, film.annotation, levels) for scene in film.annotation.scenes]
    return [
        "",
        "| start, s | stop, s | scene | kind | music | ambience | effects | speakers | LUFS |",
        "|---:|---:|---|---|---|---|---|---|---:|",
        *rows,
    ]


def tables(film: Film) -> str:
    """Return what the card says below its prose."""
    index = json.loads(INDEX.read_text(encoding="utf-8"))
    lengths: dict[str, list[int]] = {speaker: [] for speaker in index["cast"]}
    for scene in index["scenes"]:
        for cue in scene["cues"]:
            if "text" in cue:
                lengths[cue["speaker"]].append(cue["stop"] - cue["start"])
    lines = [
        _summary(film, index, lengths),
        *_files_table(),
        *_speakers_table(index, lengths),
        *_scenes_table(film),
    ]
    return "\n".join(lines) + "\n"


def write_card() -> None:
    """Render the film, and write the card's tables anew."""
    prose = CARD.read_text(encoding="utf-8").split(MARK)[0]
    CARD.write_text(prose + MARK + "\n\n" + tables(demo_film()), encoding="utf-8")


if __name__ == "__main__":
    write_card()
