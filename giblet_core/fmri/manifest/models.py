"""What ``dataset.yaml`` may say, section by section.

The models are the reference: each field has its meaning, unit, domain, default and example. What
several values must fulfil together is checked in `reading`.
"""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from giblet_core.fmri.manifest.fields import (
    AS_TUPLE,
    LIST,
    LIST_OR_FILE,
    MAPPING,
    NAME,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    Folder,
    Name,
    Names,
    NamesOrFile,
    Section,
    declared,
)
from giblet_core.fmri.readers import READERS

CORRECT = "Correct the manifest."
COUNT = ("must not count TRs below 0", "Correct it.")


class Stimulus(Section):
    """What the subjects heard."""

    file: str | None = declared(
        TEXT,
        "The sound, or a video with a sound track; its path is relative to `folder`.",
        example="film.m4v",
        default=None,
    )
    clock_ratio: float = declared(
        NUMBER,
        "Seconds of the scanner's clock in one second of the stimulus.",
        example=1.0,
        default=1.0,
        unit="s/s",
        rule=("must be positive", "Scanner seconds per stimulus second; 1.0 as a rule."),
        gt=0,
    )
    annotation: str | None = declared(
        TEXT,
        "A Praat TextGrid with the words, where the sound itself cannot be shared.",
        example="words.TextGrid",
        default=None,
    )


class Run(Section):
    """One run: volume 0 of its file was labelled with the stimulus time `stimulus_start_s`."""

    name: Name = declared(
        NAME, "The run's name; it replaces ``{run}`` in the patterns.", example="run1"
    )
    n_trs: int = declared(
        WHOLE,
        "Volumes of the file, those to be dropped included.",
        example=400,
        unit="TRs",
        rule=("must be at least 1", "Count the volumes of the file."),
        ge=1,
    )
    stimulus_start_s: float = declared(
        NUMBER,
        "Stimulus time at which volume 0 begins; negative where the scanner started first.",
        example=0.0,
        unit="s",
    )
    dummy_trs: int = declared(
        WHOLE,
        "The first volumes of the file, which are dropped.",
        example=2,
        default=0,
        unit="TRs",
    )
    locked: bool = declared(
        SWITCH,
        "Whether the run is kept for a last test: only `load_dataset(..., open_locked=...)` "
        "opens it, once.",
        example=True,
        default=False,
    )


def _known_format(value: str) -> str:
    if value not in READERS:
        raise ValueError(value)
    return value


class Bold(Section):
    """Where the subjects' series lie."""

    pattern: str | None = declared(
        TEXT,
        "Names of the files, with ``{subject}`` and, where each run has its own file, ``{run}``; "
        "may be left out for bids.",
        example="sub-{subject}_{run}.nii.gz",
        default=None,
        rule=(
            "must hold {subject}",
            "Write {subject} where the name of the subject stands, and {run} where each run has "
            "its own file.",
        ),
        pattern=r"\{subject\}",
    )
    subjects: Names = declared(
        LIST,
        "The subjects' names; they replace ``{subject}`` in the patterns.",
        example=["01", "02"],
        rule=("must list at least one subject", "Name them."),
        min_length=1,
    )
    format: Annotated[str, BeforeValidator(_known_format)] = declared(
        TEXT,
        "What the files are: the name of a reader.",
        example="nifti",
        rule=(f"must be one of {', '.join(READERS)}", "Choose one."),
    )
    columns: Names | None = declared(
        LIST,
        "Names of the regions, one a column of the table.",
        example=["A1", "STG"],
        default=None,
    )


class Atlas(Section):
    """Regions of the voxels."""

    file: str = declared(TEXT, "Image of whole labels: 0 outside regions.", example="atlas.nii.gz")
    names: NamesOrFile = declared(
        LIST_OR_FILE,
        "Names of the labels 1, 2, ..., or a file that lists them.",
        example=["A1", "STG"],
    )


class Nuisance(Section):
    """Series that are not of interest: motion and the like."""

    pattern: str | None = declared(
        TEXT,
        "Names of the tables; may be left out for bids (fMRIPrep's confounds).",
        example="sub-{subject}_{run}_motion.tsv",
        default=None,
    )
    columns: Names | None = declared(
        LIST,
        "Columns to take; all where left out (bids: the six of motion).",
        example=["trans_x", "rot_z"],
        default=None,
    )
    drop_first: int = declared(
        WHOLE,
        "Rows of the table before the first volume of the file.",
        example=10,
        default=0,
        unit="TRs",
    )


class Preprocessing(Section):
    """What was done to the series before."""

    zscored: bool = declared(
        SWITCH, "Whether series are z-scored over time.", example=True, default=False
    )
    hrf: bool = declared(
        SWITCH, "Whether a response model was applied to them.", example=False, default=False
    )
    high_pass_s: float | None = declared(
        NUMBER, "Period of the high-pass filter.", example=128.0, default=None, unit="s"
    )


