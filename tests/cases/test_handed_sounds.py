"""Sounds after public bug reports: each is right against what it was made from, or refused.

The scripts that make them lie beside the project, in ``cases`` of its shared folder. What is right
is known from the same scripts (`common.tone`, `common.click`), not from the package.
"""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from fake_sounds import onset_s

from giblet_core.commands import main
from giblet_core.sound import load_audio

DONE = 0
WRONG_INPUT = 2
SUFFIXES = (".wav", ".w64", ".aiff", ".caf", ".au", ".flac", ".mp3", ".ogg", ".aac")
SUFFIXES += (".m4a", ".mp4", ".mkv", ".ts", ".webm")
FORM = r"giblet (info|encode): \w+=?.*: .+\. .+\."  # argument=value: the rule. The remedy.
BIT_16 = 2.02 / 32768  # the scripts scale by 32767 and cut fractions off
LOSSY = 0.99  # correlation
BS775 = 0.5 + 0.5 + np.sqrt(0.5) + 2 * np.sqrt(0.125)  # of six equal channels


@dataclass(frozen=True)
class Tone:
    """A sound that holds `common.tone`: length, gain of the mix, how near each sample is.

    ``filling_s`` is what a codec of blocks may add at the end.
    """

    seconds: float
    rate: int = 24_000
    gain: float = 1.0
    tolerance: float = BIT_16
    is_lossy: bool = False
    filling_s: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Click:
    """A sound that holds a click: when, how long the sound is, and what is said of it."""

    at_s: float
    seconds: float
    rate: int = 48_000
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """What the message says, among value, rule and remedy."""

    words: str


CUT = Refused("a file must be whole")
OPEN = "leaves the length open"

#: Case -> file -> what it is.
SOUNDS = {
    "01_wav_sizes": {
        name: Tone(3, note=OPEN)
        for name in ("ffffffff.wav", "sox_pipe.wav", "zero.wav", "ffmpeg_list.wav", "7fffffff.wav")
    },
    "03_rf64_cut": {
        **{
            name: Tone(6)
            for name in ("rf64.wav", "w64.w64", "aiff.aiff", "caf.caf", "au.au", "flac.flac")
        },
        "mp3.mp3": Tone(6, is_lossy=True),
        "ogg.ogg": Tone(6, is_lossy=True),
        **{
            f"cut_{name}": CUT
            for name in ("rf64.wav", "w64.w64", "aiff.aiff", "caf.caf", "au.au", "flac.flac")
        },
        "cut_mp3.mp3": CUT,
        "cut_ogg.ogg": CUT,
    },
    "04_wav_formats": {
        "PCM_U8.wav": Tone(2, tolerance=1.01 / 128),
        "PCM_24.wav": Tone(2),
        "PCM_32.wav": Tone(2),
        "FLOAT.wav": Tone(2, gain=3.0),
        "DOUBLE.wav": Tone(2),
        "ULAW.wav": Tone(2, tolerance=0.02),
        "IMA_ADPCM.wav": Tone(2, is_lossy=True, filling_s=0.042),
        "ext51.wav": Tone(2, gain=BS775, note="BS.775"),
        "bext.wav": Tone(2),
        "odd_nopad.wav": Tone(2),
        "tail_id3.wav": Tone(2),
        "junk_after.wav": Tone(2, note="37 bytes behind its declared end are not read"),
        "nan.wav": Refused("1 of 48000 samples are NaN or infinite"),
    },
    "05_phase": {
        "opposite.wav": Refused("opposite phase"),
        "one_silent.wav": Tone(4, gain=0.5),
        "centre51.wav": Tone(4, gain=np.sqrt(0.5), note="BS.775"),
        "ref.wav": Tone(4),
    },
    "06_mp3_delay": {
        "ref.wav": Click(2.0, 5.0, 44_100),
        "libsndfile.mp3": Click(2.0, 5.0, 44_100),
        "lame.mp3": Click(2.0, 5.0, 44_100),
        "art.mp3": Click(2.0, 5.0, 44_100),
        "noxing.mp3": Click(2.0251, 5.0416, 44_100, "the encoder's delay is not declared"),
    },
    "07_m4a_late": {
        "plain.m4a": Click(2.0, 5.0),
        "opus.webm": Click(2.0, 5.0),
        "late.mp4": Click(2.5, 5.5, note="late: silence until then"),
        "late.mkv": Click(2.5, 5.5, note="late: silence until then"),
        "late.ts": Click(2.5, 5.5, note="late: silence until then"),
        "gap.mkv": Click(2.7, 5.7, note="gaps in its time stamps are silence"),
    },
    "08_video_tail": {"film.mp4": Tone(66, 48_000, is_lossy=True, filling_s=0.022)},
    "10_layout_change": {
        "stereo_then_mono.aac": Refused("a sound must keep one format"),
        "stereo_then_51.aac": Refused("a sound must keep one format"),
    },
    "26_silence": {
        "zero.wav": Tone(3, gain=0.0),
        "tone.wav": Tone(3),
        "denormal.wav": Tone(3, gain=1e-30),
        "ten_ms.wav": Tone(0.01),
        "loud.wav": Refused("they must lie in about"),
    },
    "27_rates": {
        "r1.wav": Refused("its rate of 1 Hz"),
        "r100.wav": Refused("its rate of 100 Hz"),
        **{
            f"r{rate}.wav": Tone(2, rate)
            for rate in (8000, 11_025, 22_050, 44_056, 47_999, 96_000, 384_000)
        },
    },
}

