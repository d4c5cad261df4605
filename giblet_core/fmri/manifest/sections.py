"""The sections of ``dataset.yaml``.

Each field has its meaning, unit, domain, default and example. What several values must fulfil
together is checked in `rules`.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator

from giblet_core.fmri.manifest.fields import (
    LIST,
    LIST_OR_FILE,
    MAPPING,
    NAME,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    Channel,
    ColumnNames,
    Name,
    Names,
    NamesOrFile,
    Section,
    Text,
    declared,
)
from giblet_core.fmri.readers import READERS

COUNT = ("must lie in 0 to 100000", "Correct it.")
LONGEST_RUN_TRS = 100_000
LONGEST_S = 1_000_000.0
MADE_PARCELS = "auto"  # instead of an atlas
NO_REGIONS = "none"


class Stimulus(Section):
    """What the subjects heard."""

    file: Text | None = declared(
        TEXT,
        "The sound, or a video with a sound track; its path is relative to `folder`.",
        example="film.m4v",
        default=None,
    )
    track: int | None = declared(
        WHOLE,
        "Of several sound tracks the one that was heard, from 0; `giblet info` lists them.",
        example=1,
        default=None,
        unit="track",
        rule=("must lie in 0 to 99", "See `giblet info`."),
        ge=0,
        le=99,
    )
    channel: Channel | None = declared(
        NAME,
        "One channel alone, such as ``left``; the mix where left out.",
        example="left",
        default=None,
    )
    clock_ratio: float = declared(
        NUMBER,
        "Seconds of the scanner's clock in one second of the stimulus.",
        example=1.0,
        default=1.0,
        unit="s/s",
        rule=(
            "must be positive, 0.5 to 2",
            "Scanner seconds per stimulus second; 1.0 as a rule.",
        ),
        ge=0.5,
        le=2,
    )
    annotation: Text | None = declared(
        TEXT,
        "A Praat TextGrid with the words, where the sound itself cannot be shared.",
        example="words.TextGrid",
        default=None,
    )

    @property
    def is_part(self) -> bool:
        """Whether one track or channel of the file was heard."""
        return self.track is not None or self.channel is not None


class OwnRun(Section):
    """What of a run is different for one subject; what is left out is that of the run."""

    n_trs: int | None = declared(
        WHOLE,
        "Volumes of the subject's file, those to be dropped included.",
        example=404,
        default=None,
        unit="TRs",
        rule=("must be at least 1, at most 100000", "Count the volumes of the file."),
        ge=1,
        le=LONGEST_RUN_TRS,
    )
    stimulus_start_s: float | None = declared(
        NUMBER,
        "Stimulus time at which volume 0 of the subject's file begins; a whole number of TRs from "
        "that of the run.",
        example=-6.0,
        default=None,
        unit="s",
        rule=("must lie in -1000000 to 1000000 s", "Give seconds."),
        ge=-LONGEST_S,
        le=LONGEST_S,
    )
    dummy_trs: int | None = declared(
        WHOLE,
        "The first volumes of the subject's file, which are dropped.",
        example=4,
        default=None,
        unit="TRs",
        rule=COUNT,
        ge=0,
        le=LONGEST_RUN_TRS,
    )


class Run(Section):
    """One run: volume 0 of its file was labelled with the stimulus time `stimulus_start_s`."""

    name: Name = declared(
        NAME,
        "The run's name; it replaces ``{run}`` in the patterns. For bids its entities: ``run-1``.",
        example="run1",
    )
    n_trs: int = declared(
        WHOLE,
        "Volumes of the file, those to be dropped included.",
        example=400,
        unit="TRs",
        rule=("must be at least 1, at most 100000", "Count the volumes of the file."),
        ge=1,
        le=LONGEST_RUN_TRS,
    )
    stimulus_start_s: float = declared(
        NUMBER,
        "Stimulus time at which volume 0 of the file begins, whether it is dropped or not: volume "
        "i begins at `stimulus_start_s + i * t_r`, and `dummy_trs` moves nothing. Negative where "
        "the scanner started first: -6 with four volumes of 1.5 s before the sound.",
        example=0.0,
        unit="s",
        rule=("must lie in -1000000 to 1000000 s", "Give seconds."),
        ge=-LONGEST_S,
        le=LONGEST_S,
    )
    dummy_trs: int = declared(
        WHOLE,
        "The first volumes of the file, which are dropped: the first one kept begins at "
        "`stimulus_start_s + dummy_trs * t_r`. Sound heard during them counts as heard.",
        example=2,
        default=0,
        unit="TRs",
        rule=COUNT,
        ge=-LONGEST_RUN_TRS,
        le=LONGEST_RUN_TRS,
    )
    subjects: dict[Name, OwnRun] = declared(
        MAPPING,
        "Subjects whose file of this run has other dummies, another length, or another start. Kept "
        "is what every subject has: all share one clock.",
        example={"03": {"dummy_trs": 4, "n_trs": 402}},
        default={},
    )
    history_s: float = declared(
        NUMBER,
        "How long the stimulus had been heard, without a break, before volume 0 of the file: where "
        "the scanner started later, or saved the first volumes nowhere.",
        example=20.0,
        default=0.0,
        unit="s",
        rule=("must be 0 or more seconds", "Leave it out where the sound began with the run."),
        ge=0,
        le=LONGEST_S,
    )
    locked: bool = declared(
        SWITCH,
        "Whether the run is kept for a last test: only `load_dataset(..., open_locked=...)` "
        "opens it, once.",
        example=True,
        default=False,
    )

    def of(self, subject: str) -> "Run":
        """Return the run as it is for one subject."""
        changes = self.subjects.get(subject)
        if changes is None:
            return self.model_copy(update={"subjects": {}})
        return self.model_copy(update={**changes.model_dump(exclude_none=True), "subjects": {}})


def _known_format(value: Any) -> Any:
    if isinstance(value, str) and value not in READERS:
        raise ValueError(value)
    return value


class Bold(Section):
    """Where the subjects' series lie."""

    pattern: Text | None = declared(
        TEXT,
        "Names of the files, with ``{subject}`` and, where each run has its own file, ``{run}``; "
        "may be left out for bids, cifti and gifti with names of BIDS.",
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
    format: Annotated[Text, BeforeValidator(_known_format)] = declared(
        TEXT,
        "What the files are: the name of a reader.",
        example="nifti",
        rule=(f"must be one of {', '.join(READERS)}", "Choose one."),
    )
    entities: dict[str, Name] = declared(
        MAPPING,
        "For names of BIDS: what else the names of the files must hold, such as space or task; "
        "``none`` where they must not hold it.",
        example={"space": "MNI152NLin2009cAsym", "task": "film"},
        default={},
    )
    columns: ColumnNames | None = declared(
        LIST,
        "The columns of a table that are regions; all where left out.",
        example=["A1", "STG"],
        default=None,
    )


class Mask(Section):
    """The voxels to read."""

    file: Text = declared(
        TEXT,
        "An image of 0 and 1, or ``auto``: the voxels that change in every subject.",
        example="mask.nii.gz",
        default="auto",
    )
    threshold: float | None = declared(
        NUMBER,
        "For a map of probabilities: voxels above it are read.",
        example=0.5,
        default=None,
        unit="as the map",
        rule=("must lie in -1000000 to 1000000", "Give a value of the map."),
        ge=-1e6,
        le=1e6,
    )


def _as_mask(value: Any) -> Any:
    """Return the section that a file's name stands for."""
    return {"file": value} if isinstance(value, str) else value


AS_MASK = BeforeValidator(_as_mask)


class Atlas(Section):
    """Regions of the voxels: an atlas, `auto`, or `none`."""

    file: Text = declared(
        TEXT,
        "Image of whole labels: 0 outside regions. `auto`: volumes are cut into parcels of "
        "neighbouring voxels, by their places alone (P01, P02, ...). `none`: no regions.",
        example="atlas.nii.gz",
    )
    names: NamesOrFile = declared(
        LIST_OR_FILE,
        "Names of the labels 1, 2, ..., or a file that lists them: one a line, a table with index "
        "and name (BIDS dseg.tsv, nilearn), or a FreeSurfer lookup table. Not beside `auto` and "
        "`none`.",
        example=["A1", "STG"],
    )

    @property
    def is_file(self) -> bool:
        """Whether an atlas was given."""
        return self.file not in (MADE_PARCELS, NO_REGIONS)


def _as_atlas(value: Any) -> Any:
    """Return the section that a file's name stands for; `auto` and `none` have no names."""
    section = {"file": value} if isinstance(value, str) else value
    if isinstance(section, dict) and section.get("file") in (MADE_PARCELS, NO_REGIONS):
        return {"names": [], **section}
    return section


AS_ATLAS = BeforeValidator(_as_atlas)


class Exclusion(Section):
    """What is left out, with the reason: a subject, a run, or TRs at the ends of a run."""

    subject: Name | None = declared(
        NAME, "The subject concerned; all where left out.", example="05", default=None
    )
    run: Name | None = declared(
        NAME, "The run concerned; all where left out.", example="run2", default=None
    )
    first_trs: int = declared(
        WHOLE,
        "TRs to leave out first, after the dummies.",
        example=25,
        default=0,
        unit="TRs",
        rule=("must not count TRs below 0", "Correct it."),
        ge=0,
        le=LONGEST_RUN_TRS,
    )
    last_trs: int = declared(
        WHOLE,
        "TRs to leave out last, counted from the end of the file.",
        example=51,
        default=0,
        unit="TRs",
        rule=("must not count TRs below 0", "Correct it."),
        ge=0,
        le=LONGEST_RUN_TRS,
    )
    why: Text = declared(TEXT, "The reason; it is printed.", example="constant padding")

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
