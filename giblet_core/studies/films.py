"""Films that a study is made on: arrangements of the demo's voices, and real sounds joined."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from giblet_core.codecs import SOURCES, Codec, Codes, load_codec
from giblet_core.demo.film import demo_film
from giblet_core.errors import require
from giblet_core.files import content_hash, project_root
from giblet_core.simulations import HeardSound
from giblet_core.sound import KINDS, Annotation, Event, load_audio, resample
from giblet_core.studies.designs import FilmSpec
from giblet_core.timing import Stimulus, TRGrid

BANDWIDTH_KBPS = 6.0
PIECE_S = (15.0, 45.0)  # length of a piece of real sound
PIECE_RMS = 0.08
PIECE_SPREAD_DB = 4.0  # pieces differ in level, as scenes do
LEVEL_FLOOR = 1e-4  # a quieter piece is left out
FADE_S = 0.05
GUARD_S = 1.0  # of sound after the last TR


@dataclass(frozen=True, eq=False)
class FilmSound:
    """A film's sound, and what sounds when.

    Attributes
    ----------
    wave : array of shape (n_samples,), float32
        At the codec's rate.
    annotation : Annotation
    """

    wave: np.ndarray
    annotation: Annotation


@dataclass(frozen=True, eq=False)
class StudyFilm:
    """A film as analysis and simulations take it.

    Attributes
    ----------
    spec : FilmSpec
    stimulus : Stimulus
    """

    spec: FilmSpec
    stimulus: Stimulus

    @cached_property
    def heard(self) -> HeardSound:
        """The sound as simulated subjects hear it."""
        stimulus = self.stimulus
        return HeardSound.of(stimulus.wave, stimulus.codec, stimulus.codes, stimulus.spoken)


def sounds_folder() -> Path:
    """Return the folder of real sounds: ``sounds`` of GIBLET_SHARED, or beside the project."""
    shared = os.environ.get("GIBLET_SHARED", project_root().parent / "shared")
    return Path(shared) / "sounds"


def _demo(spec: FilmSpec, sample_rate: int, cache: Path) -> FilmSound:
    film = demo_film(spec.seed, cache / "film")
    n_samples = int(_duration_s(spec) * film.sample_rate)
    wave = resample(film.wave[:n_samples], film.sample_rate, sample_rate)
    return FilmSound(wave, film.annotation.until(_duration_s(spec)))


def _real(spec: FilmSpec, sample_rate: int, cache: Path) -> FilmSound:
    """Join pieces of files in turn, each from a random place, at levels that differ."""
    folder = sounds_folder()
    missing = [name for name in spec.files if not (folder / name).is_file()]
    require(
        spec.files and not missing,
        f"film={spec.name}: needs files of real sounds; {folder} lacks "
        f"{', '.join(missing) or 'any that it names'}. Set GIBLET_SHARED to the folder above.",
    )
    rng = np.random.default_rng(spec.seed)
    waves = [load_audio(folder / name, sample_rate) for name in spec.files]
    kinds = [_kind_of(name) for name in spec.files]
    pieces = []
    events = []
    start_s = 0.0
    while start_s < _duration_s(spec):
        number = len(pieces) % len(waves)
        piece = _piece(waves[number], sample_rate, rng)
        stop_s = start_s + len(piece) / sample_rate
        events.append(Event(start_s, stop_s, kinds[number], spec.files[number]))
        pieces.append(piece)
        start_s = stop_s
    n_samples = int(_duration_s(spec) * sample_rate)
    annotation = Annotation((), tuple(events), ()).until(_duration_s(spec))
    return FilmSound(np.concatenate(pieces)[:n_samples], annotation)


def _piece(wave: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a piece that is no silence from a random place, faded and levelled."""
    while True:
        length = min(int(rng.uniform(*PIECE_S) * sample_rate), len(wave))
        start = int(rng.integers(0, len(wave) - length + 1))
        piece = wave[start : start + length].astype(np.float32)
        level = float(np.sqrt(np.mean(piece**2)))
        if level > LEVEL_FLOOR:
            break
    gain_db = rng.uniform(-PIECE_SPREAD_DB, PIECE_SPREAD_DB)
    piece = np.clip(PIECE_RMS / level * 10 ** (gain_db / 20) * piece, -0.99, 0.99)
    n_faded = int(FADE_S * sample_rate)
    ramp = np.linspace(0, 1, n_faded, dtype=np.float32)
    piece[:n_faded] *= ramp
    piece[-n_faded:] *= ramp[::-1]
    return piece


def _kind_of(name: str) -> str:
    """Return the kind of sound that a file's folder is named after."""
    folder = name.split("/")[0]
    require(
        folder in KINDS,
        f"files={name}: must lie in a folder named {', '.join(KINDS)}. Choose other files.",
    )
    return folder


#: How films of each kind are made.
FILMS: dict[str, Callable[[FilmSpec, int, Path], FilmSound]] = {
    "demo film": _demo,
    "real sounds": _real,
}


def _duration_s(spec: FilmSpec) -> float:
    return sum(spec.run_n_trs) * spec.t_r + GUARD_S


def make_film(spec: FilmSpec, codec: Codec | None = None, cache: Path | None = None) -> StudyFilm:
    """Make a film and its code; the code is kept and read the next time.

    Parameters
    ----------
    spec : FilmSpec
    codec : Codec, optional
        The embedded one by default.
    cache : path, optional
        ``build/artifacts`` by default.

    Returns
    -------
    StudyFilm

    Raises
    ------
    InputError
        Real sounds that it needs are absent.
    """
    codec = codec or load_codec("demo")
    cache = cache or project_root() / "build" / "artifacts"
    sound = FILMS[spec.kind](spec, codec.sample_rate, cache)
    key = content_hash(sound.wave, codec.sha256, BANDWIDTH_KBPS, *SOURCES)
    codes = _kept_codes(sound.wave, codec, cache / "codes" / f"study-{key[:16]}.npz")
    onsets_s = np.cumsum([0, *spec.run_n_trs[:-1]]) * spec.t_r
    grids = [
        TRGrid(spec.t_r, n_trs, round(float(onset_s), 6), spec.slice_time_ref)
        for n_trs, onset_s in zip(spec.run_n_trs, onsets_s)
    ]
    stimulus = Stimulus(
        name=spec.name,
        label=f"{spec.name}, codec {codec.id}",
        wave=sound.wave,
        codec=codec,
        codes=codes,
        codes_all=codes,
        grids=tuple(grids),
        annotation=sound.annotation,
        folder=cache,
        key=key,
    )
    return StudyFilm(spec, stimulus)


def _kept_codes(wave: np.ndarray, codec: Codec, path: Path) -> Codes:
    if not path.is_file():
        codec.encode(wave, BANDWIDTH_KBPS).save(path)
    return Codes.load(path)
