"""Session: what a notebook starts from, made once and then read from the artifacts folder.

Every notebook therefore runs by itself, from any directory, and none computes what another has
written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.codecs import SOURCES as CODEC_SOURCES
from giblet_core.codecs import Codec, Codes, load_codec
from giblet_core.demo.film import FILM_S, demo_film
from giblet_core.devices import AUTO, DEVICES, REFERENCE, use_device
from giblet_core.errors import InputError
from giblet_core.files import (
    content_hash,
    file_sha256,
    is_temporary,
    project_root,
    read_sealed,
    write_json,
    write_sealed,
)
from giblet_core.fmri import Dataset, Manifest, load_dataset, read_manifest, sound_path
from giblet_core.reporting import SIMULATION_RECORD, material_key, renew_material
from giblet_core.sound import (
    Annotation,
    annotation_beside,
    events_path,
    load_audio,
    resample,
    save_audio,
)
from giblet_core.timing import Stimulus, TRGrid
from giblet_core.validation.simulation import MIN_TRS, SOURCES, simulate

#: Seconds of the film in a test run: two runs of 44 TRs, a little above the simulator's least.
SMOKE_S = 132.0
COMPARED_S = 10.0  # of the sound, on another device and on the CPU
ROUNDING = 1e-4  # of full scale: what 16 bits may change of a sample


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound as it was given: its name, samples, runs and annotation.

    Attributes
    ----------
    name : str
        ``demo``, or the name of the file without its ending.
    wave : array of shape (n_samples,), float32
        At the codec's rate.
    runs : tuple of (start_s, n_trs)
        Where each run begins in the sound, and how long it is.
    annotation : Annotation or None
        What sounds when.
    is_demo_film : bool
        By its content.
    """

    name: str
    wave: np.ndarray
    runs: tuple[tuple[float, int], ...]
    annotation: Annotation | None
    is_demo_film: bool


def artifacts_folder(artifacts_dir: str | Path) -> Path:
    """Return the artifacts folder: relative names lie under the project's root."""
    return project_root() / artifacts_dir


def ensure_stimulus(  # noqa: PLR0913 - what every notebook is given
    audio: str | Path = "demo",
    codec: str | None = None,
    bandwidth_kbps: float = 6.0,
    artifacts_dir: str | Path = "build/artifacts",
    t_r: float = 1.5,
    smoke: bool = False,
    device: str = AUTO,
) -> Stimulus:
    """Return the stimulus, encoding it only where this sound was not encoded by this codec before.

    Parameters
    ----------
    audio : str or path
        ``"demo"``, or a sound or video file (relative to the working directory, else to the
        project's root).
    codec : str, optional
        For `giblet_core.load_codec`.
    bandwidth_kbps : float
        Bit rate of `Stimulus.codes`.
    artifacts_dir : path
        Where codes are kept.
    t_r : float
        Seconds.
    smoke : bool
        A test run: of the demo film only the first two minutes are used.
    device : str
        Where this process computes from now on, of `giblet_core.devices`. It is printed; where it
        is not the CPU, with the differences from the CPU.

    Returns
    -------
    Stimulus

    Raises
    ------
    InputError
        Unreadable sound, unknown codec or rate, or a sound shorter than one TR.
    """
    folder = artifacts_folder(artifacts_dir)
    used = use_device(device)
    engine = load_codec(codec)
    n_codebooks = engine.codebooks_at(bandwidth_kbps)
    film_folder = folder / "film"
    if str(audio) == "demo":
        sound = _demo_sound(film_folder, engine.sample_rate, t_r)
    else:
        sound = _own_sound(_find(audio), engine.sample_rate, t_r, film_folder)
    if smoke and sound.is_demo_film:  # BOLD of other sounds may be as long as they are
        sound = _shortened(sound, engine.sample_rate, t_r)
    elsewhere = [] if used == REFERENCE else [used]
    key = content_hash(sound.wave, engine.sha256, *CODEC_SOURCES, *elsewhere)
    print(_said_of_device(used, codec, bandwidth_kbps, sound.wave))
    codes_all = _ensure_codes(sound, engine, folder / "codes", key)
    shown_name = "demo film" if sound.is_demo_film else sound.name
    has_demo_codec = engine.sha256 == load_codec("demo").sha256
    return Stimulus(
        name=sound.name,
        label=f"{shown_name}, codec {engine.id}",
        wave=sound.wave,
        codec=engine,
        codes=codes_all.first(n_codebooks),
        codes_all=codes_all,
        grids=tuple(TRGrid(t_r, n_trs, start_s) for start_s, n_trs in sound.runs),
        annotation=sound.annotation,
        folder=folder,
        key=key,
        is_demo=sound.is_demo_film and has_demo_codec,
    )


