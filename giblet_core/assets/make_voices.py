"""Speak the screenplay with espeak-ng and store the dry voices with exact word timings (``make demo-stimulus``).

Only needed to change the text or the voices: the film is rendered from the stored files. The library's own events give the
sample at which each phoneme begins; a word runs from its first phoneme to the end of its last one. ``--card`` writes only
the card anew (after a change of the mix), and needs no espeak-ng.
"""

import ctypes
import hashlib
import json
import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

HERE = Path(__file__).parent
RATE = 24_000
GAP = (
    RATE // 5
)  # silence between stored lines, so that the lossy coder never smears one into the next
LEVEL = 10 ** (-24 / 20)  # RMS of a line between the starts and stops of its words
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
# speaker: (voice, words per minute, pitch, pitch range), chosen for formants and accents far apart; none with espeak-ng's own echo
CAST = {
    "NARRATOR": ("gmw/en-GB-x-rp+m1", 148, 34, 46),
    "HOLMES": ("gmw/en+m3", 164, 46, 68),
    "WATSON": ("gmw/en-GB-x-rp+m7", 156, 40, 55),
    "KING": ("gmw/en+m5", 138, 8, 60),
    "IRENE": ("gmw/en-GB-x-rp+Annie", 156, 54, 66),
    "NORTON": ("gmw/en-US+m4", 176, 84, 70),
    "LANDLADY": ("gmw/en-GB-scotland+f1", 160, 62, 60),
    "WILSON": ("gmw/en-GB-x-gbclan+m3", 150, 30, 62),
    "CLAY": ("gmw/en-GB-x-gbcwmd+m6", 164, 90, 64),
    "ROSS": ("gmw/en-GB-scotland+m8", 152, 52, 72),
    "JONES": ("gmw/en-GB-x-gbcwmd+m1", 160, 16, 40),
    "MERRYWEATHER": ("gmw/en-GB-x-rp+croak", 134, 58, 50),
}


class _Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_WORD_EVENT, _PHONEME_EVENT = 1, 7


@cache
def _espeak():
    """Load espeak-ng and return (library, its sample rate, its version)."""
    try:
        lib = ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        sys.exit(
            "espeak-ng is absent: it is needed only to speak the demo film anew. Install it (Debian: apt-get install espeak-ng); "
            "the stored voices in giblet_core/assets stay as they are and the film renders without it."
        )
    rate = lib.espeak_Initialize(2, 0, None, 1)  # synchronous, with phoneme events
    lib.espeak_Info.restype = ctypes.c_char_p
    return lib, rate, lib.espeak_Info(None).decode()


def speak(
    text: str, voice: str, wpm: int, pitch: int, pitch_range: int
) -> tuple[np.ndarray, list[tuple]]:
    """Return the int16 samples and the events (kind, position in the text, length, sample, name) of one line."""
    lib, _, _ = _espeak()
    pcm, events = [], []

    def receive(wave, n, event):
        if wave and n:
            pcm.append(np.ctypeslib.as_array(wave, (n,)).copy())
        while event[0].kind:
            e = event[0]
            events.append(
                (e.kind, e.text_position - 1, e.length, e.sample, e.id.decode(errors="replace"))
            )
            event = ctypes.cast(ctypes.addressof(e) + ctypes.sizeof(_Event), ctypes.POINTER(_Event))
        return 0

    callback = _CALLBACK(receive)
    lib.espeak_SetSynthCallback(callback)
    if lib.espeak_SetVoiceByName(voice.encode()):
        sys.exit(
            f"voice={voice}: espeak-ng does not have it. Install the full espeak-ng-data package."
        )
    for parameter, value in ((1, wpm), (3, pitch), (4, pitch_range)):
        lib.espeak_SetParameter(parameter, value, 0)
    raw = text.encode()
    lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
    lib.espeak_Synchronize()
    return np.concatenate(pcm), events


@cache
def _n_phonemes(word: str, voice: str) -> int:
    return sum(
        e[0] == _PHONEME_EVENT and not _silent(e[4]) for e in speak(word, voice, 160, 50, 50)[1]
    )


def _silent(phoneme: str) -> bool:
    return phoneme.startswith("_") or '"' in phoneme or phoneme == ""


