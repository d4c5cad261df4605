"""Join real sounds that lie beside the project to one track of 920 TRs (23 minutes).

``python tests/join_sounds.py OUT.flac [FOLDER]``.
"""

import sys
from pathlib import Path

import numpy as np

import giblet_core as gc

SUFFIXES = {".wav", ".flac", ".mp3", ".ogg"}


def mixed_track(folder, seconds=1380.0, seed=0, longest_s=60.0, sample_rate=24_000):
    """Return speech, music and ambience of a folder one after the other.

    In an order drawn from the seed, at one level.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix in SUFFIXES)
    pieces, total = [], 0
    for i in np.random.default_rng(seed).permutation(len(paths)):
        wave = gc.load_audio(paths[i], sample_rate)[: int(longest_s * sample_rate)]
        level = np.sqrt(np.mean(wave**2))
        if len(wave) < 2 * sample_rate or level < 1e-4:
            continue  # single drum strokes would make a drum machine of the track
        pieces.append(np.clip(0.08 / level * wave, -0.99, 0.99))
        total += len(wave)
        if total >= seconds * sample_rate:
            return np.concatenate(pieces)[: int(seconds * sample_rate)].astype(np.float32)
    raise SystemExit(
        f"{folder}: holds {total / sample_rate:.0f} s of sound in pieces of 2 s and more; "
        f"{seconds:.0f} s are needed."
    )


if __name__ == "__main__":
    out = gc.save_audio(
        sys.argv[1], mixed_track(sys.argv[2] if len(sys.argv) > 2 else "../shared/audio"), 24_000
    )
    print(out)
