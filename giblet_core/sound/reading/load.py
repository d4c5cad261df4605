"""Read any sound, or the sound of a video, as mono; say what a file holds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.sound.containers import Container, Source, inspect_container
from giblet_core.sound.reading.ffmpeg import FfmpegReader
from giblet_core.sound.reading.mixing import Channel, Mixer
from giblet_core.sound.reading.sndfile import SndfileReader
from giblet_core.sound.reading.tracks import Track
from giblet_core.sound.samples import resampled_blocks

RATES_HZ = (1_000, 1_000_000)  # of a sound
NOT_COMPARED = "what its header declares is not compared with the bytes that are there"
#: Formats of libsndfile that declare a length which it passes over
NOT_READ = ("AVR", "HTK", "MPC2K", "SDS", "WVE", "XI")
WITHOUT_LENGTH = ("IRCAM", "PAF", "PVF")  # of libsndfile's; they begin with a header
HEAD = 12  # bytes of one, with its magic number, rate and channels
COMPLAINTS = ("should be", "truncated")  # libsndfile's words for lengths that do not fit


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file holds.

    Attributes
    ----------
    path : Path
    sample_rate : int
        Hz.
    n_channels : int
    duration_s : float
        Of the sound that is read, counted: not what a header says, and not that of a picture.
    format : str
        Of the container, by its content.
    n_samples : int
        A channel, at `sample_rate`.
    tracks : tuple of Track
        The sound tracks there are.
    track : int
        The number of the one that is read.
    notes : tuple of str
        What a user should know of how it is read.
    """

    path: Path
    sample_rate: int
    n_channels: int
    duration_s: float
    format: str
    n_samples: int = 0
    tracks: tuple[Track, ...] = ()
    track: int = 0
    notes: tuple[str, ...] = ()


def load_audio(
    path: str | Path,
    sample_rate: int = 24_000,
    start_s: float = 0.0,
    stop_s: float | None = None,
    track: int | None = None,
    channel: Channel = None,
) -> np.ndarray:
    """Read a sound, or a sound track of a video, as mono.

    A file is read whole or refused: what its container declares is compared with the bytes that
    are there and with the samples that decode (`giblet_core.sound.containers`). What it is, its
    content says, not its name.

    Parameters
    ----------
    path : path
        WAV, FLAC, MP3, Ogg (Vorbis, Opus), ..., or a video that FFmpeg reads (m4v, mp4, mkv, ...).
        In a video, sound is placed by its time stamps: a track that begins 0.5 s after the picture
        begins with 0.5 s of silence.
    sample_rate : int
        Hz of the result; soxr resamples.
    start_s, stop_s : float
        The piece wanted, in seconds of the file; None is its end.
    track : int, optional
        Of several sound tracks the one to read, from 0 (`audio_info` lists them); None is the one
        that the file marks as default, else the first.
    channel : int or str, optional
        One channel alone: "left", "right", "centre", "lfe", "left_surround", "right_surround",
        FFmpeg's name of its place ("FL"), or its number from 0. None mixes: the mean of two; of
        surround sound left, right, centre and surrounds after ITU-R BS.775; the mean of channels
        that have no names.

    Returns
    -------
    array of shape (n_samples,), float32

    Raises
    ------
    InputError
        Missing, empty, truncated, joined, damaged, not a sound, without a sound track, without
        that track or channel, holding NaN or infinity, or losing more than 20 dB in the mix.
    """
    path = _existing(path)
    if start_s < 0 or (stop_s is not None and stop_s <= start_s):
        raise InputError(
            f"start_s={start_s}, stop_s={stop_s}: must satisfy 0 <= start_s < stop_s. "
            "Give seconds of the file."
        )
    with open_reader(path, track) as reader:
        _check_rate(reader.sample_rate, path)
        mixer = Mixer(path, reader.places, reader.n_channels, channel)
        mono = _mixed(reader, mixer, start_s, stop_s)
        pieces = list(resampled_blocks(mono, reader.sample_rate, sample_rate))
    mixer.check()
    n_samples = sum(piece.size for piece in pieces)
    if not n_samples:
        _refuse_empty(path, start_s, stop_s)
    return np.concatenate(pieces)


