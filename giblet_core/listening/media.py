"""Sounds and pictures of a page: made as WAV and PNG, and kept as files beside it.

A player carries its sounds and pictures inside its HTML, so that it works in any notebook. The
static book keeps them as files instead: `inline_to_files` writes them and puts their addresses
in their place.
"""

import base64
import functools
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from giblet_core.codecs import Codes
from giblet_core.files import atomic_path, content_hash, in_memory
from giblet_core.sound import log_mel

PICTURE_WIDTH = 320  # pixels
WAVEFORM_HEIGHT = 20  # pixels; the waveform stands above the spectrogram
SPECTROGRAM_HEIGHT = 52  # pixels, one a mel band
RANGE_DB = 70.0  # levels shown in a spectrogram, below the brightest

_N_SHADES = 30  # colours 0 to 29 of the palette are those of the spectrogram
_BLUE = 30  # the colour of the waveform, seen on light and on dark
_GROUND = 31  # transparent
_N_FFT = 512  # samples
_SHORT_N_FFT = 64  # samples; for a sound shorter than one window
_SHORT_N_MELS = 8

_PALE = 225  # grey of a codebook that is not intact
_DARKEST = 28  # greys of entries lie in [_DARKEST, _DARKEST + _N_GREYS)
_N_GREYS = 200
_WHITE = 255

_INLINE = re.compile(r"data:(audio/(?:x-)?wav|image/png);base64,([A-Za-z0-9+/=\s]+)")
_AUDIO_TAG = re.compile(r"<audio\b[^>]*>")
_PRELOAD = re.compile(r"\s+preload(=(\"[^\"]*\"|'[^']*'|\S+))?")


def wav_bytes(wave: np.ndarray, sample_rate: int) -> bytes:
    """Return a 16-bit WAV file."""
    return in_memory(soundfile.write, wave, sample_rate, format="WAV", subtype="PCM_16")


def picture(
    wave: np.ndarray, sample_rate: int, top_db: float | None = None, top_peak: float = 1.0
) -> bytes:
    """Draw the waveform over the log-mel spectrogram.

    Parameters
    ----------
    wave : array of shape (n_samples,)
        Float.
    sample_rate : int
        Hz.
    top_db : float, optional
        The level shown brightest, dB; by default the loudest cell of this sound.
    top_peak : float
        The sample value that fills the height of the waveform.

    Returns
    -------
    bytes
        A small PNG of 32 colours on a transparent ground, `PICTURE_WIDTH` pixels wide.
    """
    levels_db = _levels_db(wave, sample_rate)
    brightest_db = float(levels_db.max()) if top_db is None else top_db
    waveform = np.where(_waveform_mask(wave, top_peak), np.uint8(_BLUE), np.uint8(_GROUND))
    spectrogram = _spectrogram_colours(levels_db, brightest_db)
    pixels = np.vstack([waveform, spectrogram])
    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(palette().tobytes())
    return in_memory(image.save, "PNG", optimize=True, transparency=_GROUND, bits=5)


