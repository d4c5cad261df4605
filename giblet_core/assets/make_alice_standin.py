"""Speak a stand-in for the chapter of Brennan et al. (2016) on its true word timings (``make book PARAMS=alice`` calls this).

The recording that people heard is not part of the release; the word timings are. Each word is spoken by espeak-ng at the pace that
fits its interval and put where it was. The result has the words, the pauses and the tempo of the original, and neither its voice nor
its intonation: whatever is found with it is labelled a stand-in.

    python make_alice_standin.py dataset.yaml out.flac
"""

import shutil
import subprocess
import sys
from functools import cache
from io import BytesIO

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from giblet_core.errors import InputError
from giblet_core.fmri import find_one, read_manifest, read_textgrid
from giblet_core.sound import save_audio

RATE, PACE = 24_000, 160  # Hz; words a minute of the first try
FADE = RATE // 200


@cache
def spoken(word, pace):
    """Return a word without the silence around it, (n_samples,) float32 at RATE."""
    done = subprocess.run(
        ["espeak-ng", "-v", "en-gb", "-s", str(pace), "--stdout", "--", word],
        capture_output=True,
        check=True,
    )
    wave, rate = soundfile.read(BytesIO(done.stdout), dtype="float32")
    wave = soxr.resample(wave, rate, RATE)
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    return wave[loud[0] : loud[-1] + 1] if loud.size else wave[:0]


def fitted(word, n_samples):
    """Return a word at about the pace at which it fills `n_samples`, faded at both ends, never longer."""
    first = spoken(word, PACE)
    pace = int(np.clip(round(PACE * first.size / n_samples / 5) * 5, 80, 400))
    wave = spoken(word, pace)[:n_samples].copy()
    n = min(FADE, wave.size // 2)
    if n:
        wave[:n] *= np.linspace(0, 1, n)
        wave[-n:] *= np.linspace(1, 0, n)
    return wave


def main(dataset, out):
    if not shutil.which("espeak-ng"):
        raise InputError(
            "espeak-ng is absent: it speaks the stand-in. Install it (Debian: apt-get install espeak-ng)."
        )
    manifest, problems = read_manifest(dataset)
    if manifest is None:
        raise InputError("\n".join(map(str, problems)))
    words = read_textgrid(find_one(manifest.folder, manifest.stimulus.annotation))
    sound = np.zeros(round((words[-1][1] + 20) * RATE), np.float32)
    for start, stop, word in tqdm(words, desc="speaking", unit="word"):
        wave = fitted(word, max(round((stop - start) * RATE), 2))
        sound[round(start * RATE) :][: wave.size] = wave
    save_audio(out, 0.5 * sound / np.abs(sound).max(), RATE)
    print(f"{out}: {sound.size / RATE:.1f} s, {len(words)} words; a stand-in, spoken by espeak-ng")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(f"make_alice_standin: {error}")
