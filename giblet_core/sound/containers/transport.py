"""MPEG's streams of many tracks: whole packets, none missing, the last part of each whole.

Transport streams (broadcast, cameras) have packets of one length; program streams (DVD, .mpg) have
packs and packets that say their length.
"""

import re
from dataclasses import dataclass

import numpy as np

from giblet_core.sound.containers.source import COPY_AGAIN, Container, Source

SYNC = 0x47
N_BYTES = 188  # of a packet
SPACINGS = ((188, 0), (192, 4), (204, 0))  # of packets, and where the first begins
FILLING = 0x1FFF  # the stream of packets that fill up
DISCONTINUITY = 0x80  # flag: the counter may jump here


@dataclass(frozen=True)
class Packets:
    """The packets of a transport stream.

    Attributes
    ----------
    data : array of uint8, shape (n_packets, 188)
    stream : array of int, shape (n_packets,)
        The identifier (PID) of each.
    counter : array of int, shape (n_packets,)
        Modulo 16.
    has_content : array of bool, shape (n_packets,)
    content : array of int, shape (n_packets,)
        Where in a packet its content begins.
    begins : array of bool, shape (n_packets,)
        A part of the stream (PES) begins here.
    may_jump : array of bool, shape (n_packets,)
        The counter may.
    """

    data: np.ndarray
    stream: np.ndarray
    counter: np.ndarray
    has_content: np.ndarray
    content: np.ndarray
    begins: np.ndarray
    may_jump: np.ndarray

    @classmethod
    def read(cls, data: np.ndarray) -> "Packets":
        """Read the headers of packets, (n_packets, 188) bytes."""
        head = data[:, 1:6].astype(np.int16)  # small: a film has millions of packets
        stream = (head[:, 0] & 0x1F) << 8 | head[:, 1]
        adapted = (head[:, 2] & 0x20) > 0
        n_adaptation = np.where(adapted, head[:, 3] + 1, 0)
        return cls(
            data=data,
            stream=stream,
            counter=head[:, 2] & 0x0F,
            has_content=(head[:, 2] & 0x10) > 0,
            content=4 + n_adaptation,
            begins=(head[:, 0] & 0x40) > 0,
            may_jump=adapted & (head[:, 3] > 0) & (head[:, 4] & DISCONTINUITY > 0),
        )


def spacing_of(source: Source) -> tuple[int, int] | None:
    """Return how far apart packets are and where the first begins; None: no transport stream."""
    for step, first in SPACINGS:
        marks = [first + i * step for i in range(5) if first + i * step < source.size]
        if len(marks) >= 3 and all(source.data[mark] == SYNC for mark in marks):
            return step, first
    return None


def inspect_transport(source: Source) -> Container:
    """Inspect a transport stream; what its single streams lack is noted in the result."""
    spacing = spacing_of(source)
    if spacing is None:
        source.refuse("no packet begins where the first should; packets must follow", COPY_AGAIN)
    step, first = spacing
    n_packets, n_rest = divmod(source.size, step)
    if n_rest and source.data[-n_rest:].strip(b"\0"):
        source.refuse_truncated(f"packets of {step} bytes", f"{n_rest} bytes of the last")
    data = np.memmap(source.path, np.uint8, "r", shape=(n_packets, step))
    out_of_step = np.flatnonzero(data[:, first] != SYNC)
    if out_of_step.size:
        source.refuse(
            f"no packet begins at byte {first + step * out_of_step[0]}, where one should",
            COPY_AGAIN,
        )
    packets = Packets.read(data[:, first : first + N_BYTES])
    losses = {}
    for stream in np.unique(packets.stream):
        reason = "" if stream == FILLING else _losses_of(packets, int(stream))
        if reason:
            losses[int(stream)] = reason
    return Container(
        "MPEG-TS", "ffmpeg", demuxer="mpegts", placed=True, tells_delay=True, losses=losses
    )


def _losses_of(packets: Packets, stream: int) -> str:
    """Say what is missing of a stream; "" where nothing is."""
    of_stream = np.flatnonzero((packets.stream == stream) & packets.has_content)
    steps = np.diff(packets.counter[of_stream]) % 16
    missing = (steps > 1) & ~packets.may_jump[of_stream[1:]]  # 0: a packet that was sent twice
    if missing.any():
        return f"packets are missing at {int(missing.sum())} places"
    beginnings = np.flatnonzero(packets.begins[of_stream])
    if not beginnings.size:
        return ""
    last = of_stream[beginnings[-1] :]
    start = packets.content[last[0]]
    head = packets.data[last[0], start : start + 6].tobytes()
    n_declared = int.from_bytes(head[4:6])
    if head[:3] != b"\0\0\1" or not n_declared:  # no PES, or open
        return ""
    n_present = int((N_BYTES - packets.content[last]).sum()) - 6
    if n_present < n_declared:
        return f"its last part declares {n_declared} bytes but {n_present} are there"
    return ""


START_CODE = b"\0\0\1"  # before the kind of each part of a program stream
PACK = 0xBA
END_OF_STREAM = 0xB9
FIRST_WITH_LENGTH = 0xBB  # kinds from here on say their length in two bytes
LONGEST_PACK = 14  # bytes of the header of a pack of MPEG-2, without filling
_ZEROS = re.compile(rb"\0*")


def inspect_program(source: Source) -> Container:
    """Inspect an MPEG program stream: every pack and packet is whole, and nothing lies between."""
    start = 0
    while start < source.size:
        if not source.starts_with(START_CODE, start):
            end = _end_of_zeros(source, start)
            if end == start:
                source.refuse(f"no part begins at byte {start}, where one should", COPY_AGAIN)
            start = end
            continue
        kind = source.number(start + 3, 1)
        if kind == END_OF_STREAM:
            notes = source.check_rest(_end_of_zeros(source, start + 4))
            return Container("MPEG-PS", "ffmpeg", demuxer="mpeg", placed=True, notes=notes)
        n_bytes = _program_part_bytes(source, start, kind)
        if start + n_bytes > source.size:
            source.refuse_truncated(f"a part of {n_bytes} bytes", source.size - start)
        start += n_bytes
    return Container("MPEG-PS", "ffmpeg", demuxer="mpeg", placed=True)


def _program_part_bytes(source: Source, start: int, kind: int) -> int:
    """Return the length of a part of a program stream, its header included."""
    if kind == PACK:
        is_second_version = source.number(start + 4, 1) >> 6 == 1
        if not is_second_version:
            return 12
        return LONGEST_PACK + (source.number(start + LONGEST_PACK - 1, 1) & 7)
    if kind < FIRST_WITH_LENGTH:
        source.refuse(f"a part of kind {kind:#x} begins at byte {start}; it must not", COPY_AGAIN)
    return 6 + source.number(start + 4, 2)


def _end_of_zeros(source: Source, start: int) -> int:
    """Return where the zeros end that fill up a sector, before the next start code."""
    stop = _ZEROS.match(source.data, start).end()
    is_code = source.starts_with(START_CODE[-1:], stop) and stop - start >= 2
    return stop - 2 if is_code else stop
