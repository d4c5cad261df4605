"""Containers made of chunks: RIFF, RF64, W64, AIFF, CAF; and AU, which has one.

The length that a header declares is compared with the bytes that are there. A length may be open
(a program that writes to a pipe cannot know it), or have wrapped at 4 GiB; then the samples are
read from where they lie. A chunk of an odd length may lack the byte that should pad it.
"""

from dataclasses import dataclass

from giblet_core.sound.containers.source import (
    BEGINNINGS,
    COPY_AGAIN,
    SPLIT,
    Source,
    tags_start,
)

GIB4 = 1 << 32
NEVER_64 = 1 << 62  # no file is as long: a length of 64 bits that is open
DESCRIPTIONS = (b"fmt ", b"COMM", b"desc")  # chunks that say how the sound is coded
OPEN_32 = ((0x7FFF0000, 0x80010000), (0xFFFF0000, 0xFFFFFFFF))  # 0x7FFFF000 of sox, -1 of ffmpeg


@dataclass(frozen=True)
class ChunkStyle:
    """How a container writes its chunks.

    Attributes
    ----------
    name : str
    name_bytes, size_bytes : int
        Of a chunk's header.
    order : {"little", "big"}
        Of the bytes of a number.
    alignment : int
        Chunks begin at multiples of so many bytes.
    first : int
        Where the first chunk begins.
    sound : bytes
        The name of the chunk with the sound.
    counts_header : bool
        A chunk's size includes its header.
    may_follow : bool
        Other chunks may follow the sound.
    mark_start, mark_stop : int
        Which bytes at a file's beginning tell another one within it.
    """

    name: str
    name_bytes: int
    size_bytes: int
    order: str
    alignment: int
    first: int
    sound: bytes = b"data"
    counts_header: bool = False
    may_follow: bool = True
    mark_start: int = 8
    mark_stop: int = 16

    @property
    def header_bytes(self) -> int:
        """Bytes of a chunk's name and size."""
        return self.name_bytes + self.size_bytes


RIFF = ChunkStyle("WAV", 4, 4, "little", 2, 12)
RIFX = ChunkStyle("WAV (big endian)", 4, 4, "big", 2, 12)
RF64 = ChunkStyle("RF64", 4, 4, "little", 2, 12)
W64 = ChunkStyle("W64", 16, 8, "little", 8, 40, counts_header=True, mark_start=0)
AIFF = ChunkStyle("AIFF", 4, 4, "big", 2, 12, sound=b"SSND")
CAF = ChunkStyle("CAF", 4, 8, "big", 1, 8, mark_start=0, mark_stop=8)


@dataclass(frozen=True)
class Chunk:
    """A chunk of a file.

    Attributes
    ----------
    name : bytes
        Its first four letters.
    start : int
        Where its content begins.
    size : int
        Bytes of its content, as declared.
    bits : int
        Of the number that declares it.
    """

    name: bytes
    start: int
    size: int
    bits: int


@dataclass(frozen=True)
class Extent:
    """Where the sound lies.

    Attributes
    ----------
    start, n_bytes : int
    as_declared : bool
        The header says so itself, where libsndfile will find it.
    notes : tuple of str
        How it came to be known, if not from the header.
    """

    start: int
    n_bytes: int
    as_declared: bool = True
    notes: tuple[str, ...] = ()


def chunks_of(source: Source, style: ChunkStyle) -> dict[bytes, Chunk]:
    """Return the first chunk of each name; where the sound has no certain end, none behind it."""
    chunks: dict[bytes, Chunk] = {}
    start = style.first
    while _is_chunk(source, style, start) or source.starts_with(style.sound, start):
        chunk = _chunk_at(source, style, start)
        if chunk.name in DESCRIPTIONS and chunk.name in chunks:
            source.refuse("its header says twice how the sound is coded; it must once", SPLIT)
        chunks.setdefault(chunk.name, chunk)
        if chunk.name == style.sound and may_be_open(chunk.size, chunk.bits):
            break
        start = _behind(source, style, chunk.start + max(chunk.size, 0))
    if style.sound not in chunks:
        source.refuse("its header names no sound; a sound file must hold some", COPY_AGAIN)
    return chunks


