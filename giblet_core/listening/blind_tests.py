"""Blind listening tests as plain static files: an ABX page and a rating page after ITU-R BS.1534-3.

The pages need no server and no network: sounds come as base64 in scripts that are added when they
are wanted, because pages opened from a disk may not fetch files. Answers stay in the listener's
browser until downloaded; nothing is sent anywhere.
"""

import base64
import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile as sf

from giblet_core.errors import InputError, require
from giblet_core.files import ASSETS, content_hash, in_memory, write_text
from giblet_core.listening.conditions import Conditions
from giblet_core.listening.players import fill, match_levels
from giblet_core.sound import check_wave

ANCHORS_HZ = {"anchor35": 3_500, "anchor70": 7_000}  # BS.1534-3, low-range and mid-range anchor
_ANCHOR_NAMES = {"anchor35": "anchor, 3.5 kHz", "anchor70": "anchor, 7 kHz"}
_SCRIPTS = ("engine.js", "abx.js", "mushra.js", "listening.css")
_TITLES = {
    "abx": "Can you hear the difference? (ABX)",
    "mushra": "How close to the original? (rating)",
}


@dataclass(frozen=True)
class ListeningPages:
    """Where the tests lie: their folder, the pages by test, and the weight of each page in bytes
    without its sounds.

    ``level_note`` says for each passage what was done to the levels.
    """

    folder: Path
    pages: Mapping[str, Path]
    n_bytes: Mapping[str, int]
    level_notes: Mapping[str, str]
    title: str = ""

    def _repr_html_(self) -> str:
        links = [(path.name, _title(test, self.title)) for test, path in self.pages.items()]
        return fill("links.html", links=links, place=_place(self.folder))


def _place(folder: Path) -> str:
    """Return the folder as the site has it: ``listening`` and what is below it."""
    parts = list(folder.parts)
    first = (
        len(parts) - 1 - parts[::-1].index("listening") if "listening" in parts else len(parts) - 1
    )
    return "/".join(parts[first:])


def _title(test: str, title: str) -> str:
    return f"{title}: {_TITLES[test]}" if title else _TITLES[test]


def low_pass_anchor(wave: np.ndarray, sample_rate: int, cutoff_hz: int = 3_500) -> np.ndarray:
    """Low-pass a sound as BS.1534-3 asks of an anchor, without delay.

    Within 0.1 dB up to `cutoff_hz`; down by 60 dB from 500 Hz above it (the recommendation asks for
    25 dB there, and 50 dB 1 kHz above).

    Raises
    ------
    InputError
        The sound itself does not reach above the cutoff.
    """
    if sample_rate / 2 <= cutoff_hz + 500:
        raise InputError(
            f"sample_rate={sample_rate}: a {cutoff_hz} Hz anchor needs sound up to {cutoff_hz + 500} Hz. Use a higher rate."
        )
    n_taps, beta = scipy.signal.kaiserord(62, 500 / (sample_rate / 2))
    taps = scipy.signal.firwin(n_taps | 1, cutoff_hz + 250, window=("kaiser", beta), fs=sample_rate)
    return scipy.signal.convolve(check_wave(wave), taps, mode="same").astype(np.float32)


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
    folder, media = Path(folder), {}
    screens, pairs, notes = [], [], {}
    for item, versions in waves.items():
        sounds, notes[item] = _prepared(conditions, item, versions, sample_rate, level_match)
        ids = {name: _add_sound(wave, sample_rate, media) for name, wave in sounds.items()}
        roles = {
            conditions.reference: "reference",
            **{name: role for role, name in _ANCHOR_NAMES.items()},
        }
        rated = [
            conditions.reference,
            *conditions.names("mushra"),
            *[n for n in _ANCHOR_NAMES.values() if n in ids],
        ]
        screens.append(
            {
                "item": item,
                "sounds": [{"id": ids[n], "name": n, "role": roles.get(n, "test")} for n in rated],
            }
        )
        pairs += [{"item": item, "names": [conditions.reference, n], "a": ids[conditions.reference], "b": ids[n]}
                  for n in conditions.names("abx")]  # fmt: skip
    common = {
        "sample_rate": sample_rate,
        "test": content_hash([*media], conditions.abx_trials)[:12],
    }
    configs = {
        "abx": {**common, "n_trials": conditions.abx_trials, "pairs": pairs},
        "mushra": {**common, "items": screens},
    }
    _write_media(folder / "media", media)
    for name in _SCRIPTS:
        shutil.copyfile(ASSETS / "listening" / name, folder / name)
    used = {
        test: config
        for test, config in configs.items()
        if (pairs if test == "abx" else conditions.names("mushra"))
    }
    home = "../" * (_place(folder).count("/") + 1) + "index.html"
    pages = {
        test: write_text(
            folder / f"{test}.html",
            fill(
                "page.html",
                test=test,
                config=config,
                notes=notes,
                home=home,
                title=_title(test, title),
            ),
        )
        for test, config in used.items()
    }
    weights = {
        t: sum(
            (folder / f).stat().st_size for f in (p.name, "engine.js", f"{t}.js", "listening.css")
        )
        for t, p in pages.items()
    }
    return ListeningPages(folder, pages, weights, notes, title)


