"""How small an effect would a study find? Read off the record of simulations, no further than it
reaches.

In the record every size of study has a mean z of the claim in codebook regions and the rate of
claims (after Holm). The z of a study follows ``log z = a + b log n_trs + c log reliability``,
reliability being that of the group's mean (Spearman-Brown); the effect, the codebooks' share of the
variance that sound drives, enters z in proportion, as z is quadratic in the signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from giblet_core.encoding import pairwise_from_isc, spearman_brown
from giblet_core.errors import require

FIGURE, SHARE = "detections in codebook regions", "codebooks' share of what sound drives"
ISC_SUBJECTS = 8  # for which the record's ISC is stated
LEAST_Z = 0.5  # below it z is noise
WIDEST = (
    3.0  # an effect more than this many times the simulated one, or below its inverse, is not told
)


@dataclass(frozen=True)
class Plan:
    """The smallest effect found with the wanted power.

    Attributes
    ----------
    effect : float
        Codebooks' share of the sound-driven variance beyond baselines; above 1 no study of this
        size finds any.
    n_trs, n_subjects : int
    isc : float
        Leave-one-out, of `n_subjects` subjects.
    power : float
    inside : bool
        Whether length, reliability, effect and power lie within what was simulated; else the law is
        carried beyond it.
    """

    effect: float
    n_trs: int
    n_subjects: int
    isc: float
    power: float
    inside: bool

    def __str__(self) -> str:
        size = f"{self.n_subjects} subjects, {self.n_trs} TRs, ISC {self.isc:g}"
        found = (
            f"codebooks that make {100 * self.effect:.0f} % of what sound drives are found with {100 * self.power:.0f} % power"
            if self.effect <= 1
            else "no effect of codebooks is found with that power"
        )
        return f"{size}: {found} ({'within' if self.inside else 'beyond'} what was simulated; group means of regions, one film)."


def reliability(isc: float, n_subjects: int, of: int | None = None) -> float:
    """Return the reliability of the mean of `of` subjects (by default the same) where `n_subjects`
    have this leave-one-out ISC.
    """
    return float(spearman_brown(pairwise_from_isc(isc, n_subjects), of or n_subjects))


def plan(rows: Sequence[dict], n_trs: int, n_subjects: int, isc: float, power: float = 0.8) -> Plan:
    """Find the smallest effect of codebooks that a study would find.

    Parameters
    ----------
    rows : sequence of dict
        Of the record of `giblet_core.recovery.make_rows`.
    n_trs : int
        Of all runs.
    n_subjects : int
        At least 2.
    isc : float
        Leave-one-out ISC of a voxel with these subjects.
    power : float

    Raises
    ------
    InputError
        Values out of range, or a record without sizes.
    """
    require(
        n_subjects >= 2 and n_trs >= 40 and 0 < isc < 1 and 0.05 < power < 1,
        f"n_subjects={n_subjects}, n_trs={n_trs}, isc={isc}, power={power}: must be at least 2 subjects and 40 TRs, with an ISC in "
        "(0, 1) and a power in (.05, 1). Change the plan.",
    )
    cells = [
        row
        for row in rows
        if row["figure"] == FIGURE and row["z"] >= LEAST_Z and 0 < row["value"] < 1
    ]
    share = next((row["value"] for row in rows if row["figure"] == SHARE), None)
    require(
        len(cells) >= 4 and share is not None,
        "record: holds too few sizes of study. Make it anew: notebook 6 with full=True.",
    )
    lengths = np.array([row["n_trs"] for row in cells])
    reliabilities = np.array(
        [reliability(row["isc"], ISC_SUBJECTS, row["n_subjects"]) for row in cells]
    )
    z, rate = np.array([row["z"] for row in cells]), np.array([row["value"] for row in cells])
    law = np.linalg.lstsq(
        np.column_stack([np.ones(len(z)), np.log(lengths), np.log(reliabilities)]),
        np.log(z),
        rcond=None,
    )[0]
    slope, start = np.polyfit(np.log(z), norm.ppf(rate), 1)  # claims against z, a probit line
    needed = np.exp((norm.ppf(power) - start) / slope)
    own = reliability(isc, n_subjects)
    effect = share * needed / np.exp(law @ [1, np.log(n_trs), np.log(own)])
    inside = (
        lengths.min() <= n_trs <= lengths.max()
        and reliabilities.min() <= own <= reliabilities.max()
        and 1 / WIDEST <= effect / share <= WIDEST
        and needed <= z.max()
    )
    return Plan(float(effect), n_trs, n_subjects, isc, power, bool(inside))
