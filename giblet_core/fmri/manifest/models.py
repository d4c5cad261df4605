"""What ``dataset.yaml`` may say.

The models are the reference: each field has its meaning, unit, domain, default and example.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from giblet_core.fmri.manifest.cleaning import Confounds, Denoising, Nuisance, Preprocessing
from giblet_core.fmri.manifest.fields import (
    AS_TUPLE,
    CHOICE,
    LIST,
    MAPPING,
    MAPPING_OR_FILE,
    NAME,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    Folder,
    Name,
    Section,
    Text,
    declared,
)
from giblet_core.fmri.manifest.sections import (
    AS_ATLAS,
    AS_MASK,
    MADE_PARCELS,
    Atlas,
    Bold,
    Exclusion,
    Mask,
    Run,
    Stimulus,
)
from giblet_core.fmri.readers import READERS


class Manifest(Section):
    """A manifest whose form is right."""

    name: Name = declared(NAME, "Name of the data set.", example="my_film")
    label: Text = declared(
        TEXT, "What every figure says of the data; the name where left out.", example="", default=""
    )
    folder: Folder = declared(
        TEXT,
        "Where the files lie, relative to the manifest; may hold ``${VARIABLE}`` and ``~``.",
        example="derivatives",
        default=Path(),
    )
    t_r: float = declared(
        NUMBER,
        "From one volume to the next, on the scanner's clock.",
        example=1.5,
        unit="s",
        rule=("must be positive seconds, at most 60", "Take it from the scanner's protocol."),
        gt=0,
        le=60,
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
        rule=("must lie in -100 to 100", "Give TRs."),
        ge=-100,
        le=100,
    )
    bold: Bold = declared(
        MAPPING,
        "Where the series lie.",
        example={"pattern": "s{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"},
    )
    mask: Annotated[Mask, AS_MASK] = declared(
        MAPPING_OR_FILE,
        "The voxels to read: an image, ``auto``, or file and threshold.",
        example="mask.nii.gz",
        default=Mask(),
    )
    atlas: Annotated[Atlas | None, AS_ATLAS] = declared(
        MAPPING_OR_FILE,
        "Regions of the voxels: file and names of an atlas, `auto`, or `none`. Where it is left "
        "out, volumes are cut into parcels as by `auto`; a surface has no regions, and each "
        "column of a table is one.",
        example={"file": "atlas.nii.gz", "names": ["A1", "STG"]},
        default=None,
    )
    resample: bool = declared(
        SWITCH,
        "Whether images of another grid are moved to that of BOLD (labels and masks to the nearest "
        "voxel).",
        example=True,
        default=False,
    )
    decimal: Literal[".", ","] = declared(
        CHOICE,
        "The decimal sign of tables.",
        example=",",
        default=".",
        rule=('must be "." or ","', "Choose one."),
    )
    nuisance: Nuisance | None = declared(
        MAPPING, "Series that are not of interest.", example={"drop_first": 10}, default=None
    )
    confounds: Confounds | None = declared(
        MAPPING,
        "Series that are not of interest, from fMRIPrep's tables.",
        example={"strategy": ["motion", "wm_csf", "high_pass"]},
        default=None,
    )
    denoising: Denoising = declared(
        MAPPING,
        "What is taken out of the series before any analysis. Where it is left out, the columns "
        "that `nuisance` or `confounds` name are regressed out, and nothing else.",
        example={"high_pass_s": 128.0, "detrend": True},
        default=Denoising(),
    )
    preprocessing: Preprocessing = declared(
        MAPPING,
        "What was done before; nothing where left out.",
        example={"done": ["fMRIPrep 23.2"], "zscored": True},
        default=Preprocessing(),
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
    def has_atlas(self) -> bool:
        """Whether regions are read from the file of an atlas."""
        return self.atlas is not None and self.atlas.is_file

    @property
    def makes_parcels(self) -> bool:
        """Whether regions are made from the places of voxels alone."""
        is_asked = self.atlas is None or self.atlas.file == MADE_PARCELS
        return is_asked and READERS[self.bold.format].has_space

    @property
    def joined(self) -> bool:
        """Whether one file of a subject holds all runs."""
        return self.bold.pattern is not None and "{run}" not in self.bold.pattern

    def n_trs_of(self, subject: str) -> int:
        """Volumes of all runs of a subject together."""
        return sum(run.of(subject).n_trs for run in self.runs)

    def path(self, name: str) -> Path:
        """Return a path of the manifest, relative to its folder.

        A name that exists as it is written is taken so; else ``$VARIABLE`` and ``~`` are filled in.
        """
        literal = self.folder / name
        if os.path.exists(literal):  # False too for a name too long for a file
            return literal
        return self.folder / os.path.expanduser(os.path.expandvars(name))
