"""Sounds and films made for tests, each saying what it guarantees."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import scipy.signal
import soundfile as sf

from giblet_core.errors import InputError
from giblet_core.sound import audio_info, load_audio

RATE = 24_000


def tone(hz, seconds, rate, level=0.5):
    """A steady sine, float32."""
    times_s = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def click(seconds, rate, at_s):
    """Silence with 10 ms of a tone at `at_s`, float32."""
    wave = np.zeros(round(seconds * rate), np.float32)
    burst = tone(1000, 0.01, rate, level=0.8)
    first = round(at_s * rate)
    wave[first : first + len(burst)] = burst
    return wave


def onset_s(wave, rate, level=0.1):
    """When a sound first exceeds a level."""
    return np.argmax(np.abs(wave) > level) / rate


def refused(path, match, **options):
    """Check that `load_audio` and `audio_info` refuse a file with the same words; return them."""
    with pytest.raises(InputError, match=match) as loading:
        load_audio(path, **options)
    with pytest.raises(InputError) as asking:
        audio_info(path, **options)
    message = str(loading.value)
    assert str(asking.value) == message
    assert str(path) in message
    assert message.endswith(".")
    return message


def riff(samples, *, data_size=None, riff_size=None, before=b"", after=b"", rate=RATE):
    """A WAV of 16 bit, mono, whose header may say what is not so."""
    sound = np.asarray(samples, "<i2").tobytes()
    fmt = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    declared = len(sound) if data_size is None else data_size
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + before
    body += b"data" + struct.pack("<I", declared) + sound + after
    total = len(body) if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", total) + body


def peak_hz(wave, rate):
    """The frequency with the most power."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return np.argmax(power) * rate / len(wave)


def make_voice(seconds=9.0, seed=0, sample_rate=RATE):
    """A voice-like sound: gliding pulses through formants, in syllables with pauses.

    Guaranteed: speech by the voicing rule.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * sample_rate)
    knots_s = np.arange(0, seconds + 1, 0.13)  # a syllable is two: four a second
    times_s = np.arange(n) / sample_rate
    glides = 0.25 * rng.standard_normal(len(knots_s))
    pitch_hz = 120 * 2 ** np.interp(times_s, knots_s, glides)
    periods = np.floor(np.cumsum(pitch_hz) / sample_rate)
    source = np.diff(periods, prepend=0) + 0.02 * rng.standard_normal(n)
    voice = np.zeros(n)
    for formant_hz in (500, 1500, 2600):
        voice += scipy.signal.lfilter(*scipy.signal.iirpeak(formant_hz, 6, sample_rate), source)
    syllables = np.resize([0.05, 1.0], len(knots_s))
    peaks = rng.choice([0.02, 0.6, 1.0], len(knots_s)) * syllables
    envelope = np.interp(times_s, knots_s, peaks)
    return (0.1 * voice * envelope / np.std(voice)).astype(np.float32)


LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@dataclass(frozen=True)
class TrackSpec:
    """A sound track to be written.

    Attributes
    ----------
    channels : array of shape (n_channels, n_samples), float32
    codec : str
    start_s : float
        When it begins.
    language : str
    default : bool
    gap : tuple of (at_s, length_s), optional
        Time stamps jump there.
    """

    channels: np.ndarray
    codec: str = "aac"
    start_s: float = 0.0
    language: str = ""
    default: bool = False
    gap: tuple[float, float] | None = None


def write_file(path, tracks, rate, *, picture_s=0.0, format=None, options=None):
    """Write sound tracks, and a grey picture of `picture_s` seconds, by FFmpeg."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        picture = _add_picture(container) if picture_s else None
        streams = []
        for spec in tracks:
            stream = container.add_stream(spec.codec, rate=rate, layout=LAYOUTS[len(spec.channels)])
            formats = [f.name for f in stream.codec_context.codec.audio_formats or ()]
            stream.codec_context.format = "fltp" if not formats or "fltp" in formats else formats[0]
            if spec.language:
                stream.metadata["language"] = spec.language
            if spec.default:
                stream.disposition = av.stream.Disposition.default
            elif len(tracks) > 1:
                stream.disposition = av.stream.Disposition(0)
            streams.append(stream)
        packets = []
        if picture is not None:
            packets += _picture_packets(picture, picture_s)
        for spec, stream in zip(tracks, streams):
            packets += _sound_packets(stream, spec, rate)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)


def _add_picture(container):
    picture = container.add_stream("mpeg4", rate=10)
    picture.width = 32
    picture.height = 32
    picture.pix_fmt = "yuv420p"
    return picture


def _picture_packets(picture, seconds):
    packets = []
    for i in range(round(seconds * 10)):
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
        frame.pts = i
        frame.time_base = Fraction(1, 10)
        packets += picture.encode(frame)
    return packets + picture.encode()


