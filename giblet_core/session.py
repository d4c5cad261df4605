"""What a notebook starts from: the stimulus and the BOLD that its parameters name, made once, then read from the artifacts folder.

Every notebook therefore runs by itself, from any directory, and none computes what another has written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.annotation import KINDS, Annotation, annotation_beside, events_path
from giblet_core.artifacts import InputError, content_hash, project_root, write_json
from giblet_core.audio import load_audio, save_audio
from giblet_core.codecs import EncodecCodec, load_codec
from giblet_core.codes import Codes, frame_at
from giblet_core.dataset import Dataset, load_dataset
from giblet_core.demo import demo_film
from giblet_core.simulation import MIN_TRS, simulate
from giblet_core.timing import TRGrid

SMOKE_S = 132.0  # seconds of the film in a test run: two runs of 44 TRs, a little above the simulator's least


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A sound, its code, and the scanner's clock over it.

    Attributes
    ----------
    name, label : str
        What it is; `label` is printed with every figure.
    wave : array of shape (n_samples,), float32
        At the codec's rate.
    codec : EncodecCodec
    codes : Codes
        At the bandwidth asked for.
    codes_all : Codes
        At the codec's highest rate; lower rates are ``codes_all.first(k)``.
    grids : tuple of TRGrid
        One a run.
    annotation : Annotation or None
        What sounds when; None for a user's sound without a table of events.
    folder : Path
        Where its artifacts lie.
    key : str
        Hash of sound and codec.
    """

    name: str
    label: str
    wave: np.ndarray
    codec: EncodecCodec
    codes: Codes
    codes_all: Codes
    grids: tuple[TRGrid, ...]
    annotation: Annotation | None
    folder: Path
    key: str

    n_trs = property(lambda self: sum(grid.n_trs for grid in self.grids), doc="TRs of all runs.")
    kinds = property(lambda self: tuple(self.annotation.counts if self.annotation else ()), doc="`TYPES` of annotation that there are.")
    spoken = property(lambda self: self.annotation if "speech" in self.kinds else None, doc="The annotation, where it tells speech.")

    def place(self, time_s: float) -> str:
        """Say where a time lies: its second, after the name of the scene where scenes are annotated."""
        scene = self.annotation.scene_at(time_s) if self.annotation else ""
        return f"{scene}, {time_s:.0f} s" if scene else f"{time_s:.0f} s"

    def _frames(self, start_s: float, stop_s: float) -> tuple[int, int]:
        rate = self.codes.frame_rate
        return frame_at(start_s, rate), min(frame_at(stop_s, rate), self.codes.n_frames)

    def piece(self, start_s: float, stop_s: float) -> np.ndarray:
        """Return the sound between two times, cut at the frames, so that it lies sample by sample over `codes_piece`."""
        first, last = self._frames(start_s, stop_s)
        return self.wave[first * self.codec.hop_length:last * self.codec.hop_length]

    def codes_piece(self, start_s: float, stop_s: float, k: int | None = None) -> Codes:
        """Return the codes between two times, of the first `k` books."""
        return (self.codes if k is None else self.codes_all.first(k)).crop_frames(*self._frames(start_s, stop_s))

    def excerpt(self, kind: str = "speech", seconds: float = 10.0) -> tuple[float, float]:
        """Choose a piece to hear: where `kind` is on longest and the least else; where `kind` is not annotated, the loudest piece.

        Returns
        -------
        start_s, stop_s : float
        """
        step = 0.5
        rate, length = self.codec.sample_rate, min(seconds, len(self.wave) / self.codec.sample_rate)
        starts = np.arange(0, len(self.wave) / rate - length + 1e-9, step)
        if kind not in self.kinds:
            score = [float(np.mean(self.piece(a, a + length) ** 2)) for a in starts]
        else:
            times = np.arange(0, len(self.wave) / rate, step)
            others = [k for k in KINDS if k != kind]
            on = self.annotation.active(kind, times) - sum(0.3 * self.annotation.active(k, times) for k in others)
            score = [on[(times >= a) & (times < a + length)].mean() for a in starts]
        start = float(starts[int(np.argmax(score))])
        return start, start + length

    def enough(self, n_trs: int, what: str) -> bool:
        """Say whether there are `n_trs` TRs for a section, printing what it needs where not."""
        if self.n_trs < n_trs:
            print(f"Left out: {what} needs at least {n_trs} TRs; this sound has {self.n_trs} ({self.n_trs * self.grids[0].t_r:g} s).")
        return self.n_trs >= n_trs


