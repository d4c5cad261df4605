"""Lengths in the headers of WAV, RF64, W64, AIFF, CAF and AU: open, wrapped, wrong, unpadded."""

import struct

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import RATE, refused, riff, tone

from giblet_core.sound import audio_info, load_audio
from giblet_core.sound.containers import Source, inspect_container

WAVE = tone(440, 1.0, RATE)
PCM = (WAVE * 32767).astype("<i2")
OPEN_SIZES = [
    *(0, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFDB, 0xFFFFFF00, 0xFFFF0000),
    *(0x7FFFF000, 0x7FFFF024, 0x7FFFEFDC, 0x7FFFFFFF, 0x7FFFFFDB, 0x80000000, 0x80000024),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound.wav"


def assert_whole(path, n_samples=RATE):
    """The file is read to its end, and info says what was done."""
    info = audio_info(path)
    assert info.n_samples == n_samples
    back = load_audio(path, info.sample_rate)
    assert np.abs(back[:RATE] - WAVE).max() < 1e-4
    return info


@pytest.mark.parametrize("before", [b"", b"LIST\x0a\0\0\0INFOISFT\1\0"])
@pytest.mark.parametrize("size", OPEN_SIZES, ids=hex)
def test_a_length_left_open_by_a_pipe_is_read_to_the_end_and_said(path, size, before):
    path.write_bytes(riff(PCM, data_size=size, riff_size=size, before=before))
    assert "length open" in assert_whole(path).notes[0]
    assert np.array_equal(load_audio(path, RATE, 0.25, 0.5), load_audio(path, RATE)[6000:12000])


@pytest.mark.parametrize("size", [48_000 + 2, 96_000, 0x7FFE0000, 0x80020000, 0xFFFE0000])
def test_another_length_is_a_cut(path, size):
    path.write_bytes(riff(PCM, data_size=size))
    refused(path, f"declares {size} bytes of sound but 48000 are there")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_pipes_that_were_joined_are_refused(path, size):
    path.write_bytes(riff(PCM, data_size=size) * 2)
    refused(path, "a second WAV file begins at byte 48044")


def test_an_empty_sound_is_refused(path):
    path.write_bytes(riff(PCM[:0]))
    refused(path, "holds no sound")


@pytest.mark.parametrize("n_wraps", [1, 2])
def test_a_length_of_32_bits_that_wrapped_is_read_to_its_true_end(path, n_wraps):
    """A sparse file of more than 4 GiB; its header holds the length modulo 4 GiB."""
    path.write_bytes(riff(PCM, data_size=48_000))
    n_bytes = 48_000 + n_wraps * (1 << 32)
    with path.open("r+b") as handle:
        handle.seek(44 + n_bytes - 48_000)
        handle.write(PCM.tobytes())
    with Source(path) as source:
        container = inspect_container(source)
    assert container.n_samples == n_bytes // 2
    assert "wrapped" in container.notes[0]
    last_s = n_bytes // 2 / RATE - 1
    assert np.abs(load_audio(path, RATE, start_s=last_s) - WAVE).max() < 1e-4


@pytest.mark.parametrize(
    "after",
    [
        b"LIST\x0a\0\0\0INFOISFT\1\0",
        b"id3 \x0a\0\0\0" + bytes(10),
        b"TAG" + bytes(125),
        b"note\5\0\0\0hello",
        bytes(4000),
    ],
    ids=["LIST", "id3 chunk", "ID3v1", "odd chunk at the end", "zeros"],
)
def test_chunks_tags_and_padding_may_follow_the_sound(path, after):
    path.write_bytes(riff(PCM, after=after))
    assert assert_whole(path).notes == ()


def test_a_few_bytes_behind_the_sound_are_not_read_and_said(path):
    path.write_bytes(riff(PCM, after=bytes(range(37))))
    assert assert_whole(path).notes == ("37 bytes behind its declared end are not read",)


@pytest.mark.parametrize("n_declared", [2, 24_000, 47_000])
def test_a_header_that_declares_too_little_is_refused(path, n_declared):
    path.write_bytes(riff(PCM, data_size=n_declared))
    refused(path, "bytes follow the end that the header declares .*sox --ignore-length")


def test_a_second_chunk_of_sound_is_refused(path):
    sound = PCM.tobytes()
    path.write_bytes(riff(PCM, after=b"data" + struct.pack("<I", len(sound)) + sound))
    refused(path, "two chunks of sound")


@pytest.mark.parametrize("before", [b"note\5\0\0\0hello", b"note\5\0\0\0hello\0"])
def test_a_chunk_of_odd_length_may_lack_its_padding(path, before):
    path.write_bytes(riff(PCM, before=before))
    assert_whole(path)


def test_a_header_without_format_or_without_sound_is_refused(path):
    whole = riff(PCM)
    path.write_bytes(whole.replace(b"fmt ", b"fmx "))
    refused(path, "does not say how the sound is coded")
    path.write_bytes(whole.replace(b"data", b"dota"))
    refused(path, "names no sound")


@pytest.mark.parametrize("rate", [0, 100, 2_000_000, 0xFEFEFE00])
def test_a_rate_that_no_sound_has_is_refused(path, rate):
    path.write_bytes(put(riff(PCM), 24, "<I", rate))
    refused(path, "must")


def test_a_rate_beyond_every_program_is_refused_where_the_length_is_open_too(path):
    raw = put(riff(PCM, data_size=0), 24, "<I", 0xFEFEFE00)
    path.write_bytes(raw)
    refused(path, f"declares 1 channels at {0xFEFEFE00} Hz")


def put(data, start, format, *numbers):
    """Replace numbers in a header."""
    packed = struct.pack(format, *numbers)
    return data[:start] + packed + data[start + len(packed) :]


OPEN_HEADERS = {
    "RF64": lambda raw: put(raw, raw.find(b"ds64") + 8, "<QQ", 0, 0),
    "W64": lambda raw: put(raw, raw.find(b"data\xf3") + 16, "<Q", (1 << 63) - 1),
    "AU": lambda raw: put(raw, 8, ">I", 0xFFFFFFFF),
    "CAF": lambda raw: put(raw, raw.find(b"data") + 4, ">q", -1),
    "AIFF": lambda raw: put(
        put(raw, raw.find(b"SSND") + 4, ">I", 0), raw.find(b"COMM") + 10, ">I", 0
    ),
}


@pytest.mark.parametrize("format", OPEN_HEADERS)
def test_other_containers_may_leave_the_length_open_too(path, format):
    sf.write(path, WAVE, RATE, format=format, subtype="PCM_16")
    path.write_bytes(OPEN_HEADERS[format](path.read_bytes()))
    assert "length open" in assert_whole(path).notes[0]
    path.write_bytes(path.read_bytes() * 2)
    refused(path, "a second .* file begins")


def test_aiff_has_to_count_as_many_samples_as_it_holds(path):
    sf.write(path, WAVE, RATE, format="AIFF", subtype="PCM_16")
    raw = path.read_bytes()
    at = raw.find(b"COMM") + 10
    path.write_bytes(put(raw, at, ">I", RATE // 2))
    refused(path, "declares 12000 samples but 24000 are there")
    path.write_bytes(put(raw, at, ">I", 2 * RATE))
    refused(path, "declares 48000 samples but 24000 are there")


@pytest.mark.parametrize(
    ("subtype", "extra"), [("PCM_U8", 1), ("PCM_S8", 1), ("ULAW", 1), ("PCM_24", 0)]
)
def test_an_odd_number_of_bytes_is_read_whole(path, subtype, extra):
    wave = WAVE[: RATE - 1]
    format = "WAV" if subtype != "PCM_S8" else "AIFF"
    sf.write(path, wave, RATE, format=format, subtype=subtype)
    assert 0 <= audio_info(path).n_samples - len(wave) <= extra


def test_compressed_sound_of_open_length_is_refused(path):
    sf.write(path, WAVE, RATE, format="WAV", subtype="IMA_ADPCM")
    raw = path.read_bytes()
    path.write_bytes(put(raw, raw.find(b"data") + 4, "<I", 0xFFFFFFFF))
    refused(path, "compressed sound open")


def test_nist_headers_are_compared(path):
    sf.write(path, WAVE, RATE, format="NIST", subtype="PCM_16")
    raw = path.read_bytes()
    assert_whole(path)
    path.write_bytes(raw.replace(b"sample_count -i 24000", b"sample_count -i 30000"))
    refused(path, "declares 30000 samples")
    for harmed in (b"sample_kount -i 24000", "sample_count -i 2400²".encode("latin-1")):
        path.write_bytes(raw.replace(b"sample_count -i 24000", harmed))
        refused(path, "must give numbers for sample_count")


def described(*descriptions):
    """A WAV of 16 bit, mono, with these descriptions (``fmt``) before its sound."""
    sound = PCM.tobytes()
    body = b"WAVE"
    for values in descriptions:
        body += b"fmt " + struct.pack("<I", 16) + struct.pack("<HHIIHH", *values)
    body += b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_frame_whose_bytes_are_not_those_of_its_samples_is_refused(path):
    path.write_bytes(described((1, 1, RATE, RATE * 2, 4, 16)))
    refused(path, "1 channels of 16 bits in 4 bytes; the bytes must be 2")


@pytest.mark.parametrize("fields", [(1, 1, RATE, RATE * 2, 0, 16), (1, 1, RATE, 12_345, 2, 16)])
def test_numbers_that_follow_from_the_others_may_be_wrong(path, fields):
    path.write_bytes(described(fields))
    assert_whole(path)


def test_two_descriptions_of_one_sound_are_refused(path):
    path.write_bytes(described((1, 1, RATE, 2 * RATE, 2, 16), (1, 1, 2 * RATE, 4 * RATE, 2, 16)))
    refused(path, "says twice how the sound is coded")