def _said_of_device(device: str, codec: str | None, bandwidth_kbps: float, wave: np.ndarray) -> str:
    """Say where is computed; of another device than the CPU, how far the codec differs there."""
    if device == REFERENCE:
        return "Computed on the CPU, in float32: the reference."
    there = load_codec(codec)
    here = load_codec(codec, REFERENCE)
    piece = wave[: int(COMPARED_S * here.sample_rate)]
    codes = here.encode(piece, bandwidth_kbps)
    equal = (there.encode(piece, bandwidth_kbps).indices == codes.indices).mean()
    gap = np.abs(there.decode(codes) - here.decode(codes)).max()
    return (
        f"Computed on {device}: {DEVICES[device].summary}. Against the CPU in float32, on "
        f"{len(piece) / here.sample_rate:.0f} s: {100 * equal:.2f} % of the codes are equal, and "
        f"the same codes decode to within {gap:.1e} of full scale."
    )


def _demo_sound(folder: Path, sample_rate: int, t_r: float) -> Sound:
    film = demo_film(folder=folder)
    if t_r == film.t_r:
        runs = tuple((run.start_s, run.n_trs) for run in film.runs)
    else:
        runs = _halves(film.duration_s, t_r)
    wave = resample(film.wave, film.sample_rate, sample_rate)
    return Sound("demo", wave, runs, film.annotation, is_demo_film=True)


def _is_demo_film(wave: np.ndarray, sample_rate: int, folder: Path) -> bool:
    """Compare a sound with the demo film; the film is only made where the lengths agree."""
    if len(wave) != round(FILM_S * sample_rate):
        return False
    film = demo_film(folder=folder)
    film_wave = resample(film.wave, film.sample_rate, sample_rate)
    return np.allclose(wave, film_wave, rtol=0, atol=ROUNDING)


def harmless_name(name: str) -> str:
    """Return a name that is plain text wherever it is shown: in pages, tables and file names.

    Examples
    --------
    >>> harmless_name("Scène 1 (take <b>2</b>)")
    'Scène 1 (take _b_2_b_)'
    """
    plain = [c if c.isalnum() or c in " -_.,()+" else "_" for c in name]
    return re.sub("_{2,}", "_", "".join(plain)).strip() or "sound"


def _own_sound(path: Path, sample_rate: int, t_r: float, film_folder: Path) -> Sound:
    """Read a sound; of a ``dataset.yaml`` the track and channel that its subjects heard."""
    track = None
    channel = None
    if path.suffix in (".yaml", ".yml"):
        manifest = _manifest_with_sound(path)
        path = sound_path(manifest)
        track = manifest.stimulus.track
        channel = manifest.stimulus.channel
    wave = load_audio(path, sample_rate, track=track, channel=channel)
    duration_s = len(wave) / sample_rate
    annotation = annotation_beside(path, duration_s)
    if annotation is not None:
        counts = ", ".join(f"{n} {kind}" for kind, n in annotation.counts.items())
        cut = f"; {annotation.n_cut} rows cut at the end of the sound" if annotation.n_cut else ""
        print(f"Annotated by {events_path(path).name}: {counts}{cut}.")
    n_trs = TRGrid.covering(duration_s, t_r).n_trs
    return Sound(
        name=harmless_name(path.stem),
        wave=wave,
        runs=((0.0, n_trs),),
        annotation=annotation,
        is_demo_film=_is_demo_film(wave, sample_rate, film_folder),
    )


def _manifest_with_sound(path: Path) -> Manifest:
    manifest, problems = read_manifest(path)
    if manifest is None or manifest.stimulus.file is None:
        faults = "; ".join(str(problem) for problem in problems.errors)
        raise InputError(
            f"audio={path}: must be a data set that names its sound ({faults or 'it names none'}). "
            "Correct it, or name the sound."
        )
    return manifest


def _shortened(sound: Sound, sample_rate: int, t_r: float) -> Sound:
    """Return the first `SMOKE_S` seconds, in two runs."""
    n_samples = int(SMOKE_S * sample_rate)
    if len(sound.wave) <= n_samples:
        return sound
    annotation = sound.annotation.until(SMOKE_S) if sound.annotation else sound.annotation
    return replace(
        sound, wave=sound.wave[:n_samples], runs=_halves(SMOKE_S, t_r), annotation=annotation
    )


def _halves(duration_s: float, t_r: float) -> tuple[tuple[float, int], ...]:
    n_trs = int(duration_s / 2 / t_r)
    return (0.0, n_trs), (n_trs * t_r, n_trs)


def _ensure_codes(sound: Sound, engine: Codec, folder: Path, key: str) -> Codes:
    """Read the codes at the highest rate from the cache, or encode."""
    path = folder / f"{sound.name}_encodec-{content_hash(key, engine.id)[:16]}.npz"
    if not path.is_file():
        engine.encode(sound.wave, engine.bandwidths_kbps[-1]).save(path)
    return Codes.load(path)


