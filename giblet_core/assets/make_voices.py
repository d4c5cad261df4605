"""Speak the screenplay with espeak-ng and store the dry voices with exact word timings (``make demo-stimulus``).

Only needed to change the text or the voices: the film is rendered from the stored files. The library's own events give the
sample at which each phoneme begins; a word runs from its first phoneme to the end of its last one.
"""

import ctypes
import json
import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfiltfilt

HERE = Path(__file__).parent
RATE = 24_000
GAP = RATE // 5  # silence between stored lines, so that the lossy coder never smears one into the next
LEVEL = 10 ** (-24 / 20)  # RMS of a line between the starts and stops of its words
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
# speaker: (voice, words per minute, pitch, pitch range), chosen for formants and accents far apart
CAST = {
    "NARRATOR": ("gmw/en-GB-x-rp+m1", 148, 34, 46),
    "HOLMES": ("gmw/en+m3", 164, 46, 68),
    "WATSON": ("gmw/en-GB-x-rp+m7", 156, 40, 55),
    "KING": ("gmw/en+m5", 138, 8, 60),
    "IRENE": ("gmw/en-GB-x-rp+f3", 158, 56, 70),
    "NORTON": ("gmw/en-US+m4", 176, 84, 70),
    "LANDLADY": ("gmw/en-GB-scotland+f1", 164, 70, 60),
    "WILSON": ("gmw/en-GB-x-gbclan+m2", 152, 28, 62),
    "CLAY": ("gmw/en-GB-x-gbcwmd+m6", 164, 90, 64),
    "ROSS": ("gmw/en-GB-scotland+m8", 152, 52, 72),
    "JONES": ("gmw/en-GB-x-gbcwmd+m1", 160, 16, 40),
    "MERRYWEATHER": ("gmw/en-GB-x-rp+croak", 134, 58, 50),
}


