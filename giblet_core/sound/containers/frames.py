"""Sound that is a row of frames, each with a header: MP3 (and MP1, MP2), AAC in ADTS, (E-)AC-3.

Every frame is walked over, so that the length is counted and not estimated, and a cut, a joint or a
change of format is found.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from giblet_core.sound.containers.source import (
    COPY_AGAIN,
    SPLIT,
    Container,
    Source,
    Span,
    after_id3,
    tags_start,
)

FRAMES_IN_A_ROW = 3  # by which a file is believed to be of frames
MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# kbps, by (MPEG-1?, layer); MPEG-2 layers II and III share one
MPEG_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
ADTS_RATES = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350),
)
DOLBY_RATES = (48000, 44100, 32000)
AC3_KBPS = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
)
LAST_AC3 = 10  # the highest version of the bit stream that is AC-3; E-AC-3 has 11 to 16
LAST_EAC3 = 16


@dataclass(frozen=True)
class Frame:
    """The header of a frame.

    Attributes
    ----------
    n_bytes : int
        Of the frame, with its header.
    n_samples : int
        A channel.
    sample_rate, n_channels : int
        ADTS may leave the channels open, and of (E-)AC-3 they are left to the decoder: 0.
    """

    n_bytes: int
    n_samples: int
    sample_rate: int
    n_channels: int

    @property
    def says(self) -> str:
        """Channels and rate in words."""
        layout = {1: "mono", 2: "stereo"}.get(self.n_channels, f"{self.n_channels} channels")
        return f"{layout} at {self.sample_rate} Hz"


@dataclass(frozen=True)
class _Declared:
    """What the first frame of an MP3 declares, each None where it does not.

    Attributes
    ----------
    n_frames, n_bytes : int, optional
        Of the sound; bytes from that first frame on.
    has_delay : bool
        The encoder's delay is declared.
    """

    n_frames: int | None = None
    n_bytes: int | None = None
    has_delay: bool = False


def mpeg_frame(header: bytes) -> Frame | None:
    """Read the header (4 bytes) of a frame of MPEG audio, layers I to III; None if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version = header[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    layer = 4 - (header[1] >> 1 & 3)
    rate_index = header[2] >> 2 & 3
    kbps_index = header[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or not 1 <= kbps_index <= 14:
        return None
    first_version = version == 3
    sample_rate = MPEG_RATES[version][rate_index]
    bit_rate = 1000 * MPEG_KBPS[first_version, layer][kbps_index - 1]
    padding = header[2] >> 1 & 1
    n_channels = 1 if header[3] >> 6 == 3 else 2
    if layer == 1:
        return Frame(4 * (12 * bit_rate // sample_rate + padding), 384, sample_rate, n_channels)
    n_samples = 576 if layer == 3 and not first_version else 1152
    n_bytes = n_samples // 8 * bit_rate // sample_rate + padding
    return Frame(n_bytes, n_samples, sample_rate, n_channels)


def adts_frame(header: bytes) -> Frame | None:
    """Read the header (7 bytes) of a frame of AAC in ADTS; None if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    rate_index = header[2] >> 2 & 15
    n_bytes = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    if rate_index >= len(ADTS_RATES) or n_bytes < 7:
        return None
    configuration = (header[2] & 1) << 2 | header[3] >> 6
    n_channels = 8 if configuration == 7 else configuration
    n_samples = 1024 * (1 + (header[6] & 3))
    return Frame(n_bytes, n_samples, ADTS_RATES[rate_index], n_channels)


def dolby_frame(header: bytes) -> Frame | None:
    """Read the header (6 bytes) of a frame of AC-3 or E-AC-3 (ATSC A/52); None if it is none."""
    if len(header) < 6 or header[:2] != b"\x0b\x77":
        return None
    version = header[5] >> 3
    rate_index = header[4] >> 6
    if version <= LAST_AC3:
        kbps_index = (header[4] & 63) >> 1
        if rate_index == 3 or kbps_index >= len(AC3_KBPS):
            return None
        sample_rate = DOLBY_RATES[rate_index]
        n_words = AC3_KBPS[kbps_index] * 96_000 // sample_rate
        if sample_rate == 44_100:
            n_words += header[4] & 1
        return Frame(2 * n_words, 1536, sample_rate, 0)
    if version > LAST_EAC3:
        return None
    n_bytes = 2 * (((header[2] & 7) << 8 | header[3]) + 1)
    block_index = header[4] >> 4 & 3
    if rate_index == 3:  # half of a rate, which stands where the blocks stand else
        if block_index == 3:
            return None
        return Frame(n_bytes, 1536, DOLBY_RATES[block_index] // 2, 0)
    return Frame(n_bytes, 256 * (1, 2, 3, 6)[block_index], DOLBY_RATES[rate_index], 0)


@dataclass(frozen=True)
class FrameKind:
    """A kind of frames: its name, how to read a header, and how long that is."""

    name: str
    read: Callable[[bytes], Frame | None]
    header_bytes: int

    def at(self, source: Source, start: int) -> Frame | None:
        """Read the header of the frame at `start`; None if none begins there."""
        return self.read(source.data[start : start + self.header_bytes])


MPEG = FrameKind("MP3", mpeg_frame, 4)
ADTS = FrameKind("ADTS", adts_frame, 7)
DOLBY = FrameKind("AC-3", dolby_frame, 6)


def begins_with_frames(source: Source, kind: FrameKind) -> bool:
    """Tell whether a file begins, behind tags, with frames (fewer if it ends before)."""
    start = _first_byte(source)
    stop = tags_start(source, start)
    if start >= stop:
        return False
    for _ in range(FRAMES_IN_A_ROW):
        frame = kind.at(source, start)
        if frame is None:
            return False
        start += frame.n_bytes
        if start >= stop:
            return True
    return True


def _first_byte(source: Source) -> int:
    """Return where the first byte lies that is neither tag nor padding behind it."""
    start = after_id3(source)
    while start < source.size and not any(source.data[start : start + 1024]):
        start += 1024
    while start < source.size and source.data[start] == 0:
        start += 1
    return start


def frames_of(source: Source, kind: FrameKind) -> list[int]:
    """Walk over all frames of a file.

    Returns
    -------
    list of int
        Where each frame begins, and behind them where the last one ends.

    Raises
    ------
    InputError
        Cut within a frame, bytes that are no frame, another rate or number of channels.
    """
    start = _first_byte(source)
    stop = tags_start(source, start)
    first = kind.at(source, start)
    if first is None:
        source.refuse(
            f"no frame of {kind.name} begins at byte {start}, where the first should", COPY_AGAIN
        )
    known: dict[bytes, Frame | None] = {}  # headers repeat
    starts = [start]
    while start < stop:
        header = source.data[start : start + kind.header_bytes]
        if header not in known:
            known[header] = kind.read(header)
        frame = known[header]
        if frame is None:
            _refuse_no_frame(source, start, stop, kind.name)
            break
        if (frame.sample_rate, frame.n_channels) != (first.sample_rate, first.n_channels):
            seconds = (len(starts) - 1) * first.n_samples / first.sample_rate
            source.refuse(
                f"changes from {first.says} to {frame.says} after {seconds:.2f} s; a sound must "
                "keep one format",
                SPLIT,
            )
        if start + frame.n_bytes > stop:
            source.refuse_truncated(f"a frame of {frame.n_bytes} bytes", stop - start)
        start += frame.n_bytes
        starts.append(start)
    return starts


def _refuse_no_frame(source: Source, start: int, stop: int, kind: str) -> None:
    """Refuse what stands where a frame should, unless it is padding at the end."""
    if not source.data[start:stop].strip(b"\0"):
        return
    if source.starts_with(b"ID3", start) or source.starts_with(b"TAG", start):
        source.refuse_joined(kind, start)
    if stop - start < 16:
        source.refuse_truncated("a frame", f"{stop - start} bytes")
    source.refuse(
        f"no frame of {kind} begins at byte {start}, where the one before ends; frames must follow "
        "each other",
        COPY_AGAIN,
    )


def inspect_mp3(source: Source) -> Container:
    """Inspect MPEG audio: frames, and what a Xing, LAME or VBRI header in the first declares."""
    starts = frames_of(source, MPEG)
    declared = _declared_by_first(source, starts[0])
    for start in starts[1:-1]:
        if _info_start(source, start) is not None:
            source.refuse_joined("MP3", start)
    if declared.n_frames is not None:
        n_present = len(starts) - 2  # starts hold the end too, and the first frame is no sound
        whole = declared.n_bytes is None or declared.n_bytes <= starts[-1] - starts[0]
        n_counting_itself = declared.n_frames - 1  # some count the frame that declares it
        if n_present < declared.n_frames and not (whole and n_present == n_counting_itself):
            source.refuse_truncated(f"{declared.n_frames} frames", n_present)
        if n_present > declared.n_frames + 1:
            source.refuse(
                f"the header declares {declared.n_frames} frames but {n_present} are there; the "
                "two must agree",
                SPLIT,
            )
    return Container(
        "MP3",
        "ffmpeg",
        demuxer="mp3",
        span=Span(starts[0], starts[-1]),
        tells_delay=declared.has_delay,
    )


def _info_start(source: Source, start: int) -> int | None:
    """Return where a Xing or Info header lies in the frame at `start`; None where there is none."""
    header = source.data[start : start + 4]
    first_version = header[1] >> 3 & 3 == 3
    mono = header[3] >> 6 == 3
    side_bytes = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}
    place = start + 4 + side_bytes[first_version, mono]
    return place if source.data[place : place + 4] in {b"Xing", b"Info"} else None


def _declared_by_first(source: Source, start: int) -> _Declared:
    """Read what the first frame declares in place of sound."""
    if source.starts_with(b"VBRI", start + 36):
        n_bytes = source.number(start + 36 + 10, 4)
        return _Declared(source.number(start + 36 + 14, 4), n_bytes)
    info = _info_start(source, start)
    if info is None:
        return _Declared()
    flags = source.number(info + 4, 4)
    place = info + 8
    n_frames = None
    n_bytes = None
    if flags & 1:
        n_frames = source.number(place, 4)
        place += 4
    if flags & 2:
        n_bytes = source.number(place, 4)
        place += 4
    place += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)  # table of contents, quality
    encoder = source.data[place : place + 4]
    return _Declared(n_frames, n_bytes, has_delay=encoder in {b"LAME", b"Lavf", b"Lavc"})


def inspect_adts(source: Source) -> Container:
    """Inspect AAC in ADTS."""
    starts = frames_of(source, ADTS)
    return Container("ADTS", "ffmpeg", demuxer="aac", span=Span(starts[0], starts[-1]))


def inspect_dolby(source: Source) -> Container:
    """Inspect a row of frames of AC-3 or E-AC-3: every frame is whole."""
    frames_of(source, DOLBY)
    return Container("AC-3", "ffmpeg", demuxer="eac3" if _is_enhanced(source) else "ac3")


def _is_enhanced(source: Source) -> bool:
    return source.number(_first_byte(source) + 5, 1) >> 3 > LAST_AC3


TTA_HEADER = 22  # bytes; the lengths of the frames follow, and four bytes of checksum
TTA_SECONDS = (256, 245)  # of a frame, as a fraction


def inspect_tta(source: Source) -> Container:
    """Inspect True Audio, which lists the length of every frame."""
    sample_rate = source.number(10, 4, "little")
    n_samples = source.number(14, 4, "little")
    numerator, denominator = TTA_SECONDS
    n_in_frame = max(1, sample_rate * numerator // denominator)
    n_frames = math.ceil(n_samples / n_in_frame)
    start = TTA_HEADER + 4 * n_frames + 4
    if start > source.size:
        source.refuse_truncated(f"a table of {n_frames} frames", f"{source.size} bytes")
    for i in range(n_frames):
        n_bytes = source.number(TTA_HEADER + 4 * i, 4, "little")
        if start + n_bytes > source.size:
            source.refuse_truncated(f"{n_bytes} bytes of frame {i + 1}", source.size - start)
        start += n_bytes
    notes = source.check_rest(start)
    return Container("TTA", "ffmpeg", demuxer="tta", n_samples=n_samples, notes=notes)
