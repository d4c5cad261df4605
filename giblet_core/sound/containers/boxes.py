"""Containers made of boxes: MP4 (and MOV, M4A), Matroska (and WebM), AVI, Flash, Voice, MATLAB.

Only the outermost boxes are looked at: whether each that is declared is there, and whether a second
file follows. How long the sound itself is, the reader counts.
"""

import math

from giblet_core.sound.containers.source import COPY_AGAIN, Container, Source, tags_start

EBML = b"\x1aE\xdf\xa3"
SEGMENT = 0x18538067
FIRST_BOXES = {
    *(b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"),
}  # what MP4 may begin with
NOT_FINISHED = "Its recording was not finished, or it was truncated: copy it again, or repair it."


def inspect_mp4(source: Source) -> Container:
    """Inspect MP4: every box is whole, there is one index (moov), and no second file follows."""
    kinds: list[bytes] = []
    start = 0
    while start + 8 <= source.size:
        kind = source.data[start + 4 : start + 8]
        if not kind.strip(b"\0"):
            break
        if not kind.isascii() or not kind.decode().isprintable():
            break
        if kind in {b"ftyp", b"moov"} and (kind in kinds or kind == b"ftyp" and kinds):
            source.refuse_joined("MP4", start)
        kinds.append(kind)
        start += _box_bytes(source, start, kind)
    notes = source.check_rest(start)
    if b"moov" not in kinds:
        source.refuse("it has no index of its content (moov); it must have one", NOT_FINISHED)
    return Container("MP4", "ffmpeg", demuxer="mov", placed=True, tells_delay=True, notes=notes)


def _box_bytes(source: Source, start: int, kind: bytes) -> int:
    """Return the length of a box of MP4, which must lie in the file."""
    declared = source.number(start, 4)
    n_header = 8
    if declared == 1:  # the size follows, in 64 bits
        declared = source.number(start + 8, 8)
        n_header = 16
    n_present = source.size - start
    if declared == 0:  # up to the end of the file
        return n_present
    if declared < n_header or declared > n_present:
        name = kind.decode()
        source.refuse_truncated(f"{declared} bytes of its box {name!r}", n_present)
    return declared


def inspect_matroska(source: Source) -> Container:
    """Inspect Matroska: its segment is whole, and no second file follows."""
    second = source.data.find(EBML, 4)
    while second >= 0:
        head = source.data[second : second + 64]
        if b"matroska" in head or b"webm" in head:
            source.refuse_joined("Matroska", second)
        second = source.data.find(EBML, second + 4)
    header = _Element(source, 0)
    segment = _Element(source, header.stop or header.content)
    if segment.identity != SEGMENT:
        source.refuse("no segment follows its header; it must hold one", COPY_AGAIN)
    if segment.stop is None:
        notes = ("its header leaves the length open, as a broadcast does: read to the end",)
        _check_clusters(source, segment.content)
    elif segment.stop > source.size:
        n_declared = segment.stop - segment.content
        source.refuse_truncated(f"{n_declared} bytes", source.size - segment.content)
    else:
        notes = source.check_rest(segment.stop)
    return Container(
        "Matroska", "ffmpeg", demuxer="matroska", placed=True, tells_delay=True, notes=notes
    )


class _Element:
    """The header of an element of EBML: what it is, where its content lies; None: open."""

    def __init__(self, source: Source, start: int) -> None:
        self.identity, behind = _variable_number(source, start, keep_marker=True)
        size, self.content = _variable_number(source, behind, keep_marker=False)
        n_bits = 7 * (self.content - behind)
        is_open = size == (1 << n_bits) - 1
        self.stop = None if is_open else self.content + size


def _variable_number(source: Source, start: int, keep_marker: bool) -> tuple[int, int]:
    """Read a number of EBML, whose leading zeros say its length; return it and where it ends."""
    first = source.number(start, 1)
    n_bytes = 9 - first.bit_length()
    if n_bytes > 8:
        source.refuse(f"no element of Matroska begins at byte {start}; one should", COPY_AGAIN)
    number = source.number(start, n_bytes)
    if not keep_marker:
        number &= (1 << (7 * n_bytes)) - 1
    return number, start + n_bytes


def _check_clusters(source: Source, start: int) -> None:
    """Walk over the elements of an open segment, up to one that is open too."""
    stop = tags_start(source, start)
    while start < stop:
        element = _Element(source, start)
        if element.stop is None:
            return
        if element.stop > stop:
            source.refuse_truncated(f"an element of {element.stop - start} bytes", stop - start)
        start = element.stop


def inspect_avi(source: Source) -> Container:
    """Inspect AVI: RIFF chunks, of which the later ones continue the first."""
    start = 0
    while source.starts_with(b"RIFF", start):
        if start and not source.starts_with(b"AVIX", start + 8):
            source.refuse_joined("RIFF", start)
        declared = source.number(start + 4, 4, "little")
        n_present = source.size - start - 8
        if declared > n_present:
            source.refuse_truncated(f"{declared} bytes", n_present)
        start += 8 + declared + declared % 2
    notes = source.check_rest(start)
    return Container("AVI", "ffmpeg", demuxer="avi", placed=True, notes=notes)


# --- rows of parts, each with its length ---------------------------------------------------------


def inspect_flv(source: Source) -> Container:
    """Inspect Flash video: every tag is whole and says its length at both ends."""
    start = source.number(5, 4) + 4
    while start < source.size and not source.starts_with(b"FLV\1", start):
        n_bytes = 11 + source.number(start + 1, 3)
        if start + n_bytes + 4 > source.size:
            source.refuse_truncated(f"a tag of {n_bytes} bytes", source.size - start)
        if source.number(start + n_bytes, 4) != n_bytes:
            source.refuse(
                f"its tag at byte {start} gives two lengths; they must be equal", COPY_AGAIN
            )
        start += n_bytes + 4
    if start < source.size:
        source.refuse_joined("FLV", start)
    return Container("FLV", "ffmpeg", demuxer="flv", placed=True)


VOC_END = 0  # the kind of block that ends a sound, without a length


def inspect_voc(source: Source) -> Container:
    """Inspect Creative Voice: every block is whole, up to the one that ends the file."""
    start = source.number(20, 2, "little")
    while start < source.size and source.number(start, 1) != VOC_END:
        n_bytes = source.number(start + 1, 3, "little")
        start += 4 + n_bytes
        if start > source.size:
            source.refuse_truncated(f"a block of {n_bytes} bytes", n_bytes - start + source.size)
    return Container("VOC", notes=source.check_rest(min(start + 1, source.size)))


MAT4_BYTES = (8, 4, 4, 2, 2, 1)  # of a number, by the digit of its type


def inspect_mat4(source: Source) -> Container:
    """Inspect MATLAB 4: every matrix is whole, and none comes twice."""
    start = 0
    names = []
    while start < source.size:
        order = "little" if source.number(start, 4, "little") < 5000 else "big"
        numbers = [source.number(start + 4 * i, 4, order) for i in range(5)]
        kind, n_rows, n_columns, is_complex, n_letters = numbers
        place = kind // 10 % 10
        if kind >= 5000 or place >= len(MAT4_BYTES) or is_complex > 1:
            source.refuse(f"no matrix begins at byte {start}; it must", COPY_AGAIN)
        name = source.data[start + 20 : start + 20 + n_letters]
        if name in names:
            source.refuse_joined("MATLAB", start)
        names.append(name)
        n_bytes = n_rows * n_columns * MAT4_BYTES[place] * (1 + is_complex)
        start += 20 + n_letters + n_bytes
        if start > source.size:
            source.refuse_truncated(f"a matrix of {n_bytes} bytes", n_bytes - start + source.size)
    return Container("MAT4")


MAT5_HEADER = 128
MAT5_MISCOUNT = 8  # bytes by which libsndfile declares the last element too long


def inspect_mat5(source: Source) -> Container:
    """Inspect MATLAB 5: every element is whole, and no second file follows."""
    order = "little" if source.starts_with(b"IM", MAT5_HEADER - 2) else "big"
    second = source.data.find(source.data[:19], MAT5_HEADER)  # MATLAB 5.0 MAT-file
    if second > 0:
        source.refuse_joined("MATLAB", second)
    start = MAT5_HEADER
    while start < source.size:
        kind = source.number(start, 4, order)
        n_bytes = source.number(start + 4, 4, order)
        if kind > 0xFFFF:  # a small element lies within its own header
            n_bytes = 0
        n_padded = math.ceil(n_bytes / 8) * 8
        start += 8 + n_padded
        if start > source.size + MAT5_MISCOUNT:
            source.refuse_truncated(f"an element of {n_bytes} bytes", n_bytes - start + source.size)
    return Container("MAT5")
