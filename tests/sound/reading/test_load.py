"""Reading sound: what a file is, its content says; rates, pieces, damage."""

import shutil

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import FILE_KINDS, RATE, TrackSpec, peak_hz, refused, tone, write_file, write_video

from giblet_core.errors import InputError
from giblet_core.sound import audio_info, load_audio, resample


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        (".wav", "PCM_16", 1e-4),
        (".wav", "FLOAT", 1e-7),
        (".wav", "PCM_24", 1e-6),
        (".flac", "PCM_16", 1e-4),
        (".mp3", "MPEG_LAYER_III", 0.02),
        (".ogg", "VORBIS", 0.03),
    ],
)
def test_sound_comes_back_from_every_format(tmp_path, suffix, subtype, tolerance):
    wave = tone(440, 1.0, RATE)
    path = tmp_path / f"a{suffix}"
    sf.write(path, wave, RATE, subtype=subtype)
    back = load_audio(path, RATE)
    assert len(back) == len(wave)
    assert np.sqrt(np.mean((back - wave)[1200:-4800] ** 2)) < tolerance
    assert back.dtype == np.float32


def test_opus_keeps_the_tone(tmp_path):
    sf.write(tmp_path / "a.opus", tone(440, 1.0, RATE), RATE, format="OGG", subtype="OPUS")
    assert abs(peak_hz(load_audio(tmp_path / "a.opus", RATE), RATE) - 440) < 2


@pytest.mark.parametrize("rate", [8000, 22_050, 44_056, 47_999, 48_000, 384_000])
def test_any_rate_keeps_duration_and_pitch(tmp_path, rate):
    path = tmp_path / "a.wav"
    sf.write(path, tone(1000, 2.0, rate), rate, subtype="FLOAT")
    back = load_audio(path, RATE)
    assert abs(len(back) - 2 * RATE) <= 1
    assert abs(peak_hz(back, RATE) - 1000) < 1
    assert audio_info(path).duration_s == 2.0


@pytest.mark.parametrize("rate", [1, 100, 999])
def test_a_rate_that_is_none_of_sound_is_refused(tmp_path, rate):
    sf.write(tmp_path / "a.wav", np.zeros(100), rate)
    refused(tmp_path / "a.wav", f"its rate of {rate} Hz must lie between 1000 and 1000000 Hz")


def test_a_file_read_in_blocks_equals_one_resampling(tmp_path, monkeypatch, rng):
    wave = (0.1 * rng.standard_normal(50_000)).astype(np.float32)
    sf.write(tmp_path / "a.wav", wave, 44_100, subtype="FLOAT")
    whole = resample(wave, 44_100, RATE)
    monkeypatch.setattr("giblet_core.sound.reading.sndfile.BLOCK", 4096)
    assert np.abs(load_audio(tmp_path / "a.wav", RATE) - whole).max() < 1e-5


EXACT = [pytest.param(kind, id=kind.name) for kind in FILE_KINDS if kind.exact]


@pytest.mark.parametrize("kind", EXACT)
def test_a_piece_is_the_same_samples(tmp_path, rng, kind):
    path = tmp_path / "sound"
    kind.write(path, (0.1 * rng.standard_normal((1, 3 * 48_000))).astype(np.float32), 48_000)
    whole = load_audio(path, 48_000)
    piece = load_audio(path, 48_000, start_s=0.5, stop_s=1.25)
    assert np.array_equal(piece, whole[24_000:60_000])
    assert np.array_equal(load_audio(path, 48_000, start_s=2.5), whole[120_000:])
    with pytest.raises(InputError, match="no sound between 4 s and its end"):
        load_audio(path, 48_000, start_s=4)


@pytest.mark.parametrize(("start_s", "stop_s"), [(-1, None), (2, 1), (1, 1)])
def test_a_piece_that_ends_before_it_begins_is_refused(tmp_path, start_s, stop_s):
    sf.write(tmp_path / "a.wav", tone(440, 1.0, RATE), RATE)
    with pytest.raises(InputError, match="0 <= start_s < stop_s"):
        load_audio(tmp_path / "a.wav", RATE, start_s, stop_s)


