"""Read any sound (and the sound track of video) as mono float32, resample it, write WAV, FLAC and
Ogg.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile as sf

from giblet_core.errors import InputError, explained, require
from giblet_core.sound.samples import check_wave, resampled_blocks

BLOCK = 1 << 18  # samples read at a time: memory stays flat in the length of a file
VIDEO_SUFFIXES = (".m4v", ".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4a", ".aac", ".mka", ".ts")
_GAP_S = (
    0.02  # time stamps of a sound track jitter by less than this; more is a real gap (or overlap)
)


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says of itself: rate in Hz, channels, duration in seconds, container
    format.
    """

    path: Path
    sample_rate: int
    n_channels: int
    duration_s: float
    format: str


def _refuse_truncated_wav(path: Path) -> None:
    """Compare the bytes that a RIFF file's data chunk declares with those present; libsndfile
    shortens silently.
    """
    size = path.stat().st_size
    with open(path, "rb") as handle:
        if handle.read(4) != b"RIFF" or len(handle.read(8)) < 8:
            return
        while len(head := handle.read(8)) == 8:
            n, present = int.from_bytes(head[4:], "little"), size - handle.tell()
            if head[:4] == b"data":  # 0 and all ones: a streamed, open length
                require(
                    n in (0, 0xFFFFFFFF) or n <= present,
                    f"path={path}: the header declares {n} bytes of sound but {present} are "
                    "there; a file must be whole. It was truncated: copy it again.",
                )
                return
            handle.seek(n + n % 2, 1)


def _open_sound(path: Path) -> sf.SoundFile:
    _refuse_truncated_wav(path)
    with explained(
        f"path={path}: must be a sound file, WAV, FLAC, MP3, Ogg or Opus, or a video",
        "Check that it is what its name says.",
        sf.SoundFileError,
        RuntimeError,
    ):
        return sf.SoundFile(path)


def _sound_blocks(
    path: Path, start_s: float, stop_s: float | None
) -> tuple[int, Iterator[np.ndarray]]:
    sound = _open_sound(path)
    rate, n_declared = sound.samplerate, sound.frames

    def blocks() -> Iterator[np.ndarray]:
        with sound:
            first = min(round(start_s * rate), n_declared)
            last = n_declared if stop_s is None else min(round(stop_s * rate), n_declared)
            position = sound.seek(first) if first else 0
            try:
                for block in sound.blocks(
                    BLOCK, frames=last - first, dtype="float32", always_2d=True
                ):
                    position += len(block)
                    yield block.mean(1)
            except (sf.SoundFileError, RuntimeError) as error:
                raise InputError(
                    f"path={path}: damaged after {position / rate:.2f} s ({error}). Copy it again."
                ) from error
            require(
                position >= last or sound.format == "MP3",
                f"path={path}: the header declares {n_declared} samples but reading ends at "
                f"{position}; a file must be whole. It was truncated: copy it again.",
            )

    return rate, blocks()


def _open_video(path: Path) -> av.container.InputContainer:
    with explained(
        f"path={path}: must be a readable video or sound file",
        "Copy it again.",
        av.FFmpegError,
        OSError,
    ):
        container = av.open(str(path))
    if not container.streams.audio:
        container.close()
        raise InputError(
            f"path={path}: has no sound track; one is needed. Choose a file with sound."
        )
    return container


def _video_blocks(
    path: Path, start_s: float, stop_s: float | None
) -> tuple[int, Iterator[np.ndarray]]:
    container = _open_video(path)
    stream = container.streams.audio[0]
    rate = stream.codec_context.sample_rate
    origin_s = (container.start_time or 0) / av.time_base

    def blocks() -> Iterator[np.ndarray]:
        planar = av.AudioResampler(
            format="fltp"
        )  # only the sample format changes here; the rate is soxr's work
        first, last = round(start_s * rate), None if stop_s is None else round(stop_s * rate)
        position = 0  # the next sample's place on the film's clock
        with container:
            try:
                for frame in container.decode(stream):
                    at = (
                        position
                        if frame.pts is None
                        else round((float(frame.pts * frame.time_base) - origin_s) * rate)
                    )
                    for part in planar.resample(frame):
                        block = part.to_ndarray().mean(0, dtype=np.float32)
                        if at - position > _GAP_S * rate:
                            block = np.concatenate([np.zeros(at - position, np.float32), block])
                        elif position - at > _GAP_S * rate:
                            block = block[position - at :]
                        low, high = (
                            max(first - position, 0),
                            None if last is None else max(last - position, 0),
                        )
                        position += len(block)
                        if block[low:high].size:
                            yield block[low:high]
                    if last is not None and position >= last:
                        break
                yield from (
                    part.to_ndarray().mean(0, dtype=np.float32)
                    for part in planar.resample(None)
                    if last is None
                )
            except av.FFmpegError as error:
                raise InputError(
                    f"path={path}: damaged after {position / rate:.2f} s ({error}). Copy it again."
                ) from error

    return rate, blocks()


def _existing(path: str | Path) -> Path:
    path = Path(path)
    require(path.is_file(), f"path={path}: there is no such file. Check the name.")
    require(
        path.stat().st_size != 0,
        f"path={path}: is empty (0 bytes); a sound is needed. Copy it again.",
    )
    return path


def load_audio(
    path: str | Path, sample_rate: int = 24_000, start_s: float = 0.0, stop_s: float | None = None
) -> np.ndarray:
    """Read a sound, or the sound track of a video, as mono.

    Parameters
    ----------
    path : path
        WAV, FLAC, MP3, Ogg (Vorbis, Opus), or a video that PyAV reads (m4v, mp4, mkv, ...). For
        video, sound is placed by its time stamps: a track that begins 0.5 s after the picture
        begins with 0.5 s of silence.
    sample_rate : int
        Hz of the result; soxr resamples.
    start_s, stop_s : float
        The piece wanted, in seconds of the file.

    Returns
    -------
    array of shape (n_samples,), float32
        The mean of the channels.

    Raises
    ------
    InputError
        Missing, empty, truncated, damaged, not a sound, without a sound track, or holding NaN or
        infinity.
    """
    path = _existing(path)
    if start_s < 0 or (stop_s is not None and stop_s <= start_s):
        raise InputError(
            f"start_s={start_s}, stop_s={stop_s}: must satisfy 0 <= start_s < stop_s. Give seconds of the file."
        )
    rate, blocks = (_video_blocks if path.suffix.lower() in VIDEO_SUFFIXES else _sound_blocks)(
        path, start_s, stop_s
    )
    pieces = list(resampled_blocks(blocks, rate, sample_rate))
    wave = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    require(
        wave.size,
        f"path={path}: holds no sound between {start_s} s and {'its end' if stop_s is None else f'{stop_s} s'}. Choose "
        "another piece.",
    )
    return check_wave(wave, name=f"path={path}")


def audio_info(path: str | Path) -> AudioInfo:
    """Return rate, channels, duration and format of a sound file or of a video's sound track,
    without decoding it.
    """
    path = _existing(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        with _open_sound(path) as sound:
            return AudioInfo(
                path,
                sound.samplerate,
                sound.channels,
                sound.frames / sound.samplerate,
                sound.format,
            )
    with _open_video(path) as container:
        context = container.streams.audio[0].codec_context
        return AudioInfo(
            path,
            context.sample_rate,
            context.channels,
            (container.duration or 0) / av.time_base,
            container.format.name,
        )