def time_words(
    text: str, voice: str, events: list[tuple], n_samples: int
) -> list[tuple[str, int, int]]:
    """Give each word of `text` its (start, stop) in samples from the phoneme events.

    espeak-ng speaks some pairs ("of the", "on the") as one unit with one event; there the later word owns as many of the
    unit's last phonemes as it has when spoken alone.
    """
    phonemes = [(e[3], e[4]) for e in events if e[0] == _PHONEME_EVENT] + [(n_samples, "_")]
    first = {e[1]: e[3] for e in events if e[0] == _WORD_EVENT and e[2] > 0}
    tokens = [(m.group(), m.start()) for m in WORD.finditer(text)]
    anchors = [i for i, (_, at) in enumerate(tokens) if at in first]
    if not anchors or anchors[0] != 0:
        sys.exit(f"text={text!r}: espeak-ng gave no event for its first word. Rephrase the line.")
    words = []
    for n, i in enumerate(anchors):
        j = anchors[n + 1] if n + 1 < len(anchors) else len(tokens)
        begin, end = first[tokens[i][1]], first[tokens[j][1]] if j < len(tokens) else n_samples
        inside = [
            k
            for k, (at, name) in enumerate(phonemes[:-1])
            if begin <= at < end and not _silent(name)
        ]
        cuts = [len(inside)]
        for k in range(
            j - 1, i, -1
        ):  # contractions ("I am") leave at least one phoneme to each word before
            cuts.insert(0, max(cuts[0] - _n_phonemes(tokens[k][0], voice), k - i))
        cuts.insert(0, 0)
        if min(np.diff(cuts)) < 1:
            sys.exit(
                f"text={text!r}: no phoneme is left for one of {[t[0] for t in tokens[i:j]]}. Rephrase the line."
            )
        words += [
            (token[0], phonemes[inside[a]][0], phonemes[inside[b - 1] + 1][0])
            for token, a, b in zip(tokens[i:j], cuts, cuts[1:])
        ]
    return words


def read_script(path: Path) -> list[dict]:
    """Read the screenplay: scenes with their room, the ambiences that fit and their cues in order."""
    scenes = []
    for row in path.read_text(encoding="utf-8").splitlines():
        if row.startswith("=="):
            run, name, room, ambiences = (part.strip() for part in row.strip("= ").split("|"))
            scenes.append(
                {
                    "run": int(run),
                    "name": name,
                    "room": room,
                    "ambiences": ambiences.split(", "),
                    "cues": [],
                }
            )
        elif row.startswith("["):
            label, _, seconds = row.strip("[] ").partition(" ")
            scenes[-1]["cues"].append(
                {"pause": float(seconds)} if label == "pause" else {"effect": label}
            )
        elif row and not row.startswith("#"):
            speaker, text = row.split(": ", 1)
            scenes[-1]["cues"].append({"speaker": speaker, "text": text})
    return scenes


