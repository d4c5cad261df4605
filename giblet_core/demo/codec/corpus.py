"""Training sounds of the demo codec: which are held out, how crops are drawn from the others."""

import hashlib
from pathlib import Path

import numpy as np
import soxr
import torch
from tqdm.auto import tqdm

from giblet_core.demo.codec.losses import SAMPLE_RATE
from giblet_core.demo.codec.network import HOP_LENGTH
from giblet_core.errors import require
from giblet_core.sound import load_audio

SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus"}
OTHER_KINDS = ("tts", "music", "ambience")  # than speech, told by the names of folders
SPOKEN_KINDS = ("speech", "tts")
SHORTEST = 8000  # samples of a training sound
FIRST_HELD_OUT_FLEURS = 8
FIRST_HELD_OUT_LIBRISPEECH = 19


def is_held_out(name: str) -> bool:
    """Decide by file name alone.

    Held out are the tail of a LibriSpeech chapter, FLEURS 8 and 9, the EnCodec test, and a tenth of
    the rest.

    Examples
    --------
    >>> is_held_out("fleurs-de-008.ogg"), is_held_out("fleurs-de-007.ogg")
    (True, False)
    """
    stem = Path(name).stem
    number = stem.rsplit("-", 1)[-1]
    if stem.startswith("fleurs-"):
        return int(number) >= FIRST_HELD_OUT_FLEURS
    if is_librispeech(stem):
        return int(number) >= FIRST_HELD_OUT_LIBRISPEECH
    first_byte = hashlib.sha256(stem.encode()).digest()[0]
    return stem == "encodec_test_24k" or first_byte < 26


def is_librispeech(stem: str) -> bool:
    """Say whether a file's name is that of a LibriSpeech utterance: three numbers."""
    return stem.count("-") == 2 and stem.replace("-", "").isdigit()


def kind_of(path: Path) -> str:
    """Tell speech, music, ambience or tts (synthetic voices) from the folders a file lies in.

    It is speech where they do not say.
    """
    folders = {part.lower() for part in path.parts}
    for kind in OTHER_KINDS:
        if kind in folders:
            return kind
    return "speech"


class Corpus:
    """Training sounds in memory, drawn as augmented crops; seeded.

    Parameters
    ----------
    waves : dict of str to list of array of shape (n_samples,)
        By kind, 24 kHz, float32. Those below a third of a second are left out.
    seed : int

    Raises
    ------
    InputError
        No sound is long enough.
    """

    SHARES = {"speech": 0.47, "tts": 0.33, "music": 0.17, "ambience": 0.03}

    def __init__(self, waves: dict[str, list[np.ndarray]], seed: int = 0):
        self.waves = {}
        for kind, sounds in waves.items():
            long_enough = [wave for wave in sounds if len(wave) >= SHORTEST]
            if long_enough:
                self.waves[kind] = long_enough
        require(
            self.waves,
            "waves: no training sound of a third of a second or more. "
            "Give a folder with sound files.",
        )
        self.rng = np.random.default_rng(seed)

    @classmethod
    def from_folder(cls, folder: str | Path, seed: int = 0) -> "Corpus":
        """Read every training file of a tree at 24 kHz.

        A sound kept in two formats counts once.
        """
        files = {}
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix.lower() in SUFFIXES and not is_held_out(path.name):
                files[path.parent, path.stem] = path
        waves: dict[str, list[np.ndarray]] = {}
        for path in tqdm(files.values(), desc="reading"):
            kind = kind_of(path.relative_to(folder))
            waves.setdefault(kind, []).append(load_audio(path, SAMPLE_RATE))
        return cls(waves, seed)

    def draw(self, kind: str) -> np.ndarray:
        """Draw a sound of a kind (or of the first kind there is), long ones more often."""
        sounds = self.waves.get(kind)
        if sounds is None:
            sounds = next(iter(self.waves.values()))
        lengths = np.array([len(wave) for wave in sounds], float)
        weights = lengths ** (0.5 if kind == "music" else 1.0)
        return sounds[self.rng.choice(len(sounds), p=weights / weights.sum())]

    def crop(self, kind: str, n_samples: int) -> np.ndarray:
        """Draw a crop of unit power: speed and pitch +-18 %, spectral tilt, sign."""
        rng = self.rng
        wave = self.draw(kind)
        ratio = rng.uniform(0.85, 1.2) if rng.random() < 0.5 else 1.0
        n_before = int(n_samples * ratio) + 64  # samples before the change of speed
        start = int(rng.integers(0, max(1, len(wave) - n_before)))
        piece = wave[start : start + n_before]
        if ratio != 1.0:
            piece = soxr.resample(piece, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="MQ")
        piece = np.resize(piece, n_samples)  # cut, or repeated where it is too short
        if rng.random() < 0.4:
            tilted = piece[1:] + rng.uniform(-0.4, 0.4) * piece[:-1]
            piece = np.concatenate([piece[:1], tilted])
        rms = np.sqrt(np.mean(piece**2))
        return piece / max(rms, 1e-3) * rng.choice([-1, 1])

    def mixture(self, n_samples: int) -> np.ndarray:
        """Draw a sound as a batch holds it: at times over music or ambience, -50 to -15 dBFS."""
        rng = self.rng
        kind = rng.choice(list(self.SHARES), p=list(self.SHARES.values()))
        wave = self.crop(kind, n_samples)
        if rng.random() < (0.25 if kind in SPOKEN_KINDS else 0.1):
            bed_kind = "music" if rng.random() < 0.7 else "ambience"
            bed = self.crop(bed_kind, n_samples)
            wave = wave + bed * 10 ** (-rng.uniform(3, 25) / 20)
        level_db = rng.uniform(-32, -15) if rng.random() < 0.85 else rng.uniform(-50, -30)
        wave = wave * 10 ** (level_db / 20)
        return wave / max(1.0, np.abs(wave).max() / 0.98)

    def batch(self, batch_size: int, n_frames: int) -> torch.Tensor:
        """Draw sounds of some frames of 320 samples: (batch_size, n_frames * 320)."""
        sounds = [self.mixture(n_frames * HOP_LENGTH) for _ in range(batch_size)]
        return torch.tensor(np.stack(sounds), dtype=torch.float32)

    def reseed(self, *seed: int) -> None:
        """Draw on from these numbers, whatever was drawn before."""
        self.rng = np.random.default_rng(seed)
