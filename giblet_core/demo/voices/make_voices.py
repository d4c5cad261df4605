"""Speak the screenplay with espeak-ng and store the dry voices with exact word timings.

    python -m giblet_core.demo.voices.make_voices    (or: make demo-stimulus)

Only needed to change the text or the voices: the film is rendered from the stored files.
"""

import json
import sys
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from giblet_core.demo.film import RATE
from giblet_core.demo.voices.card import write_card
from giblet_core.demo.voices.espeak import Voice, load_library, speak
from giblet_core.demo.voices.screenplay import CAST, read_script
from giblet_core.demo.voices.word_times import TimedWord, time_words
from giblet_core.errors import InputError
from giblet_core.files import ASSETS

SEED = 1891
GAP = RATE // 5  # silence between lines, so that the lossy coder never smears one into the next
LEVEL = 10 ** (-24 / 20)  # RMS of a line between the starts and stops of its words
PEAK = 0.89
PAD = RATE // 50  # samples kept before the first word
AFTER = RATE // 20  # and after the last
FADE_IN = 96  # samples: espeak-ng starts without a ramp
FADE_OUT = 240
LIVELY_RATE = 8  # words a minute more in an exclamation
LIVELY_PITCH = 6


@dataclass(frozen=True)
class Line:
    """A line at 24 kHz, and its words in samples."""

    wave: np.ndarray
    words: list[TimedWord]

    def rms_of_words(self) -> float:
        """Return the RMS between the starts and stops of words."""
        pieces = [self.wave[word.start : word.stop] for word in self.words]
        return np.sqrt(np.mean(np.concatenate(pieces) ** 2))


def _mood(voice: Voice, is_lively: bool, rng: np.random.Generator) -> Voice:
    """Vary a voice's rate and pitch a little; both are higher in an exclamation."""
    rate = int(voice.words_per_minute * rng.uniform(0.95, 1.05))
    pitch = voice.pitch + int(rng.integers(-3, 4))
    if is_lively:
        rate += LIVELY_RATE
        pitch += LIVELY_PITCH
    return replace(voice, words_per_minute=rate, pitch=min(99, pitch))


def _at_film_rate(pcm: np.ndarray, timed: list[TimedWord]) -> Line:
    """Resample, remove rumble, and put silence around; words are timed along."""
    native_rate = load_library().sample_rate
    resampled = soxr.resample(pcm / 32768, native_rate, RATE)
    without_rumble = sosfiltfilt(butter(2, 60, "high", fs=RATE, output="sos"), resampled)
    words = []
    for word in timed:
        start = PAD + round(word.start * RATE / native_rate)
        stop = PAD + round(word.stop * RATE / native_rate)
        words.append(TimedWord(word.word, start, stop))
    return Line(np.pad(without_rumble, PAD), words)


def _compress(wave: np.ndarray) -> np.ndarray:
    """Halve levels above twice the line's RMS (1), in dB, as on a film's dialogue track."""
    power = uniform_filter1d(wave**2, RATE // 25)
    return wave * np.minimum(1, 2 / np.sqrt(power + 1e-9)) ** 0.5


def speak_line(text: str, speaker: str, rng: np.random.Generator) -> Line:
    """Speak one line; rate and pitch vary a little from line to line.

    Parameters
    ----------
    text : str
    speaker : str
        A key of `CAST`.
    rng : numpy.random.Generator

    Returns
    -------
    Line
    """
    voice = _mood(CAST[speaker], "!" in text, rng)
    spoken = speak(text, voice)
    timed = time_words(text, voice.name, spoken.events, len(spoken.pcm))
    whole = _at_film_rate(spoken.pcm, timed)
    begin = whole.words[0].start - PAD
    end = min(len(whole.wave), whole.words[-1].stop + AFTER)
    wave = _compress(whole.wave[begin:end] / whole.rms_of_words())
    wave[: PAD + FADE_IN] *= np.clip(np.arange(-PAD, FADE_IN) / FADE_IN, 0, 1)
    wave[-FADE_OUT:] *= np.linspace(1, 0, FADE_OUT)
    words = [TimedWord(w.word, w.start - begin, w.stop - begin) for w in whole.words]
    return Line(np.clip(LEVEL * wave, -PEAK, PEAK), words)


def _speak_scenes(scenes: list[dict]) -> dict[int, list[np.ndarray]]:
    """Speak all lines, note their places in the scenes, and return the pieces of each run."""
    rng = np.random.default_rng(SEED)
    pieces = {run: [np.zeros(GAP)] for run in (1, 2)}
    for scene in scenes:
        of_run = pieces[scene["run"]]
        for cue in scene["cues"]:
            if "text" not in cue:
                continue
            line = speak_line(cue["text"], cue["speaker"], rng)
            cue["words"] = [list(astuple(word)) for word in line.words]
            cue["start"] = sum(len(piece) for piece in of_run)
            cue["stop"] = cue["start"] + len(line.wave)
            of_run += [line.wave, np.zeros(GAP)]
    return pieces


def _save_voices(path: Path, pieces: list[np.ndarray]) -> None:
    """Write Vorbis piece by piece: libsndfile's writer crashes on minutes in one call."""
    with soundfile.SoundFile(
        path, "w", RATE, 1, "VORBIS", format="OGG", compression_level=0.5
    ) as out:
        for piece in pieces:
            out.write(piece)


def make_voices(folder: Path = ASSETS) -> None:
    """Write voices_run1.ogg, voices_run2.ogg and voices.json.

    Raises
    ------
    InputError
        espeak-ng is absent.
    """
    version = load_library().version
    scenes = read_script(ASSETS / "voices_script.txt")
    for run, pieces in _speak_scenes(scenes).items():
        _save_voices(folder / f"voices_run{run}.ogg", pieces)
        duration_s = sum(len(piece) for piece in pieces) / RATE
        print(f"run {run}: {duration_s:.1f} s of voices")
    index = {
        "espeak_ng": version,
        "sample_rate": RATE,
        "cast": {speaker: list(astuple(voice)) for speaker, voice in CAST.items()},
        "scenes": scenes,
    }
    text = json.dumps(index, separators=(",", ":")) + "\n"
    (folder / "voices.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        make_voices()
    except InputError as error:
        sys.exit(str(error))
    write_card()
