"""What a notebook starts from: the stimulus and the BOLD that its parameters name, made once, then
read from the artifacts folder.

Every notebook therefore runs by itself, from any directory, and none computes what another has
written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.codecs import Codes, load_codec
from giblet_core.demo.film import demo_film
from giblet_core.errors import InputError
from giblet_core.files import content_hash, project_root, write_json
from giblet_core.fmri import Dataset, load_dataset
from giblet_core.sound import annotation_beside, events_path, load_audio, save_audio
from giblet_core.timing import Stimulus, TRGrid
from giblet_core.validation.simulation import MIN_TRS, SOURCES, simulate

SMOKE_S = 132.0  # seconds of the film in a test run: two runs of 44 TRs, a little above the simulator's least


def artifacts_folder(artifacts_dir: str | Path) -> Path:
    """Return the artifacts folder: relative names lie under the project's root, whatever the
    working directory.
    """
    return project_root() / artifacts_dir


def ensure_stimulus(
    audio: str | Path = "demo",
    codec: str | None = None,
    bandwidth_kbps: float = 6.0,
    artifacts_dir: str | Path = "build/artifacts",
    t_r: float = 1.5,
    smoke: bool = False,
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
    artifacts_dir : path
    t_r : float
        Seconds.
    smoke : bool
        Use the film's first two minutes: a test run.

    Returns
    -------
    Stimulus

    Raises
    ------
    InputError
        Unreadable sound, unknown codec or rate, or a sound shorter than one TR.
    """
    folder, engine = artifacts_folder(artifacts_dir), load_codec(codec)
    k = engine.codebooks_at(bandwidth_kbps)
    if str(audio) == "demo":
        film = demo_film(folder=folder / "film")
        name, wave, annotation = "demo", film.wave, film.annotation
        runs = (
            [(run.start_s, run.n_trs) for run in film.runs]
            if t_r == film.t_r
            else _halves(len(wave) / engine.sample_rate, t_r)
        )
    else:
        path = _find(audio)
        name, wave = path.stem, load_audio(path, engine.sample_rate)
        if annotation := annotation_beside(path, len(wave) / engine.sample_rate):
            print(
                f"Annotated by {events_path(path).name}: {', '.join(f'{n} {kind}' for kind, n in annotation.counts.items())}."
            )
        runs = [(0.0, TRGrid.covering(len(wave) / engine.sample_rate, t_r).n_trs)]
    if smoke and len(wave) > SMOKE_S * engine.sample_rate:
        wave, runs = wave[: int(SMOKE_S * engine.sample_rate)], _halves(SMOKE_S, t_r)
        annotation = annotation and annotation.until(SMOKE_S)
    grids = tuple(TRGrid(t_r, n_trs, start_s) for start_s, n_trs in runs)
    key = content_hash(wave, engine.sha256)
    path = folder / "codes" / f"{name}_encodec-{content_hash(key, engine.id)[:16]}.npz"
    if not path.is_file():
        engine.encode(wave, engine.bandwidths_kbps[-1]).save(path)
    codes_all = Codes.load(path)
    label = f"{'demo film' if name == 'demo' else name}, codec {engine.id}"
    return Stimulus(
        name, label, wave, engine, codes_all.first(k), codes_all, grids, annotation, folder, key
    )


def _halves(duration_s: float, t_r: float) -> list[tuple[float, int]]:
    n_trs = int(duration_s / 2 / t_r)
    return [(0.0, n_trs), (n_trs * t_r, n_trs)]


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

    Parameters
    ----------
    bold : str or path
        ``"demo"`` simulates; anything else is a ``dataset.yaml``.
    stimulus : Stimulus
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
    if str(bold) != "demo":
        data = load_dataset(_find(bold), cache=stimulus.folder / "bold" / "series")
        for grid in data.grids:
            grid.edges_within(stimulus.codes.n_frames, stimulus.codes.frame_rate)
        return data
    if not stimulus.enough(MIN_TRS, "simulated BOLD"):
        return None
    simulator = SOURCES
    key = content_hash(
        stimulus.key,
        stimulus.codes.num_codebooks,
        seed,
        n_subjects,
        stimulus.spoken,
        *stimulus.grids,
        *simulator,
    )
    folder = stimulus.folder / "bold" / f"{stimulus.name}-{key[:16]}"
    if not (folder / "dataset.yaml").is_file():
        sound = save_audio(
            folder / "stimulus.flac", stimulus.wave, stimulus.codec.sample_rate, clip=True
        )
        simulation = simulate(
            seed,
            stimulus.codes,
            n_subjects,
            codec=stimulus.codec,
            wave=stimulus.wave,
            annotation=stimulus.spoken,
            grids=stimulus.grids,
        )
        simulation.save(
            folder, stimulus=sound.name
        )  # the manifest is written last: a folder without one is not complete
    return load_dataset(folder / "dataset.yaml", cache=stimulus.folder / "bold" / "series")


def save_results(stimulus: Stimulus, notebook: str, figures: Mapping[str, Any]) -> Path:
    """Write what a notebook found, for the scorecard: ``results/<notebook>.json`` with `figures`,
    and NaN as null.
    """
    plain = {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in figures.items()
    }
    path = stimulus.folder / "results" / f"{notebook}.json"
    return write_json(path, {"notebook": notebook, "label": stimulus.label, "figures": plain})