class Exclusion(Section):
    """What is left out, with the reason: a subject, a run, or TRs at the ends of a run."""

    subject: Name | None = declared(
        NAME, "The subject concerned; all where left out.", example="05", default=None
    )
    run: Name | None = declared(
        NAME, "The run concerned; all where left out.", example="run2", default=None
    )
    first_trs: int = declared(
        WHOLE, "TRs to leave out first.", example=25, default=0, unit="TRs", rule=COUNT, ge=0
    )
    last_trs: int = declared(
        WHOLE, "TRs to leave out last.", example=51, default=0, unit="TRs", rule=COUNT, ge=0
    )
    why: str = declared(TEXT, "The reason; it is printed.", example="constant padding")

    @property
    def is_whole(self) -> bool:
        """Whether all TRs are left out."""
        return not self.first_trs and not self.last_trs

    @property
    def is_whole_subject(self) -> bool:
        """Whether a subject is left out altogether."""
        return self.is_whole and self.subject is not None and self.run is None

    @property
    def is_whole_run(self) -> bool:
        """Whether a run is left out for all subjects."""
        return self.is_whole and self.run is not None and self.subject is None


class Manifest(Section):
    """A manifest whose form is right."""

    name: str = declared(TEXT, "Name of the data set.", example="my_film")
    label: str = declared(
        TEXT, "What every figure says of the data; the name where left out.", example="", default=""
    )
    folder: Folder = declared(
        TEXT,
        "Where the files lie, relative to the manifest; may hold ``${VARIABLE}``.",
        example="derivatives",
        default=Path(),
    )
    t_r: float = declared(
        NUMBER,
        "From one volume to the next, on the scanner's clock.",
        example=1.5,
        unit="s",
        rule=("must be positive seconds", "Take it from the scanner's protocol."),
        gt=0,
    )
    slice_time_ref: float = declared(
        NUMBER,
        "Where in the TR a sample belongs: 0 its begin, 1 its end.",
        example=0.5,
        default=0.0,
        unit="TRs",
        rule=("must lie in 0 to 1", "fMRIPrep uses 0.5."),
        ge=0,
        le=1,
    )
    stimulus: Stimulus = declared(
        MAPPING, "What the subjects heard.", example={"file": "film.m4v"}, default=Stimulus()
    )
    runs: Annotated[tuple[Run, ...], AS_TUPLE] = declared(
        LIST,
        "The runs, in the order in which they are joined.",
        example=[{"name": "run1", "n_trs": 400, "stimulus_start_s": 0.0}],
        rule=("must list at least one run", "Give name, n_trs, stimulus_start_s."),
        min_length=1,
    )
    label_shift_trs: int = declared(
        WHOLE,
        "Row i of a release was acquired so many TRs after its label.",
        example=3,
        default=0,
        unit="TRs",
    )
    bold: Bold = declared(
        MAPPING,
        "Where the series lie.",
        example={"pattern": "s{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"},
    )
    mask: str = declared(
        TEXT,
        "Image of the voxels to read, or ``auto``: those that change in every subject.",
        example="mask.nii.gz",
        default="auto",
    )
    atlas: Atlas | None = declared(
        MAPPING,
        "Regions of the voxels.",
        example={"file": "atlas.nii.gz", "names": ["A1", "STG"]},
        default=None,
    )
    nuisance: Nuisance | None = declared(
        MAPPING, "Series that are not of interest.", example={"drop_first": 10}, default=None
    )
    preprocessing: Preprocessing = declared(
        MAPPING, "What was done before.", example={"zscored": True}, default=Preprocessing()
    )
    exclude: Annotated[tuple[Exclusion, ...], AS_TUPLE] = declared(
        LIST, "What is left out.", example=[{"subject": "05", "why": "asleep"}], default=()
    )

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects as listed, those excluded altogether left out."""
        return tuple(name for name in self.bold.subjects if name not in self.rejected)

    @property
    def rejected(self) -> dict[str, str]:
        """Subjects excluded altogether, with the reason."""
        return {rule.subject: rule.why for rule in self.exclude if rule.is_whole_subject}

    @property
    def joined(self) -> bool:
        """Whether one file of a subject holds all runs."""
        return self.bold.pattern is not None and "{run}" not in self.bold.pattern

    @property
    def n_trs(self) -> int:
        """Volumes of all runs together."""
        return sum(run.n_trs for run in self.runs)

    def path(self, name: str) -> Path:
        """Return a path of the manifest, relative to its folder."""
        return self.folder / os.path.expandvars(name)
