"""Material: what a build of the book was made from, and whether that is the project's own demo.

Every notebook writes it with its results; the front page and the title of the book read it. Whether
sound, codec and BOLD are those of the demo is decided by their content, never by their names.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from giblet_core.files import content_hash, project_root, read_json, read_sealed, write_json
from giblet_core.fmri import Dataset
from giblet_core.timing import Stimulus

MATERIAL_FILE = "material.json"  # in the artifacts folder
#: Beside simulated BOLD: the hashes of its files, and the key of the stimulus it was made from.
SIMULATION_RECORD = "simulation.json"
PROJECT = "The giblet book"
REAL_DATA_SET = "book/params/alice_dataset.yaml"  # of the chapter on real brains


@dataclass(frozen=True)
class Material:
    """What a build of the book was made from.

    Attributes
    ----------
    sound : str
        Name of the sound; ``demo film`` for the embedded one.
    duration_s : float
        Its length in seconds.
    codec : str
        Which codec spoke.
    bandwidth_kbps : float
        At which rate.
    t_r : float
        Seconds.
    n_trs : int
        TRs of all runs.
    bold : str
        The data set, with the word "simulated" where it is; "" where there is none.
    n_subjects : int
        Subjects with BOLD.
    is_demo : bool
        All of it is the project's own.
    preparation : str
        What was taken out of the BOLD before any analysis, in a sentence; "" without BOLD.
    key : str
        Hash of sound and codec.
    regions : str
        What the regions are where no atlas was given, in a sentence; else "".
    """

    sound: str
    duration_s: float
    codec: str
    bandwidth_kbps: float
    t_r: float
    n_trs: int
    bold: str
    n_subjects: int
    is_demo: bool
    preparation: str
    key: str
    regions: str = ""

    @property
    def title(self) -> str:
        """Title of the book: it names the user's sound and data."""
        if self.is_demo:
            return PROJECT
        data = f", {self.bold}" if self.bold and self.bold != self.sound else ""
        return f"{PROJECT}: {self.sound}{data}"


def is_demo(stimulus: Stimulus, data: Dataset | None = None) -> bool:
    """Say whether sound, codec and BOLD are the demo's, by their content.

    Parameters
    ----------
    stimulus : Stimulus
        It knows whether sound and codec are the embedded ones.
    data : Dataset, optional
        BOLD; it is the demo's where it was simulated from this stimulus.

    Returns
    -------
    bool
    """
    return stimulus.is_demo and (data is None or is_simulation_of(stimulus, data))


def is_simulation_of(stimulus: Stimulus, data: Dataset) -> bool:
    """Say whether BOLD was simulated from this stimulus, by the sealed record beside it."""
    record = data.manifest.folder / SIMULATION_RECORD
    return record.is_file() and read_sealed(record).get("stimulus") == stimulus.key


def material_key(stimulus: Stimulus, data: Dataset | None = None) -> str:
    """Return the hash of sound, codec, rate, clock and data set.

    Parameters
    ----------
    stimulus : Stimulus
        Its key holds the samples and the codec.
    data : Dataset, optional
        BOLD; it counts by what its manifest says.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    grids = stimulus.grids if data is None else data.grids
    manifest = None if data is None else data.manifest.model_dump_json(exclude={"folder"})
    return content_hash(stimulus.key, stimulus.codes.num_codebooks, *grids, manifest)


def material_keys(stimulus: Stimulus, data: Dataset | None = None) -> list[str]:
    """Return the keys under which results count for this material.

    They are those of the sound alone and of the sound with BOLD; for the demo's book also that of
    the real data set that has a chapter there.

    Parameters
    ----------
    stimulus : Stimulus
    data : Dataset, optional

    Returns
    -------
    list of str
    """
    keys = [material_key(stimulus), material_key(stimulus, data)]
    if is_demo(stimulus, data):
        keys.append(content_hash(project_root() / REAL_DATA_SET))
    return keys


def describe_material(stimulus: Stimulus, data: Dataset | None) -> Material:
    """Return what a build is made from.

    Parameters
    ----------
    stimulus : Stimulus
        The sound and its clock.
    data : Dataset or None
        The BOLD, where there is some.

    Returns
    -------
    Material
    """
    grids = stimulus.grids if data is None else data.grids
    return Material(
        sound=stimulus.label.removesuffix(f", codec {stimulus.codec.id}"),
        duration_s=len(stimulus.wave) / stimulus.codec.sample_rate,
        codec=stimulus.codec.id,
        bandwidth_kbps=stimulus.codes.bandwidth_kbps,
        t_r=grids[0].t_r,
        n_trs=sum(grid.n_trs for grid in grids),
        bold="" if data is None else data.label,
        n_subjects=0 if data is None else len(data.subjects),
        is_demo=is_demo(stimulus, data),
        preparation="" if data is None else str(data.preparation),
        key=stimulus.key,
        regions="" if data is None else data.regions_note,
    )


def save_material(stimulus: Stimulus, data: Dataset | None) -> Path:
    """Write what a build is made from into the artifacts folder."""
    return write_json(stimulus.folder / MATERIAL_FILE, asdict(describe_material(stimulus, data)))


def renew_material(stimulus: Stimulus, data: Dataset | None = None) -> None:
    """Write what a build is made from, where that is other material or more is known now."""
    written = read_material(stimulus.folder)
    if data is not None or written is None or written.key != stimulus.key:
        save_material(stimulus, data)


def read_material(artifacts: Path) -> Material | None:
    """Read what a build is made from; None where no notebook has written it."""
    path = artifacts / MATERIAL_FILE
    return Material(**read_json(path)) if path.is_file() else None