def audio_info(path: str | Path, track: int | None = None, channel: Channel = None) -> AudioInfo:
    """Say what a sound file, or a video with sound, holds; it is decoded to be counted.

    What `load_audio` refuses is refused here too, with the same words. The last few files are
    remembered until they change.

    Parameters
    ----------
    path : path
    track, channel : optional
        As in `load_audio`.

    Returns
    -------
    AudioInfo
    """
    path = _existing(path)
    state = path.stat()
    version = (path.absolute(), state.st_mtime_ns, state.st_size)
    return _counted(path, version, track, channel)


@lru_cache(maxsize=64)
def _counted(
    path: Path, _version: tuple[Path, int, int], track: int | None, channel: Channel
) -> AudioInfo:
    """Decode a file and count; remembered for this version (place, time, size) of it."""
    with open_reader(path, track) as reader:
        _check_rate(reader.sample_rate, path)
        mixer = Mixer(path, reader.places, reader.n_channels, channel)
        for _ in _mixed(reader, mixer, 0.0, None):
            pass
        mixer.check()
        if not mixer.n_samples:
            _refuse_empty(path, 0.0, None)
        return AudioInfo(
            path=path,
            sample_rate=reader.sample_rate,
            n_channels=reader.n_channels,
            duration_s=mixer.n_samples / reader.sample_rate,
            format=reader.format,
            n_samples=mixer.n_samples,
            tracks=reader.tracks,
            track=reader.track.number,
            notes=(*reader.notes, *mixer.notes),
        )


def _mixed(
    reader: SndfileReader | FfmpegReader, mixer: Mixer, start_s: float, stop_s: float | None
) -> Iterator[np.ndarray]:
    """Yield the blocks of a piece as mono."""
    for block in reader.blocks(start_s, stop_s):
        yield mixer.mix(block)


def _refuse_empty(path: Path, start_s: float, stop_s: float | None) -> NoReturn:
    end = "its end" if stop_s is None else f"{stop_s} s"
    raise InputError(
        f"path={path}: holds no sound between {start_s} s and {end}. Choose another piece."
    )


def _existing(path: str | Path) -> Path:
    path = Path(path)
    require(path.is_file(), f"path={path}: there is no such file. Check the name.")
    require(
        path.stat().st_size != 0,
        f"path={path}: is empty (0 bytes); a sound is needed. Copy it again.",
    )
    return path


def open_reader(path: Path, track: int | None = None) -> SndfileReader | FfmpegReader:
    """Find out what a file is, compare what it declares with what is there, and begin to decode.

    Raises
    ------
    InputError
        As `load_audio`.
    """
    with Source(path) as source:
        container = inspect_container(source)
    if container is None:
        container = _container_by_decoder(path)
    if container.decoder == "libsndfile":
        try:
            return SndfileReader(path, container, track)
        except InputError:
            if container.stored is not None or track is not None:
                raise
    return FfmpegReader(path, container, track)


def _container_by_decoder(path: Path) -> Container:
    """Let the decoders say what a file is whose beginning is not one of those known."""
    unknown = Container("", "libsndfile")
    try:
        with SndfileReader(path, unknown) as reader:
            name = reader.format
            log = reader.log
    except InputError:
        unknown = Container("", "ffmpeg", placed=True)
        with FfmpegReader(path, unknown) as reader:
            name = reader.format
            log = ""
    with Source(path) as source:
        container = inspect_container(source, known_as=name)
        if container is not None:
            return container
        if any(complaint in log for complaint in COMPLAINTS):
            source.refuse(
                f"its header ({name}) declares another length than is there; a file must be whole",
                "It was truncated: copy it again.",
            )
        if name in NOT_READ:
            source.refuse(
                f"is {name}, whose declared length is not compared with what is there; a file must "
                "be known to be whole",
                "Save it as WAV or FLAC.",
            )
        second = source.data.find(source.data[:HEAD], HEAD) if name in WITHOUT_LENGTH else -1
        if second > 0:
            source.refuse_joined(name, second)
    return replace(unknown, name=name, is_compared=False, notes=(NOT_COMPARED,))


def _check_rate(sample_rate: int, path: Path) -> None:
    low, high = RATES_HZ
    if not low <= sample_rate <= high:
        raise InputError(
            f"path={path}: its rate of {sample_rate} Hz must lie between {low} and {high} Hz. "
            "Correct its header, or resample it."
        )