FILES = [(case, name) for case, files in SOUNDS.items() for name in files]


def test_every_sound_that_the_scripts_make_is_in_the_table(made):
    for case, files in SOUNDS.items():
        found = {path.name for path in made(case).iterdir() if path.suffix in SUFFIXES}
        assert found - {"lsb.wav", "one.wav", "dc.wav"} == set(files)


@pytest.mark.parametrize(("case", "name"), FILES)
def test_a_handed_sound_is_right_or_refused(made, common, monkeypatch, capsys, case, name):
    monkeypatch.chdir(made(case))
    expected = SOUNDS[case][name]
    status = main(["info", name])
    said = capsys.readouterr()
    if isinstance(expected, Refused):
        assert status == WRONG_INPUT
        assert expected.words in said.err
        assert re.fullmatch(FORM, said.err.strip())
        assert main(["encode", name, "codes.npz", "--force"]) == WRONG_INPUT
        assert expected.words in capsys.readouterr().err
        return
    assert status == DONE
    assert expected.note in said.out
    wave = load_audio(name, expected.rate)
    if isinstance(expected, Click):
        assert onset_s(wave, expected.rate) == pytest.approx(expected.at_s, abs=1e-3)
        assert len(wave) / expected.rate == pytest.approx(expected.seconds, abs=0.015)
    else:
        assert_tone(wave, expected, common, name)


def assert_tone(wave, expected, common, name):
    """Compare a sound with the tone that the script wrote."""
    hz = min(440, expected.rate / 8)  # as in the case of rates; 440 else
    truth = expected.gain * common.tone(expected.seconds, expected.rate, f=hz)
    filling = len(wave) - len(truth)
    assert 0 <= filling <= expected.filling_s * expected.rate, name
    if expected.is_lossy:
        assert np.corrcoef(wave[: len(truth)], truth)[0, 1] > LOSSY
        return
    np.testing.assert_allclose(wave[: len(truth)], truth, rtol=0, atol=expected.tolerance)


# --- sounds that hold almost nothing -------------------------------------------------------------


@pytest.mark.parametrize("name", ["one.wav", "ten_ms.wav"])
def test_less_than_a_frame_is_refused_by_the_codec(made, monkeypatch, capsys, tmp_path, name):
    monkeypatch.chdir(made("26_silence"))
    assert main(["info", name]) == DONE
    assert main(["encode", name, str(tmp_path / "codes.npz")]) == WRONG_INPUT
    assert "one frame at least is needed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["zero.wav", "lsb.wav", "dc.wav", "denormal.wav"])
def test_silence_is_encoded_and_what_it_does_not_tell_is_said(
    made, monkeypatch, capsys, tmp_path, name
):
    monkeypatch.chdir(made("26_silence"))
    assert main(["encode", name, str(tmp_path / "codes.npz")]) == DONE
    capsys.readouterr()
    assert main(["compare", "tone.wav", name]) == DONE
    capsys.readouterr()
    assert main(["compare", name, "tone.wav"]) == DONE
    table = capsys.readouterr()
    assert " inf" not in table.out
    if name == "zero.wav":
        assert "si_sdr_db is absent: the reference is silent" in table.out


# --- names of files ------------------------------------------------------------------------------

LONGEST = 255  # bytes of a name


@pytest.mark.parametrize("letter", ["a", "ä", "電"])
def test_a_name_may_be_as_long_as_the_file_system_allows(
    made, monkeypatch, capsys, tmp_path, letter
):
    monkeypatch.chdir(made("22_long_name"))
    size = len(letter.encode())
    name = letter * ((LONGEST - 4) // size)
    target = tmp_path / f"{name}.npz"
    assert main(["encode", "in.wav", str(target)]) == DONE
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert main(["info", str(target)]) == DONE
    longer = tmp_path / f"{name}{letter * 5}.npz"
    assert main(["encode", "in.wav", str(longer)]) == WRONG_INPUT
    assert "too long" in capsys.readouterr().err


def test_names_are_plain_text(made, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(made("22_long_name"))
    (wild,) = (path for path in made("22_long_name").iterdir() if path.is_dir())
    (sound,) = wild.iterdir()
    for name in (str(sound), f"{wild.name}/{sound.name}", "-dash.wav", "./-dash.wav"):
        assert main(["info", name]) == DONE
        assert "duration_s: 1.0" in capsys.readouterr().out
        assert main(["encode", name, str(tmp_path / "codes.npz"), "--force"]) == DONE
