"""Needs: what each section of the notebooks requires, and what the material at hand has.

A section whose needs are not met is left out with a visible box that says what it needs and what
there is; the rest of the page is published. All needs stand here, in `SECTIONS`.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from IPython.display import display

from giblet_core.errors import InputError
from giblet_core.fmri import Dataset, load_dataset, read_manifest
from giblet_core.timing import Stimulus

#: What can be needed: name -> what it counts, in words.
FACTS = {
    "duration_s": "seconds of sound",
    "sounding_s": "seconds of sound that is not silence",
    "n_trs": "TRs",
    "shortest_run_trs": "TRs in the shortest run",
    "shortest_run_s": "seconds in the shortest run",
    "n_runs": "runs",
    "n_subjects": "subjects with BOLD",
    "n_regions": "regions",
    "n_volumes": "BOLD in volumes (a mask image)",
    "speech_s": "seconds annotated as speech",
    "n_foils": "pairs of a segment and a foil",
    "n_speech_pieces": "pieces of speech that PESQ and STOI can score",
    "n_surface_voxels": "points of the cortical surface with a value",
    "clip_sounding_s": "seconds of the clip that are not silence",
    "n_code_frames": "different frames of code, by the first two codebooks (a sound that changes)",
    "n_pieces": "pieces of sound that are not silence",
    "n_spread": "short pieces spread over the sound that are not silence",
}
SILENCE_DB = -60.0  # below the loudest half second: not counted as sounding
STEP_S = 0.5
NO_FOLDER = "dataset.folder"  # where `read_manifest` reports that the files' folder is missing


@dataclass(frozen=True)
class Section:
    """A section of a notebook, and the least of each fact that it needs.

    Attributes
    ----------
    title : str
        What is left out where a need is not met.
    least : mapping
        Name of a fact (a key of `FACTS`) -> the least number of it.
    """

    title: str
    least: Mapping[str, float]


@dataclass(frozen=True)
class Box:
    """A line that stands out on a page."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<div class="gb-left-out" role="note">{html.escape(self.text)}</div>'


#: A sound whose code hardly changes, such as a tone, predicts nothing and teaches nothing.
CHANGES = {"n_code_frames": 50}
TRAINING = {"n_trs": 80, "duration_s": 60, **CHANGES}
OF_BRAINS = {"n_trs": 80, "shortest_run_trs": 24, "n_subjects": 1, "n_regions": 1, **CHANGES}

#: Key (used by the notebooks) -> section.
SECTIONS: dict[str, Section] = {
    # 02
    "labels averaged": Section("labels averaged, in two numberings", CHANGES),
    "lag": Section("the lag scan", OF_BRAINS),
    "clock": Section("clock and latency told apart", {**OF_BRAINS, "shortest_run_s": 62}),
    # 03
    "ten TRs": Section("training on ten TRs", {"n_trs": 10}),
    "short run": Section("the short training run", {"n_trs": 40, "duration_s": 40, **CHANGES}),
    "voxel bottleneck": Section("the bottleneck fitted to voxels", {"n_trs": 80, **CHANGES}),
    # 04
    "lesions of pieces": Section("lesions of several pieces", {"n_pieces": 1}),
    "lesions of speech": Section("lesions of speech", {"n_speech_pieces": 1}),
    "lesions over the sound": Section("lesions over the whole sound", {"n_spread": 20}),
    "envelope controls": Section("the two controls of the envelope", {"clip_sounding_s": 0.5}),
    "lesions on fMRI": Section(
        "the effect of lesions on fMRI",
        {**OF_BRAINS, "n_trs": 200, "shortest_run_trs": 70},
    ),
    # 05
    "model by ear": Section(
        "the network of notebook 3", {"n_trs": 40, "duration_s": 40, **CHANGES}
    ),
    # 06
    "encoding": Section("encoding models", OF_BRAINS),
    "ceiling": Section("the noise ceiling", {"n_subjects": 2}),
    "maps": Section("maps of voxels", {"n_volumes": 1}),
    "surface": Section("the map on the cortical surface", {"n_surface_voxels": 1}),
    "decoding": Section("decoding", OF_BRAINS),
    "identification": Section("identification of segments", {**OF_BRAINS, "n_foils": 1}),
    # A4
    "take away": Section(
        "maps and tables to take away", {"n_trs": 80, "shortest_run_trs": 24, "n_subjects": 1}
    ),
    # 07
    "training questions": Section("what concerns training", TRAINING),
    "rates by ear": Section("the codec alone at each rate", {"n_pieces": 1}),
    # A2
    "region cards": Section(
        "region cards", {**OF_BRAINS, "n_subjects": 2, "n_regions": 2, "n_foils": 1}
    ),
    "generated sound": Section("sound generated from fMRI", TRAINING),
}