def _levels_db(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the log-mel levels of a sound, (n_bands, n_columns), about one column a pixel."""
    hop_length = max(1, len(wave) // PICTURE_WIDTH)
    if len(wave) > _N_FFT:
        return log_mel(wave, sample_rate, SPECTROGRAM_HEIGHT, hop_length, _N_FFT)
    return log_mel(wave, sample_rate, _SHORT_N_MELS, hop_length, _SHORT_N_FFT)


def _spectrogram_colours(levels_db: np.ndarray, brightest_db: float) -> np.ndarray:
    """Return a colour a pixel, uint8 (SPECTROGRAM_HEIGHT, PICTURE_WIDTH); low bands at the foot."""
    n_bands, n_columns = levels_db.shape
    shades = np.clip((levels_db - brightest_db + RANGE_DB) / RANGE_DB, 0, 1)
    columns = np.linspace(0, n_columns - 1, PICTURE_WIDTH).round().astype(int)
    bands = np.linspace(n_bands - 1, 0, SPECTROGRAM_HEIGHT).round().astype(int)
    stretched = shades[np.ix_(bands, columns)]
    return (stretched * (_N_SHADES - 1)).round().astype(np.uint8)


def _waveform_mask(wave: np.ndarray, top_peak: float) -> np.ndarray:
    """Say which pixels the waveform fills, bool (WAVEFORM_HEIGHT, PICTURE_WIDTH)."""
    parts = [part for part in np.array_split(wave, PICTURE_WIDTH) if part.size]
    peaks = np.array([np.abs(part).max() for part in parts]) / top_peak
    # a sound of fewer samples than pixels has fewer parts than columns
    at_columns = np.linspace(0, 1, PICTURE_WIDTH)
    at_parts = np.linspace(0, 1, len(peaks))
    reach = np.interp(at_columns, at_parts, peaks) * (WAVEFORM_HEIGHT - 2) / 2
    middle = (WAVEFORM_HEIGHT - 1) / 2
    from_middle = np.abs(np.arange(WAVEFORM_HEIGHT) - middle)
    return from_middle[:, None] <= np.maximum(reach, 0.5)


def palette() -> np.ndarray:
    """Return the 32 colours of a picture, uint8 (32, 3): magma, the waveform's blue, the ground."""
    from matplotlib import colormaps  # here, as a page without pictures need not wait for it

    magma = colormaps["magma"](np.linspace(0, 1, _N_SHADES))[:, :3]
    blue = [74, 134, 196]
    ground = [0, 0, 0]
    return np.vstack([(magma * 255).astype(np.uint8), [blue, ground]]).astype(np.uint8)


def raster(
    codes: Codes, kept: Sequence[int], width: int = PICTURE_WIDTH, row_height: int = 8
) -> bytes:
    """Draw codes as a raster: a row a codebook, a shade an entry.

    Parameters
    ----------
    codes : Codes
    kept : sequence of int
        Codebooks that are intact; the rows of the others are pale.
    width : int
        Pixels.
    row_height : int
        Pixels of each codebook, the first of them white.

    Returns
    -------
    bytes
        A PNG.
    """
    columns = np.linspace(0, codes.n_frames - 1, width).round().astype(int)
    shades = _entry_shades(codes.indices[:, columns])
    off = [k for k in range(codes.num_codebooks) if k not in kept]
    shades[off] = _PALE
    pixels = np.repeat(shades, row_height, axis=0)
    pixels[::row_height] = _WHITE
    return in_memory(Image.fromarray(pixels).save, "PNG", optimize=True)


def _entry_shades(indices: np.ndarray) -> np.ndarray:
    """Give each entry a grey of its own.

    Labels have no order, so they are scrambled (Knuth's multiplicative hash): the shade tells
    entries apart without suggesting that one is more than another.
    """
    scrambled = indices.astype(np.int64) * 2654435761 % 2**32
    return (scrambled * _N_GREYS // 2**32 + _DARKEST).astype(np.uint8)


def inline_to_files(text: str, media: Path, url: str) -> str:
    """Move the sounds and pictures inside a page into files.

    Parameters
    ----------
    text : str
        HTML with WAV and PNG as base64.
    media : Path
        Folder of the files: FLAC of the same samples, and PNG, each named by its content.
    url : str
        How the page knows that folder.

    Returns
    -------
    str
        The HTML with addresses instead; nothing is loaded before it is played.
    """
    addressed = _INLINE.sub(functools.partial(_address, media=media, url=url), text)
    typed = addressed.replace('type="audio/wav"', 'type="audio/flac"')
    return _AUDIO_TAG.sub(_preload_nothing, typed)


def _address(match: re.Match, media: Path, url: str) -> str:
    """Keep one sound or picture and return its address."""
    kind = match[1]
    content = base64.b64decode(match[2])
    media.mkdir(parents=True, exist_ok=True)
    path = _keep_picture(content, media) if kind == "image/png" else _keep_sound(content, media)
    return f"{url}/{path.name}"


def _keep_picture(content: bytes, media: Path) -> Path:
    path = media / f"{content_hash(content)[:32]}.png"
    _write_once(path, content)
    return path


def _keep_sound(content: bytes, media: Path) -> Path:
    samples, sample_rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    path = media / f"{content_hash(sample_rate, samples)[:32]}.flac"
    flac = in_memory(soundfile.write, samples, sample_rate, format="FLAC", subtype="PCM_16")
    _write_once(path, flac)
    return path


def _write_once(path: Path, content: bytes) -> None:
    """Write a file atomically, unless the same content is there."""
    if path.is_file() and path.read_bytes() == content:
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _preload_nothing(match: re.Match) -> str:
    tag = _PRELOAD.sub("", match.group(0))
    return tag.replace("<audio", '<audio preload="none"', 1)
