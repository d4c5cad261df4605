"""The pages of the blind tests: anchors, sounds that tell nothing, and how the pages are linked."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile as sf

from giblet_core.errors import InputError
from giblet_core.listening import (
    Condition,
    Conditions,
    build_listening_pages,
    low_pass_anchor,
)
from giblet_core.metrics import loudness_lufs

SR = 24_000


@pytest.mark.parametrize("cutoff", [3_500, 7_000])
def test_the_anchors_pass_and_stop_as_the_recommendation_asks(cutoff):
    impulse = np.zeros(SR, np.float32)
    impulse[SR // 2] = 1
    response = low_pass_anchor(impulse, SR, cutoff)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(response)) + 1e-9)
    hz = np.fft.rfftfreq(SR, 1 / SR)
    assert np.abs(gain_db[hz <= cutoff]).max() <= 0.1
    assert gain_db[hz >= cutoff + 500].max() <= -25
    assert gain_db[hz >= cutoff + 1000].max() <= -50
    assert response.argmax() == SR // 2  # no delay


def test_an_anchor_above_what_the_sound_reaches_is_an_input_error(passage):
    with pytest.raises(InputError, match="needs sound up to 4000 Hz"):
        low_pass_anchor(passage, 8_000)


@pytest.fixture
def declared():
    return Conditions(
        (
            Condition("original", "reference"),
            Condition("noisy", "file", tests=("abx", "mushra")),
            Condition("half", "file", tests=("mushra",)),
        )
    )


@pytest.fixture
def waves(passage):
    noise = np.random.default_rng(1).standard_normal(len(passage)).astype(np.float32)
    noisy = passage + np.float32(0.03) * noise
    return {"chirp": {"original": passage, "noisy": noisy, "half": passage / 2}}


def sounds_of(folder):
    """The sounds beside the pages, by the names under which the pages load them."""
    sounds = {}
    for path in (folder / "media").glob("*.js"):
        call = re.fullmatch(r'gibletSound\("(\w+)","([A-Za-z0-9+/=]+)"\);\n', path.read_text())
        name, text = call.groups()
        sounds[name], _ = sf.read(io.BytesIO(base64.b64decode(text)), dtype="float32")
    return sounds


def config_of(page):
    """What the script of a page reads."""
    return json.loads(re.search(r'id="config">(.*?)</script>', page.read_text()).group(1))


def test_the_pages_hold_every_sound_at_one_loudness_under_names_that_tell_nothing(
    declared, waves, tmp_path
):
    pages = build_listening_pages(declared, waves, SR, tmp_path / "listening")
    sounds = sounds_of(pages.folder)
    assert len(sounds) == 4  # original = half after matching; noisy; two anchors
    levels = [loudness_lufs(wave, SR) for wave in sounds.values()]
    assert np.ptp(levels) < 0.05
    rated = config_of(pages.pages["mushra"])["items"][0]["sounds"]
    roles = ["reference", "test", "test", "anchor35", "anchor70"]
    assert [sound["role"] for sound in rated] == roles
    assert {sound["id"] for sound in rated} == set(sounds)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in sounds)


def test_the_abx_page_compares_each_condition_with_the_reference(declared, waves, tmp_path):
    pages = build_listening_pages(declared, waves, SR, tmp_path)
    config = config_of(pages.pages["abx"])
    assert config["n_trials"] == 16
    [pair] = config["pairs"]
    assert (pair["item"], pair["names"]) == ("chirp", ["original", "noisy"])
    sounds = sounds_of(tmp_path)
    original = waves["chirp"]["original"]
    assert np.abs(sounds[pair["a"]] - original).max() <= 1 / 32768
    assert np.abs(sounds[pair["b"]] - original).max() > 0.01


def test_sounds_beyond_full_scale_are_lowered_alike_and_it_is_said(declared, waves, tmp_path):
    loud = {"chirp": {name: wave * 9 for name, wave in waves["chirp"].items()}}
    pages = build_listening_pages(declared, loud, SR, tmp_path, level_match=False)
    note = pages.level_notes["chirp"]
    peak = max(np.abs(wave).max() for wave in loud["chirp"].values())
    assert f"all lowered by {20 * np.log10(peak * 1.01):.1f} dB" in note
    peaks = [np.abs(wave).max() for wave in sounds_of(tmp_path).values()]
    assert max(peaks) == pytest.approx(1 / 1.01, abs=1e-3)


def test_a_test_without_conditions_has_no_page(waves, tmp_path):
    rated = Conditions(
        (Condition("original", "reference"), Condition("half", "file", tests=("mushra",)))
    )
    pages = build_listening_pages(rated, waves, SR, tmp_path / "rated")
    assert [*pages.pages] == ["mushra"]
    compared = Conditions(
        (Condition("original", "reference"), Condition("half", "file", tests=("abx",)))
    )
    pages = build_listening_pages(compared, waves, SR, tmp_path / "compared", level_match=False)
    assert [*pages.pages] == ["abx"]
    assert len(sounds_of(tmp_path / "compared")) == 2  # without rating there are no anchors


def test_each_page_weighs_less_than_300_kb_without_sounds_and_names_no_server(
    declared, waves, tmp_path
):
    pages = build_listening_pages(declared, waves, SR, tmp_path)
    assert 5_000 < max(pages.n_bytes.values()) < 300_000
    for path in [*tmp_path.glob("*.html"), *tmp_path.glob("*.js"), *tmp_path.glob("*.css")]:
        assert "http" not in path.read_text()


def test_links_lead_from_the_chapter_to_the_pages_and_back(declared, waves, tmp_path):
    folder = tmp_path / "listening"
    pages = build_listening_pages(declared, waves, SR, folder / "guess", title="Guess")
    assert 'href="../listening/guess/abx.html">Guess: Can you hear' in pages._repr_html_()
    assert 'href="../../index.html"' in pages.pages["abx"].read_text()
    plain = build_listening_pages(declared, waves, SR, folder)
    assert 'href="../listening/abx.html">Can you hear' in plain._repr_html_()
    assert 'href="../index.html"' in plain.pages["abx"].read_text()


def test_levels_can_be_left_as_they_are(declared, waves, tmp_path):
    build_listening_pages(declared, waves, SR, tmp_path, level_match=False)
    assert len(sounds_of(tmp_path)) == 5


def test_a_new_build_removes_only_its_own_old_sounds(declared, waves, tmp_path):
    build_listening_pages(declared, waves, SR, tmp_path)
    (tmp_path / "media" / "mine.js").write_text("kept")
    other = {"chirp": {name: wave[::-1].copy() for name, wave in waves["chirp"].items()}}
    build_listening_pages(declared, other, SR, tmp_path)
    assert len([*(tmp_path / "media").glob("*.js")]) == 5


def without_a_version(versions):
    del versions["half"]


def with_a_shorter_version(versions):
    versions["half"] = versions["half"][:-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [(without_a_version, "no sound for half"), (with_a_shorter_version, "same passage")],
)
def test_missing_or_unequal_sounds_are_input_errors(declared, waves, tmp_path, change, message):
    change(waves["chirp"])
    with pytest.raises(InputError, match=message):
        build_listening_pages(declared, waves, SR, tmp_path)
