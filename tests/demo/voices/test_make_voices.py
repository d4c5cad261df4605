"""The stored voices: small, hashed in their card, and those of the screenplay."""

import ctypes
import json

import pytest

from giblet_core.demo.film import AMBIENCES, EFFECTS, voice_files
from giblet_core.demo.voices import CAST, espeak, make_voices, read_script
from giblet_core.errors import InputError
from giblet_core.files import ASSETS, file_sha256


@pytest.fixture
def without_espeak(monkeypatch):
    def load(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", load)
    espeak.load_library.cache_clear()
    yield
    espeak.load_library.cache_clear()


def test_speaking_anew_without_espeak_says_what_to_install(without_espeak, tmp_path):
    with pytest.raises(InputError, match="espeak-ng is absent"):
        make_voices.make_voices(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_stored_index_is_the_screenplay():
    index = json.loads((ASSETS / "voices.json").read_text(encoding="utf-8"))
    timings = ("start", "stop", "words")
    stored = []
    for scene in index["scenes"]:
        for cue in scene["cues"]:
            stored.append({key: value for key, value in cue.items() if key not in timings})
    script = read_script(ASSETS / "voices_script.txt")
    assert stored == [cue for scene in script for cue in scene["cues"]]
    assert set(index["cast"]) == set(CAST)


def test_the_screenplay_asks_for_what_there_is():
    script = read_script(ASSETS / "voices_script.txt")
    cues = [cue for scene in script for cue in scene["cues"]]
    assert {cue["effect"] for cue in cues if "effect" in cue} <= set(EFFECTS)
    assert {name for scene in script for name in scene["ambiences"]} <= set(AMBIENCES)
    assert {cue["speaker"] for cue in cues if "speaker" in cue} == set(CAST)


def test_the_stored_voices_are_small_and_their_card_states_their_hashes():
    card = (ASSETS / "STIMULUS_CARD.md").read_text(encoding="utf-8")
    files = [*voice_files().values(), ASSETS / "voices.json", ASSETS / "voices_script.txt"]
    assert sum(path.stat().st_size for path in files) < 6e6
    for path in files:
        assert file_sha256(path) in card, path.name