def speak_line(line: dict, rng: np.random.Generator) -> tuple[np.ndarray, list[list]]:
    """Return a line's finished samples at 24 kHz and its words' (word, start, stop) within them.

    Rate and pitch vary a little from line to line; levels above twice the line's RMS are halved in dB, as on a film's dialogue track.
    """
    voice, wpm, pitch, pitch_range = CAST[line["speaker"]]
    lively, (_, native, _) = "!" in line["text"], _espeak()
    wpm, pitch = (
        int(wpm * rng.uniform(0.95, 1.05)) + 8 * lively,
        min(99, pitch + int(rng.integers(-3, 4)) + 6 * lively),
    )
    pcm, events = speak(line["text"], voice, wpm, pitch, pitch_range)
    pad = RATE // 50
    timed = time_words(line["text"], voice, events, len(pcm))
    timed = [
        (word, pad + round(a * RATE / native), pad + round(b * RATE / native))
        for word, a, b in timed
    ]
    wave = np.pad(
        sosfiltfilt(
            butter(2, 60, "high", fs=RATE, output="sos"), soxr.resample(pcm / 32768, native, RATE)
        ),
        pad,
    )
    begin, end = timed[0][1] - pad, min(len(wave), timed[-1][2] + RATE // 20)
    wave = wave[begin:end] / np.sqrt(np.mean(np.concatenate([wave[a:b] for _, a, b in timed]) ** 2))
    wave *= np.minimum(1, 2 / np.sqrt(uniform_filter1d(wave**2, RATE // 25) + 1e-9)) ** 0.5
    wave[: pad + 96] *= np.clip(
        np.arange(-pad, 96) / 96, 0, 1
    )  # espeak-ng starts without a ramp: 4 ms
    wave[-240:] *= np.linspace(1, 0, 240)
    return np.clip(LEVEL * wave, -0.89, 0.89), [[w, a - begin, b - begin] for w, a, b in timed]


def main() -> None:
    """Write voices_run1.ogg, voices_run2.ogg and voices.json beside this script."""
    _, _, version = _espeak()
    scenes, rng = read_script(HERE / "voices_script.txt"), np.random.default_rng(1891)
    sound = {1: [np.zeros(GAP)], 2: [np.zeros(GAP)]}
    for scene in scenes:
        parts = sound[scene["run"]]
        for line in (cue for cue in scene["cues"] if "text" in cue):
            wave, line["words"] = speak_line(line, rng)
            line["start"] = sum(map(len, parts))
            line["stop"] = line["start"] + len(wave)
            parts += [wave, np.zeros(GAP)]
    for run, parts in sound.items():
        with soundfile.SoundFile(
            HERE / f"voices_run{run}.ogg",
            "w",
            RATE,
            1,
            "VORBIS",
            format="OGG",
            compression_level=0.5,
        ) as out:
            for (
                part
            ) in parts:  # piece by piece: libsndfile's Vorbis writer crashes on minutes in one call
                out.write(part)
        print(f"run {run}: {sum(map(len, parts)) / RATE:.1f} s of voices")
    index = {
        "espeak_ng": version,
        "sample_rate": RATE,
        "cast": {k: list(v) for k, v in CAST.items()},
        "scenes": scenes,
    }
    (HERE / "voices.json").write_text(
        json.dumps(index, separators=(",", ":")) + "\n", encoding="utf-8"
    )


MARK = "<!-- Below: written by make_voices.py -->"


def _levels(wave) -> np.ndarray:
    """Return the K-weighted level in LUFS of each half second, not below -70."""
    from giblet_core import film_mix

    power = film_mix.block_power(wave)
    return -0.691 + 10 * np.log10(
        np.maximum(power[: len(power) // 5 * 5].reshape(-1, 5).mean(axis=1), 1.2e-7)
    )


def _share(truth, kind, edges_s) -> np.ndarray:
    """Return the part of each interval between successive edges during which `kind` is on, in 100 steps."""
    steps = (np.arange(100) + 0.5) / 100
    return truth.active(kind, edges_s[:-1, None] + np.diff(edges_s)[:, None] * steps).mean(axis=1)


def _scene_row(scene, truth, levels) -> str:
    inside = [event for event in truth.events if scene.start_s <= event.start_s < scene.stop_s]
    named = [
        ", ".join(dict.fromkeys(event.label for event in inside if event.kind == kind))
        for kind in ("music", "ambience", "effect")
    ]
    level = levels[(np.arange(scene.start_s, scene.stop_s - 0.25, 0.5) * 2).astype(int)]
    who = ", ".join(dict.fromkeys(event.speaker.title() for event in inside if event.speaker))
    lufs = 10 * np.log10(np.mean(10 ** (level / 10)))
    return (
        "| "
        + " | ".join(
            [
                f"{scene.start_s:.1f}",
                f"{scene.stop_s:.1f}",
                scene.name,
                scene.kind,
                *named,
                who,
                f"{lufs:.1f}",
            ]
        )
        + " |"
    )


def write_card() -> None:
    """Render the film and write the figures and tables of STIMULUS_CARD.md anew; the prose above them stays."""
    from giblet_core import demo_film, film_mix

    film, index = demo_film(), json.loads((HERE / "voices.json").read_text(encoding="utf-8"))
    lines = [cue for scene in index["scenes"] for cue in scene["cues"] if "text" in cue]
    files = [*film_mix.voice_files().values(), HERE / "voices.json", HERE / "voices_script.txt"]
    edges = [run.start_s + film.t_r * np.arange(run.n_trs + 1) for run in film.runs]
    levels = _levels(film.wave)
    series = [
        np.concatenate([_share(film.annotation, kind, e) for e in edges])
        for kind in ("speech", "music")
    ]
    series.append(
        np.concatenate(
            [
                levels[(2 * (e[:-1, None] + [0.25, 0.75, 1.25])).astype(int)].mean(axis=1)
                for e in edges
            ]
        )
    )
    r, peak = np.corrcoef(series)[np.triu_indices(3, 1)], 20 * np.log10(np.abs(film.wave).max())
    spoken = {
        who: [cue["stop"] - cue["start"] for cue in lines if cue["speaker"] == who]
        for who in index["cast"]
    }
    tables = [
        f"{film.duration_s:.0f} s, of it {sum(map(sum, spoken.values())) / RATE:.0f} s of speech in {len(lines)} lines and "
        f"{len(film.annotation.words)} words by {len(spoken)} voices of eSpeak NG {index['espeak_ng']}. "
        f"{film_mix.integrated(film_mix.block_power(film.wave)):.1f} LUFS, highest sample {peak:.1f} dBFS. "
        f"Correlation over {len(series[0])} TRs: speech with music {r[0]:+.2f}, speech with loudness {r[1]:+.2f}, "
        f"music with loudness {r[2]:+.2f}.",
        "\n| file | bytes | sha256 |\n|---|---:|---|",
        *(
            f"| {path.name} | {path.stat().st_size} | {hashlib.sha256(path.read_bytes()).hexdigest()} |"
            for path in files
        ),
        "\n| speaker | voice of eSpeak NG | words per minute | pitch | range | lines | s |\n|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {who.title()} | {' | '.join(map(str, index['cast'][who]))} | {len(s)} | {sum(s) / RATE:.0f} |"
            for who, s in spoken.items()
        ),
        "\n| start, s | stop, s | scene | kind | music | ambience | effects | speakers | LUFS |\n|---:|---:|---|---|---|---|---|---|---:|",
        *(_scene_row(scene, film.annotation, levels) for scene in film.annotation.scenes),
    ]
    card = HERE / "STIMULUS_CARD.md"
    prose = card.read_text(encoding="utf-8").split(MARK)[0]
    card.write_text(prose + MARK + "\n\n" + "\n".join(tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "--card" not in sys.argv[1:]:
        main()
    write_card()
