"""Blind listening tests as plain static files: an ABX page and a rating page after ITU-R BS.1534-3.

The pages need no server and no network: sounds come as base64 in scripts that are added when they
are wanted, because pages opened from a disk may not fetch files. Answers stay in the listener's
browser until downloaded; nothing is sent anywhere.

References
----------
ITU-R BS.1534-3 (2015), Method for the subjective assessment of intermediate quality level of audio
systems (MUSHRA).
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import soundfile

from giblet_core.errors import InputError
from giblet_core.files import ASSETS, content_hash, in_memory, write_text
from giblet_core.listening.conditions import Conditions
from giblet_core.listening.players import LevelledSounds, fill_template, match_levels
from giblet_core.sound import check_wave

_TRANSITION_HZ = 500  # an anchor is down by 60 dB this far above its cutoff
_ATTENUATION_DB = 62
_HEADROOM = 1.01  # what would clip is brought this factor below full scale

_COMMON_FILES = ("engine.js", "listening.css")
_TEST_TITLES = {
    "abx": "Can you hear the difference? (ABX)",
    "mushra": "How close to the original? (rating)",
}


@dataclass(frozen=True)
class _Anchor:
    """A low-pass version of the reference: its role in the results, name and cutoff."""

    role: str
    name: str
    cutoff_hz: int


#: The low-range and the mid-range anchor of BS.1534-3.
_ANCHORS = (
    _Anchor("anchor35", "anchor, 3.5 kHz", 3_500),
    _Anchor("anchor70", "anchor, 7 kHz", 7_000),
)


@dataclass(frozen=True)
class ListeningPages:
    """Where the tests lie: their folder, the pages by test, and what each page weighs.

    ``n_bytes`` is the weight of each page without its sounds; ``level_notes`` says for each passage
    what was done to the levels.
    """

    folder: Path
    pages: Mapping[str, Path]
    n_bytes: Mapping[str, int]
    level_notes: Mapping[str, str]
    title: str = ""

    def _repr_html_(self) -> str:
        links = [(path.name, _page_title(test, self.title)) for test, path in self.pages.items()]
        return fill_template("links.html", links=links, place=_place_in_site(self.folder))


def _place_in_site(folder: Path) -> str:
    """Return the folder as the site has it: ``listening`` and what is below it."""
    parts = list(folder.parts)
    if "listening" not in parts:
        return parts[-1]
    from_the_end = parts[::-1].index("listening")
    return "/".join(parts[len(parts) - 1 - from_the_end :])


def _page_title(test: str, title: str) -> str:
    return f"{title}: {_TEST_TITLES[test]}" if title else _TEST_TITLES[test]


def low_pass_anchor(wave: np.ndarray, sample_rate: int, cutoff_hz: int = 3_500) -> np.ndarray:
    """Low-pass a sound as BS.1534-3 asks of an anchor, without delay.

    Within 0.1 dB up to `cutoff_hz`; down by 60 dB from 500 Hz above it (the recommendation asks for
    25 dB there, and 50 dB 1 kHz above).

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    cutoff_hz : int
        Hz.

    Returns
    -------
    array of shape (n_samples,), float32

    Raises
    ------
    InputError
        The sound itself does not reach above the cutoff.
    """
    stop_hz = cutoff_hz + _TRANSITION_HZ
    if sample_rate / 2 <= stop_hz:
        raise InputError(
            f"sample_rate={sample_rate}: a {cutoff_hz} Hz anchor needs sound up to {stop_hz} Hz. "
            "Use a higher rate."
        )
    n_taps, beta = scipy.signal.kaiserord(_ATTENUATION_DB, _TRANSITION_HZ / (sample_rate / 2))
    n_taps |= 1  # an odd number of taps has a middle: no delay
    middle_hz = cutoff_hz + _TRANSITION_HZ / 2
    taps = scipy.signal.firwin(n_taps, middle_hz, window=("kaiser", beta), fs=sample_rate)
    return scipy.signal.convolve(check_wave(wave), taps, mode="same").astype(np.float32)


@dataclass(frozen=True)
class _SoundFile:
    """A sound as the pages load it: a name that tells nothing of the condition, FLAC as base64."""

    name: str
    flac_base64: str


@dataclass(frozen=True)
class _Passage:
    """A passage ready to be heard: its name, a file a condition, what was done to the levels."""

    name: str
    files: Mapping[str, _SoundFile]
    level_note: str


def build_listening_pages(
    conditions: Conditions,
    waves: Mapping[str, Mapping[str, np.ndarray]],
    sample_rate: int,
    folder: str | Path,
    level_match: bool = True,
    title: str = "",
) -> ListeningPages:
    """Write the ABX page and the rating page of a declaration.

    Parameters
    ----------
    conditions : Conditions
        Which conditions are in which test.
    waves : mapping of passage to mapping of condition to array of shape (n_samples,)
        As from `render_conditions`, for each passage.
    sample_rate : int
        Hz.
    folder : path
        Written: ``abx.html``, ``mushra.html``, scripts, style, and ``media/`` with the sounds.
    level_match : bool
        Bring the versions of a passage to the loudness of the reference, so that loudness does not
        give the answer away.
    title : str
        Put before the titles of the pages.

    Returns
    -------
    ListeningPages

    Raises
    ------
    InputError
        A condition without sound, or versions of a passage that differ in length.
    """
    folder = Path(folder)
    passages = []
    for name, versions in waves.items():
        _check_versions(conditions, name, versions)
        levelled = _levelled(conditions, versions, sample_rate, level_match)
        files = {
            condition: _sound_file(wave, sample_rate) for condition, wave in levelled.sounds.items()
        }
        passages.append(_Passage(name, files, levelled.note))
    media = {file.name: file.flac_base64 for passage in passages for file in passage.files.values()}
    _write_media(folder / "media", media)
    for name in (*_COMMON_FILES, *(f"{test}.js" for test in _TEST_TITLES)):
        write_text(folder / name, (ASSETS / "listening" / name).read_text(encoding="utf-8"))
    notes = {passage.name: passage.level_note for passage in passages}
    common = {
        "sample_rate": sample_rate,
        "test": content_hash([*media], conditions.abx_trials)[:12],
    }
    pages = {}
    for test, config in _configurations(conditions, passages).items():
        page = fill_template(
            "page.html",
            test=test,
            config={**common, **config},
            notes=notes,
            home="../" * (_place_in_site(folder).count("/") + 1) + "index.html",
            title=_page_title(test, title),
        )
        pages[test] = write_text(folder / f"{test}.html", page)
    n_bytes = {
        test: _weight(folder, [page.name, f"{test}.js", *_COMMON_FILES])
        for test, page in pages.items()
    }
    return ListeningPages(folder, pages, n_bytes, notes, title)


def _check_versions(
    conditions: Conditions, passage: str, versions: Mapping[str, np.ndarray]
) -> None:
    """Raise unless a passage has every version that a test needs, all of one length."""
    needed = _heard_conditions(conditions)
    missing = [name for name in needed if name not in versions]
    if missing:
        raise InputError(
            f"waves[{passage!r}]: has no sound for {', '.join(missing)}. "
            "Render all conditions of the declaration."
        )
    lengths = {len(check_wave(versions[name], name)) for name in needed}
    if len(lengths) > 1:
        raise InputError(
            f"waves[{passage!r}]: lengths {sorted(lengths)} differ; all versions must be the same "
            "passage. Crop them alike."
        )


def _heard_conditions(conditions: Conditions) -> list[str]:
    """Name the conditions that are in some test, the reference first, each once."""
    names = [conditions.reference, *conditions.names("mushra"), *conditions.names("abx")]
    return list(dict.fromkeys(names))


def _levelled(
    conditions: Conditions,
    versions: Mapping[str, np.ndarray],
    sample_rate: int,
    level_match: bool,
) -> LevelledSounds:
    """Add the anchors to a passage, bring its sounds to one level, and let none clip."""
    sounds = {name: check_wave(versions[name]) for name in _heard_conditions(conditions)}
    if conditions.names("mushra"):
        reference = sounds[conditions.reference]
        for anchor in _ANCHORS:
            sounds[anchor.name] = low_pass_anchor(reference, sample_rate, anchor.cutoff_hz)
    if level_match:
        levelled = match_levels(sounds, sample_rate)
    else:
        levelled = LevelledSounds(sounds, dict.fromkeys(sounds, 0.0), "levels as they are")
    peak = max(float(np.abs(wave).max()) for wave in levelled.sounds.values())
    if peak <= 1:
        return levelled
    factor = peak * _HEADROOM
    lowered = {name: wave / np.float32(factor) for name, wave in levelled.sounds.items()}
    note = f"{levelled.note}; then all lowered by {20 * np.log10(factor):.1f} dB so that none clips"
    return replace(levelled, sounds=lowered, note=note)


def _sound_file(wave: np.ndarray, sample_rate: int) -> _SoundFile:
    samples = np.round(np.clip(wave, -1, 32767 / 32768) * 32768).astype(np.int16)
    digest = hashlib.sha256(f"{sample_rate}:".encode() + samples.tobytes())
    flac = in_memory(soundfile.write, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return _SoundFile(digest.hexdigest()[:16], base64.b64encode(flac).decode())


def _configurations(
    conditions: Conditions, passages: Sequence[_Passage]
) -> dict[str, dict[str, Any]]:
    """Return what the script of each test reads; a test without conditions is left out."""
    configurations = {}
    if conditions.names("abx"):
        pairs = [pair for passage in passages for pair in _pairs(conditions, passage)]
        configurations["abx"] = {"n_trials": conditions.abx_trials, "pairs": pairs}
    if conditions.names("mushra"):
        screens = [_screen(conditions, passage) for passage in passages]
        configurations["mushra"] = {"items": screens}
    return configurations


def _pairs(conditions: Conditions, passage: _Passage) -> list[dict[str, Any]]:
    """Return the comparisons of a passage: the reference against each condition."""
    reference = conditions.reference
    return [
        {
            "item": passage.name,
            "names": [reference, name],
            "a": passage.files[reference].name,
            "b": passage.files[name].name,
        }
        for name in conditions.names("abx")
    ]


def _screen(conditions: Conditions, passage: _Passage) -> dict[str, Any]:
    """Return the sounds of a passage that are rated together, the hidden reference among them."""
    roles = {conditions.reference: "reference"}
    roles |= {anchor.name: anchor.role for anchor in _ANCHORS}
    anchors = [anchor.name for anchor in _ANCHORS]
    sounds = [
        {"id": passage.files[name].name, "name": name, "role": roles.get(name, "test")}
        for name in [conditions.reference, *conditions.names("mushra"), *anchors]
    ]
    return {"item": passage.name, "sounds": sounds}


def _weight(folder: Path, names: Iterable[str]) -> int:
    """Return the bytes of some files."""
    return sum((folder / name).stat().st_size for name in names)


def _write_media(folder: Path, media: Mapping[str, str]) -> None:
    """Write the sounds, and remove those that only an earlier build of these pages had."""
    for path in folder.glob("*.js"):
        is_ours = re.fullmatch(r"[0-9a-f]{16}\.js", path.name)
        if is_ours and path.stem not in media:
            path.unlink()
    for name, flac_base64 in media.items():
        write_text(folder / f"{name}.js", f'gibletSound("{name}","{flac_base64}");\n')
