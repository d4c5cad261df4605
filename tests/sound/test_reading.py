"""Reading sound: rates, channels, video, damage."""

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import RATE, peak_hz, tone, write_video

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
    wave, path = tone(440, 1.0, RATE), tmp_path / f"a{suffix}"
    sf.write(path, wave, RATE, subtype=subtype)
    back = load_audio(path, RATE)
    n = min(len(wave), len(back))
    assert abs(n - len(wave)) <= 2400
    assert np.sqrt(np.mean((back[:n] - wave[:n])[1200:-4800] ** 2)) < tolerance
    assert back.dtype == np.float32


def test_opus_keeps_the_tone(tmp_path):
    sf.write(tmp_path / "a.opus", tone(440, 1.0, RATE), RATE, format="OGG", subtype="OPUS")
    assert abs(peak_hz(load_audio(tmp_path / "a.opus", RATE), RATE) - 440) < 2


def test_channels_are_averaged(tmp_path):
    left, right = tone(440, 0.5, RATE), tone(880, 0.5, RATE)
    sf.write(tmp_path / "a.wav", np.stack([left, right], 1), RATE, subtype="FLOAT")
    assert np.allclose(load_audio(tmp_path / "a.wav", RATE), (left + right) / 2, atol=1e-7)


def test_a_file_read_in_blocks_equals_one_resampling(tmp_path, monkeypatch, rng):
    wave = (0.1 * rng.standard_normal(50_000)).astype(np.float32)
    sf.write(tmp_path / "a.wav", wave, 44_100, subtype="FLOAT")
    whole = resample(wave, 44_100, RATE)
    monkeypatch.setattr("giblet_core.sound.reading.sndfile.BLOCK", 4096)
    assert np.abs(load_audio(tmp_path / "a.wav", RATE) - whole).max() < 1e-5


def test_a_piece_is_the_same_samples(tmp_path, rng):
    wave = (0.1 * rng.standard_normal(3 * RATE)).astype(np.float32)
    sf.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    assert np.array_equal(
        load_audio(tmp_path / "a.wav", RATE, start_s=0.5, stop_s=1.25),
        wave[RATE // 2 : RATE * 5 // 4],
    )


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mkv"])
def test_the_sound_track_of_video_is_read(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    write_video(path, tone(440, 2.0, 44_100), 44_100)
    back = load_audio(path, RATE)
    assert abs(len(back) / RATE - 2.0) < 0.1
    assert abs(peak_hz(back, RATE) - 440) < 1
    info = audio_info(path)
    assert (info.sample_rate, info.n_channels) == (44_100, 1)


def test_a_sound_track_that_begins_late_is_placed_by_its_time_stamps(tmp_path):
    write_video(tmp_path / "late.mkv", tone(440, 1.5, 48_000), 48_000, start_s=0.5)
    back = load_audio(tmp_path / "late.mkv", RATE)
    first = np.argmax(np.abs(back) > 0.2) / RATE
    assert abs(first - 0.5) < 0.03


def test_video_without_sound_is_refused(tmp_path):
    write_video(tmp_path / "mute.mp4", None, 44_100, sound=False)
    with pytest.raises(InputError, match=r"mute.mp4: has no sound track"):
        load_audio(tmp_path / "mute.mp4")


def _truncate(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


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
        _truncate(path, 20_000)
    elif name.startswith("text"):
        path.write_text("this is not a sound")
    elif name.startswith("empty"):
        path.touch()
    with pytest.raises(InputError, match=message) as caught:
        load_audio(path)
    assert str(caught.value).startswith(f"path={path}")


def test_every_shared_sound_is_read(shared):
    files = [
        p
        for p in sorted((shared / "audio").rglob("*"))
        if p.suffix in (".wav", ".flac", ".mp3", ".ogg")
    ]
    assert len(files) > 200
    for path in files[::10]:
        wave = load_audio(path, RATE, stop_s=2.0)
        assert 0 < len(wave) <= 2 * RATE
        assert np.abs(wave).max() < 2
