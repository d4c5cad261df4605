"""Decode a file by libsndfile, counting what comes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile as sf

from giblet_core.errors import InputError, explained
from giblet_core.sound.containers import Container, Window
from giblet_core.sound.reading.tracks import Track, choose_track

BLOCK = 1 << 18  # numbers read at a time: memory stays flat in the length of a file
MOST_FILLING = 1 << 13  # samples by which the last block of compressed sound may be filled up
MOST_PADDING = 1 << 8  # samples that a few bytes behind the sound may look like


def _opened(path: Path, container: Container, stack: ExitStack) -> sf.SoundFile:
    """Open a file by its header, or samples by what is known of them."""
    stored = container.stored
    if stored is None and container.span is None:
        # by its number, so that the name of the file tells libsndfile nothing
        handle = stack.enter_context(path.open("rb"))
        return stack.enter_context(sf.SoundFile(handle.fileno(), closefd=False))
    if stored is None:
        window = stack.enter_context(Window(path, container.span))
        return stack.enter_context(sf.SoundFile(window))
    window = stack.enter_context(Window(path, stored.span))
    sound = sf.SoundFile(
        window,
        samplerate=stored.sample_rate,
        channels=stored.n_channels,
        subtype=stored.encoding,
        endian=stored.order,
        format="RAW",
    )
    return stack.enter_context(sound)


class SndfileReader(AbstractContextManager):
    """A file that is being decoded by libsndfile.

    Parameters
    ----------
    path : Path
    container : Container
        What is known of the file.
    track : int, optional
        There is one, 0.

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
        What a user should know.
    log : str
        What libsndfile wrote down while it opened the file.

    Raises
    ------
    InputError
        libsndfile does not know the format, or less is there than was declared.
    """

    def __init__(self, path: Path, container: Container, track: int | None = None) -> None:
        self.path = path
        self.notes = container.notes
        self.places = container.channels
        with ExitStack() as stack:
            with explained(
                f"path={path}: must be a sound file (WAV, FLAC, MP3, Ogg, ...) or a video",
                "Check that it is what its name says.",
                RuntimeError,
                TypeError,
            ):
                self._sound = _opened(path, container, stack)
            self.format = container.name or self._sound.format
            self.sample_rate = self._sound.samplerate
            self.n_channels = self._sound.channels
            self.log = self._sound.extra_info
            if self._sound.subtype.startswith("MPEG_LAYER"):
                self.notes += ("the encoder's delay is not declared, and stays at the beginning",)
            layout = {1: "mono", 2: "stereo"}.get(self.n_channels, f"{self.n_channels} channels")
            codec = self._sound.subtype
            self.track = Track(0, codec, layout, self.n_channels, self.sample_rate)
            self.tracks = (self.track,)
            choose_track(self.tracks, track, path)
            self._n_samples = self._samples_to_read(container)
            self._open = stack.pop_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _samples_to_read(self, container: Container) -> int:
        """Return the samples a channel that the header declares, or else that libsndfile found."""
        n_there = self._sound.frames
        declared = container.n_samples
        if declared is None:
            return self._samples_by_fact(n_there, container.n_fact)
        if n_there - MOST_PADDING < declared <= n_there:
            return declared
        raise InputError(
            f"path={self.path}: the header declares {declared} samples but {n_there} are there; a "
            "file must be whole. It was truncated: copy it again."
        )

    def _samples_by_fact(self, n_there: int, counted: int | None) -> int:
        """Return the samples without those that fill up the last block, where they are counted.

        Some programs count the samples of all channels, or divide by the channels twice.
        """
        miscounted = {n_there * self.n_channels, n_there // self.n_channels}
        if counted is None or counted in miscounted or counted <= n_there - MOST_FILLING:
            return n_there
        return min(counted, n_there)

    def blocks(self, start_s: float, stop_s: float | None) -> Iterator[np.ndarray]:
        """Yield the samples between two times, (n_channels, n) float32 each.

        Raises
        ------
        InputError
            Damaged, or shorter than declared.
        """
        position = min(round(start_s * self.sample_rate), self._n_samples)
        last = self._n_samples
        if stop_s is not None:
            last = min(round(stop_s * self.sample_rate), self._n_samples)
        size = max(BLOCK // self.n_channels, 1)
        try:
            if position:
                self._sound.seek(position)
            while position < last:
                # `SoundFile.blocks` would yield whole blocks, filled with whatever was in memory
                block = self._sound.read(min(size, last - position), "float32", always_2d=True)
                if not len(block):
                    break
                position += len(block)
                yield block.T
        except RuntimeError as error:
            seconds = position / self.sample_rate
            raise InputError(
                f"path={self.path}: damaged after {seconds:.2f} s ({error}). Copy it again."
            ) from error
        if position < last:
            raise InputError(
                f"path={self.path}: the header declares {self._n_samples} samples but reading ends "
                f"at {position}; a file must be whole. It was truncated: copy it again."
            )
