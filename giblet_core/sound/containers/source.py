"""The bytes of a file, and what a container says of the sound in them."""

import io
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from giblet_core.errors import InputError

COPY_AGAIN = "It was truncated: copy it again."
SPLIT = "Split it into its parts, or join them with a tool that writes one header."
LONGEST_JUNK = 128  # bytes behind a sound that are left alone, and said: hardly any sound

# What a whole file of its own begins with; behind the end of another, the two were joined.
BEGINNINGS = {
    b"RIFF": "RIFF",
    b"RIFX": "RIFX",
    b"RF64": "RF64",
    b"BW64": "BW64",
    b"riff": "W64",
    b"FORM": "AIFF",
    b".snd": "AU",
    b"caff": "CAF",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"TTA1": "TTA",
    b"\0\0\1\xba": "MPEG-PS",
}


class Source:
    """A file's bytes, read where they are asked for.

    Attributes
    ----------
    path : Path
    data : mmap
        The whole file; slices beyond its end are short or empty.
    size : int
        Bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = path.open("rb")
        self.data = mmap.mmap(self._handle.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = len(self.data)

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.data.close()
        self._handle.close()

    def number(self, start: int, n_bytes: int, order: str = "big") -> int:
        """Return an unsigned number.

        Parameters
        ----------
        start, n_bytes : int
            Where it lies.
        order : {"big", "little"}
            Of its bytes.

        Returns
        -------
        int

        Raises
        ------
        InputError
            The file ends before it.
        """
        if start + n_bytes > self.size:
            self.refuse("its header is not whole; a file must be", COPY_AGAIN)
        return int.from_bytes(self.data[start : start + n_bytes], order)

    def starts_with(self, magic: bytes, start: int = 0) -> bool:
        """Tell whether certain bytes lie at a place."""
        return self.data[start : start + len(magic)] == magic

    def refuse(self, rule: str, remedy: str) -> NoReturn:
        """Raise InputError: the file, the rule that it breaks, the remedy."""
        raise InputError(f"path={self.path}: {rule}. {remedy}")

    def refuse_truncated(self, declared: object, present: object) -> NoReturn:
        """Raise InputError: less is there than the header declares."""
        self.refuse(
            f"the header declares {declared} but {present} are there; a file must be whole",
            COPY_AGAIN,
        )

    def refuse_joined(self, kind: str, start: int) -> NoReturn:
        """Raise InputError: a second file begins within this one."""
        self.refuse(f"a second {kind} file begins at byte {start}; a file must hold one", SPLIT)

    def check_rest(self, start: int) -> tuple[str, ...]:
        """Refuse what lies behind the end of the sound, unless it is a tag, padding or tiny.

        Returns
        -------
        tuple of str
            What to say of the rest.
        """
        for magic, kind in BEGINNINGS.items():
            if self.starts_with(magic, start):
                self.refuse_joined(kind, start)
        n_rest = tags_start(self, start) - start
        rest = self.data[start : start + n_rest]
        if not rest.strip(b"\0"):
            return ()
        if n_rest > LONGEST_JUNK:
            self.refuse(
                f"{n_rest} bytes follow the end that the header declares (byte {start}); a file "
                "must end with its sound",
                "If they are sound, the header is wrong: write the file anew with a tool that "
                "goes by what is there, such as `sox --ignore-length`; if not, cut them off.",
            )
        return (f"{n_rest} bytes behind its declared end are not read",)


@dataclass(frozen=True)
class Span:
    """The bytes of a file from `start` up to `stop`."""

    start: int
    stop: int


class Window(io.RawIOBase):
    """A part of a file as if it were a file of its own."""

    def __init__(self, path: Path, span: "Span") -> None:
        super().__init__()
        self._handle = path.open("rb")
        self._start = span.start
        self._size = span.stop - span.start
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be gone to."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place; see `io.IOBase.seek`."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(origin + offset, 0)  # damaged files ask for places before the first
        return self._position

    def tell(self) -> int:
        """Return the place."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as the part reaches; return the number of bytes."""
        n_left = max(self._size - self._position, 0)
        self._handle.seek(self._start + self._position)
        n_read = self._handle.readinto(memoryview(buffer)[:n_left])
        self._position += n_read
        return n_read

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
        super().close()