class _Event(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("uid", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("id", ctypes.c_char * 8)]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_WORD_EVENT, _PHONEME_EVENT = 1, 7


@cache
def _espeak():
    """Load espeak-ng and return (library, its sample rate, its version)."""
    try:
        lib = ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        sys.exit("espeak-ng is absent: it is needed only to speak the demo film anew. Install it (Debian: apt-get install espeak-ng); "
                 "the stored voices in giblet_core/assets stay as they are and the film renders without it.")
    rate = lib.espeak_Initialize(2, 0, None, 1)  # synchronous, with phoneme events
    lib.espeak_Info.restype = ctypes.c_char_p
    return lib, rate, lib.espeak_Info(None).decode()


def speak(text: str, voice: str, wpm: int, pitch: int, pitch_range: int) -> tuple[np.ndarray, list[tuple]]:
    """Return the int16 samples and the events (kind, position in the text, length, sample, name) of one line."""
    lib, _, _ = _espeak()
    pcm, events = [], []

    def receive(wave, n, event):
        if wave and n:
            pcm.append(np.ctypeslib.as_array(wave, (n,)).copy())
        while event[0].kind:
            e = event[0]
            events.append((e.kind, e.text_position - 1, e.length, e.sample, e.id.decode(errors="replace")))
            event = ctypes.cast(ctypes.addressof(e) + ctypes.sizeof(_Event), ctypes.POINTER(_Event))
        return 0

    callback = _CALLBACK(receive)
    lib.espeak_SetSynthCallback(callback)
    if lib.espeak_SetVoiceByName(voice.encode()):
        sys.exit(f"voice={voice}: espeak-ng does not have it. Install the full espeak-ng-data package.")
    for parameter, value in ((1, wpm), (3, pitch), (4, pitch_range)):
        lib.espeak_SetParameter(parameter, value, 0)
    raw = text.encode()
    lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
    lib.espeak_Synchronize()
    return np.concatenate(pcm), events


@cache
def _n_phonemes(word: str, voice: str) -> int:
    return sum(e[0] == _PHONEME_EVENT and not _silent(e[4]) for e in speak(word, voice, 160, 50, 50)[1])


def _silent(phoneme: str) -> bool:
    return phoneme.startswith("_") or "\"" in phoneme or phoneme == ""


def time_words(text: str, voice: str, events: list[tuple], n_samples: int) -> list[tuple[str, int, int]]:
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
        inside = [k for k, (at, name) in enumerate(phonemes[:-1]) if begin <= at < end and not _silent(name)]
        cuts = [len(inside)]
        for k in range(j - 1, i, -1):  # contractions ("I am") leave at least one phoneme to each word before
            cuts.insert(0, max(cuts[0] - _n_phonemes(tokens[k][0], voice), k - i))
        cuts.insert(0, 0)
        if min(np.diff(cuts)) < 1:
            sys.exit(f"text={text!r}: no phoneme is left for one of {[t[0] for t in tokens[i:j]]}. Rephrase the line.")
        words += [(token[0], phonemes[inside[a]][0], phonemes[inside[b - 1] + 1][0]) for token, a, b in zip(tokens[i:j], cuts, cuts[1:])]
    return words


def read_script(path: Path) -> list[dict]:
    """Read the screenplay: scenes with their room, the ambiences that fit and their cues in order."""
    scenes = []
    for row in path.read_text(encoding="utf-8").splitlines():
        if row.startswith("=="):
            run, name, room, ambiences = (part.strip() for part in row.strip("= ").split("|"))
            scenes.append({"run": int(run), "name": name, "room": room, "ambiences": ambiences.split(", "), "cues": []})
        elif row.startswith("["):
            label, _, seconds = row.strip("[] ").partition(" ")
            scenes[-1]["cues"].append({"pause": float(seconds)} if label == "pause" else {"effect": label})
        elif row and not row.startswith("#"):
            speaker, text = row.split(": ", 1)
            scenes[-1]["cues"].append({"speaker": speaker, "text": text})
    return scenes


def main() -> None:
    """Write voices_run1.ogg, voices_run2.ogg and voices.json beside this script."""
    _, native, version = _espeak()
    scenes, rng = read_script(HERE / "voices_script.txt"), np.random.default_rng(1891)
    high_pass = butter(2, 60, "high", fs=RATE, output="sos")
    sound = {1: [np.zeros(GAP, np.float32)], 2: [np.zeros(GAP, np.float32)]}
    for scene in scenes:
        for line in (cue for cue in scene["cues"] if "text" in cue):
            voice, wpm, pitch, pitch_range = CAST[line["speaker"]]
            lively = line["text"].count("!") > 0
            wpm, pitch = int(wpm * rng.uniform(0.95, 1.05)) + 8 * lively, min(99, pitch + int(rng.integers(-3, 4)) + 6 * lively)
            pcm, events = speak(line["text"], voice, wpm, pitch, pitch_range)
            timed = time_words(line["text"], voice, events, len(pcm))
            words = [(w, round(a * RATE / native), round(b * RATE / native)) for w, a, b in timed]
            wave = sosfiltfilt(high_pass, soxr.resample(pcm / 32768, native, RATE))
            begin, end = max(0, words[0][1] - RATE // 50), min(len(wave), words[-1][2] + RATE // 20)
            spoken = np.concatenate([wave[a:b] for _, a, b in words])
            wave = wave[begin:end] * LEVEL / np.sqrt(np.mean(spoken**2))
            wave = np.clip(wave, -0.89, 0.89)
            line["start"] = sum(map(len, sound[scene["run"]]))
            line["stop"] = line["start"] + len(wave)
            line["words"] = [[w, a - begin, b - begin] for w, a, b in words]
            sound[scene["run"]] += [wave, np.zeros(GAP)]
    for run, parts in sound.items():
        with soundfile.SoundFile(HERE / f"voices_run{run}.ogg", "w", RATE, 1, "VORBIS", format="OGG", compression_level=0.5) as out:
            for part in parts:  # piece by piece: libsndfile's Vorbis writer crashes on minutes in one call
                out.write(part)
    index = {"espeak_ng": version, "sample_rate": RATE, "cast": {k: list(v) for k, v in CAST.items()}, "scenes": scenes}
    (HERE / "voices.json").write_text(json.dumps(index, separators=(",", ":")) + "\n", encoding="utf-8")
    for run, parts in sound.items():
        print(f"run {run}: {sum(map(len, parts)) / RATE:.1f} s of voices")


if __name__ == "__main__":
    main()