def extent_of(source: Source, style: ChunkStyle, chunk: Chunk) -> Extent:
    """Compare the length that the chunk of the sound declares with the bytes that are there.

    Parameters
    ----------
    source : Source
    style : ChunkStyle
    chunk : Chunk
        The one with the sound.

    Returns
    -------
    Extent

    Raises
    ------
    InputError
        Less is there than declared, or what follows is neither a chunk nor a tag.
    """
    n_present = source.size - chunk.start
    end = chunk.start + chunk.size
    if may_be_open(chunk.size, chunk.bits) and not _ends_at(source, style, end):
        mark = source.data[style.mark_start : style.mark_stop]
        second = source.data.find(mark, chunk.start)
        if second >= 0:
            source.refuse_joined(style.name, second - style.mark_start)
        n_open = tags_start(source, chunk.start) - chunk.start
        note = "its header leaves the length open, as a pipe does: read to the end of the file"
        return Extent(chunk.start, n_open, False, (note,))
    if chunk.size > n_present or chunk.size < 0:
        source.refuse_truncated(f"{chunk.size} bytes of sound", n_present)
    n_wraps = (n_present - chunk.size) // GIB4 if chunk.bits == 32 else 0
    if n_wraps and _ends_at(source, style, end + n_wraps * GIB4):
        note = f"its length of 32 bits wrapped at 4 GiB ({n_wraps}x): read to its true end"
        return Extent(chunk.start, chunk.size + n_wraps * GIB4, False, (note,))
    following = _following(source, style, end)
    for start in following.starts:
        name = source.data[start : start + 4]
        if name in BEGINNINGS:
            source.refuse_joined(BEGINNINGS[name], start)
        if name == style.sound:
            source.refuse("it holds two chunks of sound; it must hold one", SPLIT)
    notes = source.check_rest(following.end)
    aligned = (chunk.start - style.header_bytes) % style.alignment == 0
    return Extent(chunk.start, chunk.size, aligned, notes)


def _chunk_at(source: Source, style: ChunkStyle, start: int) -> Chunk:
    size = source.number(start + style.name_bytes, style.size_bytes, style.order)
    if style.counts_header:
        size -= style.header_bytes
    name = source.data[start : start + 4]
    return Chunk(name, start + style.header_bytes, size, 8 * style.size_bytes)


def _is_chunk(source: Source, style: ChunkStyle, start: int) -> bool:
    """Tell whether a chunk begins at `start`: a name in letters, a size that fits in the file."""
    if not style.may_follow or start + style.header_bytes > source.size:
        return False
    chunk = _chunk_at(source, style, start)
    if not all(0x20 <= letter < 0x7F for letter in chunk.name):
        return False
    fits = 0 <= chunk.size <= source.size - chunk.start
    return fits or may_be_open(chunk.size, chunk.bits)


def _behind(source: Source, style: ChunkStyle, end: int) -> int:
    """Return where the next chunk begins, behind the content of one that ends at `end`."""
    padded = end + -end % style.alignment
    if padded != end and not _is_chunk(source, style, padded) and _is_chunk(source, style, end):
        return end  # the writer forgot to pad
    return min(padded, max(end, source.size))


def may_be_open(size: int, bits: int) -> bool:
    """Tell whether a declared size is one that is written where the length is not known yet."""
    if size == 0:
        return True
    if bits == 64:
        return size >= NEVER_64
    return any(low <= size <= high for low, high in OPEN_32)


@dataclass(frozen=True)
class _Following:
    """The chunks that follow a place: where each begins, and where the last one ends."""

    starts: list[int]
    end: int


def _following(source: Source, style: ChunkStyle, end: int) -> _Following:
    starts = []
    start = _behind(source, style, end)
    while _is_chunk(source, style, start):
        starts.append(start)
        chunk = _chunk_at(source, style, start)
        start = _behind(source, style, chunk.start + chunk.size)
    return _Following(starts, start)


def _ends_at(source: Source, style: ChunkStyle, end: int) -> bool:
    """Tell whether nothing but chunks and tags follows from `end` to the end of the file."""
    if end > source.size:
        return False
    last = _following(source, style, end).end
    return last <= source.size and tags_start(source, last) == last
