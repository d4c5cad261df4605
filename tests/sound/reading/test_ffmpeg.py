"""Sound is placed by its time stamps, in the format of its first frame, and counted."""

import av
import numpy as np
import pytest
from fake_sounds import TrackSpec, click, onset_s, refused, tone, write_file, write_video

from giblet_core.sound import audio_info, load_audio
from giblet_core.sound.reading.ffmpeg import as_float

RATE = 48_000


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts", ".mov"])
@pytest.mark.parametrize("late_s", [0.0, 0.013, 0.5])
def test_a_track_that_begins_late_is_placed_by_its_time_stamps(tmp_path, suffix, late_s):
    path = tmp_path / f"late{suffix}"
    tracks = [TrackSpec(click(5, RATE, 2.0)[None], start_s=late_s)]
    write_file(path, tracks, RATE, picture_s=6.0)
    delay_s = 1024 / RATE if suffix == ".ts" else 0.0  # of the encoder: before the picture
    expected_s = 2.0 + max(late_s, delay_s)
    assert abs(onset_s(load_audio(path, RATE), RATE) - expected_s) < 0.0015
    if late_s == 0.5:
        assert "s late: silence until then" in audio_info(path).notes[0]


def test_a_late_track_that_is_read_in_pieces(tmp_path):
    write_video(tmp_path / "late.mkv", tone(440, 1.5, RATE), RATE, start_s=0.5)
    whole = load_audio(tmp_path / "late.mkv", RATE)
    assert abs(onset_s(whole, RATE, 0.2) - 0.5) < 0.03
    piece = load_audio(tmp_path / "late.mkv", RATE, start_s=0.25, stop_s=1.0)
    assert np.array_equal(piece, whole[12_000:48_000])


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_gap_in_the_time_stamps_is_silence_and_said(tmp_path, suffix):
    path = tmp_path / f"gap{suffix}"
    tracks = [TrackSpec(click(5, RATE, 2.0)[None], gap=(1.0, 0.7))]
    write_file(path, tracks, RATE, picture_s=6.0)
    assert abs(onset_s(load_audio(path, RATE), RATE) - 2.7) < 0.03
    assert any("1 gaps in its time stamps are silence" in note for note in audio_info(path).notes)


def test_a_jump_of_the_time_stamps_beyond_reason_is_refused(tmp_path):
    path = tmp_path / "jump.mkv"
    tracks = [TrackSpec(click(5, RATE, 2.0)[None], gap=(1.0, 5000.0))]
    write_file(path, tracks, RATE)
    refused(path, "time stamps jump by 5000 s; a gap may last 600 s")


def test_a_layout_that_changes_in_a_film_is_refused(tmp_path):
    """Broadcasts change from two channels to six and back."""
    path = tmp_path / "film.ts"
    parts = []
    for layout in (2, 6):
        channels = np.repeat(click(1, RATE, 0.5)[None], layout, 0)
        write_file(path, [TrackSpec(channels, "ac3")], RATE, format="ac3")
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))
    refused(path, r"changes from stereo at 48000 Hz to 5.1\(side\) at 48000 Hz after 1.* s")


@pytest.mark.parametrize(
    ("format", "numbers", "expected"),
    [
        ("u8", [0, 128, 255], [-1, 0, 127 / 128]),
        ("s16", [-32768, 0, 16384], [-1, 0, 0.5]),
        ("s16p", [-32768, 0, 16384], [-1, 0, 0.5]),
        ("s32", [-(2**31), 0, 2**30], [-1, 0, 0.5]),
        ("flt", [-1.5, 0, 0.25], [-1.5, 0, 0.25]),
        ("dblp", [-1.5, 0, 0.25], [-1.5, 0, 0.25]),
        ("dbl", [-1e300, 0, np.inf], [-np.inf, 0, np.inf]),
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_samples_of_every_format_become_floats(format, numbers, expected, n_channels):
    planar = format.endswith("p")
    dtype = av.audio.frame.format_dtypes[format]
    channels = np.array([numbers, numbers[::-1]][:n_channels], dtype)
    samples = channels if planar else channels.T.reshape(1, -1)
    layout = {1: "mono", 2: "stereo"}[n_channels]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=format, layout=layout)
    back = as_float(frame)
    assert back.dtype == np.float32
    assert np.allclose(back, [expected, expected[::-1]][:n_channels], atol=1e-7)


@pytest.mark.parametrize(("declared", "options"), [(True, {}), (False, {"use_editlist": "0"})])
def test_mp4_says_whether_it_declares_the_encoders_delay(tmp_path, declared, options):
    path = tmp_path / "sound.mp4"
    write_file(path, [TrackSpec(click(4, RATE, 2.0)[None])], RATE, options=options)
    delay_s = 0.0 if declared else 1024 / RATE
    assert abs(onset_s(load_audio(path, RATE), RATE) - 2.0 - delay_s) < 0.0015
    is_said = any("delay is not declared" in note for note in audio_info(path).notes)
    assert is_said is not declared