def measure_material(stimulus: Stimulus, data: Dataset | None = None) -> dict[str, float]:
    """Count what there is of each fact that can be told beforehand.

    Facts that only an analysis can tell (foils, voxels on the surface) are added by the notebook.
    """
    rate = stimulus.codec.sample_rate
    grids = stimulus.grids if data is None else data.grids
    runs = [grid.n_trs for grid in grids]
    return {
        "duration_s": len(stimulus.wave) / rate,
        "sounding_s": sounding_s(stimulus.wave, rate),
        "n_trs": sum(runs),
        "shortest_run_trs": min(runs),
        "shortest_run_s": min(grid.n_trs * grid.t_r for grid in grids),
        "n_runs": len(runs),
        "n_subjects": 0 if data is None else len(data.subjects),
        "n_regions": 0 if data is None else len(data.region_names),
        "n_volumes": 0 if data is None or data.mask_img is None else sum(runs),
        "speech_s": _speech_s(stimulus),
        "n_code_frames": len(np.unique(stimulus.codes.indices[:2].T, axis=0)),
    }


def _speech_s(stimulus: Stimulus) -> float:
    """Return the seconds that the annotation calls speech; 0 without an annotation."""
    if stimulus.spoken is None:
        return 0.0
    times_s = np.arange(0, len(stimulus.wave) / stimulus.codec.sample_rate, STEP_S)
    return float(stimulus.spoken.active("speech", times_s).sum() * STEP_S)


def sounding_s(wave: np.ndarray, sample_rate: int) -> float:
    """Return the seconds, in steps of half a second, that are above the level of silence."""
    step = int(STEP_S * sample_rate)
    n_steps = len(wave) // step
    if not n_steps:
        return 0.0
    power = (wave[: n_steps * step].reshape(n_steps, step).astype(float) ** 2).mean(1)
    loudest = power.max()
    if loudest == 0:
        return 0.0
    return float((power > loudest * 10 ** (SILENCE_DB / 10)).sum() * STEP_S)


class Readiness:
    """Say whether a section can be shown; where not, show once what it needs.

    Parameters
    ----------
    stimulus : Stimulus
        The sound and its clock.
    data : Dataset, optional
        BOLD; None where there is none.

    Examples
    --------
    In a notebook::

        ready = Readiness(stimulus, data)
        if ready("identification"):
            ...
    """

    def __init__(self, stimulus: Stimulus, data: Dataset | None = None):
        self.facts = measure_material(stimulus, data)
        self.left_out: dict[str, str] = {}

    def add(self, **facts: float) -> None:
        """Add facts that an analysis has told, such as ``n_foils``."""
        unknown = set(facts) - set(FACTS)
        if unknown:
            raise InputError(
                f"facts={sorted(unknown)}: must be among {', '.join(FACTS)}. Choose one of them."
            )
        self.facts |= facts

    def missing(self, section: str) -> list[str]:
        """Return a sentence part for each need that is not met: ``needs N ..., has M``.

        A fact that is not known yet counts as met.
        """
        lacks = []
        for fact, least in _section(section).least.items():
            there = self.facts.get(fact)
            if there is not None and there < least:
                lacks.append(f"needs at least {least:g} {FACTS[fact]}, has {there:g}")
        return lacks

    def __call__(self, section: str) -> bool:
        """Say whether a section can be shown; show a box, once, where it cannot."""
        lacks = self.missing(section)
        if not lacks:
            return True
        if section not in self.left_out:
            text = f"Left out: {_section(section).title}. It {'; it '.join(lacks)}."
            self.left_out[section] = text
            display(Box(text))
        return False


def dataset_if_there(path: str | Path, what: str, remedy: str) -> Dataset | None:
    """Load a data set that the book may not have; where it is not there, show a box that says so.

    Parameters
    ----------
    path : path
        Its manifest.
    what : str
        What it is, in words.
    remedy : str
        Where to get it and where to put it.

    Returns
    -------
    Dataset or None
        None where nothing is wrong but that the manifest's folder does not exist.

    Raises
    ------
    InputError
        The folder exists, and what lies in it is wrong: that is no reason to leave it out.
    """
    _, problems = read_manifest(path)
    if [problem.where for problem in problems.errors] == [NO_FOLDER]:
        display(Box(f"Left out: {what}. The data set is not here. {remedy}"))
        return None
    return load_dataset(path)


def _section(key: str) -> Section:
    if key not in SECTIONS:
        raise InputError(f"section={key}: must be one of {', '.join(SECTIONS)}.")
    return SECTIONS[key]