def artifacts_folder(artifacts_dir: str | Path) -> Path:
    """Return the artifacts folder: relative names lie under the project's root, whatever the working directory."""
    return project_root() / artifacts_dir


def ensure_stimulus(audio: str | Path = "demo", codec: str | None = None, bandwidth_kbps: float = 6.0,
                    artifacts_dir: str | Path = "build/artifacts", t_r: float = 1.5, smoke: bool = False) -> Stimulus:
    """Return the stimulus, encoding it only where this sound was not encoded by this codec before.

    Parameters
    ----------
    audio : str or path
        ``"demo"``, or a sound or video file (relative to the working directory, else to the project's root).
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
        runs = [(run.start_s, run.n_trs) for run in film.runs] if t_r == film.t_r else _halves(len(wave) / engine.sample_rate, t_r)
    else:
        path = _find(audio)
        name, wave = path.stem, load_audio(path, engine.sample_rate)
        if annotation := annotation_beside(path, len(wave) / engine.sample_rate):
            print(f"Annotated by {events_path(path).name}: {', '.join(f'{n} {kind}' for kind, n in annotation.counts.items())}.")
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
    return Stimulus(name, label, wave, engine, codes_all.first(k), codes_all, grids, annotation, folder, key)


def _halves(duration_s: float, t_r: float) -> list[tuple[float, int]]:
    n_trs = int(duration_s / 2 / t_r)
    return [(0.0, n_trs), (n_trs * t_r, n_trs)]


def _find(audio: str | Path) -> Path:
    for path in (Path(audio), project_root() / audio):
        if path.is_file():
            return path
    raise InputError(f"audio={str(audio)!r}: must be 'demo' or an existing sound or video file. Check the name.")


def ensure_bold(bold: str | Path, stimulus: Stimulus, seed: int = 0, n_subjects: int = 8) -> Dataset | None:
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
        None, with a printed line, where the sound is too short to simulate a listener.

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
    simulator = sorted(Path(__file__).parent.glob("simul*.py"))
    key = content_hash(stimulus.key, stimulus.codes.num_codebooks, seed, n_subjects, stimulus.spoken, *stimulus.grids, *simulator)
    folder = stimulus.folder / "bold" / f"{stimulus.name}-{key[:16]}"
    if not (folder / "dataset.yaml").is_file():
        sound = save_audio(folder / "stimulus.flac", stimulus.wave, stimulus.codec.sample_rate, clip=True)
        world = simulate(seed, stimulus.codes, n_subjects, codec=stimulus.codec, wave=stimulus.wave, annotation=stimulus.spoken,
                         grids=stimulus.grids)
        world.save(folder, stimulus=sound.name)  # the manifest is written last: a folder without one is not complete
    return load_dataset(folder / "dataset.yaml", cache=stimulus.folder / "bold" / "series")


def save_results(stimulus: Stimulus, notebook: str, figures: Mapping[str, Any]) -> Path:
    """Write what a notebook found, for the scorecard: ``results/<notebook>.json`` with `figures`, and NaN as null."""
    plain = {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in figures.items()}
    path = stimulus.folder / "results" / f"{notebook}.json"
    return write_json(path, {"notebook": notebook, "label": stimulus.label, "figures": plain})