@dataclass(frozen=True)
class StoredSamples:
    """Samples that lie in a file as plain numbers.

    Attributes
    ----------
    span : Span
        Where they lie.
    encoding : str
        As libsndfile names it: "PCM_16", "FLOAT", ...
    order : {"LITTLE", "BIG"}
    sample_rate, n_channels : int
    """

    span: Span
    encoding: str
    order: str
    sample_rate: int
    n_channels: int


@dataclass(frozen=True)
class Container:
    """What a file is by its content, and what its reader has to know of it.

    Attributes
    ----------
    name : str
        Of the format.
    decoder : {"libsndfile", "ffmpeg"}
    demuxer : str
        FFmpeg's name of the format; "" lets it find out by the content.
    channels : tuple of str
        Where each channel belongs ("FL", "FR", "FC", ...), () where the file does not say.
    span : Span, optional
        The bytes without the tags around them; None is the whole file.
    stored : StoredSamples, optional
        Where the samples lie, if the header does not say it in a way that libsndfile follows.
    n_samples : int, optional
        Samples a channel that must decode; None where nothing is declared.
    n_fact : int, optional
        Samples a channel that compressed WAV counts beside its blocks, of which the last may be
        filled up. Not every program counts rightly.
    n_skipped : int, optional
        Samples of the encoder's delay to cut off before them; None leaves that to the decoder.
    placed : bool
        The packets have time stamps, by which the sound is placed.
    tells_delay : bool
        The encoder's delay is declared.
    losses : mapping of stream identifier to str
        What is missing of a stream; a sound that is read must have no entry.
    is_compared : bool
        What the container declares was compared with the bytes that are there.
    notes : tuple of str
        What a user should know.
    """

    name: str
    decoder: str = "libsndfile"
    demuxer: str = ""
    channels: tuple[str, ...] = ()
    span: Span | None = None
    stored: StoredSamples | None = None
    n_samples: int | None = None
    n_fact: int | None = None
    n_skipped: int | None = None
    placed: bool = False
    tells_delay: bool = False
    losses: Mapping[int, str] = field(default_factory=dict)
    is_compared: bool = True
    notes: tuple[str, ...] = ()


def after_id3(source: Source, start: int = 0) -> int:
    """Return where the first byte behind ID3v2 tags at `start` lies."""
    while source.starts_with(b"ID3", start) and start + 10 <= source.size:
        flags = source.data[start + 5]
        n_bytes = 0
        for digit in source.data[start + 6 : start + 10]:
            n_bytes = (n_bytes << 7) | (digit & 0x7F)  # seven bits a byte
        footer = 10 if flags & 0x10 else 0
        start += 10 + n_bytes + footer
    return start


def tags_start(source: Source, start: int = 0) -> int:
    """Return where the tags at a file's end begin (ID3v1, APE, Lyrics3), not before `start`."""
    stop = source.size
    while True:
        n_bytes = _last_tag(source, stop)
        if not n_bytes or stop - n_bytes < start:
            return stop
        stop -= n_bytes


def _last_tag(source: Source, stop: int) -> int:
    """Return the length of the tag that ends at `stop`, 0 where there is none."""
    if stop >= 128 and source.starts_with(b"TAG", stop - 128):
        return 128
    if stop >= 32 and source.starts_with(b"APETAGEX", stop - 32):
        with_header = source.data[stop - 32 + 23] & 0x80
        return source.number(stop - 32 + 12, 4, "little") + (32 if with_header else 0)
    if stop >= 15 and source.starts_with(b"LYRICS200", stop - 9):
        digits = source.data[stop - 15 : stop - 9]
        return int(digits) + 15 if digits.isdigit() else 0
    return 0
