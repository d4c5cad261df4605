"""STATISTICS: what each map holds, one entry each; names of files, sidecars and page read it."""

from dataclasses import dataclass

PHASES = "random phases"
FLIPS = "sign flips"
FDR = "false discovery rate (Benjamini and Hochberg)"
FWE = "family-wise error (largest t)"
FULL = "full"  # codebooks beside all baselines
BASELINES = "baselines"  # all groups of features but the codebooks
CODEBOOKS = "codebooks"
SHARED = "shared"  # what subjects have in common, whatever drives it


@dataclass(frozen=True)
class Statistic:
    """A number that every voxel has.

    Attributes
    ----------
    meaning : str
        In one sentence.
    units : str
        Of the number.
    of_group : str
        What it is in maps of the group, where that is another thing; else "".
    draws : str
        What p is counted over, `PHASES` or `FLIPS`; "" where it is no p.
    corrected_for : str
        `FDR` or `FWE`, over all voxels of the map; "" where each voxel is tested alone.
    """

    meaning: str
    units: str
    of_group: str = ""
    draws: str = ""
    corrected_for: str = ""


@dataclass(frozen=True, order=True)
class MapKey:
    """Which map: the model (``desc-``) and the statistic (``stat-``), as in the file's name."""

    desc: str
    stat: str


CORRELATION = "correlation, -1 to 1"
PROBABILITY = "probability, 0 to 1"
SHARE = "share of variance, signed (r|r|)"
STATISTICS = {
    "r": Statistic(
        "Correlation of predicted and measured BOLD in held-out time, computed in each test fold "
        "and averaged through Fisher's z.",
        CORRELATION,
        "Mean over subjects of their r, through Fisher's z.",
    ),
    "rlow": Statistic(
        "Lower end of the 95 % interval of r: Fisher's z, with the number of independent samples "
        "that the autocorrelation of prediction and BOLD leaves in each fold.",
        CORRELATION,
        "Lower end of the 95 % interval of the mean r: Student's t over subjects, on Fisher's z.",
    ),
    "rhigh": Statistic(
        "Upper end of that interval.",
        CORRELATION,
        "Upper end of that interval.",
    ),
    "rnorm": Statistic(
        "r divided by the subject's noise ceiling; NaN where the ceiling is too low to divide by.",
        "ratio; 1 is all that can be predicted of what subjects share",
    ),
    "p": Statistic(
        "Chance of an r as large when the phases of BOLD are random, one-sided; the same draws for "
        "all voxels.",
        PROBABILITY,
        "The same for the mean r of the subjects, who all get the same draw: chance alignments of "
        "this one sound.",
        draws=PHASES,
    ),
    "q": Statistic(
        "p, adjusted for the false discovery rate over voxels.",
        PROBABILITY,
        draws=PHASES,
        corrected_for=FDR,
    ),
    "unique": Statistic(
        "What the codebooks explain of held-out BOLD beyond all baselines: r|r| of the full model "
        "less r|r| of the baselines.",
        SHARE,
        "Mean over subjects.",
    ),
    "uniquep": Statistic(
        "Chance of a part as large when what the baselines leave of BOLD has random phases "
        "(their fit stays), one-sided; the same draws for all voxels.",
        PROBABILITY,
        "The same for the mean over subjects, who all get the same draw.",
        draws=PHASES,
    ),
    "uniqueq": Statistic(
        "uniquep, adjusted for the false discovery rate over voxels.",
        PROBABILITY,
        draws=PHASES,
        corrected_for=FDR,
    ),
    "psubj": Statistic(
        "Chance of a mean of r over subjects as large when the sign of each subject is random, "
        "one-sided: other subjects, this sound.",
        PROBABILITY,
        draws=FLIPS,
    ),
    "pfwe": Statistic(
        "The same against the largest t of all voxels: corrected for the family-wise error.",
        PROBABILITY,
        draws=FLIPS,
        corrected_for=FWE,
    ),
    "nsubj": Statistic(
        "In how many subjects the voxel has q at or below the level, each tested alone.",
        "subjects",
    ),
    "uniquepsubj": Statistic(
        "As psubj, for the unique part of the codebooks less what it is on average over the draws "
        "of uniquep.",
        PROBABILITY,
        draws=FLIPS,
    ),
    "uniquepfwe": Statistic(
        "As uniquepsubj, against the largest t of all voxels: corrected for the family-wise error.",
        PROBABILITY,
        draws=FLIPS,
        corrected_for=FWE,
    ),
    "uniquensubj": Statistic("As nsubj, for the unique part of the codebooks.", "subjects"),
    "isc": Statistic(
        "Leave-one-out intersubject correlation in the test folds, Fisher mean over subjects.",
        CORRELATION,
    ),
    "ceiling": Statistic(
        "Highest r that a model of what subjects share can have with one subject's BOLD, from isc.",
        CORRELATION,
    ),
}


def plain_label(text: str) -> str:
    """Return a text as BIDS labels are: letters and digits alone.

    Examples
    --------
    >>> plain_label("envelope, loudness")
    'envelopeloudness'
    """
    return "".join(c for c in text if c.isascii() and c.isalnum())
