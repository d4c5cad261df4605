"""The sound tracks of a file, and which of them is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from giblet_core.errors import InputError

NAMELESS = {"", "SoundHandler", "Core Media Audio"}  # titles that programs write by themselves


@dataclass(frozen=True)
class Track:
    """A sound track.

    Attributes
    ----------
    number : int
        From 0, among the sound tracks.
    codec, layout : str
        Such as "aac" and "stereo".
    n_channels, sample_rate : int
    language, title : str
        "" where the file does not say.
    is_default : bool
        The file marks it as the one to play.
    """

    number: int
    codec: str
    layout: str
    n_channels: int
    sample_rate: int
    language: str = ""
    title: str = ""
    is_default: bool = False

    def __str__(self) -> str:
        facts = [self.language, self.title, self.layout, self.codec, f"{self.sample_rate} Hz"]
        facts.append("default" if self.is_default else "")
        return f"{self.number}: {', '.join(fact for fact in facts if fact)}"


def tracks_of(container: av.container.InputContainer) -> tuple[Track, ...]:
    """List the sound tracks of a file that FFmpeg has opened."""
    tracks = []
    for number, stream in enumerate(container.streams.audio):
        context = stream.codec_context
        title = stream.metadata.get("title") or stream.metadata.get("handler_name", "")
        language = stream.metadata.get("language", "")
        tracks.append(
            Track(
                number=number,
                codec="" if context is None else context.name,
                layout="" if context is None else context.layout.name,
                n_channels=0 if context is None else context.channels,
                sample_rate=0 if context is None else context.sample_rate,
                language="" if language == "und" else language,
                title="" if title in NAMELESS else title,
                is_default=bool(stream.disposition & stream.disposition.default),
            )
        )
    return tuple(tracks)


def choose_track(tracks: Sequence[Track], number: int | None, path: Path) -> Track:
    """Return the track of a number, else the default, else the first.

    Parameters
    ----------
    tracks : sequence of Track
    number : int, optional
        From 0.
    path : Path
        Of the file, for messages.

    Returns
    -------
    Track

    Raises
    ------
    InputError
        There is no such track; the message lists those there are.
    """
    if number is None:
        return next((track for track in tracks if track.is_default), tracks[0])
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(tracks):
        listed = "; ".join(str(track) for track in tracks)
        raise InputError(
            f"track={number!r}: must be the number of a sound track of {path} ({listed}). "
            "Choose one of them."
        )
    return tracks[number]
