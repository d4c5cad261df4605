"""The screenplay: scenes, lines and effects, and who speaks with which voice."""

from pathlib import Path

from giblet_core.demo.voices.espeak import Voice

# Chosen for formants and accents far apart; none with espeak-ng's own echo
CAST = {
    "NARRATOR": Voice("gmw/en-GB-x-rp+m1", 148, 34, 46),
    "HOLMES": Voice("gmw/en+m3", 164, 46, 68),
    "WATSON": Voice("gmw/en-GB-x-rp+m7", 156, 40, 55),
    "KING": Voice("gmw/en+m5", 138, 8, 60),
    "IRENE": Voice("gmw/en-GB-x-rp+Annie", 156, 54, 66),
    "NORTON": Voice("gmw/en-US+m4", 176, 84, 70),
    "LANDLADY": Voice("gmw/en-GB-scotland+f1", 160, 62, 60),
    "WILSON": Voice("gmw/en-GB-x-gbclan+m3", 150, 30, 62),
    "CLAY": Voice("gmw/en-GB-x-gbcwmd+m6", 164, 90, 64),
    "ROSS": Voice("gmw/en-GB-scotland+m8", 152, 52, 72),
    "JONES": Voice("gmw/en-GB-x-gbcwmd+m1", 160, 16, 40),
    "MERRYWEATHER": Voice("gmw/en-GB-x-rp+croak", 134, 58, 50),
}


def _read_scene(row: str) -> dict:
    """Read ``== run | name | room | ambience, ambience ==``."""
    run, name, room, ambiences = (part.strip() for part in row.strip("= ").split("|"))
    return {
        "run": int(run),
        "name": name,
        "room": room,
        "ambiences": ambiences.split(", "),
        "cues": [],
    }


def _read_cue(row: str) -> dict:
    """Read ``[pause 1.5]``, ``[door]`` or ``HOLMES: A line.``."""
    if row.startswith("["):
        label, _, seconds = row.strip("[] ").partition(" ")
        return {"pause": float(seconds)} if label == "pause" else {"effect": label}
    speaker, text = row.split(": ", 1)
    return {"speaker": speaker, "text": text}


def read_script(path: Path) -> list[dict]:
    """Read scenes with their run, name, room, the ambiences that fit, and their cues in order."""
    scenes = []
    for row in path.read_text(encoding="utf-8").splitlines():
        if row.startswith("=="):
            scenes.append(_read_scene(row))
        elif row and not row.startswith("#"):
            scenes[-1]["cues"].append(_read_cue(row))
    return scenes
