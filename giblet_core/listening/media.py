"""TODO: listening/media."""

import base64
import io
import re
from pathlib import Path

import soundfile

from giblet_core.files import content_hash

INLINE = re.compile(r"data:(audio/(?:x-)?wav|image/png);base64,([A-Za-z0-9+/=\s]+)")
_AUDIO_TAG = re.compile(r"<audio\b[^>]*>")


def inline_to_files(text: str, media: Path, url: str) -> str:
    """Return HTML whose inline WAV and PNG lie as FLAC and PNG files in `media`, which the page
    knows as `url`.
    """
    text = INLINE.sub(
        lambda match: f"{url}/{_keep(match[1], base64.b64decode(match[2]), media)}", text
    )
    return _AUDIO_TAG.sub(_preload_none, text.replace('type="audio/wav"', 'type="audio/flac"'))


def _preload_none(match: re.Match) -> str:
    return re.sub(r"\s+preload(=(\"[^\"]*\"|'[^']*'|\S+))?", "", match.group(0)).replace(
        "<audio", '<audio preload="none"', 1
    )


def _keep(kind: str, content: bytes, media: Path) -> str:
    """Write a picture, or a sound as FLAC of the same samples, into `media` under the name of its
    hash; return the name.
    """
    media.mkdir(parents=True, exist_ok=True)
    if kind == "image/png":
        path = media / f"{content_hash(content)[:32]}.png"
        path.write_bytes(content)
        return path.name
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    path = media / f"{content_hash(rate, samples)[:32]}.flac"
    if not path.exists():
        soundfile.write(path, samples, rate, format="FLAC", subtype="PCM_16")
    return path.name
