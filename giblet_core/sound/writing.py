"""TODO: sound/writing."""

from pathlib import Path

import numpy as np
import soundfile as sf

from giblet_core.errors import require
from giblet_core.files import atomic_path
from giblet_core.sound.samples import check_wave

_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}


def save_audio(path: str | Path, wave: np.ndarray, sample_rate: int, clip: bool = False) -> Path:
    """Write a mono sound atomically: ``.wav`` and ``.flac`` as 16 bit, ``.ogg`` as Vorbis,
    ``.opus`` as Opus.

    Parameters
    ----------
    wave : array of shape (n_samples,)
        Float in [-1, 1].
    clip : bool
        Cut samples beyond [-1, 1] instead of refusing them.

    Raises
    ------
    InputError
        Unknown suffix, or samples beyond [-1, 1] without `clip`.
    """
    path = Path(path)
    require(
        path.suffix.lower() in _FORMATS,
        f"path={path}: the suffix must be one of {', '.join(_FORMATS)}. Choose one of them.",
    )
    wave = check_wave(wave)
    over = int((np.abs(wave) > 1).sum())
    require(
        clip or not over,
        f"wave: {over} samples exceed 1; 16-bit sound must lie in [-1, 1]. Scale it, or pass clip=True.",
    )
    kind, subtype = _FORMATS[path.suffix.lower()]
    with atomic_path(path) as temporary:
        sf.write(temporary, np.clip(wave, -1, 1), sample_rate, format=kind, subtype=subtype)
    return path
