"""Of several sound tracks the default one is read, or the one that is asked for."""

import numpy as np
import pytest
from fake_sounds import TrackSpec, peak_hz, refused, tone, write_file

from giblet_core.commands import main
from giblet_core.sound import audio_info, load_audio

RATE = 48_000


def track(hz, **facts):
    return TrackSpec(tone(hz, 2.0, RATE)[None], **facts)


@pytest.fixture
def film(tmp_path):
    """English, then German, which is the default, then a commentary."""
    tracks = [
        track(300, language="eng"),
        track(500, language="ger", default=True),
        track(700, language="eng", codec="libmp3lame"),
    ]
    path = tmp_path / "film.mkv"
    write_file(path, tracks, RATE, picture_s=2.0)
    return path


def test_the_default_wins_over_the_first(film):
    assert abs(peak_hz(load_audio(film, RATE), RATE) - 500) < 2
    info = audio_info(film)
    assert info.track == 1
    assert [there.is_default for there in info.tracks] == [False, True, False]


@pytest.mark.parametrize(("number", "hz"), [(0, 300), (1, 500), (2, 700)])
def test_a_track_is_chosen_by_its_number(film, number, hz):
    assert abs(peak_hz(load_audio(film, RATE, track=number), RATE) - hz) < 2
    assert audio_info(film, track=number).track == number


@pytest.mark.parametrize("format", ["mp4", "mpegts", "ogg"])
def test_without_a_default_the_first_is_read(tmp_path, format):
    path = tmp_path / "film"
    codec = "libopus" if format == "ogg" else "aac"
    write_file(path, [track(300, codec=codec), track(500, codec=codec)], RATE, format=format)
    assert abs(peak_hz(load_audio(path, RATE), RATE) - 300) < 2
    assert abs(peak_hz(load_audio(path, RATE, track=1), RATE) - 500) < 2


@pytest.mark.parametrize("number", [3, -1, True, "1", 0.0])
def test_a_track_that_is_not_there_is_refused_with_those_there_are(film, number):
    message = refused(film, "must be the number of a sound track", track=number)
    assert message.startswith(f"track={number!r}: ")
    assert "1: ger, mono, aac, 48000 Hz, default" in message


def test_a_plain_sound_has_track_0_alone(tmp_path):
    path = tmp_path / "sound.flac"
    write_file(path, [track(300, codec="flac")], RATE)
    assert np.array_equal(load_audio(path, RATE, track=0), load_audio(path, RATE))
    refused(path, "must be the number of a sound track", track=1)


@pytest.mark.slow
def test_info_names_the_tracks_and_encode_takes_one(film, capsys, tmp_path):
    assert main(["info", str(film)]) == 0
    shown = capsys.readouterr().out
    for line in ("0: eng, mono, aac", "1: ger, mono, aac, 48000 Hz, default", "track: 1"):
        assert line in shown
    assert main(["info", str(film), "--track", "7"]) == 2
    assert "track=7: must be" in capsys.readouterr().err
    written = []
    for number in (0, 2):
        path = tmp_path / f"{number}.npz"
        assert main(["encode", str(film), str(path), "--track", str(number)]) == 0
        written.append(path.read_bytes())
    assert written[0] != written[1]