SUFFIXES = ("", ".wav", ".mp4", ".m4v", ".mp3", ".raw", ".txt", ".flac", ".ts", ".m3u8", ".%03d")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("made_as", ["wav", "flac", "mp3", "ogg", "mp4", "mkv"])
def test_what_a_file_is_its_content_says_not_its_name(tmp_path, made_as, suffix):
    made = tmp_path / f"made.{made_as}"
    if made_as in ("mp4", "mkv"):
        write_video(made, tone(440, 2.0, RATE), RATE)
    else:
        sf.write(made, tone(440, 2.0, RATE), RATE)
    named = tmp_path / f"named{suffix}"
    shutil.copy(made, named)
    assert np.array_equal(load_audio(named, RATE), load_audio(made, RATE))
    assert audio_info(named).format == audio_info(made).format


@pytest.mark.parametrize(
    "name", ["-dash", "a b'\"c", "電影 α", "http:x", "concat:a|b", "%d", "[1]"]
)
def test_names_are_plain_text(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "film.mp4", tone(440, 2.0, RATE), RATE)
    shutil.move("film.mp4", name)
    assert audio_info(name).format == "MP4"


def test_info_follows_a_file_that_changes(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, tone(440, 1.0, RATE), RATE)
    assert audio_info(path).duration_s == 1.0
    sf.write(path, tone(440, 2.0, RATE), RATE)
    assert audio_info(path).duration_s == 2.0


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mkv"])
def test_the_sound_track_of_video_is_read(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    write_video(path, tone(440, 2.0, 44_100), 44_100)
    back = load_audio(path, RATE)
    assert abs(len(back) / RATE - 2.0) < 0.1
    assert abs(peak_hz(back, RATE) - 440) < 1
    info = audio_info(path)
    assert (info.sample_rate, info.n_channels) == (44_100, 1)


def test_video_without_sound_is_refused(tmp_path):
    write_video(tmp_path / "mute.mp4", None, 44_100, sound=False)
    refused(tmp_path / "mute.mp4", "mute.mp4: has no sound track")


OTHER_BYTES = {
    "text": b"this is not a sound",
    "one byte": b"x",
    "zeros": bytes(5000),
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
    "list of files": b"ffconcat version 1.0\nfile other.wav\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "zip": b"PK\3\4" + bytes(200),
    "beginning of WAV": b"RIFF\x24\0\0\0WAVE",
    "beginning of MP4": b"\0\0\0\x18ftypmp42",
    "beginning of Ogg": b"OggS\0\2",
    "beginning of FLAC": b"fLaC\0\0\0\x22",
}


@pytest.mark.parametrize("name", OTHER_BYTES)
def test_what_is_no_sound_is_refused(tmp_path, name):
    path = tmp_path / "a.wav"
    path.write_bytes(OTHER_BYTES[name])
    refused(path, "must|has no sound track")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.wav", "there is no such file"),
        ("empty.wav", r"is empty \(0 bytes\)"),
        ("text.wav", "must be a sound file"),
        ("cut.wav", r"declares 48000 bytes of sound but 19956 are there"),
        ("cut.flac", "truncated|damaged"),
        ("nan.wav", "1 of 24000 samples are NaN"),
        ("inf.wav", "1 of 24000 samples are NaN or infinite"),
        ("text.mp4", "must be a sound file .* or a video"),
    ],
)
def test_bad_files_are_clear_errors(tmp_path, rng, name, message):
    wave = (0.1 * rng.standard_normal(RATE)).astype(np.float32)
    path = tmp_path / name
    if name in ("nan.wav", "inf.wav"):
        wave[7] = float(name[:3])
        sf.write(path, wave, RATE, subtype="FLOAT")
    elif name.startswith("cut"):
        sf.write(path, wave, RATE)
        path.write_bytes(path.read_bytes()[:20_000])
    elif name.startswith("text"):
        path.write_text("this is not a sound")
    elif name.startswith("empty"):
        path.touch()
    with pytest.raises(InputError, match=message) as caught:
        load_audio(path)
    assert str(caught.value).startswith(f"path={path}")