def _sound_packets(stream, spec, rate):
    resampler = av.AudioResampler(format=stream.codec_context.format.name)
    layout = LAYOUTS[len(spec.channels)]
    packets = []
    for first in range(0, spec.channels.shape[1], 1024):
        samples = np.ascontiguousarray(spec.channels[:, first : first + 1024], np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = first + round(spec.start_s * rate)
        if spec.gap is not None and first >= spec.gap[0] * rate:
            frame.pts += round(spec.gap[1] * rate)
        for converted in resampler.resample(frame):
            packets += stream.encode(converted)
    return packets + stream.encode()


def write_video(path, wave, rate, *, start_s=0.0, sound=True):
    """A 2 s film of grey pictures, with AAC sound that begins at `start_s`."""
    tracks = [TrackSpec(wave[None], start_s=start_s)] if sound else []
    write_file(path, tracks, rate, picture_s=2.0)


@dataclass(frozen=True)
class FileKind:
    """A kind of sound file that can be written.

    Attributes
    ----------
    name : str
    write : callable
        (path, channels, rate), channels of shape (n_channels, n_samples).
    exact : bool
        Lossless, and to the sample.
    late : int
        Samples by which it begins late, as its container does not declare the encoder's delay.
    filling : int
        Samples that its last block may be filled up with.
    joins_silently : bool
        Two of them in a row are one longer file of this kind.
    """

    name: str
    write: Callable[[Path, np.ndarray, int], None]
    exact: bool = False
    late: int = 0
    filling: int = 0
    joins_silently: bool = False


def _by_libsndfile(path, channels, rate, *, format, subtype):
    sf.write(path, channels.T, rate, format=format, subtype=subtype)


def _by_ffmpeg(path, channels, rate, *, codec, picture, **options):
    picture_s = channels.shape[1] / rate if picture else 0.0
    write_file(path, [TrackSpec(channels, codec)], rate, picture_s=picture_s, **options)


def libsndfile(format, subtype, **facts):
    """A kind that libsndfile writes."""
    write = partial(_by_libsndfile, format=format, subtype=subtype)
    return FileKind(f"{format} {subtype}", write, **facts)


def ffmpeg(format, codec, picture=False, options=None, **facts):
    """A kind that FFmpeg writes."""
    write = partial(_by_ffmpeg, format=format, codec=codec, picture=picture, options=options)
    extra = " " + " ".join(options.values()) if options else ""
    return FileKind(f"{format} {codec}{' film' * picture}{extra}", write, **facts)


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
FASTSTART = {"movflags": "faststart"}
LIVE = {"live": "1"}

#: What is declared of these is compared with the bytes that are there.
FILE_KINDS = (
    *(libsndfile("WAV", s, exact=True) for s in ("PCM_16", "PCM_24", "FLOAT", "DOUBLE")),
    libsndfile("WAV", "ULAW"),
    libsndfile("WAV", "MS_ADPCM", filling=2048),
    libsndfile("WAV", "IMA_ADPCM", filling=4096),
    libsndfile("WAVEX", "PCM_16", exact=True),
    libsndfile("RF64", "PCM_16", exact=True),
    libsndfile("W64", "PCM_16", exact=True),
    libsndfile("AIFF", "PCM_16", exact=True),
    libsndfile("AIFF", "FLOAT", exact=True),
    libsndfile("AU", "PCM_16", exact=True),
    libsndfile("CAF", "PCM_16", exact=True),
    libsndfile("CAF", "ALAC_16", exact=True),
    libsndfile("NIST", "PCM_16", exact=True),
    libsndfile("SVX", "PCM_16", exact=True),
    libsndfile("FLAC", "PCM_16", exact=True),
    libsndfile("FLAC", "PCM_24", exact=True),
    libsndfile("OGG", "VORBIS"),
    libsndfile("OGG", "OPUS"),
    libsndfile("MP3", "MPEG_LAYER_III", filling=529),
    ffmpeg("mp3", "libmp3lame", filling=529),
    ffmpeg("mp2", "mp2", late=481, filling=1152, joins_silently=True),
    ffmpeg("adts", "aac", late=1024, filling=2048, joins_silently=True),
    ffmpeg("wav", "pcm_s16le", exact=True),
    ffmpeg("flac", "flac", exact=True),
    ffmpeg("caf", "alac", exact=True),
    ffmpeg("ogg", "libopus"),
    ffmpeg("ogg", "flac", exact=True),
    ffmpeg("mp4", "aac", filling=48),
    ffmpeg("mp4", "aac", picture=True, filling=48),
    ffmpeg("mp4", "aac", options=FASTSTART, filling=48),
    ffmpeg("mp4", "aac", options=FRAGMENTED, late=1024, filling=2048),
    ffmpeg("mp4", "alac", exact=True),
    ffmpeg("mp4", "libopus", filling=48),
    ffmpeg("mov", "pcm_s16le", exact=True),
    ffmpeg("matroska", "aac", picture=True, filling=1024),
    ffmpeg("matroska", "flac", exact=True),
    ffmpeg("matroska", "pcm_s16le", picture=True, exact=True),
    ffmpeg("matroska", "libopus", options=LIVE),
    ffmpeg("webm", "libopus"),
    ffmpeg("mpegts", "aac", late=1024, filling=2048),
    ffmpeg("mpegts", "mp2", picture=True, late=481, filling=1152),
    ffmpeg("avi", "pcm_s16le", picture=True, exact=True),
    ffmpeg("avi", "libmp3lame", picture=True, late=1105, filling=2304),
)