def _prepared(
    conditions: Conditions, item: str, versions, sample_rate: int, level_match: bool
) -> tuple[dict[str, np.ndarray], str]:
    """Return the sounds of a passage, anchors added, at one level, none clipping; and a sentence on
    the levels.
    """
    needed = list(
        dict.fromkeys([conditions.reference, *conditions.names("mushra"), *conditions.names("abx")])
    )
    missing = [name for name in needed if name not in versions]
    require(
        not missing,
        f"waves[{item!r}]: has no sound for {', '.join(missing)}. Render all conditions of the declaration.",
    )
    sounds = {name: check_wave(versions[name], name) for name in needed}
    lengths = {len(wave) for wave in sounds.values()}
    if len(lengths) > 1:
        raise InputError(
            f"waves[{item!r}]: lengths {sorted(lengths)} differ; all versions must be the same passage. Crop them alike."
        )
    if conditions.names("mushra"):
        sounds |= {
            _ANCHOR_NAMES[role]: low_pass_anchor(sounds[conditions.reference], sample_rate, hz)
            for role, hz in ANCHORS_HZ.items()
        }
    sounds, _, note = (
        match_levels(sounds, sample_rate) if level_match else (sounds, {}, "levels as they are")
    )
    peak = max(float(np.abs(wave).max()) for wave in sounds.values())
    if peak > 1:
        sounds = {name: wave / np.float32(peak * 1.01) for name, wave in sounds.items()}
        note += f"; then all lowered by {20 * np.log10(peak * 1.01):.1f} dB so that none clips"
    return sounds, note


def _add_sound(wave: np.ndarray, sample_rate: int, media: dict[str, str]) -> str:
    """Keep a sound as base64 FLAC under a name that tells nothing of the condition; return the
    name.
    """
    samples = np.round(np.clip(wave, -1, 32767 / 32768) * 32768).astype(np.int16)
    name = hashlib.sha256(f"{sample_rate}:".encode() + samples.tobytes()).hexdigest()[:16]
    media[name] = base64.b64encode(
        in_memory(sf.write, samples, sample_rate, format="FLAC", subtype="PCM_16")
    ).decode()
    return name


def _write_media(folder: Path, media: Mapping[str, str]) -> None:
    for old in folder.glob("*.js"):  # only what an earlier build of these pages has written
        if re.fullmatch(r"[0-9a-f]{16}\.js", old.name) and old.stem not in media:
            old.unlink()
    for name, text in media.items():
        write_text(folder / f"{name}.js", f'gibletSound("{name}","{text}");\n')