def _find(audio: str | Path) -> Path:
    for path in (Path(audio), project_root() / audio):
        if path.is_file():
            return path
    raise InputError(
        f"audio={str(audio)!r}: must be 'demo' or an existing sound or video file. Check the name."
    )


def ensure_bold(
    bold: str | Path, stimulus: Stimulus, seed: int = 0, n_subjects: int = 8
) -> Dataset | None:
    """Return the BOLD: simulated from the stimulus (and labelled so), or the user's own.

    How its series were prepared is printed, so that it stands on every page that uses them.

    Parameters
    ----------
    bold : str or path
        ``"demo"`` simulates; anything else is a ``dataset.yaml``.
    stimulus : Stimulus
        What the subjects heard.
    seed, n_subjects : int
        Of the simulation.

    Returns
    -------
    Dataset or None
        None, with a printed line, where the sound is too short to simulate a subject.

    Raises
    ------
    InputError
        The data are wrong, or longer than the sound.
    """
    series_cache = stimulus.folder / "bold" / "series"
    if str(bold) != "demo":
        data = load_dataset(_find(bold), cache=series_cache)
        for grid in data.grids:
            grid.edges_within(stimulus.codes.n_frames, stimulus.codes.frame_rate)
    elif stimulus.enough(MIN_TRS, "simulated BOLD"):
        manifest = _ensure_simulation(stimulus, seed, n_subjects)
        data = load_dataset(manifest, cache=series_cache)
    else:
        return None
    print(f"{data.label} BOLD. {data.preparation}")
    if data.regions_note:
        print(data.regions_note)
    return data


def _ensure_simulation(stimulus: Stimulus, seed: int, n_subjects: int) -> Path:
    """Simulate subjects who heard the stimulus, where that was not done before."""
    key = content_hash(
        stimulus.key,
        stimulus.codes.num_codebooks,
        seed,
        n_subjects,
        stimulus.spoken,
        *stimulus.grids,
        *SOURCES,
    )
    folder = stimulus.folder / "bold" / f"{stimulus.name}-{key[:16]}"
    record = folder / SIMULATION_RECORD
    if record.is_file():
        _check_simulation(record)
        return folder / "dataset.yaml"
    sample_rate = stimulus.codec.sample_rate
    sound = save_audio(folder / "stimulus.flac", stimulus.wave, sample_rate, clip=True)
    simulation = simulate(
        seed,
        stimulus.codes,
        n_subjects,
        codec=stimulus.codec,
        wave=stimulus.wave,
        annotation=stimulus.spoken,
        grids=stimulus.grids,
    )
    manifest = simulation.save(folder, stimulus=sound.name)
    # The record is written last: a folder without one is not complete.
    folders = (folder, folder.with_name(f"{folder.name}-truth"))
    paths = [path for place in folders for path in sorted(place.iterdir())]
    hashes = {
        path.relative_to(folder.parent).as_posix(): file_sha256(path)
        for path in paths
        if not is_temporary(path)
    }
    write_sealed(record, {"files": hashes, "stimulus": stimulus.key})
    return manifest


def _check_simulation(record: Path) -> None:
    """Compare the files of a simulation with the hashes of its record."""
    for name, written in read_sealed(record)["files"].items():
        path = record.parent.parent / name
        if not path.is_file() or file_sha256(path) != written:
            raise InputError(
                f"path={path}: is missing or does not match its hash; the simulation was altered "
                f"or damaged. Remove {record.parent}, and it is made anew."
            )


def save_results(
    stimulus: Stimulus, notebook: str, figures: Mapping[str, Any], data: Dataset | None = None
) -> Path:
    """Write what a notebook found, for the scorecard, with the key of the material it was found on.

    Parameters
    ----------
    stimulus : Stimulus
        On which it was found.
    notebook : str
        Name of the notebook; the file is ``results/<notebook>.json``.
    figures : mapping
        Name -> number, text or bool; NaN becomes null.
    data : Dataset, optional
        The BOLD that had a part in it.

    Returns
    -------
    Path
    """
    plain = {}
    for name, value in figures.items():
        undefined = isinstance(value, float) and not np.isfinite(value)
        plain[name] = None if undefined else value
    path = stimulus.folder / "results" / f"{notebook}.json"
    content = {
        "notebook": notebook,
        "label": stimulus.label if data is None else f"{stimulus.label}, {data.label} BOLD",
        "material": [
            material_key(stimulus),
            None if data is None else material_key(stimulus, data),
        ],
        "figures": plain,
    }
    renew_material(stimulus, data)
    return write_json(path, content)
