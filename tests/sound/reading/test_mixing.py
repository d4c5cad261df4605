"""From channels to one: mean, ITU-R BS.775, a channel alone; what would cancel is refused."""

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import RATE, TrackSpec, refused, tone, write_file

from giblet_core.errors import InputError
from giblet_core.sound import audio_info, load_audio

LEFT = tone(440, 1.0, RATE, level=0.3)
RIGHT = tone(870, 1.0, RATE, level=0.2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound.wav"


def write(path, *channels, subtype="FLOAT", format="WAV"):
    sf.write(path, np.stack(channels, 1), RATE, subtype=subtype, format=format)
    return path


def test_two_channels_are_averaged(path):
    write(path, LEFT, RIGHT)
    assert np.allclose(load_audio(path), (LEFT + RIGHT) / 2, atol=1e-7)
    assert audio_info(path).notes == ()


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("left", LEFT), ("right", RIGHT), (0, LEFT), (1, RIGHT), ("1", RIGHT), ("FR", RIGHT)],
)
def test_a_channel_alone(path, channel, expected):
    write(path, LEFT, RIGHT)
    assert np.array_equal(load_audio(path, channel=channel), expected)


@pytest.mark.parametrize("channel", ["middle", 2, -1, "centre", ""])
def test_a_channel_that_is_not_there_is_refused_with_those_there_are(path, channel):
    write(path, LEFT, RIGHT)
    message = refused(path, "must be a channel of", channel=channel)
    assert message.startswith(f"channel={channel!r}: ")
    assert "left|right" in message


def test_mono_has_one_channel(path):
    write(path, LEFT)
    assert np.array_equal(load_audio(path, channel=0), LEFT)
    refused(path, "must be a channel of .*: 0. Choose", channel="left")


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP4"])
def test_opposite_phase_is_refused_with_the_remedy_and_the_remedy_helps(path, format):
    channels = np.stack([LEFT, -LEFT])
    if format == "MP4":
        write_file(path, [TrackSpec(channels, "alac")], RATE, format="mp4")
    else:
        sf.write(path, channels.T, RATE, format=format)
    refused(path, r"may lose 20 dB. Choose one with channel: left\|right.")
    assert np.abs(load_audio(path, RATE, channel="left") - LEFT).max() < 1e-4
    assert audio_info(path, channel="right").n_channels == 2


@pytest.mark.parametrize(
    ("channels", "fits"),
    [
        ((LEFT, 0 * LEFT), True),
        ((LEFT, -0.7 * LEFT), True),  # 16 dB
        ((LEFT, -0.85 * LEFT), False),  # 22 dB
        ((LEFT, RIGHT), True),
        ((1e-5 * LEFT, -1e-5 * LEFT), True),  # below -80 dB nothing is heard that could be lost
        ((0 * LEFT, 0 * LEFT), True),
        ((LEFT, *[0 * LEFT] * 7), True),  # 18 dB
        ((LEFT, *[0 * LEFT] * 11), False),  # 22 dB
    ],
)
def test_a_mix_may_lose_20_db_against_its_loudest_channel(path, channels, fits):
    write(path, *channels)
    if fits:
        assert len(load_audio(path)) == RATE
    else:
        refused(path, "as with opposite phase")


SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
HALF = 0.5
THREE_DB = np.sqrt(0.5)


WEIGHTS = (HALF, HALF, THREE_DB, 0.0, HALF * THREE_DB, HALF * THREE_DB)


@pytest.mark.parametrize(("place", "weight"), [*zip(SURROUND, WEIGHTS)])
@pytest.mark.parametrize("format", ["WAVEX", "FLAC", "matroska"])
def test_surround_sound_is_mixed_after_bs_775(path, format, place, weight):
    channels = np.zeros((6, RATE), np.float32)
    channels[0] = 1e-3 * RIGHT  # so that not all is silent where the low-frequency channel is tried
    channels[SURROUND.index(place)] += LEFT
    if format == "matroska":
        write_file(path, [TrackSpec(channels, "flac")], RATE, format="matroska")
    else:
        sf.write(path, channels.T, RATE, format=format)
    expected = weight * LEFT + HALF * 1e-3 * RIGHT
    assert np.abs(load_audio(path, RATE) - expected).max() < 2e-4
    assert "ITU-R BS.775" in audio_info(path).notes[0]
    centre = load_audio(path, RATE, channel="centre")
    assert np.abs(centre - (LEFT if place == "FC" else 0)).max() < 2e-4


def test_channels_without_places_are_averaged_and_that_is_said(path):
    write(path, LEFT, RIGHT, LEFT, LEFT)
    assert np.allclose(load_audio(path), (3 * LEFT + RIGHT) / 4, atol=1e-6)
    [note] = audio_info(path).notes
    assert "not ITU-R BS.775" in note
    assert "0|1|2|3" in note
    assert np.array_equal(load_audio(path, channel=1), RIGHT)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_counted_and_refused(path, bad):
    harmed = LEFT.copy()
    harmed[[7, 9]] = bad
    refused(write(path, harmed), "2 of 24000 samples are NaN or infinite")
    refused(write(path, harmed, RIGHT), "2 of 24000 samples are NaN or infinite")


def test_numbers_of_16_bits_in_floating_point_are_refused(path):
    refused(write(path, LEFT * 32768), "samples reach .* divide numbers of 16 bits by 32768")
    assert np.abs(load_audio(write(path, LEFT * 8))).max() > 2


def test_errors_are_errors_of_input(path):
    with pytest.raises(InputError):
        load_audio(write(path, LEFT, -LEFT))
