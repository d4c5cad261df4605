"""MPEG transport streams: whole packets, none missing, one after the other."""

import numpy as np
import pytest
from fake_sounds import TrackSpec, click, onset_s, refused, write_file

from giblet_core.sound import audio_info, load_audio

RATE = 48_000
N_BYTES = 188


@pytest.fixture
def path(tmp_path):
    return tmp_path / "film.ts"


@pytest.fixture
def raw(path):
    wave = click(4, RATE, 2.0)
    wave += 0.02 * np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
    write_file(path, [TrackSpec(wave[None], start_s=0.5)], RATE, format="mpegts", picture_s=5.0)
    return path.read_bytes()


def stream_of(packet):
    return int.from_bytes(packet[1:3]) & 0x1FFF


def packets_of(raw):
    return [raw[first : first + N_BYTES] for first in range(0, len(raw), N_BYTES)]


def numbers_of(raw, stream):
    return [i for i, packet in enumerate(packets_of(raw)) if stream_of(packet) == stream]


PICTURE = 0x100
SOUND = 0x101


def test_a_beginning_that_is_no_packet_is_refused(path, raw):
    path.write_bytes(raw[50:])
    refused(path, "no packet begins where the first should|must")


def test_sound_is_placed_by_its_time_stamps(path, raw):
    back = load_audio(path, RATE)
    assert abs(onset_s(back, RATE) - 2.5) < 0.002
    assert "begins 0.479 s late" in audio_info(path).notes[0]


def test_a_missing_packet_of_the_sound_is_refused_and_one_of_the_picture_not(path, raw):
    packets = packets_of(raw)
    lost = numbers_of(raw, SOUND)[20]
    path.write_bytes(b"".join(packets[:lost] + packets[lost + 1 :]))
    refused(path, "of its sound track packets are missing at 1 places")
    n_samples = None
    path.write_bytes(raw)
    n_samples = audio_info(path).n_samples
    lost = numbers_of(raw, PICTURE)[20]
    path.write_bytes(b"".join(packets[:lost] + packets[lost + 1 :]))
    assert audio_info(path).n_samples == n_samples


def test_a_packet_that_is_sent_twice_is_no_fault(path, raw):
    packets = packets_of(raw)
    twice = numbers_of(raw, SOUND)[20]
    path.write_bytes(b"".join(packets[: twice + 1] + packets[twice:]))
    assert audio_info(path).format == "MPEG-TS"


def test_a_cut_within_or_between_packets_is_refused(path, raw):
    path.write_bytes(raw[:-20])
    refused(path, "declares packets of 188 bytes but 168 bytes of the last are there")
    last = numbers_of(raw, SOUND)[-1]
    path.write_bytes(raw[: last * N_BYTES])
    refused(path, "its last part declares .* bytes but .* are there")


def renumbered(packets):
    """The packets with counters that go on, whatever they were."""
    counters = {}
    result = []
    for packet in packets:
        stream = stream_of(packet)
        has_content = packet[3] & 0x10
        counters[stream] = (counters.get(stream, -1) + bool(has_content)) % 16
        result.append(packet[:3] + bytes([packet[3] & 0xF0 | counters[stream]]) + packet[4:])
    return result


def test_two_streams_joined_are_refused(path, raw):
    path.write_bytes(raw * 2)
    refused(path, "packets are missing|time stamps go back")
    path.write_bytes(b"".join(renumbered(packets_of(raw))))
    assert audio_info(path).format == "MPEG-TS"
    path.write_bytes(b"".join(renumbered(packets_of(raw * 2))))
    refused(path, "time stamps go back by .* s after .* s; they must go on")


@pytest.mark.parametrize("extra", [4, 16])
def test_packets_may_carry_a_time_code_or_a_checksum(path, raw, extra):
    n_samples = audio_info(path).n_samples
    before, behind = (bytes(extra), b"") if extra == 4 else (b"", bytes(extra))
    path.write_bytes(b"".join(before + packet + behind for packet in packets_of(raw)))
    assert audio_info(path).n_samples == n_samples


# --- program streams -----------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "film.mpg"
    wave = click(4, RATE, 2.0)
    wave += 0.02 * np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
    write_file(path, [TrackSpec(wave[None], "mp2")], RATE, format="mpeg", picture_s=4.0)
    return path


def test_a_program_stream_is_read_whole(program):
    info = audio_info(program)
    assert info.format == "MPEG-PS"
    assert abs(onset_s(load_audio(program, RATE), RATE) - 2.0) < 0.02
    assert not any("not compared" in note for note in info.notes)


@pytest.mark.parametrize("share", [0.41, 0.77, 0.97])
def test_a_program_stream_that_was_cut_is_refused(program, share):
    raw = program.read_bytes()
    program.write_bytes(raw[: int(share * len(raw)) | 1])
    refused(program, "a file must be whole|header is not whole")


def test_what_lies_between_the_parts_of_a_program_stream(program):
    raw = program.read_bytes()
    n_samples = audio_info(program).n_samples
    second_pack = raw.find(b"\0\0\1\xba", 100)
    program.write_bytes(raw[:second_pack] + bytes(500) + raw[second_pack:])
    assert audio_info(program).n_samples == n_samples  # zeros fill up sectors
    program.write_bytes(raw[:second_pack] + b"damaged" + raw[second_pack:])
    refused(program, f"no part begins at byte {second_pack}")
    program.write_bytes(raw + b"\0\0\1\xb9")
    assert audio_info(program).n_samples == n_samples
    program.write_bytes(raw + b"\0\0\1\xb9" + raw)
    refused(program, "a second MPEG-PS file begins")
