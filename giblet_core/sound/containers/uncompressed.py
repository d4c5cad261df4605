"""WAV, RF64, W64, AIFF, CAF and AU: what they declare, compared with the bytes that are there."""

import math
import re
import struct
from dataclasses import dataclass, replace

from giblet_core.sound.containers import chunks
from giblet_core.sound.containers.chunks import Chunk, ChunkStyle, Extent
from giblet_core.sound.containers.source import COPY_AGAIN, Container, Source, Span, StoredSamples

NIST_HEADER = 1024  # bytes
HIGHEST_RATE = 1 << 31  # Hz that any program can hold
IN_SIZE_64 = 0xFFFFFFFF  # RF64: the size is in the ds64 chunk
# Where each bit of a WAVE channel mask places a channel.
MASK_PLACES = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
EXTENSIBLE = 0xFFFE  # the tag proper is in the identifier that follows
WAVE_ENCODINGS = {
    (1, 1): "PCM_U8",
    (1, 2): "PCM_16",
    (1, 3): "PCM_24",
    (1, 4): "PCM_32",
    (3, 4): "FLOAT",
    (3, 8): "DOUBLE",
    (6, 1): "ALAW",
    (7, 1): "ULAW",
}  # by tag and bytes a sample
SIGNED = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}  # by bytes a sample
FLOATING = {4: "FLOAT", 8: "DOUBLE"}
AU_ENCODINGS = {1: "ULAW", 6: "FLOAT", 7: "DOUBLE", 27: "ALAW"}  # 2-5 are `SIGNED`
BYTES = {
    **{"PCM_U8": 1, "PCM_S8": 1, "ALAW": 1, "ULAW": 1},
    **{"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8},
}


@dataclass(frozen=True)
class SampleFormat:
    """How samples are coded.

    Attributes
    ----------
    encoding : str
        As libsndfile names it; "" for what is compressed or unknown.
    order : {"little", "big"}
    sample_rate, n_channels : int
    channels : tuple of str
        Their places, () where they are not given.
    n_frames : int, optional
        Samples a channel, where this header counts them.
    """

    encoding: str
    order: str
    sample_rate: int
    n_channels: int
    channels: tuple[str, ...] = ()
    n_frames: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels; 0 for what is compressed."""
        return BYTES.get(self.encoding, 0) * self.n_channels

    def stored(self, start: int, n_bytes: int) -> StoredSamples:
        """Return where samples lie that are coded so."""
        return StoredSamples(
            Span(start, start + n_bytes),
            self.encoding,
            self.order.upper(),
            self.sample_rate,
            self.n_channels,
        )


def wave_format(source: Source, start: int, size: int, order: str = "little") -> SampleFormat:
    """Read the ``fmt`` chunk of RIFF, RF64 and W64.

    Parameters
    ----------
    source : Source
    start, size : int
        Where its content lies.
    order : {"little", "big"}

    Returns
    -------
    SampleFormat
    """
    tag = source.number(start, 2, order)
    n_channels = source.number(start + 2, 2, order)
    sample_rate = source.number(start + 4, 4, order)
    frame_bytes = source.number(start + 12, 2, order)
    bits = source.number(start + 14, 2, order)
    channels: tuple[str, ...] = ()
    if tag == EXTENSIBLE and size >= 26:
        mask = source.number(start + 20, 4, order)
        tag = source.number(start + 24, 2, order)
        channels = _places(mask, n_channels)
    sample_bytes = math.ceil(bits / 8)
    encoding = WAVE_ENCODINGS.get((tag, sample_bytes), "")
    if encoding and frame_bytes and frame_bytes != n_channels * sample_bytes:
        source.refuse(
            f"its header declares {n_channels} channels of {bits} bits in {frame_bytes} bytes; the "
            f"bytes must be {n_channels * sample_bytes}",
            "Correct its header, or export it again.",
        )
    return SampleFormat(encoding, order, sample_rate, n_channels, channels)


def _places(mask: int, n_channels: int) -> tuple[str, ...]:
    """Return where a WAVE channel mask places the channels; () if it does not fit their number."""
    places = tuple(place for bit, place in enumerate(MASK_PLACES) if mask >> bit & 1)
    return places if len(places) == n_channels else ()


def aiff_format(source: Source, start: int, size: int, compressed: bool) -> SampleFormat:
    """Read the ``COMM`` chunk of AIFF, and of AIFC, which names a compression.

    Parameters
    ----------
    source : Source
    start, size : int
        Where its content lies.
    compressed : bool
        It is AIFC.

    Returns
    -------
    SampleFormat
    """
    n_channels = source.number(start, 2)
    n_frames = source.number(start + 2, 4)
    sample_bytes = math.ceil(source.number(start + 6, 2) / 8)
    sample_rate = _extended(source.data[start + 8 : start + 18])
    kind = source.data[start + 18 : start + 22] if compressed and size >= 22 else b"NONE"
    order = "little" if kind == b"sowt" else "big"
    encoding = ""
    if kind in {b"NONE", b"twos", b"sowt", b"in24", b"in32"}:
        encoding = SIGNED.get(sample_bytes, "")
    elif kind.lower() in {b"fl32", b"fl64"}:
        encoding = "FLOAT" if kind.lower() == b"fl32" else "DOUBLE"
    elif kind.lower() in {b"ulaw", b"alaw"}:
        encoding = kind.decode().upper()
    return SampleFormat(encoding, order, sample_rate, n_channels, n_frames=n_frames)


def _extended(number: bytes) -> int:
    """Return a whole number out of the 80-bit floating point in which AIFF writes the rate."""
    if len(number) < 10:
        return 0
    exponent = int.from_bytes(number[:2]) - 16383 - 63
    mantissa = int.from_bytes(number[2:])
    return mantissa >> -exponent if -64 < exponent <= 0 else 0


def caf_format(source: Source, start: int) -> SampleFormat:
    """Read the ``desc`` chunk of CAF."""
    if start + 32 > source.size:
        source.refuse_truncated("a description of 32 bytes", f"{source.size - start}")
    rate, kind, flags, packet_bytes, _, n_channels, bits = struct.unpack(
        ">d4sIIIII", source.data[start : start + 32]
    )
    order = "little" if flags & 2 else "big"
    sample_bytes = packet_bytes // n_channels if n_channels else 0
    encoding = ""
    if kind == b"lpcm":
        table = FLOATING if flags & 1 else SIGNED
        encoding = table.get(sample_bytes, "")
    elif kind in {b"ulaw", b"alaw"}:
        encoding = kind.decode().upper()
    known_rate = 0 < rate < 1e9  # neither NaN nor infinite
    return SampleFormat(encoding, order, int(rate) if known_rate else 0, n_channels)


def au_format(source: Source, order: str) -> SampleFormat:
    """Read the header of AU, whose numbers are in the given order of bytes."""
    code = source.number(12, 4, order)
    sample_rate = source.number(16, 4, order)
    n_channels = source.number(20, 4, order)
    encoding = AU_ENCODINGS.get(code) or (SIGNED[code - 1] if 2 <= code <= 5 else "")
    return SampleFormat(encoding, order, sample_rate, n_channels)


def inspect_wave(source: Source) -> Container:
    """Inspect RIFF and RIFX."""
    return _inspect_wave(source, chunks.RIFX if source.starts_with(b"RIFX") else chunks.RIFF)


def inspect_rf64(source: Source) -> Container:
    """Inspect RF64 and BW64: RIFF whose sizes stand, in 64 bits, in a chunk of their own."""
    return _inspect_wave(source, chunks.RF64)


def inspect_w64(source: Source) -> Container:
    """Inspect W64."""
    return _inspect_wave(source, chunks.W64)


def _inspect_wave(source: Source, style: ChunkStyle) -> Container:
    chunk_of = chunks.chunks_of(source, style)
    sound = chunk_of[style.sound]
    if b"ds64" in chunk_of and sound.size == IN_SIZE_64:
        size = source.number(chunk_of[b"ds64"].start + 8, 8, style.order)
        sound = replace(sound, size=size, bits=64)
    if b"fmt " not in chunk_of:
        source.refuse("its header does not say how the sound is coded; it must", COPY_AGAIN)
    fmt = chunk_of[b"fmt "]
    coded = wave_format(source, fmt.start, fmt.size, style.order)
    if not coded.encoding and b"fact" in chunk_of:
        fact = chunk_of[b"fact"]
        n_frames = source.number(fact.start, style.size_bytes, style.order)
        if not chunks.may_be_open(n_frames, fact.bits):
            coded = replace(coded, n_frames=n_frames)
    return _container(source, style, coded, chunks.extent_of(source, style, sound))


def inspect_aiff(source: Source) -> Container:
    """Inspect AIFF and AIFC."""
    style = chunks.AIFF
    chunk_of = chunks.chunks_of(source, style)
    if b"COMM" not in chunk_of:
        source.refuse("its header does not say how the sound is coded; it must", COPY_AGAIN)
    common = chunk_of[b"COMM"]
    compressed = source.starts_with(b"AIFC", 8)
    coded = aiff_format(source, common.start, common.size, compressed)
    extent = chunks.extent_of(source, style, chunk_of[style.sound])
    skipped = 8 + source.number(extent.start, 4)  # its offset, block size, and the offset itself
    extent = replace(extent, start=extent.start + skipped, n_bytes=extent.n_bytes - skipped)
    if coded.encoding and extent.as_declared:
        _compare_frames(source, coded, extent)
    return _container(source, style, replace(coded, n_frames=None), extent)


def _compare_frames(source: Source, coded: SampleFormat, extent: Extent) -> None:
    """Compare the samples that AIFF counts in its header with the bytes that hold them."""
    n_stored = extent.n_bytes // max(coded.frame_bytes, 1)
    if n_stored < coded.n_frames:
        source.refuse_truncated(f"{coded.n_frames} samples", n_stored)
    if n_stored > coded.n_frames:
        source.refuse(
            f"the header declares {coded.n_frames} samples but {n_stored} are there; the two must "
            "agree",
            "Write the file anew with the program that made it.",
        )


def inspect_svx(source: Source) -> Container:
    """Inspect 8SVX and 16SV, whose chunks are those of AIFF."""
    style = replace(chunks.AIFF, name="SVX", sound=b"BODY")
    extent = chunks.extent_of(source, style, chunks.chunks_of(source, style)[style.sound])
    return Container("SVX", notes=extent.notes)


def inspect_nist(source: Source) -> Container:
    """Inspect NIST SPHERE, whose header is text: a name, a type and a value in each line."""
    head = source.data[:NIST_HEADER].decode("latin-1")
    values = dict(re.findall(r"^(\w+) -\w+ (\S+)", head, re.MULTILINE))
    fields = ("sample_count", "channel_count", "sample_n_bytes")
    numbers = [values.get(name, "") for name in fields]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        source.refuse(f"its header must give numbers for {', '.join(fields)}", COPY_AGAIN)
    n_samples, n_channels, n_bytes = map(int, numbers)
    end = NIST_HEADER + n_samples * n_channels * n_bytes
    if values.get("sample_coding", "pcm").startswith(("pcm,", "ulaw,", "alaw,")):
        return Container("NIST", n_samples=n_samples)  # compressed: the decoder has to count
    if end > source.size:
        source.refuse_truncated(f"{n_samples} samples", f"{source.size - NIST_HEADER} bytes")
    return Container("NIST", n_samples=n_samples, notes=source.check_rest(end))


def inspect_caf(source: Source) -> Container:
    """Inspect CAF."""
    style = chunks.CAF
    chunk_of = chunks.chunks_of(source, style)
    if b"desc" not in chunk_of:
        source.refuse("its header does not say how the sound is coded; it must", COPY_AGAIN)
    coded = caf_format(source, chunk_of[b"desc"].start)
    extent = chunks.extent_of(source, style, chunk_of[style.sound])
    extent = replace(extent, start=extent.start + 4, n_bytes=extent.n_bytes - 4)  # a count of edits
    if coded.encoding or b"pakt" not in chunk_of:
        return _container(source, style, coded, extent)
    table = chunk_of[b"pakt"].start
    # FFmpeg notices packets that are not whole, which libsndfile fills with something
    return replace(
        _container(source, style, coded, extent),
        decoder="ffmpeg",
        demuxer="caf",
        n_samples=source.number(table + 8, 8),
        n_skipped=source.number(table + 16, 4),
    )


def inspect_au(source: Source) -> Container:
    """Inspect AU, whose header is a single chunk without a name."""
    order = "big" if source.starts_with(b".snd") else "little"
    start = source.number(4, 4, order)
    size = source.number(8, 4, order)
    style = ChunkStyle("AU", 4, 4, order, 1, 0, may_follow=False, mark_start=0, mark_stop=8)
    coded = au_format(source, order)
    extent = chunks.extent_of(source, style, Chunk(b".snd", start, size, 32))
    return _container(source, style, coded, extent)


def _container(source: Source, style: ChunkStyle, coded: SampleFormat, extent: Extent) -> Container:
    """Put together what is known of an uncompressed file."""
    if not coded.n_channels or not 0 < coded.sample_rate < HIGHEST_RATE:
        source.refuse(
            f"its header declares {coded.n_channels} channels at {coded.sample_rate} Hz, which "
            "must be those of a sound",
            COPY_AGAIN,
        )
    stored = None
    n_samples = None
    if coded.encoding:
        n_samples = max(extent.n_bytes, 0) // coded.frame_bytes
        if not extent.as_declared:
            stored = coded.stored(extent.start, n_samples * coded.frame_bytes)
    elif not extent.as_declared:
        source.refuse(
            "its header leaves the length of compressed sound open; it must be known",
            "Write it anew, for example with `ffmpeg -i IN OUT.flac`.",
        )
    unplaced = coded.n_channels > 2 and not coded.channels and stored is None
    return Container(
        name=style.name,
        decoder="ffmpeg" if unplaced else "libsndfile",  # FFmpeg knows where channels belong
        channels=coded.channels,
        stored=stored,
        n_samples=n_samples,
        n_fact=None if coded.encoding else coded.n_frames,
        notes=extent.notes,
    )
