"""Ogg pages and FLAC frames: none missing, none damaged, the last one there."""

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import RATE, TrackSpec, refused, tone, write_file

from giblet_core.sound import audio_info, load_audio
from giblet_core.sound.containers import Source
from giblet_core.sound.containers.xiph import checksum, crc16, pages_of

WAVE = tone(440, 20.0, RATE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound"


@pytest.fixture
def ogg(path):
    sf.write(path, WAVE, RATE, format="OGG", subtype="VORBIS")
    return path


def pages(path):
    with Source(path) as source:
        return [source.data[page.start : page.stop] for page in pages_of(source)]


def test_the_checksums_are_those_of_the_formats(ogg):
    page = pages(ogg)[0]
    assert checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")
    assert crc16(b"123456789") == 0xFEE8  # CRC-16/BUYPASS


def test_a_missing_a_moved_and_a_damaged_page_are_refused(ogg):
    parts = pages(ogg)
    assert len(parts) > 4
    ogg.write_bytes(b"".join(parts[:-3] + parts[-2:]))
    refused(ogg, "pages of Ogg are missing")
    ogg.write_bytes(b"".join([*parts[:-3], parts[-2], parts[-3], parts[-1]]))
    refused(ogg, "pages of Ogg are missing")
    ogg.write_bytes(b"".join(parts[:-1]))
    refused(ogg, "last page is not marked as the last")
    harmed = bytearray(b"".join(parts))
    harmed[-200] ^= 1
    ogg.write_bytes(harmed)
    refused(ogg, "does not match its checksum")


def test_ogg_with_several_streams_is_a_file_with_tracks(path):
    tracks = [TrackSpec(WAVE[None, : 2 * RATE], "libopus"), TrackSpec(WAVE[None] / 2, "libopus")]
    write_file(path, tracks, RATE, format="ogg")
    assert len(audio_info(path).tracks) == 2


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_flac_is_read_whole_with_and_without_a_declared_length(path, channels):
    wave = np.stack([WAVE[:RATE] / (1 + i) for i in range(channels)], 1)
    sf.write(path, wave, RATE, format="FLAC")
    declared = load_audio(path, RATE)
    assert len(declared) == RATE
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    assert np.abs(load_audio(path, RATE) - declared).max() < 1e-6
    assert "length open" in audio_info(path).notes[0]


@pytest.mark.parametrize("n_declared", [12_000, 30_000])
def test_flac_has_to_hold_as_many_samples_as_it_declares(path, n_declared):
    sf.write(path, WAVE[:RATE], RATE, format="FLAC")
    raw = bytearray(path.read_bytes())
    raw[22:26] = n_declared.to_bytes(4)
    path.write_bytes(raw)
    refused(path, f"declares {n_declared} samples but 24000 are there")


@pytest.mark.parametrize("channels", [1, 6])
def test_a_flipped_bit_in_flac_is_refused(path, channels, rng):
    wave = 0.1 * rng.standard_normal((RATE, channels))
    sf.write(path, wave, RATE, format="FLAC")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 8
    path.write_bytes(raw)
    refused(path, "damaged|must")


def test_flac_may_be_tagged(path):
    sf.write(path, WAVE[:RATE], RATE, format="FLAC")
    raw = path.read_bytes()
    for tagged in (b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + raw, raw + b"TAG" + bytes(125)):
        path.write_bytes(tagged)
        assert audio_info(path).n_samples == RATE
