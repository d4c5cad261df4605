"""Decode a track of a file by FFmpeg, placed by its time stamps, counting what comes."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import av
import numpy as np
from av.codec.context import Flags2

from giblet_core.errors import InputError, explained
from giblet_core.sound.containers import Container, Span, Window
from giblet_core.sound.reading.tracks import choose_track, tracks_of

GAP_S = 0.02  # time stamps jitter by less than this; more is a real gap
OVERLAP_S = 0.1  # time stamps that go back by more are a fault
LONGEST_GAP_S = 600.0
MOST_UNREAD = 0.25  # of a file behind the last packet: an index may follow, hardly more
BLOCK = 1 << 16  # samples at a time
MOST_FILLING = 1 << 16  # samples by which the last block of compressed sound may be filled up
# Samples by which common encoders are late, where the container does not declare it.
DELAYS = {
    **{"mp3": "1105", "mp3float": "1105", "mp2": "481", "mp2float": "481", "ac3": "256"},
    **{"eac3": "256", "aac": "1024 to 2112", "opus": "312"},
}
PLAYLISTS = {"hls", "dash", "concat", "sdp", "imf"}  # they name other files
COPY_AGAIN = "It was truncated: copy it again."


def _opened(path: Path, container: Container, stack: ExitStack) -> av.container.InputContainer:
    """Open a file, or a part of it, as what it is known to be, else by its content.

    FFmpeg takes any file of some names (.al, .sw, .g722, ...) for sound without a header.
    """
    source = f"file:{path}"
    if container.span is not None or not container.demuxer:
        span = container.span or Span(0, path.stat().st_size)
        source = stack.enter_context(Window(path, span))
    return av.open(
        source,
        format=container.demuxer or None,
        options={"protocol_whitelist": "file"},
        metadata_errors="replace",
    )


class FfmpegReader(AbstractContextManager):
    """A track of a file that is being decoded by FFmpeg.

    Parameters
    ----------
    path : Path
    container : Container
        What is known of the file.
    track : int, optional
        Among the sound tracks, from 0; None is the default one.

    Attributes
    ----------
    format : str
    sample_rate : int
        Hz.
    n_channels : int
    places : tuple of str
        Where each channel belongs, () where the file does not say.
    tracks : tuple of Track
    track : Track
        The one that is read.
    notes : tuple of str
        What a user should know; complete after the last block.

    Raises
    ------
    InputError
        FFmpeg does not know the format, or there is no sound or no such track.
    """

    def __init__(self, path: Path, container: Container, track: int | None = None) -> None:
        self.path = path
        self.notes = container.notes
        self._facts = container
        self._n_decoded = 0
        self._last_byte = 0
        self._first_stamp: int | None = None  # of a packet; that of a frame is without the delay
        with ExitStack() as stack:
            with explained(
                f"path={path}: must be a sound file (WAV, FLAC, MP3, Ogg, ...) or a video",
                "Check that it is what its name says.",
                av.FFmpegError,
                OSError,
                ValueError,
            ):
                self._file = stack.enter_context(_opened(path, container, stack))
            self._begin(track)
            self._open = stack.pop_all()

    def _begin(self, track: int | None) -> None:
        """Choose the track and decode its first frame, which tells the format of the sound."""
        self.format = self._facts.name or self._file.format.name
        if not self._file.streams.audio or self._file.format.name in PLAYLISTS:
            self._refuse("has no sound track; one is needed", "Choose a file with sound.")
        self.tracks = tracks_of(self._file)
        self.track = choose_track(self.tracks, track, self.path)
        self._stream = self._file.streams.audio[self.track.number]
        loss = self._facts.losses.get(self._stream.id)
        if loss:
            self._refuse(f"of its sound track {loss}; a file must be whole", COPY_AGAIN)
        if self._stream.codec_context is None:
            self._refuse("the codec of its sound is not known; it must be", "Convert it first.")
        if self._facts.n_skipped is not None:
            self._stream.codec_context.flags2 |= Flags2.skip_manual
        self._frames = self._decoded_frames()
        self._first = next(self._frames, None)
        if self._first is None:
            self._refuse("its sound track is empty; it must hold sound", COPY_AGAIN)
        if self.track.codec in DELAYS and not self._tells_delay():
            self.notes += (
                "the encoder's delay is not declared, and stays at the beginning "
                f"(commonly {DELAYS[self.track.codec]} samples)",
            )
        self.sample_rate = self._first.sample_rate
        self.n_channels = self._first.layout.nb_channels
        places = tuple(channel.name for channel in self._first.layout.channels)
        self.places = () if "NONE" in places else places

    def _tells_delay(self) -> bool:
        """Tell whether the delay is declared: MP4 may do so by a list of edits, or may not."""
        starts_undelayed = self._first_stamp == self._first.pts == 0
        return self._facts.tells_delay and not (self._facts.name == "MP4" and starts_undelayed)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _refuse(self, rule: str, remedy: str) -> NoReturn:
        raise InputError(f"path={self.path}: {rule}. {remedy}")

    def _decoded_frames(self) -> Iterator[av.AudioFrame]:
        """Yield the frames of the track; what does not decode is refused."""
        try:
            for packet in self._packets():
                if packet.is_corrupt:
                    self._refuse("a packet of its sound is not whole; it must be", COPY_AGAIN)
                for frame in packet.decode():
                    self._n_decoded += frame.samples
                    yield frame
        except InputError:
            raise
        except (av.FFmpegError, ValueError) as error:
            rate = self._stream.codec_context.sample_rate
            seconds = self._n_decoded / rate if rate else 0.0
            words = getattr(error, "strerror", None) or str(error)
            self._refuse(f"damaged after {seconds:.2f} s ({words})", "Copy it again.")

    def _packets(self) -> Iterator[av.Packet]:
        """Yield the packets of the track; note where the last one of any track ends."""
        if self._facts.is_compared:
            for packet in self._file.demux(self._stream):
                if self._first_stamp is None:
                    self._first_stamp = packet.pts
                yield packet
            return
        for packet in self._file.demux():
            self._last_byte = max(self._last_byte, (packet.pos or 0) + packet.size)
            if packet.stream == self._stream:
                yield packet

    def blocks(self, start_s: float, stop_s: float | None) -> Iterator[np.ndarray]:
        """Yield the samples between two times, (n_channels, n) float32 each.

        Raises
        ------
        InputError
            Damaged, shorter than declared, another format in mid-stream, or time stamps that jump.
        """
        first = round(start_s * self.sample_rate)
        last = None if stop_s is None else round(stop_s * self.sample_rate)
        position = 0
        for block in gathered(self._placed_blocks()):
            low = max(first - position, 0)
            high = block.shape[1] if last is None else min(last - position, block.shape[1])
            position += block.shape[1]
            if low < high:
                yield block[:, low:high]
            if last is not None and position >= last:
                return
        self._compare(position)

    def _placed_blocks(self) -> Iterator[np.ndarray]:
        """Yield all samples on the film's clock, from 0, with silence where nothing is placed."""
        position = 0
        n_gaps = 0
        n_silent = 0
        n_skipped = self._facts.n_skipped or 0
        end = self._declared_end()
        for frame in self._frames_of_one_format():
            block = as_float(frame)[:, n_skipped:]
            n_skipped = max(n_skipped - frame.samples, 0)
            gap = self._place_of(frame, position) - position
            if gap > 0:
                if position:
                    n_gaps += 1
                    n_silent += gap
                else:
                    seconds = gap / self.sample_rate
                    self.notes += (f"its sound begins {seconds:.3f} s late: silence until then",)
                yield from self._silence(gap)
                position += gap
            elif gap < 0:
                block = block[:, -gap:]
            if end is not None:  # encoders fill their last frame up
                block = block[:, : max(end - position, 0)]
            position += block.shape[1]
            yield block
        if n_gaps:
            seconds = n_silent / self.sample_rate
            self.notes += (
                f"{n_gaps} gaps in its time stamps are silence here, {seconds:.3f} s in all",
            )

    def _frames_of_one_format(self) -> Iterator[av.AudioFrame]:
        """Yield all frames, as long as rate and channels stay."""
        first = self._first
        yield first
        for frame in self._frames:
            same_layout = frame.layout.name == first.layout.name
            if not same_layout or frame.sample_rate != first.sample_rate:
                seconds = (self._n_decoded - frame.samples) / first.sample_rate
                self._refuse(
                    f"changes from {first.layout.name} at {first.sample_rate} Hz to "
                    f"{frame.layout.name} at {frame.sample_rate} Hz after {seconds:.2f} s; a sound "
                    "must keep one format",
                    "Bring it to one, for example with `ffmpeg -i IN -ac 1 OUT.wav`.",
                )
            yield frame

    def _place_of(self, frame: av.AudioFrame, position: int) -> int:
        """Return the sample at which a frame belongs: at `position`, or where its stamp says."""
        if not self._facts.placed or frame.pts is None:
            return position
        place = self._sample_at(frame.pts)
        if position and abs(place - position) <= GAP_S * self.sample_rate:
            return position
        if position and position - place > OVERLAP_S * self.sample_rate:
            self._refuse(
                f"its time stamps go back by {(position - place) / self.sample_rate:.2f} s after "
                f"{position / self.sample_rate:.2f} s; they must go on",
                "If two files were joined, split them; otherwise convert it first.",
            )
        return place

    def _sample_at(self, ticks: int) -> int:
        """Return the place of a time stamp on the film's clock, in samples."""
        origin_s = Fraction(self._file.start_time or 0, av.time_base)
        return round((ticks * self._stream.time_base - origin_s) * self.sample_rate)

    def _declared_end(self) -> int | None:
        """Return the sample at which the header ends the sound; None where it does not."""
        if self._facts.n_samples is not None:
            return self._facts.n_samples
        stream = self._stream
        if self._facts.name != "MP4" or not stream.duration:
            return None
        return self._sample_at((stream.start_time or 0) + stream.duration)

    def _compare(self, n_samples: int) -> None:
        """Compare the samples that came with those that the header declares."""
        n_bytes = self.path.stat().st_size
        if not self._facts.is_compared and n_bytes - self._last_byte > MOST_UNREAD * n_bytes:
            self._refuse(
                f"reading ends at byte {self._last_byte} of {n_bytes}; a file must be read to its "
                "end",
                "If two files were joined, split them; otherwise save it as WAV or FLAC.",
            )
        end = self._declared_end()
        if end is None:
            return
        tolerance = GAP_S * self.sample_rate if self._facts.placed else 0
        if end - n_samples > tolerance:
            self._refuse(
                f"the header declares {end} samples but {n_samples} are there; a file must be "
                "whole",
                COPY_AGAIN,
            )
        if self._n_decoded - end >= MOST_FILLING:
            self._refuse(
                f"the header declares {end} samples but {self._n_decoded} are there; the two must "
                "agree",
                "Write the file anew with the program that made it.",
            )

    def _silence(self, n_samples: int) -> Iterator[np.ndarray]:
        """Yield so much silence, in blocks."""
        if n_samples > LONGEST_GAP_S * self.sample_rate:
            self._refuse(
                f"its time stamps jump by {n_samples / self.sample_rate:.0f} s; a gap may last "
                f"{LONGEST_GAP_S:g} s",
                "Convert it first.",
            )
        for first in range(0, n_samples, BLOCK):
            yield np.zeros((self.n_channels, min(BLOCK, n_samples - first)), np.float32)


def gathered(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Join small blocks (n_channels, n) to larger ones, with which calculation is quicker."""
    waiting: list[np.ndarray] = []
    n_samples = 0
    for block in blocks:
        waiting.append(block)
        n_samples += block.shape[1]
        if n_samples >= BLOCK:
            yield np.concatenate(waiting, 1)
            waiting = []
            n_samples = 0
    if waiting:
        yield np.concatenate(waiting, 1)


def as_float(frame: av.AudioFrame) -> np.ndarray:
    """Return the samples of a frame as float32 in [-1, 1], (n_channels, n)."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    kind = samples.dtype.kind
    if kind == "f":
        with np.errstate(all="ignore"):  # NaN and infinity are counted, and refused at the end
            return samples.astype(np.float32, copy=False)
    full_scale = np.float32(2.0 ** (8 * samples.dtype.itemsize - 1))
    middle = full_scale if kind == "u" else np.float32(0)
    return (samples.astype(np.float32) - middle) / full_scale
