"""Write a mono sound to a file, whole or not at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from giblet_core.errors import InputError, require
from giblet_core.files import atomic_path
from giblet_core.sound.samples import check_wave


@dataclass(frozen=True)
class FileFormat:
    """What a suffix means to libsndfile: the container, and the encoding of the samples."""

    container: str
    encoding: str


FORMATS = {
    ".wav": FileFormat("WAV", "PCM_16"),
    ".flac": FileFormat("FLAC", "PCM_16"),
    ".ogg": FileFormat("OGG", "VORBIS"),
    ".opus": FileFormat("OGG", "OPUS"),
}


def save_audio(path: str | Path, wave: np.ndarray, sample_rate: int, clip: bool = False) -> Path:
    """Write a mono sound in the format of the suffix (`FORMATS`), replacing the file in one step.

    Parameters
    ----------
    path : path
        Ends in ``.wav`` or ``.flac`` (16 bit), ``.ogg`` (Vorbis) or ``.opus`` (Opus).
    wave : array of shape (n_samples,)
        Float in [-1, 1].
    sample_rate : int
        Hz.
    clip : bool
        Cut samples beyond [-1, 1] instead of refusing them.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InputError
        Unknown suffix, or samples beyond [-1, 1] without `clip`.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    require(
        suffix in FORMATS,
        f"path={path}: the suffix must be one of {', '.join(FORMATS)}. Choose one of them.",
    )
    wave = check_wave(wave)
    n_beyond = int((np.abs(wave) > 1).sum())
    if n_beyond and not clip:
        raise InputError(
            f"wave: {n_beyond} samples exceed 1; 16-bit sound must lie in [-1, 1]. "
            "Scale it, or pass clip=True."
        )
    wanted = FORMATS[suffix]
    with atomic_path(path) as temporary:
        sf.write(
            temporary,
            np.clip(wave, -1, 1),
            sample_rate,
            format=wanted.container,
            subtype=wanted.encoding,
        )
    return path
