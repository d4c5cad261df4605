"""Speak a stand-in for the chapter of Brennan et al. (2016) on its true word timings.

    python -m giblet_core.demo.voices.alice_standin dataset.yaml out.flac

(``make book PARAMS=alice`` calls this.) The recording that people heard is not part of the release;
the word timings are. Each word is spoken by espeak-ng at the pace that fits its interval and put
where it was. The result has the words, the pauses and the tempo of the original, and neither its
voice nor its intonation: whatever is found with it is labelled a stand-in.
"""

import argparse
import shutil
import subprocess
import sys
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from giblet_core.errors import InputError
from giblet_core.fmri import find_one, read_manifest, read_textgrid
from giblet_core.sound import save_audio

RATE = 24_000  # Hz
VOICE = "en-gb"
FIRST_PACE = 160  # words a minute of the first try
SLOWEST_PACE = 80
FASTEST_PACE = 400
PACE_STEP = 5
FADE = RATE // 200  # samples
QUIET = 0.01  # what is weaker around a word is cut
AFTER_S = 20  # silence after the last word
SHORTEST = 2  # samples of a word


@cache
def spoken(word: str, pace: int) -> np.ndarray:
    """Return a word without the silence around it: (n_samples,) float32."""
    command = ["espeak-ng", "-v", VOICE, "-s", str(pace), "--stdout", "--", word]
    done = subprocess.run(command, capture_output=True, check=True)
    wave, native_rate = soundfile.read(BytesIO(done.stdout), dtype="float32")
    wave = soxr.resample(wave, native_rate, RATE)
    loud = np.flatnonzero(np.abs(wave) > QUIET)
    if not loud.size:
        return wave[:0]
    return wave[loud[0] : loud[-1] + 1]


def fitted(word: str, n_samples: int) -> np.ndarray:
    """Return a word at about the pace at which it fills `n_samples`, and never longer.

    It is faded at both ends.
    """
    wanted = FIRST_PACE * spoken(word, FIRST_PACE).size / n_samples
    rounded = round(wanted / PACE_STEP) * PACE_STEP
    pace = int(np.clip(rounded, SLOWEST_PACE, FASTEST_PACE))
    wave = spoken(word, pace)[:n_samples].copy()
    n_faded = min(FADE, wave.size // 2)
    if n_faded:
        wave[:n_faded] *= np.linspace(0, 1, n_faded)
        wave[-n_faded:] *= np.linspace(1, 0, n_faded)
    return wave


def speak_chapter(dataset: str | Path, out: str | Path) -> None:
    """Speak the chapter of a data set into a file.

    Raises
    ------
    InputError
        espeak-ng is absent, or the data set is wrong.
    """
    if not shutil.which("espeak-ng"):
        raise InputError(
            "espeak-ng is absent: it speaks the stand-in. "
            "Install it (Debian: apt-get install espeak-ng)."
        )
    manifest, problems = read_manifest(dataset)
    if manifest is None:
        raise InputError("\n".join(str(problem) for problem in problems))
    words = read_textgrid(find_one(manifest.folder, manifest.stimulus.annotation))
    _, last_stop_s, _ = words[-1]
    sound = np.zeros(round((last_stop_s + AFTER_S) * RATE), np.float32)
    for start_s, stop_s, word in tqdm(words, desc="speaking", unit="word"):
        wave = fitted(word, max(round((stop_s - start_s) * RATE), SHORTEST))
        start = round(start_s * RATE)
        sound[start : start + wave.size] = wave
    save_audio(out, 0.5 * sound / np.abs(sound).max(), RATE)
    duration_s = sound.size / RATE
    print(f"{out}: {duration_s:.1f} s, {len(words)} words; a stand-in, spoken by espeak-ng")


def main() -> None:
    """Speak from the command line."""
    parser = argparse.ArgumentParser(description="Speak a stand-in for Alice in Wonderland.")
    parser.add_argument("dataset", help="the manifest of the data set")
    parser.add_argument("out", help="the sound file to write")
    args = parser.parse_args()
    try:
        speak_chapter(args.dataset, args.out)
    except InputError as error:
        sys.exit(f"alice_standin: {error}")


if __name__ == "__main__":
    main()
