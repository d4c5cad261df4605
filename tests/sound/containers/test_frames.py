"""MP3 and ADTS: every frame is counted; tags, delay, joints and changes of format."""

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import TrackSpec, click, onset_s, refused, write_file

from giblet_core.sound import audio_info, load_audio
from giblet_core.sound.containers.frames import adts_frame, mpeg_frame

RATE = 44_100


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound"


def mp3(path, wave):
    """The bytes of an MP3 by LAME, without the tag that FFmpeg puts before it."""
    write_file(path, [TrackSpec(wave[None], "libmp3lame")], RATE, format="mp3")
    raw = path.read_bytes()
    return raw[raw.find(b"\xff\xfb") :]


def without_info(raw):
    """Cut the first frame off, which holds no sound but says how long it is."""
    return raw[mpeg_frame(raw[:4]).n_bytes :]


def id3(n_bytes):
    """A tag with a picture of so many bytes."""
    picture = b"APIC" + n_bytes.to_bytes(4) + b"\0\0" + b"\0image/png\0\3\0" + bytes(n_bytes)
    digits = bytes(len(picture) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + digits + picture


@pytest.mark.parametrize("writer", ["libsndfile", "ffmpeg"])
@pytest.mark.parametrize("tag", [b"", id3(20_000)], ids=["bare", "picture"])
def test_the_delay_that_lame_declares_is_cut_off(path, writer, tag):
    wave = click(3, RATE, 2.0)
    if writer == "libsndfile":
        sf.write(path, wave, RATE, format="MP3", subtype="MPEG_LAYER_III")
        raw = path.read_bytes()
    else:
        raw = mp3(path, wave)
    path.write_bytes(tag + raw)
    info = audio_info(path)
    assert (info.n_samples, info.format, info.notes) == (len(wave), "MP3", ())
    assert abs(onset_s(load_audio(path, RATE), RATE) - 2.0) < 0.001


def test_a_delay_that_is_not_declared_is_said(path):
    path.write_bytes(without_info(mp3(path, click(3, RATE, 2.0))))
    info = audio_info(path)
    assert info.n_samples % 1152 == 0
    assert "delay is not declared" in info.notes[0]
    assert abs(onset_s(load_audio(path, RATE), RATE) - 2.0 - 1105 / RATE) < 0.001


@pytest.mark.parametrize(
    "end",
    [
        b"TAG" + bytes(125),
        b"x" * 40
        + b"APETAGEX"
        + (2000).to_bytes(4, "little")
        + (72).to_bytes(4, "little")
        + bytes(16),
        bytes(1000),
    ],
    ids=["ID3v1", "APE", "zeros"],
)
def test_tags_at_the_end_are_no_sound(path, end):
    raw = mp3(path, click(1, RATE, 0.5))
    path.write_bytes(raw + end)
    assert audio_info(path).n_samples == RATE


def test_a_beginning_that_is_no_frame_is_refused(path):
    raw = without_info(mp3(path, click(1, RATE, 0.5)))
    path.write_bytes(raw[100:])
    refused(path, "no frame of MP3 begins at byte 0, where the first should")


def test_two_mp3_without_tags_are_one_and_with_tags_refused(path):
    raw = mp3(path, click(1, RATE, 0.5))
    bare = without_info(raw)
    path.write_bytes(bare * 2)
    assert audio_info(path).n_samples == 2 * len(load_audio_of(path, bare))
    for joined in (raw + raw, bare + raw, raw + bare, bare + id3(100) + bare):
        path.write_bytes(joined)
        refused(path, "must")


def load_audio_of(path, raw):
    """Read bytes as if they were a file."""
    other = path.with_name("other")
    other.write_bytes(raw)
    return load_audio(other, RATE)


@pytest.mark.parametrize("cut", [1, 20, 417, 418, 3000])
def test_a_cut_is_found_with_and_without_a_declared_length(path, cut):
    raw = mp3(path, click(1, RATE, 0.5))
    path.write_bytes(raw[:-cut])
    refused(path, "declares .* but .* are there")
    if cut in (1, 20):  # within a frame; between frames nothing tells
        path.write_bytes(without_info(raw)[:-cut])
        refused(path, "declares a frame of")


def adts(path, n_channels, seconds=1.0):
    wave = click(seconds, 48_000, seconds / 2)
    channels = np.repeat(wave[None], n_channels, 0)
    write_file(path, [TrackSpec(channels)], 48_000, format="adts")
    return path.read_bytes()


@pytest.mark.parametrize("second", [1, 6])
def test_a_change_of_channels_in_mid_stream_is_refused(path, second):
    path.write_bytes(adts(path, 2) + adts(path, second))
    refused(
        path, "changes from stereo at 48000 Hz to .* after 1.0. s; a sound must keep one format"
    )


def test_the_length_of_adts_is_counted_not_estimated(path):
    """Loud and silent parts have other bit rates, by which the length would be guessed."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000).astype(np.float32)
    wave = np.concatenate([noise, np.zeros(4 * 48_000, np.float32)])
    write_file(path, [TrackSpec(wave[None])], 48_000, format="adts")
    assert abs(audio_info(path).n_samples - len(wave)) <= 2048


def test_headers_are_read_as_the_standard_writes_them():
    frame = mpeg_frame(b"\xff\xfb\x90\x00")  # MPEG-1 layer III, 128 kbps, 44.1 kHz
    assert (frame.n_bytes, frame.n_samples, frame.sample_rate, frame.n_channels) == (
        *(417, 1152, 44_100),
        2,
    )
    assert mpeg_frame(b"\xff\xf3\x40\xc4").n_samples == 576
    assert mpeg_frame(b"\xff\xfb\xf0\x00") is None  # no such bit rate
    assert mpeg_frame(b"\xff\xf9\x50\x80") is None  # ADTS
    frame = adts_frame(b"\xff\xf1\x4c\x80\x2a\x9f\xfc")
    assert (frame.n_bytes, frame.sample_rate, frame.n_channels) == (340, 48_000, 2)
    assert adts_frame(b"\xff\xfb\x90\x00\0\0\0") is None


def test_true_audio_is_compared_with_its_table_of_frames(path):
    wave = click(4, RATE, 2.0)
    write_file(path, [TrackSpec(wave[None], "tta")], RATE, format="tta")
    raw = path.read_bytes()
    info = audio_info(path)
    assert (info.n_samples, info.format, info.notes) == (len(wave), "TTA", ())
    for share in (0.001, 0.3, 0.9):
        path.write_bytes(raw[: int(share * len(raw))])
        refused(path, "a file must be whole|header is not whole")
    path.write_bytes(raw + bytes(range(1, 255)))
    refused(path, "follow the end that the header declares")