OF_LIBSNDFILE = {
    "IRCAM": False,
    "PAF": False,
    "PVF": False,
    "VOC": True,
    "MAT4": True,
    "MAT5": True,
}


@pytest.mark.parametrize("format", OF_LIBSNDFILE)
def test_rarer_containers_are_compared_or_it_is_said_that_they_are_not(tmp_path, format):
    path = tmp_path / "a"
    sf.write(path, tone(440, 1.0, RATE), RATE, format=format, subtype="PCM_16")
    info = audio_info(path)
    assert info.n_samples == RATE
    is_compared = OF_LIBSNDFILE[format]
    assert ("is not compared with the bytes" in str(info.notes)) != is_compared
    whole = path.read_bytes()
    path.write_bytes(whole + whole)
    refused(path, f"a second {'MATLAB' if 'MAT' in format else format}|bytes follow")
    if is_compared:
        for n_bytes in (1000, 10_000, len(whole) - 300):
            path.write_bytes(whole[:-n_bytes])
            refused(path, "truncated")


@pytest.mark.parametrize("format", ["AVR", "HTK", "MPC2K", "SDS", "WVE", "XI"])
def test_containers_whose_length_cannot_be_compared_are_refused(tmp_path, format):
    path = tmp_path / "a"
    subtype = {"WVE": "ALAW", "XI": "DPCM_16"}.get(format, "PCM_16")
    rate = 8000 if format == "WVE" else RATE
    sf.write(path, tone(440, 1.0, rate), rate, format=format, subtype=subtype)
    refused(path, "Save it as WAV or FLAC|damaged")


#: Name -> FFmpeg's codec, and whether two files joined are refused (else they are one sound).
OF_FFMPEG = {
    "flv": ("aac", True),
    "tta": ("tta", True),
    "mpeg": ("mp2", True),
    "wv": ("wavpack", True),
    "ac3": ("ac3", False),
    "eac3": ("eac3", False),
}


@pytest.mark.parametrize("format", OF_FFMPEG)
def test_rarer_formats_of_ffmpeg_are_read_to_their_end(tmp_path, format):
    codec, is_refused = OF_FFMPEG[format]
    path = tmp_path / "a"
    write_file(path, [TrackSpec(tone(440, 2.0, 48_000)[None], codec)], 48_000, format=format)
    info = audio_info(path)
    assert info.duration_s == pytest.approx(2.0, abs=0.06)
    assert peak_hz(load_audio(path, 48_000), 48_000) == pytest.approx(440, abs=2)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 99])
    refused(path, "truncated|damaged|declares")
    path.write_bytes(whole + whole)
    if is_refused:
        refused(path, "joined|a second|damaged|go back|follow the end")
    else:
        assert audio_info(path).n_samples == 2 * info.n_samples


@pytest.mark.parametrize(
    "suffix",
    ["al", "ul", "sw", "uw", "sb", "ub", "sln", "g722", "dfpwm", "tco", "302", "gsm", "raw", "pcm"],
)
def test_a_name_alone_makes_no_sound(tmp_path, suffix):
    path = tmp_path / f"notes.{suffix}"
    path.write_text("These are notes on the subjects of a study.\n" * 300)
    refused(path, "must be a sound file")


def test_every_shared_sound_is_read(shared):
    files = [
        path
        for path in sorted((shared / "audio").rglob("*"))
        if path.suffix in (".wav", ".flac", ".mp3", ".ogg")
    ]
    assert len(files) > 200
    for path in files[::10]:
        wave = load_audio(path, RATE, stop_s=2.0)
        assert 0 < len(wave) <= 2 * RATE
        assert np.abs(wave).max() < 2


def test_a_film_may_lie_in_a_folder_that_is_not_the_current_one(tmp_path):
    folder = tmp_path / "ä ö"
    folder.mkdir()
    write_file(folder / "a.mkv", [], RATE, picture_s=1.0)
    refused(folder / "a.mkv", "has no sound track")
