"""MP4, Matroska and AVI: outermost boxes are whole, and there is one file."""

import struct

import pytest
from fake_sounds import FASTSTART, FRAGMENTED, RATE, TrackSpec, refused, tone, write_file

from giblet_core.sound import audio_info

WAVE = tone(440, 3.0, 48_000)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound"


def write(path, format, codec="aac", options=None, picture_s=0.0):
    track = TrackSpec(WAVE[None], codec)
    write_file(path, [track], 48_000, format=format, options=options, picture_s=picture_s)
    return path.read_bytes()


def test_a_film_without_its_index_is_refused(path):
    raw = write(path, "mp4")
    path.write_bytes(raw[: raw.find(b"moov") - 4])
    refused(path, r"no index of its content \(moov\)")


@pytest.mark.parametrize("options", [FASTSTART, FRAGMENTED, None])
def test_a_box_that_is_cut_is_refused(path, options):
    raw = write(path, "mp4", options=options)
    path.write_bytes(raw[:-100])
    refused(path, "declares .* bytes of its box .* are there")


def test_an_open_box_without_the_samples_of_the_index_is_refused(path):
    raw = write(path, "mp4", options=FASTSTART)
    start = raw.find(b"mdat") - 4
    opened = raw[:start] + bytes(4) + raw[start + 4 :]
    path.write_bytes(opened)
    assert audio_info(path).n_samples == len(WAVE)
    path.write_bytes(opened[: start + (len(raw) - start) // 2])
    refused(path, "must|damaged")


def test_two_films_joined_are_refused(path):
    raw = write(path, "mp4")
    path.write_bytes(raw * 2)
    refused(path, "a second MP4 file begins")


@pytest.mark.parametrize("options", [{}, {"live": "1"}])
def test_matroska_of_known_and_of_open_length(path, options):
    raw = write(path, "matroska", options=options)
    info = audio_info(path)
    assert abs(info.n_samples - len(WAVE)) <= 1024
    assert any("length open" in note for note in info.notes) == bool(options)
    path.write_bytes(raw[:-30])
    refused(path, "are there; a file must be whole")
    path.write_bytes(raw * 2)
    refused(path, "a second Matroska file begins")


def test_an_avi_that_is_cut_or_joined_is_refused(path):
    raw = write(path, "avi", "pcm_s16le", picture_s=3.0)
    assert audio_info(path).n_samples == len(WAVE)
    path.write_bytes(raw[:-100])
    refused(path, "declares .* bytes but .* are there")
    path.write_bytes(raw * 2)
    refused(path, "a second RIFF file begins")
    continued = raw + b"RIFF" + struct.pack("<I", 4) + b"AVIX"
    path.write_bytes(continued)
    assert audio_info(path).n_samples == len(WAVE)


def test_the_sound_of_a_film_is_as_long_as_itself_not_as_the_picture(path):
    write(path, "mp4", picture_s=5.0)
    info = audio_info(path)
    assert abs(info.duration_s - 3.0) < 0.001
    assert info.sample_rate == 2 * RATE
