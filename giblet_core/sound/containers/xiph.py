"""The formats of Xiph: Ogg, whose pages have numbers and checksums, and FLAC.

Of Ogg every page has to be there, in its order and unharmed, and the last has to be marked as such.
Of FLAC the samples that its header declares are compared with those of the frames that are there.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import av

from giblet_core.errors import explained
from giblet_core.sound.containers.source import (
    COPY_AGAIN,
    SPLIT,
    Container,
    Source,
    Span,
    after_id3,
    tags_start,
)

FIRST = 2  # flags of a page
LAST = 4
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
NO_CHECKSUM = b"\0\0\0\0"
# FLAC's mark and the header of its first block
FLAC_BEGINNINGS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


@dataclass(frozen=True)
class Page:
    """A page of Ogg.

    Attributes
    ----------
    start, stop : int
        Where it lies.
    content : int
        Where its content begins.
    flags : int
        `FIRST` and `LAST` of its stream.
    stream, number : int
        Which stream it belongs to, and its place in it.
    """

    start: int
    stop: int
    content: int
    flags: int
    stream: int
    number: int


def checksum(data: bytes) -> int:
    """Return Ogg's CRC-32, which is zlib's with the bits the other way round and no inversion."""
    mirrored = zlib.crc32(data.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pages_of(source: Source) -> Iterator[Page]:
    """Walk over the pages of a file.

    Raises
    ------
    InputError
        Something else stands where a page should, or a page is cut or damaged.
    """
    start = 0
    stop = tags_start(source)
    while start < stop:
        if not source.starts_with(b"OggS", start):
            if not source.data[start:stop].strip(b"\0"):
                return
            source.refuse(
                f"no page of Ogg begins at byte {start}, where the one before ends; pages must "
                "follow each other",
                COPY_AGAIN,
            )
        n_segments = source.number(start + 26, 1)
        content = start + 27 + n_segments
        end = content + sum(source.data[start + 27 : content])
        if end > stop:
            source.refuse_truncated(f"a page of {end - start} bytes", stop - start)
        page = source.data[start:end]
        declared = int.from_bytes(page[22:26], "little")
        if checksum(page[:22] + NO_CHECKSUM + page[26:]) != declared:
            source.refuse(
                f"the page of Ogg at byte {start} does not match its checksum; it must",
                "It was damaged: copy it again.",
            )
        stream = int.from_bytes(page[14:18], "little")
        number = int.from_bytes(page[18:22], "little")
        yield Page(start, end, content, page[5], stream, number)
        start = end


def inspect_ogg(source: Source) -> Container:
    """Inspect Ogg: one stream, or several side by side; streams one after the other are refused."""
    last_numbers: dict[int, int] = {}
    ended: set[int] = set()
    n_channels = 0
    for page in pages_of(source):
        if page.flags & FIRST:
            if ended or max(last_numbers.values(), default=0) > 0:
                source.refuse_joined("Ogg", page.start)
            n_channels = _channels_of(source, page)
        elif page.number != last_numbers.get(page.stream, -1) + 1:
            source.refuse(
                f"pages of Ogg are missing before byte {page.start}; a file must be whole",
                COPY_AGAIN,
            )
        last_numbers[page.stream] = page.number
        if page.flags & LAST:
            ended.add(page.stream)
    if set(last_numbers) != ended:
        source.refuse(
            "its last page is not marked as the last; a file must be whole",
            "Copy it again; if it was recorded from a broadcast, write it anew, for example with "
            "`ffmpeg -i IN -c copy OUT.ogg`.",
        )
    simple = len(last_numbers) == 1 and n_channels <= 2
    return Container(
        "OGG", "libsndfile" if simple else "ffmpeg", placed=not simple, tells_delay=True
    )


def _channels_of(source: Source, page: Page) -> int:
    """Return the channels that the first page of a stream declares; 3 where it is not known."""
    head = source.data[page.content : min(page.stop, page.content + 64)]
    if head.startswith(b"\x01vorbis"):
        return head[11]
    if head.startswith(b"OpusHead"):
        return head[9]
    if head.startswith(b"\x7fFLAC"):
        return (head[29] >> 1 & 7) + 1
    return 3


def inspect_flac(source: Source) -> Container:
    """Inspect FLAC; frames are counted, not decoded."""
    start = after_id3(source)
    for mark in FLAC_BEGINNINGS:
        second = source.data.find(mark, start + 8)
        if second >= 0:
            source.refuse_joined("FLAC", second)
    # the first block: 20 bits of rate, 3 of channels, 5 of bits a sample, 36 of samples
    packed = source.number(start + 8 + 10, 8)
    n_channels = (packed >> 41 & 7) + 1
    declared = packed & ((1 << 36) - 1)
    frames = _flac_frames(source)
    notes: tuple[str, ...] = ()
    if not declared:
        notes = ("its header leaves the length open, as a pipe does: read to the end",)
    elif frames.n_samples < declared:
        source.refuse_truncated(f"{declared} samples", frames.n_samples)
    elif frames.n_samples > declared:
        source.refuse(
            f"the header declares {declared} samples but {frames.n_samples} are there; the two "
            "must agree",
            SPLIT,
        )
    if crc16(source.data[frames.last : tags_start(source, frames.last)]):
        source.refuse(
            f"its last frame, at byte {frames.last}, does not end where the file does; it must",
            "It was truncated: copy it again; or cut off what follows it.",
        )
    simple = n_channels <= 2 and declared
    return Container(
        "FLAC",
        "libsndfile" if simple else "ffmpeg",
        demuxer="flac",
        span=Span(start, tags_start(source, frames.last)),
        n_samples=frames.n_samples,
        notes=notes,
    )


@dataclass(frozen=True)
class _FlacFrames:
    """The frames of FLAC: the samples a channel in all, and where the last frame begins."""

    n_samples: int
    last: int


def _flac_frames(source: Source) -> _FlacFrames:
    """Add up the samples of the frames that are there."""
    n_samples = 0
    last = 0
    with (
        explained(
            f"path={source.path}: its frames of FLAC must be readable",
            COPY_AGAIN,
            av.FFmpegError,
            ValueError,
        ),
        av.open(f"file:{source.path}", format="flac") as container,
    ):
        [stream] = container.streams.audio
        samples_a_tick = stream.time_base * stream.codec_context.sample_rate
        for packet in container.demux(stream):
            if packet.size:
                n_samples += round((packet.duration or 0) * samples_a_tick)
                last = packet.pos
    return _FlacFrames(n_samples, last)


def crc16(data: bytes) -> int:
    """Return the CRC of FLAC's frames (x^16 + x^15 + x^2 + 1); 0 over a frame with its own CRC."""
    remainder = 0
    for byte in data:
        remainder = (remainder << 8 & 0xFF00) ^ _CRC16[remainder >> 8 ^ byte]
    return remainder


def _crc16_table() -> list[int]:
    table = []
    for byte in range(256):
        remainder = byte << 8
        for _ in range(8):
            carry = remainder & 0x8000
            remainder = remainder << 1 & 0xFFFF
            remainder ^= 0x8005 if carry else 0
        table.append(remainder)
    return table


_CRC16 = _crc16_table()
