"""The sections of ``dataset.yaml`` on what is not of interest, and what is done about it."""

from typing import Annotated, Literal

from giblet_core.fmri.manifest.fields import (
    AS_TUPLE,
    CHOICE,
    LIST,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    ColumnNames,
    Section,
    Text,
    declared,
)
from giblet_core.fmri.manifest.sections import COUNT, LONGEST_RUN_TRS


class Nuisance(Section):
    """Series that are not of interest: motion and the like."""

    pattern: Text | None = declared(
        TEXT,
        "Names of the tables; may be left out for bids (fMRIPrep's confounds).",
        example="sub-{subject}_{run}_motion.tsv",
        default=None,
    )
    columns: ColumnNames | None = declared(
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
        rule=COUNT,
        ge=0,
        le=LONGEST_RUN_TRS,
    )


Strategy = Literal["motion", "high_pass", "wm_csf", "global_signal", "compcor", "scrub"]
Expansion = Literal["basic", "power2", "derivatives", "full"]
EXPANSION = ("must be one of basic, power2, derivatives, full", "Choose one.")


class Confounds(Section):
    """Which of fMRIPrep's confounds to take, in the words of nilearn's `load_confounds`."""

    strategy: Annotated[tuple[Strategy, ...], AS_TUPLE] = declared(
        LIST,
        "The groups of confounds.",
        example=["motion", "wm_csf", "high_pass"],
        rule=(
            "must list some of motion, high_pass, wm_csf, global_signal, compcor, scrub",
            "Choose among them.",
        ),
        min_length=1,
    )
    motion: Expansion = declared(
        CHOICE,
        "Motion alone (basic), or with squares, derivatives, or both (full).",
        example="basic",
        default="full",
        rule=EXPANSION,
    )
    wm_csf: Expansion = declared(
        CHOICE,
        "The same for white matter and CSF.",
        example="full",
        default="basic",
        rule=EXPANSION,
    )
    global_signal: Expansion = declared(
        CHOICE, "The same for the global signal.", example="full", default="basic", rule=EXPANSION
    )
    compcor: Literal["anat_combined", "anat_separated", "temporal"] = declared(
        CHOICE,
        "Which noise components.",
        example="temporal",
        default="anat_combined",
        rule=("must be one of anat_combined, anat_separated, temporal", "Choose one."),
    )
    n_compcor: int = declared(
        WHOLE,
        "How many noise components.",
        example=6,
        default=6,
        unit="components",
        rule=("must lie in 1 to 1000", "Correct it."),
        ge=1,
        le=1000,
    )
    scrub_fd_mm: float = declared(
        NUMBER,
        "For scrub: volumes of more framewise displacement are censored.",
        example=0.5,
        default=0.5,
        unit="mm",
        rule=("must be positive, at most 100", "Give millimetres."),
        gt=0,
        le=100,
    )


class Denoising(Section):
    """What is taken out of the series before any analysis, in each run of each subject apart.

    Confounds, slow cosines and a straight line are taken out by one regression together, so that
    none brings back what another took out; with them goes the run's mean.
    """

    regress: bool = declared(
        SWITCH,
        "Whether the columns that `nuisance` or `confounds` name are regressed out.",
        example=False,
        default=True,
    )
    high_pass_s: float | None = declared(
        NUMBER,
        "Changes slower than this period are regressed out by cosines; none where left out.",
        example=128.0,
        default=None,
        unit="s",
        rule=("must be a period of 10 to 100000 s, not a frequency", "128 is usual."),
        ge=10,
        le=100_000,
    )
    detrend: bool = declared(
        SWITCH,
        "Whether a straight line is regressed out.",
        example=True,
        default=False,
    )
    standardise: bool = declared(
        SWITCH,
        "Whether each run of each voxel is then brought to mean 0 and SD 1; both are learned from "
        "all of its rows, or from those that an analysis names: `bold(subject, train=rows)`.",
        example=True,
        default=False,
    )
    smooth_mm: float | None = declared(
        NUMBER,
        "Volumes are smoothed first by a Gaussian of this full width at half maximum; not for "
        "tables and arrays, which have no space.",
        example=6.0,
        default=None,
        unit="mm",
        rule=("must be positive, at most 50", "Give millimetres; 4 to 8 are usual."),
        gt=0,
        le=50,
    )


class Preprocessing(Section):
    """What was done to the series before they came here; `giblet check` compares it with them."""

    done: Annotated[tuple[Text, ...], AS_TUPLE] = declared(
        LIST,
        "What was done, in words, for the pages: what the other keys do not say.",
        example=["fMRIPrep 23.2", "24 motion confounds regressed out"],
        default=(),
    )
    zscored: bool = declared(
        SWITCH, "Whether series are z-scored over time.", example=True, default=False
    )
    hrf: bool = declared(
        SWITCH, "Whether a response model was applied to them.", example=False, default=False
    )
    detrended: bool = declared(
        SWITCH, "Whether a straight line was taken out.", example=True, default=False
    )
    high_pass_s: float | None = declared(
        NUMBER,
        "Period of the high-pass filter that they went through.",
        example=128.0,
        default=None,
        unit="s",
        rule=("must be positive, at most 100000", "Give seconds."),
        gt=0,
        le=100_000,
    )
    smoothed_mm: float | None = declared(
        NUMBER,
        "Full width at half maximum of the smoothing that they went through.",
        example=6.0,
        default=None,
        unit="mm",
        rule=("must be positive, at most 50", "Give millimetres."),
        gt=0,
        le=50,
    )
